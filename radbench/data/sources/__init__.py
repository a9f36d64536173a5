"""Public datasets as they are downloaded: ``cohort: siim-acr`` in a shift, one file here a dataset.

``source``      what a dataset is: where it comes from, what it holds, one row for every film
``tables``      published tables row by row, in flat memory
``index``       those rows once, in Parquet; ``mask_store`` its masks, one at a time
``cohort``      an index as a cohort: which rows, what labels mean, what is said of the rest
``roots``       where the datasets lie on this machine
``trees``       files by their names, and what DICOM headers say

Every other file is a dataset. Another package adds one with the entry point group ``radbench.datasets``.
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
    "openi": "openi:OpenI",
    "padchest": "padchest:PadChest",
    "siim-acr": "siim_acr:SiimAcr",
    "siim-fisabio-covid19": "siim_fisabio:SiimFisabio",
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
