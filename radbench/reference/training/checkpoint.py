"""Checkpoints of a training: one safetensors file, tensors, and the rest as JSON in its header."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from radbench.errors import UsageError
from radbench.runtime import atomic_write

if TYPE_CHECKING:
    import torch
    from torch import nn

_NETWORK: Final = "network."
_OPTIMIZER: Final = "optimizer."
_KEPT: Final = "kept."


@dataclass(frozen=True)
class Resumed:
    """What a checkpoint holds beside network and optimiser.

    Attributes:
        state: JSON values.
        kept: further tensors by name, such as the best weights so far.
    """

    state: dict[str, Any]
    kept: "dict[str, torch.Tensor]" = field(default_factory=dict)


def save_checkpoint(
    path: Path,
    network: "nn.Module",
    optimizer: "torch.optim.Optimizer",
    state: dict[str, Any],
    kept: "Mapping[str, torch.Tensor] | None" = None,
) -> None:
    """Write network, optimiser, ``state`` (JSON values, with a "fingerprint") and ``kept`` to ``path``, atomically.

    Raises:
        UsageError: the folder cannot be written.
    """
    import safetensors.torch

    tensors = {f"{_NETWORK}{name}": value for name, value in network.state_dict().items()}
    for index, slots in optimizer.state_dict()["state"].items():
        tensors |= {f"{_OPTIMIZER}{index}.{slot}": value for slot, value in slots.items()}
    tensors |= {f"{_KEPT}{name}": value for name, value in (kept or {}).items()}
    plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    atomic_write(path, safetensors.torch.save(plain, metadata={"state": json.dumps(state)}))


def load_checkpoint(
    path: Path, network: "nn.Module", optimizer: "torch.optim.Optimizer", fingerprint: str
) -> Resumed:
    """Put what ``save_checkpoint`` wrote back into ``network`` and ``optimizer`` and return the rest.

    Raises:
        UsageError: the file is damaged, or belongs to a training with another fingerprint.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            state: dict[str, Any] = json.loads((file.metadata() or {})["state"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        raise UsageError(f"{path}: not a checkpoint ({error}); remove it to start afresh.") from error
    if state["fingerprint"] != fingerprint:
        raise UsageError(
            f"{path}: a checkpoint of other settings or samples, expected one of this training; "
            "remove it to start afresh."
        )
    network.load_state_dict(_starting(tensors, _NETWORK))
    slots: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in _starting(tensors, _OPTIMIZER).items():
        index, slot = name.split(".")
        slots.setdefault(int(index), {})[slot] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": slots})
    return Resumed(state, _starting(tensors, _KEPT))


def _starting(tensors: "Mapping[str, torch.Tensor]", prefix: str) -> "dict[str, torch.Tensor]":
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
