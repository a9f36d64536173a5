"""Masked inpainting: the known region is replaced by the freshly noised source at every step."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from radbench.diffusion.denoise import Track, guide
from radbench.diffusion.editors.sharing import Job
from radbench.diffusion.editors.starts import NoisingEditor
from radbench.diffusion.schedule import Schedule


@dataclass(frozen=True)
class InpaintTrack:
    """One image inpainted with ancestral (DDPM) steps.

    Attributes:
        schedule: the S steps.
        known: source latents, noised independently at each timestep, x_0 last, float32 [S + 1, C, h, w].
        noise: what each step adds inside the mask, standard normal, float32 [S, C, h, w].
        edit: where to paint, bool [1, h, w].
        guidance_scale: w.
    """

    schedule: Schedule
    known: Tensor
    noise: Tensor
    edit: Tensor
    guidance_scale: float

    @property
    def start(self) -> Tensor:
        """The noisy source at the start point, float32 [C, h, w]."""
        return self.known[0]

    def step(self, step: int, latents: Tensor, conditional: Tensor, free: Tensor) -> Tensor:
        """Return x_{t-1}: equation 3 inside the mask, the source noised to t - 1 outside it."""
        mean = self.schedule.mean(step, latents, guide(conditional, free, self.guidance_scale))
        painted = mean + self.schedule.sigma[step] * self.noise[step]
        return torch.where(self.edit, painted, self.known[step + 1])


class InpaintEditor(NoisingEditor):
    """Inpainting as RePaint (Lugmayr et al. 2022) does it, without its resampling.

    Outside the edit mask the latents are the source's; inside they are painted under the prompt, guided by
    what surrounds them. The start point is the noisy source, so a ``skip_ratio`` over 0 lets something of what
    was in the mask shine through; 0 starts, but for the scheduler's last trace of signal, from noise. There is
    no keep mask: the request's is only measured, not obeyed; ``paste_back`` and ``invert_prompt`` do not apply.
    """

    name: ClassVar[str] = "inpaint"
    algorithm_version: ClassVar[int] = 1

    def track(self, job: Job, start: Tensor, edit: Tensor, keep: Tensor) -> Track:  # noqa: ARG002
        """Return the painting of one image."""
        known, noise = self.noisy(job, start)
        return InpaintTrack(job.schedule, known, noise, edit, job.settings.guidance_scale)
