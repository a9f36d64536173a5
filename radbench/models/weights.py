"""Safetensors files fitted to a network tensor by tensor."""

from pathlib import Path
from typing import TYPE_CHECKING

from radbench.errors import UsageError

if TYPE_CHECKING:
    import torch
    from torch import nn


def load_weights(network: "nn.Module", path: Path) -> None:
    """Put the tensors of a safetensors file into ``network``.

    Raises:
        UsageError: not a safetensors file, or its tensors are not exactly those of the network.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        found: dict[str, torch.Tensor] = load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise UsageError(f"{path}: not a safetensors file ({error}).") from error
    expected = network.state_dict()
    for fault, names in (
        ("lacks", sorted(set(expected) - set(found))),
        ("has the unexpected", sorted(set(found) - set(expected))),
    ):
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            raise UsageError(
                f"{path}: {fault} tensor '{names[0]}'{more}; expected those of the architecture."
            )
    for name, tensor in expected.items():
        if found[name].shape != tensor.shape:
            raise UsageError(
                f"{path}: tensor '{name}' has shape {list(found[name].shape)}, "
                f"expected {list(tensor.shape)} by the declared architecture."
            )
    network.load_state_dict(found)
