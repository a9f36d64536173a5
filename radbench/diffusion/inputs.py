"""What a caller of the pipeline may hand in, brought to one form."""

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from PIL import Image as PILImage
from torch import Tensor

from radbench.diffusion.encoding import as_mask
from radbench.errors import UsageError

Value = TypeVar("Value")


def as_images(image: Any, channels: int) -> list[Tensor]:
    """Return images as float32 [channels, H, W] in [0, 1], on the CPU.

    Args:
        image: one image or a list: PIL; numpy [H, W], [H, W, C] or [B, H, W, C]; torch [H, W], [C, H, W] or
            [B, C, H, W]; integers are 0 to 255, floats 0 to 1.
        channels: what the autoencoder reads. Gray is repeated; colour is averaged for a gray autoencoder.

    Raises:
        UsageError: another type, shape or range.
    """
    return [_as_image(item, channels) for item in _items(image, 4, 4)]


def as_masks(mask: Any, count: int, name: str) -> list[Tensor]:
    """Return masks as bool [H, W], one an image.

    Args:
        mask: one mask for all images or a list: PIL, numpy or torch, [H, W], [1, H, W] or [B, H, W].
        count: how many images.
        name: what to call the masks in an error.
    """
    return broadcast([as_mask(_plain(item)) for item in _items(mask, 3)], count, name)


def broadcast(values: Sequence[Value], count: int, name: str) -> list[Value]:
    """Return ``count`` values: as given, or the only one repeated.

    Raises:
        UsageError: another number.
    """
    if len(values) == count:
        return list(values)
    if len(values) == 1:
        return list(values) * count
    raise UsageError(f"There are {len(values)} values for {name}; expected 1 or {count}, one an image.")


def seeds_from(generator: torch.Generator | Sequence[torch.Generator] | None, count: int) -> list[int]:
    """Return one noise seed an image, drawn from one generator for all, one each, or torch's own."""
    if isinstance(generator, torch.Generator) or generator is None:
        return [_draw(generator) for _ in range(count)]
    if len(generator) != count:
        raise UsageError(
            f"There are {len(generator)} generators for {count} images; expected one for all or one each."
        )
    return [_draw(one) for one in generator]


def to_output(images: Tensor, output_type: str) -> Any:
    """Return float32 [B, C, H, W] images in [0, 1] as ``pt`` (unchanged), ``np`` [B, H, W, C] or ``pil``."""
    if output_type == "pt":
        return images
    arrays = images.permute(0, 2, 3, 1).cpu().numpy()
    if output_type == "np":
        return arrays
    levels = np.rint(arrays * 255).astype(np.uint8)
    return [PILImage.fromarray(one.squeeze(-1) if one.shape[-1] == 1 else one) for one in levels]


def _draw(generator: torch.Generator | None) -> int:
    device = generator.device if generator is not None else torch.device("cpu")
    return int(torch.randint(0, 2**63 - 1, (1,), generator=generator, device=device, dtype=torch.int64))


def _items(given: Any, fewest: int, most: int = 99) -> list[Any]:
    """Return what a list, or an array or tensor of so many axes, holds; anything else is one item."""
    batched = isinstance(given, np.ndarray | Tensor) and fewest <= given.ndim <= most
    return list(given) if batched or isinstance(given, list | tuple) else [given]


def _plain(mask: Any) -> Any:
    """Return a PIL or [1, H, W] mask as an array [H, W]."""
    if isinstance(mask, PILImage.Image):
        return np.asarray(mask.convert("L") if mask.mode not in {"1", "L"} else mask)
    return mask[0] if isinstance(mask, np.ndarray | Tensor) and mask.ndim == 3 and len(mask) == 1 else mask


def _as_image(image: Any, channels: int) -> Tensor:
    if isinstance(image, PILImage.Image):
        image = np.asarray(image.convert("L" if channels == 1 else "RGB"))
    if isinstance(image, np.ndarray):
        planes = torch.from_numpy(np.array(image))
        planes = planes.permute(2, 0, 1) if planes.ndim == 3 else planes
    elif isinstance(image, Tensor):
        planes = image.detach().cpu()
    else:
        raise UsageError(f"An image is a {type(image).__name__}; expected PIL, numpy or torch.")
    planes = planes[None] if planes.ndim == 2 else planes
    if planes.ndim != 3 or len(planes) not in {1, 3}:
        raise UsageError(f"An image has shape {tuple(image.shape)}; expected [H, W], or 1 or 3 channels.")
    return _fit_channels(_unit(planes), channels)


def _unit(planes: Tensor) -> Tensor:
    """Return pixels as float32 in [0, 1]."""
    scaled = planes.to(torch.float32) if planes.is_floating_point() else planes.to(torch.float32) / 255
    low, high = float(scaled.min()), float(scaled.max())
    if not (low >= 0 and high <= 1):
        raise UsageError(
            f"An image holds values from {low:g} to {high:g} of full scale; "
            "expected integers 0 to 255 or floats 0 to 1."
        )
    return scaled


def _fit_channels(planes: Tensor, channels: int) -> Tensor:
    if len(planes) == channels:
        return planes
    gray = planes.mean(dim=0, keepdim=True)
    return gray.expand(channels, -1, -1)
