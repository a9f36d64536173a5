"""Archives that torch writes (a zip with one folder at its root), looked into without reading a pickle."""

import zipfile
from pathlib import Path
from typing import Final

from radbench.errors import UsageError

_WAY_OUT: Final = (
    "Export it where you trust it: as ONNX, with torch.jit.script(model).save(path), with torch.export.save, or its "
    "state dict as safetensors with a declared architecture."
)


def archived_names(path: Path) -> set[str]:
    """Return the names of the files in a torch archive, without the folder at its root; none if it is no zip.

    Raises:
        UsageError: the archive names a file twice, so that two readers may see two models.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError):
        return set()
    if len(set(names)) != len(names):
        raise UsageError(f"{path}: its archive names a file twice, expected each file once.")
    roots = {name.partition("/")[0] for name in names}
    if len(roots) != 1:
        return set()
    return {name.partition("/")[2] for name in names}


def refuse_pickle(path: Path, expected: str) -> UsageError:
    """Return the error of a file that is none of the format's own, or a pickled Python object."""
    if _is_pickle(path):
        return UsageError(
            f"{path}: a pickled Python object, which runs whatever code it holds when it is read, so it is refused; "
            f"expected {expected}. {_WAY_OUT}"
        )
    return UsageError(f"{path}: found another kind of file, expected {expected}. {_WAY_OUT}")


def _is_pickle(path: Path) -> bool:
    if "data.pkl" in archived_names(path):
        return True
    with path.open("rb") as file:
        return file.read(1) == b"\x80" or path.suffix in {".pkl", ".pickle", ".joblib", ".sav"}
