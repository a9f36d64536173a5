"""What a person should look at in a whole cohort: twins, films unlike the rest, mixed depths, flat films.

Films are added one at a time; a digest and a thumbnail of each are kept, never its pixels.

How a film is held against the rest: each film is averaged down to 32 x 32 and standardised, and the median of
these over the cohort is the common look. A film is named

* inverted, where its correlation with that look is -0.4 or less;
* turned by 90 degrees, where turning it back brings the correlation to 0.5 or more and raises it by 0.4 or more;
* upside down, where the part that turning by 180 degrees reverses (a film less itself turned) has a correlation
  of -0.4 or less with that part of the common look. The whole film would not do: lungs are much alike both ways.

On 366 real frontal films (three collections, together and each alone) none is named as stored; of the same turned or
inverted on purpose, one at a time, 85 to 92 % are. Single films are found: a cohort in which half of the films are
wrong has no common look.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from radbench.data.cohort import Pixels
from radbench.data.films import flatness
from radbench.data.films.film import Film
from radbench.data.images import array_digest

THUMBNAIL = 32
MIN_FILMS = 12
_FITS, _BETTER, _AGAINST = 0.5, 0.4, -0.4
_ONE_SIDED = 0.2
_NAMES = 6
_TURNS = {1: "turned by 90 degrees counterclockwise", 3: "turned by 90 degrees clockwise"}


@dataclass(frozen=True)
class _Seen:
    study_id: str
    patient_id: str
    split: str | None
    digest: str
    bits: int
    flat: str | None
    look: npt.NDArray[np.float64] | None


class FilmSurvey:
    """Collects what is odd in a cohort of films; see the module's text for the measure."""

    def __init__(self) -> None:
        self._seen: list[_Seen] = []

    def add(self, study_id: str, patient_id: str, split: str | None, film: Film) -> None:
        """Take one film; ``split`` is None or empty where the cohort has none. Nothing of ``film`` is kept."""
        self._seen.append(
            _Seen(
                study_id=study_id,
                patient_id=patient_id,
                split=split or None,
                digest=film_digest(film.pixels),
                bits=film.bits or 8 * film.pixels.dtype.itemsize,
                flat=flatness(film.pixels),
                look=_standard(thumbnail(film.pixels)),
            )
        )

    def duplicates(self) -> Mapping[str, tuple[str, ...]]:
        """``film_digest`` to the studies that show these pixels, where there are several, in order of adding."""
        return {digest: tuple(one.study_id for one in group) for digest, group in self._groups().items()}

    def warnings(self) -> list[str]:
        """One sentence for each thing that a person should look at, twins first; the same order every time."""
        return [*self._twins(), *self._flat(), *self._unlike(), *self._depths()]

    def _groups(self) -> dict[str, list[_Seen]]:
        groups: dict[str, list[_Seen]] = {}
        for one in self._seen:
            groups.setdefault(one.digest, []).append(one)
        return {digest: group for digest, group in groups.items() if len(group) > 1}

    def _twins(self) -> list[str]:
        said = []
        for group in self._groups().values():
            patients = list(dict.fromkeys(one.patient_id for one in group))
            splits = list(dict.fromkeys(one.split for one in group if one.split))
            where = []
            if len(patients) > 1:
                where.append(
                    f"under {len(patients)} patients ({_listed([f'patient {name}' for name in patients])})"
                )
            if len(splits) > 1:
                where.append(f"in {len(splits)} splits ({_listed(splits)})")
            if where:
                studies = _listed([f"study {one.study_id}" for one in group])
                said.append(f"The same pixels are {' and '.join(where)}: {studies}.")
        return said

    def _flat(self) -> list[str]:
        return [
            f"Study {one.study_id}: {one.flat[:1].lower()}{one.flat[1:]}" for one in self._seen if one.flat
        ]

    def _unlike(self) -> list[str]:
        usable = [(one.study_id, one.look) for one in self._seen if one.look is not None and not one.flat]
        if len(usable) < MIN_FILMS:
            return []
        common = _standard(np.median(np.stack([look for _, look in usable]), axis=0))
        if common is None:
            return []
        found: dict[str, list[str]] = {}
        for study_id, look in usable:
            wrong = unlike(look, common)
            if wrong is not None:
                found.setdefault(wrong, []).append(study_id)
        return [
            f"{len(studies)} of {len(usable)} films {'looks' if len(studies) == 1 else 'look'} {wrong} beside "
            f"the rest: {_listed([f'study {name}' for name in studies])}."
            for wrong, studies in sorted(found.items())
        ]

    def _depths(self) -> list[str]:
        counts = Counter(one.bits for one in self._seen)
        if len(counts) < 2:
            return []
        usual = max(counts, key=lambda bits: (counts[bits], -bits))
        others = _listed([f"study {one.study_id} ({one.bits})" for one in self._seen if one.bits != usual])
        spread = ", ".join(f"{bits} bits in {counts[bits]}" for bits in sorted(counts))
        said = (
            f"Films of different depth in one cohort ({spread}): {others}. Each is brought to its own "
            "whole range, so a depth that is wrongly declared or inferred shows as a darker or brighter film."
        )
        return [said]


def film_digest(pixels: Pixels) -> str:
    """``array_digest`` of a film's pixels, the same for 8 bits and for these 8 bits spread over 16 (v * 257)."""
    if pixels.dtype == np.uint16 and not (pixels % 257).any():
        return array_digest((pixels // 257).astype(np.uint8))
    return array_digest(pixels)


def thumbnail(pixels: Pixels) -> npt.NDArray[np.float64]:
    """Area averages, ``float64 [32, 32]`` in [0, 1], of a film of any size; the aspect is not kept."""
    from PIL import Image

    wide = pixels.astype(np.float32) / np.iinfo(pixels.dtype).max
    small = Image.fromarray(wide).resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float64)


def unlike(look: npt.NDArray[np.float64], common: npt.NDArray[np.float64]) -> str | None:
    """How a standardised thumbnail differs from the common one, in words, or None where it does not."""
    own = float(np.mean(look * common))
    turned = {turn: float(np.mean(np.rot90(look, -turn) * common)) for turn in _TURNS}
    best = max(turned, key=lambda turn: turned[turn])
    if own <= _AGAINST and turned[best] <= -own:
        return "inverted"
    if turned[best] >= _FITS and turned[best] - own >= _BETTER:
        return _TURNS[best]
    return "upside down" if _upside_down(look, common) else None


def _upside_down(look: npt.NDArray[np.float64], common: npt.NDArray[np.float64]) -> bool:
    usual = common - np.rot90(common, 2)
    here = _standard(look - np.rot90(look, 2))
    if float(usual.std()) < _ONE_SIDED or here is None:
        return False
    return float(np.mean(here * usual)) / float(usual.std()) <= _AGAINST


def _standard(values: npt.NDArray[Any]) -> npt.NDArray[np.float64] | None:
    spread = float(values.std())
    if spread < 1e-6:
        return None
    return np.asarray((values - values.mean()) / spread, dtype=np.float64)


def _listed(names: list[str]) -> str:
    more = len(names) - _NAMES
    return ", ".join(names[:_NAMES]) + (f" and {more} more" if more > 0 else "")
