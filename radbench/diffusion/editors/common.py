"""What all editors share: batches, one encoding and one start an image, denoising, decoding and measures.

An editor says how an image's start is prepared and which way leads from there to x_0.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

import numpy as np
from torch import Tensor

from radbench.diffusion.bundle import Bundle
from radbench.diffusion.denoise import Track, denoise
from radbench.diffusion.editors import EditRequest, EditResult, EditSettings, Image, measure
from radbench.diffusion.editors.sharing import Job, Shared, batches, make_jobs
from radbench.diffusion.encoding import paste_back, to_pixels, to_uint8
from radbench.diffusion.schedule import Schedule
from radbench.diffusion.session import Session, latent_masks, open_session
from radbench.errors import UsageError

Start = TypeVar("Start")


@dataclass(frozen=True, eq=False)
class Source:
    """A source image's latent, float32 [c, h, w], and what the autoencoder makes of it, uint8 [H, W]."""

    latent: Tensor
    reconstruction: Image


class LatentEditor(ABC, Generic[Start]):
    """An editor that works on latents, the same for all of them but for ``starts`` and ``track``."""

    name: ClassVar[str]
    algorithm_version: ClassVar[int]
    """Raised whenever a change alters the pixels of an edit; part of every edit task's key."""
    has_keep_mask: ClassVar[bool] = False
    """Whether the method knows a keep region; ``paste_back`` applies only then."""

    @abstractmethod
    def starts(
        self, session: Session, schedule: Schedule, sources: Sequence[Tensor], requests: Sequence[EditRequest]
    ) -> Sequence[Start]:
        """Return what all edits of each image have in common.

        Args:
            session: the bundle at work.
            schedule: steps of the longest of these edits; the others use the end of it.
            sources: latents x_0, float32 [c, h, w].
            requests: one an image; only ``invert_prompt`` and ``seed`` may be read.
        """

    @abstractmethod
    def track(self, job: Job, start: Start, edit: Tensor, keep: Tensor) -> Track:
        """Return the way of one image.

        Args:
            job: the request, its settings and steps.
            start: from ``starts``, of ``job.longest``.
            edit: edit mask at the latents' resolution, bool [1, h, w].
            keep: keep mask, bool [1, h, w].
        """

    def edit(
        self,
        bundle: Bundle,
        requests: Sequence[EditRequest],
        settings: EditSettings,
        *,
        batch_size: int = 8,
        on_item: Callable[[EditResult], None] | None = None,
    ) -> Iterator[EditResult]:
        """Yield one result a request, in order; see ``Editor.edit``.

        Raises:
            UsageError: settings out of range, a mask of another size than its image, or a prompt that is too
                long.
        """
        if batch_size < 1:
            raise UsageError(f"batch_size is {batch_size}; expected 1 or more.")
        waiting: dict[int, EditResult] = {}
        following = 0
        jobs = make_jobs(bundle.scheduler, requests, settings)
        for place, result in self._edited(bundle, jobs, batch_size):
            waiting[place] = result
            while following in waiting:
                ready = waiting.pop(following)
                following += 1
                if on_item is not None:
                    on_item(ready)
                yield ready

    def _edited(
        self, bundle: Bundle, jobs: Sequence[Job], batch_size: int
    ) -> Iterator[tuple[int, EditResult]]:
        """Yield the place and the result of every job, as batches finish."""
        sources, starts = Shared[Source](), Shared[Start]()
        for batch in batches(jobs, batch_size):
            with open_session(bundle) as session:
                sources.hold({job.image: job for job in batch}, lambda new: _sources(session, new))
                starts.hold(
                    {job.origin: job for job in batch}, lambda new: self._starts(session, new, sources)
                )
                results = self._edit_batch(session, batch, sources, starts)
            yield from zip((job.place for job in batch), results, strict=True)

    def _starts(self, session: Session, jobs: Sequence[Job], sources: Shared[Source]) -> list[Start]:
        """Return the start of every job, prepared together where the steps are the same."""
        found: dict[int, Start] = {}
        for schedule in dict.fromkeys(job.longest for job in jobs):
            same = [job for job in jobs if job.longest == schedule]
            latents = [sources[job.image].latent for job in same]
            made = self.starts(session, schedule, latents, [job.request for job in same])
            found.update(zip((job.place for job in same), made, strict=True))
        return [found[job.place] for job in jobs]

    def _edit_batch(
        self, session: Session, batch: Sequence[Job], sources: Shared[Source], starts: Shared[Start]
    ) -> list[EditResult]:
        tracks = []
        for job in batch:
            asked, like = job.request, sources[job.image].latent
            threshold = job.settings.mask_threshold
            masks = latent_masks([asked.edit_mask], [asked.keep_mask], like, threshold)
            tracks.append(self.track(job, starts[job.origin], masks.edit[0], masks.keep[0]))
        prompts, empty = session.guidance([job.request.prompt for job in batch])
        decoded = session.decode(denoise(session.predictor, tracks, prompts, empty))
        return [
            self._finish(job, image, sources[job.image].reconstruction)
            for job, image in zip(batch, decoded, strict=True)
        ]

    def _finish(self, job: Job, decoded: Tensor, reconstruction: Image) -> EditResult:
        request, settings = job.request, job.settings
        unpasted = to_uint8(decoded)
        image = unpasted
        if self.has_keep_mask and settings.paste_back and request.keep_mask is not None:
            source = request.image.astype(np.float32) / np.float32(255)
            plane = decoded.mean(dim=0).cpu().numpy()
            pasted = paste_back(plane, source, request.keep_mask, settings.feather)
            image = np.rint(pasted * np.float32(255)).astype(np.uint8)
        measures = measure(request.image, unpasted, image, reconstruction, request)
        return EditResult(request.key, image, reconstruction, measures)


def _sources(session: Session, jobs: Sequence[Job]) -> list[Source]:
    channels = int(session.bundle.vae.config.in_channels)
    latents = session.encode([to_pixels(job.request.image, channels) for job in jobs])
    return [
        Source(latent, to_uint8(plain))
        for latent, plain in zip(latents, session.decode(latents), strict=True)
    ]
