"""What a program may read beside its declaration, by one digest; and when no digest can say it.

A program in its sandbox reads the folder of its declaration, the files and folders that its command names, the
folder that it is installed in, the system and the interpreter's packages. All but the system is part of the digest:
files by name and content, an interpreter's packages by name and version. Compiled bytecode and git's own folder
decide nothing and are left out.
"""

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from radbench.runtime import canonical_json, sha256_bytes, sha256_file

__all__ = ["MOST_BYTES", "MOST_FILES", "Surroundings", "surroundings"]

MOST_FILES: Final = 20_000
"""Files of which a digest is made, at most."""

MOST_BYTES: Final = 4 << 30
"""Bytes of which a digest is made, at most."""

_PASSED_OVER: Final = frozenset({"__pycache__", ".git"})
_SYSTEM: Final = tuple(map(Path, ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/opt/conda", "/nix/store")))


@dataclass(frozen=True)
class Surroundings:
    """What a program may read.

    Attributes:
        sha256: SHA-256 of all of it; of nothing where it is too much.
        too_much: why no digest says what it reads, in words; "" where one does.
    """

    sha256: str
    too_much: str = ""


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
        if _is_system(home) or _is_environment(home):
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


def _is_environment(home: Path) -> bool:
    return (home / "pyvenv.cfg").is_file() or (home / "conda-meta").is_dir() or bool(_site(home))


def _is_system(path: Path) -> bool:
    return any(_within(path, root) for root in _SYSTEM)


def _site(home: Path) -> list[Path]:
    return sorted(home.glob("lib/python3*/*-packages"))


def _packages(home: Path) -> list[str]:
    """Return the names and versions of a Python environment's packages, as its folders' names say them."""
    places: Iterable[Path] = [*_site(home), home / "conda-meta"]
    return sorted(
        path.name for place in places for kind in ("*.dist-info", "*.json") for path in place.glob(kind)
    )


def _within(path: Path, folder: Path) -> bool:
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):
        return False
