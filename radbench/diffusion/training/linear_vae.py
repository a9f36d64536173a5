"""An AutoencoderKL whose encoder is a linear transform known in closed form.

A small diffusion model learns fastest in latents that are decorrelated, ordered by scale and fixed before its first
step. Principal components of non-overlapping image patches are such latents, and they fit exactly into the layers
of diffusers' ``AutoencoderKL`` encoder: two strided convolutions regroup 4 x 4 pixels into channels, residual
branches are zero, and the last convolution holds the components. The one non-linear part, GroupNorm and SiLU before
that convolution, is made transparent: every group carries a large constant pair that fixes its variance, every value
comes with its negative so that the mean is zero, and a large bias keeps SiLU on its linear side.

Only the decoder is learned. The result is an ordinary ``AutoencoderKL`` that any diffusers code loads.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL
from numpy.typing import NDArray
from torch import Tensor, nn

PATCH = 4
"""Pixels a side that one latent covers: the encoder's downsampling factor."""

_GROUPS = 8
_CONSTANT = 100.0
_LINEAR_BIAS = 16.0
_LOG_VARIANCE = -14.0


@dataclass(frozen=True)
class PatchComponents:
    """A linear patch code: ``weight`` float32 [channels, 16] and ``bias`` float32 [channels] on pixels in [-1, 1]."""

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]


def fit_components(images: NDArray[np.uint8], channels: int, whitening: float = 0.5) -> PatchComponents:
    """Fit principal components of 4 x 4 patches.

    Args:
        images: uint8 [N, H, W].
        channels: how many components to keep.
        whitening: exponent that compresses the components' standard deviations; 0 leaves them as they are, 1 makes
            them equal. One common factor then brings the mean square of all latents to 1.
    """
    count, height, width = images.shape
    pixels = images.astype(np.float64) / 127.5 - 1
    patches = pixels.reshape(count, height // PATCH, PATCH, width // PATCH, PATCH).transpose(0, 1, 3, 2, 4)
    flat = patches.reshape(-1, PATCH * PATCH)
    mean = flat.mean(axis=0)
    variances, vectors = np.linalg.eigh(np.cov(flat - mean, rowvar=False))
    order = np.argsort(variances)[::-1][:channels]
    deviations = np.sqrt(variances[order])
    scale = deviations**-whitening
    scale /= np.sqrt(np.mean((deviations * scale) ** 2))
    basis = vectors[:, order].T
    basis *= np.where(basis.sum(axis=1, keepdims=True) < 0, -1.0, 1.0)
    weight = scale[:, None] * basis
    return PatchComponents(weight.astype(np.float32), (-weight @ mean).astype(np.float32))


def build_vae(
    components: PatchComponents, sample_size: int, block_out_channels: tuple[int, int, int] = (16, 32, 64)
) -> AutoencoderKL:
    """Return an AutoencoderKL with the linear encoder and a randomly initialised decoder."""
    channels = components.weight.shape[0]
    vae = AutoencoderKL(
        in_channels=1,
        out_channels=1,
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=block_out_channels,
        layers_per_block=1,
        latent_channels=channels,
        norm_num_groups=_GROUPS,
        sample_size=sample_size,
        scaling_factor=1.0,
        use_quant_conv=False,
        use_post_quant_conv=False,
        mid_block_add_attention=False,
    )
    with torch.no_grad():
        _write_encoder(vae.encoder, components)
    return vae


def _write_encoder(encoder: Any, components: PatchComponents) -> None:
    for module in encoder.modules():
        if isinstance(module, nn.Conv2d):
            module.weight.zero_()
            if module.bias is not None:
                module.bias.zero_()
    first, second, third = encoder.down_blocks
    encoder.conv_in.weight[0, 0, 1, 1] = 1
    _regroup(first.downsamplers[0].conv, inputs=1)
    for channel in range(4):
        second.resnets[0].conv_shortcut.weight[channel, channel, 0, 0] = 1
    _regroup(second.downsamplers[0].conv, inputs=4)
    _spread(third.resnets[0].conv_shortcut, encoder.conv_norm_out)
    _project(encoder.conv_out, components)


def _regroup(convolution: nn.Conv2d, inputs: int) -> None:
    """Space to depth: output channel ``4 c + 2 dy + dx`` is input channel ``c`` at offset (dy, dx)."""
    for channel in range(inputs):
        for dy in range(2):
            for dx in range(2):
                convolution.weight[4 * channel + 2 * dy + dx, channel, dy, dx] = 1


def _slot(value: int) -> tuple[int, int]:
    """Channel of a patch value and of its negative: two values a group of eight, behind the constant pair."""
    group, place = divmod(value, 2)
    return 8 * group + 2 + 2 * place, 8 * group + 3 + 2 * place


def _spread(convolution: nn.Conv2d, norm: nn.GroupNorm) -> None:
    assert convolution.bias is not None  # noqa: S101  (narrowing for the type checker)
    gain = _CONSTANT / 2
    norm.weight.zero_()
    norm.bias.zero_()
    for group in range(_GROUPS):
        convolution.bias[8 * group], convolution.bias[8 * group + 1] = _CONSTANT, -_CONSTANT
    for value in range(PATCH * PATCH):
        for channel, sign in zip(_slot(value), (1.0, -1.0), strict=True):
            convolution.weight[channel, value, 0, 0] = sign
            norm.weight[channel], norm.bias[channel] = gain, _LINEAR_BIAS


def _project(convolution: nn.Conv2d, components: PatchComponents) -> None:
    assert convolution.bias is not None  # noqa: S101
    channels = components.weight.shape[0]
    weight = torch.from_numpy(components.weight[:, _pixel_order()])
    for value in range(PATCH * PATCH):
        plus, minus = _slot(value)
        convolution.weight[:channels, plus, 1, 1] = weight[:, value] / 2
        convolution.weight[:channels, minus, 1, 1] = -weight[:, value] / 2
    convolution.bias[:channels] = torch.from_numpy(components.bias)
    convolution.bias[channels:] = _LOG_VARIANCE


def _pixel_order() -> list[int]:
    """Raster index, inside a 4 x 4 patch, of each channel after regrouping twice."""
    order = []
    for value in range(PATCH * PATCH):
        inner, outer = divmod(value, 4)
        row = 2 * (outer // 2) + inner // 2
        column = 2 * (outer % 2) + inner % 2
        order.append(PATCH * row + column)
    return order


def linear_encode(components: PatchComponents, images: NDArray[np.uint8]) -> Tensor:
    """Encode uint8 [N, H, W] images to float32 [N, channels, H/4, W/4] with the components alone (a reference)."""
    count, height, width = images.shape
    pixels = torch.from_numpy(images).float() / 127.5 - 1
    patches = nn.functional.unfold(pixels[:, None], PATCH, stride=PATCH)
    codes = torch.from_numpy(components.weight) @ patches + torch.from_numpy(components.bias)[:, None]
    return codes.reshape(count, -1, height // PATCH, width // PATCH)
