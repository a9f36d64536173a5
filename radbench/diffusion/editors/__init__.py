"""Editors by name, and what every editor takes and gives; no torch here."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from radbench.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from radbench.diffusion.bundle import Bundle

Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class EditSettings:
    """How to edit: all requests of a call, or one that brings its own.

    Attributes:
        num_inference_steps: N, steps of the whole schedule.
        guidance_scale: classifier-free guidance w inside the edit mask.
        skip_ratio: share of the noisiest steps that are skipped, 0 to below 1.
        mask_threshold: share of a latent's area from which a mask covers it, over 0 to 1.
        paste_back: whether source pixels replace the keep region after decoding, in editors that know one.
        feather: standard deviation, in pixels, of the paste's fall-off outside the keep mask.
        precision: of the noise predictor: "float32", "tf32" (float32 with TF32 products on a GPU) or "bfloat16".
    """

    num_inference_steps: int = 30
    guidance_scale: float = 15.0
    skip_ratio: float = 0.2
    mask_threshold: float = 0.5
    paste_back: bool = True
    feather: float = 1.0
    precision: Literal["float32", "tf32", "bfloat16"] = "float32"


@dataclass(frozen=True, eq=False)
class EditRequest:
    """One image to edit.

    Attributes:
        key: identity of the edit, returned with its result.
        image: uint8 [H, W].
        edit_mask: bool [H, W], where the prompt guides (exclusion mask).
        keep_mask: bool [H, W], what must stay (inclusion mask); None for nothing.
        prompt: the editing prompt.
        invert_prompt: the prompt of the inversion, as a rule empty.
        seed: 0 to 2**63 - 1; decides the noise.
        settings: how to edit this image; None for the settings of the call.
    """

    key: str
    image: Image
    edit_mask: Mask
    keep_mask: Mask | None
    prompt: str
    invert_prompt: str
    seed: int
    settings: EditSettings | None = None


@dataclass(frozen=True, eq=False)
class EditResult:
    """One edited image.

    Attributes:
        key: the request's key.
        image: uint8 [H, W], after the paste.
        reconstruction: uint8 [H, W], the source encoded and decoded without an edit.
        measures: mean absolute difference from the source as a share of full scale, 0 to 1: ``change_edit``
            (edit mask without the keep mask), ``change_keep_before_paste``, ``change_keep``,
            ``change_outside`` (neither mask) and ``reconstruction_error`` (whole image). A region without
            pixels has no entry.
    """

    key: str
    image: Image
    reconstruction: Image
    measures: Mapping[str, float] = field(default_factory=dict)


class Editor(Protocol):
    """An editing method."""

    name: str
    algorithm_version: int

    def edit(
        self,
        bundle: "Bundle",
        requests: Sequence[EditRequest],
        settings: EditSettings,
        *,
        batch_size: int = 8,
        on_item: Callable[[EditResult], None] | None = None,
    ) -> Iterator[EditResult]:
        """Yield one result a request, in order, as batches finish.

        Requests with the same image, inversion prompt, seed and number of steps share one inversion, and all
        of one image share its encoding; give them beside each other, so that results come as early as can be.

        Args:
            bundle: the diffusion model.
            requests: what to edit.
            settings: how, for requests that bring no settings of their own.
            batch_size: images edited together; it bounds memory and never changes a pixel.
            on_item: called with every result before it is yielded.
        """


def measure(
    source: Image, unpasted: Image, image: Image, reconstruction: Image, request: EditRequest
) -> dict[str, float]:
    """Return the measures of ``EditResult`` for one edit."""
    keep = np.zeros_like(request.edit_mask) if request.keep_mask is None else request.keep_mask
    edit = request.edit_mask & ~keep
    regions = {
        "change_edit": (image, edit),
        "change_keep_before_paste": (unpasted, keep),
        "change_keep": (image, keep),
        "change_outside": (image, ~request.edit_mask & ~keep),
        "reconstruction_error": (reconstruction, np.ones_like(keep)),
    }
    return {name: _change(source, other, region) for name, (other, region) in regions.items() if region.any()}


def _change(source: Image, other: Image, region: Mask) -> float:
    difference = np.abs(source[region].astype(np.int64) - other[region].astype(np.int64))
    return float(difference.sum() / (255 * difference.size))


_EDITORS = {
    "radedit": ("RadEditEditor", 2),
    "diffedit": ("DiffEditEditor", 1),
    "lance": ("LanceEditor", 1),
    "sdedit": ("SDEditEditor", 1),
    "inpaint": ("InpaintEditor", 1),
}
"""Name to class in ``methods`` and algorithm version: planning needs the version but not torch."""


GROUP: Final = "radbench.editors"
"""Entry points of other packages' editors: classes with ``name``, ``algorithm_version`` and ``edit``."""


def editor_names() -> list[str]:
    """Return the names of all editors, those of other packages too, sorted."""
    return sorted({*_EDITORS, *(point.name for point in entry_points(group=GROUP))})


def algorithm_version(name: str) -> int:
    """Return the version of an editor's algorithm, part of every task's key; radbench's own without importing torch.

    Raises:
        UsageError: an unknown name.
    """
    return _EDITORS[name][1] if name in _EDITORS else int(_of_another_package(name).algorithm_version)


def get_editor(name: str) -> Editor:
    """Return the editor called ``name``.

    Raises:
        UsageError: an unknown name; the sentence gives the nearest one.
    """
    if name not in _EDITORS:
        other: Editor = _of_another_package(name)()
        return other
    from radbench.diffusion.editors import methods

    editor: Editor = getattr(methods, _EDITORS[name][0])()
    return editor


def _of_another_package(name: str) -> Any:
    for point in entry_points(group=GROUP):
        if point.name == name:
            return point.load()
    known = editor_names()
    hint = did_you_mean(name, known)
    raise UsageError(f"There is no editor named '{name}'.{hint} Known editors: {', '.join(known)}.")
