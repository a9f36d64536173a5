"""Tensors out of a vendor's checkpoint without running anything of it, and into a network without one left over.

A ``.pt`` file is a pickle. It is read by torch's restricted reader only (``weights_only``), which makes tensors and
plain values and nothing else; a file that needs more, such as a whole model, is refused.
"""

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any, Final

from radbench.errors import UsageError

if TYPE_CHECKING:
    import torch
    from torch import nn

_INSIDE: Final = ("state_dict", "model_state_dict", "model", "net", "network")
"""Where trainers put the weights in a checkpoint that holds more."""

_PREFIXES: Final = ("module.", "_orig_mod.", "model.", "net.", "network.")
"""What DataParallel, torch.compile and Lightning write in front of every name."""

_SHOWN: Final = 5


@dataclass(frozen=True)
class Checkpoint:
    """What a weights file holds.

    Attributes:
        tensors: the weights by name.
        extras: plain values beside them: other entries of the checkpoint, or the header of a safetensors file
            (its words read as JSON where they are JSON).
        inside: the entries of the checkpoint that the weights lay in, from the outermost.
    """

    tensors: "dict[str, torch.Tensor]"
    extras: dict[str, Any] = field(default_factory=dict)
    inside: tuple[str, ...] = ()


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a safetensors file, or a state dict that ``torch.save`` wrote.

    Raises:
        UsageError: a pickled model, a TorchScript archive, or anything else than tensors by name.
    """
    return _safetensors(path) if path.suffix == ".safetensors" else _state_dict(path)


def load_weights(network: "nn.Module", path: Path) -> list[str]:
    """Put a weights file into ``network`` and return, in sentences, what had to be undone to find its tensors.

    Raises:
        UsageError: as ``read_checkpoint`` and ``fit``.
    """
    checkpoint = read_checkpoint(path)
    tensors, prefixes, aside = _bare(checkpoint.tensors, set(network.state_dict()))
    fit(network, tensors, path)
    notes = []
    if checkpoint.inside:
        others = sorted(checkpoint.extras)
        more = f"; it also holds {_listed(others)}" if others else ""
        notes.append(
            f"{path.name}: the weights were read from its entry '{'.'.join(checkpoint.inside)}'{more}."
        )
    if prefixes:
        notes.append(f"{path.name}: '{''.join(prefixes)}' was taken off the tensors' names.")
    if aside:
        notes.append(f"{path.name}: {_listed(aside)} belongs to no part of the network and was left aside.")
    return notes


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
    import torch

    try:
        with warnings.catch_warnings():  # of a TorchScript archive torch warns before it refuses
            warnings.simplefilter("ignore")
            found = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, ValueError, EOFError, LookupError, TypeError, OSError, UnpicklingError) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        said = lines[0][:200].rstrip(".")
        raise UsageError(
            f"{path}: no state dict that can be read without running code ({said}); expected tensors by "
            "name. Save them where you trust the file: torch.save(model.state_dict(), path), or as safetensors."
        ) from error
    extras: dict[str, Any] = {}
    inside: list[str] = []
    while isinstance(found, Mapping):
        name = next((name for name in _INSIDE if isinstance(found.get(name), Mapping)), None)
        if name is None:
            break
        extras |= {str(other): value for other, value in found.items() if other != name}
        inside.append(name)
        found = found[name]
    if not isinstance(found, Mapping) or not found:
        raise UsageError(f"{path}: holds a {type(found).__name__}, expected a state dict: tensors by name.")
    strange = [name for name, value in found.items() if not isinstance(value, torch.Tensor)]
    if strange:
        raise UsageError(f"{path}: '{strange[0]}' is no tensor, expected a state dict: tensors by name.")
    return Checkpoint({str(name): value for name, value in found.items()}, extras, tuple(inside))


def _bare(
    tensors: "dict[str, torch.Tensor]", expected: set[str]
) -> "tuple[dict[str, torch.Tensor], list[str], list[str]]":
    """Return tensors under the network's names, the prefixes that were taken off, and names of no part of it.

    A prefix is taken off only where the network itself has no name that starts so. Beside the network's own tensors
    only those outside the prefix may be left aside (a training's loss), and only where nothing is lacking.
    """
    prefixes: list[str] = []
    aside: list[str] = []
    while set(tensors) != expected and (prefix := _prefix(tensors, expected)) is not None:
        aside += sorted("".join(prefixes) + name for name in tensors if not name.startswith(prefix))
        tensors = {
            name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)
        }
        prefixes.append(prefix)
    return tensors, prefixes, aside


def _prefix(tensors: "Mapping[str, torch.Tensor]", expected: set[str]) -> str | None:
    for prefix in _PREFIXES:
        inner = {name.removeprefix(prefix) for name in tensors if name.startswith(prefix)}
        if not inner or any(name.startswith(prefix) for name in expected):
            continue
        if len(inner) == len(tensors) or inner == expected:
            return prefix
    return None


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(f"'{name}'" for name in names[:_SHOWN]) + more


def _plain(value: str) -> Any:
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value
