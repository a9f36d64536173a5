"""Where a Hugging Face ``preprocessor_config.json`` and a declared input contract would show a model other images."""

from collections.abc import Mapping
from typing import Any, Final

from radbench.specs import InputContract

_LARGEST: Final = 1e9
_RESAMPLING: Final = {0: "by the nearest pixel", 1: "Lanczos", 3: "bicubic", 4: "by boxes", 5: "Hamming"}
"""Pillow's numbers of every way but the bilinear one (2)."""

_TOLERANCE: Final = 1e-2
"""In units of what the model sees; means and deviations are written with three decimals."""


def preprocessing_notes(found: Mapping[str, Any], contract: InputContract) -> list[str]:
    """Return a sentence for each difference: size, resize rule, and what black and white become.

    Args:
        found: the file's mapping.
        contract: what the vendor declared.
    """
    return [
        note
        for note in (
            _size(found, contract),
            _rule(found, contract),
            _values(found, contract),
            _colours(found, contract),
        )
        if note
    ]


def resampling(found: Mapping[str, Any]) -> list[str]:
    """Return a sentence where the file asks for another way of resampling than the bilinear one of this harness."""
    code = found.get("resample")
    if code not in _RESAMPLING or not found.get("do_resize", True):
        return []
    way = _RESAMPLING[code]
    sentence = (
        f"preprocessor_config.json resamples images {way}, radbench bilinear: scores may differ a little from the "
        "vendor's own where a film has another size than the model."
    )
    return [sentence]


def _colours(found: Mapping[str, Any], contract: InputContract) -> str | None:
    if not found.get("do_convert_rgb") or contract.channels == 3:
        return None
    return f"preprocessor_config.json brings images to 3 channels (RGB), the input contract to {contract.channels}."


def _size(found: Mapping[str, Any], contract: InputContract) -> str | None:
    shape = _shape(found.get("crop_size") if found.get("do_center_crop") else found.get("size"))
    if shape is None or not found.get("do_resize", True) or shape == contract.spatial_shape:
        return None
    return (
        f"preprocessor_config.json brings images to {shape[0]} × {shape[1]}, the input contract to "
        f"{contract.spatial_shape[0]} × {contract.spatial_shape[1]}."
    )


def _shape(size: object) -> list[int] | None:
    """Return height and width, or None where a size leaves one of them to the image."""
    sides = [size.get("height"), size.get("width")] if isinstance(size, dict) else [size, size]
    plain = [side for side in sides if isinstance(side, int) and 0 < side < 100_000]
    return plain if len(plain) == 2 else None


def _rule(found: Mapping[str, Any], contract: InputContract) -> str | None:
    size = found.get("size")
    crops = bool(found.get("do_center_crop"))
    if not found.get("do_resize", True) or (not crops and _shape(size) is None):
        return None
    short = isinstance(size, dict) and "shortest_edge" in size
    rule = "crop" if crops and short else "pad" if found.get("do_pad") else "stretch"
    if rule == contract.resize:
        return None
    return (
        f"preprocessor_config.json brings images to their size by the rule '{rule}', the input contract by "
        f"'{contract.resize}'."
    )


def _values(found: Mapping[str, Any], contract: InputContract) -> str | None:
    if found.get("rescale_offset"):
        return None
    mine = [_declared(pixel, contract) for pixel in (0.0, 255.0)]
    theirs = [_processed(pixel, found, contract.channels) for pixel in (0.0, 255.0)]
    if any(len(values) != contract.channels for values in theirs):
        return (
            f"preprocessor_config.json has means for {len(theirs[0])} channels, the input contract {contract.channels} "
            "channels."
        )
    off = [
        abs(a - b)
        for mined, other in zip(mine, theirs, strict=True)
        for a, b in zip(mined, other, strict=True)
    ]
    if max(off) <= _TOLERANCE * max(1.0, *(abs(value) for values in theirs for value in values)):
        return None
    return (
        f"preprocessor_config.json makes black {_words(theirs[0])} and white {_words(theirs[1])}, the input contract "
        f"{_words(mine[0])} and {_words(mine[1])}."
    )


def _declared(pixel: float, contract: InputContract) -> list[float]:
    low, high = contract.value_range
    value = pixel / 255.0 * (high - low) + low
    return [(value - mean) / std for mean, std in zip(contract.means, contract.stds, strict=True)]


def _processed(pixel: float, found: Mapping[str, Any], channels: int) -> list[float]:
    factor = _each(found.get("rescale_factor"), 1 / 255.0)[0] if found.get("do_rescale", True) else 1.0
    scaled = pixel * factor
    if not found.get("do_normalize", "image_mean" in found):
        return [scaled] * channels
    means, stds = _each(found.get("image_mean"), 0.0), _each(found.get("image_std"), 1.0)
    count = max(len(means), len(stds))
    count = channels if count == 1 else count
    means, stds = (values * count if len(values) == 1 else values for values in (means, stds))
    return [(scaled - mean) / (std or 1.0) for mean, std in zip(means, stds, strict=False)]


def _each(value: object, other: float) -> list[float]:
    """Return a number, or a list's numbers, as a list; ``other`` for whatever is none."""
    values = value if isinstance(value, list) else [value]
    return [
        float(entry)
        for entry in values
        if isinstance(entry, int | float) and not isinstance(entry, bool) and abs(entry) < _LARGEST
    ] or [other]


def _words(values: list[float]) -> str:
    shown = [f"{value:.2f}" for value in values]
    return shown[0] if len(set(shown)) == 1 else " / ".join(shown)
