"""The editing methods: RadEdit, and four others to compare it with.

Each says how an image's start is prepared (at a DDPM inversion, at a DDIM inversion, at the noisy source) and which way
leads from there to x_0; the rest is ``common``.
"""

from abc import ABC
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from radbench.diffusion.denoise import RadEditTrack, Track, guide
from radbench.diffusion.editors import EditRequest
from radbench.diffusion.editors.common import Job, LatentEditor
from radbench.diffusion.inversion import Inversion, ddim_invert, draw_latents, draw_noise
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
    def noisy_track(job: Job, start: Tensor, edit: Tensor) -> Track:
        """Return the way of one image whose steps add fresh noise; painted is the mask, bool [1, h, w]."""
        steps = len(job.schedule)
        noise = draw_noise(start[-1], steps, job.request.seed, "step")
        return AncestralTrack(job.schedule, start[-(steps + 1) :], noise, edit, job.settings.guidance_scale)


class RadEditEditor(InvertingEditor):
    """Algorithm 3 of the paper with DDPM inversion, with an edit and a keep mask and a paste-back."""

    name: ClassVar[str] = "radedit"
    algorithm_version: ClassVar[int] = 2
    has_keep_mask: ClassVar[bool] = True

    def track(self, job: Job, start: Inversion, edit: Tensor, keep: Tensor) -> Track:
        """Return Algorithm 3 for one image."""
        inversion = start.from_start(job.schedule)
        return RadEditTrack(job.schedule, inversion, edit, keep, job.settings.guidance_scale)


class DiffEditEditor(InvertingEditor):
    """DiffEdit (Couairon et al. 2022) as the paper compares it: DDPM inversion and a given mask.

    The edit mask is the request's, not one that the model predicts for itself, which could take in spurious
    features (the paper's footnote 3). Outside it the latents are the source's. There is no keep mask: the
    request's is only measured, not obeyed, and ``paste_back`` does not apply.
    """

    name: ClassVar[str] = "diffedit"
    algorithm_version: ClassVar[int] = 1

    def track(self, job: Job, start: Inversion, edit: Tensor, keep: Tensor) -> Track:  # noqa: ARG002
        """Return Algorithm 2 for one image: Algorithm 3, where all but the edit mask is kept."""
        inversion = start.from_start(job.schedule)
        return RadEditTrack(job.schedule, inversion, edit, ~edit, job.settings.guidance_scale)


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


@dataclass(frozen=True)
class AncestralTrack:
    """One image painted with ancestral (DDPM) steps; all but the mask is the freshly noised source at every step.

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
        return self.noisy_track(job, start, torch.ones_like(edit))


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
        return self.noisy_track(job, start, edit)
