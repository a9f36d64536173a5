"""Which pixels of a painted picture are the mask: what is not the background, or the values that were named.

Of a picture without named values it holds:

- **Two values** of gray with black among them (bool, 0/1, 0/255, 16 bit, any paint): the mask is what is not black.
- **Two colours**: the background is black where black lies at the border; otherwise, if neither is black,
  the one at the border. A colour at the border and black inside could mean either: refused until the paint is named.
- **Alpha**: where one paint is all that can be seen, the shape of the alpha channel; alpha that is the same
  everywhere is dropped.
- **Soft edges** (JPEG, antialiasing): pixels between the two values belong to the nearer one. More than edges between
  them, such as a third value with an area of its own, are a label map: refused until values are named.
"""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from radbench.data.cohort import Mask
from radbench.errors import UsageError

_NEAR = 0.1
"""Share of the distance between two paints within which a pixel has one of them, where values are not exact."""
_NOISE = 8.0
"""The same as a difference of values: what a JPEG of low quality leaves in an even area."""
_LOSSY = 40
"""Largest difference of a channel, of 255, at which a JPEG's pixel still has a named colour."""
_AROUND = np.ones((3, 3), dtype=np.bool_)
_FEW = 16
"""Most values of a lossless picture in which every value counts, however near to another."""
_MOST_LISTED = 8


@dataclass(frozen=True)
class Picture:
    """A picture as stored: ``planes`` ``[H, W, C]`` (1 or 3 channels), ``alpha`` ``[H, W]`` in [0, 1] or None.

    ``lossy`` says that values may be off by what JPEG does; ``index`` that they are a palette's indices are beside
    the colours, ``[H, W]``.
    """

    name: str
    planes: npt.NDArray[Any]
    alpha: npt.NDArray[np.float32] | None = None
    lossy: bool = False
    index: npt.NDArray[Any] | None = None

    @property
    def gray(self) -> bool:
        """Whether there is one channel, or three that are the same."""
        planes = self.planes
        return bool(planes.shape[-1] == 1 or (planes == planes[..., :1]).all())


def inside(picture: Picture) -> Mask:
    """Return what is painted, ``bool [H, W]``.

    Raises:
        UsageError: one value other than black and white, several colours, a label map, or an open question of which
            colour is the background; the sentence lists what was found and says how to name what is meant.
    """
    alpha = picture.alpha
    if alpha is not None and (alpha != alpha.flat[0]).any():
        return _by_alpha(picture, alpha)
    if alpha is not None and alpha.size and alpha.flat[0] == 0 and len(_colours(picture.planes)[0]) == 1:
        return np.zeros(alpha.shape, dtype=np.bool_)
    return _by_paint(picture)


def named(picture: Picture, values: tuple[str, ...]) -> Mask:
    """Return where the picture has one of the values (gray or palette index) or colours (six hex digits).

    Raises:
        UsageError: a value where the picture has colours, a colour where it has values, or no value at all.
    """
    planes = picture.planes
    seen = np.ones(planes.shape[:2], dtype=np.bool_) if picture.alpha is None else picture.alpha >= 0.5
    mask = np.zeros(planes.shape[:2], dtype=np.bool_)
    for value in values:
        colour = _hex(value)
        if (
            value.isdigit()
            and (picture.index is not None or picture.gray)
            and not (colour and not picture.gray)
        ):
            if picture.lossy:
                raise UsageError(
                    f"the mask {picture.name} is a JPEG, which changes values, so {value!r} cannot be found in it; "
                    "save the label map as PNG."
                )
            layer = picture.index if picture.index is not None else planes[..., 0]
            mask |= layer == int(value)
        elif colour is not None:
            apart = np.abs(planes.astype(np.int64) - np.array(colour)).max(axis=-1)
            mask |= (apart <= (_LOSSY if picture.lossy else 0)) & seen
        else:
            raise UsageError(
                f"the mask {picture.name} has no {value!r}; expected "
                f"{'whole numbers' if picture.gray else 'colours of six hexadecimal digits'}. It holds "
                f"{listed(picture)}."
            )
    return mask


def listed(picture: Picture) -> str:
    """Return the values or colours of a picture with their shares, the most common first."""
    colours, shares = _commonest(picture)
    shown = [
        f"{_shown(colour)} ({_percent(share)})"
        for colour, share in list(zip(colours, shares, strict=True))[:_MOST_LISTED]
    ]
    more = len(colours) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _by_alpha(picture: Picture, alpha: npt.NDArray[np.float32]) -> Mask:
    shape: Mask = alpha >= (float(alpha.min()) + float(alpha.max())) / 2
    visible = alpha > 0
    if len(_colours(picture.planes[visible][None])[0]) == 1:
        return shape
    strong = picture.planes[shape]
    spread = np.abs(strong.astype(np.float64) - np.median(strong, axis=0)).max() if strong.size else 0.0
    if spread <= _NEAR * _top(picture.planes):
        return shape
    if visible.all():
        paint = _by_paint(picture)
        if (paint == shape).all():
            return paint
    raise UsageError(
        f"the mask {picture.name} has an alpha channel and several colours that can be seen: {listed(picture)}; name "
        f"those that are the mask, such as {_name(picture)}."
    )


def _by_paint(picture: Picture) -> Mask:
    planes = picture.planes[..., :1] if picture.gray else picture.planes
    colours, counts = _colours(planes)
    if len(colours) <= 1:
        return _one_value(picture, colours, planes.shape[:2])
    first, second = _two(colours, counts)
    to_first, to_second = _apart(planes, first), _apart(planes, second)
    whole = float(np.abs(second.astype(np.float64) - first.astype(np.float64)).max())
    exact = not picture.lossy and len(colours) <= _FEW
    noise = _NOISE if picture.lossy else 0.0
    if len(colours) > 2 and not _only_edges(to_first, to_second, whole, noise, exact=exact):
        raise UsageError(
            f"the mask {picture.name} is a label map or holds several colours: {listed(picture)}; name those that are "
            f"the mask, such as {_name(picture)}."
        )
    nearer_second: Mask = to_second <= to_first
    return nearer_second if _first_is_background(picture, first, second, nearer_second) else ~nearer_second


def _one_value(picture: Picture, colours: npt.NDArray[Any], shape: tuple[int, int]) -> Mask:
    value = colours[0] if len(colours) else np.zeros(1)
    if not value.any():
        return np.zeros(shape, dtype=np.bool_)
    if picture.gray and float(value[0]) in {1.0, 255.0, 65535.0}:
        return np.ones(shape, dtype=np.bool_)
    raise UsageError(
        f"the mask {picture.name} holds one value only, {listed(picture)}, so nothing tells inside from outside; "
        f"name it if all of the film is the mask: {_name(picture)}."
    )


def _two(colours: npt.NDArray[Any], counts: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return the two paints, the darker first: the commonest colour, and the commonest far away from it."""
    common = colours[int(np.argmax(counts))]
    apart = np.abs(colours.astype(np.float64) - common.astype(np.float64)).max(axis=1)
    far = np.where(apart >= 0.75 * apart.max(), counts, 0)
    other = colours[int(np.argmax(far))]
    pair = sorted((common, other), key=lambda colour: (float(colour.astype(np.float64).sum()), tuple(colour)))
    return pair[0], pair[1]


def _only_edges(
    first: npt.NDArray[Any], second: npt.NDArray[Any], whole: float, noise: float, *, exact: bool
) -> bool:
    """Whether what lies between two paints is the edge between them, and nothing with an area of its own.

    ``first`` and ``second`` are the pixels' distances to the paints and ``whole`` that between the paints. Where values
    are ``exact``, every other value counts; else the noise that JPEG leaves beside edges is averaged away first.
    """
    from scipy.ndimage import maximum_filter, minimum_filter, uniform_filter

    near, flatness = (0.0, 0.0) if exact else (max(_NEAR, noise / whole), 0.05)
    shares = [
        distance / whole if exact else uniform_filter(distance / whole, 5) for distance in (first, second)
    ]
    is_first, is_second = (share <= near for share in shares)
    between = ~(is_first | is_second)
    flat = between.copy()
    for share in shares:
        flat &= maximum_filter(share, 3) - minimum_filter(share, 3) <= flatness
    if flat.sum() > 0.2 * between.sum():
        return False
    return not exact or _touches_both(between, is_first, is_second)


def _touches_both(between: Mask, is_first: Mask, is_second: Mask) -> bool:
    """Whether nearly all that lies between two paints is in parts that touch both."""
    from scipy.ndimage import binary_dilation, label

    parts, _ = label(between, structure=_AROUND)
    near_first = parts[binary_dilation(is_first, _AROUND) & between]
    near_second = parts[binary_dilation(is_second, _AROUND) & between]
    alone = between & ~np.isin(parts, np.intersect1d(near_first, near_second))
    return bool(alone.sum() <= 0.2 * between.sum())


def _first_is_background(
    picture: Picture, first: npt.NDArray[Any], second: npt.NDArray[Any], is_second: Mask
) -> bool:
    """Whether the darker paint is the background; see the module."""
    border = np.concatenate([is_second[0], is_second[-1], is_second[1:-1, 0], is_second[1:-1, -1]])
    share = float(border.mean())
    black = float(first.max()) <= _NEAR * float(second.max())
    if black and (picture.gray or share < 0.5):
        return True
    if not black and (share <= 0.4 or share >= 0.6):
        return share <= 0.4
    raise UsageError(
        f"the mask {picture.name} holds {listed(picture)}, and it cannot be told which is the background "
        f"({_shown(second)} is on {_percent(share)} of the border); name the paint, such as {_name(picture)}."
    )


def _apart(planes: npt.NDArray[Any], colour: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return each pixel's largest difference from a colour in any channel, ``[H, W]``."""
    wide = colour.astype(np.float32)
    farthest: npt.NDArray[np.float32] = np.abs(planes[..., 0].astype(np.float32) - wide[0])
    for channel in range(1, planes.shape[-1]):
        np.maximum(farthest, np.abs(planes[..., channel].astype(np.float32) - wide[channel]), out=farthest)
    return farthest


def _colours(planes: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return the distinct colours ``[N, C]``, in ascending order, and how often each occurs."""
    import pandas as pd

    flat = planes.reshape(-1, planes.shape[-1])
    codes = flat[:, 0]
    if flat.shape[1] > 1:  # 8 or 16 bits a channel
        codes = np.zeros(len(flat), dtype=np.uint64)
        for channel in range(flat.shape[1]):
            codes = codes << np.uint64(16) | flat[:, channel].astype(np.uint64)
    counts = pd.Series(codes).value_counts(sort=False, dropna=False).sort_index()
    found = counts.index.to_numpy()
    if flat.shape[1] > 1:
        shifts = [np.uint64(16 * channel) for channel in reversed(range(flat.shape[1]))]
        colours = np.stack([found >> shift & np.uint64(65535) for shift in shifts], axis=1)
    else:
        colours = found[:, None]
    return colours.astype(planes.dtype), counts.to_numpy()


def _top(planes: npt.NDArray[Any]) -> float:
    return float(np.iinfo(planes.dtype).max) if planes.dtype.kind in "ui" else 1.0


def _hex(value: str) -> tuple[int, int, int] | None:
    found = re.fullmatch("([0-9a-f]{2})" * 3, value)
    return None if found is None else (int(found[1], 16), int(found[2], 16), int(found[3], 16))


def _shown(colour: npt.NDArray[Any]) -> str:
    if len(colour) == 1:
        return f"{float(colour[0]):g}" if colour.dtype.kind == "f" else str(int(colour[0]))
    return "".join(f"{int(value):02x}" for value in colour)


def _name(picture: Picture) -> str:
    """Return an example of a selection with one of the picture's own values."""
    colours, _ = _commonest(picture)
    example = next((colour for colour in colours if colour.any()), colours[0])
    return f"'{picture.name.rsplit('/', 1)[-1]}#{_shown(example)}'"


def _commonest(picture: Picture) -> tuple[npt.NDArray[Any], npt.NDArray[np.float64]]:
    """Return the distinct values ``[N, 1]`` or colours ``[N, 3]`` and their shares, the most common first."""
    if picture.index is not None:
        colours, counts = _colours(picture.index[..., None])
    else:
        colours, counts = _colours(picture.planes[..., :1] if picture.gray else picture.planes)
    order = np.argsort(-counts, kind="stable")
    return colours[order], counts[order] / counts.sum()


def _percent(share: float) -> str:
    return "under 1 %" if 0 < share < 0.01 else f"{100 * share:.0f} %"
