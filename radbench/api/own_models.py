"""A model that the user holds in Python: it runs in this process, because it is the user's own code."""

import copy
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from radbench.errors import UsageError
from radbench.models.adapters.torch_base import TorchAdapter
from radbench.models.base import Image, ModelFailureError, ModelUnderTest, Prediction
from radbench.models.decode import decode
from radbench.runtime import sha256_bytes
from radbench.specs import InputContract, ModelSpec, ShiftSpec

if TYPE_CHECKING:
    import torch

FORMAT = "python"
_CHANGES = "code in this process, which may be another one tomorrow"
Answer: TypeAlias = Callable[[list[Image]], Any]
"""Images, uint8 [H, W] each, to scores [N] (or [N, classes]), or to masks [N, H, W]."""


class OwnNetwork(TorchAdapter):
    """A ``torch.nn.Module``: a copy of it sees the batches of its input contract, for evaluation.

    Args:
        spec: its declaration.
        network: the module; it is left as it is.
        device: "auto", "cpu" or "cuda", for the copy.
    """

    format: ClassVar[str] = FORMAT

    def __init__(self, spec: ModelSpec, network: "torch.nn.Module", device: str = "cpu") -> None:
        self._given = network
        super().__init__(spec, device)

    def verify(self) -> str:
        """Return the SHA-256 of the module's class and of its state dict."""
        import torch

        parts = [_qualified(type(self._given)).encode()]
        for name, tensor in sorted(self._given.state_dict().items()):
            flat = tensor.detach().cpu().contiguous().reshape(-1)
            parts.append(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
            parts.append(flat.view(torch.uint8).numpy().tobytes())
        return sha256_bytes(b"\0".join(sha256_bytes(part).encode() for part in parts))

    def asked_anew(self) -> str:
        """Return why no answer is remembered."""
        return _CHANGES

    def network(self) -> "torch.nn.Module":
        """Return a copy of the module."""
        return copy.deepcopy(self._given)

    def answer(self, network: "torch.nn.Module", inputs: "torch.Tensor") -> object:
        """Return what the module gives for one batch.

        Raises:
            ModelFailureError: whatever it raises.
        """
        with _recorded(self.spec):
            return network(inputs)

    def saliency(self, images: Sequence[Image]) -> NDArray[np.float32] | None:
        """Return where the module looked; see ``radbench.models.saliency``."""
        from radbench.models.saliency import saliency

        return saliency(self, images)


class OwnFunction:
    """A function of images; itself a ``ModelUnderTest``.

    Args:
        spec: its declaration.
        answer: the function.
    """

    def __init__(self, spec: ModelSpec, answer: Answer) -> None:
        self.spec = spec
        self.answer = answer
        self.digest = sha256_bytes(f"{FORMAT}:{spec.path}".encode())
        """Of the function's name alone: what it says is asked anew in every audit."""

    def asked_anew(self) -> str:
        """Return why no answer is remembered."""
        return _CHANGES

    def predict(self, images: Sequence[Image]) -> Prediction:
        """Return the prediction for uint8 [H, W] images.

        Raises:
            ModelFailureError: whatever the function raises, or an answer of another shape or range than declared.
        """
        with _recorded(self.spec):
            values = _array(self.answer(list(images)))
        sizes = [image.shape for image in images]
        if self.spec.task == "segmentation" and sizes:
            contract = self.spec.input.model_copy(update={"spatial_shape": list(sizes[0])})
            if values.dtype == np.bool_:
                values = values.astype(np.uint8)
            return decode(self.spec.model_copy(update={"input": contract}), {"answer": values}, sizes)
        return decode(self.spec, {"answer": values}, sizes)


def own_model(
    model: "Answer | torch.nn.Module",
    shift: ShiftSpec,
    input: InputContract | None = None,  # noqa: A002 - the word of a YAML file
    device: str = "cpu",
    **declared: Any,
) -> ModelUnderTest:
    """Return a module or a function as a model under test.

    Args:
        model: the module, or the function.
        shift: what it is tested on; its target and task are the model's.
        input: the input contract of a module; a function gets the images as they are.
        device: where a module runs.
        declared: further fields of ``ModelSpec``. A module gives logits unless ``output`` says otherwise, a function
            probabilities (for a segmentation: masks of 0 and 1 at the images' size).

    Raises:
        UsageError: a module without an input contract, or a field that is not as declared models have it.
    """
    network = _is_network(model)
    if network and input is None:
        raise UsageError(
            "A torch module was given without its input contract; pass input=InputContract(spatial_shape=[H, W], ...)."
        )
    segments = shift.task == "segmentation"
    name = _qualified(type(model) if network else model)
    fields = {
        "name": _plain_name(name),
        "title": name,
        "format": FORMAT,
        "path": name,
        "task": "segmentation" if segments else "binary",
        "target": shift.target,
        "input": input or InputContract(spatial_shape=[512, 512]),
        "output": "logits" if network else ("labels" if segments else "probabilities"),
    }
    try:
        spec = ModelSpec(**(fields | declared))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "the declaration"
        raise UsageError(
            f"The model '{fields['name']}': {field}: {first['msg']}; mend it in the call."
        ) from error
    return OwnNetwork(spec, model, device) if network else OwnFunction(spec, model)  # type: ignore[arg-type]


def _is_network(model: object) -> bool:
    """Whether it is a ``torch.nn.Module``; torch need not be imported to know that it is none."""
    return any(
        kind.__module__.startswith("torch.nn.") and kind.__name__ == "Module" for kind in type(model).__mro__
    )


@contextmanager
def _recorded(spec: ModelSpec) -> Iterator[None]:
    """Make a failure of the user's code an outcome of the audit, as every other model's."""
    try:
        yield
    except Exception as error:
        raise ModelFailureError(
            f"Model '{spec.name}' raised {type(error).__name__}: {str(error).strip()[:500]}", kind="crash"
        ) from error


def _array(values: Any) -> NDArray[np.generic]:
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        values = (values.float() if values.is_floating_point() else values).numpy()
    return np.asarray(values)


def _qualified(thing: Any) -> str:
    """Return ``module:name`` of a class, a function, or of the class of another callable."""
    named = thing if hasattr(thing, "__qualname__") else type(thing)
    return f"{named.__module__.rpartition('.')[2]}:{named.__qualname__}"


def _plain_name(name: str) -> str:
    return (
        re.sub(r"[^a-z0-9._-]+", "-", name.partition(":")[2].rpartition("<locals>.")[2].lower()).strip("-._")[
            :80
        ]
        or "model"
    )
