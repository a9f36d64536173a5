"""A timm classifier under test: declared architecture, safetensors weights, no download, no pickle."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from radbench.errors import UsageError
from radbench.models.base import Image, ModelFailureError, Prediction
from radbench.models.preprocess import to_input
from radbench.models.timm_factory import build_network
from radbench.runtime import canonical_json, resolve_device, sha256_bytes, sha256_file
from radbench.specs import ModelSpec

if TYPE_CHECKING:
    import torch
    from torch import nn

ADAPTER_VERSION: Final = 1
"""Part of every model's digest; raised when the same weights would give other scores."""

ROWS: Final = 16
"""Rows of every forward pass; short batches are padded, so that no score depends on its neighbours."""


class TimmModel:
    """A binary classifier built by timm.

    The weights file is verified here; torch and timm are imported when ``predict`` is first called.

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
        _verify(spec)
        self.digest = sha256_bytes(
            canonical_json(
                [
                    ADAPTER_VERSION,
                    spec.format,
                    spec.architecture,
                    spec.architecture_args,
                    spec.sha256,
                    spec.output,
                ]
            )
        )

    def predict(self, images: Sequence[Image]) -> Prediction:
        """Return probabilities, float64 [N] in [0, 1], for uint8 [H, W] images of any size.

        Raises:
            UsageError: weights that do not fit the architecture; images of another type.
            ModelFailureError: the network fails or gives anything but one finite score an image.
        """
        network, device = self._ready()
        scores = [self._rows(network, device, images[at : at + ROWS]) for at in range(0, len(images), ROWS)]
        return Prediction("probabilities", np.concatenate(scores) if scores else np.zeros(0))

    def _ready(self) -> "tuple[nn.Module, torch.device]":
        import torch

        device = resolve_device(self.device) if isinstance(self.device, str) else self.device  # type: ignore[arg-type]
        if self._network is None:
            where = str(self.spec.origin or self.spec.name)
            network = build_network(self.spec.architecture, self.spec.architecture_args, where=where)
            _load_weights(network, self.spec.weights_path)
            self._network = network.eval().to(device).to(memory_format=torch.channels_last)
        return self._network, device

    def _rows(
        self, network: "nn.Module", device: "torch.device", images: Sequence[Image]
    ) -> NDArray[np.float64]:
        import torch

        contract = self.spec.input
        rows = torch.zeros((ROWS, contract.channels, *contract.spatial_shape))
        for index, image in enumerate(images):
            rows[index] = to_input(image, contract)
        with torch.inference_mode(), _exact_convolutions():
            try:
                output = network(rows.to(device).contiguous(memory_format=torch.channels_last))
            except RuntimeError as error:
                raise ModelFailureError(f"Model '{self.spec.name}' failed on an image: {error}") from error
        return self._scores(output, len(images))

    def _scores(self, output: "torch.Tensor", count: int) -> NDArray[np.float64]:
        if tuple(output.shape) not in {(ROWS, 1), (ROWS,)}:
            raise ModelFailureError(
                f"Model '{self.spec.name}' gave an output of shape {list(output.shape)} for {ROWS} images, "
                "expected one number an image."
            )
        values = output.reshape(ROWS)[:count].double()
        scores: NDArray[np.float64] = (
            (values.sigmoid() if self.spec.output == "logits" else values).cpu().numpy()
        )
        if not (np.isfinite(scores).all() and (scores >= 0).all() and (scores <= 1).all()):
            raise ModelFailureError(
                f"Model '{self.spec.name}' gave scores outside [0, 1] or not finite although its output is "
                f"declared as {self.spec.output}."
            )
        return scores


@contextmanager
def _exact_convolutions() -> Iterator[None]:
    """Full float32 and one fixed algorithm on a GPU; nothing changes on a CPU."""
    import torch

    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        yield


def _verify(spec: ModelSpec) -> None:
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


def _load_weights(network: "nn.Module", path: Path) -> None:
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
