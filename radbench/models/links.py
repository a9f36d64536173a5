"""Links in a model's folder, followed where they stay in the folder or in a cache that may be meant.

Hubs and data tools keep a file once and put links to it where it is used: Hugging Face's cache
(``models--NAME/snapshots/REVISION/FILE -> ../../blobs/SHA``, https://huggingface.co/docs/huggingface_hub/guides/manage-cache),
DVC, git-annex. The first is known by its shape; any other cache is named by the declaration (``cache_root``).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from radbench.errors import UsageError
from radbench.specs import ModelSpec

__all__ = ["is_read", "link_targets", "refuse_strange_links", "refuse_stub"]

_STUB: Final = b"version https://git-lfs.github.com/spec/"
_LONGEST_STUB: Final = 1024
_READ: Final = frozenset(
    {
        *(".onnx", ".data", ".onnx_data", ".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".pt2", ".ts"),
        *(".json", ".yaml", ".yml"),
    }
)


def link_targets(spec: ModelSpec) -> list[Path]:
    """Return the files outside the model's folder that links in it lead to and that may be read, links followed."""
    if spec.weights is None and spec.path is None:
        return []
    roots = _roots(spec)
    return [target for _, target in _leading_out(spec.source_path) if _inside(target, roots)]


def refuse_strange_links(spec: ModelSpec) -> None:
    """Refuse a link that leads out of the model's folder to where its process may not read.

    Raises:
        UsageError: there is one.
    """
    roots = _roots(spec)
    for link, target in _leading_out(spec.source_path):
        if not _inside(target, roots):
            raise UsageError(
                f"{link}: a link to {target}, outside the model's folder, which the model may not read; expected "
                "files of the folder itself, links into the blobs/ of a Hugging Face cache, or links into a folder "
                "that the declaration names as 'cache_root'."
            )


def refuse_stub(path: Path) -> None:
    """Refuse a file that only stands for another one, which was not fetched.

    Raises:
        UsageError: it is the pointer of Git LFS.
    """
    if path.stat().st_size > _LONGEST_STUB:
        return
    with path.open("rb") as file:
        if file.read(len(_STUB)) == _STUB:
            raise UsageError(
                f"{path}: a stub of Git LFS that stands for the file, not the file itself; run  git lfs pull  in its "
                "repository."
            )


def is_read(path: Path) -> bool:
    """Return whether a file of a model's folder is of a kind that an adapter reads."""
    return path.suffix in _READ


def _leading_out(source: Path) -> Iterator[tuple[Path, Path]]:
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


def _roots(spec: ModelSpec) -> list[Path]:
    here = spec.source_path.absolute()
    found = [
        (folder.parent.parent / "blobs").resolve()
        for folder in (here, *here.parents)
        if folder.parent.name == "snapshots" and folder.parent.parent.name.startswith("models--")
    ]
    if spec.cache_root is not None:
        root = spec.resolve(spec.cache_root)
        if not root.is_dir():
            raise UsageError(
                f"{spec.origin or spec.name}: cache_root names {root}, which is no folder; expected the folder that "
                "the model's links lead into."
            )
        home = Path.home().resolve()
        if root.resolve() == home or root.resolve() in home.parents:
            raise UsageError(
                f"{spec.origin or spec.name}: cache_root names {root}, which holds a whole home folder; expected the "
                "cache alone."
            )
        found.append(root.resolve())
    return found


def _inside(target: Path, roots: list[Path]) -> bool:
    return any(target.is_relative_to(root) for root in roots)
