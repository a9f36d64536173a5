"""The way through a preflight, from loading the model to the findings."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Final

from radbench.errors import UsageError
from radbench.models.base import ModelFailureError, ModelUnderTest
from radbench.models.finding import Finding
from radbench.models.preflight import output, steady
from radbench.models.preflight.alternatives import alternatives
from radbench.models.preflight.declared import pinned, read_from_files, vendor_notes
from radbench.models.preflight.judge import judged
from radbench.models.preflight.nan_input import nan_input
from radbench.models.preflight.probe import Probe
from radbench.models.preflight.session import Session, decoded, outputs_of, rows_of
from radbench.models.preflight.telling import told

LOADS: Final = "loads"


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
        return [_unloaded(error), *start]
    if isinstance(opened, list):
        return [_loaded(probe), *start, *opened]
    return [_loaded(probe), *start, *_checked(opened)]


def failures(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings for which a model is not audited unless that is forced."""
    return [finding for finding in findings if finding.level == "failure"]


def _open(model: ModelUnderTest, probe: Probe) -> Session | list[Finding]:
    """Ask everything once; return the session, or what is wrong where the answers cannot be read."""
    _start(model, probe)
    rows = rows_of(model, probe.images[0])
    if not rows:
        return Session(model, probe, {}, model.predict(probe.images))
    outputs = outputs_of(model, probe.images, model.spec.input, rows)
    shape = output.shape(model.spec, outputs, len(probe.images))
    if shape.level == "failure":
        return [shape, *_names(model)]
    try:
        base = decoded(model.spec, outputs, probe.images)
    except ModelFailureError as error:
        return [shape, output.refused(error), *_names(model)]
    return Session(model, probe, outputs, base, rows)


def _start(model: ModelUnderTest, probe: Probe) -> None:
    """Have the model loaded: only then is its number of rows known."""
    start = getattr(model, "start", None) or getattr(model, "prepare", None)
    if callable(start):
        start()
    elif hasattr(model, "forward"):
        with suppress(ModelFailureError):
            model.predict(probe.images[:1])


def _checked(session: Session) -> Iterator[Finding]:
    if session.outputs:
        yield output.shape(session.spec, session.outputs, len(session.probe.images))
    ranged = output.value_range(session)
    yield from [ranged] if ranged else []
    yield from _names(session.model)
    yield output.constant(session)
    yield from output.unanswered(session)
    yield from output.operating_point(session)
    yield from _asked("determinism", steady.determinism, session)
    yield from _asked("batch invariance", steady.batch_invariance, session)
    yield from told(session, judged(session, alternatives(session)))
    yield from nan_input(session)


def _asked(check: str, ask: Callable[[Session], Finding], session: Session) -> Iterator[Finding]:
    try:
        yield ask(session)
    except ModelFailureError as error:
        meaning = "It answered the same images before: whether it answers is a matter of luck."
        yield Finding(check, "failure", "an answer", str(error), meaning)


def _names(model: ModelUnderTest) -> list[Finding]:
    found = output.class_names(model)
    return [found] if found else []


def _loaded(probe: Probe) -> Finding:
    return Finding(LOADS, "ok", "loads and answers", f"{len(probe.images)} images answered")


def _unloaded(error: Exception) -> Finding:
    kind = f" ({error.kind})" if isinstance(error, ModelFailureError) else ""
    meaning = "The model cannot be audited: mend its files or its declaration."
    return Finding(LOADS, "failure", "loads and answers", f"{error}{kind}", meaning)
