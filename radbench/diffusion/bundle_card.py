"""What a bundle says of itself: the size of its squares and its domain; no heavy library is needed to read it.

The size follows from the configurations. The domain (``phantom``, ``chest radiograph``) and, where it was measured,
what the latents of that domain look like stand in ``radbench.json`` at the bundle's root; an assembly declares its
domain.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from radbench.diffusion.assembly import Assembly, resolve
from radbench.errors import UsageError

CARD: Final = "radbench.json"


class Reference(BaseModel):
    """What the latents of a bundle's own domain look like; see ``typicality``.

    Attributes:
        mean: mean of each feature.
        precision: inverse covariance of the features.
        limit: distance that 99.9 % of the squares behind it do not reach.
        squares: how many there were.
        made_from: in words.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    mean: list[float]
    precision: list[list[float]]
    limit: float
    squares: int
    made_from: str


@dataclass(frozen=True)
class BundleCard:
    """What a bundle declares.

    Attributes:
        domain: what its squares show; None where it does not say.
        reference: how typical squares look to it; None where that was not measured.
    """

    domain: str | None = None
    reference: Reference | None = None


def bundle_card(ref: str | Path | Assembly) -> BundleCard:
    """Return what a bundle declares; nothing for one that declares nothing.

    Raises:
        UsageError: a ``radbench.json`` that cannot be understood.
    """
    assembly = resolve(ref)
    path = None if assembly.root is None else assembly.root / CARD
    if path is None or not path.is_file():
        return BundleCard(assembly.domain)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        found = content.get("typicality")
        reference = None if found is None else Reference.model_validate(found)
        return BundleCard(content.get("domain"), reference)
    except (OSError, ValueError, AttributeError, ValidationError) as error:
        said = " ".join(str(error).split())[:200]
        raise UsageError(
            f"Cannot read the bundle's card {path} ({said}); expected its domain and typicality."
        ) from None


def bundle_size(ref: str | Path | Assembly) -> int:
    """Return the side of the bundle's squares in pixels.

    That is the U-Net's ``sample_size`` (of latents) times the factor by which the autoencoder shrinks a side, 2 for
    every level but the first.

    Raises:
        UsageError: a configuration that cannot be read or says no size.
    """
    folders = resolve(ref).folders()
    sample = _read(folders["unet"]).get("sample_size")
    levels = _read(folders["vae"]).get("block_out_channels")
    if isinstance(sample, list) and sample and all(side == sample[0] for side in sample):
        sample = sample[0]
    if not isinstance(sample, int) or not isinstance(levels, list) or not levels:
        raise UsageError(
            f"The bundle's configurations in {folders['unet']} and {folders['vae']} give no size (sample_size "
            f"{sample}, block_out_channels {levels}); expected one side for square latents, and the levels of the "
            "autoencoder. Give source.image_size in the shift instead."
        )
    return int(sample * 2 ** (len(levels) - 1))


def _read(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"Cannot read the configuration {path}: {error}.") from error
    if not isinstance(content, dict):
        raise UsageError(f"The configuration {path} holds no JSON object.")
    return content
