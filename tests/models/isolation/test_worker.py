"""The worker's answers: whatever a handler does becomes a message."""

import sys

import numpy as np
import pytest

from radbench.errors import UsageError
from radbench.models.base import ModelFailureError
from radbench.models.isolation.wire import Decoder, Message
from radbench.models.isolation.worker import Host, reply


def answered(work):
    decoder = Decoder(1 << 10)
    decoder.feed(b"".join(map(bytes, reply(lambda _request: work(), Message()))))
    return decoder.take().head


def raises(error):
    raise error


def wrapped(error):
    try:
        raise error
    except RuntimeError as cause:
        raise ModelFailureError("Cut short.", kind="crash") from cause


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (UsageError("Mend this."), "usage", "Mend this."),
        (ModelFailureError("Wrong.", kind="timeout"), "timeout", "Wrong."),
        (ModelFailureError("DefaultCPUAllocator: can't allocate memory", kind="crash"), "memory", "allocate"),
        (MemoryError(), "memory", "MemoryError"),
        (RuntimeError("CUDA out of memory"), "memory", "CUDA"),
        (RuntimeError("no"), "crash", "RuntimeError: no"),
        (KeyboardInterrupt(), "crash", "KeyboardInterrupt"),
        (RecursionError("deep"), "crash", "deep"),
    ],
)
def test_errors_are_answers(error, kind, words):
    head = answered(lambda: raises(error))
    assert head["failure"] == kind and words in head["message"]


def test_memory_is_told_from_what_an_error_came_from():
    head = answered(lambda: wrapped(RuntimeError("DefaultCPUAllocator: not enough memory")))
    assert head == {"failure": "memory", "message": "Cut short."}


def test_a_call_to_exit_is_an_answer():
    assert answered(lambda: sys.exit(0))["failure"] == "crash"


def test_what_cannot_be_sent_is_an_answer():
    assert answered(lambda: Message({}, {"x": np.array(["a", "b"])}))["failure"] == "output"
    assert answered(lambda: Message({"x": object()}))["failure"] == "output"
    assert len(answered(lambda: raises(ValueError("x" * 100_000)))["message"]) <= 4000


def test_an_unknown_question_or_one_too_early_is_an_answer():
    for ask in ("nonsense", "predict"):
        decoder = Decoder(0)
        decoder.feed(b"".join(map(bytes, reply(Host().handle, Message({"ask": ask})))))
        assert decoder.take().head["failure"] == "crash"
