"""RadEdit (Algorithm 3) on latents, for the editor and the pipeline."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from radbench.diffusion.denoise import OnStep, denoise, guide
from radbench.diffusion.inversion import Inversion
from radbench.diffusion.rows import NoisePredictor, Texts
from radbench.diffusion.schedule import Schedule

ALGORITHM_VERSION = 2
"""Raised whenever a change alters the pixels of an edit; part of every edit task's key."""


@dataclass(frozen=True)
class LatentMasks:
    """Where a batch is edited and where it is kept.

    Attributes:
        edit: bool [B, 1, h, w]; inside it noise is guided by the prompt, outside it is unconditional
            (``m_edit``).
        keep: bool [B, 1, h, w]; inside it every step ends in the inverted latents (``m_keep``).
    """

    edit: Tensor
    keep: Tensor


@dataclass(frozen=True)
class RadEditTrack:
    """One image under Algorithm 3.

    The noise is guided inside the edit mask and unconditional outside; then the inverted latents of the same
    step t - 1 replace the keep region. Where neither mask is set, the image is free to change. A step
    whose sigma is 0 adds the source's residual as every other one does; ``inversion`` says how that was measured.

    Attributes:
        schedule: the S steps of the inversion.
        inversion: of the image.
        edit: ``m_edit``, bool [1, h, w].
        keep: ``m_keep``, bool [1, h, w].
        guidance_scale: w; 0 is unconditional, 1 is conditional without guidance.
    """

    schedule: Schedule
    inversion: Inversion
    edit: Tensor
    keep: Tensor
    guidance_scale: float

    @property
    def start(self) -> Tensor:
        """The inverted latents at the start point, float32 [C, h, w]."""
        return self.inversion.latents[0]

    def step(self, step: int, latents: Tensor, conditional: Tensor, free: Tensor) -> Tensor:
        """Return x_{t-1}; see ``Track.step``."""
        noise = torch.where(self.edit, guide(conditional, free, self.guidance_scale), free)
        kept = self.inversion.latents[step + 1]
        return torch.where(self.keep, kept, self.inversion.step(self.schedule, step, latents, noise))


def edit_latents(
    predictor: NoisePredictor,
    schedule: Schedule,
    inversions: Sequence[Inversion],
    masks: LatentMasks,
    prompts: Texts,
    empty: int,
    guidance_scale: float,
    on_step: OnStep | None = None,
) -> Tensor:
    """Run Algorithm 3 from each inversion's start point down to x_0.

    Args:
        predictor: the noise predictor.
        schedule: the S steps of the edit.
        inversions: one an image, B, with at least these steps.
        masks: where to edit and to keep.
        prompts: embeddings, and the editing prompt of every image, [B].
        empty: entry of the empty prompt among the embeddings.
        guidance_scale: w; 0 is unconditional, 1 is conditional without guidance.
        on_step: called after every step; may replace the latents.

    Returns:
        x_0 of the edited images, float32 [B, C, h, w].

    Raises:
        UsageError: an inversion was made for other steps.
    """
    tracks = [
        RadEditTrack(schedule, inversion.from_start(schedule), edit, keep, guidance_scale)
        for inversion, edit, keep in zip(inversions, masks.edit, masks.keep, strict=True)
    ]
    return torch.stack(denoise(predictor, tracks, prompts, empty, on_step))
