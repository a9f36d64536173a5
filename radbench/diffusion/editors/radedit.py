"""The RadEdit editor: requests in, results out, a batch at a time."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

import numpy as np
from torch import Tensor

from radbench.diffusion.bundle import Bundle
from radbench.diffusion.editors.base import EditRequest, EditResult, EditSettings, Image, measure
from radbench.diffusion.latents import to_pixels, to_uint8
from radbench.diffusion.paste_back import paste_back
from radbench.diffusion.radedit import ALGORITHM_VERSION
from radbench.diffusion.schedule import Schedule, make_schedule
from radbench.diffusion.session import Session, latent_masks, open_session
from radbench.errors import UsageError


class RadEditEditor:
    """Algorithm 3 of the paper with DDPM inversion, on whole requests."""

    name = "radedit"
    algorithm_version = ALGORITHM_VERSION

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
        schedule = make_schedule(bundle.scheduler, settings.num_inference_steps, settings.skip_ratio)
        for request in requests:
            _check_masks(request)
        for batch in _batches(requests, batch_size):
            with open_session(bundle) as session:
                results = _edit_batch(session, schedule, batch, settings)
            for result in results:
                if on_item is not None:
                    on_item(result)
                yield result


def _edit_batch(
    session: Session, schedule: Schedule, batch: Sequence[EditRequest], settings: EditSettings
) -> list[EditResult]:
    channels = int(session.bundle.vae.config.in_channels)
    sources = session.encode([to_pixels(request.image, channels) for request in batch])
    edits, keeps = [request.edit_mask for request in batch], [request.keep_mask for request in batch]
    masks = latent_masks(edits, keeps, sources[0], settings.mask_threshold)
    prompts, seeds = [request.invert_prompt for request in batch], [request.seed for request in batch]
    inversions = session.invert(schedule, sources, prompts, seeds)
    wanted = [request.prompt for request in batch]
    edited = session.edit(schedule, inversions, masks, wanted, settings.guidance_scale)
    images = session.decode([*edited, *sources])
    pairs = zip(batch, images[: len(batch)], images[len(batch) :], strict=True)
    return [_finish(request, image, to_uint8(plain), settings) for request, image, plain in pairs]


def _finish(
    request: EditRequest, decoded: Tensor, reconstruction: Image, settings: EditSettings
) -> EditResult:
    unpasted = to_uint8(decoded)
    image = unpasted
    if settings.paste_back and request.keep_mask is not None:
        source = request.image.astype(np.float32) / np.float32(255)
        plane = decoded.mean(dim=0).cpu().numpy()
        pasted = paste_back(plane, source, request.keep_mask, settings.feather)
        image = np.rint(pasted * np.float32(255)).astype(np.uint8)
    measures = measure(request.image, unpasted, image, reconstruction, request)
    return EditResult(request.key, image, reconstruction, measures)


def _batches(requests: Sequence[EditRequest], batch_size: int) -> Iterator[list[EditRequest]]:
    """Yield runs of at most ``batch_size`` requests whose images have one size."""
    for _, same in groupby(requests, key=lambda request: request.image.shape):
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
