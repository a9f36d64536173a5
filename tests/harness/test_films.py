"""What films say beside their picture: odd ones, one film under several patients, and their pixel spacing."""

import numpy as np
import pytest
from audit_world import Cohort, TestSet, audit, biased, picture, shift
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from test_segmentation import Lungs, Segmenter, Shy, lungs, run

from radbench.data.cohort import Study
from radbench.data.folder import open_folder_cohort
from radbench.data.geometry import Framing, Geometry
from radbench.harness.films import FilmNotes, all_known, film_notes, find_clusters, spacing_of
from radbench.harness.gates import gated
from radbench.harness.result import Verdict
from radbench.phantom.cohort import build_cohort
from radbench.specs import GatesSpec


def _cohort(folder):
    """Four films of the test split: one of a single grey, one of 12 bits; one film of the training split is a twin."""
    rng = np.random.default_rng(5)
    films = [rng.integers(0, 256, (40, 48), dtype=np.uint8) for _ in range(4)]
    films[1][:] = 77
    lines = ["study_id,patient_id,image,split"]
    for number, film in enumerate(films):
        Image.fromarray(film).save(folder / f"{number}.png")
        lines.append(f"s{number},p{number},{number}.png,test")
    Image.fromarray(rng.integers(0, 4096, (40, 48), dtype=np.uint16)).save(folder / "3.png")
    Image.fromarray(films[0]).save(folder / "twin.png")
    lines.append("t0,p9,twin.png,train")
    (folder / "manifest.csv").write_text("\n".join(lines), encoding="utf-8")
    return open_folder_cohort(folder, image_size=32, split="test")


def test_what_was_done_and_what_is_odd_is_said_once_and_remembered(tmp_path, monkeypatch):
    (tmp_path / "films").mkdir()
    notes = film_notes(_cohort(tmp_path / "films"), tmp_path / "cache")
    assert any("1 of 4" in words and "12" in words for words in notes.done)
    assert sum("Study s1" in words and "constant" in words for words in notes.warnings) == 1
    assert (
        "The same pixels are in two splits: study s0 here and study t0 (patient p9) in 'train'."
        in notes.warnings
    )
    monkeypatch.setattr(
        "radbench.harness.films._survey", lambda cohort: (_ for _ in ()).throw(AssertionError)
    )
    again = film_notes(
        open_folder_cohort(tmp_path / "films", image_size=32, split="test"), tmp_path / "cache"
    )
    assert (list(again.done), list(again.warnings)) == (list(notes.done), list(notes.warnings))


def test_drawn_films_have_no_notes(tmp_path):
    assert film_notes(build_cohort("phantom/manifestation", size=2), tmp_path) == FilmNotes()


def film(number):
    return np.full((4, 4), number, np.uint8)


def clusters(rows, target="sick"):
    """Return the clusters of (study, patient, film, label) rows."""
    shown = {row[0]: film(row[2]) for row in rows}
    studies = [Study(study, patient, {"sick": label}) for study, patient, _, label in rows]
    return find_clusters(studies, lambda study: shown[study.study_id], target)


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 9)), min_size=1, max_size=20))
def test_patients_are_one_exactly_where_a_chain_of_films_joins_them(pairs):
    found = clusters([(f"s{n}", f"p{patient}", shown, 0) for n, (patient, shown) in enumerate(pairs)]).of
    reached = {f"p{patient}": {f"p{patient}"} for patient, _ in pairs}
    for _ in pairs:
        for patient, shown in pairs:
            for other, seen in pairs:
                if shown == seen:
                    both = reached[f"p{patient}"] | reached[f"p{other}"]
                    for one in both:
                        reached[one] = reached[one] | both
    for one in found:
        for other in found:
            assert (found[one] == found[other]) == (other in reached[one])


def test_a_patient_of_its_own_keeps_its_name_and_nothing_is_said():
    found = clusters([("a", "p1", 1, 0), ("b", "p2", 2, 1), ("c", "p2", 2, 1)])
    assert (dict(found.of), found.warnings) == ({"p1": "p1", "p2": "p2"}, ())


def test_opposite_labels_are_named_with_their_studies():
    (said,) = clusters([("a", "p1", 1, 0), ("b", "p2", 1, 1), ("c", "p3", 2, 1)]).warnings
    assert said == (
        "The same pixels stand in 2 studies under 2 patients, counted as one patient in every interval, with opposite "
        "labels: at least one of them is wrong: study a (sick 0), study b (sick 1)."
    )
    (same,) = clusters([("a", "p1", 1, 0), ("b", "p1", 1, 1)]).warnings
    assert "patients" not in same
    assert "opposite labels" in same
    assert clusters([("a", "p1", 1, 0), ("b", "p1", 1, 1)], None).warnings == ()


def test_other_depths_and_shapes_are_other_films():
    shown = {
        "a": np.zeros((2, 8), np.uint8),
        "b": np.zeros((4, 4), np.uint8),
        "c": np.zeros((2, 4), np.uint16),
    }
    found = find_clusters([Study(name, name) for name in shown], lambda study: shown[study.study_id])
    assert found.of == {"a": "a", "b": "b", "c": "c"}


class Twins(Cohort):
    """Four films of each label, each under ten patients."""

    def image(self, study):
        return picture(study.labels["sick"], study.labels["drain"], study.attributes["number"] % 8)


def test_one_film_under_many_patients_is_one_in_every_interval(tmp_path):
    cohort = Twins(80)
    result = audit(tmp_path, [biased()], cohort=cohort, testset=TestSet(cohort), spec=shift())
    real = result.models[0].arms["real"]
    assert (real.n, real.patients, result.cohort.patients) == (80, 4, 4)
    assert len(result.cohort.warnings) == 8
    assert "The same pixels stand in 10 studies under 10 patients" in result.cohort.warnings[0]
    assert "and 4 more" in result.cohort.warnings[0]
    assert len({row.patient_id for row in result.cases}) == 4
    alone = audit(tmp_path, [biased()], cohort=Cohort(80), spec=shift()).models[0].arms["real"]
    joined, apart = real.metrics["accuracy"], alone.metrics["accuracy"]
    assert joined.high - joined.low > apart.high - apart.low


def test_warnings_that_were_found_on_reading_stand_first(tmp_path):
    result = audit(tmp_path, [biased()], films=FilmNotes(warnings=["study s001 is of one grey"]))
    assert result.cohort.warnings == ["study s001 is of one grey"]


def test_a_joined_name_stays_short():
    of = clusters([(f"s{n}", f"p{n:02d}", 1, 0) for n in range(12)]).of
    assert set(of.values()) == {"p00+p01+p02+9-more"}


class Ruled(Lungs):
    """Every film is known to have pixels of half a millimetre, or all but ``unknown``."""

    unknown = None

    def spacing(self, study):
        return None if study.study_id == self.unknown else (0.5, 0.5)


def rules(**limit):
    rule = {"measure": "metric", "metric": "hausdorff_95_mm", "arm": "real"} | limit
    return GatesSpec.model_validate({"name": "g", "rules": [rule]})


def test_distances_are_given_in_millimetres_beside_the_pixels(tmp_path):
    cohort = Ruled(40)
    result = run(tmp_path, [Shy("shy", weak=False)], (cohort, TestSet(cohort)))
    metrics = result.models[0].arms["real"].metrics
    assert list(metrics) == [
        "dice", "iou", "hausdorff_95", "average_symmetric_surface_distance", "hausdorff_95_mm",
        "average_symmetric_surface_distance_mm",
    ]  # fmt: skip
    for name in ("hausdorff_95", "average_symmetric_surface_distance"):
        assert metrics[f"{name}_mm"].value == pytest.approx(metrics[name].value / 2, abs=1e-5)
        assert "14 of 40 missed, counted as the diagonal" in metrics[f"{name}_mm"].note
    (found,) = gated(result.model_copy(update={"gate": False}), rules(max=1)).gates
    assert found.verdict is Verdict.FAIL
    assert "missed" in found.left_out[0]
    row = next(row for row in result.cases if row.arm == "real")
    assert "hausdorff_95_mm" in row.figures


def test_one_film_of_unknown_spacing_leaves_pixels_only(tmp_path):
    cohort = Ruled(40)
    cohort.unknown = "s003"
    assert not all_known(cohort, cohort.studies)
    result = run(tmp_path, [Segmenter("strong", weak=False)], (cohort, TestSet(cohort)))
    assert not any(name.endswith("_mm") for name in result.models[0].arms["real"].metrics)
    (found,) = gated(result.model_copy(update={"gate": False}), rules(max=1)).gates
    assert found.verdict is Verdict.NOT_RUN
    assert "the pixel spacing of some film is not known" in found.reason


def test_a_cohort_that_knows_nothing_of_spacings_has_none():
    cohort = Lungs(4)
    assert not all_known(cohort, cohort.studies)
    assert spacing_of(cohort, cohort.studies[0], (16, 16)) is None
    assert lungs().task == "segmentation"


def test_a_resized_mask_has_the_spacing_of_its_own_pixels():
    cohort = Ruled(4)
    study = cohort.studies[0]
    cohort.framing = lambda study: Framing(Geometry(64, 96, 16), 0.0, 255.0)
    assert spacing_of(cohort, study, (16, 16)) == (2.0, 2.0)
    assert spacing_of(cohort, study, (64, 96)) == (0.5, 0.5)
    cohort.spacing = lambda study: (0.0, 0.5)
    assert spacing_of(cohort, study, (64, 96)) is None
