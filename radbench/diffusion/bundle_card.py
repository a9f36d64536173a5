"""What a bundle says of itself: the size of its squares, its domain, and how typical squares of others are for it.

The size follows from the configurations. The domain (``phantom``, ``chest radiograph``) and, where it was measured,
what the latents of that domain look like stand in ``radbench.json`` at the bundle's root; an assembly declares its
domain. No heavy library is needed to read that.

How typical squares are is the distance of their latents from those of the bundle's own domain. A square's features are,
for each channel of its latent, the mean, the standard deviation and the mean absolute difference between neighbours
along rows and along columns. The distance is Mahalanobis' (mean and covariance of the features of the bundle's own
domain), so it counts standard deviations. The limit is the 99.9 % quantile of the squares that the reference was made
from. A cohort is far out where the median of its squares lies beyond it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, ValidationError

from radbench.data.cohort import GrayImage
from radbench.diffusion.assembly import Assembly, read_json, resolve
from radbench.errors import UsageError

if TYPE_CHECKING:
    from radbench.diffusion.bundle import Bundle

CARD: Final = "radbench.json"


class Reference(BaseModel):
    """What the latents of a bundle's own domain look like; see ``make_reference``.

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
    content = read_json(path, "configuration")
    if not isinstance(content, dict):
        raise UsageError(f"The configuration {path} holds no JSON object.")
    return content


QUANTILE: Final = 0.999
_AT_ONCE: Final = 16
_RIDGE: Final = 1e-6

Features = npt.NDArray[np.float64]
"""float64 [N, 4 * channels]."""


def latent_features(
    bundle: "Bundle", squares: Sequence[GrayImage]
) -> tuple[Features, npt.NDArray[np.float64]]:
    """Return the features of squares ``uint8 [S, S]``, and the autoencoder's mean absolute error of each, in [0, 1]."""
    from radbench.diffusion.encoding import to_pixels, to_uint8
    from radbench.diffusion.session import open_session

    channels = int(bundle.vae.config.in_channels)
    features, errors = [], []
    with open_session(bundle) as session:
        for start in range(0, len(squares), _AT_ONCE):
            some = squares[start : start + _AT_ONCE]
            latents = session.encode([to_pixels(square, channels) for square in some])
            for square, latent, plain in zip(some, latents, session.decode(latents), strict=True):
                features.append(_features(latent.double().cpu().numpy()))
                errors.append(np.abs(to_uint8(plain).astype(np.float64) - square).mean() / 255)
    return np.stack(features), np.array(errors)


def distances(features: Features, reference: Reference) -> npt.NDArray[np.float64]:
    """Return the Mahalanobis distance of each row of features, float64 [N]."""
    away = features - np.array(reference.mean)
    squared = np.einsum("ij,jk,ik->i", away, np.array(reference.precision), away)
    found: npt.NDArray[np.float64] = np.sqrt(np.maximum(squared, 0.0))
    return found


def make_reference(features: Features, made_from: str) -> Reference:
    """Return the reference of a domain from the features of its squares."""
    mean = features.mean(axis=0)
    covariance = np.cov(features.T) + _RIDGE * np.eye(features.shape[1])
    precision = np.linalg.inv(covariance)
    found = Reference(
        mean=mean.tolist(),
        precision=precision.tolist(),
        limit=0.0,
        squares=len(features),
        made_from=made_from,
    )
    limit = float(np.quantile(distances(features, found), QUANTILE))
    return found.model_copy(update={"limit": round(limit, 3)})


def _features(latent: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the features of one latent, [c, h, w]."""
    return np.concatenate(
        [
            latent.mean(axis=(1, 2)),
            latent.std(axis=(1, 2), ddof=1),
            np.abs(np.diff(latent, axis=1)).mean(axis=(1, 2)),
            np.abs(np.diff(latent, axis=2)).mean(axis=(1, 2)),
        ]
    )
