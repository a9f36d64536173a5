"""Where a bundle's ``network_data_format`` and a declared input contract say different things of an image."""

from collections.abc import Mapping
from typing import Any, Final

from radbench.specs import InputContract

_LARGEST: Final = 1e9


def input_notes(found: Mapping[str, Any], contract: InputContract, axes: str) -> list[str]:
    """Return a sentence for each difference.

    Args:
        found: one entry of the metadata's ``network_data_format.inputs``.
        contract: what the vendor declared.
        axes: "WH" for a bundle that sees images as [width, height].
    """
    shape = contract.spatial_shape if axes == "HW" else contract.spatial_shape[::-1]
    compared = {
        "num_channels": (_number(found.get("num_channels")), float(contract.channels)),
        "spatial_shape": (_numbers(found.get("spatial_shape")), [float(side) for side in shape]),
        "dtype": (_of(str, found.get("dtype")) or None, contract.dtype),
        "value_range": (_numbers(found.get("value_range")), _seen(contract)),
        "is_patch_data": (_of(bool, found.get("is_patch_data")), contract.is_patch_data),
    }
    return [
        f"The bundle's metadata have {name} {_words(theirs)}, the input contract {_words(mine)}."
        for name, (theirs, mine) in compared.items()
        if theirs is not None and not _same(theirs, mine)
    ]


def _seen(contract: InputContract) -> list[float]:
    """Return the lowest and highest value that the network can see, standardisation included."""
    ends = [
        (value - mean) / std
        for value in contract.value_range
        for mean, std in zip(contract.means, contract.stds, strict=True)
    ]
    return [min(ends), max(ends)]


def _of(kind: type, value: object) -> object:
    return value if isinstance(value, kind) else None


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
            abs(a - b) <= 1e-2 * max(1.0, abs(a)) for a, b in zip(theirs, mine, strict=True)
        )
    return theirs == mine


def _words(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list):
        return f"[{', '.join(f'{entry:g}' for entry in value)}]"
    return str(value)[:80]
