"""CheXlocalize (Stanford, 2022): outlines of ten findings on the films of CheXpert's validation and test sets.

``gt_segmentations_val.json`` and ``gt_segmentations_test.json``: by film (``patient64622_study1_view1_frontal``) and
finding a mask as COCO writes run lengths, ``{"size": [height, width], "counts": "..."}``. A film is there where it has
any positive label. A finding that it does not show is a mask of zeros, which is label 0 and no mask here. Saporta et
al. 2022, doi:10.1038/s42256-022-00536-x.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

from radbench.data.sources.source import DatasetSource, FilmRow, Problems, look
from radbench.errors import UsageError

_FILES: Final = ("gt_segmentations_val.json", "gt_segmentations_test.json")
_FINDINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "enlarged_cardiomediastinum": ("Enlarged Cardiomediastinum",),
    "cardiomegaly": ("Cardiomegaly",),
    "lung_lesion": ("Lung Lesion",),
    "lung_opacity": ("Lung Opacity", "Airspace Opacity"),
    "edema": ("Edema",),
    "consolidation": ("Consolidation",),
    "atelectasis": ("Atelectasis",),
    "pneumothorax": ("Pneumothorax",),
    "pleural_effusion": ("Pleural Effusion",),
    "support_devices": ("Support Devices",),
}
_NAMES: Final = {name: finding for finding, names in _FINDINGS.items() for name in names}
_PREFIX: Final = "chexlocalize_"
_NO_FILE: Final = "files of outlines that are not there, so nothing of their split is known"
_UNKNOWN: Final = "outlines of a finding that is none of the ten, left out"
_CONTINUES: Final = 0x20


class CheXlocalize(DatasetSource):
    """CheXlocalize: masks by radiologists for the films of CheXpert, among them pneumothoraces and devices."""

    name = "chexlocalize"
    title = "CheXlocalize, outlines of findings on CheXpert's validation and test sets"
    url = "https://stanfordaimi.azurewebsites.net/datasets/abfb76e5-70d5-4315-badc-c94dd82e3d6d"
    licence = "Stanford University Dataset Research Use Agreement"
    download = (
        "CheXlocalize/gt_segmentations_val.json and gt_segmentations_test.json",
        "CheXpert/ (its films of full size, a root for the dataset chexpert)",
    )
    labels = tuple(_PREFIX + finding for finding in _FINDINGS)
    masks = tuple(_FINDINGS)
    done_to_films: ClassVar[tuple[str, ...]] = (
        "two radiologists drew the outlines on CheXpert's films of full size",
        "the films of CheXpert-v1.0-small have another size, so no mask fits them",
    )
    hosts = ("chexpert",)

    def tables(self, root: Path, host: str = "") -> tuple[Path, ...]:
        """Return the files of outlines that are there."""
        del host
        found = tuple(path for path in map(self._file, [root] * len(_FILES), _FILES) if path is not None)
        if not found:
            raise self.missing(root, [f"CheXlocalize/{name}" for name in _FILES], "the outlines")
        return found

    def films(self, root: Path, problems: Problems, host: str = "") -> Iterator[FilmRow]:
        """Yield a row for every film that has outlines; their files are named by absolute paths."""
        self.tables(root, host)
        for name in _FILES:
            path = self._file(root, name)
            if path is None:
                problems.add(_NO_FILE, name)
                continue
            for film, outlines in _content(path).items():
                yield _row(path.absolute(), film, outlines, problems)

    def _file(self, root: Path, name: str) -> Path | None:
        return look(root, f"CheXlocalize/{name}", name, f"*/{name}", f"*/CheXlocalize/{name}")


def _content(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"The outlines {path} are not JSON ({error}); download them again.") from None
    if not isinstance(content, dict) or not all(isinstance(value, dict) for value in content.values()):
        raise UsageError(
            f"The outlines {path} are no group of films; expected film, finding, and 'size' and 'counts' of each "
            "(gt_segmentations, not gt_annotations)."
        )
    return content


def _row(path: Path, film: str, outlines: Mapping[str, Any], problems: Problems) -> FilmRow:
    labels: dict[str, int] = {}
    masks: dict[str, str] = {}
    for name, runs in outlines.items():
        finding = _NAMES.get(name)
        if finding is None:
            problems.add(_UNKNOWN, f"{film}, {name}")
            continue
        shows = _shows(runs, f"{path}, {film}, {name}")
        labels[_PREFIX + finding] = int(shows)
        if shows:
            masks[finding] = f"{path.as_posix()}#image={film},category={name}"
    return FilmRow(study_id=film, patient_id="", image="", view="", labels=labels, masks=masks)


def _shows(runs: Any, where: str) -> bool:
    """Whether any pixel is set: run lengths begin with zeros, so more than one run is.

    In COCO's compressed form a number is as many letters as it needs, and all but its last have bit 5 set.
    """
    counts = runs.get("counts") if isinstance(runs, dict) else None
    if isinstance(counts, str) and counts and isinstance(runs.get("size"), list):
        return sum(not (ord(letter) - 48) & _CONTINUES for letter in counts) > 1
    if isinstance(counts, list) and counts:
        return any(counts[1::2])
    raise UsageError(
        f"{where}: expected 'size' and 'counts', as COCO writes run lengths (gt_segmentations, not gt_annotations)."
    )
