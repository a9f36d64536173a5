"""Prompts and pixels to tensors and back, masks at the latents' resolution, and source pixels put back after decoding.

A prompt is never cut silently. The autoencoder always runs in float32, one image at a time, so an image's latents never
depend on its company.

Latents that were kept exactly still decode to pixels that differ from the source: the autoencoder is lossy. So the
source's pixels are put back in the keep region. The feather lies outside the keep mask, so the region itself is the
source exactly. Keep it narrow: a wide feather spreads source pixels, and with them the finding, into the edited region
beside the kept structure.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from radbench.data.images import as_bool
from radbench.errors import UsageError


def encode_prompts(
    tokenizer: Any,
    text_encoder: Any,
    prompts: Sequence[str],
    max_length: int | None = None,
    attend_to_padding: bool | None = None,
) -> tuple[Tensor, dict[str, int]]:
    """Return the embeddings of the distinct prompts, and where each prompt's is.

    Every prompt is padded to ``max_length`` and encoded alone, so that its embedding does not depend on the
    others. The embeddings are those of diffusers' ``StableDiffusionPipeline.encode_prompt``.

    Args:
        tokenizer: a transformers tokenizer.
        text_encoder: a transformers encoder with ``last_hidden_state``.
        prompts: prompts, with repetitions; the empty prompt is the unconditional one.
        max_length: longest prompt in tokens; None for the tokenizer's own.
        attend_to_padding: whether words attend to the padding; None for ``attends_to_padding``.

    Returns:
        float32 [K, L, D] in order of first appearance, and prompt to row.

    Raises:
        UsageError: a prompt has more tokens than ``max_length``.
    """
    length = max_length or longest_prompt(tokenizer, text_encoder)
    padding = attends_to_padding(text_encoder) if attend_to_padding is None else attend_to_padding
    distinct = list(dict.fromkeys(prompts))
    rows = [_encode_one(tokenizer, text_encoder, prompt, length, padding) for prompt in distinct]
    return torch.cat(rows), {prompt: row for row, prompt in enumerate(distinct)}


def longest_prompt(tokenizer: Any, text_encoder: Any) -> int:
    """Return how many tokens a prompt may have: what the tokenizer says, at most the encoder's positions."""
    places = getattr(text_encoder.config, "max_position_embeddings", None)
    return min(int(tokenizer.model_max_length), int(places) if places else 512)


def attends_to_padding(text_encoder: Any) -> bool:
    """Return what diffusers does with an encoder: attend to padding unless its config has ``use_attention_mask``."""
    return not getattr(text_encoder.config, "use_attention_mask", False)


def _encode_one(tokenizer: Any, text_encoder: Any, prompt: str, length: int, padding: bool) -> Tensor:
    tokens = tokenizer(prompt, padding="max_length", max_length=length, truncation=False, return_tensors="pt")
    count = int(tokens["attention_mask"].sum())
    if tokens["input_ids"].shape[1] > length:
        shown = prompt if len(prompt) <= 60 else f"{prompt[:57]}..."
        raise UsageError(
            f"The prompt '{shown}' has {count} tokens; this bundle reads at most {length}, shorten it."
        )
    device = text_encoder.device
    seen = torch.ones_like(tokens["attention_mask"]) if padding else tokens["attention_mask"]
    with torch.no_grad():
        hidden = text_encoder(
            input_ids=tokens["input_ids"].to(device), attention_mask=seen.to(device)
        ).last_hidden_state
    return torch.as_tensor(hidden, dtype=torch.float32)


def to_pixels(image: NDArray[np.uint8], channels: int = 1) -> Tensor:
    """Return a uint8 [H, W] image as float32 [channels, H, W] in [-1, 1]; gray is repeated."""
    plane = torch.from_numpy(image.astype(np.float32)) / 127.5 - 1
    return plane.expand(channels, -1, -1)


def to_uint8(image: Tensor) -> NDArray[np.uint8]:
    """Return a float [C, H, W] image in [0, 1] as uint8 [H, W]: channels averaged, then rounded."""
    plane = image.detach().to("cpu", torch.float32).mean(dim=0).clamp(0, 1)
    return np.asarray((plane * 255).round().to(torch.uint8).numpy(), np.uint8)


def encode(vae: Any, pixels: Tensor) -> Tensor:
    """Return the latent of one image: the posterior's mode, shifted and scaled by the autoencoder's config.

    Args:
        vae: an ``AutoencoderKL`` in float32.
        pixels: float32 [C, H, W] in [-1, 1], C as ``vae.config.in_channels``.

    Returns:
        float32 [c, h, w] on the autoencoder's device.

    Raises:
        UsageError: the image's sides are no multiples of the autoencoder's factor.
    """
    factor = pixel_factor(vae)
    height, width = pixels.shape[-2:]
    if height % factor or width % factor:
        raise UsageError(
            f"The image is {height} x {width} pixels; this bundle needs sides that are multiples of "
            f"{factor}: resize or crop it."
        )
    with torch.no_grad():
        mode = vae.encode(pixels[None].to(vae.device, torch.float32)).latent_dist.mode()[0]
    return torch.as_tensor((mode - _shift(vae)) * float(vae.config.scaling_factor))


def decode(vae: Any, latent: Tensor) -> Tensor:
    """Return the image of one latent.

    Args:
        vae: an ``AutoencoderKL`` in float32.
        latent: float32 [c, h, w].

    Returns:
        float32 [C, H, W] clipped to [0, 1] on the autoencoder's device.
    """
    scaled = latent.to(vae.device, torch.float32) / float(vae.config.scaling_factor) + _shift(vae)
    with torch.no_grad():
        image = vae.decode(scaled[None]).sample[0]
    return torch.as_tensor((image / 2 + 0.5).clamp(0, 1))


def pixel_factor(vae: Any) -> int:
    """Return how many pixels a side one latent covers."""
    return int(2 ** (len(vae.config.block_out_channels) - 1))


def mask_to_latent(mask: NDArray[Any] | Tensor, shape: tuple[int, int], threshold: float = 0.5) -> Tensor:
    """Return a mask at the latents' resolution: set where at least ``threshold`` of a latent's area is.

    Args:
        mask: [H, W]; bool, 0/1, 0/255 or float in [0, 1] mean the same.
        shape: (h, w) of the latents.
        threshold: share of the area, over 0 to 1; a latent counts when its share reaches it.

    Returns:
        bool [h, w] on the CPU.

    Raises:
        UsageError: the mask is not two-dimensional, holds other values, or the threshold is out of range.
    """
    if not 0 < threshold <= 1:
        raise UsageError(f"mask_threshold is {threshold}; expected over 0 and at most 1.")
    share = F.adaptive_avg_pool2d(as_mask(mask).to(torch.float32)[None, None], shape)[0, 0]
    return share >= threshold - 1e-6


def as_mask(mask: NDArray[Any] | Tensor) -> Tensor:
    """Return a mask as bool [H, W] on the CPU; ``radbench.data.masks.as_bool`` says what the values mean."""
    return torch.from_numpy(
        as_bool(mask.detach().cpu().numpy() if isinstance(mask, Tensor) else np.asarray(mask))
    )


def _shift(vae: Any) -> float:
    return float(getattr(vae.config, "shift_factor", None) or 0.0)


def keep_weight(keep: NDArray[np.bool_], feather: float) -> NDArray[np.float32]:
    """Return the share of the source in every pixel: 1 in the keep mask, a Gaussian of the distance outside.

    Args:
        keep: bool [H, W].
        feather: standard deviation of the fall-off in pixels; 0 for a hard edge.

    Returns:
        float32 [H, W] in [0, 1]; zero beyond three standard deviations.

    Raises:
        UsageError: a negative feather.
    """
    if not feather >= 0:
        raise UsageError(f"The feather is {feather} pixels; expected 0 or more.")
    weight = keep.astype(np.float32)
    if feather == 0 or not keep.any():
        return weight
    from scipy.ndimage import distance_transform_edt

    distance = np.asarray(distance_transform_edt(~keep))
    near = distance <= 3 * feather
    falloff = np.zeros_like(distance)
    falloff[near] = np.exp(-0.5 * (distance[near] / feather) ** 2)
    return np.maximum(weight, falloff.astype(np.float32))


def paste_back(
    edited: NDArray[np.float32], source: NDArray[np.float32], keep: NDArray[np.bool_], feather: float
) -> NDArray[np.float32]:
    """Return the edited image with the source in the keep region.

    Args:
        edited: float32 [..., H, W].
        source: float32 [..., H, W].
        keep: bool [H, W].
        feather: see ``keep_weight``.

    Returns:
        float32 [..., H, W]; equal to ``source`` in the keep region and to ``edited`` beyond the feather.
    """
    weight = keep_weight(keep, feather)
    mixed = edited + weight * (source - edited)
    return np.where(weight == 1, source, np.where(weight == 0, edited, mixed)).astype(np.float32)
