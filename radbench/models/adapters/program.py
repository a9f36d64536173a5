"""A program (or a container's command line) that reads a folder of images and writes a table or a folder of masks.

The folder holds ``<sha256>.png`` for each image (8 bits, one channel, as the cohort has it: the program does its own
preprocessing) and ``index.csv``. The program is started once for each batch of images, without a shell, in the folder
of the YAML file that declares it; an image that it leaves out has no answer.

A program in its sandbox reads the folder of its declaration, the files and folders that its command names, the
folder that it is installed in, the system and the interpreter's packages. All but the system is part of the digest:
files by name and content, an interpreter's packages by name and version. Compiled bytecode and git's own folder
decide nothing and are left out.
"""

import contextlib
import os
import re
import shutil
import signal
import stat
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, ClassVar, Final

from radbench.errors import UsageError
from radbench.models.adapters.base import Adapter, joined
from radbench.models.adapters.table import keys_of, mask_file, read_masks, refuse_other_sizes, write_pictures
from radbench.models.adapters.table_answers import read_answers
from radbench.models.base import Image, ModelFailureError, Prediction
from radbench.models.source import stated_source
from radbench.runtime import canonical_json, sha256_bytes, sha256_file
from radbench.specs import ModelSpec

if TYPE_CHECKING:
    import torch


INPUT: Final = "{input}"
OUTPUT: Final = "{output}"

MOST_FILES: Final = 20_000
"""Files of which a digest is made, at most."""

MOST_BYTES: Final = 4 << 30
"""Bytes of which a digest is made, at most."""

KEPT: Final = 2000
"""Bytes of a program's output that are kept: its last ones."""

_PASSED_OVER: Final = frozenset({"__pycache__", ".git"})
_SYSTEM: Final = tuple(map(Path, ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/opt/conda", "/nix/store")))
_SHOWN: Final = 300
_PATIENCE: Final = 2.0
_PLACES: Final = re.compile(r"/(?:[^\s/'\":,;()]+/)+")  # a temporary folder has another name every time
_NO_MEMORY: Final = re.compile(r"\bMemoryError\b|out of memory|cannot allocate memory", re.IGNORECASE)


@dataclass(frozen=True)
class Surroundings:
    """What a program may read.

    Attributes:
        sha256: SHA-256 of all of it; of nothing where it is too much.
        too_much: why no digest says what it reads, in words; "" where one does.
    """

    sha256: str
    too_much: str = ""


class Program(Adapter):
    """A command line as a model.

    The digest holds the command and all that a program in its sandbox may read: see ``surroundings``. Where that is
    too much for a digest, or the program is trusted and so may read whatever its user may, it is asked anew each time.
    """

    format: ClassVar[str] = "program"
    _around: Surroundings | None = None

    def __init__(self, spec: ModelSpec, device: "torch.device | str" = "cpu", *, trust: bool = False) -> None:
        self._command = list(spec.command or [])
        super().__init__(spec, device, trust=trust)

    @property
    def folder(self) -> Path:
        """The folder that the program is started in, to which relative names in its command refer."""
        return self.spec.resolve(".").absolute()

    def verify(self) -> str:
        """Return the digest of the command and of the files that it names; runs nothing.

        Raises:
            UsageError: a command without ``{input}`` and ``{output}``, a program that is not there, a declared
                ``sha256`` (a program cannot be pinned by one), or masks that are declared to be logits.
        """
        self._refuse_unfit()
        words = [self._word(word) for word in self._command]
        return sha256_bytes(canonical_json(words))

    @property
    def digest(self) -> str:
        """SHA-256 of the declaration and of all that the program may read; computed once."""
        return sha256_bytes(canonical_json([self.delivered, self._surroundings().sha256]))

    def asked_anew(self) -> str:
        """Return why no answer may be remembered, in words; see ``Adapter.asked_anew``."""
        if self.trust:
            return "it is trusted to run as its user, so that no digest says what it reads"
        return self._surroundings().too_much

    def _surroundings(self) -> Surroundings:
        if self._around is None:
            self._around = surroundings(self.folder, self._command, Path(str(self._program())))
        return self._around

    def _program(self) -> Path | str | None:
        program = self._command[0]
        return self.folder / program if "/" in program else shutil.which(program)

    def predict(self, images: Sequence[Image]) -> Prediction:
        """Return what the program says of uint8 [H, W] images; see ``Adapter.predict``.

        Raises:
            UsageError: an image of another type, or (for masks) of several sizes in one call.
            ModelFailureError: the program fails, takes more than ``limits.batch_seconds``, or writes what its
                declaration rules out.
        """
        keys = keys_of(images)
        if self.spec.task == "segmentation":
            refuse_other_sizes(self.spec, images)
        if not keys:
            return joined([], self.spec)
        with tempfile.TemporaryDirectory(prefix="radbench-program-", ignore_cleanup_errors=True) as place:
            given, output = Path(place) / "input", Path(place) / "answers.csv"
            given.mkdir()
            if self.spec.task == "segmentation":
                output = Path(place) / "masks"
                output.mkdir()
            write_pictures(dict(zip(keys, images, strict=True)), given)
            filled = [word.replace(INPUT, str(given)).replace(OUTPUT, str(output)) for word in self._command]
            finish(filled, self.folder, self.spec.limits.batch_seconds, f"Model '{self.spec.name}'")
            try:
                return self._read(output, keys, [(image.shape[0], image.shape[1]) for image in images])
            except UsageError as error:
                said = str(error).replace(f"{place}/", "")
                raise ModelFailureError(f"Model '{self.spec.name}' wrote: {said}") from error

    def _read(self, output: Path, keys: Sequence[str], sizes: Sequence[tuple[int, int]]) -> Prediction:
        if self.spec.task == "segmentation":
            absent = [key for key in keys if not mask_file(output, key).is_file()]
            if absent:
                raise UsageError(
                    f"no mask for {len(absent)} of {len(keys)} images ({absent[0]}.png among them), expected one for "
                    "each; an empty one where nothing was found."
                )
            return Prediction("masks", read_masks(output, keys, sizes, self.spec))
        answers = read_answers(output, self.spec)
        strange = next((number for key, number in answers.numbers.items() if key not in set(keys)), None)
        if strange is not None:
            raise UsageError(
                f"{answers.places[strange]}: an image that it was not given, expected those of index.csv."
            )
        return answers.of(keys)

    def _word(self, word: str) -> Any:
        """Return a word of the command as it counts for the digest: a file by its name and content.

        A file is named by a whole word, or behind the sign of ``--option=FILE``.
        """
        option, sign, name = word.rpartition("=")
        path = self.folder / name
        with contextlib.suppress(OSError):  # a script on the command line is longer than a name can be
            if path.is_file():
                return [option + sign + path.name, sha256_file(path)]
        return word

    def _refuse_unfit(self) -> None:
        where = stated_source(self.spec, "command")
        if self.spec.sha256 is not None:
            raise UsageError(
                f"{where}: 'sha256' is declared too, expected none: a program cannot be pinned by one digest."
            )
        for mark in (INPUT, OUTPUT):
            if not any(mark in word for word in self._command):
                raise UsageError(
                    f"{where} lacks {mark}, expected it where the program is told the "
                    f"{'folder of images' if mark == INPUT else 'table (or folder of masks) to write'}."
                )
        found = self._program()
        if found is None or shutil.which(str(found)) is None:
            raise UsageError(
                f"{where} starts '{self._command[0]}', which is not there or may not be run; expected a program on "
                "the PATH, or a path to one (./NAME beside the YAML file)."
            )
        if self.spec.task == "segmentation" and self.spec.output == "logits":
            raise UsageError(
                f"{where}: output is logits, which a PNG cannot hold; expected labels or probabilities."
            )


def surroundings(folder: Path, command: Sequence[str], program: Path) -> Surroundings:
    """Return the digest of what a program may read beside its declaration; it does not depend on where that lies.

    Args:
        folder: the folder of the declaration, which the program is started in.
        command: the words of its command.
        program: the file that is started, with links not followed.
    """
    home = program.parent.parent if program.parent.name == "bin" else program.parent
    roots: list[tuple[str, Path]] = [("beside", folder)]
    packages: list[str] = []
    if not _within(home, folder):
        marks = (home / "pyvenv.cfg").is_file() or (home / "conda-meta").is_dir() or _site(home)
        if marks or _is_system(home):
            packages = _packages(home)
        else:
            roots.append(("home", home))
    roots += [(f"argument {number}", path) for number, path in _named(folder, command[1:])]
    found: list[tuple[str, Path]] = []
    size = 0
    for root, place in roots:
        for name, path, length in _files(place):
            found.append((f"{root}/{name}", path))
            size += length
            if len(found) > MOST_FILES or size > MOST_BYTES:
                limit = f"{MOST_FILES:,} files" if len(found) > MOST_FILES else f"{MOST_BYTES >> 30} GiB"
                return Surroundings("", f"{place} and what else it may read hold more than {limit}")
    digests: dict[str, Any] = {name: _content(path) for name, path in found}
    return Surroundings(sha256_bytes(canonical_json([digests, packages])))


def _named(folder: Path, words: Sequence[str]) -> Iterator[tuple[int, Path]]:
    """Yield files and folders outside ``folder`` that a word, or what stands behind an option's sign, names."""
    for number, word in enumerate(words, start=1):
        for name in dict.fromkeys((word, word.rpartition("=")[2])):
            if not name or len(name) > 4096 or "\0" in name or "{" in name:
                continue
            path = folder / name
            try:
                is_there = path.exists()
            except OSError:  # longer than a name can be
                continue
            if is_there and not _within(path, folder) and not _is_system(path):
                yield number, path


def _files(place: Path) -> Iterator[tuple[str, Path, int]]:
    """Yield relative name, path and size of every file under ``place``; links are followed, each folder once."""
    if not place.is_dir():
        yield "", place, _length(place)
        return
    seen: set[str] = set()
    for where, folders, files in os.walk(place, followlinks=True):
        real = os.path.realpath(where)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if name not in _PASSED_OVER)
        for name in sorted(files):
            if not name.endswith((".pyc", ".pyo")):
                path = Path(where, name)
                yield path.relative_to(place).as_posix(), path, _length(path)


def _length(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _content(path: Path) -> str:
    """Return a file's digest, or in a word why it has none."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return "no file"
        return sha256_file(path)
    except OSError:
        return "cannot be read"


def _is_system(path: Path) -> bool:
    return any(_within(path, root) for root in _SYSTEM)


def _site(home: Path) -> list[Path]:
    return sorted(home.glob("lib/python3*/*-packages"))


def _packages(home: Path) -> list[str]:
    """Return the names and versions of a Python environment's packages, as its folders' names say them."""
    places = [*_site(home), home / "conda-meta"]
    return sorted(
        path.name for place in places for kind in ("*.dist-info", "*.json") for path in place.glob(kind)
    )


def _within(path: Path, folder: Path) -> bool:
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):
        return False


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
        with contextlib.suppress(OSError):  # everything in its session
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if status != 0:
        how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        said = tail.text()
        words = f"; it said last: {said}" if said else "."
        raise ModelFailureError(f"{who} {how}{words}", kind="memory" if _NO_MEMORY.search(said) else "crash")


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
