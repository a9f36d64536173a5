"""Weights files: verified before anything reads them, and fitted to a network tensor by tensor."""

from pathlib import Path
from typing import TYPE_CHECKING

from radbench.errors import UsageError
from radbench.runtime import sha256_file
from radbench.specs import ModelSpec

if TYPE_CHECKING:
    import torch
    from torch import nn


def verify(spec: ModelSpec) -> None:
    """Check that the declared weights file is there and has the declared SHA-256.

    Raises:
        UsageError: it is missing, cannot be read, or is another file.
    """
    path = spec.weights_path
    where = f"{spec.origin}: weights" if spec.origin else f"Model '{spec.name}': weights"
    if not path.is_file():
        raise UsageError(f"{where} names {path}, which is not there; expected a .safetensors file.")
    found = sha256_file(path)
    if found != spec.sha256:
        raise UsageError(
            f"{path}: SHA-256 is {found}, expected {spec.sha256} as declared by model '{spec.name}'; "
            "restore the file, or declare the new digest if you meant to change the weights."
        )


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
