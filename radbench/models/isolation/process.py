"""The harness's end of a model's process: start it, talk to it, and end it, whatever it does."""

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import weakref
from collections import deque
from pathlib import Path
from typing import Any, Final

from radbench.models.isolation.launch import Settings
from radbench.models.isolation.permits import Permits, environment
from radbench.models.isolation.wire import Decoder, Message, encode

__all__ = ["EndedError", "LateError", "ModelProcess"]

_PIPE: Final = 1 << 20
_LOG: Final = 1 << 16
_LAST_WORDS: Final = 8000
_GRACE: Final = 2.0
_SET_PIPE_SIZE: Final = 1031
_LAUNCH: Final = (
    "import sys; sys.path += [root for root in sys.argv[2:] if root not in sys.path]; "
    "from radbench.models.isolation.launch import main; main(sys.argv[1])"
)


class EndedError(Exception):
    """The model's process ended, or closed its end, before it answered."""


class LateError(Exception):
    """The model's process did not answer in time."""


class ModelProcess:
    """A process in its sandbox; not for several threads at once.

    Args:
        given: what it may read, use and hold.
        device: "cpu" or "cuda".
        bytecode: folder in which it finds what is compiled already; None: beside the sources.
        code: Python that the process runs, with ``Settings`` as its first argument.

    Raises:
        OSError: the system starts no further process.
    """

    def __init__(
        self, given: Permits, device: str, *, bytecode: str | None = sys.pycache_prefix, code: str = _LAUNCH
    ) -> None:
        folder = tempfile.mkdtemp(prefix="radbench-model-")
        theirs, ours = _pipes()
        settings = Settings(
            folder=folder,
            memory=given.memory,
            network=given.network,
            guarded=given.guarded,
            read=given.read if bytecode is None else (*given.read, bytecode),
            devices=given.devices,
            requests=theirs["requests"],
            replies=theirs["replies"],
            report=theirs["report"],
            lifeline=theirs["lifeline"],
        )
        self._ends = ours
        # an interpreter that reads nothing of the user's and writes no bytecode
        python = [
            sys.executable,
            "-I",
            "-u",
            "-B",
            *(["-X", f"pycache_prefix={bytecode}"] if bytecode else []),
        ]
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter, no shell
                [*python, "-c", code, settings.to_json(), str(Path(__file__).resolve().parents[3])],
                stdin=subprocess.DEVNULL,
                stdout=theirs["log"],
                stderr=theirs["log"],
                cwd=folder,
                env=environment(folder, device, network=given.network),
                pass_fds=[theirs[name] for name in ("requests", "replies", "report", "lifeline")],
                start_new_session=True,
            )
        except BaseException:
            _end(None, ours, folder, os.getpid())
            raise
        finally:
            for end in theirs.values():
                os.close(end)
        self._stop = weakref.finalize(self, _end, self._process, ours, folder, os.getpid())
        self._decoder = Decoder(0)
        self._outgoing: deque[memoryview] = deque()
        self._log = bytearray()
        self._report = b""
        self._closed = False

    def send(self, message: Message) -> None:
        """Hand over a request; what the pipe does not take at once goes while an answer is awaited."""
        self._outgoing.extend(encode(message))
        self._pump(0.0)

    def receive(self, seconds: float, limit: int) -> Message:
        """Return the next answer.

        Args:
            seconds: how long to wait for it.
            limit: bytes that its arrays may take.

        Raises:
            EndedError: the process ended first.
            LateError: it did not answer in time.
            WireError: its answer is no message, or larger than ``limit``.
        """
        self._decoder.limit = limit
        deadline = time.monotonic() + seconds
        while (message := self._decoder.take()) is None:
            if self._closed:
                raise EndedError
            left = deadline - time.monotonic()
            if left <= 0:
                raise LateError
            self._pump(left)
        return message

    def log(self) -> str:
        """Return the last of what the process printed."""
        with contextlib.suppress(OSError):
            while self._ready("log") and self._read_log():
                pass
        return self._log.decode("utf-8", "replace")

    def told(self) -> dict[str, Any]:
        """Return what the sandbox said of itself and, once it has ended, of its end.

        Keys: "sandbox" (what was achieved, in words), and one of "status", "signal" and "memory" (bytes held).
        """
        deadline = time.monotonic() + (_GRACE if self._closed else 0.0)
        while self._ready("report", max(0.0, deadline - time.monotonic())):
            piece = os.read(self._ends["report"], _LOG)
            if not piece:
                break
            self._report += piece
        found: dict[str, Any] = {}
        for line in self._report.split(b"\n")[:-1]:
            with contextlib.suppress(ValueError, TypeError):
                found |= json.loads(line)
        return found

    def stop(self) -> None:
        """End the process and all that it started, and remove its folder; may be called again."""
        self._stop()

    def _ready(self, name: str, seconds: float = 0.0) -> bool:
        return bool(self._stop.alive and select.select([self._ends[name]], [], [], seconds)[0])

    def _pump(self, seconds: float) -> None:
        """Move bytes both ways as soon as something can move, waiting ``seconds`` at most."""
        ends = self._ends
        reading = [ends["replies"], ends["log"]]
        readable, writable, _ = select.select(
            reading, [ends["requests"]] if self._outgoing else [], [], seconds
        )
        if writable:
            self._write()
        if ends["log"] in readable:
            self._read_log()
        if ends["replies"] in readable:
            piece = os.read(ends["replies"], _PIPE)
            self._closed = not piece
            self._decoder.feed(piece)

    def _write(self) -> None:
        try:
            while self._outgoing:
                sent = os.write(self._ends["requests"], self._outgoing[0][:_PIPE])
                rest = self._outgoing.popleft()[sent:]
                if rest:
                    self._outgoing.appendleft(rest)
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._outgoing.clear()  # that it ended is seen where it is read from

    def _read_log(self) -> bool:
        piece = os.read(self._ends["log"], _LOG)
        self._log = (self._log + piece)[-_LAST_WORDS:]
        return bool(piece)


def _pipes() -> tuple[dict[str, int], dict[str, int]]:
    """Return the ends of five pipes by name: those of the model's process, and ours."""
    theirs: dict[str, int] = {}
    ours: dict[str, int] = {}
    for name in ("requests", "lifeline"):
        theirs[name], ours[name] = os.pipe()
    for name in ("replies", "report", "log"):
        ours[name], theirs[name] = os.pipe()
    os.set_blocking(ours["requests"], False)
    if sys.platform == "linux":  # let a pipe hold 1 MiB where the system can
        import fcntl

        for end in (ours["requests"], ours["replies"]):
            with contextlib.suppress(OSError):
                fcntl.fcntl(end, _SET_PIPE_SIZE, _PIPE)
    return theirs, ours


def _end(process: subprocess.Popen[bytes] | None, ours: dict[str, int], folder: str, maker: int) -> None:
    """Close our ends, wait for the supervisor to end the others, and make sure of it."""
    for end in ours.values():
        os.close(end)
    if os.getpid() != maker:
        return  # a copy of the harness, made by fork: the process is not its own
    if process is not None:
        try:
            process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    # not tempfile's own cleaning, which in some versions follows links when it mends permissions
    shutil.rmtree(folder, ignore_errors=True)
