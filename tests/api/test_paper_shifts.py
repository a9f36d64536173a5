"""The paper's shifts from the download to the report: trees of the published layout, networks of the published shape.

Films are small drawings, networks are narrow and random, and edits have two steps: what is shown is that every part of
the way fits the next one, and not how well anything does.
"""

import sys
from pathlib import Path

import numpy as np
import pytest

import radbench
from radbench.declared import shifts_dir
from radbench.phantom.cohort import build_cohort

TESTS = Path(__file__).parents[1]
for place in ("data/sources", "diffusion", "quality/encoders"):
    sys.path.insert(0, str(TESTS / place))
from dataset_world import put_dicom, put_text  # noqa: E402
from published import NARROW, REPOSITORIES, Hub, write_repositories  # noqa: E402

pytestmark = pytest.mark.slow
SIDE = 1024


@pytest.fixture(scope="module")
def repositories(tmp_path_factory):
    """The gated repositories as they are published, narrow, with BioViL-T's image model."""
    import torch
    from test_biovil_t import IMAGE_FILE, image_sizes, random_state

    root = tmp_path_factory.mktemp("hub")
    write_repositories(root, NARROW, pickled=False)
    torch.save(random_state(image_sizes()), root / REPOSITORIES["text"] / IMAGE_FILE)
    return root


@pytest.fixture
def hub(repositories, tmp_path, monkeypatch):
    served = Hub(repositories, tmp_path / "hub-cache")

    def download(repository, *, revision=None, allow_patterns):
        return served.snapshot_download(
            repository, revision=revision or "main", allow_patterns=allow_patterns
        )

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    monkeypatch.setenv("RADBENCH_CONFIG", str(tmp_path / "config"))
    return served


def quick(name, tmp_path):
    """The shipped shift with two steps an edit and every edit kept; nothing else is changed."""
    text = (shifts_dir() / "paper" / f"{name}.yaml").read_text(encoding="utf-8")
    assert "num_inference_steps: 100" in text and "min_editing_score: 0.2" in text
    text = text.replace("num_inference_steps: 100", "num_inference_steps: 2")
    path = tmp_path / f"{name}.yaml"
    path.write_text(text.replace("min_editing_score: 0.2", "min_editing_score: -1.0"), encoding="utf-8")
    return path


def large(image):
    """A drawing of 128 pixels at 1024, uint8 or bool."""
    return np.kron(image, np.ones((SIDE // image.shape[0],) * 2, image.dtype))


def relative_runs(mask):
    """Run lengths as SIIM-ACR and CANDID-PTX write them: gap and length, down the columns."""
    flat = np.concatenate([[0], mask.T.ravel().astype(np.int8), [0]])
    edges = np.flatnonzero(np.diff(flat))
    starts, ends = edges[0::2], edges[1::2]
    gaps = starts - np.concatenate([[0], ends[:-1]])
    return " ".join(f"{gap} {length}" for gap, length in zip(gaps, ends - starts, strict=True)) or "-1"


def bright(images):
    """A score, [N], from how bright a film is."""
    return np.array([float(image.mean()) / 255 for image in images])


def a_candid_tree(root):
    """CANDID-PTX with 36 films of as many patients; every other healthy one has a drain, and is an anchor."""
    cohort = build_cohort("phantom/manifestation", "train", 36)
    reports, tubes = (
        ["SOPInstanceUID,StudyInstanceUID,filename,EncodedPixels,Report"],
        ["anon_SOPUID,ref,mask_rle"],
    )
    for number, study in enumerate(cohort.studies):
        sop = f"1.2.826.0.1.{number}"
        put_dicom(root / "dataset" / sop, large(cohort.image(study)), ViewPosition="AP")
        ill, drain = study.labels["pneumothorax"], study.labels["drain"]
        runs = relative_runs(large(cohort.mask(study, "pneumothorax"))) if ill else "-1"
        reports.append(f"{sop},1.{number},P{number:05}_1.dcm,{runs},{study.report}")
        if drain:
            tubes.append(f"{sop},1,{relative_runs(large(cohort.mask(study, 'drain')))}")
        elif not ill and number % 2:
            tubes.append(f"{sop},1,500000 40")
    put_text(root / "Pneumothorax_reports.csv", "\n".join(reports) + "\n")
    put_text(root / "chest_tube.csv", "\n".join(tubes) + "\n")
    return root


def audited(shift, name, tmp_path):
    audit = radbench.audit(shift, models={name: bright}, limit=2, progress=False, device="cpu")
    page = audit.report(tmp_path / "out").read_text(encoding="utf-8")
    assert "Beside the published figures" in page or not audit.result.shift.published
    return audit, page


def test_the_manifestation_shift_goes_from_the_download_to_the_report(hub, tmp_path):
    from radbench.api.datasets import add_dataset

    add_dataset("candid-ptx", a_candid_tree(tmp_path / "candid"))
    audit, page = audited(quick("manifestation", tmp_path), "pneumothorax-resnet50", tmp_path)
    result = audit.result
    assert result.testset.ok == 2 and result.testset.attrition["of the real set only"] > 0
    shown = {arm: {case.study_id for case in result.cases if case.arm == arm} for arm in ("real", "stress")}
    assert shown["real"] and not shown["real"] & shown["stress"], "edited films are of the training split"
    (anchors,) = result.models[0].anchors
    assert anchors.scenario == "remove-pneumothorax" and result.models[0].arms["anchor"].n >= 1
    assert result.originals and {row.study_id for row in result.originals} == shown["stress"]
    for words in ("93.3", "17.9", "Table 2, row 1", "no such model here", "The films are scaled to 1024"):
        assert words.lower() in page.lower(), words
    assert {repository for repository, _ in hub.asked} == set(REPOSITORIES.values())


def test_the_acquisition_shift_goes_from_the_download_to_the_report(hub, tmp_path):
    from radbench.api.datasets import add_dataset

    add_dataset("siim-fisabio-covid19", a_covid_tree(tmp_path / "covid"))
    add_dataset("mimic-cxr-jpg", a_mimic_tree(tmp_path / "mimic", 6))
    audit, page = audited(quick("acquisition", tmp_path), "covid-resnet50", tmp_path)
    result = audit.result
    assert result.testset.ok == 2
    real = {case.study_id.split(":")[0] for case in result.cases if case.arm == "real"}
    assert real == {"siim-fisabio-covid19", "mimic-cxr-jpg"}, "the real set is of both sources (Section 5.2)"
    edited = {case.study_id.split(":")[0] for case in result.cases if case.arm == "stress"}
    assert edited == {"siim-fisabio-covid19"}
    for words in ("99.1", "5.5", "Table 1, row 1", "histogram-equalised", "MIDRC-RICORD"):
        assert words.lower() in page.lower(), words


def test_the_population_shift_goes_from_the_download_to_the_report(hub, tmp_path):
    from radbench.api.datasets import add_dataset

    mimic = a_mimic_tree(tmp_path / "mimic", 16, split="train")
    add_dataset("mimic-cxr-jpg", mimic)
    add_dataset("mimic-seg", a_mimic_seg_tree(tmp_path / "seg", 16))
    shift = quick("population", tmp_path)
    audit = radbench.audit(shift, models={"lungs-weak": dark}, limit=4, progress=False, device="cpu")
    page = audit.report(tmp_path / "out").read_text(encoding="utf-8")
    result = audit.result
    assert result.testset.ok == 4
    assert {case.scenario for case in result.cases if case.arm == "stress"} == {
        "oedema", "pacemaker", "consolidation-left", "consolidation-right",
    }  # fmt: skip
    assert result.models[0].arms["real"].metrics["dice"].value > 0.2
    for words in ("mimic-seg", "not black in a picture of the lungs", "Dice"):
        assert words.lower() in page.lower(), words


def dark(images):
    """Masks of what is dark, uint8 [N, H, W]: a poor man's lungs."""
    return np.stack([(image < np.median(image)).astype(np.uint8) for image in images])


def a_covid_tree(root):
    """SIIM-FISABIO-RSNA COVID-19 with 24 DICOM films of 24 patients."""
    cohort = build_cohort("phantom/acquisition", "train", 24)
    studies = ["id,Negative for Pneumonia,Typical Appearance,Indeterminate Appearance,Atypical Appearance"]
    films = ["id,boxes,label,StudyInstanceUID"]
    for number, study in enumerate(cohort.studies):
        name = f"{number:012x}"
        path = root / "train" / f"s{name}" / f"r{name}" / f"{name}.dcm"
        put_dicom(path, large(cohort.image(study)), PatientID=f"p{number}", ViewPosition="AP")
        ill = study.labels["covid"]
        studies.append(f"s{name}_study,{int(not ill)},{int(ill)},0,0")
        boxes = "[{'x': 200.5, 'y': 300.0, 'width': 150.0, 'height': 250.0}]" if ill else ""
        label = "opacity 1 200.5 300 350.5 550" if ill else "none 1 0 0 1 1"
        films.append(f'{name}_image,"{boxes}",{label},s{name}')
    put_text(root / "train_study_level.csv", "\n".join(studies) + "\n")
    put_text(root / "train_image_level.csv", "\n".join(films) + "\n")
    return root


def dicom_id(number):
    return f"{number:08x}-bde0afdd-112c0b34-7bc16630-4e384014"


def a_mimic_tree(root, count, split="test"):
    """MIMIC-CXR-JPG with ``count`` films of as many patients, and their reports."""
    from PIL import Image

    cohort = build_cohort("phantom/population", "test", count)
    names = ["No Finding", "Pneumothorax"]
    metadata = [
        "dicom_id,subject_id,study_id,PerformedProcedureStepDescription,ViewPosition,Rows,Columns,StudyDate"
    ]
    splits, labels = ["dicom_id,study_id,subject_id,split"], ["subject_id,study_id," + ",".join(FINDINGS)]
    assert set(names) < set(FINDINGS)
    for number, study in enumerate(cohort.studies):
        subject, film, of = 10000000 + number, dicom_id(number), 50000000 + number
        path = root / "files" / "p10" / f"p{subject}" / f"s{of}" / f"{film}.jpg"
        path.parent.mkdir(parents=True)
        Image.fromarray(np.kron(cohort.image(study), np.ones((4, 4), np.uint8))).save(path, quality=95)
        report = "FINAL REPORT\n FINDINGS: Clear.\n\n IMPRESSION: No acute cardiopulmonary process.\n"
        put_text(root / "files" / "p10" / f"p{subject}" / f"s{of}.txt", report)
        metadata.append(f"{film},{subject},{of},CHEST,PA,512,512,21800506")
        splits.append(f"{film},{of},{subject},{split}")
        labels.append(
            f"{subject},{of}," + ",".join("1.0" if name == "No Finding" else "" for name in FINDINGS)
        )
    put_text(root / "mimic-cxr-2.0.0-metadata.csv.gz", "\n".join(metadata) + "\n")
    put_text(root / "mimic-cxr-2.0.0-split.csv.gz", "\n".join(splits) + "\n")
    put_text(root / "mimic-cxr-2.0.0-chexpert.csv.gz", "\n".join(labels) + "\n")
    return root


FINDINGS = (
    "Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Enlarged Cardiomediastinum", "Fracture", "Lung Lesion",
    "Lung Opacity", "No Finding", "Pleural Effusion", "Pleural Other", "Pneumonia", "Pneumothorax", "Support Devices",
)  # fmt: skip


def a_mimic_seg_tree(root, count):
    """Pictures of the lungs, cut out on black, of the same films."""
    from dataset_world import put_png

    cohort = build_cohort("phantom/population", "test", count)
    for number, study in enumerate(cohort.studies):
        lungs = np.kron(cohort.mask(study, "lungs"), np.ones((4, 4), bool))
        film = np.kron(cohort.image(study), np.ones((4, 4), np.uint8))
        put_png(
            root / "lung" / f"{dicom_id(number)}.png",
            np.where(lungs, np.maximum(film, 1), 0).astype(np.uint8),
        )
    return root
