"""Where the studies of each scenario went: nothing disappears silently."""

from collections import Counter

from radbench.harness.arms import Scene
from radbench.harness.result import AttritionRow
from radbench.testsets.funnel import rule


def attrition_rows(scene: Scene) -> list[AttritionRow]:
    """Return one row a scenario, in the shift's order; stress edits only, for the controls follow them."""
    return [_row(scene, name) for name in scene.scenarios]


def _row(scene: Scene, name: str) -> AttritionRow:
    stress = [record for record in scene.testset.records if (record.arm, record.scenario) == ("stress", name)]
    status = Counter(record.status for record in stress)
    reasons = Counter(rule(record.reason) for record in stress if record.status == "rejected")
    return AttritionRow(
        scenario=name,
        eligible=scene.testset.attrition_by_scenario.get(name, {}).get("eligible"),
        edited=len(stress),
        rejected=dict(sorted(reasons.items())),
        failed=status["failed"],
        kept=status["ok"],
    )
