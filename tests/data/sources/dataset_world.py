"""Trees of public datasets as they are downloaded, small: films, tables, and the means to open them."""

import gzip
import importlib.util
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from radbench.data.images import write_png
from radbench.data.sources import get_source
from radbench.data.sources.index import open_index
from radbench.data.sources.source import DatasetSource, FilmRow, Problems
from radbench.data.sources.tables import rows_of
from radbench.specs import CohortSpec


def film(seed=0, height=64, width=64):
    """A film of noise on a slope, uint8 [H, W]: no two seeds give the same."""
    rng = np.random.default_rng(seed)
    slope = np.linspace(40, 200, height)[:, None] + np.zeros((1, width))
    return np.clip(slope + rng.normal(0, 12, (height, width)), 0, 255).astype(np.uint8)


def put_png(path, pixels=None, seed=0):
    """Write a PNG, folders and all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_png(path, film(seed) if pixels is None else pixels)
    return path


def put_dicom(path, pixels=None, seed=0, **tags):
    """Write a DICOM film with these attributes, such as ``ViewPosition="PA"``; 8 bits, or 16 of ``uint16`` pixels."""
    import pydicom
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid

    values = film(seed) if pixels is None else pixels
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    data.Rows, data.Columns = values.shape
    data.SamplesPerPixel, data.PixelRepresentation = 1, 0
    data.PhotometricInterpretation = "MONOCHROME2"
    data.BitsAllocated = data.BitsStored = 8 * values.dtype.itemsize
    data.HighBit = data.BitsStored - 1
    data.Modality = "DX"
    for name, value in tags.items():
        setattr(data, name, value)
    data.PixelData = values.tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    pydicom.dcmwrite(path, data, enforce_file_format=True)
    return path


def put_text(path, text):
    """Write text, gzip where the name ends in .gz."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def rows_and_problems(name, root, host=""):
    """The rows of a dataset's tables by study, before any file is looked at, and the problems."""
    problems = Problems()
    rows = list(get_source(name).films(root, problems, host))
    return {row.study_id: row for row in rows}, problems


def opened(name, root, monkeypatch, tmp_path, size=64, **fields):
    """The cohort of a dataset's tree with the paper's square at a small size; the cache is this test's own."""
    from radbench.data.sources.cohort import open_dataset

    monkeypatch.setenv("RADBENCH_CACHE", str(tmp_path / "cache"))
    part = CohortSpec(cohort=name, root=str(root), **fields)
    return open_dataset(part, Path, size)


def facts(name, root, cache, host=""):
    """The facts of a new index."""
    return open_index(get_source(name), root, cache, host=host).facts


def real_table(name):
    """A real table that torchxrayvision's wheel carries; the test is skipped where it is not installed."""
    found = importlib.util.find_spec("torchxrayvision")
    path = Path(found.origin).parent / "data" / name if found and found.origin else None
    if path is None or not path.is_file():
        pytest.skip(f"torchxrayvision with {name} is not installed")
    return path


SMALL_HEADER = "film,patient,split,view,effusion,age,runs\n"


class Small(DatasetSource):
    """A dataset of one table, as small as they come."""

    name = "small"
    title = "Small"
    url = "https://example.org/small"
    licence = "none"
    download = ("table.csv", "films/")
    labels = ("effusion",)
    words: ClassVar = {"effusion": "Effusion"}
    attributes: ClassVar = {"age": int}
    masks = ("lung",)

    def tables(self, root, host=""):
        return (self.find(root, "table.csv"),)

    def films(self, root, problems, host=""):
        for _, row in rows_of(
            *self.tables(root), ["film", "patient", "split", "view", "effusion", "age", "runs"]
        ):
            yield FilmRow(
                row["film"],
                row["patient"],
                f"films/{row['film']}.png",
                row["view"],
                row["split"],
                {"effusion": int(row["effusion"])} if row["effusion"] else {},
                {"age": int(row["age"])} if row["age"] else {},
                masks={"lung": f"{row['runs']}#rle=absolute,order=row,size=film"} if row["runs"] else {},
            )


def a_tree(root, rows, missing=()):
    put_text(root / "table.csv", SMALL_HEADER + "".join(f"{row}\n" for row in rows))
    for row in rows:
        name = row.split(",")[0]
        if name not in missing:
            put_png(root / "films" / f"{name}.png")
    return root
