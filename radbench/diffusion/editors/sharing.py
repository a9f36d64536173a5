"""Which requests of a call share an image and a start, so that each is prepared once.

A start is what all edits of one image with the same inversion prompt, noise and number of steps have in
common: its inversion, or its noisy latents. It is made from the lowest ``skip_ratio`` asked for, and edits
that begin later use the end of it, with the same bits as if they had come alone.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import Any, Generic, TypeVar

from radbench.diffusion.editors import EditRequest, EditSettings
from radbench.diffusion.schedule import Schedule, make_schedule
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
        (image, request.invert_prompt, request.seed, one.num_inference_steps)
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
    """Yield runs of at most ``batch_size`` jobs whose images have one size."""
    for _, same in groupby(jobs, key=lambda job: job.request.image.shape):
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
