"""The noise predictor's network as it is run on the CPU: packed, and recorded once it is worth it.

A micro-batch of a small network takes some 30 ms, of which several are Python's, and lanes wait for each
other's. Since all micro-batches have one shape, the network's operations are recorded once for it
(``torch.jit.trace``) and replayed without Python. A replay does the same operations on the same shapes: it
must give the same bits as the network, which is checked, and if it does not, or torch can no longer record,
the network is called as ever.
"""

import threading
import warnings
from collections import Counter
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from radbench.diffusion.packed import is_plain, packed

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


_networks: WeakKeyDictionary[nn.Module, tuple[Any, FastNetwork | None]] = WeakKeyDictionary()
_lock = threading.Lock()


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
