"""Where a training's random numbers come from: its seed and the step, never the caller's state."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def derived(*words: int) -> int:
    """Return a 63-bit seed that depends on every word."""
    return int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0] >> np.uint64(1))


@contextmanager
def own_random_state(device: "torch.device | str") -> Iterator[None]:
    """Leave the caller's random numbers as they were."""
    import torch

    where = torch.device(device)
    devices = [where] if where.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        yield
