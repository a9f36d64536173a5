"""A diffusion bundle put together from parts: folders on this machine or Hugging Face hub repositories."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from radbench.hub import revisions_command
from radbench.specs.base import Base, Name, Text

_HUB_ID = re.compile(r"^[\w.-]+/[\w.-]+$")


class ComponentRef(Base):
    """Where one part of a bundle comes from.

    Attributes:
        path_or_repo: A folder (absolute, or relative to the YAML file and then beginning with a dot), or a
            hub repository ``owner/name``.
        subfolder: Folder inside it; empty for its root.
        revision: Commit, tag or branch of a hub repository; required for one, so that the weights are pinned.
    """

    path_or_repo: Text
    subfolder: str = ""
    revision: Text | None = None

    @property
    def is_hub(self) -> bool:
        """Whether this names a hub repository and not a folder."""
        return self.path_or_repo[0] not in "./~" and _HUB_ID.match(self.path_or_repo) is not None

    @model_validator(mode="after")
    def _pinned(self) -> Self:
        if self.is_hub and self.revision is None:
            raise ValueError(
                f"the hub repository '{self.path_or_repo}' has no revision, expected a commit to pin it; "
                f"'{revisions_command(self.path_or_repo)}' prints them (a folder's path begins with './')"
            )
        if not self.is_hub and self.revision is not None:
            raise ValueError(f"the folder '{self.path_or_repo}' has a revision, expected none for a folder")
        return self


def _kind_of_scheduler(value: Any) -> str:
    is_ref = isinstance(value, ComponentRef) or (isinstance(value, dict) and "path_or_repo" in value)
    return "reference" if is_ref else "settings"


class BundleSpec(Base):
    """An assembly of a diffusion bundle.

    Attributes:
        name: Name of the bundle.
        unet: The noise predictor.
        vae: The autoencoder.
        text_encoder: The text encoder.
        tokenizer: The tokenizer.
        scheduler: A saved scheduler, or its settings (``beta_schedule``, ``beta_start``, ...), as diffusers
            names them.
        max_length: Longest prompt in tokens, to which every prompt is padded; None for the tokenizer's own.
        attend_to_padding: Whether words attend to the padding; None for what diffusers does: they do, unless the text
            encoder's configuration has ``use_attention_mask``.
        domain: What its squares show, such as ``chest radiograph``; None where that is not known.
        vae_dtype: The autoencoder's precision; never half.
    """

    name: Name
    unet: ComponentRef
    vae: ComponentRef
    text_encoder: ComponentRef
    tokenizer: ComponentRef
    scheduler: Annotated[
        Annotated[dict[str, Any], Tag("settings")] | Annotated[ComponentRef, Tag("reference")],
        Discriminator(_kind_of_scheduler),
    ]
    max_length: int | None = Field(default=None, ge=2)
    attend_to_padding: bool | None = None
    domain: Text | None = None
    vae_dtype: Literal["float32"] = "float32"

    @property
    def uses_hub(self) -> bool:
        """Whether any part comes from the hub."""
        parts = (self.unet, self.vae, self.text_encoder, self.tokenizer, self.scheduler)
        return any(isinstance(part, ComponentRef) and part.is_hub for part in parts)
