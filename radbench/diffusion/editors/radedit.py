"""RadEdit: the method of the paper (Algorithm 3)."""

from typing import ClassVar

from torch import Tensor

from radbench.diffusion.denoise import Track
from radbench.diffusion.editors.sharing import Job
from radbench.diffusion.editors.starts import InvertingEditor
from radbench.diffusion.inversion import Inversion
from radbench.diffusion.radedit import ALGORITHM_VERSION, RadEditTrack


class RadEditEditor(InvertingEditor):
    """Algorithm 3 of the paper with DDPM inversion, with an edit and a keep mask and a paste-back."""

    name: ClassVar[str] = "radedit"
    algorithm_version: ClassVar[int] = ALGORITHM_VERSION
    has_keep_mask: ClassVar[bool] = True

    def track(self, job: Job, start: Inversion, edit: Tensor, keep: Tensor) -> Track:
        """Return Algorithm 3 for one image."""
        inversion = start.from_start(job.schedule)
        return RadEditTrack(job.schedule, inversion, edit, keep, job.settings.guidance_scale)
