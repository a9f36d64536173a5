"""Compiled once: the bytecode of what the processes of models import, kept in radbench's cache.

A model's process writes nothing outside its own folder, so it cannot keep what it compiles; where the packages were
installed without bytecode, or ``PYTHONDONTWRITEBYTECODE`` keeps anyone from writing it, each start would compile torch
again. A process of the harness's own imports the same packages once and lets Python keep their bytecode in a folder
that models only read. Python itself compares each file with its source, so that it is never stale.
"""

import logging
import subprocess
import sys
from importlib.util import cache_from_source, find_spec
from pathlib import Path
from typing import Final

from radbench.declared import cache_dir
from radbench.errors import UsageError
from radbench.models.cache import RUNNERS, versions
from radbench.runtime import atomic_write, canonical_json, sha256_bytes

__all__ = ["compiled_folder"]

logger = logging.getLogger(__name__)

_ALL: Final = (
    "numpy",
    "PIL.Image",
    "pydantic",
    "radbench.models.registry",
    "radbench.models.isolation.worker",
)
_TORCH: Final = (
    "torch",
    "safetensors.torch",
    "radbench.models.adapters.torch_base",
    "radbench.models.saliency",
)
_IMPORTED: Final[dict[str, tuple[str, ...]]] = {
    "timm": (*_TORCH, "timm"),
    "smp": (*_TORCH, "timm", "segmentation_models_pytorch"),
    "onnx": ("onnxruntime",),
    "torchscript": _TORCH,
    "pt2": (*_TORCH, "torch.export"),
    "monai": (*_TORCH, "monai.networks.nets", "torchvision"),
    "huggingface": (
        *_TORCH,
        "transformers",
        "transformers.models.auto.modeling_auto",
        "transformers.modeling_utils",
    ),
    "torchxrayvision": (*_TORCH, "torchvision", "torchxrayvision"),
    "openinference": ("tritonclient.http",),
}
_ROOT: Final = str(Path(__file__).resolve().parents[3])
_CODE: Final = (
    "import contextlib, importlib, sys\n"
    "sys.path += [root for root in sys.argv[1:2] if root not in sys.path]\n"
    "for name in sys.argv[2:]:\n"
    "    with contextlib.suppress(Exception):\n"
    "        importlib.import_module(name)\n"
)
_SECONDS: Final = 300.0

_known: dict[str, str | None] = {}
"""What this process found, by format: one folder serves it to its end, wherever the cache lies by then."""


def compiled_folder(format_name: str) -> str | None:
    """Return the folder with the bytecode of what a format's processes import, made if need be.

    Returns:
        A folder for Python's ``-X pycache_prefix``; None where the bytecode already lies where Python looks for it, or
        no folder can be written.
    """
    known = _known.get(format_name)
    if format_name not in _known or (known is not None and not Path(known).is_dir()):
        _known[format_name] = known = _found(format_name)
    return known


def _found(format_name: str) -> str | None:
    names = (*_ALL, *_IMPORTED.get(format_name, ()))
    if all(map(_is_compiled, dict.fromkeys(name.partition(".")[0] for name in names))):
        return sys.pycache_prefix
    packages = ("numpy", "pillow", "pydantic", *RUNNERS.get(format_name, ()))
    made_of = [sys.version, sys.prefix, _ROOT, names, versions(packages)]
    folder = next((Path(known) for known in _known.values() if known), None) or cache_dir() / "bytecode"
    mark = folder / f"{sha256_bytes(canonical_json(made_of))}.made"
    if not mark.exists():
        try:
            _compile(folder, names)
            atomic_write(mark, b"")
        except (OSError, subprocess.SubprocessError, UsageError) as error:
            logger.info("No bytecode is kept in %s: %s", folder, error)
            return sys.pycache_prefix
    return str(folder.absolute())


def _is_compiled(package: str) -> bool:
    """Return whether a package that is Python and installed has its bytecode where Python looks for it."""
    found = find_spec(package)
    if found is None or found.origin is None or not found.origin.endswith(".py"):
        return True
    return Path(cache_from_source(found.origin)).exists()


def _compile(folder: Path, names: tuple[str, ...]) -> None:
    logger.info("Compiling once, into %s, what models of this format import.", folder)
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(  # noqa: S603 - our own interpreter, no shell
        [sys.executable, "-I", "-X", f"pycache_prefix={folder}", "-c", _CODE, _ROOT, *names],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=_SECONDS,
        check=True,
    )
