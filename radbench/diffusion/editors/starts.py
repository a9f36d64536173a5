"""Editors by where they start: at a DDPM inversion, or at the noisy source."""

from abc import ABC
from collections.abc import Sequence

from torch import Tensor

from radbench.diffusion.editors.base import EditRequest
from radbench.diffusion.editors.common import LatentEditor
from radbench.diffusion.editors.sharing import Job
from radbench.diffusion.inversion import Inversion, draw_latents, draw_noise
from radbench.diffusion.schedule import Schedule
from radbench.diffusion.session import Session


class InvertingEditor(LatentEditor[Inversion], ABC):
    """An editor that starts at the DDPM inversion of the source (Algorithm 1)."""

    def starts(
        self, session: Session, schedule: Schedule, sources: Sequence[Tensor], requests: Sequence[EditRequest]
    ) -> Sequence[Inversion]:
        """Return the inversion of every image."""
        prompts, seeds = [one.invert_prompt for one in requests], [one.seed for one in requests]
        return session.invert(schedule, sources, prompts, seeds)


class NoisingEditor(LatentEditor[Tensor], ABC):
    """An editor that starts at the noisy source, the one at which RadEdit starts with the same seed."""

    def starts(
        self,
        session: Session,  # noqa: ARG002
        schedule: Schedule,
        sources: Sequence[Tensor],
        requests: Sequence[EditRequest],
    ) -> Sequence[Tensor]:
        """Return the latents of every image, noised independently for each step, float32 [S + 1, c, h, w]."""
        pairs = zip(sources, requests, strict=True)
        return [draw_latents(source, schedule, request.seed) for source, request in pairs]

    @staticmethod
    def noisy(job: Job, start: Tensor) -> tuple[Tensor, Tensor]:
        """Return the noisy latents of a job's own steps, [S + 1, c, h, w], and fresh noise, [S, c, h, w]."""
        steps = len(job.schedule)
        return start[-(steps + 1) :], draw_noise(start[-1], steps, job.request.seed, "step")
