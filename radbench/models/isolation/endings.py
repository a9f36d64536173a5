"""What happened to a model's process, as the one sentence and the kind of failure that an audit records."""

import re
import signal
from collections.abc import Mapping
from typing import Any, Final, get_args

from radbench.models.base import Failure, ModelFailureError

__all__ = ["LAST_WORDS", "clean", "failed", "late", "stopped", "unreadable"]

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
            what = f"crashed with signal {number}{_signal_name(number)}"
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


def _signal_name(number: int) -> str:
    try:
        return f" ({signal.Signals(number).name})"
    except ValueError:
        return ""
