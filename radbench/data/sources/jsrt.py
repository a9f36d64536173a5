"""JSRT (Shiraishi et al. 2000): 154 films with a lung nodule, 93 without; with SCR (van Ginneken et al. 2006) organs.

``All247images/JPCLN001.IMG`` (nodule) and ``JPCNN001.IMG`` (none): raw, see ``_LAYOUT``; the values are optical
densities, so that 0 is white. ``CLNDAT_EN.txt`` has a record a nodule: film, subtlety 1 to 5, size in mm, age (``?``
for unknown), sex, x, y, malignant or benign, place, diagnosis; ``CNNDAT_EN.TXT`` film, age, sex, ``non-nodule``. Lines
end in a bare carriage return, and in some copies records run together ("...hematomaJPCLN003.IMG"), so that a record is
what follows a film's name. SCR is a download of its own: ``scratch/fold1|fold2/masks/<organ>/JPCLN001.gif``,
1024 x 1024, half the film's height and width, so each pixel of a mask stands for 2 x 2 of it. Its right is the
patient's.

Sources: doi 10.2214/ajr.174.1.1740071; doi 10.1016/j.media.2005.02.002.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar, Final

from radbench.data.films.film import Film
from radbench.data.films.raw import RawLayout, raw_shape, read_raw
from radbench.data.sources.source import DatasetSource, FilmRow, Kind, Problems
from radbench.data.sources.tables import age_of, sex_of
from radbench.data.sources.trees import walk
from radbench.errors import UsageError

_LAYOUT: Final = RawLayout(2048, 2048, ">u2", 12, inverted=True, spacing=(0.175, 0.175))
_FILM = re.compile(r"(JPC[LN]N\d{3})\.IMG", re.IGNORECASE)
_ORGANS: Final = {
    "right lung": ("lung_right", ",side=right"),
    "left lung": ("lung_left", ",side=left"),
    "heart": ("heart", ""),
    "right clavicle": ("clavicle_right", ",side=right"),
    "left clavicle": ("clavicle_left", ",side=left"),
}
"""SCR's folder to our name and the side that the mask should be on."""
_NO_RECORD: Final = "films without a record in the clinical tables, whose sex and age are unknown"
_NO_AGE: Final = "records without an age, whose age is unknown"


class Jsrt(DatasetSource):
    """JSRT: one raw film, the label nodule, its place; organs where SCR is there."""

    name = "jsrt"
    title = "JSRT lung nodules, with SCR segmentations"
    url = "http://db.jsrt.or.jp/eng.php"
    licence = "for research and education, after registration; SCR: no redistribution, no commercial use"
    download = (
        "All247images/ (or Nodule154images/ and NonNodule93images/)",
        "Clinical_Information/ with CLNDAT_EN.txt and CNNDAT_EN.TXT",
        "for organs, scratch/ of SCR (https://www.isi.uu.nl/Research/Databases/SCR/)",
    )
    labels = ("nodule",)
    words: ClassVar[Mapping[str, str]] = {"nodule": "Nodule"}
    attributes: ClassVar[Mapping[str, Kind]] = {
        "sex": str,
        "age": int,
        "nodule_mm": int,
        "nodule_subtlety": int,
        "nodule_kind": str,
    }
    masks = ("lung_left", "lung_right", "lungs", "heart", "clavicle_left", "clavicle_right", "nodule")
    done_to_films = (
        "conventional films, digitised by a laser scanner at 0.175 mm and 12 bits; the stored densities are inverted",
        "the mask of a nodule is a box of its stated size around its stated centre, no outline",
        "the organs of SCR are outlined at half the height and width; each pixel stands for 2 x 2 of the film",
        "SCR's lungs leave out what lies behind heart, mediastinum, aorta and diaphragm",
    )

    def tables(self, root: Path, host: str = "") -> tuple[Path, ...]:
        """Return the two clinical tables, then the folders of films and organs."""
        del host
        files = _files(root)
        clinical = [files.get(name) for name in ("clndat_en.txt", "cnndat_en.txt")]
        if clinical[0] is None or clinical[1] is None:
            raise self.missing(root, ["CLNDAT_EN.txt", "CNNDAT_EN.TXT"], "the clinical tables")
        found = [path.parent for path in files.values() if path.suffix.lower() in {".img", ".gif"}]
        return (clinical[0], clinical[1], *dict.fromkeys(found))

    def films(self, root: Path, problems: Problems, host: str = "") -> Iterator[FilmRow]:
        """Yield every film in the order of its name; the label is in the name."""
        nodules, others, *_ = self.tables(root, host)
        records = {**_records(nodules), **_records(others)}
        files = _files(root)
        images = sorted(name for name in files if _FILM.fullmatch(name))
        if not images:
            raise self.missing(root, ["All247images/JPCLN001.IMG"], "the films")
        for name in images:
            study = name[:-4].upper()
            has_nodule = study.startswith("JPCLN")
            if study not in records:
                problems.add(_NO_RECORD, study)
            told, boxes = _told(study, records.get(study), problems, nodules if has_nodule else others)
            yield FilmRow(
                study_id=study,
                patient_id=study,
                image=files[name].relative_to(root).as_posix(),
                view="PA",
                labels={"nodule": int(has_nodule)},
                attributes=told,
                masks={**_organs(study, files, root), **boxes},
            )

    def read(self, path: Path) -> Film:
        """Read a raw film: 12 bits, inverted, 0.175 mm a pixel."""
        return read_raw(path, _LAYOUT)

    def shape(self, path: Path) -> tuple[int, int]:
        """2048 x 2048, if the file has so many bytes."""
        return raw_shape(path, _LAYOUT)


def _files(root: Path) -> dict[str, Path]:
    """Return films and tables by their name, masks by organ and name, all in lower case."""
    found: dict[str, Path] = {}
    for path in walk(root) if root.is_dir() else ():
        name = path.name.lower()
        found.setdefault(f"{path.parent.name.lower()}/{name}" if name.endswith(".gif") else name, path)
    return found


def _records(path: Path) -> dict[str, list[str]]:
    """Return the words of each record by film."""
    pieces = _FILM.split(path.read_text(encoding="utf-8-sig", errors="replace"))
    return {
        film.upper(): re.split(r"[\s,]+", text.strip())
        for film, text in zip(pieces[1::2], pieces[2::2], strict=True)
    }


def _told(
    study: str, words: list[str] | None, problems: Problems, table: Path
) -> tuple[dict[str, str | int | float], dict[str, str]]:
    """Return what a record says of patient and nodule, and the nodule's box.

    Raises:
        UsageError: it is not as published.
    """
    if words is None:
        return {}, {}
    told: dict[str, str | int | float] = {}
    boxes: dict[str, str] = {}
    if study.startswith("JPCLN"):
        nodule, numbers = words[:7], [words[index] for index in (0, 1, 4, 5) if index < len(words)]
        if (
            len(nodule) < 7
            or not all(number.isdigit() for number in numbers)
            or nodule[6] not in {"malignant", "benign"}
        ):
            raise UsageError(
                f"{table}, {study}: found '{' '.join(words[:8])}'; expected subtlety, size in mm, age, sex, x, y, "
                "malignant or benign, so download it again."
            )
        subtlety, millimetres, x, y = (int(number) for number in numbers)
        told = {"nodule_subtlety": subtlety, "nodule_mm": millimetres, "nodule_kind": nodule[6]}
        side = millimetres / _LAYOUT.spacing[0] if _LAYOUT.spacing else 0.0
        boxes["nodule"] = f"{x - side / 2:.1f},{y - side / 2:.1f},{side:.1f},{side:.1f}"
        words = nodule[2:]
    age, sex = age_of(words[0]), sex_of(words[1]) if len(words) > 1 else None
    if sex is None:
        raise UsageError(f"{table}, {study}: found '{' '.join(words[:3])}'; expected age and sex.")
    if age is None:
        problems.add(_NO_AGE, study)
    return {"sex": sex, **({} if age is None else {"age": age}), **told}, boxes


def _organs(study: str, files: Mapping[str, Path], root: Path) -> dict[str, str]:
    found = {}
    for folder, (name, side) in _ORGANS.items():
        path = files.get(f"{folder}/{study.lower()}.gif")
        if path is not None:
            found[name] = f"{path.relative_to(root).as_posix()}#scale=2{side}"
    if "lung_left" in found and "lung_right" in found:
        found["lungs"] = f"{found['lung_left']} + {found['lung_right']}"
    return found
