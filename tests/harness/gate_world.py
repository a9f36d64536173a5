"""Results whose every figure is given, to hold rules and baselines against."""

from radbench.harness.result import (
    ArmResult,
    AttritionRow,
    AuditResult,
    CaseRow,
    CohortSummary,
    Estimate,
    Instrument,
    IntervalSummary,
    ModelResult,
    PairedResult,
    PlaceboResult,
    ScenarioResult,
    ScenarioSummary,
    ShiftSummary,
    SubgroupResult,
    TestSetSummary,
    Verdict,
)

SCENARIOS = ("first", "second")


def near(value, half=0.02, n=60, note=""):
    return Estimate(value=value, low=value - half, high=value + half, n=n, note=note)


def trusted(verdict=Verdict.PASS):
    return Instrument(verdict=verdict, reason="The sham says so.", tolerance=0.05)


def arm(value, n=60, indeterminate=0, primary="accuracy"):
    metrics = {primary: near(value, n=n), "specificity": near(value, n=n)}
    return ArmResult(n=n, patients=n // 2, positives=0, indeterminate=indeterminate, metrics=metrics)


def model(name="alpha", *, real=0.95, stress=0.85, indeterminate=0, primary="accuracy", **changes):
    arms = {"real": arm(real, primary=primary), "stress": arm(stress, 60, indeterminate, primary)}
    drop = near(real - stress)
    paired = {"stress": PairedResult(drop=drop, paired_drop=near(real - stress + 0.01), flip_rate=near(0.12))}
    edited = {"stress": arms["stress"]}
    fields = {
        "digest": f"d-{name}", "target": "sick", "operating_point": 0.5, "operating_point_source": "pre-specified",
        "verdict": Verdict.PASS, "reason": "Holds.", "arms": arms, "paired": paired, "instrument": trusted(),
        "scenarios": {scenario: ScenarioResult(arms=edited, paired=paired) for scenario in SCENARIOS},
        "sham_effect": Estimate(value=-0.01, low=-0.03, high=0.01, n=60), "shift_effect": near(0.09),
        "subgroups": [
            SubgroupResult(
                column="sex", value=value, n=n, patients=n, small=n < 20, real=near(0.95), stress=near(0.85),
                drop=near(0.1),
            )
            for value, n in (("F", 40), ("X", 3))
        ],
    }  # fmt: skip
    return ModelResult(name=name, **(fields | changes))


def broken(name="alpha", verdict=Verdict.ERROR):
    return ModelResult(
        name=name, digest="d", target="sick", operating_point=0.5, operating_point_source="pre-specified",
        verdict=verdict, reason="Not run.", error="the process died", failure="crash",
    )  # fmt: skip


def result(*models, name="manifestation", cases=(), **changes):
    scenarios = [
        ScenarioSummary(
            name=scenario, prompt="p", invert_prompt="", select={}, edit_mask={}, keep_mask=None, labels_after={},
            sham_prompt="s",
        )
        for scenario in SCENARIOS
    ]  # fmt: skip
    share = near(0.2, 0.05, 16)
    fields = {
        "tool": {"radbench": "0.1.0"},
        "shift": ShiftSummary(
            name=name, title="Removal of the finding", description="d", kind="manifestation", target="sick",
            bundle="phantom", editor={}, scenarios=scenarios, controls={"sham": True},
        ),
        "cohort": CohortSummary(name="c", digest="c0", truth_known=True, studies=60, patients=30, positives=30),
        "testset": TestSetSummary(key="k0", records=64, ok=60, rejected=3, failed=1, attrition={}, provenance={}),
        "seed": 1,
        "intervals": IntervalSummary(replicates=500, method="m"),
        "gate": False,
        "max_drop": 0.1,
        "verdict": Verdict.overall(one.verdict for one in models if one.role == "model"),
        "instrument": trusted(),
        "models": list(models),
        "edit_quality": [],
        "placebo": [
            PlaceboResult(scenario=scenario, n=16, share=share, limit=0.25, passed=True) for scenario in SCENARIOS
        ],
        "attrition": [
            AttritionRow(scenario=scenario, eligible=32, edited=32, rejected={}, failed=2, kept=30)
            for scenario in SCENARIOS
        ],
        "cases": list(cases),
    }  # fmt: skip
    return AuditResult(**(fields | changes))


def answers(name, wrong, *, studies=60, wrong_real=(), rename=lambda study: study, dice=None):
    """Rows of one model: every study real, and as a stress edit, those numbered in ``wrong`` answered wrongly.

    Two studies are one patient's. With ``dice``, every value is ``dice`` less 0.1 for a wrong one.
    """
    rows = []
    for arm_name, faults in (("real", set(wrong_real)), ("stress", set(wrong))):
        for number in range(studies):
            right = number not in faults
            values = (
                {"label": 0, "score": None, "decision": int(not right)}
                if dice is None
                else {"label": None, "score": None, "decision": None, "value": dice - 0.1 * (not right)}
            )
            rows.append(
                CaseRow(
                    study_id=rename(f"s{number:03d}"), patient_id=rename(f"p{number // 2:03d}"), model=name,
                    scenario="all" if arm_name == "real" else SCENARIOS[number % 2], arm=arm_name, **values,
                )
            )  # fmt: skip
    return rows
