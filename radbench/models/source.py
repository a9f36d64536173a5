"""The digest of what a vendor delivered: a file, or a folder, told apart from every other before anything reads it.

Links in a folder are followed where they stay in the folder or in a cache that may be meant: hubs and data tools keep
a file once and put links to it where it is used. Hugging Face's cache is known by its shape
(``models--NAME/snapshots/REVISION/FILE -> ../../blobs/SHA``, https://huggingface.co/docs/huggingface_hub/guides/manage-cache);
any other (of DVC, of git-annex) is named by the declaration (``cache_root``).
"""

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from radbench.errors import UsageError
from radbench.runtime import canonical_json, sha256_bytes, sha256_file
from radbench.specs import ModelSpec

_STUB: Final = b"version https://git-lfs.github.com/spec/"
_LONGEST_STUB: Final = 1024
_READ: Final = frozenset(
    ".onnx .data .onnx_data .safetensors .bin .pt .pth .ckpt .pt2 .ts .json .yaml .yml".split()  # noqa: SIM905 - read better
)
"""Kinds of files in a model's folder that an adapter reads, and that may be a stub of Git LFS."""


def source_sha256(spec: ModelSpec) -> str:
    """Return the SHA-256 of the declared file or folder, checked against ``spec.sha256``; runs nothing of it.

    Of a folder it is the digest of the canonical JSON that maps relative file names (with ``/``) to the files'
    SHA-256, so it does not depend on where the folder lies. A model that is no file (an endpoint, a command) is
    told apart by what names it.

    Raises:
        UsageError: nothing is there, a stub of Git LFS is, a link in a folder leads where the model may not read,
            something in a folder is neither file nor folder, or it is another one than declared.
    """
    if spec.weights is None and spec.path is None:
        if spec.sha256 is not None:
            raise UsageError(
                f"{stated_source(spec, 'sha256')} is declared for a model of format '{spec.format}' that names no "
                "file; leave it out: such a model cannot be pinned by a digest."
            )
        named = [spec.endpoint, spec.endpoint_model, spec.endpoint_version, spec.command]
        return sha256_bytes(canonical_json(named))
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
    roots = _link_roots(spec) if path.is_dir() else []
    for link, target in _links_out(path):
        if not any(target.is_relative_to(root) for root in roots):
            raise UsageError(
                f"{link}: a link to {target}, outside the model's folder, which the model may not read; expected "
                "files of the folder itself, links into the blobs/ of a Hugging Face cache, or links into a folder "
                "that the declaration names as 'cache_root'."
            )
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
    if path.suffix in _READ and path.stat().st_size <= _LONGEST_STUB and path.read_bytes().startswith(_STUB):
        raise UsageError(
            f"{path}: a stub of Git LFS that stands for the file, not the file itself; run  git lfs pull  in its "
            "repository."
        )
    return sha256_file(path)


def link_targets(spec: ModelSpec) -> list[Path]:
    """Return the files outside the model's folder that links in it lead to and that may be read, links followed."""
    if spec.weights is None and spec.path is None:
        return []
    roots = _link_roots(spec)
    targets = [target for _, target in _links_out(spec.source_path)]
    return [target for target in targets if any(target.is_relative_to(root) for root in roots)]


def _links_out(source: Path) -> Iterator[tuple[Path, Path]]:
    """Yield every link to a file in a folder, and where it leads, if that is outside."""
    if not source.is_dir():
        return
    root = source.resolve()
    for path in sorted(source.rglob("*")):
        if not path.is_symlink():
            continue
        target = path.resolve()
        if target.is_file() and not target.is_relative_to(root):
            yield path, target


def _link_roots(spec: ModelSpec) -> list[Path]:
    """Return the folders that links in a model's folder may lead into."""
    here = spec.source_path.absolute()
    found = [
        (folder.parent.parent / "blobs").resolve()
        for folder in (here, *here.parents)
        if folder.parent.name == "snapshots" and folder.parent.parent.name.startswith("models--")
    ]
    if spec.cache_root is not None:
        root = spec.resolve(spec.cache_root)
        where = f"{spec.origin or spec.name}: cache_root names {root}"
        if not root.is_dir():
            raise UsageError(
                f"{where}, which is no folder; expected the folder that the model's links lead into."
            )
        if Path.home().resolve().is_relative_to(root.resolve()):
            raise UsageError(f"{where}, which holds a whole home folder; expected the cache alone.")
        found.append(root.resolve())
    return found
