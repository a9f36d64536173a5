import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from testset_world import TinyCohort, TinyEditor, bundle, plan_of, scenario, shift

from radbench.quality.artefacts import edit_measures, masked_error
from radbench.specs.scenario import Placebo
from radbench.specs.shift import ControlsSpec, FilterSpec
from radbench.testsets.build import build_testset
from radbench.testsets.records import UNSCORED, rule


class TinyScorer:
    """The score is the prompt's number, or a share of the source's first pixel; counts what it scored."""

    name, digest = "tiny", "ef" * 32

    def __init__(self):
        self.seen = []

    def score(self, before, after, report, prompt):
        self.seen += list(zip(report, prompt, strict=True))
        return np.array([image[0, 0] / 255 for image in before])


class Loader:
    def __init__(self):
        self.scorers = []

    def __call__(self):
        self.scorers.append(TinyScorer())
        return self.scorers[-1]


def filtered(**limits):
    return shift(
        scenario(placebo=Placebo(select={"pneumothorax": 0})),
        controls=ControlsSpec(),
        filter=FilterSpec(**{"encoder": "phantom", "min_editing_score": None, **limits}),
    )


def _build(cache, spec, cohort=None, digest=TinyScorer.digest, **options):
    cohort = cohort or TinyCohort()
    loader = Loader()
    plan = plan_of(cohort, spec)
    built = build_testset(
        plan,
        cohort,
        bundle,
        cache=cache,
        editor=TinyEditor(),
        scorer_loader=loader,
        scorer_digest=digest,
        **options,
    )
    return built, loader


def test_every_edit_of_every_arm_is_measured(cache):
    cohort = TinyCohort()
    built, loader = _build(cache, filtered(), cohort)
    assert {record.arm for record in built.records} == {"stress", "sham", "placebo"}
    studies = {study.study_id: study for study in cohort.studies}
    for record in built.records:
        source, keep = cohort.image(studies[record.study_id]), built.keep_mask(record)
        edit, edited = built.edit_mask(record), built.image(record)
        expected = edit_measures(source, edited, edit, keep)
        expected["effect_edit"] = masked_error(built.reconstruction(record), edited, edit & ~keep)
        expected["editing_score"] = source[0, 0] / 255
        for name, value in expected.items():
            assert record.measures[name] == pytest.approx(value)
    assert len(loader.scorers) == 1
    table = pq.read_table(built.path / "records.parquet").to_pylist()
    assert [row["arm"] for row in table] == [record.arm for record in built.records]
    assert [row["measure_editing_score"] for row in table] == [
        record.measures["editing_score"] for record in built.records
    ]


def test_the_report_is_scored_against_the_prompt_or_the_filter_s_own_text(cache):
    _, loader = _build(cache, filtered())
    assert all(before.startswith("Report ") for before, _ in loader.scorers[0].seen)
    _, loader = _build(cache, filtered(text_before="Pneumothorax"))
    assert {before for before, _ in loader.scorers[0].seen} == {"Pneumothorax"}


def test_only_stress_edits_are_rejected_and_the_reason_names_figure_and_limit(cache):
    built, _ = _build(cache, filtered(min_editing_score=0.5))
    stress = built.of("stress")
    low = [record for record in stress if record.measures["editing_score"] < 0.5]
    assert 0 < len(low) < len(stress)
    for record in low:
        assert record.status == "rejected"
        assert record.reason == f"editing score {record.measures['editing_score']:.2f} under 0.50"
        assert record.files
        built.image(record)
    assert {record.status for arm in ("sham", "placebo") for record in built.of(arm)} == {"ok"}
    assert built.usable == [record for record in stress if record not in low]
    counts = {"ok": len(built.usable), "rejected": len(low), "failed": 0}
    counts["rejected: editing score under 0.50"] = len(low)
    assert {name: built.attrition[name] for name in counts} == counts
    assert built.attrition_by_scenario["remove"] == built.attrition
    assert built.provenance["arms"]["stress"] == {"tasks": len(stress), **counts}


@pytest.mark.parametrize("limit", ["max_change_outside", "max_change_keep", "max_saturation"])
def test_artefact_limits_need_no_encoder(cache, limit):
    spec = filtered(encoder=None, **{limit: 0.0})
    built, loader = _build(cache, spec)
    assert loader.scorers == []
    assert all("editing_score" not in record.measures for record in built.records)
    measure = limit.removeprefix("max_")
    rejected = [record for record in built.of("stress") if record.measures[measure] > 0]
    assert [record for record in built.of("stress") if record.status == "rejected"] == rejected


def test_a_second_build_measures_nothing(cache):
    first, _ = _build(cache, filtered(min_editing_score=0.5))
    second, loader = _build(cache, filtered(min_editing_score=0.5))
    assert loader.scorers == []
    assert (second.records, second.provenance, second.repaired) == (first.records, first.provenance, [])


def test_another_limit_needs_no_new_scores_and_another_encoder_does(cache):
    _build(cache, filtered(min_editing_score=0.5))
    looser, loader = _build(cache, filtered(min_editing_score=0.0))
    assert loader.scorers == []
    assert {record.status for record in looser.records} == {"ok"}
    other, loader = _build(cache, filtered(), digest="aa" * 32)
    assert len(loader.scorers) == 1
    assert other.provenance["filter"]["encoder_sha256"] == "aa" * 32


def test_a_damaged_score_is_named_and_made_again(cache):
    first, _ = _build(cache, filtered())
    path = min(cache.glob("assessments/*/*.json"))
    body = json.loads(path.read_text())
    body["body"]["measures"]["editing_score"] = 0.99
    path.write_text(json.dumps(body))
    second, loader = _build(cache, filtered())
    assert second.repaired == [path.relative_to(cache).as_posix()]
    assert len(loader.scorers[0].seen) == 1
    assert second.records == first.records
    assert _build(cache, filtered())[0].repaired == []


def test_without_a_text_there_is_no_score_and_none_is_not_good_enough(cache):
    cohort = TinyCohort()
    cohort.studies = [type(study)(**{**vars(study), "report": ""}) for study in cohort.studies]
    built, loader = _build(cache, filtered(min_editing_score=0.2), cohort)
    assert loader.scorers == []
    assert {record.reason for record in built.of("stress")} == {UNSCORED}
    assert {record.reason for record in built.of("sham")} == {"empty prompt"}
    assert {record.status for record in built.of("placebo")} == {"ok"}


@pytest.mark.parametrize(
    ("reason", "general"),
    [
        ("editing score 0.11 under 0.20", "editing score under 0.20"),
        ("editing score -0.11 under 0.20; seam 2.5 over 2.0", "editing score under 0.20; seam over 2.0"),
        ("seam 1e-05 over 0.0", "seam over 0.0"),
        ("empty edit mask", "empty edit mask"),
    ],
)
def test_reasons_are_counted_without_the_image_s_own_figure(reason, general):
    assert rule(reason) == general
