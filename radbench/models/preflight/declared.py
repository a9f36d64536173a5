"""What can be said of a declaration without asking the model anything."""

from collections.abc import Iterator
from typing import Final

from radbench.models.base import ModelUnderTest
from radbench.models.cache import asked_anew
from radbench.models.finding import Finding

_TABLE: Final = "table"
"""A format that runs nothing: what it says of its file is known before a model is asked anything."""


def pinned(model: ModelUnderTest) -> Finding:
    """Return whether the declaration says which file it means, and whether answers may be remembered."""
    spec = model.spec
    if spec.sha256 is not None:
        return Finding("pinned", "ok", f"SHA-256 {spec.sha256[:12]}...", "the files have it")
    if spec.weights is None and spec.path is None:
        return Finding("pinned", "note", "not pinned", *_unpinned(model))
    meaning = "Another file could lie there tomorrow: declare sha256, so that the result names one model."
    return Finding("pinned", "note", "not pinned", "no sha256 is declared", meaning)


def _unpinned(model: ModelUnderTest) -> tuple[str, str]:
    """Return what was found and what it means of a model that is no file."""
    changes = "What answers may change without notice; the result holds for the day on which it was measured."
    what = "an endpoint" if model.spec.endpoint is not None else "a command"
    if why := asked_anew(model):
        return f"{what}, which is asked anew each time: {why}", changes
    meaning = (
        "Its digest holds the folder of the declaration and what the command names: a change there is noticed, one "
        "in the system's own files is not."
    )
    return f"{what}, told apart by all that it may read beside its declaration", meaning


def vendor_notes(model: ModelUnderTest) -> Iterator[Finding]:
    """Yield how a vendor's table is read where that is not plain, and where files contradict the declaration."""
    readings = getattr(model, "readings", None) if model.spec.format == _TABLE else None
    for reading in readings() if callable(readings) else ():
        meaning = "This is how the vendor's file is understood: make sure that it is what they mean."
        yield Finding("read as", "note", "not declared", reading, meaning)
    ask = getattr(model, "notes", None)
    for note in ask() if callable(ask) else ():
        meaning = "The vendor's files and the declaration differ: one of them is wrong."
        yield Finding("vendor's files", "warning", "as declared", note, meaning)


def read_from_files(model: ModelUnderTest) -> Iterator[Finding]:
    """Yield what the declaration leaves open and was read from the vendor's files; the model is loaded."""
    ask = getattr(model, "readings", None) if model.spec.format != _TABLE else None
    for sentence in ask() if callable(ask) else ():
        meaning = "Declare it, if it is not what you mean."
        yield Finding("read from the files", "note", "left open", sentence, meaning)
