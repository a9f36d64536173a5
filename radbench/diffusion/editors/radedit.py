"""RadEdit: the method of the paper (Algorithm 3)."""

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor

from radbench.diffusion.denoise import Track
from radbench.diffusion.editors.base import EditRequest
from radbench.diffusion.editors.common import LatentEditor
from radbench.diffusion.editors.sharing import Job
from radbench.diffusion.inversion import Inversion
from radbench.diffusion.radedit import ALGORITHM_VERSION, RadEditTrack
from radbench.diffusion.schedule import Schedule
from radbench.diffusion.session import Session


class RadEditEditor(LatentEditor[Inversion]):
    """Algorithm 3 of the paper with DDPM inversion, with an edit and a keep mask and a paste-back."""

    name: ClassVar[str] = "radedit"
    algorithm_version: ClassVar[int] = ALGORITHM_VERSION
    has_keep_mask: ClassVar[bool] = True

    def starts(
        self, session: Session, schedule: Schedule, sources: Sequence[Tensor], requests: Sequence[EditRequest]
    ) -> Sequence[Inversion]:
        """Return the DDPM inversion of every image."""
        prompts, seeds = [one.invert_prompt for one in requests], [one.seed for one in requests]
        return session.invert(schedule, sources, prompts, seeds)

    def track(self, job: Job, start: Inversion, edit: Tensor, keep: Tensor) -> Track:
        """Return Algorithm 3 for one image."""
        inversion = start.from_start(job.schedule)
        return RadEditTrack(job.schedule, inversion, edit, keep, job.settings.guidance_scale)
