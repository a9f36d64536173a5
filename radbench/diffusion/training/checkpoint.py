"""Resumable training state as one safetensors file, replaced atomically."""

from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn


def save_state(
    path: Path, step: int, modules: dict[str, nn.Module], optimizer: torch.optim.Optimizer
) -> None:
    """Write modules, optimizer moments and step; an interruption leaves the previous file whole."""
    tensors: dict[str, Tensor] = {}
    for name, module in modules.items():
        tensors |= {f"{name}/{key}": value.contiguous() for key, value in module.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{index}/{key}": torch.as_tensor(value) for key, value in state.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    save_file({key: value.clone() for key, value in tensors.items()}, temporary, metadata={"step": str(step)})
    temporary.replace(path)


def load_state(path: Path, modules: dict[str, nn.Module], optimizer: torch.optim.Optimizer) -> int:
    """Restore what ``save_state`` wrote and return its step; 0 when there is no checkpoint."""
    if not path.exists():
        return 0
    with safe_open(path, framework="pt") as file:
        step = int((file.metadata() or {})["step"])
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    for name, module in modules.items():
        prefix = f"{name}/"
        own = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
        module.load_state_dict(own)
    _load_optimizer(optimizer, tensors)
    return step


def _load_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith("optimizer/"):
            _, index, name = key.split("/", 2)
            state.setdefault(int(index), {})[name] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
