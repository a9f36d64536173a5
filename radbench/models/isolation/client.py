"""A conversation with a model's process: questions in, answers out, and every mishap as the failure that it is.

What happened to the process is told in one sentence and the kind of failure that an audit records.
"""

import re
import signal
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, get_args

from radbench.errors import UsageError
from radbench.models.base import Failure, ModelFailureError
from radbench.models.isolation.bytecode import compiled_folder
from radbench.models.isolation.permits import permits
from radbench.models.isolation.process import EndedError, LateError, ModelProcess
from radbench.models.isolation.wire import Message, WireError
from radbench.specs import ModelSpec

AHEAD: Final = 1
"""Questions that wait in the pipe while one is answered, so that the model does not wait for the harness."""

Question = tuple[Message, int]
"""What is asked, and how many bytes the arrays of its answer may take."""

LAST_WORDS: Final = 2000
"""Characters of what a model printed that go into its failure."""

_ESCAPES: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)")
_MEMORY: Final = (
    "bad_alloc",
    "cannot allocate memory",
    "can't allocate memory",
    "out of memory",
    "memoryerror",
)
_OUTSIDE: Final = "was ended from outside (signal 9), as a system does that runs out of memory"
_SMALL: Final = 1 << 16
_MOST_ROWS: Final = 4096
_GRACE: Final = 5.0


class Client:
    """A process with the model of ``spec`` loaded.

    Args:
        spec: the vendor's declaration.
        device: "cpu" or "cuda".
        trust: whether the vendor's own code may run.
        digest: the digest that the harness found; the process must find the same.

    Raises:
        UsageError: files that do not fit their declaration, or a package that is not installed.
        ModelFailureError: the model cannot be loaded, or not in time.
    """

    def __init__(self, spec: ModelSpec, device: str, *, trust: bool, digest: str) -> None:
        self._spec = spec
        self._given = permits(spec, device, trust=trust)
        try:
            self._process = ModelProcess(self._given, device, bytecode=compiled_folder(spec.format))
        except OSError as error:
            raise ModelFailureError(
                f"No process could be started for model '{spec.name}': {error.strerror or error}.",
                kind="crash",
            ) from error
        self.rows = 0
        """Images that the model takes at once; 0 for any number."""
        self.sandbox: dict[str, str] = {}
        """What was achieved, in words."""
        try:
            self._open(device, trust=trust, digest=digest)
        except BaseException:
            self.stop()
            raise

    def ask(self, question: Message, limit: int) -> Message:
        """Return the answer to one question; see ``exchange``."""
        return next(self.exchange([(question, limit)]))

    def exchange(self, questions: Iterable[Question]) -> Iterator[Message]:
        """Yield the answers to ``questions`` in order.

        Raises:
            ModelFailureError: the process ends, is late, or answers what nobody asked for.
        """
        limits: deque[int] = deque()
        for question, limit in questions:
            self._process.send(question)
            limits.append(limit)
            if len(limits) > AHEAD:
                yield self._answer(limits.popleft())
        while limits:
            yield self._answer(limits.popleft())

    def stop(self) -> None:
        """End the process."""
        self._process.stop()

    def _open(self, device: str, *, trust: bool, digest: str) -> None:
        spec, seconds = self._spec, self._spec.limits.start_seconds
        origin = None if spec.origin is None else str(spec.origin.absolute())
        head = {"spec": spec.model_dump_json(), "origin": origin, "device": device, "trust": trust}
        self._process.send(Message({"ask": "open", **head}))
        self._process.send(Message({"ask": "prepare"}))
        opened = self._receive("load", seconds, _SMALL)
        self._usable(opened, opening=True)
        if opened.head.get("digest") != digest:
            raise ModelFailureError(
                f"Model '{spec.name}' is refused because its files changed while they were read.",
                kind="refused",
            )
        told = self._process.told().get("sandbox")
        described = told.items() if isinstance(told, dict) else ()
        self.sandbox = {str(name): str(value) for name, value in described} | {"environment": "scrubbed"}
        prepared = self._receive("load", seconds, _SMALL)
        self._usable(prepared, opening=True)
        rows = prepared.head.get("rows")
        self.rows = rows if type(rows) is int and 0 < rows <= _MOST_ROWS else 0

    def _answer(self, limit: int) -> Message:
        # a program is timed by its adapter, which can say more of it; this is for when that fails
        seconds = self._spec.limits.batch_seconds + (0.0 if self.rows else _GRACE)
        answer = self._receive("answer a batch of images", seconds, limit)
        self._usable(answer, opening=False)
        return answer

    def _receive(self, what: str, seconds: float, limit: int) -> Message:
        name, process = self._spec.name, self._process
        try:
            return process.receive(seconds, limit)
        except EndedError:
            told = process.told()
            raise stopped(name, told, process.log(), self._given.memory) from None
        except LateError:
            raise late(name, what, seconds, process.log()) from None
        except WireError as error:
            raise unreadable(name, str(error), process.log()) from None

    def _usable(self, answer: Message, *, opening: bool) -> None:
        """Raise what an answer says went wrong; only while opening is a word of the process about use believed.

        Later, a model that runs the vendor's code could end an audit of several models by such a word.
        """
        kind, message = answer.head.get("failure"), answer.head.get("message", "")
        if kind == "usage" and opening:
            raise UsageError(clean(str(message)))
        if kind is not None:
            raise failed(self._spec.name, "output" if kind == "usage" else kind, message)


def clean(text: str, most: int = LAST_WORDS) -> str:
    """Return the last ``most`` characters of a stranger's text on one line, without control characters."""
    plain = "".join(letter if letter.isprintable() else " " for letter in _ESCAPES.sub("", text))
    words = " ".join(plain.split())
    return words if len(words) <= most else "…" + words[-most + 1 :]


def stopped(name: str, told: Mapping[str, Any], log: str, memory: int) -> ModelFailureError:
    """Return the failure of a process that ended before it answered.

    Args:
        name: the model's name.
        told: what its supervisor said of its end.
        log: what it printed.
        memory: bytes that it was allowed.
    """
    kind: Failure = "crash"
    match told:
        case {"memory": int(used)}:
            kind = "memory"
            what = f"held {_gib(used)} of memory, more than the {_gib(memory)} that it may, and was stopped"
        case {"signal": 9}:
            what = _OUTSIDE
        case {"signal": int(number)}:
            called = f" ({signal.Signals(number).name})" if number in set(signal.Signals) else ""
            what = f"crashed with signal {number}{called}"
        case {"status": int(status)}:
            what = f"ended its process with exit status {status} before it answered"
        case _:
            what = "closed its connection before it answered"
    if kind == "crash" and any(phrase in log.lower() for phrase in _MEMORY):
        kind = "memory"
        what += f", out of the {_gib(memory)} of memory that it may use"
    return ModelFailureError(_sentence(name, what, log), kind=kind)


def late(name: str, what: str, seconds: float, log: str) -> ModelFailureError:
    """Return the failure of a process that did not do ``what`` in time and was stopped."""
    return ModelFailureError(
        _sentence(name, f"did not {what} within {seconds:g} s and was stopped", log), kind="timeout"
    )


def unreadable(name: str, why: str, log: str) -> ModelFailureError:
    """Return the failure of a process whose answer is none that the harness reads."""
    return ModelFailureError(_sentence(name, f"answered with {why}", log), kind="output")


def failed(name: str, kind: object, message: object) -> ModelFailureError:
    """Return the failure that the model's process itself told of."""
    known: Failure = next((one for one in get_args(Failure) if one == kind), "crash")
    text = clean(str(message)).rstrip(".")
    if not text.startswith("Model '"):
        text = f"Model '{name}' failed: {text}"
    return ModelFailureError(f"{text}.", kind=known)


def _sentence(name: str, what: str, log: str) -> str:
    words = clean(log)
    last = f" Its last output was: {words}" if words else ""
    return f"Model '{name}' {what}.{last}"


def _gib(count: int) -> str:
    return f"{count / (1 << 30):.2g} GiB"
