"""Where a diffusion bundle's parts come from, as plain data that needs no heavy library."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from radbench.declared import bundle_dir
from radbench.errors import UsageError

COMPONENTS = ("unet", "vae", "text_encoder", "tokenizer", "scheduler")
"""The parts of a bundle, in the order in which they are read."""

EMBEDDED = "phantom"
"""The name of the bundle that ships inside the package."""

_HUB_ID = re.compile(r"^[\w.-]+/[\w.-]+$")
_READABLE = ("*.json", "*.safetensors", "*.txt", "*.model")


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

    def folder(self) -> Path:
        """Return the local folder that holds the part; a hub part is fetched into the hub's cache first.

        Only JSON, text and safetensors files are fetched: code and pickles never are.

        Raises:
            UsageError: the folder does not exist, or the hub repository cannot be fetched.
        """
        root = self._snapshot() if self.is_hub else Path(self.path_or_repo).expanduser()
        place = root / self.subfolder if self.subfolder else root
        if not place.is_dir():
            raise UsageError(
                f"The bundle component folder {place} does not exist; expected a folder in diffusers' layout."
            )
        return place

    def _snapshot(self) -> Path:
        from huggingface_hub import snapshot_download

        inside = f"{self.subfolder}/" if self.subfolder else ""
        try:
            return Path(
                snapshot_download(
                    self.path_or_repo,
                    revision=self.revision,
                    allow_patterns=[f"{inside}{pattern}" for pattern in _READABLE],
                )
            )
        except (OSError, ValueError) as error:
            place = f"{self.path_or_repo} at revision {self.revision or 'main'}"
            raise UsageError(f"Cannot fetch {place} from the hub: {_first_line(error)}.") from error


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
        max_length: longest prompt in tokens; None for the tokenizer's own.
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
    root: Path | None = None
    domain: str | None = None

    def folders(self) -> dict[str, Path]:
        """Return the local folder of every part that has one, by component."""
        parts = {name: getattr(self, name) for name in COMPONENTS}
        return {name: part.folder() for name, part in parts.items() if isinstance(part, ComponentRef)}


def resolve(ref: str | Path | Assembly) -> Assembly:
    """Return what ``ref`` means: ``"phantom"``, a bundle's folder, or an assembly as it is.

    Raises:
        UsageError: no such folder, or the folder holds no ``model_index.json``.
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
    return Assembly(name, unet, vae, text_encoder, tokenizer, scheduler, root=root)


def _first_line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return text[0].rstrip(".") if text else type(error).__name__
