"""Everything that a result of schema 3 may hold beyond figures: claims, findings, tests, subgroups, gates, ..."""

from radbench.harness.result import (
    Baseline,
    CalibrationBin,
    ClaimResult,
    Estimate,
    Finding,
    GateResult,
    ModelComparison,
    Power,
    SubgroupResult,
    TestResult,
    Verdict,
)

CHECKS = (
    ("loads", "ok", "onnx, opset 17", "loaded by onnxruntime", ""),
    ("output range", "ok", "logits", "-4.1 to 6.3", ""),
    ("inverted film", "note", "white is bone", "AUROC 0.98 as declared, 0.31 inverted", ""),
    (
        "input range",
        "warning",
        "0 to 1",
        "answers change by 0.21 at 0 to 255",
        "The model feels the range of its input; see that the PACS export keeps it.",
    ),
)


def about(value, half, n=64):
    return Estimate(value=value, low=round(value - half, 6), high=round(value + half, 6), n=n)


def with_evidence(result):
    """Return a classification's result with all of it; the models keep their figures."""
    models = [_model(model, index) for index, model in enumerate(result.models)]
    first, second = models[1].name, models[0].name
    comparison = ModelComparison(
        first=first, second=second, difference=about(0.92, 0.05), drop_difference=about(0.92, 0.06),
        p=0.0005, p_holm=0.0005,
    )  # fmt: skip
    return result.model_copy(
        update={
            "models": models,
            "comparisons": [comparison],
            "gates": gates(result, models[0].name),
            "baseline": Baseline(
                sha256="9" * 64, tool={"radbench": "0.0.9"}, same_testset=True, note="The models' digests differ."
            ),
            "prevalence": 0.04,
        }
    )  # fmt: skip


def gates(result, model):
    """Return one rule of every verdict."""
    rows = []
    for verdict, figure in (
        (Verdict.FAIL, about(0.03, 0.03)),
        (Verdict.PASS, Estimate(value=64, n=64)),
        (Verdict.INCONCLUSIVE, about(0.1, 0.03)),
        (Verdict.NOT_RUN, None),
        (Verdict.ERROR, None),
    ):
        kept = verdict is Verdict.PASS
        rows.append(
            GateResult(
                rule="edited images kept at least 50" if kept else f"specificity in stress at least 0.80 ({verdict})",
                shift=result.shift.name, model="" if kept else model, estimate=figure, limit=50 if kept else 0.8,
                sense="min", verdict=verdict, reason="The whole interval lies below 0.80.",
                why="Every false alarm is a CT." if verdict is Verdict.FAIL else "",
            )
        )  # fmt: skip
    return rows


def _model(model, index):
    arms = dict(model.arms)
    arms["stress"] = arms["stress"].model_copy(update={"indeterminate": 3 * (1 - index)})
    for name in ("real", "stress"):
        figures = dict(arms[name].metrics)
        figures |= {"ece": about(0.06 + 0.5 * (name == "stress"), 0.02), "brier": about(0.08, 0.02)}
        figures |= {"ppv": about(0.31, 0.05), "balanced_accuracy": about(0.9, 0.02)}
        arms[name] = arms[name].model_copy(update={"metrics": figures})
    return model.model_copy(
        update={
            "arms": arms, "format": "onnx" if index else "timm", "source": "model.onnx", "pinned": bool(index),
            "output": "logits" if index else "probabilities",
            "intended_use": "Marks frontal chest radiographs of adults for a second look." if index else "",
            "claims": _claims() if index == 0 else [],
            "preflight": [_finding(*row) for row in CHECKS] + _failure(index), "forced": index == 0,
            "tests": _tests(model), "subgroups": _subgroups(index), "calibration": _calibration(index),
            "power": Power(n=64, patients=64, detectable=0.11, line="With n = 64 a drop under 0.11 cannot be seen."),
        }
    )  # fmt: skip


def _finding(check, level, declared, observed, meaning):
    return Finding(check=check, level=level, declared=declared, observed=observed, meaning=meaning)


def _failure(index):
    words = "The model is better on inverted films: the declared MONOCHROME2 is wrong."
    return [_finding("inverted film", "failure", "MONOCHROME2", "AUROC 0.41, inverted 0.97", words)] * (
        1 - index
    )


def _claims():
    rows = (
        ("auroc", 0.98, 0.96, 0.99, about(0.97, 0.02, 160), "supported"),
        ("specificity", 0.99, None, None, about(0.93, 0.03, 80), "not supported"),
        ("sensitivity", 0.9, None, None, None, "not measured"),
    )
    return [
        ClaimResult(
            metric=metric, claimed=value, claimed_low=low, claimed_high=high, population="4,021 adults, two hospitals",
            measured=measured, verdict=verdict, reason=f"The claim is {verdict}.",
        )
        for metric, value, low, high, measured, verdict in rows
    ]  # fmt: skip


def _tests(model):
    scenario = next(iter(model.scenarios))
    return [
        TestResult(test="mcnemar", scenario=scenario, n=64, p=0.0000001, p_holm=0.0000004, family=9),
        TestResult(
            test="paired bootstrap",
            scenario=scenario,
            n=64,
            p=0.012,
            p_holm=0.048,
            family=9,
            note="one vote a patient",
        ),
        TestResult(test="mcnemar", scenario=scenario, subgroup="sex=F", n=30, p=None, family=9),
    ]


def _subgroups(index):
    rows = (
        ("sex", "F", 31), ("sex", "M", 33), ("age_band", "18-39", 22), ("age_band", "40-64", 25),
        ("age_band", "65+", 17), ("hospital", "", 64),
    )  # fmt: skip
    return [
        SubgroupResult(
            column=column, value=value, n=n, patients=n, small=n < 20, real=about(0.96, 0.03, 2 * n),
            stress=about(0.04 + 0.9 * index, 0.03, n), drop=about(0.92 - 0.9 * index + 0.01 * place, 0.05, n),
            p=0.001 * place, p_holm=0.002 * place,
        )
        for place, (column, value, n) in enumerate(rows)
    ]  # fmt: skip


def _calibration(index):
    bins = []
    for arm in ("real", "stress"):
        for tenth in range(10):
            n = (40, 12, 5, 3, 0, 4, 6, 9, 20, 61)[tenth]
            score = (tenth + 0.5) / 10
            share = min(1.0, score * (1.05 if arm == "real" else 0.2 + 0.6 * index))
            found = {"score": score, "positive": share} if n else {"score": None, "positive": None}
            bins.append(CalibrationBin(arm=arm, low=tenth / 10, high=(tenth + 1) / 10, n=n, **found))
    return bins
