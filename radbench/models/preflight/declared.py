"""What can be said of a declaration without asking the model anything."""

from collections.abc import Iterator

from radbench.models.base import ModelUnderTest
from radbench.models.finding import Finding
from radbench.specs import ModelSpec


def pinned(spec: ModelSpec) -> Finding:
    """Return whether the declaration says which file it means."""
    if spec.sha256 is not None:
        return Finding("pinned", "ok", f"SHA-256 {spec.sha256[:12]}...", "the files have it")
    if spec.weights is None and spec.path is None:
        what = "an endpoint" if spec.endpoint is not None else "a command"
        meaning = (
            "What answers may change without notice; the result holds for the day on which it was measured."
        )
        return Finding("pinned", "note", "not pinned", f"{what}, which has no digest", meaning)
    meaning = "Another file could lie there tomorrow: declare sha256, so that the result names one model."
    return Finding("pinned", "note", "not pinned", "no sha256 is declared", meaning)


def vendor_notes(model: ModelUnderTest) -> Iterator[Finding]:
    """Yield how the vendor's files are read where that is not plain, and where they contradict the declaration."""
    readings = getattr(model, "readings", None)
    for reading in readings() if callable(readings) else ():
        meaning = "This is how the vendor's file is understood: make sure that it is what they mean."
        yield Finding("read as", "note", "not declared", reading, meaning)
    ask = getattr(model, "notes", None)
    for note in ask() if callable(ask) else ():
        meaning = "The vendor's files and the declaration differ: one of them is wrong."
        yield Finding("vendor's files", "warning", "as declared", note, meaning)
