"""The noise predictor's network as it is run on the CPU: packed, and recorded once it is worth it.

Convolutions and linear layers of an ordinary network hand oneDNN (or a slower library) their weights in
torch's layout, to be rearranged on every call. A packed copy holds them in the layout that oneDNN chose for
the shapes at hand, runs all of them through oneDNN, and adds a residual block's shortcut in the convolution
that precedes it. Everything else is the network's own. Results agree with the network's to rounding.

A micro-batch of a small network takes some 30 ms, of which several are Python's, and lanes wait for each
other's. Since all micro-batches have one shape, the network's operations are recorded once for it
(``torch.jit.trace``) and replayed without Python. A replay does the same operations on the same shapes: it
must give the same bits as the network, which is checked, and if it does not, or torch can no longer record,
the network is called as ever.
"""

import copy
import threading
import warnings
from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_LIMIT = 5 * 1024**3 // 2
"""Bytes of weights up to which a second, packed copy of them is kept: 2.5 GiB, the published U-Net has 2.05 GiB."""

_OPERATIONS = """
def convolve(x, w, b: Optional[Tensor], padding: List[int], stride: List[int], dilation: List[int], groups: int):
    return torch.ops.mkldnn._convolution_pointwise(x, w, b, padding, stride, dilation, groups, "none", [], "")

def convolve_and_add(
    x, other, w, b: Optional[Tensor], padding: List[int], stride: List[int], dilation: List[int], groups: int
):
    return torch.ops.mkldnn._convolution_pointwise(
        x, other, w, b, padding, stride, dilation, groups, "add", 1.0, None, [], None
    )

def project(x, w, b: Optional[Tensor]):
    return torch.ops.mkldnn._linear_pointwise(x, w, b, "none", [], "")
"""


def packed(network: Any) -> nn.Module | None:
    """Return a packed copy of a network, which shares all other weights with it; None where there is none to be had.

    That is on devices other than the CPU, in other precisions than float32, without oneDNN, for modules with
    hooks, and beyond a size at which a second copy of the weights costs more than it gains.
    """
    if not isinstance(network, nn.Module) or not is_plain(network) or _operations() is None:
        return None
    weights = list(network.parameters())
    if any(one.device.type != "cpu" or one.dtype != torch.float32 for one in weights):
        return None
    if sum(one.numel() * one.element_size() for one in weights) > _LIMIT:
        return None
    twin = copy.deepcopy(network, {id(one): one for one in (*weights, *network.buffers())})
    _replace_layers(twin)
    return twin.eval()


class PackedConvolution(nn.Module):
    """``nn.Conv2d`` with packed weights; they are packed for the shape of the first call."""

    packed: Tensor | None
    bias: Tensor | None
    _weight: Tensor | None

    def __init__(self, layer: nn.Conv2d) -> None:
        super().__init__()
        self._weight = layer.weight.detach()
        self.register_buffer("packed", None)
        self.register_buffer("bias", _detached(layer.bias))
        self._geometry = (
            [int(side) for side in layer.padding],
            [*layer.stride],
            [*layer.dilation],
            layer.groups,
        )

    def forward(self, x: Tensor, *_: Any) -> Tensor:
        """Return the convolution, channels last."""
        return torch.as_tensor(_operations().convolve(x, self._pack(x), self.bias, *self._geometry))

    def and_add(self, x: Tensor, other: Tensor) -> Tensor:
        """Return the convolution plus ``other``."""
        return torch.as_tensor(
            _operations().convolve_and_add(x, other, self._pack(x), self.bias, *self._geometry)
        )

    def _pack(self, x: Tensor) -> Tensor:
        if self._weight is not None:
            reorder: Any = torch._C._nn.mkldnn_reorder_conv2d_weight  # noqa: SLF001  (it has no public name)
            self.packed = reorder(self._weight.to_mkldnn(), *self._geometry, list(x.shape))
            self._weight = None
        return self.packed  # type: ignore[return-value]


class PackedLinear(nn.Module):
    """``nn.Linear`` with packed weights; they are packed for the number of rows of the first call."""

    packed: Tensor | None
    bias: Tensor | None
    _weight: Tensor | None

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self._weight = layer.weight.detach()
        self.register_buffer("packed", None)
        self.register_buffer("bias", _detached(layer.bias))

    def forward(self, x: Tensor, *_: Any) -> Tensor:
        """Return the projection."""
        if self._weight is not None:
            rows = x.numel() // x.shape[-1]
            self.packed = torch.ops.mkldnn._reorder_linear_weight(self._weight, rows)  # noqa: SLF001
            self._weight = None
        return torch.as_tensor(_operations().project(x, self.packed, self.bias))


class FusedResidualBlock(nn.Module):
    """diffusers' ``ResnetBlock2D`` without resampling, with fewer passes over its activations."""

    def __init__(self, block: Any) -> None:
        super().__init__()
        self.norm1, self.conv1 = block.norm1, block.conv1
        self.norm2, self.conv2 = block.norm2, block.conv2
        self.shortcut, self.time = block.conv_shortcut, block.time_emb_proj
        self.scales = block.time_embedding_norm == "scale_shift"

    def forward(self, x: Tensor, time: Tensor, *_: Any, **__: Any) -> Tensor:
        """Return the block's output; see ``ResnetBlock2D.forward``."""
        hidden = self.conv1(F.silu(self.norm1(x), inplace=True))
        told = self.time(F.silu(time))[:, :, None, None]
        if self.scales:
            scale, shift = told.chunk(2, dim=1)
            hidden = torch.addcmul(shift, self.norm2(hidden), 1 + scale)
        else:
            hidden = self.norm2(hidden + told)
        shortcut = x if self.shortcut is None else self.shortcut(x)
        return self.conv2.and_add(F.silu(hidden, inplace=True), shortcut)  # type: ignore[no-any-return]


def _detached(weight: Tensor | None) -> Tensor | None:
    return None if weight is None else weight.detach()


@cache
def _operations() -> Any:
    """Return oneDNN's operations on packed weights in a form that can be traced; None where torch has none."""
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.jit.CompilationUnit(_OPERATIONS)
    except (RuntimeError, AttributeError):
        return None


def is_plain(network: nn.Module) -> bool:
    """Return whether calling the network does no more than its class says: no hooks, no replaced ``forward``."""
    return not any(
        module._forward_hooks or module._forward_pre_hooks or "forward" in vars(module)  # noqa: SLF001
        for module in network.modules()
    )


def _replace_layers(module: nn.Module) -> None:
    for name, child in module.named_children():
        _replace_layers(child)
        if type(child) is nn.Conv2d and child.padding_mode == "zeros" and not isinstance(child.padding, str):
            setattr(module, name, PackedConvolution(child))
        elif type(child) is nn.Linear:
            setattr(module, name, PackedLinear(child))
        elif _can_fuse(child):
            setattr(module, name, FusedResidualBlock(child))


def _can_fuse(block: Any) -> bool:
    from diffusers.models.resnet import ResnetBlock2D

    return (
        type(block) is ResnetBlock2D
        and isinstance(block.conv2, PackedConvolution)
        and isinstance(block.nonlinearity, nn.SiLU)
        and block.upsample is None
        and block.downsample is None
        and block.time_emb_proj is not None
        and not block.skip_time_act
        and block.time_embedding_norm in {"default", "scale_shift"}
        and block.output_scale_factor == 1
    )


_WORTH = 48
"""Calls with one shape from which recording pays for itself."""

_TOLERANCE = 1e-4
"""Largest difference of a packed network from the original, relative to its largest output."""

Forward = Callable[[Tensor, Tensor, Tensor], Tensor]
Shapes = tuple[torch.Size, torch.Size]


class FastNetwork:
    """A network prepared for many calls of one shape; called as ``f(latents, timesteps, embeddings)``.

    Args:
        module: takes the three tensors and returns one.
    """

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        self._recorded: dict[Shapes, Forward] = {}
        self._calls: Counter[Shapes] = Counter()
        self._lock = threading.Lock()

    def __call__(self, latents: Tensor, timesteps: Tensor, embeddings: Tensor) -> Tensor:
        """Return the network's output, float32 [B, C, h, w].

        Args:
            latents: float32 [B, C, h, w].
            timesteps: int64 [B].
            embeddings: float32 [B, L, D].
        """
        forward = self._recorded.get((latents.shape, embeddings.shape), self._module)
        return torch.as_tensor(forward(latents, timesteps, embeddings))

    def expect(self, latents: torch.Size, embeddings: torch.Size, calls: int) -> None:
        """Make ready for calls with these shapes; for the thread that opens the lanes, before they run."""
        shapes = latents, embeddings
        with self._lock:
            self._calls[shapes] += calls
            if shapes not in self._recorded and self._calls[shapes] >= _WORTH:
                self._recorded[shapes] = _record(self._module, shapes)


class _Forward(nn.Module):
    """A ``UNet2DConditionModel`` with three inputs and one output."""

    def __init__(self, unet: nn.Module) -> None:
        super().__init__()
        self.unet = unet

    def forward(self, latents: Tensor, timesteps: Tensor, embeddings: Tensor) -> Tensor:
        nhwc = latents.contiguous(memory_format=torch.channels_last)
        output = self.unet(nhwc, timesteps, encoder_hidden_states=embeddings, return_dict=False)[0]
        return torch.as_tensor(output)


_lock = threading.Lock()
_halved: WeakKeyDictionary[nn.Module, tuple[Any, nn.Module]] = WeakKeyDictionary()


def in_bfloat16(unet: Any) -> Any:
    """Return a copy of a network in bfloat16, made once and again when its weights change.

    Args:
        unet: a ``UNet2DConditionModel``; anything that is no module is returned as it is.
    """
    if not isinstance(unet, nn.Module):
        return unet
    now = _fingerprint(unet)
    with _lock:
        made = _halved.get(unet)
        if made is None or made[0] != now:
            made = now, copy.deepcopy(unet).to(torch.bfloat16).eval()
            _halved[unet] = made
    return made[1]


_networks: WeakKeyDictionary[nn.Module, tuple[Any, FastNetwork | None]] = WeakKeyDictionary()


def fast_network(unet: Any, latents: Tensor, embeddings: Tensor) -> FastNetwork | None:
    """Return the fast form of a network, made once and again when its weights change; None if it has none.

    Args:
        unet: a ``UNet2DConditionModel`` or anything called like one.
        latents: a micro-batch as it will be called with, float32 [B, C, h, w].
        embeddings: its prompts, float32 [B, L, D].
    """
    if not isinstance(unet, nn.Module):
        return None
    now = _fingerprint(unet)
    with _lock:
        made = _networks.get(unet)
        if made is None or made[0] != now:
            made = now, _prepare(unet, latents, embeddings)
            _networks[unet] = made
    return made[1]


def _prepare(unet: nn.Module, latents: Tensor, embeddings: Tensor) -> FastNetwork | None:
    """Return a packed network that computes what the original does, to rounding, or None."""
    twin = packed(unet)
    if twin is None:
        return None
    inputs = _example((latents.shape, embeddings.shape), seed=0)
    with torch.no_grad():
        wanted = _Forward(unet)(*inputs)
        try:
            found = _Forward(twin)(*inputs)
        except (RuntimeError, AttributeError, TypeError):  # a layer that is more to its network than a call
            return None
    close = float((found - wanted).abs().max()) <= _TOLERANCE * max(1.0, float(wanted.abs().max()))
    return FastNetwork(_Forward(twin).eval()) if close else None


def _record(module: nn.Module, shapes: Shapes) -> Forward:
    """Return a recording of a network for these shapes, or the network where a recording is not the same."""
    inputs, others = _example(shapes, seed=0), _example(shapes, seed=1)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # shapes that become constants are what is wanted here
        try:
            recorded: Forward = torch.jit.trace(module, inputs, check_trace=False)  # type: ignore[no-untyped-call]
            wanted = module(*others)
            same = all(torch.equal(recorded(*others), wanted) for _ in range(3))
        except Exception:  # noqa: BLE001  (whatever a library raises: the network itself is always there)
            return module
    return recorded if same else module


def _example(shapes: Shapes, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    latents, embeddings = (torch.randn(shape, generator=generator) for shape in shapes)
    return latents, torch.randint(0, 1000, (shapes[0][0],), generator=generator), embeddings


def _fingerprint(unet: nn.Module) -> Any:
    """Return what changes when the network's weights or parts do."""
    weights = [
        (one.data_ptr(), one._version, one.dtype, one.device)  # noqa: SLF001  (torch's own count of changes)
        for one in (*unet.parameters(), *unet.buffers())
        if not one.is_inference()
    ]
    parts = [(type(part), id(getattr(part, "processor", None)), part.training) for part in unet.modules()]
    return weights, parts, is_plain(unet)
