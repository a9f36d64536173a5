"""What every torch network under test has in common: a lazy start, exact arithmetic, outputs by name."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from radbench.models.adapters.base import TensorAdapter
from radbench.models.base import ModelFailureError
from radbench.runtime import resolve_device

if TYPE_CHECKING:
    import torch
    from torch import nn

OUTPUT: Final = "output"
"""Name of the output of a network that gives one tensor; those of a tuple are "output_0", "output_1", ..."""


class TorchAdapter(TensorAdapter):
    """A torch module behind its declaration; a subclass says how it is loaded (``network``)."""

    _network: "nn.Module | None" = None

    @abstractmethod
    def network(self) -> "nn.Module":
        """Return the module with the vendor's weights, on the CPU; called once.

        Raises:
            UsageError: files that do not fit the declaration, or that would run code when they are read.
            ModelFailureError: the module cannot be loaded.
        """

    def prepare(self) -> None:
        """Load the network; torch is imported here, not before."""
        self.module()

    def module(self) -> "nn.Module":
        """Return the network on its device, loading it at the first call."""
        if self._network is None:
            self._network = self.placed(self.network())
        return self._network

    def placed(self, network: "nn.Module") -> "nn.Module":
        """Return the network as it is run: for evaluation, on the device, channels last where that is faster."""
        import torch

        return network.eval().to(self.torch_device()).to(memory_format=torch.channels_last)

    def torch_device(self) -> "torch.device":
        """Return the device that the network runs on."""
        return resolve_device(self.device) if isinstance(self.device, str) else self.device  # type: ignore[arg-type]

    def forward(self, rows: NDArray[np.generic]) -> Mapping[str, NDArray[np.generic]]:
        """Return every output of the network by its name; see ``TensorAdapter.forward``."""
        import torch

        network = self.module()
        inputs = self.tensor(rows)
        with torch.inference_mode(), exact_convolutions():
            try:
                found = self.answer(network, inputs)
            except (RuntimeError, TypeError, ValueError, IndexError, KeyError, AttributeError) as error:
                raise ModelFailureError(
                    f"Model '{self.spec.name}' failed on images of shape {list(rows.shape)} and type {rows.dtype}: "
                    f"{str(error).strip()[:500]}",
                    kind="crash",
                ) from error
            return self.named(found)

    def answer(self, network: "nn.Module", inputs: "torch.Tensor") -> object:
        """Return what the network gives for one batch: a tensor, a tuple or list of them, or a mapping."""
        return network(inputs)

    def tensor(self, rows: NDArray[np.generic]) -> "torch.Tensor":
        """Return a batch as the network takes it."""
        import torch

        inputs = torch.from_numpy(rows).to(self.torch_device())
        if self.spec.input.layout == "NCHW":
            return inputs.contiguous(memory_format=torch.channels_last)
        return inputs

    def named(self, found: object) -> dict[str, NDArray[np.generic]]:
        """Return a network's tensors by name.

        Raises:
            ModelFailureError: it gave something else.
        """
        import torch

        if isinstance(found, torch.Tensor):
            return {OUTPUT: _array(found)}
        if isinstance(found, Mapping):
            pairs = {str(name): value for name, value in found.items()}
        elif isinstance(found, list | tuple):
            pairs = {f"{OUTPUT}_{index}": value for index, value in enumerate(found)}
        else:
            pairs = {}
        tensors = {name: _array(value) for name, value in pairs.items() if isinstance(value, torch.Tensor)}
        if not tensors:
            raise ModelFailureError(
                f"Model '{self.spec.name}' gave a {type(found).__name__} without a tensor, expected a tensor, a tuple "
                "of tensors, or tensors by name."
            )
        return tensors

    def close(self) -> None:
        """Let go of the network."""
        self._network = None


def _array(tensor: "torch.Tensor") -> NDArray[np.generic]:
    import torch

    plain = tensor.detach().to("cpu")
    plain = plain.float() if plain.dtype == torch.bfloat16 else plain
    array: NDArray[np.generic] = plain.numpy()
    return array


@contextmanager
def exact_convolutions() -> Iterator[None]:
    """Full float32 and one fixed algorithm on a GPU; nothing changes on a CPU."""
    import torch

    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        yield
