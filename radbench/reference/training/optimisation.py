"""What every training loop here shares: seeds, the learning rate's course, decay groups, and a safe backward pass."""

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import nn


def derived(*words: int) -> int:
    """Return a 63-bit seed that depends on every word."""
    return int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0] >> np.uint64(1))


def warmed_cosine(step: int, total: int, warmup: float) -> float:
    """Return the factor of the learning rate: linear rise, then half a cosine down to (almost) 0.

    Args:
        step: from 0 to ``total`` - 1.
        total: steps in all.
        warmup: share of all steps that rise; at least one does.
    """
    rise = rising(total, warmup)
    if step < rise:
        return (step + 1) / rise
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, total - rise)))


def rising(total: int, warmup: float) -> int:
    """Return how many steps rise, at least one."""
    return max(1, round(warmup * total))


def decay_groups(network: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Return the trainable parameters in two groups: with ``decay``, and (biases, norms) without."""
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    return [
        {"params": [parameter for parameter in parameters if parameter.ndim > 1], "weight_decay": decay},
        {"params": [parameter for parameter in parameters if parameter.ndim <= 1], "weight_decay": 0.0},
    ]


@contextlib.contextmanager
def without_onednn() -> Iterator[None]:
    """Switch oneDNN off for the block.

    Its backward pass in torch 2.15 was seen to corrupt memory on a processor with AVX2 and without AVX-512; held to
    plain AVX it does not. Training small networks without it takes no longer.
    """
    before = torch.backends.mkldnn.enabled
    torch.backends.mkldnn.enabled = False  # type: ignore[assignment] # a property of the module
    try:
        yield
    finally:
        torch.backends.mkldnn.enabled = before
