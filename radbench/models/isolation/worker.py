"""The model's own process, once it is locked in: it makes the adapter, loads the model and answers requests.

Requests are answered in order; an answer is a message with arrays, or one that says what went wrong:
``{"failure": kind, "message": one sentence}``. What the vendor's code prints goes to the log, not into an answer.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from radbench.errors import UsageError
from radbench.models.base import Failure, ModelFailureError
from radbench.models.isolation.wire import Decoder, Message, encode

if TYPE_CHECKING:
    from radbench.models.adapters.base import Adapter

REQUEST_LIMIT: Final = 1 << 31
"""Bytes of one request's arrays, at most."""

_PIECE: Final = 1 << 20
_LONGEST: Final = 4000
_MEMORY: Final = (
    "not enough memory",
    "can't allocate memory",
    "cannot allocate memory",
    "out of memory",
    "bad_alloc",
)


def serve(requests: int, replies: int) -> None:
    """Answer requests until the harness closes its end.

    Args:
        requests: file number to read messages from.
        replies: file number to write messages to.
    """
    host = Host()
    decoder = Decoder(REQUEST_LIMIT)
    while (request := _next(requests, decoder)) is not None:
        for piece in reply(host.handle, request):
            rest = piece
            while rest:
                rest = rest[os.write(replies, rest) :]
    host.close()


def reply(handle: Callable[[Message], Message], request: Message) -> list[memoryview]:
    """Return the bytes of an answer; what cannot be put into bytes is a failure too."""
    try:
        return encode(answer(handle, request))
    except (ValueError, TypeError) as error:
        return encode(_failed("output", f"it answered with {error}"))


def answer(handle: Callable[[Message], Message], request: Message) -> Message:
    """Return what ``handle`` returns, or what went wrong in words; a model's call to exit is a failure too."""
    try:
        return handle(request)
    except UsageError as error:
        return _failed("usage", str(error))
    except ModelFailureError as error:
        return _failed("memory" if _is_memory(error) else error.kind, str(error))
    except SystemExit as error:
        return _failed("crash", f"it called exit ({error.code})")
    except BaseException as error:  # noqa: BLE001 - a vendor's model may raise anything
        kind: Failure = "memory" if _is_memory(error) else "crash"
        return _failed(kind, f"{type(error).__name__}: {error}")


def _failed(kind: str, message: str) -> Message:
    return Message({"failure": kind, "message": message[:_LONGEST]})


def _is_memory(error: BaseException | None) -> bool:
    """Return whether an error, or one that it came from, says that memory ran out."""
    while error is not None:
        words = str(error).lower()
        if isinstance(error, MemoryError) or any(phrase in words for phrase in _MEMORY):
            return True
        error = error.__cause__
    return False


def _next(requests: int, decoder: Decoder) -> Message | None:
    while (message := decoder.take()) is None:
        data = os.read(requests, _PIECE)
        if not data:
            return None
        decoder.feed(data)
    return message


class Host:
    """One adapter, and what may be asked of it."""

    def __init__(self) -> None:
        self._adapter: Adapter | None = None

    def handle(self, request: Message) -> Message:
        """Answer one request: "open", "prepare", "predict", "forward", "names", "readings" or "saliency"."""
        asked: dict[str, Callable[[Message], Message]] = {
            "open": self._open,
            "prepare": self._prepare,
            "predict": self._predict,
            "forward": self._forward,
            "names": lambda _request: Message({"names": self.adapter.class_names()}),
            "readings": lambda _request: Message({"names": self.adapter.readings()}),
            "saliency": self._saliency,
        }
        return asked[request.head["ask"]](request)

    def close(self) -> None:
        """Let go of the model."""
        if self._adapter is not None:
            self._adapter.close()

    @property
    def adapter(self) -> "Adapter":
        """The adapter that "open" made."""
        if self._adapter is None:
            raise RuntimeError("nothing was opened yet")
        return self._adapter

    def _open(self, request: Message) -> Message:
        from radbench.models.registry import make_adapter
        from radbench.specs import ModelSpec

        head = request.head
        spec = ModelSpec.model_validate_json(head["spec"])
        if head["origin"]:
            spec = spec.read_from(Path(head["origin"]))
        self._adapter = make_adapter(spec, head["device"], trust=head["trust"])
        return Message({"digest": self._adapter.delivered})

    def _prepare(self, _request: Message) -> Message:
        self.adapter.prepare()
        return Message({"rows": getattr(self.adapter, "rows", 0)})

    def _predict(self, request: Message) -> Message:
        images: list[Any] = list(request.arrays.values())
        prediction = self.adapter.predict(images)
        return Message({"kind": prediction.kind}, {"values": prediction.values})

    def _forward(self, request: Message) -> Message:
        import numpy as np

        from radbench.models.adapters.base import TensorAdapter

        if not isinstance(self.adapter, TensorAdapter):
            raise UsageError(f"A model of format '{self.adapter.spec.format}' takes no tensors.")
        outputs = self.adapter.forward(request.arrays["rows"])
        return Message({}, {str(name): np.asarray(values) for name, values in outputs.items()})

    def _saliency(self, request: Message) -> Message:
        from radbench.models.saliency import saliency

        images: list[Any] = list(request.arrays.values())
        maps = saliency(self.adapter, images)
        return Message({"known": maps is not None}, {} if maps is None else {"maps": maps})
