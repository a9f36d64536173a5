"""Weights from a file, read so that no code can run, and put into a network so that nothing is left out."""

import pickle
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from radbench.errors import UsageError

_SHOWN = 3


def read_state(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a ``.safetensors`` file, or of a pickled state dict that holds tensors alone.

    Raises:
        UsageError: the file is damaged, or its pickle holds anything but tensors.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        content = torch.load(path, map_location="cpu", weights_only=True)
    except SafetensorError as error:
        raise UsageError(f"The weights {path} are damaged: {error}.") from error
    except pickle.UnpicklingError as error:
        raise UsageError(
            f"The weights {path} hold more than tensors, or are damaged, and are not read; "
            "convert them to safetensors with the tool that wrote them."
        ) from error
    except (RuntimeError, OSError, EOFError, KeyError, ValueError) as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise UsageError(f"The weights {path} cannot be read: {reason[0].rstrip('.')}.") from error
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise UsageError(f"The weights {path} are not a state dict; expected names that map to tensors.")
    return content


def load_strictly(
    network: nn.Module, state: Mapping[str, Tensor], where: Path, what: str, prefix: str = ""
) -> None:
    """Put ``state`` into ``network``; every key must be there, no other, all of the right size.

    Args:
        network: takes the tensors.
        state: name to tensor.
        where: the file, for errors.
        what: the part, for errors.
        prefix: what the names of this part begin with in the file; neither ``state`` nor ``network`` has it.

    Raises:
        UsageError: keys are missing, unknown or of another size; the sentence names them.
    """
    expected = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    missing = [name for name in expected if name not in state]
    unknown = [name for name in state if name not in expected]
    for names, fault in ((missing, "missing"), (unknown, "unknown")):
        if names:
            listed = _listed([prefix + name for name in names])
            raise UsageError(
                f"The weights {where} of {what}: {fault} {listed}; expected {len(expected)} keys."
            )
    for name, shape in expected.items():
        if tuple(state[name].shape) != shape:
            raise UsageError(
                f"The weights {where} of {what}: '{prefix}{name}' is of size {tuple(state[name].shape)}, "
                f"expected {shape}."
            )
    network.load_state_dict(dict(state))


def _listed(names: list[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:_SHOWN])
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{'key' if len(names) == 1 else f'{len(names)} keys'} {shown}{more}"
