"""Where an encoder's files are and which kind they make up; nothing here needs a heavy library."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from radbench.errors import UsageError
from radbench.hub import fetch
from radbench.runtime import canonical_json, sha256_bytes, sha256_file

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
        return _biovil_t(_snapshot(hub["repo"], hub["revision"]), ref)
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
    place = Place("phantom", name, folder, files)
    _verify(place)
    return place


def _verify(place: Place) -> None:
    """Compare the files with those that the datasheet lists, if there is one."""
    sheet = place.folder / DATASHEET
    if not sheet.is_file():
        return
    try:
        declared = json.loads(sheet.read_text(encoding="utf-8"))["files"]
        expected = {name: str(declared[name]) for name in place.files}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"The datasheet {sheet} does not list the SHA-256 of {' and '.join(place.files)} under 'files'."
        ) from error
    for name, path in place.files.items():
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


def _snapshot(repository: str, revision: str | None) -> Path:
    return fetch(repository, revision, [*_IMAGE, *_TEXT, _CONFIG, *_VOCABULARY, *_SETTINGS])
