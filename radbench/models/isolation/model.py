"""A model in a process of its own: the contract of any model, with every failure of the process a recorded one."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

import numpy as np
from numpy.typing import NDArray

from radbench.errors import UsageError
from radbench.models.adapters.base import Adapter, TensorAdapter, joined, refuse_sizes
from radbench.models.base import Image, ModelUnderTest, Prediction, is_image
from radbench.models.isolation import answers
from radbench.models.isolation.client import Client
from radbench.models.isolation.wire import Message
from radbench.models.registry import device_kind, make_adapter
from radbench.specs import ModelSpec

if TYPE_CHECKING:
    import torch

__all__ = ["IsolatedModel", "open_model"]

_RUNS_NOTHING: Final = ("table",)
"""Formats that run nothing of a vendor's."""

_MOST_IMAGES: Final = 1024
_REQUEST: Final = 1 << 28
"""Bytes of the images in one question to a model that takes any number."""

_SMALL: Final = 1 << 20
_OUTPUTS: Final = 1 << 30
"""Bytes of all outputs of one batch, at most."""


class IsolatedModel:
    """A model behind its declaration, run in a sandbox that starts with the first question.

    The vendor's files are verified here, in the harness's own process, which runs nothing of them. After a
    failure the process is gone, and the next question starts another. Close it (or use ``with``) when done.
    Not for several threads at once.

    Args:
        spec: the vendor's declaration, narrowed to one task.
        device: "auto", "cpu", "cuda" or a torch device.
        trust: whether the vendor's own code may run (``--trust-model-code``); it runs in the same sandbox,
            except that a program (``format: program``) is then held by time and memory only.

    Raises:
        UsageError: an unknown format, a file that is missing or another one than declared, or one that would
            run code when it is read.
    """

    def __init__(self, spec: ModelSpec, device: "torch.device | str" = "cpu", *, trust: bool = False) -> None:
        self._adapter: Adapter = make_adapter(spec, device, trust=trust)
        self._device = device
        self._trust = trust
        self._client: Client | None = None
        self.spec = self._adapter.spec
        """The declaration, with what it leaves open read from the files."""
        self.digest = self._adapter.digest
        self.delivered = self._adapter.delivered
        """SHA-256 of what the model's process must find again."""
        self.takes_tensors = isinstance(self._adapter, TensorAdapter)
        """Whether ``forward`` can be asked."""
        self.sandbox: dict[str, str] = {}
        """What was achieved, in words, once a process has started: "network" ("namespace", "seccomp", "not
        blocked" or "needed, and open"), "memory", "files", "processes", "calls" and "environment"."""

    def start(self) -> None:
        """Start the process and load the model, unless that is done.

        Raises:
            UsageError: files that do not fit their declaration, or a package that is not installed.
            ModelFailureError: the model cannot be loaded, or not within its limits.
        """
        with self._asking():
            pass

    def predict(self, images: Sequence[Image]) -> Prediction:
        """Return the prediction for uint8 [H, W] images; never dependent on how they are grouped.

        Raises:
            UsageError: as ``start``; images of another type, or (for masks) of several sizes in one call.
            ModelFailureError: the model crashes, takes too long or too much memory, or answers what its
                declaration rules out.
        """
        self._check(images, one_size=self.spec.task == "segmentation")
        if not images:
            return joined([], self.spec)
        size = partial(answers.expected_bytes, self.spec)
        with self._asking() as client:
            asked = _exchanged(client, "predict", images, size)
            return joined([answers.prediction(self.spec, group, reply) for group, reply in asked], self.spec)

    def forward(self, rows: NDArray[np.generic]) -> dict[str, NDArray[np.generic]]:
        """Return every output of the model by its name for one batch; see ``TensorAdapter.forward``.

        Raises:
            UsageError: as ``start``; a model that takes no tensors.
            ModelFailureError: as ``predict``.
        """
        if not self.takes_tensors:
            raise UsageError(
                f"Model '{self.spec.name}' of format '{self.spec.format}' takes images and no tensors."
            )
        with self._asking() as client:
            return dict(client.ask(Message({"ask": "forward"}, {"rows": rows}), _OUTPUTS).arrays)

    def class_names(self) -> list[str] | None:
        """Return the names of the classes that the files themselves hold, or None.

        Raises:
            UsageError: as ``start``.
            ModelFailureError: as ``predict``.
        """
        with self._asking() as client:
            return answers.class_names(self.spec, client.ask(Message({"ask": "names"}), _SMALL))

    def readings(self) -> list[str]:
        """Return, in sentences, what the declaration leaves open and was read from the files.

        Raises:
            UsageError: as ``start``.
            ModelFailureError: as ``predict``.
        """
        with self._asking() as client:
            asked = answers.readings(self.spec, client.ask(Message({"ask": "readings"}), _SMALL))
        return list(dict.fromkeys([*self._adapter.readings(), *asked]))

    def saliency(self, images: Sequence[Image]) -> NDArray[np.float32] | None:
        """Return what the model looked at, float32 [N, H, W] in [0, 1], or None where that cannot be had.

        Args:
            images: uint8 [H, W], all of one size, at least one.

        Raises:
            UsageError: as ``start``; images of another type, or of several sizes.
            ModelFailureError: as ``predict``.
        """
        self._check(images, one_size=True)
        with self._asking() as client:
            asked = _exchanged(
                client, "saliency", images, lambda group: 4 * sum(image.size for image in group)
            )
            maps = [answers.saliency_maps(self.spec, group, reply) for group, reply in asked]
        known = [each for each in maps if each is not None]
        return np.concatenate(known) if known and len(known) == len(maps) else None

    @property
    def rows(self) -> int:
        """Images that the model takes at once, once a process has started; 0 for any number, or not known yet."""
        return 0 if self._client is None else self._client.rows

    def notes(self) -> list[str]:
        """Return what in the vendor's files speaks against the declaration; nothing of theirs is run for it."""
        notes = getattr(self._adapter, "notes", None)
        return [] if notes is None else list(notes())

    def asked_anew(self) -> str:
        """Return why no answer may be remembered, in words; see ``Adapter.asked_anew``."""
        return self._adapter.asked_anew()

    def close(self) -> None:
        """End the process, if there is one."""
        if self._client is not None:
            self._client.stop()
            self._client = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextlib.contextmanager
    def _asking(self) -> Iterator[Client]:
        """Yield the process, started if need be; whatever goes wrong ends it."""
        try:
            if self._client is None:
                kind = device_kind(self._device)
                self._client = Client(self.spec, kind, trust=self._trust, digest=self.delivered)
                self.sandbox = self._client.sandbox
            yield self._client
        except BaseException:
            self.close()
            raise

    def _check(self, images: Sequence[Image], *, one_size: bool) -> None:
        for image in images:
            if not is_image(image):
                raise UsageError(
                    f"Model '{self.spec.name}' was given an image of shape {list(image.shape)} and type "
                    f"{image.dtype}, expected grayscale uint8 or uint16 [height, width]."
                )
        if one_size:
            refuse_sizes(self.spec, images)


def open_model(
    spec: ModelSpec, device: "torch.device | str" = "cpu", *, trust: bool = False
) -> ModelUnderTest:
    """Return the model that ``spec`` declares: in a sandbox, but for a table, which runs nothing of a vendor's.

    Raises:
        UsageError: as ``IsolatedModel``.
    """
    if spec.format in _RUNS_NOTHING:
        return make_adapter(spec, device, trust=trust)
    return IsolatedModel(spec, device, trust=trust)


def _exchanged(
    client: Client, ask: str, images: Sequence[Image], size: Callable[[Sequence[Image]], int]
) -> Iterator[tuple[Sequence[Image], Message]]:
    """Yield what one question holds with its answer: a batch of the model's, or as many as fit into ``_REQUEST``.

    Args:
        client: the process.
        ask: the question.
        images: uint8 or uint16 [H, W], at least one.
        size: says how many bytes the answer to some images may take.
    """
    step = client.rows or min(_MOST_IMAGES, max(1, _REQUEST // max(image.nbytes for image in images)))
    groups = [images[start : start + step] for start in range(0, len(images), step)]
    held = (
        Message({"ask": ask}, {str(number): image for number, image in enumerate(group)}) for group in groups
    )
    questions = zip(held, map(size, groups), strict=True)
    yield from zip(groups, client.exchange(questions), strict=True)
