"""The way from the cohort to the edits that are measured: how many there are at each station, and why fewer."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import get_args

from radbench.testsets.plan import Plan
from radbench.testsets.records import Record
from radbench.testsets.task import TaskArm

_FIGURE = re.compile(r" -?\d[\d.]*(?:e[+-]?\d+)?(?= (?:under|over) )")


def attrition(plan: Plan, records: Sequence[Record]) -> dict[str, int]:
    """The plan's funnel, then what became of the stress edits, then each reason of rejection."""
    return {**plan.attrition, **_ends([record for record in records if record.arm == "stress"])}


def attrition_by_scenario(plan: Plan, records: Sequence[Record]) -> dict[str, dict[str, int]]:
    """The same funnel of each scenario alone."""
    stress = [record for record in records if record.arm == "stress"]
    return {
        name: {**counts, **_ends([record for record in stress if record.scenario == name])}
        for name, counts in plan.attrition_by_scenario.items()
    }


def arms(records: Sequence[Record]) -> dict[str, dict[str, int]]:
    """What became of the edits of each arm that there is."""
    by_arm = {arm: [record for record in records if record.arm == arm] for arm in get_args(TaskArm)}
    return {arm: {"tasks": len(found), **_ends(found)} for arm, found in by_arm.items() if found}


def rule(reason: str) -> str:
    """A reason without the image's own figure: ``editing score 0.11 under 0.20`` is ``editing score under 0.20``."""
    return _FIGURE.sub("", reason)


def _ends(records: Sequence[Record]) -> Mapping[str, int]:
    status = Counter(record.status for record in records)
    reasons = Counter(rule(record.reason) for record in records if record.status == "rejected")
    ends = {name: status[name] for name in ("ok", "rejected", "failed")}
    return {**ends, **{f"rejected: {why}": reasons[why] for why in sorted(reasons)}}
