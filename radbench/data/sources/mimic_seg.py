"""MIMIC-Seg (Chen et al. 2022, PhysioNet lung-segment-mimic-cxr 1.0.0): the lungs of 1,141 films of MIMIC-CXR.

Its abstract says that each film was "processed into a pair of segmented images with the lung lobes and the rest parts":
pictures cut out on black, it seems, and no masks. Names and folders are nowhere described, so they can be told in
``mimic-seg.yaml`` in the root, every line of which may be left out::

    glob: "*lung*"            # the pictures of the lungs: a pattern for "folder/name", or for the path from the root
    film_id: "([0-9a-f-]{44})"  # finds the film's dicom_id in the path; its first group, or all of it
    mask_from: nonzero        # the mask is what is not black; or: threshold
    threshold: 127            # with mask_from: threshold, the mask is what is brighter
    sides: {left: "*left*", right: "*right*"}  # instead of glob, a pattern for each lung (the patient's left and right)

Without it, patterns are tried in this order until one finds exactly one picture a film: ``*mask*``, ``*lung*``, ``*``.
Enclosed holes are filled: a pneumothorax is black in a cut-out lung and belongs to it. Black that reaches the edge of
the lung cannot be told from the outside; the notes of a report say so.

Source: doi 10.13026/d9zv-4d92.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, ClassVar, Final

from radbench.data.sources.source import DatasetSource, FilmRow, Problems
from radbench.data.sources.trees import walk
from radbench.errors import UsageError

SETTINGS: Final = "mimic-seg.yaml"
_PATTERNS: Final = ("*mask*", "*lung*", "*")
_DICOM_ID: Final = r"[0-9a-f]{8}(?:-[0-9a-f]{8}){4}"
_PICTURES: Final = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif")
_LOSSY: Final = (".jpg", ".jpeg")
_JPEG_NOISE: Final = 10
_FROM: Final = "films whose mask is what is brighter than {} in their picture ({}), holes filled"


@dataclass(frozen=True)
class Layout:
    """Where the pictures are and what of them is the mask, as ``mimic-seg.yaml`` says it; see the module.

    Attributes:
        globs: mask to patterns, of which the first that finds one picture a film is taken.
        film_id: finds the film's id in a path.
        above: the mask is what is brighter; None: what is not black (in a JPEG: brighter than 10, its noise).
    """

    globs: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: {"lungs": _PATTERNS})
    film_id: re.Pattern[str] = re.compile(_DICOM_ID)
    above: int | None = None


class MimicSeg(DatasetSource):
    """MIMIC-Seg: lungs of films of MIMIC-CXR, from pictures of them."""

    name = "mimic-seg"
    title = "Chest X-ray segmentation images based on MIMIC-CXR"
    url = "https://physionet.org/content/lung-segment-mimic-cxr/1.0.0/"
    licence = "PhysioNet credentialed health data licence 1.5.0"
    download = (
        "all of it; where the pictures of the lungs are not found, say in mimic-seg.yaml which they are",
    )
    masks = ("lung_left", "lung_right", "lungs")
    done_to_films = (
        "the masks are a model's; wrong ones were filtered out by hand",
        "a mask is what is not black in a picture of the lungs, its enclosed holes filled",
        "each lung is what does not touch the other one in that picture; a film whose lungs touch has no such mask",
        "black that reaches the edge of a lung in such a picture, as a pneumothorax may, is left out of the mask",
    )
    hosts: ClassVar[tuple[str, ...]] = ("mimic-cxr-jpg", "mimic-cxr")

    def tables(self, root: Path, host: str = "") -> tuple[Path, ...]:
        """Return the settings, if there are any, and the folders of the pictures."""
        del host
        found = self._pictures(root, read_layout(root / SETTINGS))
        folders = dict.fromkeys(path.parent for pictures in found.values() for path in pictures.values())
        settings = root / SETTINGS
        return ((settings,) if settings.is_file() else ()) + tuple(folders)

    def films(self, root: Path, problems: Problems, host: str = "") -> Iterator[FilmRow]:
        """Yield a row for every film of which there is a picture."""
        del host
        layout = read_layout(root / SETTINGS)
        found = self._pictures(root, layout)
        for film in sorted({film for pictures in found.values() for film in pictures}):
            masks = {}
            for name, pictures in found.items():
                if film in pictures:
                    path = pictures[film]
                    above = _above(layout, path)
                    masks[name] = f"{path.relative_to(root).as_posix()}#above={above},holes=fill"
                    if name != "lungs":
                        masks[name] += f",side={name.removeprefix('lung_')}"
                    problems.add(_FROM.format(above, path.suffix.lower()), film)
            if "lungs" not in masks and len(masks) == 2:
                masks["lungs"] = " + ".join(masks.values())
            elif "lungs" in masks:
                masks |= {f"lung_{side}": f"{masks['lungs']},lung={side}" for side in ("left", "right")}
            yield FilmRow(study_id=film, patient_id="", image="", view="", masks=masks)

    def _pictures(self, root: Path, layout: Layout) -> dict[str, dict[str, Path]]:
        """Return by mask the picture of each film.

        Raises:
            UsageError: no pattern finds exactly one picture a film.
        """
        if not root.is_dir():
            raise self.missing(root, ["the pictures of the lungs"])
        paths = [path for path in walk(root) if path.suffix.lower() in _PICTURES]
        found = {}
        for name, patterns in layout.globs.items():
            tried = []
            for pattern in patterns:
                pictures = _by_film(paths, root, pattern, layout.film_id)
                if pictures and all(len(several) == 1 for several in pictures.values()):
                    found[name] = {film: several[0] for film, several in pictures.items()}
                    break
                tried.append(_why(root, pattern, pictures))
            else:
                raise UsageError(
                    f"mimic-seg: cannot tell which of the {len(paths):,} pictures in {root} are the {name} "
                    f"({'; '.join(tried)}); write {root / SETTINGS} with a line such as 'glob: \"*lung*\"', and "
                    "'film_id:' where the names hold the film's dicom_id in another form."
                )
        return found


def read_layout(path: Path) -> Layout:
    """Read ``mimic-seg.yaml``; without the file, the defaults.

    Raises:
        UsageError: it is no YAML, or says something that is not known.
    """
    if not path.is_file():
        return Layout()
    import yaml

    try:
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        return _layout(content)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, re.error, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UsageError(
            f"{path} is not understood ({reason}); expected some of glob, film_id, mask_from (nonzero or threshold), "
            "threshold (0 to 65535) and sides ({left: PATTERN, right: PATTERN})."
        ) from None


def _layout(content: Any) -> Layout:
    known = {"glob", "film_id", "mask_from", "threshold", "sides"}
    if not isinstance(content, dict) or not set(content) <= known:
        raise ValueError(f"found {', '.join(map(str, content)) if isinstance(content, dict) else content}")
    source, threshold, sides = (
        content.get("mask_from", "nonzero"),
        content.get("threshold"),
        content.get("sides"),
    )
    if source not in {"nonzero", "threshold"} or (source == "threshold") != (threshold is not None):
        raise ValueError(f"mask_from is {source!r} and threshold {threshold!r}")
    if threshold is not None and not (isinstance(threshold, int) and 0 <= threshold <= 65535):
        raise ValueError(f"threshold is {threshold!r}")
    globs = {"lungs": (str(content["glob"]),) if "glob" in content else _PATTERNS}
    if sides is not None:
        if not isinstance(sides, dict) or set(sides) != {"left", "right"} or "glob" in content:
            raise ValueError(f"sides is {sides!r}{' beside glob' if 'glob' in content else ''}")
        globs = {f"lung_{side}": (str(sides[side]),) for side in ("left", "right")}
    return Layout(globs, re.compile(str(content.get("film_id", _DICOM_ID))), threshold)


def _by_film(paths: list[Path], root: Path, pattern: str, film_id: re.Pattern[str]) -> dict[str, list[Path]]:
    """Return the pictures that a pattern finds, by the id that is last in their path."""
    found: dict[str, list[Path]] = {}
    for path in paths:
        whole = path.relative_to(root).as_posix()
        near = "/".join(whole.split("/")[-2:]).lower()
        if not (fnmatchcase(near, pattern.lower()) or fnmatchcase(whole, pattern)):
            continue
        ids = list(film_id.finditer(whole))
        if ids:
            found.setdefault(ids[-1][1 if film_id.groups else 0], []).append(path)
    return found


def _why(root: Path, pattern: str, pictures: Mapping[str, list[Path]]) -> str:
    """Return why a pattern does not serve."""
    for film, several in pictures.items():
        if len(several) > 1:
            names = " and ".join(path.relative_to(root).as_posix() for path in several[:2])
            return f"{pattern} finds {len(several)} for {film}: {names}"
    return f"{pattern} finds none with a film's id in its path"


def _above(layout: Layout, path: Path) -> int:
    if layout.above is not None:
        return layout.above
    return _JPEG_NOISE if path.suffix.lower() in _LOSSY else 0
