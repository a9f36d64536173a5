from collections import Counter

import pytest
from dataset_world import facts, film, opened, put_dicom, put_png, put_text, real_table, rows_and_problems
from test_openi_reports import xml

import radbench.data.sources.openi_views as views_of_openi
from radbench.data.sources.openi import _labels
from radbench.data.sources.openi_reports import Report, reports_of
from radbench.errors import UsageError


@pytest.fixture
def root(tmp_path):
    """Four reports with seven films as PNG, views in torchxrayvision's two tables."""
    root = tmp_path / "openi"
    texts = {
        1: xml(1, ["normal"], "Clear.", ["CXR1_1_IM-0001-3001", "CXR1_1_IM-0001-4001"]),
        2: xml(2, ["Pneumothorax/right/small", "Tube, Inserted/thorax"], "", ["CXR2_IM-0002-1001"]),
        3: xml(
            3,
            ["Subcutaneous Emphysema", "Thickening/pleura/apex"],
            "Air.",
            ["CXR3_IM-0003-1001", "CXR3_IM-0003-9"],
        ),
        4: xml(4, ["No Indexing"], "", ["CXR4_IM-0004-1001"]),
    }
    for number, text in texts.items():
        put_text(root / "ecgen-radiology" / f"{number}.xml", text)
    names = ["CXR1_1_IM-0001-3001", "CXR1_1_IM-0001-4001", "CXR2_IM-0002-1001", "CXR3_IM-0003-1001",
             "CXR4_IM-0004-1001", "CXR9_IM-0009-1001"]  # fmt: skip
    for seed, name in enumerate(names):
        put_png(root / "NLMCXR_png" / f"{name}.png", film(seed, 48, 64))
    put_text(
        root / "nlmcxr_dicom_metadata.csv",
        "imageid,View Position\nCXR1_IM-0001-3001,PA\nCXR1_IM-0001-4001,PA\nCXR2_IM-0002-1001,AP\nCXR3_IM-0003-1001,\n"
        "CXR4_IM-0004-1001,PA\n",
    )
    put_text(root / "nlmcxr_tsne_pa.csv", "imageid,tsne-view\nCXR1_1_IM-0001-3001,L\nCXR3_IM-0003-1001,PA\n")
    return root


def test_films_have_views_labels_and_impressions(root, tmp_path, monkeypatch):
    cohort = opened("openi", root, monkeypatch, tmp_path)
    by_id = {study.study_id: study for study in cohort.studies}
    assert {name: study.attributes["view"] for name, study in by_id.items()} == {
        "CXR1_IM-0001-4001": "PA", "CXR2_IM-0002-1001": "AP", "CXR3_IM-0003-1001": "frontal", "CXR4_IM-0004-1001": "PA",
    }  # fmt: skip
    normal, air = by_id["CXR1_IM-0001-4001"], by_id["CXR3_IM-0003-1001"]
    assert normal.patient_id == "1" and normal.report == "Clear." and normal.labels["no_finding"] == 1
    assert (
        air.labels["emphysema"] == 0
        and air.labels["pleural_thickening"] == 1
        and air.labels["no_finding"] == 0
    )
    drained = by_id["CXR2_IM-0002-1001"]
    assert drained.report == "Pneumothorax. Support devices." and drained.labels["pneumothorax"] == 1
    assert dict(by_id["CXR4_IM-0004-1001"].labels) == {} and by_id["CXR4_IM-0004-1001"].report == ""
    assert cohort.film(normal).shape == (48, 64)


def test_what_is_odd_is_counted(root, tmp_path):
    path = root / "NLMCXR_png" / "CXR2_IM-0002-1001.png"
    path.write_bytes(path.read_bytes()[:-12])
    found = facts("openi", root, tmp_path / "cache")
    assert found.problems == {
        "films that look lateral and whose header says PA or AP, taken as lateral": 1,
        "films of a report without an impression, whose report is the list of its findings": 2,
        "films of the table without a file, left out": 1,
        "films of a report without headings, whose labels are unknown": 1,
        "films whose PNG is cut short, left out": 1,
        "films without a report, left out": 1,
    }
    assert (found.films, found.patients) == (4, 3)


def test_the_mirror_on_kaggle_is_read(tmp_path):
    root = tmp_path / "kaggle"
    put_text(
        root / "indiana_reports.csv",
        "uid,MeSH,Problems,image,indication,comparison,findings,impression\n5,Cardiomegaly/mild,Cardiomegaly,i,i,c,f,Big.\n",
    )
    put_text(
        root / "indiana_projections.csv",
        "uid,filename,projection\n5,5_IM-2117-1003002.dcm.png,Frontal\n5,5_IM-2117-1004003.dcm.png,Lateral\n",
    )
    for name in ("5_IM-2117-1003002", "5_IM-2117-1004003"):
        put_png(root / "images" / "images_normalized" / f"{name}.dcm.png")
    rows, _ = rows_and_problems("openi", root)
    assert {name: row.view for name, row in rows.items()} == {
        "CXR5_IM-2117-1003002": "frontal", "CXR5_IM-2117-1004003": "lateral",
    }  # fmt: skip
    assert rows["CXR5_IM-2117-1003002"].labels["cardiomegaly"] == 1


def test_dicom_films_say_their_view_themselves(tmp_path, monkeypatch):
    monkeypatch.setattr(views_of_openi, "find_spec", lambda name: None)
    root = tmp_path / "dicom"
    put_text(
        root / "ecgen-radiology" / "7.xml", xml(7, ["normal"], "Clear.", ["CXR7_IM-1-1001", "CXR7_IM-1-2001"])
    )
    put_dicom(root / "NLMCXR_dcm" / "7" / "7_IM-1-1001.dcm", ViewPosition="PA")
    put_dicom(root / "NLMCXR_dcm" / "7" / "7_IM-1-2001.dcm", ViewPosition="LL")
    assert facts("openi", root, tmp_path / "cache").views == {"PA": 1, "lateral": 1}


def test_without_any_table_of_views_png_films_are_refused(root, monkeypatch):
    monkeypatch.setattr(views_of_openi, "find_spec", lambda name: None)
    for name in ("nlmcxr_dicom_metadata.csv", "nlmcxr_tsne_pa.csv"):
        (root / name).unlink()
    with pytest.raises(
        UsageError, match=r"nothing says which films of .* are frontal; expected indiana_projections.csv"
    ):
        rows_and_problems("openi", root)


@pytest.mark.parametrize(
    ("lacking", "sentence"),
    [
        ("ecgen-radiology", r"has no NLMCXR_reports.tgz or .*the reports"),
        ("NLMCXR_png", r"has no NLMCXR_png or .*the films"),
    ],
)
def test_half_a_download_is_named(root, lacking, sentence):
    for path in (root / lacking).iterdir():
        path.unlink()
    (root / lacking).rmdir()
    with pytest.raises(UsageError, match=sentence):
        rows_and_problems("openi", root)


@pytest.mark.parametrize(
    ("headings", "positive"),
    [
        (["Hydropneumothorax/left"], {"pneumothorax", "pleural_effusion"}),
        (["Cardiac Shadow/enlarged/mild"], {"cardiomegaly"}),
        (["Cardiac Shadow/obscured"], set()),
        (["Thickening/bronchovascular"], set()),
        (["Hernia, Hiatal"], {"hiatal_hernia"}),
        (["normal", "Technical Quality of Image Unsatisfactory "], {"no_finding"}),
        (["Scoliosis", "Calcinosis/aorta"], {"scoliosis"}),
    ],
)  # fmt: skip
def test_headings_are_compared_whole(headings, positive):
    labels = _labels(Report("1", tuple(headings), "", "", ()))
    assert {name for name, value in labels.items() if value} == positive


def test_the_labels_of_the_real_reports():
    counts, without = Counter(), 0
    for report in reports_of(real_table("NLMCXR_reports.tgz")):
        labels = _labels(report)
        without += not labels
        counts.update(name for name, value in labels.items() if value)
    assert without == 101 and counts["no_finding"] == 1_391 and counts["cardiomegaly"] == 395
    assert (counts["pneumothorax"], counts["pleural_effusion"], counts["atelectasis"]) == (27, 163, 332)
