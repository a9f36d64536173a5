"""A torchxrayvision classifier under test: its own network, weights from a local file, nothing downloaded.

``torchxrayvision.models`` (https://doi.org/10.48550/arXiv.2111.00595) takes images of -1024 to 1024 and gives a logit
a pathology. The published weights come with an operating point each, which the library maps to 0.5; that is what
``output: calibrated`` asks for. The library's constructors fetch weights by name and unpickle whole models, so only
its classes are used, and the file is a state dict (``.pt`` or ``.safetensors``).
"""

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

from radbench.errors import UsageError, did_you_mean
from radbench.models.adapters.state_dict import Checkpoint, fit, read_checkpoint
from radbench.models.adapters.torch_base import TorchAdapter

if TYPE_CHECKING:
    import torch
    from torch import nn

_DENSE: Final = ("densenet121", "densenet161", "densenet169", "densenet201")
_RESIDUAL: Final = ("resnet50", "resnet101")
_RESOLUTION: Final = {"densenet": 224, "resnet": 512}
"""Height and width in pixels that the library brings images to."""

_ARGUMENTS: Final = ("block_config", "bn_size", "growth_rate", "num_init_features", "op_threshs")
_PARALLEL: Final = "module."
"""What torch's DataParallel writes in front of every name."""

_POINTS: Final = "op_threshs"
_NAMES: Final = ("pathologies", "targets")
_RANGE: Final = [-1024.0, 1024.0]


class XrayVisionModel(TorchAdapter):
    """A classifier of torchxrayvision; see ``Adapter`` for the arguments and the errors.

    ``spec.architecture`` is one of the library's networks, e.g. "densenet121". ``spec.architecture_args`` may hold
    ``op_threshs`` (an operating point in [0, 1] an output, null where there is none) where the file has none, and
    the shape of an own DenseNet.
    """

    format: ClassVar[str] = "torchxrayvision"
    _names: list[str] | None = None
    _read = False

    def verify(self) -> str:
        """Return the file's SHA-256; refuse an architecture, an argument or an output that the library has not."""
        spec = self.spec
        where = str(spec.origin or f"Model '{spec.name}'")
        if spec.architecture not in (*_DENSE, *_RESIDUAL):
            raise UsageError(
                f"{where}: architecture is '{spec.architecture}', expected one of {', '.join((*_DENSE, *_RESIDUAL))}."
                + did_you_mean(spec.architecture, (*_DENSE, *_RESIDUAL))
            )
        allowed = _ARGUMENTS if spec.architecture in _DENSE else (_POINTS,)
        unknown = sorted(set(spec.architecture_args) - set(allowed))
        if unknown:
            raise UsageError(
                f"{where}: architecture_args has '{unknown[0]}', expected {', '.join(allowed)} only: weights come "
                f"from the declared file.{did_you_mean(unknown[0], allowed)}"
            )
        if spec.output == "labels" or spec.task == "segmentation":
            raise UsageError(
                f"{where}: a classifier of torchxrayvision gives a score a pathology; expected output logits, "
                "probabilities or calibrated."
            )
        return super().verify()

    def class_names(self) -> list[str] | None:
        """Return the pathologies that the file names, or the library's for its 18 outputs; None for others."""
        if not self._read:
            self._keep_names(self._checkpoint())
        return self._names

    def notes(self) -> list[str]:
        """Return where the declared input is not the library's: value range, channels, size."""
        contract = self.spec.input
        side = _RESOLUTION[self.spec.architecture.rstrip("0123456789")]
        found = []
        if contract.value_range != _RANGE or set(contract.means) != {0.0} or set(contract.stds) != {1.0}:
            found.append(
                "torchxrayvision shows its models values of -1024 to 1024 without standardisation, the input contract "
                "others."
            )
        if contract.spatial_shape != [side, side]:
            found.append(
                f"torchxrayvision brings images to {side} × {side} for this architecture, the input contract to "
                f"{contract.spatial_shape[0]} × {contract.spatial_shape[1]}."
            )
        return found

    def network(self) -> "nn.Module":
        """Return the network with the file's weights, and what the declared output asks for behind it."""
        path = self.spec.source_path
        checkpoint = self._checkpoint()
        tensors = {name.removeprefix("model."): value for name, value in checkpoint.tensors.items()}
        stored = tensors.pop(_POINTS, None)
        classes, channels = _outputs_and_channels(tensors, self.spec.architecture, str(path))
        self._keep_names(checkpoint)
        if channels != self.spec.input.channels:
            raise UsageError(
                f"{path}: takes {channels} channels, but the input contract of model '{self.spec.name}' declares "
                f"{self.spec.input.channels}."
            )
        built = self._dense if self.spec.architecture in _DENSE else self._residual
        network = built(classes, channels)
        fit(network, tensors, path)
        if self.spec.output == "logits":
            return network
        return _scored(network, self._points(stored, checkpoint, classes))

    def _checkpoint(self) -> Checkpoint:
        found = read_checkpoint(self.spec.source_path)
        bare = {name.removeprefix(_PARALLEL): value for name, value in found.tensors.items()}
        return replace(found, tensors=bare)

    def _keep_names(self, checkpoint: Checkpoint) -> None:
        named = next((checkpoint.extras[key] for key in _NAMES if key in checkpoint.extras), None)
        if isinstance(named, list) and all(isinstance(name, str) for name in named):
            self._names = list(named)
        elif (head := _head(checkpoint.tensors)) is not None:
            usual = list(_library().datasets.default_pathologies)
            self._names = usual if len(usual) == len(head) else None
        self._read = True

    def _dense(self, classes: int, channels: int) -> "nn.Module":
        models = _library().models
        shape = models.get_densenet_params(self.spec.architecture)
        own = {name: value for name, value in self.spec.architecture_args.items() if name != _POINTS}
        try:
            network: nn.Module = models.DenseNet(num_classes=classes, in_channels=channels, **(shape | own))
        except (TypeError, ValueError, RuntimeError) as error:
            raise UsageError(
                f"{self.spec.origin or self.spec.name}: torchxrayvision cannot build '{self.spec.architecture}' with "
                f"{own}: {error}."
            ) from error
        return network

    def _residual(self, classes: int, channels: int) -> "nn.Module":
        """Return the library's ResNet: torchvision's, with a first convolution of its own number of channels."""
        import torchvision
        from torch import nn

        made = getattr(torchvision.models, self.spec.architecture)
        network: nn.Module = made(num_classes=classes, weights=None)
        network.conv1 = nn.Conv2d(channels, 64, kernel_size=7, stride=2, padding=3, bias=False)
        return network

    def _points(
        self, stored: "torch.Tensor | None", checkpoint: Checkpoint, count: int
    ) -> "torch.Tensor | None":
        """Return the operating points, float32 [count] (NaN for none); None where the output needs none."""
        import torch

        if self.spec.output != "calibrated":
            return None
        given = self.spec.architecture_args.get(_POINTS, checkpoint.extras.get(_POINTS))
        where = f"{self.spec.source_path}: {_POINTS}"
        if given is None and stored is None:
            raise UsageError(
                f"{where} are not in the file, expected them there or in architecture_args for the output "
                "'calibrated'; declare 'logits' if there are none."
            )
        values = stored.float().flatten().tolist() if given is None and stored is not None else given
        points = _as_points(values, count, where)
        target = self.spec.classes.index(self.spec.wanted) if self.spec.classes else 0
        if target < count and math.isnan(points[target]):
            raise UsageError(
                f"{where} have none for '{self.spec.wanted}', which the model was not trained to find; expected "
                "another target."
            )
        return torch.tensor(points)


def _as_points(values: object, count: int, where: str) -> list[float]:
    listed = values if isinstance(values, Sequence) and not isinstance(values, str) else []
    points = [math.nan if value is None else value for value in listed]
    plain = all(isinstance(point, int | float) and not isinstance(point, bool) for point in points)
    if len(points) != count or not plain or not all(math.isnan(point) or 0 < point < 1 for point in points):
        raise UsageError(
            f"{where} are {str(values)[:80]}, expected {count} numbers between 0 and 1, one an output."
        )
    return [float(point) for point in points]


def _head(tensors: "Mapping[str, torch.Tensor]") -> "torch.Tensor | None":
    names = ("classifier.bias", "fc.bias", "model.fc.bias")
    return next((tensors[name] for name in names if name in tensors), None)


def _outputs_and_channels(
    tensors: "Mapping[str, torch.Tensor]", architecture: str, where: str
) -> tuple[int, int]:
    """Return how many outputs and channels there are, by the bias of the last layer and the weights of the first."""
    first, last = (
        ("features.conv0.weight", "classifier.bias")
        if architecture in _DENSE
        else ("conv1.weight", "fc.bias")
    )
    head, stem = _head(tensors), tensors.get(first)
    if head is None or stem is None or head.ndim != 1 or stem.ndim != 4:
        raise UsageError(
            f"{where}: lacks tensor '{first if stem is None else last}', expected the weights of torchxrayvision's "
            f"{architecture}."
        )
    return int(head.shape[0]), int(stem.shape[1])


def _scored(network: "nn.Module", points: "torch.Tensor | None") -> "nn.Module":
    """Return the network with a sigmoid behind it, and the operating points mapped to 0.5 if there are some."""
    from torch import nn

    normalised = _library().models.op_norm

    class Scored(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network
            self.register_buffer("points", points)

        def forward(self, images: Any) -> Any:
            scores = self.network(images).sigmoid()
            return scores if points is None else normalised(scores, self.points)

    return Scored()


def _library() -> Any:
    """Return torchxrayvision, whose import would silence every warning of the process."""
    with warnings.catch_warnings():
        import torchxrayvision  # has no type information

    return torchxrayvision
