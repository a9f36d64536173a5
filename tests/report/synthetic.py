"""Audit results with everything in them: sham, effects, doses, runs, rejections; and a segmentation."""

import numpy as np

from radbench.harness.result import (
    AnchorResult,
    AnchorSummary,
    ArmResult,
    AttritionRow,
    CaseRow,
    CheckpointSummary,
    DoseRow,
    EditQuality,
    Estimate,
    Instrument,
    PairedResult,
    PlaceboResult,
    ScenarioResult,
    Spread,
    Verdict,
)
from radbench.report.gallery import RejectedItem

SEGMENTERS = ("lungs-weak", "lungs-strong")
SCENARIOS = ("oedema", "pacemaker", "consolidation-left", "consolidation-right")
DISTANCES = ("hausdorff_95", "average_symmetric_surface_distance")
ARMS = ("real", "reconstruction", "sham", "stress", "truth")


def near(value, half, n=64, note=""):
    return Estimate(value=value, low=value - half, high=value + half, n=n, note=note)


def instrument(verdict=Verdict.PASS, tolerance=0.05):
    words = {
        Verdict.PASS: "The sham moves no model by more than 0.05.",
        Verdict.INCONCLUSIVE: "The sham effect of lungs-weak is 0.08 to 0.12, beyond the 0.05 tolerated.",
        Verdict.NOT_RUN: "There are no sham edits.",
    }
    return Instrument(verdict=verdict, reason=words[verdict], tolerance=tolerance)


def with_controls(result, verdict=Verdict.PASS):
    """A classification's result with every control: sham, effects, placebo, doses, runs, attrition."""
    models = [_controlled(model, verdict, index) for index, model in enumerate(result.models)]
    models[-1] = models[-1].model_copy(update={"role": "control"})
    scenario = result.shift.scenarios[0].name
    quality = result.edit_quality[0].model_copy(
        update={
            "editing_score": 0.41, "change_edit": 0.08, "change_keep": 0.0, "change_outside": 0.006,
            "seam": 1.03, "saturation": 0.0012,
        }
    )  # fmt: skip
    limits = {"encoder": "phantom", "min_editing_score": 0.2, "max_seam": 1.5, "max_saturation": None}
    shift = result.shift.model_copy(
        update={"filter": limits, "controls": {"sham": True, "sham_tolerance": 0.05, "placebo_limit": 0.25}}
    )
    testset = result.testset.model_copy(
        update={"arms": {"stress": 76, "sham": 64, "placebo": 16, "dose": 48}}
    )
    return result.model_copy(
        update={
            "models": models,
            "shift": shift,
            "testset": testset,
            "edit_quality": [quality],
            "instrument": instrument(verdict),
            "placebo": [
                PlaceboResult(scenario=scenario, n=16, share=near(0.18, 0.05, 16), limit=0.25, passed=True)
            ],
            "attrition": [
                AttritionRow(
                    scenario=scenario, eligible=76, edited=76, failed=1, kept=64,
                    rejected={"editing score under 0.20": 9, "keep mask covers the whole edit mask": 2},
                )
            ],
        }
    )  # fmt: skip


def _controlled(model, verdict, index):
    sham = model.arms["reconstruction"].model_copy(update={"n": 64})
    arms = {name: model.arms[name] for name in ("real", "reconstruction", "stress", "truth")} | {"sham": sham}
    drop = model.paired["stress"].paired_drop
    shift_effect = drop.model_copy(update={"value": drop.value - 0.01, "low": drop.low - 0.01})
    pairs = {
        "reconstruction": PairedResult(drop=near(0.002, 0.01), paired_drop=near(0.002, 0.01)),
        "sham": PairedResult(drop=near(0.01, 0.02), paired_drop=near(0.01, 0.02)),
    } | model.paired
    scenario = next(iter(model.scenarios))
    doses = [
        DoseRow(
            scenario=scenario, factor="guidance_scale", value=value, main=value == 3.0, n=16,
            primary=near(level, 0.06, 16), score_change=near(-level, 0.1, 16), change_edit=0.02 * value,
        )
        for value, level in ((1.0, 0.9), (3.0, 0.4 + 0.5 * index), (5.0, 0.3 + 0.55 * index), (7.5, 0.25 + 0.6 * index))
    ]  # fmt: skip
    runs = CheckpointSummary(
        n=5,
        digests=[f"{place:02d}" * 32 for place in range(5)],
        arms={
            arm: {"accuracy": Spread(mean=arms[arm].metrics["accuracy"].value, sd=0.021, n=5)} for arm in arms
        },
        drop=Spread(mean=drop.value, sd=0.03, n=5),
    )
    return model.model_copy(
        update={
            "arms": arms, "paired": pairs, "sham_effect": near(0.01, 0.02), "shift_effect": shift_effect,
            "instrument": instrument(verdict), "dose": doses, "checkpoints": runs if index == 0 else None,
        }
    )  # fmt: skip


def with_anchors(result, verdict="cannot tell", scenarios=("remove",)):
    found = [
        AnchorResult(
            scenario=name,
            n=16,
            patients=14,
            margin=0.1,
            anchor=near(0.7, 0.2, 16),
            stress=near(0.6, 0.1, 64),
            difference=near(-0.1, 0.25, 16),
            low_90=-0.3,
            high_90=0.1,
            p=0.5,
            verdict=verdict,
            reason=f"They {verdict}.",
            combined=near(0.63, 0.12, 80),
            belief=0.7,
            borrowed=45.0,
            drop=near(0.33, 0.13, 80),
        )
        for name in scenarios
    ]
    summary = AnchorSummary(
        scenario=scenarios[0],
        cohort="other",
        digest="d" * 64,
        select={"pneumothorax": 0, "drain": 1},
        margin=0.1,
        studies=16,
        patients=14,
        in_real=2,
        edited=1,
        unlabelled=3,
    )
    models = [model.model_copy(update={"anchors": found}) for model in result.models]
    return result.model_copy(update={"models": models, "anchors": [summary]})


def rejected_items(gallery):
    """Rejected images of two kinds, one of them never edited."""
    reasons = ("editing score 0.11 under 0.20", "editing score -0.03 under 0.20", "seam 2.31 over 1.50")
    found = [
        RejectedItem(f"r{number}", item.scenario, reason, item.edited)
        for number, (item, reason) in enumerate(zip(gallery, reasons, strict=False))
    ]
    last = gallery[0]
    return [
        *found,
        RejectedItem(
            "r9", last.scenario, "keep mask covers the whole edit mask", last.original, edited=False
        ),
    ]


def segmentation(result, verdict=Verdict.PASS):
    """A segmentation with two models and four scenarios, made from a classification's result."""
    rng = np.random.default_rng(3)
    cases = [row for index, name in enumerate(SEGMENTERS) for row in _masks(rng, name, index)]
    models = [_segmenter(result.models[0], name, cases, verdict) for name in SEGMENTERS]
    scenarios = [
        result.shift.scenarios[0].model_copy(
            update={
                "name": name,
                "prompt": f"New {name}.",
                "select": {},
                "labels_after": {},
                "keep_mask": None,
            }
        )
        for name in SCENARIOS
    ]
    shift = result.shift.model_copy(
        update={
            "name": "population", "kind": "population", "target": "lungs", "scenarios": scenarios,
            "title": "Abnormalities added to healthy lungs",
            "description": "A lung segmenter trained on healthy people fails on sick ones.",
        }
    )  # fmt: skip
    return result.model_copy(
        update={
            "task": "segmentation", "primary": "dice", "shift": shift, "models": models, "cases": cases,
            "cohort": result.cohort.model_copy(update={"positives": None, "name": "phantom/population"}),
            "verdict": Verdict.FAIL if verdict is Verdict.PASS else Verdict.INCONCLUSIVE,
            "instrument": instrument(verdict),
            "edit_quality": [
                EditQuality(scenario=name, n=24, edited_vs_truth=0.03, change_edit=0.1, change_keep=0.0, seam=1.1)
                for name in SCENARIOS
            ],
            "attrition": [
                AttritionRow(scenario=name, eligible=96, edited=30, failed=0, kept=24, rejected={"seam over 1.50": 6})
                for name in SCENARIOS
            ],
        }
    )  # fmt: skip


def _masks(rng, name, index):
    falls = {"oedema": 0.02, "pacemaker": 0.08, "consolidation-left": 0.16, "consolidation-right": 0.15}
    rows = []
    for arm in ARMS:
        for scenario in ("all",) if arm == "real" else SCENARIOS:
            fall = falls[scenario] * (1 - 0.7 * index) if arm in {"stress", "truth"} else 0.0
            for study in range(96 if arm == "real" else 24):
                dice = float(np.clip(rng.normal(0.955 - fall, 0.012 + fall / 4), 0, 1))
                empty = arm == "stress" and scenario == "consolidation-left" and study == 3 and not index
                distance = None if empty else round(2 + 90 * (1 - dice) + float(rng.exponential(0.5)), 4)
                rows.append(
                    CaseRow(
                        study_id=f"p{study:04d}", patient_id=f"p{study:04d}", model=name, scenario=scenario, arm=arm,
                        label=None, score=None, decision=None, value=0.0 if empty else round(dice, 5),
                        figures=dict.fromkeys(DISTANCES, distance),
                    )
                )  # fmt: skip
    return rows


def _segmenter(model, name, cases, verdict):
    own = [case for case in cases if case.model == name]
    pooled = {arm: _drawn([case for case in own if case.arm == arm]) for arm in ARMS}
    mean = {arm: found.metrics["dice"].value for arm, found in pooled.items()}
    falls = {arm: near(mean["real"] - mean[arm], 0.008, 96) for arm in ARMS[1:]}
    paired = {arm: PairedResult(drop=fall, paired_drop=fall) for arm, fall in falls.items()}
    shift = near(mean["sham"] - mean["stress"], 0.008, 96)
    scenarios = {}
    for scenario in SCENARIOS:
        arms = {
            arm: _drawn([case for case in own if (case.arm, case.scenario) == (arm, scenario)])
            for arm in ARMS[1:]
        }
        effect = near(arms["sham"].metrics["dice"].value - arms["stress"].metrics["dice"].value, 0.012, 24)
        scenarios[scenario] = ScenarioResult(arms=arms, paired=paired, shift_effect=effect)
    return model.model_copy(
        update={
            "name": name, "title": name, "target": "lungs", "arms": pooled, "paired": paired,
            "scenarios": scenarios, "sham_effect": falls["sham"], "shift_effect": shift,
            "truth_gap": near(0.002, 0.004, 96), "instrument": instrument(verdict),
            "reason": f"Dice falls by {mean['real'] - mean['stress']:.3f}.",
        }
    )  # fmt: skip


def _drawn(cases):
    values = [case.value for case in cases]
    metrics = {"dice": near(float(np.mean(values)), 0.006, len(values))}
    for name in DISTANCES:
        found = [case.figures[name] for case in cases if case.figures[name] is not None]
        metrics[name] = near(float(np.mean(found)), 0.4, len(found))
    empty = sum(case.figures[DISTANCES[0]] is None for case in cases)
    return ArmResult(n=len(values), patients=len(values), empty=empty, metrics=metrics)
