import io

from rich.console import Console

from radbench.cli.summary import number, print_summary
from radbench.harness.result import (
    ArmResult,
    AuditResult,
    CohortSummary,
    Estimate,
    Instrument,
    IntervalSummary,
    ModelResult,
    PairedResult,
    ShiftSummary,
    TestSetSummary,
    Verdict,
)


def estimate(value):
    return Estimate(value=value, low=value, high=value, n=7)


def result():
    paired = PairedResult(
        flip_rate=estimate(0.5),
        score_change=estimate(0.1),
        drop=estimate(0.321),
        paired_drop=estimate(0.2),
        specificity_drop=estimate(0.2),
    )
    common = {"digest": "0", "target": "x", "operating_point": 0.5, "operating_point_source": "pre-specified"}
    arms = {
        arm: ArmResult(n=7, patients=7, positives=0, metrics={"accuracy": estimate(0.876)})
        for arm in ("real", "stress")
    }
    measured = ModelResult(
        name="[red]odd[/red]",
        verdict=Verdict.FAIL,
        reason="r",
        arms=arms,
        paired={"stress": paired},
        shift_effect=estimate(0.287),
        **common,
    )
    broken = ModelResult(
        name="broken", role="control", verdict=Verdict.ERROR, reason="r", error="It raised.", **common
    )
    return AuditResult(
        tool={},
        shift=ShiftSummary(
            name="s",
            title="A shift",
            description="d",
            kind="manifestation",
            target="x",
            bundle="b",
            editor={},
            scenarios=[],
        ),
        cohort=CohortSummary(name="c", digest="0", truth_known=False, studies=7, patients=7, positives=3),
        testset=TestSetSummary(key="k", records=7, ok=7, rejected=0, failed=0, attrition={}, provenance={}),
        seed=0,
        intervals=IntervalSummary(replicates=10, method="m"),
        gate=True,
        max_drop=0.1,
        verdict=Verdict.ERROR,
        instrument=Instrument(verdict=Verdict.INCONCLUSIVE, reason="A control fell.", tolerance=0.05),
        models=[measured, broken],
        edit_quality=[],
        cases=[],
    )


def test_every_figure_fits_a_narrow_terminal():
    text = io.StringIO()
    print_summary(Console(file=text, width=80), result())
    lines = text.getvalue().splitlines()
    for words in (
        ["[red]odd[/red]", "Real", "0.876"],
        ["FAIL", "Stress (edited)"],
        ["Drop", "0.321 to 0.321"],
        ["Shift (sham-stress)", "0.287"],
    ):
        assert any(all(word in line for word in words) for line in lines), words
    assert any("broken" in line and "It raised." in line for line in lines)
    assert not any("…" in line for line in lines)
    assert any("control model" in line for line in lines)
    assert "Overall ERROR" in lines[-2]
    assert lines[-1] == "Instrument INCONCLUSIVE (A control fell.)"


def test_a_segmentation_is_summed_up_by_its_dice():
    found = result()
    arms = {
        arm: part.model_copy(update={"metrics": {"dice": estimate(0.912)}})
        for arm, part in found.models[0].arms.items()
    }
    models = [found.models[0].model_copy(update={"arms": arms})]
    text = io.StringIO()
    changes = {"task": "segmentation", "primary": "dice", "models": models, "instrument": None}
    print_summary(Console(file=text, width=80), found.model_copy(update=changes))
    assert "A shift: Dice" in text.getvalue()
    assert "0.912" in text.getvalue()


def test_nothing_is_never_less_than_nothing():
    assert [number(value) for value in (-0.0001, 0.0, -0.0006, 0.12345)] == [
        "0.000",
        "0.000",
        "-0.001",
        "0.123",
    ]


def test_a_forced_model_is_said_to_be_one():
    plain = result()
    models = [model.model_copy(update={"forced": True}) for model in plain.models]
    forced = plain.model_copy(update={"models": models})
    texts = []
    for one in (plain, forced):
        stream = io.StringIO()
        print_summary(Console(file=stream, width=200), one)
        texts.append(stream.getvalue())
    assert [text.count("Forced ") for text in texts] == [0, len(models)]


def test_what_a_verdict_leaves_out_is_printed_below_it():
    made = result()
    arms = {name: arm.model_copy(update={"indeterminate": 3}) for name, arm in made.models[0].arms.items()}
    model = made.models[0].model_copy(update={"arms": arms, "verdict": Verdict.PASS})
    cohort = made.cohort.model_copy(
        update={"unlabelled": 1, "warnings": ["study a is [red]flat[/red]\x1b[2J"]}
    )
    text = io.StringIO()
    print_summary(Console(file=text, width=80), made.model_copy(update={"models": [model], "cohort": cohort}))
    shown = text.getvalue()
    assert "Beside every verdict: 1 study has no label of 'x' and stands in no arm." in shown
    assert "Beside every verdict: study a is [red]flat[/red][2J" in shown
    assert (
        "Beside the verdict on [red]odd[/red]: 3 of 7 stress images have no answer and count as wrong."
        in shown
    )
