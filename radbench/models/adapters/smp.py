"""A segmenter of segmentation-models-pytorch under test: declared, or a folder of its ``save_pretrained``.

A folder's weights are safetensors; declared ones may be a state dict too, read as tensors only. Nothing is downloaded.
A network with a classification head (``aux_params``) has two outputs, ``masks`` and ``labels``; a declaration that does
not say which (``output_names``) is read by its task.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

from radbench.errors import UsageError, did_you_mean
from radbench.models.adapters.state_dict import load_weights
from radbench.models.adapters.torch_base import TorchAdapter

if TYPE_CHECKING:
    import torch
    from torch import nn

_CONFIG: Final = "config.json"
_WEIGHTS: Final = "model.safetensors"
_CLASS: Final = "_model_class"
_ENCODER: Final = "encoder_name"
_PRETRAINED: Final = "encoder_weights"

OUTPUTS: Final = ("masks", "labels")
"""What a network with a classification head gives, in its order."""

ARCHITECTURES: Final = (
    *("DeepLabV3", "DeepLabV3Plus", "FPN", "Linknet", "MAnet"),
    *("PAN", "PSPNet", "Unet", "UnetPlusPlus"),
)
"""Convolutional segmenters that this adapter builds; each is a class of segmentation_models_pytorch."""


class SmpModel(TorchAdapter):
    """A segmenter; see ``Adapter`` for the arguments and the errors."""

    format: ClassVar[str] = "smp"

    def verify(self) -> str:
        """Return the digest of the weights or the folder; a folder must hold a configuration and safetensors."""
        found = super().verify()
        if self.spec.path is not None:
            self._configuration()
        return found

    def network(self) -> "nn.Module":
        """Return the declared architecture, or that of the folder, with its weights."""
        spec = self.spec
        if spec.path is None:
            where, weights = str(spec.origin or spec.name), spec.weights_path
            architecture, arguments = spec.architecture, spec.architecture_args
        else:
            where, weights = str(spec.source_path / _CONFIG), spec.source_path / _WEIGHTS
            architecture, arguments = self._configuration()
        network = build_segmenter(architecture, arguments, where=where)
        self.found = load_weights(network, weights)
        return network

    def answer(self, network: "nn.Module", inputs: "torch.Tensor") -> object:
        """Return the maps, or with a classification head ``masks`` and ``labels``, what the task asks for first."""
        found = network(inputs)
        if not (isinstance(found, tuple) and len(found) == len(OUTPUTS)):
            return found
        both = dict(zip(OUTPUTS, found, strict=True))
        return both if self.spec.task == "segmentation" else dict(reversed(both.items()))

    def _configuration(self) -> tuple[str, dict[str, Any]]:
        """Return the architecture and its arguments that the folder's configuration names."""
        folder = self.spec.source_path
        if not (folder / _WEIGHTS).is_file():
            raise UsageError(
                f"{folder}: lacks {_WEIGHTS}, expected a folder that save_pretrained of segmentation-models-pytorch "
                "wrote, with its weights as safetensors."
            )
        try:
            found = json.loads((folder / _CONFIG).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UsageError(f"{folder / _CONFIG}: cannot be read as JSON ({error}).") from error
        architecture = found.get(_CLASS) if isinstance(found, Mapping) else None
        if not isinstance(architecture, str):
            raise UsageError(
                f"{folder / _CONFIG}: lacks '{_CLASS}', expected the configuration that save_pretrained of "
                "segmentation-models-pytorch writes."
            )
        # The encoder's pretrained weights are overwritten by the folder's own and must not be fetched.
        kept = {name: value for name, value in found.items() if not name.startswith("_")}
        return architecture, kept | {"encoder_weights": None}


def build_segmenter(architecture: str, arguments: Mapping[str, Any], *, where: str) -> "nn.Module":
    """Make a network with random weights; nothing is downloaded.

    Args:
        architecture: one of ``ARCHITECTURES``, e.g. "Unet".
        arguments: handed to the class, e.g. ``{"encoder_name": "tu-resnet18", "in_channels": 1}``; whatever
            the class does not know goes to the encoder. ``encoder_weights`` may only be None.
        where: the file (or caller) to name in errors.

    Raises:
        UsageError: an unknown architecture or encoder, pretrained weights asked for, or arguments that do
            not fit.
    """
    if architecture not in ARCHITECTURES:
        raise UsageError(
            f"{where}: architecture '{architecture}' is unknown, expected one of {', '.join(ARCHITECTURES)}."
            + did_you_mean(architecture, ARCHITECTURES)
        )
    settings = dict(arguments)
    if settings.pop(_PRETRAINED, None) is not None:
        raise UsageError(
            f"{where}: architecture_args.{_PRETRAINED} is {arguments[_PRETRAINED]!r}, expected null: weights "
            "come from the declared safetensors file only."
        )
    import segmentation_models_pytorch as smp

    _known_encoder(settings.get(_ENCODER), where)
    try:
        network: nn.Module = getattr(smp, architecture)(**settings, **{_PRETRAINED: None})
    except (TypeError, ValueError, RuntimeError, AttributeError, LookupError, AssertionError) as error:
        raise UsageError(
            f"{where}: segmentation_models_pytorch cannot build '{architecture}' with {settings}: {error}; "
            "expected arguments that this architecture and its encoder take."
        ) from error
    return network


def _known_encoder(name: object, where: str) -> None:
    """Check the encoder's name; ``tu-`` in front of it means any network that timm knows."""
    import timm
    from segmentation_models_pytorch.encoders import get_encoder_names

    own = get_encoder_names()
    if isinstance(name, str) and (name in own or (name.startswith("tu-") and timm.is_model(name[3:]))):
        return
    known = [*own, *(f"tu-{model}" for model in timm.list_models())]
    raise UsageError(
        f"{where}: architecture_args.{_ENCODER} is {name!r}, expected an encoder of segmentation_models_pytorch, "
        f"or tu- and the name of a timm model.{did_you_mean(str(name), known)}"
    )
