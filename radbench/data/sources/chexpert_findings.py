"""The fourteen findings of CheXpert's labeller, as CheXpert, CheXpert Plus and MIMIC-CXR publish them.

A cell is 1 (present), 0 (said to be absent), -1 (uncertain) or blank (not mentioned); ``1.0`` is 1. ``No Finding`` is 1
or blank in the tables of the labeller, 0 or 1 in those that people filled in.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from radbench.data.sources.tables import check_columns, header_of, number_or_none
from radbench.errors import UsageError

COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "no_finding": ("No Finding", "No Findings"),
    "enlarged_cardiomediastinum": ("Enlarged Cardiomediastinum",),
    "cardiomegaly": ("Cardiomegaly",),
    "lung_opacity": ("Lung Opacity", "Airspace Opacity"),
    "lung_lesion": ("Lung Lesion",),
    "edema": ("Edema",),
    "consolidation": ("Consolidation",),
    "pneumonia": ("Pneumonia",),
    "atelectasis": ("Atelectasis",),
    "pneumothorax": ("Pneumothorax",),
    "pleural_effusion": ("Pleural Effusion",),
    "pleural_other": ("Pleural Other",),
    "fracture": ("Fracture",),
    "support_devices": ("Support Devices",),
}
"""Our finding to its column; the test set of MIMIC-CXR-JPG 2.1.0 and CheXlocalize have other names for two."""
FINDINGS: Final = tuple(COLUMNS)
WORDS: Final[Mapping[str, str]] = {
    "enlarged_cardiomediastinum": "Enlarged cardiomediastinum",
    "cardiomegaly": "Cardiomegaly",
    "lung_opacity": "Lung opacity",
    "lung_lesion": "Lung lesion",
    "edema": "Oedema",
    "consolidation": "Consolidation",
    "pneumonia": "Pneumonia",
    "atelectasis": "Atelectasis",
    "pneumothorax": "Pneumothorax",
    "pleural_effusion": "Pleural effusion",
    "pleural_other": "Pleural other",
    "fracture": "Fracture",
    "support_devices": "Support devices",
}
"""The words of Appendix A of the paper (arXiv:2312.12865), which its diffusion model was conditioned on."""
_NOT_MENTIONED: Final = 3


def prefixed(prefix: str) -> tuple[str, ...]:
    """Return the findings as another labeller or reader has them: ``negbio_pneumothorax``."""
    return tuple(prefix + finding for finding in FINDINGS)


def columns_in(path: Path, header: Sequence[str] | None = None) -> dict[str, str]:
    """Return by finding the column of a table.

    Args:
        path: the table.
        header: its columns; None to read them from it.

    Raises:
        UsageError: a finding other than ``no_finding`` has no column.
    """
    found = header_of(path) if header is None else header
    columns = {finding: next((n for n in names if n in found), "") for finding, names in COLUMNS.items()}
    lacking = [COLUMNS[f][0] for f, column in columns.items() if not column and f != "no_finding"]
    check_columns(path, found, lacking)
    return {finding: column for finding, column in columns.items() if column}


def labels_of(path: Path, number: int, row: Mapping[str, str], columns: Mapping[str, str]) -> dict[str, int]:
    """Return a row's labels: 0, 1 or -1 by finding; blank cells are left out.

    Args:
        path: the table, for the error.
        number: the row, for the error.
        row: its cells.
        columns: by finding the column.

    Raises:
        UsageError: a cell is none of 1, 0, -1 and blank.
    """
    return dict(_labels(path, number, row, columns))


def _labels(
    path: Path, number: int, row: Mapping[str, str], columns: Mapping[str, str]
) -> Iterator[tuple[str, int]]:
    for finding, column in columns.items():
        cell = row[column]
        if not cell:
            continue
        value = number_or_none(cell)
        if value not in {0.0, 1.0, -1.0}:
            raise UsageError(
                f"{path}, row {number}: '{column}' is '{cell}', expected 1, 0, -1 (uncertain) or a blank cell; "
                "download the table again."
            )
        yield finding, int(value)


def pack(labels: Mapping[str, int]) -> bytes:
    """Return labels as a byte a finding, so that those of 230,000 studies fit in little memory."""
    return bytes(labels.get(finding, _NOT_MENTIONED) + 1 for finding in FINDINGS)


def unpack(packed: bytes, prefix: str = "") -> dict[str, int]:
    """Return what ``pack`` was given, with a labeller's prefix before each finding."""
    values = {finding: byte - 1 for finding, byte in zip(FINDINGS, packed, strict=True)}
    return {prefix + finding: value for finding, value in values.items() if value != _NOT_MENTIONED}
