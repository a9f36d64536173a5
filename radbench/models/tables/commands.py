"""A program run to its end: without a shell, within a time limit, with the end of what it printed kept."""

import contextlib
import os
import re
import signal
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final

from radbench.models.base import ModelFailureError

KEPT: Final = 2000
"""Bytes of a program's output that are kept: its last ones."""

_SHOWN: Final = 300
_PATIENCE: Final = 2.0
_PLACES: Final = re.compile(r"/(?:[^\s/'\":,;()]+/)+")  # a temporary folder has another name every time
_NO_MEMORY: Final = re.compile(r"\bMemoryError\b|out of memory|cannot allocate memory", re.IGNORECASE)


def finish(command: Sequence[str], folder: Path, seconds: float, who: str) -> None:
    """Run a program to its end.

    Args:
        command: the program and its arguments, as they are.
        folder: where it starts.
        seconds: after which it is ended, with all that it started.
        who: whose program it is, as the sentence of a failure begins.

    Raises:
        ModelFailureError: it cannot be started or ends with another status than 0 ("crash", or "memory" where it says
            so), or takes too long ("timeout").
    """
    try:
        process = subprocess.Popen(  # noqa: S603 - to run it is what was declared
            list(command),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise ModelFailureError(
            f"{who} could not be started: {error.strerror or error}.", kind="crash"
        ) from error
    assert process.stdout is not None  # noqa: S101 - it was asked for
    tail = _Tail(process.stdout)
    try:
        status = process.wait(seconds)
    except subprocess.TimeoutExpired as error:
        raise ModelFailureError(
            f"{who} did not end within {seconds:g} s (limits.batch_seconds) and was stopped.", kind="timeout"
        ) from error
    finally:
        _end(process)
    if status != 0:
        how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        said = tail.text()
        words = f"; it said last: {said}" if said else "."
        raise ModelFailureError(f"{who} {how}{words}", kind="memory" if _NO_MEMORY.search(said) else "crash")


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End the program and everything in its session."""
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class _Tail:
    """Reads all that a program prints and keeps the end."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._kept = b""
        self._stream = stream
        self._thread = threading.Thread(target=self._drain, daemon=True)
        self._thread.start()

    def text(self) -> str:
        """Return the end of what was printed, in one line, without control characters and the places of files."""
        self._thread.join(_PATIENCE)
        words = _PLACES.sub("", " ".join(self._kept.decode(errors="replace").split()))
        return "".join(letter for letter in words if letter.isprintable())[-_SHOWN:]

    def _drain(self) -> None:
        with self._stream as stream:
            while piece := os.read(stream.fileno(), 1 << 16):
                self._kept = (self._kept + piece)[-KEPT:]
