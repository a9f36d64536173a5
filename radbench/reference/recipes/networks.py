"""The network of a recipe, where its weights start, and what it answers."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import torch
from torch import nn

from radbench.errors import UsageError
from radbench.models.adapters.smp import build_segmenter
from radbench.models.adapters.state_dict import read_checkpoint
from radbench.models.adapters.timm import build_network
from radbench.specs import RecipeSpec

if TYPE_CHECKING:
    from collections.abc import Callable

HUB: Final = "hf-hub:"


class Answer(NamedTuple):
    """What a network says of a batch, before any sigmoid.

    Attributes:
        logits: float [N], of the label; None where the network gives none.
        maps: float [N, 1, H, W], of every pixel; None where it gives none.
    """

    logits: torch.Tensor | None
    maps: torch.Tensor | None


def build(recipe: RecipeSpec) -> nn.Module:
    """Return the recipe's network with the weights that it starts from; random ones by torch's generator.

    Raises:
        UsageError: the library cannot build it, or the pretrained weights do not fit or cannot be had.
    """
    where, arguments = _where(recipe), recipe.model_args
    if recipe.task == "segmenter":
        network = build_segmenter(recipe.architecture, arguments, where=where)
        if recipe.pretrained:
            _start_encoder(network, _pretrained_file(recipe), recipe)
        return network
    network = build_network(recipe.architecture, arguments, where=where)
    if not recipe.pretrained:
        return network
    return _pretrained_classifier(recipe, arguments, where)


def answer_of(found: object, recipe: RecipeSpec, size: tuple[int, int], count: int) -> Answer:
    """Return a network's output as an answer.

    Args:
        found: what the network gave.
        recipe: what it is.
        size: height and width of the films.
        count: films in the batch.

    Raises:
        UsageError: an output of another shape than one logit a film, or one map of the films' size.
    """
    outputs = found if isinstance(found, tuple) else (found,)
    maps = outputs[0] if recipe.draws_masks else None
    logits = outputs[-1] if recipe.labels_films else None
    for tensor, shape in ((maps, (count, 1, *size)), (logits, (count, 1))):
        if tensor is not None and tuple(tensor.shape) != shape:
            raise UsageError(
                f"{_where(recipe)}: architecture '{recipe.architecture}' gave an output of shape "
                f"{list(tensor.shape)} for {count} films of {size[0]} x {size[1]} pixels, expected {list(shape)}."
            )
    return Answer(None if logits is None else logits[:, 0], maps)


def state_of(network: nn.Module) -> dict[str, torch.Tensor]:
    """Return a copy of all weights on the CPU."""
    return {name: value.detach().cpu().clone().contiguous() for name, value in network.state_dict().items()}


def state_sha256(state: Mapping[str, torch.Tensor]) -> str:
    """Return the SHA-256 of weights: names and bytes, in the order of the names."""
    found = sha256()
    for name in sorted(state):
        found.update(name.encode())
        found.update(state[name].detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()


def _where(recipe: RecipeSpec) -> str:
    return str(recipe.origin or f"recipe '{recipe.name}'")


def _pretrained_file(recipe: RecipeSpec) -> Path:
    text = str(recipe.pretrained)
    if text.startswith(HUB):
        raise UsageError(
            f"{_where(recipe)}: pretrained is '{text}', expected a file of the encoder's weights: a segmenter does not "
            "start from the hub."
        )
    path = recipe.resolve(text)
    if not path.is_file():
        raise UsageError(
            f"{_where(recipe)}: pretrained is '{text}', and {path} does not exist; expected a weights file, "
            f"{HUB}OWNER/NAME, or false."
        )
    return path


def _pretrained_classifier(recipe: RecipeSpec, arguments: Mapping[str, Any], where: str) -> nn.Module:
    """Return a classifier by timm's own loading, which adapts the first layer and leaves the last one random."""
    import timm

    text = str(recipe.pretrained)
    overlay: dict[str, Any]
    if text.startswith(HUB):
        overlay = {"hf_hub_id": text.removeprefix(HUB), "source": "hf-hub"}
    else:
        overlay = {"state_dict": read_checkpoint(_pretrained_file(recipe)).tensors}
    make: Callable[..., nn.Module] = timm.create_model
    try:
        return make(recipe.architecture, pretrained=True, pretrained_cfg_overlay=overlay, **dict(arguments))
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise UsageError(
            f"{where}: pretrained is '{text}', and timm cannot start '{recipe.architecture}' from it ({reason})."
        ) from error


def _start_encoder(network: nn.Module, path: Path, recipe: RecipeSpec) -> None:
    from timm.models import adapt_input_conv

    encoder = network.encoder
    if not isinstance(encoder, nn.Module):
        raise UsageError(f"{_where(recipe)}: '{recipe.architecture}' has no encoder to start from {path}.")
    given, expected = read_checkpoint(path).tensors, encoder.state_dict()
    inner = {name.removeprefix("model."): name for name in expected}  # timm's encoders lie in "model"
    lacking = [name for name in inner if name not in given]
    if lacking:
        raise UsageError(
            f"{path}: lacks {len(lacking)} of the {len(expected)} tensors of the encoder, '{lacking[0]}' among them; "
            "expected the weights of the encoder that the recipe names."
        )
    start = {}
    for name, own in inner.items():
        tensor = given[name]
        if tensor.shape != expected[own].shape and tensor.ndim == 4:
            tensor = adapt_input_conv(expected[own].shape[1], tensor)
        if tensor.shape != expected[own].shape:
            raise UsageError(
                f"{path}: tensor '{name}' has shape {list(given[name].shape)}, expected {list(expected[own].shape)}."
            )
        start[own] = tensor
    encoder.load_state_dict(start)
