"""The way through a preflight, from what the declaration alone says and loading the model to the findings.

Findings are remembered: a model is not started again to be told what is known of it.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Final

from radbench.errors import UsageError
from radbench.models.base import Finding, ModelFailureError, ModelUnderTest
from radbench.models.cache import Remembered, asked_anew
from radbench.models.preflight import behaviour, output
from radbench.models.preflight.alternatives import alternatives
from radbench.models.preflight.behaviour import nan_input
from radbench.models.preflight.findings import told
from radbench.models.preflight.judge import judged
from radbench.models.preflight.session import Probe, ProbePlan, Session, decoded, outputs_of, rows_of
from radbench.runtime import canonical_json, sha256_bytes

LOADS: Final = "loads"
VERSION: Final = 2
"""Raised when the same model and probe would get other findings."""

_WORDS: Final = {"title", "description", "intended_use", "training", "claims", "limits", "checkpoints"}
"""What a declaration says to people and nothing is checked against."""

_FIELD: Final = "findings"

_TABLE: Final = "table"
"""A format that runs nothing: what it says of its file is known before a model is asked anything."""


def preflight(model: ModelUnderTest, probe: Probe) -> list[Finding]:
    """Check a model against its own declaration.

    Args:
        model: any adapter or isolated model; one that has ``forward`` is asked with other input as well.
        probe: at least one image; without labels or masks nothing can be said of what is right, only of what changes.

    Returns:
        One finding a check, in a fixed order; the same model and probe give the same findings. A model that cannot
        be asked at all has the failure "loads" and no further ones.

    Raises:
        UsageError: the probe holds no image.
    """
    if not probe.images:
        raise UsageError("A preflight was given no image, expected one at least.")
    start = [pinned(model), *vendor_notes(model)]
    try:
        opened = _open(model, probe)
        start += read_from_files(model)
    except (ModelFailureError, UsageError) as error:
        kind = f" ({error.kind})" if isinstance(error, ModelFailureError) else ""
        meaning = "The model cannot be audited: mend its files or its declaration."
        return [Finding(LOADS, "failure", "loads and answers", f"{error}{kind}", meaning), *start]
    loaded = Finding(LOADS, "ok", "loads and answers", f"{len(probe.images)} images answered")
    return [loaded, *start, *(opened if isinstance(opened, list) else _checked(opened))]


def failures(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings for which a model is not audited unless that is forced."""
    return [finding for finding in findings if finding.level == "failure"]


def _open(model: ModelUnderTest, probe: Probe) -> Session | list[Finding]:
    """Ask everything once; return the session, or what is wrong where the answers cannot be read."""
    start = getattr(model, "start", None) or getattr(model, "prepare", None)
    if callable(start):  # only then is its number of rows known
        start()
    elif hasattr(model, "forward"):
        with suppress(ModelFailureError):
            model.predict(probe.images[:1])
    rows = rows_of(model, probe.images[0])
    if not rows:
        return Session(model, probe, {}, model.predict(probe.images))
    outputs = outputs_of(model, probe.images, model.spec.input, rows)
    shape = output.shape(model.spec, outputs, len(probe.images))
    if shape.level == "failure":
        return [shape, *output.class_names(model)]
    try:
        base = decoded(model.spec, outputs, probe.images)
    except ModelFailureError as error:
        return [shape, output.refused(error), *output.class_names(model)]
    return Session(model, probe, outputs, base, rows)


def _checked(session: Session) -> Iterator[Finding]:
    if session.outputs:
        yield output.shape(session.spec, session.outputs, len(session.probe.images))
    yield from output.value_range(session)
    yield from output.class_names(session.model)
    yield output.constant(session)
    yield from output.unanswered(session)
    yield from output.operating_point(session)
    yield from _asked("determinism", behaviour.determinism, session)
    yield from _asked("batch invariance", behaviour.batch_invariance, session)
    yield from told(session, judged(session, alternatives(session)))
    yield from nan_input(session)


def _asked(check: str, ask: Callable[[Session], Finding], session: Session) -> Iterator[Finding]:
    try:
        yield ask(session)
    except ModelFailureError as error:
        meaning = "It answered the same images before: whether it answers is a matter of luck."
        yield Finding(check, "failure", "an answer", str(error), meaning)


def pinned(model: ModelUnderTest) -> Finding:
    """Return whether the declaration says which file it means, and whether answers may be remembered."""
    spec = model.spec
    if spec.sha256 is not None:
        return Finding("pinned", "ok", f"SHA-256 {spec.sha256[:12]}...", "the files have it")
    seen = "no sha256 is declared"
    meaning = "Another file could lie there tomorrow: declare sha256, so that the result names one model."
    if spec.weights is None and spec.path is None:
        what = "an endpoint" if spec.endpoint is not None else "a command"
        seen = f"{what}, told apart by all that it may read beside its declaration"
        meaning = (
            "Its digest holds the folder of the declaration and what the command names: a change there is noticed, one "
            "in the system's own files is not."
        )
        if why := asked_anew(model):
            seen = f"{what}, which is asked anew each time: {why}"
            meaning = "What answers may change without notice; the result holds for the day on which it was measured."
    return Finding("pinned", "note", "not pinned", seen, meaning)


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


def cached_preflight(
    model: ModelUnderTest, probe: Probe | ProbePlan, cache: Path, *, device: str = "cpu", again: bool = False
) -> list[Finding]:
    """Return ``preflight(model, probe)``, from ``preflight/<k[:2]>/<key>.json`` under ``cache`` if it is known.

    A known one needs neither the model nor the images. A model that is asked anew each time (``asked_anew``) is checked
    anew too. That a model could not be loaded is not remembered: it may be this machine's fault.

    Args:
        model: as in ``preflight``; its ``digest`` and declaration decide the key.
        probe: the images, or how to draw them.
        cache: the cache's root.
        device: where the model runs, because another kind rounds otherwise.
        again: ask the model whatever is known, and remember that.

    Raises:
        UsageError: the cache cannot be written.
    """
    declared = model.spec.model_dump(mode="json", exclude=_WORDS)
    key = sha256_bytes(canonical_json([VERSION, model.digest, declared, probe.digest, device]))
    memory = Remembered(cache / "preflight" / key[:2] / f"{key}.json")
    changing = bool(asked_anew(model))
    if not again and not changing:
        with suppress(KeyError, TypeError):
            return [Finding(**entry) for entry in memory.read()[_FIELD]]
    found = preflight(model, probe.draw() if isinstance(probe, ProbePlan) else probe)
    if not changing and not any(finding.check == LOADS and finding.level == "failure" for finding in found):
        memory.add({_FIELD: [asdict(finding) for finding in found]})
    return found
