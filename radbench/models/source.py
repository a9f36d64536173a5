"""The digest of what a vendor delivered: a file, or a folder, told apart from every other before anything reads it."""

import stat
from pathlib import Path

from radbench.errors import UsageError
from radbench.models.links import is_read, refuse_strange_links, refuse_stub
from radbench.runtime import canonical_json, sha256_bytes, sha256_file
from radbench.specs import ModelSpec

__all__ = ["folder_sha256", "source_sha256", "stated_source"]


def source_sha256(spec: ModelSpec) -> str:
    """Return the SHA-256 of the declared file or folder, checked against ``spec.sha256``; runs nothing of it.

    Of a folder it is the digest of the canonical JSON that maps relative file names (with ``/``) to the files'
    SHA-256, so it does not depend on where the folder lies. A model that is no file (an endpoint, a command) is
    told apart by what names it.

    Raises:
        UsageError: nothing is there, a stub of Git LFS is, a link in a folder leads where the model may not read,
            something in a folder is neither file nor folder, or it is another one than
            declared.
    """
    if spec.weights is None and spec.path is None:
        return _named_sha256(spec)
    path, field = spec.source_path, "weights" if spec.weights is not None else "path"
    if not path.exists():
        expected = "a weights file" if field == "weights" else "a file or folder"
        if path.with_name(f"{path.name}.dvc").is_file():
            expected += ", which  dvc pull  fetches"
        elif path.is_symlink():
            expected += " where the link leads, which  git annex get  or a hub's download fetches"
        raise UsageError(
            f"{stated_source(spec, field)} names {path}, which is not there; expected {expected}."
        )
    if path.is_dir():
        refuse_strange_links(spec)
    found = folder_sha256(path) if path.is_dir() else _regular_sha256(path)
    if spec.sha256 is not None and found != spec.sha256:
        raise UsageError(
            f"{path}: SHA-256 is {found}, expected {spec.sha256} as declared by model '{spec.name}'; "
            "restore it, or declare the new digest if you meant to change it."
        )
    return found


def folder_sha256(folder: Path) -> str:
    """Return the SHA-256 of every file in ``folder``, by name and content.

    Raises:
        UsageError: the folder is empty, or holds a link to a folder, a pipe or a device.
    """
    digests: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            continue
        digests[path.relative_to(folder).as_posix()] = _regular_sha256(path)
    if not digests:
        raise UsageError(f"{folder}: an empty folder, expected the files of a model.")
    return sha256_bytes(canonical_json(digests))


def stated_source(spec: ModelSpec, field: str) -> str:
    """Return where ``field`` is declared, as errors begin."""
    return f"{spec.origin}: {field}" if spec.origin else f"Model '{spec.name}': {field}"


def _regular_sha256(path: Path) -> str:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise UsageError(f"Cannot read {path} to verify it: {error.strerror or error}.") from error
    if not stat.S_ISREG(mode):
        raise UsageError(
            f"{path}: neither a file nor a folder of its own, expected a model's plain files only."
        )
    if is_read(path):
        refuse_stub(path)
    return sha256_file(path)


def _named_sha256(spec: ModelSpec) -> str:
    if spec.sha256 is not None:
        raise UsageError(
            f"{stated_source(spec, 'sha256')} is declared for a model of format '{spec.format}' that names no file; "
            "leave it out: such a model cannot be pinned by a digest."
        )
    named = [spec.endpoint, spec.endpoint_model, spec.endpoint_version, spec.command]
    return sha256_bytes(canonical_json(named))
