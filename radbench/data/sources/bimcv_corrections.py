"""What people saw on films of BIMCV-COVID19 that their names and headers do not say: ``bimcv_corrections.txt``."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

LATERAL: Final = "lateral"
FRONTAL: Final = "frontal"
UNUSABLE: Final = "unusable"
AS_STORED: Final = "as-stored"
UPSIDE_DOWN: Final = "upside-down"
_KINDS: Final = (LATERAL, FRONTAL, UNUSABLE, AS_STORED, UPSIDE_DOWN)
_FILE: Final = Path(__file__).with_name("bimcv_corrections.txt")


@cache
def corrections() -> Mapping[str, frozenset[str]]:
    """Return the names of the PNG files by what is to be corrected, each kind with all of its films."""
    found: dict[str, set[str]] = {kind: set() for kind in _KINDS}
    kind = end = ""
    for line in _FILE.read_text(encoding="utf-8").splitlines():
        words = line.split()
        if not words or line.startswith("#"):
            continue
        if words[0] in _KINDS:
            kind, end = words
            continue
        for place in words:
            subject, session = place.split("-")
            found[kind].add(f"sub-{subject}_ses-{session}_{end}.png")
    return {kind: frozenset(names) for kind, names in found.items()}


def needs(name: str, kind: str) -> bool:
    """Return whether a film, named by its file, is to be corrected in this way."""
    return name in corrections()[kind]
