"""A realistic audit result of two models, and drawn images for its gallery."""

import sys
from pathlib import Path

import numpy as np
import pytest

from radbench.harness.result import (
    ArmResult,
    AuditResult,
    CaseRow,
    CohortSummary,
    EditQuality,
    Estimate,
    IntervalSummary,
    ModelResult,
    PairedResult,
    ScenarioResult,
    ScenarioSummary,
    ShiftSummary,
    TestSetSummary,
    Verdict,
)
from radbench.report.gallery import GalleryItem

sys.path.insert(0, str(Path(__file__).parent))

SCENARIO = "remove_pneumothorax"
ONE_CLASS = "all images of this arm are negatives"
MODELS = ("pneumothorax-biased", "pneumothorax-robust")


def estimate(value, half=0.03, n=64, note=""):
    if value is None:
        return Estimate(value=None, n=n, note=note)
    return Estimate(value=value, low=max(value - half, -1.0), high=min(value + half, 1.0), n=n, note=note)


def arm(accuracy, n, positives, *, single):
    half = min(0.03, accuracy, 1 - accuracy)
    metrics = {
        "accuracy": estimate(accuracy, half, n),
        "specificity": estimate(accuracy, half, n - positives),
    }
    for name in ("sensitivity", "auroc"):
        metrics[name] = estimate(None, n=n, note=ONE_CLASS) if single else estimate(0.98, 0.02, n)
    return ArmResult(n=n, patients=n, positives=positives, metrics=metrics)


def paired(flips, change, drop, n=64):
    return PairedResult(
        flip_rate=estimate(flips, n=n),
        score_change=estimate(change, n=n),
        drop=estimate(drop, n=n),
        paired_drop=estimate(drop, n=n),
        specificity_drop=estimate(drop, n=n),
        beyond_reconstruction=estimate(drop, n=n),
    )


def model(name, verdict, stress, drop, scenario=SCENARIO, n=64):
    arms = {
        "real": arm(0.975, 160, 80, single=False),
        "reconstruction": arm(0.985, n, n, single=False),
        "stress": arm(stress, n, 0, single=True),
        "truth": arm(stress - 0.016, n, 0, single=True),
    }
    pairs = {"stress": paired(stress, -stress * 0.9, drop, n)}
    limit = "above" if verdict is Verdict.FAIL else "at or below"
    return ModelResult(
        name=name,
        title=name.replace("-", ": ").capitalize(),
        digest="ab" * 32,
        architecture="mobilenetv3_small_050",
        target="pneumothorax",
        operating_point=0.5,
        operating_point_source="pre-specified",
        verdict=verdict,
        reason=f"Accuracy drops by {100 * drop:.1f} points; its whole interval lies {limit} 10 points.",
        arms=arms,
        paired=pairs,
        scenarios={scenario: ScenarioResult(arms=arms, paired=pairs)},
        truth_gap=estimate(0.016, 0.02, n),
    )


def case_rows(names, scenario, n, rng):
    rows = []
    for name in names:
        sound = name.endswith("robust")
        for index in range(160):
            label = int(index < 80)
            score = float(np.clip(rng.beta(14, 2) if label else rng.beta(2, 14), 0, 1))
            rows.append((name, index, "all", "real", label, score))
        for index in range(n):
            score = float(rng.beta(2, 9) if sound else rng.beta(11, 2))
            rows.append((name, index, scenario, "stress", 0, score))
    return [
        CaseRow(
            study_id=f"p{index:04d}",
            patient_id=f"p{index:04d}",
            model=name,
            scenario=where,
            arm=arm_name,
            label=label,
            score=round(score, 6),
            decision=int(score >= 0.5),
        )
        for name, index, where, arm_name, label, score in rows
    ]


def make_result(
    *, names=MODELS, title="Manifestation shift: drains without pneumothorax", scenario=SCENARIO, n=64
):
    verdicts = ((Verdict.FAIL, 0.03, 0.945), (Verdict.PASS, 0.95, 0.025))
    prompt = ScenarioSummary(
        name=scenario,
        prompt="No acute cardiopulmonary process",
        invert_prompt="",
        select={"pneumothorax": 1, "drain": 1},
        edit_mask={"source": "pneumothorax", "dilate": 5.0, "at": 512},
        keep_mask={"source": "drain", "dilate": 0.0, "at": 512},
        labels_after={"pneumothorax": 0},
    )
    return AuditResult(
        tool={"name": "radbench", "version": "0.1.0", "torch": "2.15.0"},
        shift=ShiftSummary(
            name="manifestation",
            title=title,
            description="Chest drains are placed to treat a pneumothorax. A model may learn to see the drain "
            "instead. Here the pneumothorax is removed and the drain is left.",
            kind="manifestation",
            target="pneumothorax",
            bundle="phantom",
            editor={
                "name": "radedit",
                "num_inference_steps": 30,
                "paste_back": {"enabled": True, "feather": 1.0},
            },
            scenarios=[prompt],
        ),
        cohort=CohortSummary(
            name="phantom/manifestation",
            digest="cd" * 32,
            truth_known=True,
            studies=160,
            patients=160,
            positives=80,
        ),
        testset=TestSetSummary(
            key="ef" * 32,
            records=66,
            ok=n,
            rejected=1,
            failed=1,
            attrition={
                "cohort": 160,
                "without pneumothorax = 1": 80,
                "without drain = 1": 4,
                "eligible": 76,
                "beyond the limit": 10,
                "tasks": 66,
                "ok": n,
                "rejected": 1,
                "failed": 1,
                "rejected: the edit mask is empty": 1,
            },
            provenance={"weights": {"unet": "01" * 32, "vae": "23" * 32}, "algorithm": 1, "device": "cpu"},
        ),
        seed=0,
        intervals=IntervalSummary(replicates=2000, method="patients are what was drawn"),
        gate=True,
        max_drop=0.1,
        verdict=Verdict.FAIL,
        models=[model(name, *found, scenario, n) for name, found in zip(names, verdicts, strict=True)],
        edit_quality=[
            EditQuality(
                scenario=scenario,
                n=n,
                edited_vs_truth=0.03,
                source_vs_truth=0.085,
                keep_vs_truth=0.002,
                keep_vs_source=0.0,
                outside_vs_source=0.004,
                reconstruction_vs_source=0.008,
                keep_contrast=0.97,
            )
        ],
        cases=case_rows(names, scenario, n, np.random.default_rng(0)),
    )


def draw(index, size=128):
    """Draw a chest-like picture with a dark rim in one lung and a bright curve, and both masks."""
    rng = np.random.default_rng(index)
    y, x = (np.mgrid[:size, :size] + 0.5) / size * 2 - 1
    side = 1 if index % 2 else -1
    body = 150 * (np.hypot(x / 0.98, (y - 0.35) / 1.3) < 1) * (1 - 0.25 * np.abs(x))
    ribs = 12 * np.cos(26 * (y + 0.25 * x**2))
    clean = body + ribs * (body > 0)
    for lung in (-1, 1):
        inside = np.hypot((x - 0.42 * lung) / 0.3, (y + 0.02) / 0.62) < 1
        clean = np.where(inside, 60 + ribs * 0.8, clean)
    clean = np.where(np.hypot((x - 0.12) / 0.28, (y - 0.38) / 0.3) < 1, 175, clean)
    clean = clean + rng.normal(0, 4, clean.shape)
    lung = np.hypot((x - 0.42 * side) / 0.3, (y + 0.02) / 0.62)
    edit = (lung < 1) & (lung > 0.72) & (x * side > 0.42) & (y < 0.3)
    curve = np.abs(y - 0.1 - 0.9 * (x * side - 0.45) ** 2 * np.sign(x * side - 0.45)) < 0.022
    keep = curve & (x * side > 0.3)
    clean = np.where(keep, 225, clean)
    sick = np.where(edit & ~keep, 18, clean)
    edited = np.where(
        edit & ~keep, clean + rng.normal(0, 9, clean.shape), clean + rng.normal(0, 1, clean.shape)
    )
    planes = [np.clip(plane, 0, 255).astype(np.uint8) for plane in (sick, edited, clean)]
    return *planes, edit, keep


def make_gallery(n=64, size=128, scenario=SCENARIO):
    items = []
    for index in range(n):
        original, edited, truth, edit, keep = draw(index, size)
        items.append(GalleryItem(f"p{index:04d}", scenario, original, edited, edit, keep, truth))
    return items


@pytest.fixture(name="make_result")
def result_maker():
    return make_result


@pytest.fixture(name="make_gallery")
def gallery_maker():
    return make_gallery


@pytest.fixture(scope="session")
def result():
    return make_result()


@pytest.fixture(scope="session")
def gallery():
    return make_gallery(n=3)
