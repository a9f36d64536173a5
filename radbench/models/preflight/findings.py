"""What came of the alternatives, in words: one finding a check."""

from collections.abc import Iterator, Sequence
from typing import Final

from radbench.models.base import Finding, Level
from radbench.models.decode import classes_of
from radbench.models.preflight.alternatives import (
    CHANNELS,
    CLASSES,
    INTENSITY,
    INVERTED,
    RANGE,
    RESIZE,
    ends,
    stored,
)
from radbench.models.preflight.judge import Gain, Outcome, figures
from radbench.models.preflight.session import Session
from radbench.specs import InputContract, ModelSpec

GRAVITY: Final[dict[Level, int]] = {"ok": 0, "note": 1, "warning": 2, "failure": 3}

_SUSPECTED: Final = {
    RANGE: "Wrong preprocessing suspected",
    INTENSITY: "Another reading of the stored values is suspected",
    INVERTED: "The wrong polarity of films is suspected",
    CHANNELS: "The wrong order of channels is suspected",
    RESIZE: "The wrong resize rule is suspected",
    CLASSES: "The wrong class order is suspected",
}
_FOREIGN: Final = (
    "if the declaration is right, these images are not of the kind that the model was made for, and what is "
    "measured on them says little."
)


def told(session: Session, outcomes: Sequence[Outcome]) -> Iterator[Finding]:
    """Yield one finding for each check that alternatives were tried for, and for what could not be tried."""
    for check in (RANGE, INTENSITY, INVERTED, CHANNELS, RESIZE, CLASSES):
        of_check = [outcome for outcome in outcomes if outcome.alternative.check == check]
        if check == INTENSITY and all(outcome.level == "ok" for outcome in of_check):
            continue
        if of_check:
            yield _of_check(session, check, of_check)
        else:
            yield from _untried(session, check)


def declaration(spec: ModelSpec, check: str) -> str:
    """Return what is declared of a check."""
    contract = spec.input
    if check == RANGE:
        return range_words(contract)
    if check == INTENSITY:
        return contract.intensity + (f" {contract.window}" if contract.window else "")
    if check == CHANNELS:
        channels = range(contract.channels)
        return ", ".join(contract.channel_def.get(str(number), f"channel {number}") for number in channels)
    if check == RESIZE:
        height, width = contract.spatial_shape
        return f"{contract.resize} to {height} x {width}"
    if check == INVERTED:
        return contract.photometric
    named = ", ".join(classes_of(spec))
    return f"{named}; the target is '{spec.wanted}'" if named else f"one answer, for '{spec.wanted}'"


def range_words(contract: InputContract) -> str:
    """Return a contract's range, standardisation and what they make of black and white."""
    low, high = contract.value_range
    words = f"{low:g} to {high:g}"
    if not contract.mean and not contract.std:
        return words
    black, white = ends(contract)
    means, stds = ("/".join(f"{v:g}" for v in part) for part in (contract.means, contract.stds))
    return f"{words}, mean {means}, std {stds}: the model sees {black:.3g} to {white:.3g}"


def _of_check(session: Session, check: str, outcomes: Sequence[Outcome]) -> Finding:
    stated = declaration(session.spec, check)
    if check == INTENSITY:
        stated += f", {stored(session.probe.images)}"
    worst = max(outcomes, key=lambda o: (GRAVITY[o.level], o.quality))
    if worst.level == "ok" or worst.decisive is None:
        return _fine(session, check, stated, outcomes)
    found = _compared(worst.decisive, worst)
    if worst.level == "note":
        return Finding(check, "note", stated, found, "Another check explains the answers better; see there.")
    meaning = (
        f"{_SUSPECTED[check]}: compare the declaration with how the model was trained (the best of those tried: "
        f"{worst.alternative.mend}); {_FOREIGN}"
    )
    return Finding(check, worst.level, stated, found, meaning)


def _fine(session: Session, check: str, stated: str, outcomes: Sequence[Outcome]) -> Finding:
    asked = [outcome for outcome in outcomes if outcome.change is not None]
    if not asked:
        return Finding(check, "note", stated, "the model refuses every other input", "")
    if not any(outcome.gains for outcome in asked):
        meaning = "Not judged: there are too few images of known truth to say which is right."
        return Finding(check, "note", stated, _changes(session, asked), meaning)
    known = figures(session.spec, session.probe, session.base, len(session.probe.images))
    shown = ", ".join(f"{name} {value:.2f}" for name, value in sorted(known.items()) if name != "log loss")
    seen = f"as declared {shown}"
    if check == CLASSES:
        return Finding(check, "ok", stated, f"{seen}; no other reading is clearly better")
    seen += f"; {_changes(session, asked)}, none clearly better"
    if check in {RANGE, INVERTED} and max(outcome.change or 0.0 for outcome in asked) == 0.0:
        meaning = "The model gives the same answers whatever it is shown so: not judged."
        return Finding(check, "note", stated, seen, meaning)
    return Finding(check, "ok", stated, seen)


def _changes(session: Session, outcomes: Sequence[Outcome]) -> str:
    unit = {
        "probabilities": "scores change by",
        "labels": "labels change in a share of",
        "masks": "pixels change in a share of",
    }
    sizes = sorted(outcome.change or 0.0 for outcome in outcomes)
    span = " to ".join(dict.fromkeys((f"{sizes[0]:.2f}", f"{sizes[-1]:.2f}")))
    count = len(outcomes)
    tried = f"with {outcomes[0].alternative.words}" if count == 1 else f"with {count} alternatives"
    return f"{unit[session.base.kind]} {span} {tried}"


def _compared(gain: Gain, outcome: Outcome) -> str:
    count = len(outcome.answers.values) if outcome.answers is not None else 0
    return (
        f"{gain.metric} {gain.declared:.2f} as declared, {gain.other:.2f} with {outcome.alternative.words} (better by "
        f"{gain.size:.2f}, corrected 95 % interval {gain.low:.2f} to {gain.high:.2f}; {count} images"
        f"{_others(gain, outcome)})"
    )


def _others(gain: Gain, outcome: Outcome) -> str:
    told_too = [
        f"{name} {other.declared:.2f} and {other.other:.2f}"
        for name, other in sorted(outcome.gains.items())
        if name not in {gain.metric, "log loss"}
    ]
    return f"; {', '.join(told_too)}" if told_too else ""


def _untried(session: Session, check: str) -> Iterator[Finding]:
    spec, contract = session.spec, session.spec.input
    if not session.rows:
        if check == RANGE:
            yield _unvaried(session)
        return
    stated = declaration(spec, check)
    if check == CHANNELS and contract.channels > 1:
        seen = "every channel holds the same numbers, so their order changes nothing"
        yield Finding(check, "ok", stated, seen)
    if check == RESIZE:
        yield resized(session)


def _unvaried(session: Session) -> Finding:
    """Return why nothing can be said of the input range."""
    if getattr(session.model, "takes_tensors", hasattr(session.model, "forward")):
        seen = "the model takes neither 16 rows at once nor 1, and does not say how many"
        meaning = "Not judged: export it with one row, or with any number."
        return Finding(RANGE, "note", declaration(session.spec, RANGE), seen, meaning)
    seen = f"a model of format '{session.spec.format}' prepares the images itself"
    return Finding(RANGE, "note", "not applicable", seen, "Its preprocessing cannot be varied from here.")


def resized(session: Session) -> Finding:
    """Return how far the images are from the model's size, where every resize rule does the same."""
    sizes = session.probe.sizes
    rows, columns = session.spec.input.spatial_shape
    stated, seen = declaration(session.spec, RESIZE), f"images of {_sizes(sizes)}"
    if sizes == [(rows, columns)]:
        return Finding(RESIZE, "ok", stated, f"{seen}, the model's own size")
    if any(rows * columns > height * width for height, width in sizes):
        which = "They are" if len(sizes) == 1 else "Some are"
        meaning = f"{which} enlarged: a model made for finer detail sees none, and may be worse for it."
        return Finding(RESIZE, "note", stated, f"{seen}; every rule does the same", meaning)
    return Finding(RESIZE, "ok", stated, f"{seen}; every rule does the same")


def _sizes(sizes: Sequence[tuple[int, int]]) -> str:
    (height, width), (most, widest) = sizes[0], sizes[-1]
    if len(sizes) == 1:
        return f"{height} x {width}"
    return f"{len(sizes)} sizes, {height} x {width} to {most} x {widest}"
