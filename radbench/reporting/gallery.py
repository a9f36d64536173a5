"""The gallery: which edited images a reader sees, and the panels drawn for each of them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

import numpy as np

from radbench.errors import RadbenchError
from radbench.reporting.images import Gray, Mask, data_uri, difference, fit, overlay, stamp


@dataclass(frozen=True)
class GalleryItem:
    """One edited image with everything a reader needs to judge it.

    Attributes:
        study_id: The source study.
        scenario: The scenario that edited it.
        original: Source image, ``uint8 [H, W]``.
        edited: Edited image, ``uint8 [H, W]``, unstamped (the report stamps it).
        edit_mask: Where the edit was asked for, ``bool [H, W]``.
        keep_mask: Where nothing may change, ``bool [H, W]``, or None.
        truth: The true counterfactual, ``uint8 [H, W]``, where it is known.
        scores: Model name to (score on the original, score on the edited image), each in [0, 1].
        label_after: The target's label that the edited image has, 0 or 1, or None when unknown.
    """

    study_id: str
    scenario: str
    original: Gray
    edited: Gray
    edit_mask: Mask
    keep_mask: Mask | None = None
    truth: Gray | None = None
    scores: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    label_after: int | None = None

    def __post_init__(self) -> None:
        planes = {"edited": self.edited, "edit_mask": self.edit_mask, "keep_mask": self.keep_mask}
        for name, plane in {**planes, "truth": self.truth}.items():
            if plane is not None and plane.shape != self.original.shape:
                shapes = f"{name} is {plane.shape}, the original {self.original.shape}"
                raise RadbenchError(f"Gallery item of study {self.study_id}: {shapes}.")


@dataclass(frozen=True)
class Panel:
    """One picture of a case: a title, the alternative text, a PNG data URI and its size in pixels."""

    kind: str
    title: str
    alt: str
    uri: str
    width: int
    height: int


def badness(item: GalleryItem) -> float:
    """Return how badly some model does on the edited image, in [0, 1].

    That is the largest distance of a score from the label after the edit; where that label is unknown, the
    largest change of a score.
    """
    return max((_distance(*pair, item.label_after) for pair in item.scores.values()), default=0.0)


def _distance(before: float | None, after: float | None, label: int | None) -> float:
    aim = before if label is None else float(label)
    return 0.0 if after is None or aim is None else abs(after - aim)


def choose(items: Sequence[GalleryItem], cases: int, worst: int) -> list[GalleryItem]:
    """Choose at most ``cases`` items: the ``worst`` worst first, then an even spread over all the others.

    The order is by badness, ties by study and scenario, so the choice does not depend on the order given.
    """
    ranked = sorted(items, key=lambda item: (-badness(item), item.study_id, item.scenario))
    if len(ranked) <= cases:
        return ranked
    worst = min(worst, cases)
    rest, seats = ranked[worst:], cases - worst
    places = np.rint(np.linspace(0, len(rest) - 1, seats)).astype(int).tolist() if seats else []
    return [*ranked[:worst], *(rest[place] for place in places)]


def panels(item: GalleryItem) -> list[Panel]:
    """Draw the panels of one case: original, masks, edited, difference and, where known, the truth."""
    case = f"study {item.study_id}"
    edited_alt = f"Edited image of {case}, stamped SYNTHETIC"
    drawn = [
        _gray("original", "Original", f"Original image of {case}", fit(item.original)),
        _masks(item, case),
        _gray("edited", "Edited", edited_alt, stamp(fit(item.edited))),
        _difference(item, case),
    ]
    if item.truth is not None:
        alt = f"The truth: {case} rendered as the edit wants it, stamped RENDERED"
        drawn.append(_gray("truth", "Truth", alt, stamp(fit(item.truth), "RENDERED")))
    return drawn


def _gray(kind: str, title: str, alt: str, image: Gray) -> Panel:
    return Panel(kind, title, alt, data_uri(image), image.shape[1], image.shape[0])


def _masks(item: GalleryItem, case: str) -> Panel:
    keep = None if item.keep_mask is None else _fit_mask(item.keep_mask)
    picture = overlay(fit(item.original), _fit_mask(item.edit_mask), keep)
    share = 100 * float(item.edit_mask.mean())
    kept = "no keep mask" if keep is None else "keep mask in blue"
    alt = f"Masks over {case}: edit mask in orange ({share:.0f} % of the image), {kept}"
    return Panel("masks", "Masks", alt, data_uri(picture), picture.shape[1], picture.shape[0])


def _fit_mask(mask: Mask) -> Mask:
    return fit(mask.astype(np.uint8) * np.uint8(255)) >= 128


def _difference(item: GalleryItem, case: str) -> Panel:
    before, after = fit(item.original), fit(item.edited)
    inside = _mean_change(item, item.edit_mask)
    alt = f"Edited minus original of {case}: mean change {inside:.1f} grey levels inside the edit mask"
    return Panel("difference", "Difference", alt, data_uri(difference(before, after)), *before.shape[::-1])


def _mean_change(item: GalleryItem, where: Mask) -> float:
    change = np.abs(item.edited.astype(np.int16) - item.original.astype(np.int16))
    return float(change[where].mean()) if where.any() else 0.0


@dataclass(frozen=True)
class RejectedItem:
    """One image that is not judged, with the reason.

    Attributes:
        study_id: The source study.
        scenario: The scenario that edited it.
        reason: Why it was rejected, in words.
        image: The edited image, or the original where it was rejected before any edit; ``uint8 [H, W]``.
        edited: Whether ``image`` is edited.
    """

    study_id: str
    scenario: str
    reason: str
    image: Gray
    edited: bool = True


def choose_rejected(items: Sequence[RejectedItem], cases: int) -> list[RejectedItem]:
    """Choose at most ``cases`` items so that every kind of reason is seen; the order given does not matter.

    Reasons that differ in their numbers only are of one kind; the kinds take turns.
    """
    kinds: dict[str, list[RejectedItem]] = {}
    for item in sorted(items, key=lambda item: (item.scenario, item.study_id, item.reason)):
        kinds.setdefault(kind_of(item.reason), []).append(item)
    turns = zip_longest(*(kinds[kind] for kind in sorted(kinds)))
    return [item for turn in turns for item in turn if item is not None][:cases]


def kind_of(reason: str) -> str:
    """Return a reason without its numbers."""
    return re.sub(r"[-\N{MINUS SIGN}]?\d+(\.\d+)?", "#", reason)


def rejected_panel(item: RejectedItem) -> Panel:
    """Draw a rejected image with its reason in its pixels."""
    what = "Edited image" if item.edited else "Original image, never edited,"
    alt = f"{what} of study {item.study_id}, stamped with why it was rejected: {item.reason}"
    return _gray("rejected", item.reason, alt, stamp(fit(item.image), f"REJECTED: {item.reason}"))
