"""Measure the phantom's image-text encoder on rendered edits whose quality is known."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from radbench.phantom.canvas import Stream
from radbench.phantom.findings import Finding, Side, random_side
from radbench.phantom.prompts import (
    CONSOLIDATION_PROMPTS,
    NO_FINDING_PROMPT,
    OEDEMA_PROMPT,
    PACEMAKER_PROMPT,
    report,
)
from radbench.phantom.render import Hospital, render
from radbench.quality.editing_score import EditingScorer, ImageTextEncoder

Film: TypeAlias = NDArray[np.uint8]

THRESHOLD = 0.2
"""The paper's threshold, Section 4.4."""

_SEED_OFFSET = 800_000_000
_MIRROR: dict[Side, Side] = {"left": "right", "right": "left"}


@dataclass(frozen=True)
class Edit:
    """One rendered edit: ``before`` is what the source shows, ``after`` what the edited film shows."""

    patient: int
    before: tuple[Finding, ...]
    after: tuple[Finding, ...]
    hospital: Hospital
    prompt: str

    def films(self) -> tuple[Film, Film]:
        """Return both films, uint8 [128, 128] each."""
        before, after = (
            render(self.patient, scene, self.hospital).image for scene in (self.before, self.after)
        )
        return before, after

    @property
    def report(self) -> str:
        """What the source's report says."""
        return report(self.before, Stream(self.patient, 402))


def rendered_edits(kind: str, count: int) -> list[Edit]:
    """Return ``count`` edits of one of ``KINDS``, each of another patient, none of them seen in training."""
    return [_DRAWERS[kind](_SEED_OFFSET + index, Stream(_SEED_OFFSET + index, 403)) for index in range(count)]


def score_table(
    encoder: ImageTextEncoder, count: int, redraw: Callable[[Film], Film] | None = None
) -> dict[str, dict[str, float]]:
    """Return what ``summary`` says of each kind of edit.

    Args:
        encoder: what scores.
        count: edits of each kind.
        redraw: what an autoencoder makes of a film, uint8 [128, 128]; if given, each true edit is also scored as
            decoded, and its source, not edited but decoded, as an edit that did nothing.
    """
    scorer = EditingScorer(encoder)
    table: dict[str, dict[str, float]] = {}
    for kind in KINDS:
        edits = rendered_edits(kind, count)
        before, after = (list(films) for films in zip(*(edit.films() for edit in edits), strict=True))
        shown = {kind: after}
        if redraw is not None and kind.startswith("true: "):
            name = kind.removeprefix("true: ")
            shown[f"decoded: {name}"] = list(map(redraw, after))
            shown[f"undone: {name}, only decoded"] = list(map(redraw, before))
        told = [edit.report for edit in edits], [edit.prompt for edit in edits]
        table |= {name: summary(scorer.score(before, films, *told)) for name, films in shown.items()}
    return table


def summary(scores: NDArray[np.float64]) -> dict[str, float]:
    """Return mean, 5 % and 95 % quantile and the share at or over the threshold, rounded to 3 decimals."""
    low, high = np.quantile(scores, [0.05, 0.95])
    figures = {"mean": scores.mean(), "low": low, "high": high, "kept": (scores >= THRESHOLD).mean()}
    return {"n": len(scores), **{name: round(float(value), 3) for name, value in figures.items()}}


def _pneumothorax(change: Callable[[Finding, Finding], tuple[Finding, ...]]) -> Callable[[int, Stream], Edit]:
    """Return what draws an edit of a drained pneumothorax; ``change`` gets the air and the drain."""

    def draw(patient: int, rng: Stream) -> Edit:
        side = random_side(rng)
        before = Finding("pneumothorax", side, rng.uniform(0.05, 0.42)), Finding("drain", side)
        return Edit(patient, before, change(*before), "A", NO_FINDING_PROMPT)

    return draw


def _moved(air: Finding) -> Finding:
    return Finding("pneumothorax", _MIRROR[air.side], air.severity)


def _remove_covid(patient: int, rng: Stream) -> Edit:
    return Edit(patient, (Finding("covid", "", rng.uniform(0.2, 1.0)),), (), "B", NO_FINDING_PROMPT)


def _fade_covid(patient: int, rng: Stream) -> Edit:
    severity = rng.uniform(0.2, 1.0)
    before, after = (Finding("covid", "", value) for value in (severity, 0.9 * severity))
    return Edit(patient, (before,), (after,), "B", NO_FINDING_PROMPT)


def _adder(prompt: str, shown: Finding) -> Callable[[int, Stream], Edit]:
    def add(patient: int, rng: Stream) -> Edit:
        severity = rng.uniform(0.3, 0.8)
        return Edit(patient, (), (Finding(shown.name, shown.side, severity),), "A", prompt)

    return add


_ASKED_LEFT, _ASKED_RIGHT = (CONSOLIDATION_PROMPTS[side] for side in ("left", "right"))
_LEFT, _RIGHT = (Finding("consolidation", side) for side in _MIRROR)
_OEDEMA, _PACEMAKER = Finding("oedema"), Finding("pacemaker", "left")
_DRAWERS: dict[str, Callable[[int, Stream], Edit]] = {
    "true: pneumothorax removed, drain kept": _pneumothorax(lambda _, drain: (drain,)),
    "true: covid removed": _remove_covid,
    "true: oedema added": _adder(OEDEMA_PROMPT, _OEDEMA),
    "true: pacemaker added": _adder(PACEMAKER_PROMPT, _PACEMAKER),
    "true: consolidation left added": _adder(_ASKED_LEFT, _LEFT),
    "true: consolidation right added": _adder(_ASKED_RIGHT, _RIGHT),
    "wrong: drain removed, pneumothorax kept": _pneumothorax(lambda air, _: (air,)),
    "wrong: pneumothorax moved to the other side": _pneumothorax(lambda air, drain: (_moved(air), drain)),
    "wrong: pneumothorax kept, oedema added": _pneumothorax(lambda air, drain: (air, drain, _OEDEMA)),
    "wrong: covid a tenth fainter": _fade_covid,
    "wrong: consolidation right, asked left": _adder(_ASKED_LEFT, _RIGHT),
    "wrong: consolidation left, asked right": _adder(_ASKED_RIGHT, _LEFT),
    "wrong: pacemaker, asked for oedema": _adder(OEDEMA_PROMPT, _PACEMAKER),
    "wrong: oedema, asked for consolidation": _adder(_ASKED_LEFT, _OEDEMA),
}
KINDS = tuple(_DRAWERS)
"""Rendered edits: ``true`` ones do what the prompt asks for and nothing else, ``wrong`` ones do something else.

Equation 5 cannot tell all wrong ones: it knows no size (a finding that fades a little points the right way), and a
finding that changes sides goes half of the way that its removal goes (a cosine of about 0.7).
"""
