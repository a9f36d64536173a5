"""SDEdit: noise to the start point, then guided denoising, without an inversion or a mask."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from radbench.diffusion.denoise import Track, guide
from radbench.diffusion.editors.sharing import Job
from radbench.diffusion.editors.starts import NoisingEditor
from radbench.diffusion.schedule import Schedule


@dataclass(frozen=True)
class AncestralTrack:
    """One image denoised with ancestral (DDPM) steps, guided everywhere.

    Attributes:
        schedule: the S steps.
        start: noisy latents at the start point, float32 [C, h, w].
        noise: what each step adds, standard normal, float32 [S, C, h, w].
        guidance_scale: w.
    """

    schedule: Schedule
    start: Tensor
    noise: Tensor
    guidance_scale: float

    def step(self, step: int, latents: Tensor, conditional: Tensor, free: Tensor) -> Tensor:
        """Return x_{t-1} of equation 3; see ``Track.step``."""
        mean = self.schedule.mean(step, latents, guide(conditional, free, self.guidance_scale))
        return mean + self.schedule.sigma[step] * self.noise[step]


class SDEditEditor(NoisingEditor):
    """SDEdit (Meng et al. 2022): the source is noised to the start point and denoised under the prompt.

    The noisy source is the one from which RadEdit starts with the same seed; the steps are those of the DDPM
    and add fresh noise. How much of the source survives is ``skip_ratio``'s to say: a high one keeps more.
    Both masks are only measured, not obeyed; ``paste_back`` and ``invert_prompt`` do not apply.
    """

    name: ClassVar[str] = "sdedit"
    algorithm_version: ClassVar[int] = 1

    def track(self, job: Job, start: Tensor, edit: Tensor, keep: Tensor) -> Track:  # noqa: ARG002
        """Return the guided way down from the noisy source."""
        latents, noise = self.noisy(job, start)
        return AncestralTrack(job.schedule, latents[0], noise, job.settings.guidance_scale)
