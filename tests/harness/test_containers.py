"""Real films written in other containers and depths: a model's scores stay what they were."""

import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
import torch
from audit_world import audit, shift
from PIL import Image
from pydicom import dcmwrite
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian
from torch import nn

from radbench.data.folder import open_folder_cohort
from radbench.models.registry import make_adapter
from radbench.specs import InputContract, ModelSpec

REAL = os.environ.get("RADBENCH_TEST_CXR", "")
SIZE = [96, 80]
UNEDITED = SimpleNamespace(
    records=[], key="k0", attrition={"cohort": 20}, attrition_by_scenario={"removal": {}}, provenance={}
)


class Network(nn.Module):
    """Seeded weights; the factor brings the scores apart."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(7)
        self.layers = nn.Sequential(
            nn.Conv2d(3, 8, 5, stride=2), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2), nn.ReLU()
        )
        self.head = nn.Linear(16, 1, bias=False)

    def forward(self, images):
        return self.head(self.layers(images).amax((2, 3)) * 20)


def model(folder, intensity):
    """An ONNX file with preprocessing of its own: size, three channels, mean and deviation, one rule of intensity."""
    contract = InputContract(
        spatial_shape=SIZE,
        num_channels=3,
        resize="pad",
        intensity=intensity,
        mean=[0.485, 0.456, 0.406],
        std=[0.229, 0.224, 0.225],
    )
    folder.mkdir(exist_ok=True)
    torch.onnx.export(
        Network().eval(),
        torch.zeros(2, 3, *SIZE),
        folder / "model.onnx",
        input_names=["film"],
        output_names=["logit"],
        dynamic_axes={"film": {0: "n"}, "logit": {0: "n"}},
        dynamo=False,
    )
    spec = ModelSpec(
        name=intensity,
        title=intensity,
        format="onnx",
        path="model.onnx",
        task="binary",
        target="sick",
        output="logits",
        input=contract,
    )
    return make_adapter(spec.read_from(folder / "model.yaml"))


def dicom(path, stored, photometric):
    """``stored`` at its type's depth, as an uncompressed DX image."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    meta.MediaStorageSOPInstanceUID = "1.2.826.0.1.3680043.8.498.1"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    data.Modality, data.PhotometricInterpretation, data.SamplesPerPixel = "DX", photometric, 1
    data.Rows, data.Columns = stored.shape
    bits = stored.dtype.itemsize * 8
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = bits, bits, bits - 1, 0
    data.PixelData = stored.tobytes() + b"\0" * (stored.nbytes % 2)
    data["PixelData"].VR = "OB" if bits == 8 else "OW"
    dcmwrite(path, data, enforce_file_format=True)


def deep(film):
    return film.astype(np.uint16) * 257


FORMS = {
    "8-bit.png": lambda path, film: Image.fromarray(film).save(path),
    "16-bit.png": lambda path, film: Image.fromarray(deep(film)).save(path),
    "16-bit.tif": lambda path, film: tifffile.imwrite(path, deep(film)),
    "monochrome2-16-bit.dcm": lambda path, film: dicom(path, deep(film), "MONOCHROME2"),
    "monochrome1-8-bit.dcm": lambda path, film: dicom(path, 255 - film, "MONOCHROME1"),
}


def real_films():
    """Twenty films of 8 bits from all over the folder, uint8 [H, W]."""
    files = [path for path in sorted(Path(REAL).rglob("*.png")) if "mask" not in path.name]
    films = []
    for path in files[:: len(files) // 24]:
        with Image.open(path) as film:
            if film.mode == "L":
                films.append(np.asarray(film))
    return films[:20]


def cohort(folder, write, kind, films):
    folder.mkdir()
    rows = ["study_id,patient_id,image,label_sick"]
    for number, film in enumerate(films):
        write(folder / f"{number}.{kind}", film)
        rows.append(f"s{number},p{number},{number}.{kind},{number % 2}")
    (folder / "manifest.csv").write_text("\n".join(rows), encoding="utf-8")
    return open_folder_cohort(folder)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.skipif(
    not Path(REAL, "manifest.csv").is_file(), reason="RADBENCH_TEST_CXR names no folder of X-rays"
)
def test_a_model_s_scores_do_not_depend_on_the_container(tmp_path):
    films = real_films()
    assert len(films) == 20 and all(film.dtype == np.uint8 for film in films)
    assert len({film.shape for film in films}) > 2, "films of several sizes and shapes"
    models = [model(tmp_path / rule, rule) for rule in ("stored-range", "min-max")]
    found = {}
    for form, write in FORMS.items():
        one = cohort(tmp_path / form, write, form.rpartition(".")[2], films)
        own_cache = tmp_path / f"{form}-cache"  # nothing is remembered from one container to the next
        result = audit(own_cache, models, cohort=one, testset=UNEDITED, spec=shift())
        for case in result.cases:
            found.setdefault((case.model, form), {})[case.study_id] = case.score
    for name in ("stored-range", "min-max"):
        expected = found[name, "8-bit.png"]
        assert len(expected) == 20 and np.std(list(expected.values())) > 0.05, expected
        for form in FORMS:
            assert found[name, form] == pytest.approx(expected, rel=0, abs=1e-4), (name, form)
