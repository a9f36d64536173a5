"""Several shifts in one run; the audits themselves are played by a fake, test_run.py proves the real ones."""

import io
import json

import pytest
import yaml
from rich.console import Console

import radbench.api.job as job_module
from radbench.api.job import Audited, Opened, RunOptions
from radbench.api.series import _expand
from radbench.cli.run import run_shifts
from radbench.declared import models_dir
from radbench.errors import UsageError
from radbench.harness.result import (
    AuditResult,
    CohortSummary,
    Estimate,
    IntervalSummary,
    ModelResult,
    PairedResult,
    ShiftSummary,
    TestSetSummary,
    Verdict,
)


def audit(shift, specs, verdict, gate):
    drop = Estimate(value=0.2, low=0.1, high=0.3, n=4)
    models = [
        ModelResult(
            name=spec.name, digest="0", target=spec.target, operating_point=0.5, verdict=verdict, reason="r",
            operating_point_source="pre-specified", paired={"stress": PairedResult(drop=drop, paired_drop=drop)},
        )
        for spec in specs
    ]  # fmt: skip
    return AuditResult(
        tool={},
        shift=ShiftSummary(
            name=shift.name, title=shift.title, description="d", kind=shift.kind, target=shift.target, bundle="b",
            editor={}, scenarios=[],
        ),
        cohort=CohortSummary(name="c", digest="0", truth_known=False, studies=4, patients=4, positives=2),
        testset=TestSetSummary(key="k", records=4, ok=4, rejected=0, failed=0, attrition={}, provenance={}),
        seed=0, intervals=IntervalSummary(replicates=10, method="m"), gate=gate, max_drop=0.1, verdict=verdict,
        models=models, edit_quality=[], cases=[],
    )  # fmt: skip


@pytest.fixture
def declared(tmp_path, monkeypatch, make_shift):
    """Two shifts of different targets with a model each, in the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shifts").mkdir()
    (tmp_path / "models_under_test").mkdir()
    spec = yaml.safe_load((models_dir() / "pneumothorax-biased.yaml").read_text(encoding="utf-8"))
    for name, target in (("ptx", "pneumothorax"), ("drainer", "drain"), ("other", "covid")):
        file = tmp_path / "models_under_test" / f"{name}.yaml"
        file.write_text(yaml.safe_dump(spec | {"name": name, "target": target}))
    for name, target in (("one", "pneumothorax"), ("two", "drain")):
        file = make_shift(
            tmp_path / "shifts",
            name=name,
            target=target,
            bundle="phantom",
            models=["ptx" if target[0] == "p" else "drainer"],
        )
        if target == "drain":
            text = file.read_text().replace(
                "labels_after:\n    pneumothorax: 0", "labels_after:\n    drain: 0"
            )
            file.write_text(text)
    return tmp_path


@pytest.fixture
def verdicts(monkeypatch):
    """Play the audits: the verdict of each shift by name; an exception is raised instead."""
    found = {"one": Verdict.PASS, "two": Verdict.FAIL}

    def perform(opened, options, cache, console):
        job = opened.job
        verdict = found[job.shift.name]
        if isinstance(verdict, BaseException):
            raise verdict
        job.out.mkdir(parents=True, exist_ok=True)
        result = audit(job.shift, job.choice.models, verdict, options.max_drop is not None)
        return Audited(opened, None, result)

    monkeypatch.setattr(
        job_module, "open_job", lambda job, options, progress=None: Opened(job, None, [], [], {})
    )
    monkeypatch.setattr(job_module, "check_job", lambda opened, options, gate: opened)
    monkeypatch.setattr(job_module, "perform", perform)
    monkeypatch.setattr("radbench.api.series.write", lambda *_, **__: None)
    return found


def run(*names, **options):
    text = io.StringIO()
    code = run_shifts(names, RunOptions(shift="", **options), Console(file=text, width=80))
    return code, text.getvalue()


def index(folder):
    return json.loads((folder / "index.json").read_text())


@pytest.mark.parametrize(
    ("one", "two", "code"),
    [
        (Verdict.PASS, Verdict.PASS, 0),
        (Verdict.PASS, Verdict.INCONCLUSIVE, 4),
        (Verdict.FAIL, Verdict.INCONCLUSIVE, 3),
        (Verdict.ERROR, Verdict.FAIL, 1),
        (Verdict.NOT_RUN, Verdict.PASS, 4),
    ],
)
def test_the_gravest_shift_sets_the_exit_code(declared, verdicts, one, two, code):
    verdicts |= {"one": one, "two": two}
    found, text = run("one", "two", max_drop=0.1, out=declared / "out")
    assert found == code == index(declared / "out")["exit_code"]
    assert text.rstrip().endswith("index.html")
    free = 1 if Verdict.ERROR in {one, two} else 4 if Verdict.NOT_RUN in {one, two} else 0
    assert run("two", "one", out=declared / "free")[0] == free


def test_each_shift_has_its_folder_and_the_index_leads_to_it(declared, verdicts):
    run("one", "two", "one")
    top = declared / "radbench-out"
    assert {path.name for path in top.iterdir()} == {
        "one", "two", "index.html", "index.json", "junit.xml", "summary.md",
    }  # fmt: skip
    shifts = index(top)["shifts"]
    assert [(s["name"], s["report"], s["verdict"]) for s in shifts] == [
        ("one", "one/report.html", "PASS"),
        ("two", "two/report.html", "FAIL"),
    ]
    page = (top / "index.html").read_text()
    assert 'href="one/report.html"' in page
    assert str(declared) not in page + (top / "index.json").read_text()


def test_chosen_models_run_where_they_fit_and_the_rest_is_not_run(declared, verdicts):
    code, text = run("one", "two", models=("ptx",), max_drop=0.1)
    assert code == 4
    assert "Not run: no chosen model answers 'drain'." in text
    first, second = index(declared / "radbench-out")["shifts"]
    assert [model["name"] for model in first["models"]] == ["ptx"]
    assert (second["verdict"], second["report"], second["models"]) == ("NOT_RUN", None, [])


def test_an_interruption_leaves_an_honest_index(declared, verdicts):
    verdicts["two"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        run("one", "two")
    shifts = index(declared / "radbench-out")["shifts"]
    assert [(s["verdict"], s["reason"]) for s in shifts] == [("PASS", ""), ("NOT_RUN", "not reached")]


def test_bad_input_leaves_nothing_behind(declared, verdicts, make_shift):
    (declared / "more").mkdir()
    make_shift(declared / "more", name="one", bundle="phantom", models=["ptx"])
    for names, options, words in (
        (("one", "tow"), {}, "Did you mean 'two'"),
        (("one", "more/one.yaml"), {}, "Two shifts are called 'one'"),
        (
            ("one", "two"),
            {"models": ("other",)},
            "'other' predicts 'covid', expected one of 'pneumothorax', 'drain'",
        ),
        (("one", "two"), {"controls": ("other",)}, "'other' predicts 'covid'"),
    ):
        with pytest.raises(UsageError, match=words):
            run(*names, **options)
    assert not (declared / "radbench-out").exists()
    (declared / "radbench-out" / "index.html").mkdir(parents=True)
    with pytest.raises(UsageError, match=r"index\.html is a folder"):
        run("one", "two")


def test_all_stands_for_the_three_shifts_of_the_paper():
    assert _expand(["all"]) == ["manifestation", "acquisition", "population"]
    assert _expand(["population", "all", "mine.yaml"]) == [
        "population",
        "manifestation",
        "acquisition",
        "mine.yaml",
    ]
