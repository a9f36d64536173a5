"""Public datasets as they are downloaded: ``cohort: siim-acr`` in a shift, one file here a dataset.

``source``      what a dataset is: where it comes from, what it holds, one row for every film
``tables``      published tables row by row, in flat memory
``index``       those rows once, in Parquet; ``mask_store`` its masks, one at a time
``cohort``      an index as a cohort: which rows, what labels mean, what is said of the rest
``roots``       where the datasets lie on this machine
``trees``       files by their names, and what DICOM headers say
``prompts``     a report's sentences in another order, as a prompt to train with
``boxes``       boxes of a table as mask references

``chexpert_findings``, ``chexpert_films``, ``mimic``, ``mimic_reports``, ``nlm``, ``bimcv_*``, ``openi_*`` and
``padchest_findings`` are parts of datasets. Every other file is a dataset. Another package adds one with the entry
point group ``radbench.datasets``.
"""

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Final

from radbench.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from radbench.data.sources.source import DatasetSource

GROUP: Final = "radbench.datasets"
"""Entry points of other packages' datasets: subclasses of ``DatasetSource`` by name."""
_DATASETS: Final[Mapping[str, str]] = {
    "bimcv-covid19-negative": "bimcv:BimcvNegative",
    "bimcv-covid19-positive": "bimcv:BimcvPositive",
    "candid-ptx": "candid_ptx:CandidPtx",
    "chestx-ray14": "chestx_ray14:ChestXray14",
    "chexlocalize": "chexlocalize:CheXlocalize",
    "chexmask": "chexmask:Chexmask",
    "chexpert": "chexpert:CheXpert",
    "chexpert-plus": "chexpert_plus:CheXpertPlus",
    "jsrt": "jsrt:Jsrt",
    "mimic-cxr": "mimic_cxr:MimicCxr",
    "mimic-cxr-jpg": "mimic_cxr_jpg:MimicCxrJpg",
    "mimic-seg": "mimic_seg:MimicSeg",
    "montgomery": "montgomery:Montgomery",
    "neatx": "neatx:Neatx",
    "openi": "openi:OpenI",
    "padchest": "padchest:PadChest",
    "rsna-pneumonia": "rsna_pneumonia:RsnaPneumonia",
    "shenzhen": "shenzhen:Shenzhen",
    "siim-acr": "siim_acr:SiimAcr",
    "siim-fisabio-covid19": "siim_fisabio:SiimFisabio",
    "vindr-cxr": "vindr_cxr:VindrCxr",
}
"""Name to ``module:class`` in this room."""


def dataset_names() -> list[str]:
    """Return the names of all datasets that are known here."""
    return sorted({*_DATASETS, *(point.name for point in entry_points(group=GROUP))})


def get_source(name: str) -> "DatasetSource":
    """Return a dataset by its name.

    Raises:
        UsageError: there is none of that name; the sentence gives the nearest one.
    """
    if name in _DATASETS:
        module, _, kind = _DATASETS[name].partition(":")
        found: DatasetSource = getattr(import_module(f"{__name__}.{module}"), kind)()
        return found
    for point in entry_points(group=GROUP):
        if point.name == name:
            other: DatasetSource = point.load()()
            return other
    known = dataset_names()
    raise UsageError(
        f"There is no dataset named '{name}', expected one of {', '.join(known) or 'none'}, or folder:PATH for "
        f"your own films.{did_you_mean(name, known)}"
    )
