"""A segmentation-models-pytorch network by name, without weights from anywhere."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from radbench.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from torch import nn

ARCHITECTURES: Final = (
    "DeepLabV3",
    "DeepLabV3Plus",
    "FPN",
    "Linknet",
    "MAnet",
    "PAN",
    "PSPNet",
    "Unet",
    "UnetPlusPlus",
)
"""Convolutional segmenters that this adapter builds; each is a class of segmentation_models_pytorch."""

_ENCODER: Final = "encoder_name"
_PRETRAINED: Final = "encoder_weights"


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
    except (
        TypeError,
        ValueError,
        RuntimeError,
        AttributeError,
        KeyError,
        IndexError,
        AssertionError,
    ) as error:
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
