"""Where a vendor's own files and a declared input contract would show a model other images.

Hugging Face folders say how images are prepared in ``preprocessor_config.json``, MONAI bundles what the network takes
in their metadata's ``network_data_format``. Both are only compared with the contract, never followed.
"""

from collections.abc import Mapping
from typing import Any, Final

from radbench.specs import InputContract

_LARGEST: Final = 1e9
_RESAMPLING: Final = {0: "by the nearest pixel", 1: "Lanczos", 3: "bicubic", 4: "by boxes", 5: "Hamming"}
"""Pillow's numbers of every way but the bilinear one (2)."""

_TOLERANCE: Final = 1e-2
"""In units of what the model sees; means and deviations are written with three decimals."""


def huggingface_notes(found: Mapping[str, Any], contract: InputContract) -> list[str]:
    """Return a sentence for each difference: size, resize rule, and what black and white become.

    Args:
        found: the mapping in ``preprocessor_config.json``.
        contract: what the vendor declared.
    """
    notes: list[str] = []
    resizes, crops = found.get("do_resize", True), bool(found.get("do_center_crop"))
    size, (height, width) = found.get("size"), contract.spatial_shape
    shape = _shape(found.get("crop_size") if crops else size)
    if resizes and shape is not None and shape != contract.spatial_shape:
        notes.append(
            f"preprocessor_config.json brings images to {shape[0]} × {shape[1]}, the input contract to "
            f"{height} × {width}."
        )
    if resizes and (crops or _shape(size) is not None):
        short = isinstance(size, dict) and "shortest_edge" in size
        rule = "crop" if crops and short else "pad" if found.get("do_pad") else "stretch"
        if rule != contract.resize:
            notes.append(
                f"preprocessor_config.json brings images to their size by the rule '{rule}', the input contract by "
                f"'{contract.resize}'."
            )
    notes += _values(found, contract)
    if found.get("do_convert_rgb") and contract.channels != 3:
        notes.append(
            "preprocessor_config.json brings images to 3 channels (RGB), the input contract to "
            f"{contract.channels}."
        )
    return notes


def resampling(found: Mapping[str, Any]) -> list[str]:
    """Return a sentence where the file asks for another way of resampling than the bilinear one of this harness."""
    code = found.get("resample")
    if code not in _RESAMPLING or not found.get("do_resize", True):
        return []
    sentence = (
        f"preprocessor_config.json resamples images {_RESAMPLING[code]}, radbench bilinear: scores may differ a little "
        "from the vendor's own where a film has another size than the model."
    )
    return [sentence]


def monai_notes(found: Mapping[str, Any], contract: InputContract, axes: str) -> list[str]:
    """Return a sentence for each difference.

    Args:
        found: one entry of the metadata's ``network_data_format.inputs``.
        contract: what the vendor declared.
        axes: "WH" for a bundle that sees images as [width, height].
    """
    shape = contract.spatial_shape if axes == "HW" else contract.spatial_shape[::-1]
    seen = [value for ends in _black_and_white(contract) for value in ends]
    dtype, patch = found.get("dtype"), found.get("is_patch_data")
    compared: dict[str, tuple[object, object]] = {
        "num_channels": (_number(found.get("num_channels")), float(contract.channels)),
        "spatial_shape": (_numbers(found.get("spatial_shape")), [float(side) for side in shape]),
        "dtype": ((dtype or None) if isinstance(dtype, str) else None, contract.dtype),
        "value_range": (_numbers(found.get("value_range")), [min(seen), max(seen)]),
        "is_patch_data": (patch if isinstance(patch, bool) else None, contract.is_patch_data),
    }
    return [
        f"The bundle's metadata have {name} {_shown(theirs)}, the input contract {_shown(mine)}."
        for name, (theirs, mine) in compared.items()
        if theirs is not None and not _same(theirs, mine)
    ]


def _shape(size: object) -> list[int] | None:
    """Return height and width, or None where a size leaves one of them to the image."""
    sides = [size.get("height"), size.get("width")] if isinstance(size, dict) else [size, size]
    plain = [side for side in sides if isinstance(side, int) and 0 < side < 100_000]
    return plain if len(plain) == 2 else None


def _values(found: Mapping[str, Any], contract: InputContract) -> list[str]:
    if found.get("rescale_offset"):
        return []
    mine = _black_and_white(contract)
    theirs = [_processed(pixel, found, contract.channels) for pixel in (0.0, 255.0)]
    if any(len(values) != contract.channels for values in theirs):
        words = f"means for {len(theirs[0])} channels, the input contract {contract.channels} channels."
        return [f"preprocessor_config.json has {words}"]
    off = [
        abs(a - b) for ours, other in zip(mine, theirs, strict=True) for a, b in zip(ours, other, strict=True)
    ]
    if max(off) <= _TOLERANCE * max(1.0, *(abs(value) for values in theirs for value in values)):
        return []
    black, white = (_words(values) for values in theirs)
    sentence = (
        f"preprocessor_config.json makes black {black} and white {white}, the input contract {_words(mine[0])} and "
        f"{_words(mine[1])}."
    )
    return [sentence]


def _black_and_white(contract: InputContract) -> list[list[float]]:
    """Return what black and white become in each channel, standardisation included."""
    parts = list(zip(contract.means, contract.stds, strict=True))
    return [[(value - mean) / std for mean, std in parts] for value in contract.value_range]


def _processed(pixel: float, found: Mapping[str, Any], channels: int) -> list[float]:
    """Return what a grey value of 0 to 255 becomes in each channel by ``preprocessor_config.json``."""
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
    numbers = map(_number, value if isinstance(value, list) else [value])
    return [number for number in numbers if number is not None] or [other]


def _number(value: object) -> float | None:
    plain = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LARGEST
    return float(value) if plain else None  # type: ignore[arg-type] # a number, as just asked


def _numbers(value: object) -> list[float] | None:
    """Return plain numbers; None for none and for expressions such as "16*n"."""
    numbers = [_number(entry) for entry in value] if isinstance(value, list) else []
    plain = [number for number in numbers if number is not None]
    return plain if plain and len(plain) == len(numbers) else None


def _same(theirs: object, mine: object) -> bool:
    if isinstance(theirs, list) and isinstance(mine, list):
        return len(theirs) == len(mine) and all(
            abs(a - b) <= _TOLERANCE * max(1.0, abs(a)) for a, b in zip(theirs, mine, strict=True)
        )
    return theirs == mine


def _words(values: list[float]) -> str:
    shown = [f"{value:.2f}" for value in values]
    return shown[0] if len(set(shown)) == 1 else " / ".join(shown)


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list):
        return f"[{', '.join(f'{entry:g}' for entry in value)}]"
    return str(value)[:80]
