"""Where a diffusion bundle's parts come from, and their digests, as plain data that needs no heavy library.

A component's digest is the SHA-256 of the canonical JSON ``{relative file name: SHA-256 of the file}`` over
its configuration, vocabulary and the weights that are read; a further one, ``prompts``, is over what the bundle
declares of its prompts. All are part of every edit task's key.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from radbench.declared import bundle_dir
from radbench.errors import UsageError
from radbench.hub import fetch
from radbench.runtime import canonical_json, sha256_bytes, sha256_file

COMPONENTS = ("unet", "vae", "text_encoder", "tokenizer", "scheduler")
"""The parts of a bundle, in the order in which they are read."""

EMBEDDED = "phantom"
"""The name of the bundle that ships inside the package."""

_HUB_ID = re.compile(r"^[\w.-]+/[\w.-]+$")
_SETTINGS = ("*.json", "*.txt", "*.model")
_WEIGHTS = {
    "unet": ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model-*.safetensors"),
    "vae": ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model-*.safetensors"),
    "text_encoder": ("model.safetensors", "model-*.safetensors"),
}
"""The weights that diffusers and transformers read, by component; whatever else lies beside them is not theirs."""

PICKLED = "pytorch_model.bin"
"""A text encoder's weights before safetensors: read with weights only, and only where there is nothing else."""


@dataclass(frozen=True)
class ComponentRef:
    """One part of a bundle.

    Attributes:
        path_or_repo: a local folder, or a hub repository ``owner/name``.
        subfolder: folder inside it; empty for its root.
        revision: commit, tag or branch of a hub repository.
    """

    path_or_repo: str
    subfolder: str = ""
    revision: str | None = None

    @property
    def is_hub(self) -> bool:
        """Whether this names a hub repository: ``owner/name`` that is no folder here."""
        text = self.path_or_repo
        return text[:1] not in "./~" and _HUB_ID.match(text) is not None and not Path(text).is_dir()

    def folder(self, component: str) -> Path:
        """Return the local folder that holds the part; a hub part is fetched into the hub's cache first.

        Fetched are settings, vocabulary and the component's own safetensors. Code never is, and of pickled weights
        only a text encoder's ``pytorch_model.bin``, where the revision has no safetensors.

        Args:
            component: which part of a bundle it is, one of ``COMPONENTS``.

        Raises:
            UsageError: the folder does not exist, or the hub repository cannot be fetched.
        """
        root = self._snapshot(component) if self.is_hub else Path(self.path_or_repo).expanduser()
        place = root / self.subfolder if self.subfolder else root
        if not place.is_dir():
            raise UsageError(
                f"The bundle component folder {place} does not exist; expected a folder in diffusers' layout."
            )
        return place

    def _snapshot(self, component: str) -> Path:
        inside = f"{self.subfolder}/" if self.subfolder else ""
        wanted = [f"{inside}{name}" for name in (*_SETTINGS, *_WEIGHTS.get(component, ()))]
        root = fetch(self.path_or_repo, self.revision, wanted)
        if component == "text_encoder" and not weight_files(root / self.subfolder, component):
            root = fetch(self.path_or_repo, self.revision, [*wanted, f"{inside}{PICKLED}"])
        return root


def weight_files(folder: Path, component: str) -> list[Path]:
    """Return the weights of a component in its folder, sorted; a pickle only where there is nothing else.

    Empty for a component without weights, and for a folder without any that may be read.
    """
    found = {file for pattern in _WEIGHTS.get(component, ()) for file in folder.glob(pattern)}
    if not found and component == "text_encoder" and (folder / PICKLED).is_file():
        return [folder / PICKLED]
    return sorted(found)


@dataclass(frozen=True)
class Assembly:
    """A bundle put together from parts.

    Attributes:
        name: name of the bundle.
        unet: noise predictor, a ``UNet2DConditionModel``.
        vae: an ``AutoencoderKL``.
        text_encoder: a transformers encoder.
        tokenizer: a transformers tokenizer.
        scheduler: a saved scheduler, or its settings as diffusers names them (``_class_name`` defaults to
            ``DDIMScheduler``).
        max_length: longest prompt in tokens, to which prompts are padded; None for the tokenizer's own.
        attend_to_padding: whether words attend to the padding; None for what diffusers does (``encoding``).
        domain: what the parts were made for, such as ``chest radiograph``; None where that is not declared.
        root: the bundle's folder where all parts share one; its ``datasheet.json`` is then verified.
    """

    name: str
    unet: ComponentRef
    vae: ComponentRef
    text_encoder: ComponentRef
    tokenizer: ComponentRef
    scheduler: ComponentRef | Mapping[str, Any] = field(default_factory=dict)
    max_length: int | None = None
    attend_to_padding: bool | None = None
    root: Path | None = None
    domain: str | None = None

    def folders(self) -> dict[str, Path]:
        """Return the local folder of every part that has one, by component."""
        parts = {name: getattr(self, name) for name in COMPONENTS}
        return {name: part.folder(name) for name, part in parts.items() if isinstance(part, ComponentRef)}


def resolve(ref: str | Path | Assembly) -> Assembly:
    """Return what ``ref`` means: ``"phantom"``, a bundle's folder, or an assembly as it is.

    A folder's ``model_index.json`` may hold ``max_length`` and ``attend_to_padding``; ``RadEditPipeline`` writes them.

    Raises:
        UsageError: no such folder, or the folder holds no ``model_index.json`` or a broken one.
    """
    if isinstance(ref, Assembly):
        return ref
    root = bundle_dir() if str(ref) == EMBEDDED else Path(ref).expanduser()
    if not (root / "model_index.json").is_file():
        raise UsageError(
            f"The diffusion bundle '{ref}' has no {root / 'model_index.json'}; expected '{EMBEDDED}' or "
            "a folder in diffusers' layout."
        )
    unet, vae, text_encoder, tokenizer, scheduler = (
        ComponentRef(str(root.absolute()), n) for n in COMPONENTS
    )
    name = EMBEDDED if str(ref) == EMBEDDED else root.name
    length, padding = _declared(root / "model_index.json")
    return Assembly(name, unet, vae, text_encoder, tokenizer, scheduler, length, padding, root)


def read_json(path: Path, what: str) -> Any:
    """Return what a JSON file holds.

    Raises:
        UsageError: it cannot be read; the sentence says ``what`` it is.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"Cannot read the {what} {path}: {error}.") from error


def _declared(index: Path) -> tuple[int | None, bool | None]:
    """Return what a folder's index says of its prompts: longest length, and whether padding is attended to."""
    content = read_json(index, "bundle's index")
    content = content if isinstance(content, dict) else {}
    length, padding = content.get("max_length"), content.get("attend_to_padding")
    if length is not None and not (type(length) is int and length >= 2):
        raise UsageError(
            f"The index {index} has max_length {length!r}; expected a whole number from 2 up, or none."
        )
    if padding is not None and not isinstance(padding, bool):
        raise UsageError(
            f"The index {index} has attend_to_padding {padding!r}; expected true, false or none."
        )
    return length, padding


DATASHEET = "datasheet.json"
PROMPTS = "prompts"
"""The name of the digest of what decides a prompt's embedding beside tokenizer and text encoder."""

PROMPTS_VERSION = 2
"""Raised whenever a bundle's files and settings would give a prompt another embedding. 2: diffusers' attention mask."""

_SUFFIXES = (".json", ".txt", ".model")
_WEIGHT_SUFFIXES = (".safetensors", ".bin")
_PICKLES = (".bin", ".ckpt", ".pt", ".pth")


def bundle_digests(ref: str | Path | Assembly) -> dict[str, str]:
    """Return component to SHA-256 for a bundle, and ``prompts``, verified against its datasheet where it has one.

    Reads every byte of the bundle (about 0.1 s for 40 MB) and imports neither torch nor diffusers.

    Raises:
        UsageError: a missing folder, weights that are not safetensors, or a file that differs from the
            datasheet.
    """
    assembly = resolve(ref)
    hashes = {name: _file_hashes(name, folder) for name, folder in assembly.folders().items()}
    if assembly.root is not None:
        _verify(assembly.root, hashes)
    digests = {name: sha256_bytes(canonical_json(files)) for name, files in hashes.items()}
    if not isinstance(assembly.scheduler, ComponentRef):
        digests["scheduler"] = sha256_bytes(canonical_json(dict(assembly.scheduler)))
    declared = {"max_length": assembly.max_length, "attend_to_padding": assembly.attend_to_padding}
    digests[PROMPTS] = sha256_bytes(canonical_json({"version": PROMPTS_VERSION, **declared}))
    return digests


def _file_hashes(component: str, folder: Path) -> dict[str, str]:
    weights = weight_files(folder, component)
    files = sorted([file for file in folder.iterdir() if file.suffix in _SUFFIXES] + weights)
    if component in {"unet", "vae", "text_encoder"} and not weights:
        others = sorted(file.name for file in folder.iterdir())
        pickled = next((name for name in others if name.endswith(_PICKLES)), None)
        other = next((name for name in others if name.endswith(".safetensors")), None)
        found = f"found {pickled}, which can run code when read" if pickled else "found no weights"
        found = f"found {other}, which is not its weights' name" if other else found
        raise UsageError(f"The folder {folder} has no .safetensors file for the {component}: {found}.")
    if not files:
        raise UsageError(f"The folder {folder} holds no configuration for the {component}.")
    return {file.name: sha256_file(file) for file in files}


def _verify(root: Path, hashes: Mapping[str, Mapping[str, str]]) -> None:
    """Compare the files of a bundle's folder with ``files`` of its datasheet, if it has one."""
    sheet = root / DATASHEET
    if not sheet.is_file():
        return
    declared = _declared_files(sheet)
    found = {
        f"{component}/{name}": digest for component, files in hashes.items() for name, digest in files.items()
    }
    for name, expected in sorted(declared.items()):
        actual = found.get(name) or sha256_file(root / name)
        if actual != expected:
            raise UsageError(
                f"The file {root / name} has SHA-256 {actual}, expected {expected} by {DATASHEET}; "
                "the bundle is damaged or was changed, restore it."
            )
    unlisted = sorted(name for name in found if name.endswith(_WEIGHT_SUFFIXES) and name not in declared)
    if unlisted:
        raise UsageError(
            f"The weights {root / unlisted[0]} are not listed in {sheet}; add their SHA-256 or remove them."
        )


def _declared_files(sheet: Path) -> dict[str, str]:
    content = read_json(sheet, "datasheet")
    files = content.get("files") if isinstance(content, dict) else None
    if not isinstance(files, dict) or not all(isinstance(value, str) for value in files.values()):
        raise UsageError(f"The datasheet {sheet} has no 'files' that map each file to its SHA-256.")
    return files
