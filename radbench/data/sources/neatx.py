"""NEATX (2025): who has a chest drain among films of ChestX-ray14 and PadChest, as two non-experts saw it.

``NIH-CX14_TubeAnnotations_NonExperts_aggregated.csv``: ``Image Index`` and ``Drain`` (both annotators' answers stand
beside it) of 3,543 films. ``PadChest_TubeAnnotations_NonExperts_aggregated.csv``: ``ImageID`` and four kinds of tubes
of 1,011 films. 1 and 0 are what both say; -1 is where they differ or one cannot tell, which is uncertain here.

Cheplygina et al. 2025, arXiv:2309.02244.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from radbench.data.sources.source import UNCERTAIN, DatasetSource, FilmRow, Problems
from radbench.data.sources.tables import check_columns, header_of, number_or_none, rows_of
from radbench.data.sources.trees import first_of
from radbench.errors import UsageError

_NIH: Final = "NIH-CX14_TubeAnnotations_NonExperts_aggregated.csv"
_PADCHEST: Final = "PadChest_TubeAnnotations_NonExperts_aggregated.csv"
_TABLES: Final[Mapping[str, tuple[str, ...]]] = {
    "chestx-ray14": (_NIH, f"*/{_NIH}"),
    "padchest": (_PADCHEST, f"*/{_PADCHEST}", "Annotations_aggregated.csv"),
}
_KEYS: Final = {"chestx-ray14": "Image Index", "padchest": "ImageID"}
_COLUMNS: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "chestx-ray14": {"neatx_drain": ("Drain",)},
    "padchest": {
        "neatx_drain": ("Chest_drain", "Chest_drain_tube", "Drain"),
        "neatx_nsg_tube": ("NSG_tube",),
        "neatx_endotracheal_tube": ("Endotracheal_tube",),
        "neatx_tracheostomy_tube": ("Tracheostomy_tube",),
    },
}
_MEANT: Final = {0.0: 0, 1.0: 1, 2.0: 1, -1.0: UNCERTAIN}
_TWO: Final = "labels of 2 (several drains), taken as 1"


class Neatx(DatasetSource):
    """NEATX: labels of chest drains and other tubes for films of ChestX-ray14 and PadChest."""

    name = "neatx"
    title = "NEATX, non-expert annotations of tubes in X-rays"
    url = "https://zenodo.org/records/14944064"
    licence = "CC BY-NC-SA 2.0"
    download = (_NIH, _PADCHEST)
    labels = tuple(_COLUMNS["padchest"])
    hosts = ("chestx-ray14", "padchest")
    done_to_films = (
        "two annotators without medical training looked at each film",
        "of ChestX-ray14 they saw films with the label pneumothorax",
    )

    def tables(self, root: Path, host: str = "") -> tuple[Path, ...]:
        """Return the table of the films of a host; all that are there where none is named."""
        if host:
            return (self.find(root, *_TABLES[host], what=f"tubes in films of {host}"),)
        found = [first_of(root, *_TABLES[name]) for name in self.hosts]
        there = tuple(path for path in found if path is not None)
        return there or (self.find(root, _NIH, _PADCHEST, what="tubes in films"),)

    def films(self, root: Path, problems: Problems, host: str = "") -> Iterator[FilmRow]:
        """Yield a row without a film for every film of the host that was annotated."""
        table = self.tables(root, host)[0]
        host = host or next(name for name in self.hosts if first_of(root, *_TABLES[name]) == table)
        header = header_of(table)
        chosen = {
            label: next((name for name in names if name in header), names[0])
            for label, names in _COLUMNS[host].items()
        }
        check_columns(table, header, [_KEYS[host], *chosen.values()])
        for number, row in rows_of(table, [_KEYS[host], *chosen.values()]):
            study = row[_KEYS[host]].removesuffix(".png")
            labels = {}
            for label, column in chosen.items():
                value = number_or_none(row[column]) if row[column] else None
                if row[column] and value not in _MEANT:
                    raise UsageError(
                        f"The table {table}, row {number} has {column} {row[column]!r}; expected 0, 1, -1 (the "
                        "annotators differ) or an empty cell."
                    )
                if value is None:
                    continue
                if value > 1:
                    problems.add(_TWO, study)
                labels[label] = _MEANT[value]
            yield FilmRow(study, patient_id="", image="", view="", labels=labels)
