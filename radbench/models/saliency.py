"""Where a torch model looked: Grad-CAM on its last convolutional feature map.

Selvaraju et al. 2017, "Grad-CAM" (doi:10.1109/ICCV.2017.74), equations 1 and 2: the channels of a feature map, each
weighted by the mean gradient of the target's score over that channel, added up, negative sums cut off. For a
segmenter the score is the sum over the pixels that it calls inside, and the map is the coarsest one (Vinogradova et
al. 2020, "Seg-Grad-CAM", doi:10.1609/aaai.v34i10.7244).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from radbench.models.adapters.base import Adapter
from radbench.models.base import Image
from radbench.models.decode import column, of_wanted_output
from radbench.models.preprocess import maps_to_size, to_batch
from radbench.specs import ModelSpec

if TYPE_CHECKING:
    import torch
    from torch import nn

    from radbench.models.adapters.torch_base import TorchAdapter


def saliency(adapter: Adapter, images: Sequence[Image]) -> NDArray[np.float32] | None:
    """Return what supports the target in each image.

    Args:
        adapter: any model's, in this process.
        images: uint8 [H, W], all of one size, at least one.

    Returns:
        float32 [N, H, W] in [0, 1] at the images' size, 1 at each image's strongest place and 0 everywhere where
        nothing supports the target; None where there is no torch network with a convolutional feature map whose
        gradient can be had (other formats, TorchScript, transformers without convolutions, labels only).

    Raises:
        UsageError: files that do not fit the declaration, or images of another type.
    """
    from radbench.models.adapters.torch_base import TorchAdapter

    if not images or adapter.spec.output == "labels" or not isinstance(adapter, TorchAdapter):
        return None
    network = adapter.module()
    if not _convolutional(network):
        return None
    maps = []
    for image in images:
        found = _one(adapter, network, image)
        if found is None:
            return None
        maps.append(found)
    return np.stack(maps)


def _convolutional(network: "nn.Module") -> bool:
    """Whether Python runs the network's layers and one is a convolution that does more than cut patches."""
    import torch
    from torch import nn

    if isinstance(network, torch.jit.ScriptModule):
        return False
    layers = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    return any(layer.kernel_size != layer.stride or layer.kernel_size == (1, 1) for layer in layers)


def _one(adapter: "TorchAdapter", network: "nn.Module", image: Image) -> NDArray[np.float32] | None:
    import torch

    from radbench.models.adapters.torch_base import exact_convolutions

    spec = adapter.spec
    inputs = adapter.tensor(to_batch([image], spec.input, 1))
    if not inputs.is_floating_point():
        return None
    # Both a mask and a segmenter's classification head stand on the coarsest map; later ones lead to the mask alone.
    coarsest = spec.task == "segmentation" or spec.format == "smp"
    try:
        with torch.enable_grad(), exact_convolutions(), _watched(network, coarsest=coarsest) as seen:
            found = adapter.answer(network, inputs.detach().requires_grad_())
            score = _score(spec, adapter, found)
            if score is None or not seen:
                return None
            features = seen[-1]
            (gradient,) = torch.autograd.grad(score, features)
    except RuntimeError:
        return None  # a network without gradients, or one that cannot be run on one image
    weights = gradient.double().mean(dim=(2, 3), keepdim=True)
    cam = (weights * features.detach().double()).sum(dim=1).relu()[0]  # [h, w], not negative
    raw = np.asarray(cam.cpu().numpy(), np.float64)
    return _placed(raw.T if getattr(adapter, "axes", "HW") == "WH" else raw, spec, image)


def _placed(raw: NDArray[np.float64], spec: ModelSpec, image: Image) -> NDArray[np.float32]:
    """Return the map at the image's size with 1 at its highest place."""
    height, width = image.shape
    placed = maps_to_size(raw[None], spec.input, (height, width))[0]
    peak = float(placed.max())
    if not np.isfinite(peak) or peak <= 0.0:
        return np.zeros((height, width), np.float32)
    return np.asarray(np.clip(placed / peak, 0.0, 1.0), np.float32)


def _score(spec: ModelSpec, adapter: "TorchAdapter", found: object) -> "torch.Tensor | None":
    """Return the target's score of the one image as a tensor without axes, before any sigmoid or softmax of ours."""
    name, _ = of_wanted_output(spec, adapter.named(found))
    values = _tensor(found, name)
    if values is None or not values.requires_grad:
        return None
    if spec.task != "segmentation":
        return values.reshape(-1)[column(spec)]
    maps = values[0] if values.ndim == 4 else values
    own = maps[column(spec)]
    return own[_inside(maps, spec)].sum()


def _inside(maps: "torch.Tensor", spec: ModelSpec) -> "torch.Tensor":
    """Return bool [h, w], what the model calls inside; everything where it calls nothing inside."""
    import torch

    own = maps[column(spec)].detach()
    if len(maps) > 1:
        inside = maps.detach().argmax(dim=0) == column(spec)
    else:
        inside = (own.sigmoid() if spec.output == "logits" else own) >= spec.operating_point
    return inside if bool(inside.any()) else torch.ones_like(inside)


def _tensor(found: Any, name: str) -> "torch.Tensor | None":
    """Return the tensor that ``TorchAdapter.named`` calls ``name``."""
    import torch

    if isinstance(found, torch.Tensor):
        return found
    value = found.get(name) if isinstance(found, Mapping) else found[int(name.rpartition("_")[2])]
    return value if isinstance(value, torch.Tensor) else None


@contextmanager
def _watched(network: "nn.Module", *, coarsest: bool) -> Iterator[list[Any]]:
    """Yield a list that holds, after a forward pass, the wanted feature map last.

    That is the last map of more than one pixel which a module with a convolution (or a normalisation behind one)
    gives; or, ``coarsest``, the last of those with the fewest pixels.
    """
    from torch import nn

    seen: list[Any] = []

    def note(_module: Any, _inputs: Any, output: Any) -> None:
        area = _area(output)
        if area > 1 and (not coarsest or not seen or area <= _area(seen[-1])):
            seen[:] = [output]

    handles = [
        module.register_forward_hook(note)
        for module in network.modules()
        if module is not network
        and any(isinstance(part, nn.Conv2d | nn.BatchNorm2d) for part in module.modules())
    ]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def _area(output: Any) -> int:
    import torch

    known = isinstance(output, torch.Tensor) and output.ndim == 4 and output.requires_grad
    return int(output.shape[2] * output.shape[3]) if known else 0
