"""What every torch network under test has in common: verified weights, a lazy start, batches of one size."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from radbench.models.base import Image, ModelFailureError, Prediction
from radbench.models.preprocess import to_input
from radbench.models.weights import load_weights, verify
from radbench.runtime import canonical_json, resolve_device, sha256_bytes
from radbench.specs import ModelSpec

if TYPE_CHECKING:
    import torch
    from torch import nn

ROWS: Final = 16
"""Rows of every forward pass; short batches are padded, so that no prediction depends on its neighbours."""


class TorchModel(ABC):
    """A network of one library behind its declaration; a subclass says how it is built and read.

    The weights file is verified here; torch and the library are imported when ``predict`` is first called.

    Args:
        spec: the vendor's declaration.
        device: "auto", "cpu", "cuda" or a torch device.

    Raises:
        UsageError: the weights file is missing, or its SHA-256 is not the declared one.
    """

    def __init__(self, spec: ModelSpec, device: "torch.device | str" = "cpu") -> None:
        self.spec = spec
        self.device = device
        self._network: nn.Module | None = None
        verify(spec)
        self.digest = sha256_bytes(canonical_json(self.decisive()))

    @abstractmethod
    def decisive(self) -> list[Any]:
        """Return all that decides a prediction except the image and the input contract, as JSON values."""

    @abstractmethod
    def build(self, where: str) -> "nn.Module":
        """Return the declared architecture with random weights; ``where`` is what errors name."""

    @abstractmethod
    def predict(self, images: Sequence[Image]) -> Prediction:
        """Return the prediction for uint8 [H, W] images; never dependent on how they are grouped."""

    def outputs(self, images: Sequence[Image]) -> "Iterator[tuple[Sequence[Image], torch.Tensor]]":
        """Yield up to 16 images at a time with the network's output for 16 rows, the images' first.

        Raises:
            UsageError: weights that do not fit the architecture; images of another type.
            ModelFailureError: the network fails.
        """
        if images:
            network, device = self._ready()
            for start in range(0, len(images), ROWS):
                chunk = images[start : start + ROWS]
                yield chunk, self._forward(network, device, chunk)

    def _ready(self) -> "tuple[nn.Module, torch.device]":
        import torch

        device = resolve_device(self.device) if isinstance(self.device, str) else self.device  # type: ignore[arg-type]
        if self._network is None:
            network = self.build(str(self.spec.origin or self.spec.name))
            load_weights(network, self.spec.weights_path)
            self._network = network.eval().to(device).to(memory_format=torch.channels_last)
        return self._network, device

    def _forward(
        self, network: "nn.Module", device: "torch.device", images: Sequence[Image]
    ) -> "torch.Tensor":
        import torch

        contract = self.spec.input
        rows = torch.zeros((ROWS, contract.channels, *contract.spatial_shape))
        for index, image in enumerate(images):
            rows[index] = to_input(image, contract)
        with torch.inference_mode(), _exact_convolutions():
            try:
                output: torch.Tensor = network(rows.to(device).contiguous(memory_format=torch.channels_last))
            except RuntimeError as error:
                raise ModelFailureError(f"Model '{self.spec.name}' failed on an image: {error}") from error
        return output

    def probabilities(self, values: "torch.Tensor") -> "torch.Tensor":
        """Return float64 probabilities of the network's values, by its declared output.

        Raises:
            ModelFailureError: values that are not finite, or outside [0, 1] where probabilities are declared.
        """
        import torch

        found = values.double()
        found = found.sigmoid() if self.spec.output == "logits" else found
        if not bool(torch.isfinite(found).all() and (found >= 0).all() and (found <= 1).all()):
            raise ModelFailureError(
                f"Model '{self.spec.name}' gave scores outside [0, 1] or not finite although its output is "
                f"declared as {self.spec.output}."
            )
        return found


@contextmanager
def _exact_convolutions() -> Iterator[None]:
    """Full float32 and one fixed algorithm on a GPU; nothing changes on a CPU."""
    import torch

    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        yield
