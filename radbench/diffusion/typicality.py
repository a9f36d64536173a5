"""How typical squares are for a bundle: the distance of their latents from those of what it was made for.

A square's features are, for each channel of its latent, the mean, the standard deviation and the mean absolute
difference between neighbours along rows and along columns. The distance is Mahalanobis' (mean and covariance of the
features of the bundle's own domain), so it counts standard deviations. The limit is the 99.9 % quantile of the squares
that the reference was made from. A cohort is far out where the median of its squares lies beyond it.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from radbench.data.cohort import GrayImage
from radbench.diffusion.bundle import Bundle
from radbench.diffusion.bundle_card import Reference

QUANTILE: Final = 0.999
_AT_ONCE: Final = 16
_RIDGE: Final = 1e-6

Features = npt.NDArray[np.float64]
"""float64 [N, 4 * channels]."""


def latent_features(bundle: Bundle, squares: Sequence[GrayImage]) -> tuple[Features, npt.NDArray[np.float64]]:
    """Return the features of squares ``uint8 [S, S]``, and the autoencoder's mean absolute error of each, in [0, 1]."""
    from radbench.diffusion.latents import to_pixels, to_uint8
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
