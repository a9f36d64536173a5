"""RadEdit (Algorithm 3) on latents: the one core loop that the editor and the pipeline share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from radbench.diffusion.inversion import Inversion
from radbench.diffusion.rows import NoisePredictor, Texts
from radbench.diffusion.schedule import Schedule
from radbench.errors import UsageError

ALGORITHM_VERSION = 1
"""Raised whenever a change alters the pixels of an edit; part of every edit task's key."""

OnStep = Callable[[int, int, Tensor], Tensor]
"""Called after every step with its index, its timestep and the latents [B, C, h, w]; returns the latents."""


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

    At every step both guidance branches of all images go through the network together; the noise is guided
    inside the edit mask and unconditional outside; then the inverted latents of the same step t - 1 replace
    the keep region. Where neither mask is set, the image is free to change.

    Args:
        predictor: the noise predictor.
        schedule: the S steps of the inversions.
        inversions: one an image, B.
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
    check_inversions(schedule, inversions)
    kept = torch.stack([inversion.latents for inversion in inversions], dim=1)
    means = torch.stack([inversion.means for inversion in inversions], dim=1)
    branches = Texts(prompts.embeddings, [*prompts.index, *(empty for _ in inversions)])
    latents = kept[0]
    for step, timestep in enumerate(schedule.timesteps):
        output = predictor(torch.cat([latents, latents]), [timestep] * (2 * len(inversions)), branches)
        guided, free = _branches(schedule, step, latents, output, guidance_scale)
        noise = torch.where(masks.edit, guided, free)
        latents = kept[step + 1] + (schedule.mean(step, latents, noise) - means[step])
        latents = torch.where(masks.keep, kept[step + 1], latents)
        if on_step is not None:
            latents = on_step(step, timestep, latents)
    return latents


def _branches(
    schedule: Schedule, step: int, latents: Tensor, output: Tensor, guidance_scale: float
) -> tuple[Tensor, Tensor]:
    """Return the guided and the unconditional noise of a network's output for both branches."""
    conditional, free = (schedule.to_noise(step, latents, half) for half in output.chunk(2))
    return free + guidance_scale * (conditional - free), free


def check_inversions(schedule: Schedule, inversions: Sequence[Inversion]) -> None:
    """Raise a UsageError unless every inversion has the schedule's steps."""
    for inversion in inversions:
        if inversion.timesteps != schedule.timesteps:
            raise UsageError(
                f"The inversion has {len(inversion.timesteps)} steps from timestep {inversion.timesteps[0]}, "
                f"the edit {len(schedule)} from {schedule.timesteps[0]}; invert again with the edit's "
                "num_inference_steps, skip_ratio and scheduler."
            )
