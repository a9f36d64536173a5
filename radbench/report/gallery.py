"""The gallery: what is known of an edited image, and the panels drawn for it."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from radbench.errors import RadbenchError
from radbench.report.images import (
    Gray,
    Heat,
    Mask,
    data_uri,
    difference,
    fit,
    heatmap,
    outlined,
    overlay,
    stamp,
)


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
        saliency: Model name to where the model looked in the edited image, ``float32 [H, W]`` in [0, 1].
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
    saliency: Mapping[str, Heat] = field(default_factory=dict)

    def __post_init__(self) -> None:
        planes: dict[str, npt.NDArray[Any] | None] = {"edited": self.edited, "edit_mask": self.edit_mask}
        planes["keep_mask"] = self.keep_mask
        looks = {f"saliency of {model}": heat for model, heat in self.saliency.items()}
        for name, plane in {**planes, "truth": self.truth, **looks}.items():
            if plane is not None and plane.shape != self.original.shape:
                shapes = f"{name} is {plane.shape}, the original {self.original.shape}"
                raise RadbenchError(f"Gallery item of study {self.study_id}: {shapes}.")


@dataclass(frozen=True)
class LazyGallery:
    """A gallery whose images are read only where they are shown.

    Attributes:
        keys: Study and scenario of every edited image that is judged.
        load: Makes the item of a key.
        bare: Makes it without what is costly and only seen on the page, such as saliency; None: as ``load`` does.
    """

    keys: Sequence[tuple[str, str]]
    load: Callable[[tuple[str, str]], GalleryItem]
    bare: Callable[[tuple[str, str]], GalleryItem] | None = None


@dataclass(frozen=True)
class Panel:
    """One picture of a case: title, alternative text, PNG data URI, size in pixels, and a line below it."""

    kind: str
    title: str
    alt: str
    uri: str
    width: int
    height: int
    note: str = ""


def panels(item: GalleryItem) -> list[Panel]:
    """Draw the panels of one case: original, edited, masks, difference, where known the truth, and saliency."""
    case = case_name(item.study_id)
    edited_alt = f"Edited image of {case}, stamped SYNTHETIC"
    drawn = [
        _gray("original", "Original", f"Original image of {case}", fit(item.original)),
        _gray("edited", "Edited", edited_alt, stamp(fit(item.edited))),
        _masks(item, case),
        _difference(item, case),
    ]
    if item.truth is not None:
        alt = f"The truth: {case} rendered as the edit wants it, stamped RENDERED"
        drawn.append(_gray("truth", "Truth", alt, stamp(fit(item.truth), "RENDERED")))
    return drawn + [_saliency(item, model, case) for model in item.saliency]


def outlined_panel(item: GalleryItem) -> Panel:
    """Draw the edited image of a case with the outlines of its masks."""
    case = case_name(item.study_id)
    keep = None if item.keep_mask is None else _fit_mask(item.keep_mask)
    picture = outlined(stamp(fit(item.edited)), _fit_mask(item.edit_mask), keep)
    alt = f"Edited image of {case}, stamped SYNTHETIC, with the outline of the edit mask in orange"
    return Panel("outlined", "Edited", alt, data_uri(picture), picture.shape[1], picture.shape[0])


def case_name(study_id: str) -> str:
    """Return ``case 001`` for a numbered study, and ``study p0001`` for one that is named."""
    numbered = re.fullmatch(r"case-(\d+)", study_id)
    return f"study {study_id}" if numbered is None else f"case {numbered[1]}"


def _saliency(item: GalleryItem, model: str, case: str) -> Panel:
    heat = item.saliency[model]
    picture = heatmap(fit(item.edited), fit(np.rint(255 * np.clip(heat, 0, 1)).astype(np.uint8)))
    total = float(heat.sum())
    inside = 100 * float(heat[item.edit_mask].sum()) / total if total > 0 else 0.0
    alt = (
        f"Where {model} looked in the edited image of {case}, brighter is more: {inside:.0f} % of it lies inside "
        "the edit mask"
    )
    note = f"{model}: {inside:.0f} % of it in the edit mask"
    return Panel("saliency", "Saliency", alt, data_uri(picture), *picture.size, note)


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
    change = np.abs(item.edited.astype(np.int16) - item.original.astype(np.int16))[item.edit_mask]
    inside = float(change.mean()) if change.size else 0.0
    alt = f"Edited minus original of {case}: mean change {inside:.1f} grey levels inside the edit mask"
    return Panel("difference", "Difference", alt, data_uri(difference(before, after)), *before.shape[::-1])


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


def kind_of(reason: str) -> str:
    """Return a reason without its numbers."""
    return re.sub(r"[-\N{MINUS SIGN}]?\d+(\.\d+)?", "#", reason)


def rejected_panel(item: RejectedItem) -> Panel:
    """Draw a rejected image with its reason in its pixels."""
    what = "Edited image" if item.edited else "Original image, never edited,"
    alt = f"{what} of {case_name(item.study_id)}, stamped with why it was rejected: {item.reason}"
    return _gray("rejected", item.reason, alt, stamp(fit(item.image), f"REJECTED: {item.reason}"))
