"""The judge: a multi-label finding classifier that has seen rendered phantoms only, never an edited image.

It answers whether a generated image shows what its prompt asked for, on the right side.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from radbench.models.adapters.timm import build_network
from radbench.phantom.canvas import Stream
from radbench.phantom.findings import Finding
from radbench.phantom.recipes import recipe
from radbench.phantom.render import render

SIGNS = (
    "pneumothorax left",
    "pneumothorax right",
    "drain",
    "consolidation left",
    "consolidation right",
    "oedema",
    "pacemaker",
    "covid",
)
"""What the judge can see, in the order of its outputs."""

_WEIGHTS = Path(__file__).parent / "judge.safetensors"
_ARCHITECTURE = "resnet18"
_ARGUMENTS: dict[str, Any] = {
    "in_chans": 1,
    "num_classes": len(SIGNS),
    "channels": [16, 32, 64, 128],
    "layers": [1, 1, 1, 1],
    "stem_type": "deep",
    "stem_width": 8,
}
_SEED_OFFSET, _CHUNK = 900_000_000, 32


def signs_of(findings: Sequence[Finding]) -> NDArray[np.float32]:
    """Return which signs a study shows, float32 [8] of 0 and 1."""
    shown = {
        f"{f.name} {f.side}" if f.name in {"pneumothorax", "consolidation"} else f.name for f in findings
    }
    return np.array([sign in shown for sign in SIGNS], dtype=np.float32)


def rendered(count: int, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Render ``count`` mixed studies: uint8 [N, 128, 128] and their signs, float32 [N, 8]."""
    draw = recipe("mixed")
    images, signs = [], []
    for index in range(count):
        patient = _SEED_OFFSET + seed * 10_000_000 + index
        drawn = draw(Stream(patient, 301))
        images.append(render(patient, drawn.findings, drawn.hospital).image)
        signs.append(signs_of(drawn.findings))
    return np.stack(images), np.stack(signs)


def train_judge(
    path: Path,
    samples: int = 4000,
    epochs: int = 5,
    seed: int = 0,
    progress: Callable[[int, int, float], None] | None = None,
) -> None:
    """Train the judge on rendered images and save its weights as safetensors."""
    images, signs = rendered(samples, seed)
    torch.manual_seed(seed)
    network = build_network(_ARCHITECTURE, _ARGUMENTS, where="the judge").to(
        memory_format=torch.channels_last
    )
    steps = epochs * (samples // _CHUNK)
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=2e-3, total_steps=steps)
    for step in range(steps):
        rng = np.random.default_rng([seed, step])
        chosen = rng.integers(0, samples, _CHUNK)
        noise = torch.from_numpy(rng.normal(0, 0.02, (_CHUNK, 1, 128, 128)).astype(np.float32))
        logits = network(_inputs(images[chosen]) + noise)
        loss = functional.binary_cross_entropy_with_logits(logits, torch.from_numpy(signs[chosen]))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        if progress is not None:
            progress(step + 1, steps, float(loss.detach()))
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, path)


class Judge:
    """The trained judge, from the package's own weights unless another file is named."""

    def __init__(self, path: Path = _WEIGHTS) -> None:
        self._network: nn.Module = build_network(_ARCHITECTURE, _ARGUMENTS, where="the judge")
        self._network.load_state_dict(load_file(path))
        self._network.eval()

    @torch.no_grad()
    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the probability of each sign, float32 [N, 8], for uint8 [N, 128, 128] images."""
        parts = [
            torch.sigmoid(self._network(_inputs(images[i : i + _CHUNK])))
            for i in range(0, len(images), _CHUNK)
        ]
        return np.asarray(torch.cat(parts).numpy(), dtype=np.float32)


def _inputs(images: NDArray[np.uint8]) -> Tensor:
    pixels = (torch.from_numpy(images).float()[:, None] / 255 - 0.5) / 0.25
    return pixels.contiguous(memory_format=torch.channels_last)
