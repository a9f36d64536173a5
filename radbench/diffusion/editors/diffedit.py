"""DiffEdit with DDPM inversion (Algorithm 2), the paper's masked baseline."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from radbench.diffusion.denoise import Track, guide
from radbench.diffusion.editors.sharing import Job
from radbench.diffusion.editors.starts import InvertingEditor
from radbench.diffusion.inversion import Inversion
from radbench.diffusion.schedule import Schedule


@dataclass(frozen=True)
class DiffEditTrack:
    """One image under Algorithm 2: guided everywhere, then the inverted latents replace all but the edit mask.

    Attributes:
        schedule: the S steps of the inversion.
        inversion: of the image.
        edit: ``m_edit``, bool [1, h, w].
        guidance_scale: w.
    """

    schedule: Schedule
    inversion: Inversion
    edit: Tensor
    guidance_scale: float

    @property
    def start(self) -> Tensor:
        """The inverted latents at the start point, float32 [C, h, w]."""
        return self.inversion.latents[0]

    def step(self, step: int, latents: Tensor, conditional: Tensor, free: Tensor) -> Tensor:
        """Return x_{t-1}; see ``Track.step``."""
        noise = guide(conditional, free, self.guidance_scale)
        edited = self.inversion.step(self.schedule, step, latents, noise)
        return torch.where(self.edit, edited, self.inversion.latents[step + 1])


class DiffEditEditor(InvertingEditor):
    """DiffEdit (Couairon et al. 2022) as the paper compares it: DDPM inversion and a given mask.

    The edit mask is the request's, not one that the model predicts for itself, which could take in spurious
    features (the paper's footnote 3). Outside it the latents are the source's. There is no keep mask: the
    request's is only measured, not obeyed, and ``paste_back`` does not apply.
    """

    name: ClassVar[str] = "diffedit"
    algorithm_version: ClassVar[int] = 1

    def track(self, job: Job, start: Inversion, edit: Tensor, keep: Tensor) -> Track:  # noqa: ARG002
        """Return Algorithm 2 for one image."""
        return DiffEditTrack(job.schedule, start.from_start(job.schedule), edit, job.settings.guidance_scale)
