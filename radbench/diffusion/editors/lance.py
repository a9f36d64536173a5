"""LANCE's image edit: DDIM inversion and a global prompt, the paper's baseline without masks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from radbench.diffusion.ddim import ddim_invert
from radbench.diffusion.denoise import Track, guide
from radbench.diffusion.editors.base import EditRequest
from radbench.diffusion.editors.common import LatentEditor
from radbench.diffusion.editors.sharing import Job
from radbench.diffusion.schedule import Schedule
from radbench.diffusion.session import Session


@dataclass(frozen=True)
class DdimTrack:
    """One image denoised with deterministic steps, guided everywhere.

    Attributes:
        schedule: the S steps, with sigma 0.
        start: latents of the DDIM inversion at the start point, float32 [C, h, w].
        guidance_scale: w.
    """

    schedule: Schedule
    start: Tensor
    guidance_scale: float

    def step(self, step: int, latents: Tensor, conditional: Tensor, free: Tensor) -> Tensor:
        """Return x_{t-1}; see ``Track.step``."""
        return self.schedule.mean(step, latents, guide(conditional, free, self.guidance_scale))


class LanceEditor(LatentEditor[Tensor]):
    """LANCE (Prabhu et al. 2023) as the paper compares it (section 4.1, Figure 2, appendix E).

    Of LANCE this is the image edit: DDIM inversion, then guided DDIM denoising under one global prompt. Its
    other parts are not here: captioning, the language model that perturbs the caption (the paper writes the
    prompt by hand too, footnote 2; so does a shift), and the optimised null text and attention control of its
    editing backbone. Both masks are only measured, not obeyed; ``paste_back`` does not apply. Without noise to
    draw, the seed plays no part.
    """

    name: ClassVar[str] = "lance"
    algorithm_version: ClassVar[int] = 1

    def starts(
        self, session: Session, schedule: Schedule, sources: Sequence[Tensor], requests: Sequence[EditRequest]
    ) -> Sequence[Tensor]:
        """Return the latents of every image's DDIM inversion, float32 [S + 1, c, h, w]."""
        texts = session.texts([one.invert_prompt for one in requests])
        return ddim_invert(session.predictor, schedule, sources, texts)

    def track(self, job: Job, start: Tensor, edit: Tensor, keep: Tensor) -> Track:  # noqa: ARG002
        """Return the guided way down from the inversion's latents."""
        latents = start[-(len(job.schedule) + 1)]
        return DdimTrack(job.schedule.deterministic(), latents, job.settings.guidance_scale)
