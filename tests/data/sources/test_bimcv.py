import json

import numpy as np
import pytest
from dataset_world import facts, film, opened, put_png, put_text, rows_and_problems

from radbench.data.sources import get_source
from radbench.errors import UsageError

POSITIVE, NEGATIVE = "bimcv-covid19-positive", "bimcv-covid19-negative"
PEOPLE = "participant\tmodality_dicom\tbody_parts\tage\tgender\n"
LABELS = "PatientID\tReportID\tReport\tLabels\n"
UPSIDE_DOWN = "sub-S03068_ses-E06592_run-1_bp-chest_vp-ap_cr"
AS_STORED = "sub-S03169_ses-E07193_run-1_bp-chest_vp-ap_dx"
LATERAL = "sub-S03582_ses-E07281_run-1_bp-chest_vp-ap_cr"
UNUSABLE = "sub-S06576_ses-E11736_run-1_bp-chest_dx"


def sidecar(description="TORAX AP", photometric="MONOCHROME2", window=(2048, 2048), **more):
    elements = {
        "0008103E": [description],
        "00280004": [photometric],
        "00280101": [12],
        "00080060": ["DX"],
        "00080070": ["Philips"],
        "00100040": ["M"],
        "00101010": ["063Y"],
        **more,
    }
    if window:
        elements |= {"00281050": [window[0]], "00281051": [window[1]]}
    return json.dumps({tag: {"vr": "XX", "Value": values} for tag, values in elements.items() if values})


def put(root, stem, header, seed=0, height=48, width=64, pixels=None):
    """A film of 12 bits in its place of the tree, and its header; the film's values."""
    subject, session = stem.split("_")[:2]
    values = film(seed, height, width).astype(np.uint16) * 16 if pixels is None else pixels
    path = put_png(root / subject / session / "mod-rx" / f"{stem}.png", values)
    if header is not None:
        put_text(path.with_suffix(".json"), header)
    return values


def put_tables(root, labels="", people="", tests=""):
    put_text(root / "participants.tsv", PEOPLE + people)
    put_text(root / "derivatives" / "labels" / "labels_covid19_posi.tsv", LABELS + labels)
    if tests:
        put_text(root / "derivatives" / "EHR" / "sil_reg_covid_posi.tsv", tests)


@pytest.fixture
def root(tmp_path):
    """Two patients: one with two sessions and a lateral film, one whose film is called PA and is lateral."""
    root = tmp_path / "bimcv+"
    put_tables(
        root,
        "sub-S03001\tses-E06001\tt\t\"['pneumonia'\t'COVID 19 uncertain']\"\n"
        "sub-S03001\tses-E06002\tt\t\"['unchanged'\t'NSG tube']\"\n"
        "sub-S03582\tses-E07281\tt\t['normal']\n",
        "sub-S03001\t['DX']\t['chest']\t[63]\tM\nsub-S03582\t['CR', 'CT']\t['chest']\t[50, 51]\tF\n"
        "sub-S09999\t['CR']\t['chest']\t[50]\tF\nsub-S09998\t['CT']\t['chest']\t[50]\tF\n",
        "participant\tdate\ttest\tresult\nsub-S03001\t10.03.2020\tPCR\tPOSITIVO\n",
    )
    put_text(
        root / "sub-S03001" / "sub-S03001_sessions.tsv",
        "session_id\tstudy_date\tmedical_evaluation\nses-E06001\t20200308\tt\nses-E06002\t20200315\tt\n",
    )
    put(root, "sub-S03001_ses-E06001_run-1_bp-chest_vp-ap_dx", sidecar("Tórax AP H"), 1)
    put(root, "sub-S03001_ses-E06002_run-1_bp-chest_vp-ap_dx", sidecar(photometric="MONOCHROME1"), 2)
    put(root, "sub-S03001_ses-E06002_acq-2_run-1_bp-chest_vp-pa_dx", sidecar("TORAX LAT"), 3)
    put(root, LATERAL, sidecar("TORAX AP", **{"00101010": ["044Y"], "00100040": ["F"]}), 4)
    return root


def test_labels_attributes_and_views_come_from_tables_and_headers(root, tmp_path, monkeypatch):
    cohort = opened(POSITIVE, root, monkeypatch, tmp_path)
    by_id = {study.attributes["session"]: study for study in cohort.studies}
    assert set(by_id) == {"ses-E06001", "ses-E06002"}
    first, second = by_id["ses-E06001"], by_id["ses-E06002"]
    assert first.attributes == {
        "sex": "M", "age": 63, "session": "ses-E06001", "position": "supine", "modality": "DX",
        "manufacturer": "Philips", "shown_by": "window", "days_from_test": -2, "view": "AP",
    }  # fmt: skip
    assert first.patient_id == "sub-S03001" and first.labels["covid"] == first.labels["pneumonia"] == 1
    assert "covid_19" not in first.labels, "an uncertain label is unknown where nobody says what it means"
    assert first.report == "Pneumonia. COVID 19 uncertain." and first.labels["pneumothorax"] == 0
    assert second.labels["pneumonia"] == second.labels["nsg_tube"] == 1, "unchanged is what was before"
    assert second.attributes["days_from_test"] == 5
    assert any("2 uncertain labels of covid_19 taken as unknown" in note for note in cohort.notes)


def test_the_cohort_is_the_label_covid(root, tmp_path):
    rows, _ = rows_and_problems(POSITIVE, root)
    assert {row.labels["covid"] for row in rows.values()} == {1}
    (root / "derivatives" / "labels" / "labels_covid19_posi.tsv").rename(
        root / "derivatives" / "labels" / "labels_SARS-cov-2_nega.tsv"
    )
    rows, _ = rows_and_problems(NEGATIVE, root)
    assert {row.labels["covid"] for row in rows.values()} == {0}
    assert facts(NEGATIVE, root, tmp_path / "cache").labels["covid"] == {"0": 4}


def test_a_film_is_shown_as_its_header_says(root, tmp_path, monkeypatch):
    cohort = opened(POSITIVE, root, monkeypatch, tmp_path)
    plain, inverted = sorted(cohort.studies, key=lambda study: study.attributes["session"])
    values = film(1, 48, 64).astype(float) * 16
    shown = np.clip((values - 2047.5) / 2047 + 0.5, 0, 1)
    assert np.abs(cohort.film(plain) / 65535 - shown).max() < 1e-4
    values = film(2, 48, 64).astype(float) * 16
    shown = 1 - np.clip((values - 2047.5) / 2047 + 0.5, 0, 1)
    assert np.abs(cohort.film(inverted) / 65535 - shown).max() < 1e-4


def test_lateral_films_that_are_called_pa_or_ap_are_lateral(root, tmp_path):
    found = facts(POSITIVE, root, tmp_path / "cache")
    assert found.views == {"AP": 2, "lateral": 2}
    assert found.problems == {
        "participants with radiographs without a folder (an archive that is not unpacked), left out": 1
    }


def test_hand_corrections_turn_leave_and_leave_out(root, tmp_path):
    values = put(root, UPSIDE_DOWN, sidecar(window=None), 5)
    put(root, UNUSABLE, sidecar(), 6)
    eight = film(7, 48, 64)
    put(root, AS_STORED, sidecar(photometric="MONOCHROME1"), pixels=eight)
    found = facts(POSITIVE, root, tmp_path / "cache")
    assert found.films == 6 and sum("DeGrave" in kind for kind in found.problems) == 1
    source = get_source(POSITIVE)
    path = next(root.rglob(f"{UPSIDE_DOWN}.png"))
    turned = source.read(path)
    assert np.array_equal(turned.pixels, np.rint(values[::-1] * (65535 / 4095)).astype(np.uint16))
    assert "turned upside down by hand correction" in turned.provenance and source.shape(path) == (48, 64)
    assert np.array_equal(source.read(next(root.rglob(f"{AS_STORED}.png"))).pixels, eight)


def test_films_that_cannot_be_shown_right_are_left_out_and_counted(root, tmp_path):
    stem = "sub-S03001_ses-E06001_run-{}_bp-chest_dx"
    put(root, stem.format(2), None)
    put(root, stem.format(3), "{ broken")
    put(root, stem.format(4), sidecar(photometric=""))
    put(root, stem.format(5), sidecar("CHEST", window=None))
    put(root, stem.format(6), sidecar())
    path = next(root.rglob(f"{stem.format(6)}.png"))
    path.write_bytes(path.read_bytes()[:-30])
    found = facts(POSITIVE, root, tmp_path / "cache")
    assert {kind: count for kind, count in found.problems.items() if "participants" not in kind} == {
        "films without a JSON file beside them that can be read (no window, no direction), left out": 2,
        "films whose header is neither MONOCHROME1 nor MONOCHROME2, left out": 1,
        "films without window and LUT, shown over the whole depth of their values": 1,
        "films whose PNG is cut short, left out": 1,
    }
    assert found.views["unknown"] == 1


def test_a_header_that_vanished_is_one_sentence(root):
    path = next(root.rglob("sub-S03001*_vp-ap_dx.png"))
    path.with_suffix(".json").unlink()
    with pytest.raises(UsageError, match=r"has no JSON file beside it .* unpack it again"):
        get_source(POSITIVE).read(path)


def test_sessions_without_labels_are_counted_and_only_covid_is_known(root):
    put_text(root / "derivatives" / "labels" / "labels_covid19_posi.tsv", LABELS)
    rows, problems = rows_and_problems(POSITIVE, root)
    assert {(tuple(row.labels.items()), row.report) for row in rows.values()} == {((("covid", 1),), "")}
    assert problems.counts["films of sessions without labels in the table, of which only covid is known"] == 4


def test_dates_come_from_the_headers_where_there_is_no_table_of_sessions(root):
    (root / "sub-S03001" / "sub-S03001_sessions.tsv").unlink()
    for session, day in (("ses-E06001", "20200308"), ("ses-E06002", "20200315")):
        for path in (root / "sub-S03001" / session).rglob("*.json"):
            put_text(path, sidecar(**{"00080020": [day]}))
    rows, _ = rows_and_problems(POSITIVE, root)
    later = rows["sub-S03001_ses-E06002_run-1_bp-chest_vp-ap_dx"]
    assert later.labels["pneumonia"] == 1 and later.attributes["days_from_test"] == 5


def test_a_root_one_folder_higher_is_found_and_the_cohorts_are_not_mixed_up(root, tmp_path):
    other = root.parent / "bimcv"
    put_text(other / "participants.tsv", PEOPLE)
    put_text(other / "derivatives" / "labels" / "labels_SARS-cov-2_nega.tsv", LABELS)
    put(other, "sub-S05001_ses-E09001_run-1_bp-chest_vp-ap_dx", sidecar())
    assert facts(POSITIVE, root.parent, tmp_path / "cache").films == 4
    assert facts(NEGATIVE, root.parent, tmp_path / "cache").films == 1
    with pytest.raises(
        UsageError, match=r"holds labels_covid19_posi.tsv, the labels of the other cohort; expected"
    ):
        rows_and_problems(NEGATIVE, root)


@pytest.mark.parametrize(
    ("lacking", "sentence"),
    [
        (
            "participants.tsv",
            r"bimcv-covid19-positive: .* has no participants.tsv .*\(the participants\); it holds",
        ),
        (
            "derivatives/labels/labels_covid19_posi.tsv",
            r"has no derivatives/labels/.*the labels of the sessions",
        ),
    ],
)
def test_half_a_download_is_named(root, lacking, sentence):
    (root / lacking).unlink()
    with pytest.raises(UsageError, match=sentence):
        rows_and_problems(POSITIVE, root)
