"""A U-Net that starts as the identity, so that its epsilon prediction is right where an image is nearly all noise.

At high noise the best epsilon is almost the input itself: at timestep 900 of linear betas the signal is 1.6 % of it.
An ordinary random start learns that identity only to about 3 %, since the GroupNorm before the last convolution
divides by the spread of each sample, and everything the image is to show is lost below that error. Here the last
residual block hands the input on as pairs +x, -x in groups with a constant pair that fixes their spread, and
``silu(x) - silu(-x) = x`` gives it back exactly. Every weight stays free to learn.
"""

import math
from typing import Any

import torch
from torch import nn

_CONSTANT = 20.0


@torch.no_grad()
def start_as_identity(unet: Any) -> None:
    """Overwrite the first and last layers of a diffusers ``UNet2DConditionModel`` so that it returns its input.

    The last block needs two channels for each latent channel beside two constants a group; what is left of it, at
    least one group, learns the rest.

    Raises:
        ValueError: The network is too narrow for that, or its groups hold fewer than four channels.
    """
    channels = int(unet.config.in_channels)
    norm: nn.GroupNorm = unet.conv_norm_out
    width, size = norm.num_channels, norm.num_channels // norm.num_groups
    slots = _slots(channels, size)
    if size < 4 or slots[-1][1] >= width - size:
        raise ValueError(
            f"{width} channels in {norm.num_groups} groups cannot carry {channels} latent channels and their negatives."
        )
    _copy_input(unet.conv_in, channels)
    last = unet.up_blocks[-1].resnets[-1]
    _carry(last, slots, first_skip=last.conv_shortcut.in_channels - unet.conv_in.out_channels, size=size)
    norm.weight.fill_(math.sqrt((2 * _CONSTANT**2 + size - 2) / size))
    norm.bias.zero_()
    unet.conv_out.weight.zero_()
    unet.conv_out.bias.zero_()
    for latent, (plus, minus) in enumerate(slots):
        unet.conv_out.weight[latent, plus, 1, 1] = 1
        unet.conv_out.weight[latent, minus, 1, 1] = -1


def _slots(channels: int, size: int) -> list[tuple[int, int]]:
    """Channels of +x and -x for each latent: after the constant pair of each group of ``size`` channels."""
    pairs = max(size // 2 - 1, 1)
    places = []
    for latent in range(channels):
        group, place = divmod(latent, pairs)
        first = group * size + 2 + 2 * place
        places.append((first, first + 1))
    return places


def _copy_input(convolution: nn.Conv2d, channels: int) -> None:
    convolution.weight[:channels] = 0
    if convolution.bias is not None:
        convolution.bias[:channels] = 0
    for latent in range(channels):
        convolution.weight[latent, latent, 1, 1] = 1


def _carry(block: Any, slots: list[tuple[int, int]], first_skip: int, size: int) -> None:
    shortcut, branch = block.conv_shortcut, block.conv2
    reserved = (slots[-1][1] // size + 1) * size
    for layer in (shortcut, branch):
        layer.weight[:reserved] = 0
        layer.bias[:reserved] = 0
    for start in range(0, shortcut.out_channels, size):
        for channel, constant in ((start, _CONSTANT), (start + 1, -_CONSTANT)):
            shortcut.weight[channel] = 0
            branch.weight[channel] = 0
            branch.bias[channel] = 0
            shortcut.bias[channel] = constant
    for latent, (plus, minus) in enumerate(slots):
        shortcut.weight[plus, first_skip + latent] = 1
        shortcut.weight[minus, first_skip + latent] = -1
