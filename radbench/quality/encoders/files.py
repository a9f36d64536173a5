"""An encoder's files: where they are, which kind they make up, and how weights are read; torch only to read."""

import json
import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from radbench.errors import UsageError
from radbench.hub import fetch
from radbench.runtime import canonical_json, sha256_bytes, sha256_file

if TYPE_CHECKING:
    from torch import Tensor, nn

EMBEDDED = "phantom"
"""The encoder that ships with the package."""

PHANTOM_FILES = ("encoder.json", "encoder.safetensors")
"""What an encoder of ``radbench train encoder`` consists of."""

DATASHEET = "datasheet.json"
IMAGE_WEIGHTS = "biovil_t_image_model_proj_size_128"
"""Stem of BioViL-T's image model, as Microsoft publishes it."""

_IMAGE = (f"{IMAGE_WEIGHTS}.safetensors", f"{IMAGE_WEIGHTS}.pt")
_TEXT = ("model.safetensors", "pytorch_model.bin")
_CONFIG = "config.json"
_VOCABULARY = ("vocab.txt", "tokenizer.json")
_SETTINGS = ("tokenizer_config.json", "special_tokens_map.json")
_HUB_ID = re.compile(r"^(?P<repo>[\w.-]+/[\w.-]+?)(@(?P<revision>[\w./-]+))?$")
_ALGORITHM = {"phantom": 1, "biovil_t": 1}


@dataclass(frozen=True)
class Place:
    """An encoder's files.

    Attributes:
        kind: which class reads them.
        name: what the encoder is called in a report.
        folder: the local folder.
        files: the files that decide its embeddings, by role.
    """

    kind: Literal["phantom", "biovil_t"]
    name: str
    folder: Path
    files: dict[str, Path]

    def digest(self) -> str:
        """Return the SHA-256 over every file that decides the embeddings and the version of what reads them."""
        hashes = {file.name: sha256_file(file) for file in self.files.values()}
        content = {"kind": self.kind, "algorithm": _ALGORITHM[self.kind], "files": hashes}
        return sha256_bytes(canonical_json(content))


def locate(ref: str) -> Place:
    """Find an encoder: ``phantom``, a local folder, or a hub repository ``owner/name[@revision]``.

    A local folder is read as it is. Only a repository that is named is fetched, and of it only weights,
    configuration and vocabulary: code never is.

    Raises:
        UsageError: no such folder, or a file that the encoder needs is not in it.
    """
    if ref == EMBEDDED:
        return _phantom(Path(__file__).parent / "weights" / EMBEDDED, EMBEDDED)
    folder = Path(ref).expanduser()
    if not folder.is_dir():
        hub = _HUB_ID.match(ref)
        if hub is None or ref[:1] in "./~":
            raise UsageError(
                f"The encoder folder '{ref}' does not exist; expected '{EMBEDDED}', a folder, or a hub "
                "repository such as microsoft/BiomedVLP-BioViL-T."
            )
        wanted = [*_IMAGE, *_TEXT, _CONFIG, *_VOCABULARY, *_SETTINGS]
        return _biovil_t(fetch(hub["repo"], hub["revision"], wanted), ref)
    if any((folder / name).is_file() for name in PHANTOM_FILES):
        return _phantom(folder, folder.resolve().name)
    return _biovil_t(folder, folder.resolve().name)


def _phantom(folder: Path, name: str) -> Place:
    files = {file: folder / file for file in PHANTOM_FILES}
    missing = [file for file, path in files.items() if not path.is_file()]
    if missing:
        raise UsageError(
            f"The encoder folder {folder} has no {missing[0]}; write it with radbench train encoder."
        )
    if (folder / DATASHEET).is_file():
        _verify(folder / DATASHEET, files)
    return Place("phantom", name, folder, files)


def _verify(sheet: Path, files: dict[str, Path]) -> None:
    """Compare the files with those that the datasheet lists."""
    try:
        declared = json.loads(sheet.read_text(encoding="utf-8"))["files"]
        expected = {name: str(declared[name]) for name in files}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"The datasheet {sheet} does not list the SHA-256 of {' and '.join(files)} under 'files'."
        ) from error
    for name, path in files.items():
        found = sha256_file(path)
        if found != expected[name]:
            raise UsageError(
                f"The file {path} has SHA-256 {found}, expected {expected[name]} by {DATASHEET}; "
                "the encoder is damaged or was changed, restore it."
            )


def _biovil_t(folder: Path, name: str) -> Place:
    files = {
        "image": _first(folder, _IMAGE, "BioViL-T's image model"),
        "text": _first(folder, _TEXT, "CXR-BERT's weights"),
        "config": _first(folder, (_CONFIG,), "CXR-BERT's configuration"),
        "vocabulary": _first(folder, _VOCABULARY, "the tokenizer's vocabulary"),
    }
    more = {file: folder / file for file in (*_VOCABULARY, *_SETTINGS) if (folder / file).is_file()}
    return Place("biovil_t", name, folder, files | more)


def _first(folder: Path, names: tuple[str, ...], what: str) -> Path:
    found = next((folder / name for name in names if (folder / name).is_file()), None)
    if found is None:
        raise UsageError(
            f"The encoder folder {folder} has no {' or '.join(names)} ({what}); expected the files of "
            "microsoft/BiomedVLP-BioViL-T, or those of radbench train encoder."
        )
    return found


def read_state(path: Path) -> "dict[str, Tensor]":
    """Return the tensors of a ``.safetensors`` file, or of a pickled state dict that holds tensors alone.

    Raises:
        UsageError: the file is damaged, or its pickle holds anything but tensors.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        content = torch.load(path, map_location="cpu", weights_only=True)
    except SafetensorError as error:
        raise UsageError(f"The weights {path} are damaged: {error}.") from error
    except pickle.UnpicklingError as error:
        raise UsageError(
            f"The weights {path} hold more than tensors, or are damaged, and are not read; "
            "convert them to safetensors with the tool that wrote them."
        ) from error
    except (RuntimeError, OSError, EOFError, KeyError, ValueError) as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise UsageError(f"The weights {path} cannot be read: {reason[0].rstrip('.')}.") from error
    if not isinstance(content, dict) or not all(
        isinstance(value, torch.Tensor) for value in content.values()
    ):
        raise UsageError(f"The weights {path} are not a state dict; expected names that map to tensors.")
    return content


def load_strictly(
    network: "nn.Module", state: "Mapping[str, Tensor]", where: Path, what: str, prefix: str = ""
) -> None:
    """Put ``state`` into ``network``; every key must be there, no other, all of the right size.

    Args:
        network: takes the tensors.
        state: name to tensor.
        where: the file, for errors.
        what: the part, for errors.
        prefix: what the names of this part begin with in the file; neither ``state`` nor ``network`` has it.

    Raises:
        UsageError: keys are missing, unknown or of another size; the sentence names them.
    """
    expected = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    missing = [name for name in expected if name not in state]
    unknown = [name for name in state if name not in expected]
    for names, fault in ((missing, "missing"), (unknown, "unknown")):
        if names:
            listed = _listed([prefix + name for name in names])
            raise UsageError(
                f"The weights {where} of {what}: {fault} {listed}; expected {len(expected)} keys."
            )
    for name, shape in expected.items():
        if tuple(state[name].shape) != shape:
            raise UsageError(
                f"The weights {where} of {what}: '{prefix}{name}' is of size {tuple(state[name].shape)}, "
                f"expected {shape}."
            )
    network.load_state_dict(dict(state))


def _listed(names: list[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:3])
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{'key' if len(names) == 1 else f'{len(names)} keys'} {shown}{more}"
