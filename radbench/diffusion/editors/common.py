"""What all editors share: one encoding and one start an image, batches, denoising, decoding and measures.

An editor says how an image's start is prepared and which way leads from there to x_0. A start is what all edits of one
image with the same inversion prompt, noise and number of steps have in common: its inversion, or its noisy latents. It
is made from the lowest ``skip_ratio`` asked for, and edits that begin later use the end of it, with the same bits as if
they had come alone.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from torch import Tensor

from radbench.diffusion.bundle import Bundle
from radbench.diffusion.denoise import Track, denoise
from radbench.diffusion.editors import EditRequest, EditResult, EditSettings, Image, measure
from radbench.diffusion.encoding import paste_back, to_pixels, to_uint8
from radbench.diffusion.schedule import Schedule, make_schedule
from radbench.diffusion.session import Session, latent_masks, open_session
from radbench.errors import UsageError
from radbench.runtime import sha256_bytes

Value = TypeVar("Value")


@dataclass(frozen=True, eq=False)
class Job:
    """A request with what was found out about it.

    Attributes:
        place: its place in the call.
        request: what to edit.
        settings: how.
        schedule: its steps.
        longest: the steps of its start, of which ``schedule`` is the end.
        image: identity of its image.
        origin: identity of its start.
    """

    place: int
    request: EditRequest
    settings: EditSettings
    schedule: Schedule
    longest: Schedule
    image: str
    origin: Hashable


class Shared(Generic[Value]):
    """What was prepared for the requests of a batch, and is kept for those of the next one."""

    def __init__(self) -> None:
        self._values: dict[Hashable, Value] = {}

    def __getitem__(self, key: Hashable) -> Value:
        return self._values[key]

    def hold(self, wanted: Mapping[Hashable, Job], make: Callable[[Sequence[Job]], Sequence[Value]]) -> None:
        """Make what is missing, one job a key, and let go of all that is not wanted."""
        missing = {key: job for key, job in wanted.items() if key not in self._values}
        made = dict(zip(missing, make(list(missing.values())), strict=True)) if missing else {}
        self._values = {key: made[key] if key in made else self._values[key] for key in wanted}


def make_jobs(scheduler: Any, requests: Sequence[EditRequest], settings: EditSettings) -> list[Job]:
    """Return one job a request, those of one image, and of one start, beside each other.

    Raises:
        UsageError: settings out of range, or a mask of another size than its image.
    """
    schedules = cache(lambda steps, skip: make_schedule(scheduler, steps, skip))
    images = [f"{one.image.shape} {sha256_bytes(one.image.tobytes())}" for one in requests]
    own = [request.settings or settings for request in requests]
    origins: list[Hashable] = [
        (image, request.invert_prompt, request.seed, one.num_inference_steps, one.precision)
        for request, image, one in zip(requests, images, own, strict=True)
    ]
    lowest: dict[Hashable, float] = {}
    for origin, one in zip(origins, own, strict=True):
        lowest[origin] = min(one.skip_ratio, lowest.get(origin, one.skip_ratio))
    jobs = []
    for place, (request, one, image, origin) in enumerate(zip(requests, own, images, origins, strict=True)):
        _check_masks(request)
        schedule = schedules(one.num_inference_steps, one.skip_ratio)
        longest = schedules(one.num_inference_steps, lowest[origin])
        jobs.append(Job(place, request, one, schedule, longest, image, origin))
    first: dict[Hashable, int] = {}
    for job in jobs:
        first.setdefault(job.image, job.place)
        first.setdefault(job.origin, job.place)
    return sorted(jobs, key=lambda job: (first[job.image], first[job.origin]))


def batches(jobs: Sequence[Job], batch_size: int) -> Iterator[list[Job]]:
    """Yield runs of at most ``batch_size`` jobs of one precision whose images have one size."""
    for _, same in groupby(jobs, key=lambda job: (job.request.image.shape, job.settings.precision)):
        run = list(same)
        for start in range(0, len(run), batch_size):
            yield run[start : start + batch_size]


def _check_masks(request: EditRequest) -> None:
    for name, mask in (("edit", request.edit_mask), ("keep", request.keep_mask)):
        if mask is not None and mask.shape != request.image.shape:
            raise UsageError(
                f"The {name} mask of '{request.key}' is {mask.shape}, its image {request.image.shape}; "
                "expected the same height and width."
            )


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
            with open_session(bundle, precision=batch[0].settings.precision) as session:
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
