"""What the process of one model may read, use and know: as little as its format needs."""

import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from radbench.models.source import link_targets
from radbench.specs import ModelSpec

__all__ = ["THREADS", "Permits", "environment", "permits"]

THREADS: Final = 4
"""Threads of one model's arithmetic, whatever the machine has: another number may round otherwise."""

_SYSTEM: Final = (
    *(
        "/usr",
        "/bin",
        "/sbin",
        "/lib",
        "/lib32",
        "/lib64",
        "/opt",
        "/nix/store",
        "/sys/devices/system",
        "/proc",
    ),
    *("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime", "/etc/alternatives"),
    *("/etc/passwd", "/etc/group", "/etc/nsswitch.conf", "/etc/fonts", "/etc/mime.types", "/etc/OpenCL"),
)
_NETWORK: Final = (
    *("/etc/hosts", "/etc/resolv.conf", "/etc/host.conf", "/etc/gai.conf", "/etc/services", "/etc/protocols"),
    *("/etc/ssl", "/etc/pki", "/etc/ca-certificates"),
)
_DEVICES: Final = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_GPU: Final = ("/dev/dri", "/dev/kfd", "/dev/dxg")
_GPU_FILES: Final = ("/sys", "/etc/nvidia", "/run/nvidia-persistenced")

_HANDED_ON: Final = ("PATH", "LD_LIBRARY_PATH")
_HANDED_ON_GPU: Final = ("CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")
_HANDED_ON_NETWORK: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR")
_COUNTS: Final = ("OMP", "MKL", "OPENBLAS", "NUMEXPR", "VECLIB")


@dataclass(frozen=True)
class Permits:
    """What one model's process gets.

    Attributes:
        read: Paths that it may read.
        devices: Device files that it may use.
        network: Whether the network stays open to it.
        guarded: Whether it is held at all; a program that its user trusts runs as the user.
        memory: Bytes that it may hold.
    """

    read: tuple[str, ...]
    devices: tuple[str, ...]
    network: bool
    guarded: bool
    memory: int


def permits(spec: ModelSpec, device: str, *, trust: bool) -> Permits:
    """Return what the process of ``spec`` gets.

    A program that is trusted (``--trust-model-code``) is held by time and memory only: one that talks to a
    container daemon could not be held anyway, because who may ask a daemon may ask it for anything.

    Args:
        spec: the declaration.
        device: "cpu" or "cuda".
        trust: whether the vendor's own code may run.
    """
    network = spec.format == "openinference"
    gpu = device != "cpu"
    # a declaration may come from the vendor too: none opens a home folder, or all, by naming it
    vendor = [path for path in _vendor(spec) if not _holds_home(path)]
    read = [*_SYSTEM, *_python(), *vendor]
    read += _NETWORK if network else ()
    read += _GPU_FILES if gpu else ()
    devices = [*_DEVICES, *(_GPU if gpu else ())]
    devices += sorted(str(path) for path in Path("/dev").glob("nvidia*")) if gpu else []
    guarded = not (trust and spec.format == "program")
    return Permits(
        read=tuple(dict.fromkeys(map(str, read))),
        devices=tuple(devices),
        network=network or not guarded,
        guarded=guarded,
        memory=int(spec.limits.memory_gib * (1 << 30)),
    )


def environment(folder: str, device: str, *, network: bool) -> dict[str, str]:
    """Return the whole environment of a model's process: nothing secret, its own home, no hub, fixed threads."""
    handed = [
        *_HANDED_ON,
        *(_HANDED_ON_GPU if device != "cpu" else ()),
        *(_HANDED_ON_NETWORK if network else ()),
    ]
    found = {name: os.environ[name] for name in handed if name in os.environ}
    found |= dict.fromkeys(("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "MPLCONFIGDIR"), folder)
    found |= {f"{library}_NUM_THREADS": str(THREADS) for library in _COUNTS}
    # memory that stays with the process between two batches: to fetch it anew costs a fifth of a small network's time
    found |= {"MALLOC_MMAP_THRESHOLD_": str(1 << 25), "MALLOC_TRIM_THRESHOLD_": str(1 << 28)}
    # threads that wait asleep: on a machine with fewer free cores, waiting awake costs many times the work itself
    found["OMP_WAIT_POLICY"] = "PASSIVE"
    # one way through a matrix product, wherever in a batch a row stands: without it, last bits depend on the place
    found["MKL_CBWR"] = "AVX2,STRICT"
    found |= {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TZ": "UTC", "CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
    found |= dict.fromkeys(("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY"), "1")
    if device == "cpu":
        found["CUDA_VISIBLE_DEVICES"] = ""
    return found


def _python() -> Iterable[Path | str]:
    """Yield the interpreter's folders, this package, and what else Python finds modules in."""
    package = Path(__file__).resolve().parents[2]
    yield from (sys.prefix, sys.base_prefix, sys.exec_prefix, str(Path(sys.executable).resolve()), package)
    if sys.pycache_prefix:
        yield sys.pycache_prefix
    for entry in filter(None, sys.path):
        path = Path(entry).resolve()
        # a checkout's own root holds more than a package; a home folder holds everything
        if path != package.parent and not _holds_home(path):
            yield path


def _vendor(spec: ModelSpec) -> list[Path]:
    """Return the vendor's own files: a file (of ONNX: with what lies beside it), a folder, a program's places."""
    if spec.format == "program":
        return _places(spec.command or (), spec.resolve("."))
    if spec.weights is None and spec.path is None:
        return []
    source = spec.source_path.resolve()
    beside = [source.parent] if spec.format == "onnx" and source.is_file() else []
    # a folder that holds a home is not opened at all, nor looked through
    linked = [] if _holds_home(source) else link_targets(spec)
    return [source, *beside, *linked]


def _places(command: Sequence[str], beside: Path) -> list[Path]:
    """Return where a program and the files that its arguments name lie, as given and with links followed."""
    found = [beside.resolve()]
    for number, word in enumerate(command):
        which = shutil.which(word) if number == 0 else None
        for path in (Path(which) if which else Path(word), beside / word):
            if (which or os.sep in word or path.is_file()) and path.exists():
                for link in {path.absolute(), path.resolve()}:
                    # of the program itself also the folder that it is installed in (``bin``'s parent)
                    home = link.parent.parent if link.parent.name == "bin" else link.parent
                    found += [link, home] if number == 0 else [link]
    return found


def _holds_home(path: Path) -> bool:
    home = Path.home().resolve()
    return path == home or path in home.parents
