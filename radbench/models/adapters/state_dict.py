"""Tensors out of a vendor's checkpoint without running anything of it, and into a network without one left over.

A ``.pt`` file is a pickle. It is read by torch's restricted reader only (``weights_only``), which makes tensors and
plain values and nothing else; a file that needs more, such as a whole model, is refused.
"""

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from radbench.errors import UsageError

if TYPE_CHECKING:
    import torch
    from torch import nn

_INSIDE: Final = ("state_dict", "model_state_dict", "model")
"""Where trainers put the weights in a checkpoint that holds more."""

_PARALLEL: Final = "module."
"""What torch's DataParallel writes in front of every name."""


@dataclass(frozen=True)
class Checkpoint:
    """What a weights file holds.

    Attributes:
        tensors: the weights by name.
        extras: plain values beside them: other entries of the checkpoint, or the header of a safetensors file
            (its words read as JSON where they are JSON).
    """

    tensors: "dict[str, torch.Tensor]"
    extras: dict[str, Any] = field(default_factory=dict)


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a safetensors file, or a state dict that ``torch.save`` wrote.

    Raises:
        UsageError: a pickled model, a TorchScript archive, or anything else than tensors by name.
    """
    return _safetensors(path) if path.suffix == ".safetensors" else _state_dict(path)


def fit(network: "nn.Module", tensors: "Mapping[str, torch.Tensor]", path: Path) -> None:
    """Put ``tensors`` into ``network``; every one of them, and nothing but them.

    Raises:
        UsageError: names or shapes are not exactly those of the network.
    """
    expected = network.state_dict()
    lacking = sorted(set(expected) - set(tensors))
    left = sorted(set(tensors) - set(expected))
    for fault, names in (("lacks", lacking), ("has the unexpected", left)):
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            raise UsageError(
                f"{path}: {fault} tensor '{names[0]}'{more}; expected those of the architecture."
            )
    for name, tensor in expected.items():
        if tensors[name].shape != tensor.shape:
            raise UsageError(
                f"{path}: tensor '{name}' has shape {list(tensors[name].shape)}, expected {list(tensor.shape)} by the "
                "declared architecture."
            )
    network.load_state_dict(tensors)


def _safetensors(path: Path) -> Checkpoint:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, OSError, ValueError) as error:
        raise UsageError(f"{path}: not a safetensors file ({error}).") from error
    return Checkpoint(tensors, {name: _plain(value) for name, value in header.items()})


def _state_dict(path: Path) -> Checkpoint:
    import pickle

    import torch

    try:
        with warnings.catch_warnings():  # of a TorchScript archive torch warns before it refuses
            warnings.simplefilter("ignore")
            found = torch.load(path, map_location="cpu", weights_only=True)
    except (
        pickle.UnpicklingError,
        RuntimeError,
        ValueError,
        EOFError,
        LookupError,
        TypeError,
        OSError,
    ) as error:
        raise UsageError(
            f"{path}: no state dict that can be read without running code ({_first_line(error)}); expected tensors by "
            "name. Save them where you trust the file: torch.save(model.state_dict(), path), or as safetensors."
        ) from error
    extras: dict[str, Any] = {}
    for name in _INSIDE:
        if isinstance(found, Mapping) and isinstance(found.get(name), Mapping):
            extras = {str(other): value for other, value in found.items() if other != name}
            found = found[name]
            break
    if not isinstance(found, Mapping) or not found:
        raise UsageError(f"{path}: holds a {type(found).__name__}, expected a state dict: tensors by name.")
    strange = [name for name, value in found.items() if not isinstance(value, torch.Tensor)]
    if strange:
        raise UsageError(f"{path}: '{strange[0]}' is no tensor, expected a state dict: tensors by name.")
    parallel = all(str(name).startswith(_PARALLEL) for name in found)
    return Checkpoint(
        {
            str(name).removeprefix(_PARALLEL) if parallel else str(name): value
            for name, value in found.items()
        },
        extras,
    )


def _plain(value: str) -> Any:
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:200].rstrip(".")
