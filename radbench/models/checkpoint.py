"""Checkpoints of a training in one safetensors file: tensors, and the rest as JSON in its header."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radbench.errors import UsageError
from radbench.runtime import atomic_write

if TYPE_CHECKING:
    import torch
    from torch import nn


def save_checkpoint(
    path: Path, network: "nn.Module", optimizer: "torch.optim.Optimizer", state: dict[str, Any]
) -> None:
    """Write network, optimiser and ``state`` (JSON values, with a "fingerprint") to ``path``, atomically.

    Raises:
        UsageError: the folder cannot be written.
    """
    import safetensors.torch

    tensors = {f"network.{name}": value for name, value in network.state_dict().items()}
    for index, slots in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{slot}": value for slot, value in slots.items()}
    plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    atomic_write(path, safetensors.torch.save(plain, metadata={"state": json.dumps(state)}))


def load_checkpoint(
    path: Path, network: "nn.Module", optimizer: "torch.optim.Optimizer", fingerprint: str
) -> dict[str, Any]:
    """Put what ``save_checkpoint`` wrote back into ``network`` and ``optimizer`` and return the state.

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
    prefix = "network."
    network.load_state_dict(
        {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
    )
    slots: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("optimizer."):
            _, index, slot = name.split(".")
            slots.setdefault(int(index), {})[slot] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": slots})
    return state
