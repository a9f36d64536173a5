"""The loop that every editor shares, guided denoising of several images, and RadEdit (Algorithm 3) on latents.

What differs between editors is where an image starts and what one step does with the two predictions; a
``Track`` says both. Images with other steps, guidance or masks share the network's micro-batches.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from radbench.diffusion.inversion import Inversion
from radbench.diffusion.rows import NoisePredictor, Texts
from radbench.diffusion.schedule import Schedule

OnStep = Callable[[int, int, Tensor], Tensor]
"""Called after every step with its index, its timestep and the latents [B, C, h, w]; returns the latents."""


class Track(Protocol):
    """One image on its way from a start point down to x_0."""

    @property
    def schedule(self) -> Schedule:
        """The steps that it takes."""

    @property
    def start(self) -> Tensor:
        """Latents at the start point, float32 [C, h, w]."""

    def step(self, step: int, latents: Tensor, conditional: Tensor, free: Tensor) -> Tensor:
        """Return x_{t-1}.

        Args:
            step: index into the schedule.
            latents: x_t, float32 [C, h, w].
            conditional: noise predicted for the editing prompt, same shape.
            free: noise predicted for the empty prompt, same shape.
        """


def guide(conditional: Tensor, free: Tensor, scale: float) -> Tensor:
    """Return the noise of classifier-free guidance: 0 is unconditional, 1 conditional without guidance."""
    return free + scale * (conditional - free)


def denoise(
    predictor: NoisePredictor,
    tracks: Sequence[Track],
    prompts: Texts,
    empty: int,
    on_step: OnStep | None = None,
) -> list[Tensor]:
    """Take every image to x_0.

    Both guidance branches of all images go through the network together; the arithmetic of a step is each
    image's own, so that its bits never depend on its company.

    Args:
        predictor: the noise predictor.
        tracks: one an image, B.
        prompts: embeddings, and the editing prompt of every image, [B].
        empty: entry of the empty prompt among the embeddings.
        on_step: called after every step; may replace the latents. Only for images with the same steps.

    Returns:
        x_0 of every image, float32 [C, h, w].
    """
    latents = [track.start for track in tracks]
    for step in range(max(len(track.schedule) for track in tracks)):
        running = [image for image, track in enumerate(tracks) if step < len(track.schedule)]
        now = torch.stack([latents[image] for image in running])
        times = [tracks[image].schedule.timesteps[step] for image in running]
        rows = Texts(
            prompts.embeddings, [*(prompts.index[image] for image in running), *(empty for _ in running)]
        )
        branches = predictor(torch.cat([now, now]), times * 2, rows).chunk(2)
        for image, x, raw, raw_free in zip(running, now, *branches, strict=True):
            noises = (tracks[image].schedule.to_noise(step, x, output) for output in (raw, raw_free))
            latents[image] = tracks[image].step(step, x, *noises)
        if on_step is not None:
            latents = list(on_step(step, times[0], torch.stack(latents)))
    return latents


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
