"""The labels of a film in a few bytes: PadChest has 193 of them, and 160,861 films."""

from collections.abc import Iterator, Mapping
from typing import Final

_UNKNOWN: Final = 255


class PackedLabels(Mapping[str, int]):
    """A film's labels, one byte each; like a dictionary that cannot be changed.

    Args:
        places: by finding its byte; the same object for all films of a cohort.
        labels: by finding its value, 0 to 254; those that are not there are unknown.
    """

    __slots__ = ("_places", "_values")

    def __init__(self, places: Mapping[str, int], labels: Mapping[str, int]) -> None:
        self._places = places
        self._values = bytes(labels.get(name, _UNKNOWN) for name in places)

    def __getitem__(self, name: str) -> int:
        value = self._values[self._places[name]]
        if value == _UNKNOWN:
            raise KeyError(name)
        return value

    def __iter__(self) -> Iterator[str]:
        return (name for name, place in self._places.items() if self._values[place] != _UNKNOWN)

    def __len__(self) -> int:
        return len(self._values) - self._values.count(_UNKNOWN)

    def __repr__(self) -> str:
        return repr(dict(self))
