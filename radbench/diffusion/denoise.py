"""The loop that every editor shares: guided denoising of several images, each on its own way to x_0.

What differs between editors is where an image starts and what one step does with the two predictions; a
``Track`` says both. Images with other steps, guidance or masks share the network's micro-batches.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor

from radbench.diffusion.rows import NoisePredictor, Texts
from radbench.diffusion.schedule import Schedule

OnStep = Callable[[int, int, Tensor], Tensor]
"""Called after every step with its index, its timestep and the latents [B, C, h, w]; returns the latents."""


class Track(Protocol):
    """One image on its way from a start point down to x_0."""

    @property
    def schedule(self) -> Schedule:
        """The steps that it takes."""
        ...

    @property
    def start(self) -> Tensor:
        """Latents at the start point, float32 [C, h, w]."""
        ...

    def step(self, step: int, latents: Tensor, conditional: Tensor, free: Tensor) -> Tensor:
        """Return x_{t-1}.

        Args:
            step: index into the schedule.
            latents: x_t, float32 [C, h, w].
            conditional: noise predicted for the editing prompt, same shape.
            free: noise predicted for the empty prompt, same shape.
        """
        ...


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
