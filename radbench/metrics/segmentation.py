"""Figures of one predicted mask against one true mask, counted and measured by MONAI.

Overlap, in [0, 1], more is better:

- ``dice``: the harmonic mean of precision and recall over pixels, 2 |P and T| / (|P| + |T|).
- ``iou``: |P and T| / |P or T|.

Distances between the two borders, in pixels of the image's own size (and, with ``_mm`` behind the name, in
millimetres, each axis by its own spacing), less is better. A border pixel is a pixel
of the mask that touches the outside; its distance is the Euclidean one to the nearest border pixel of the
other mask.

- ``hausdorff_95``: the 95th percentile of the distances from P's border to T's, and of those from T's to P's;
  the larger of the two percentiles.
- ``average_surface_distance``: the mean of the distances from P's border to T's (one direction only).
- ``average_symmetric_surface_distance``: the mean of both directions' distances taken together.

Which of them is the paper's "AHD"?
    RadEdit (Pérez-García et al. 2024) reports in Section 5.4 the "95th percentile AHD, a measure of the
    distance between two sets", cites Metrics Reloaded (Maier-Hein et al. 2024, doi:10.1038/s41592-023-02151-z)
    for it, and calls the same figure "average Hausdorff distance (AHD)" under Figure 5 and "Hausdorff distance"
    in the text. Taken as a formula the name does not exist: a distance that averages over border pixels has no
    percentile. The two readings that make sense are the 95th-percentile Hausdorff distance of each image,
    averaged over the images, which is what the cited work defines under "95th percentile"; and an average
    surface distance. The first keeps every word of the text and its citation: ``hausdorff_95``, whose mean over
    the images every result holds, is the figure to lay beside Figure 5a. The second is
    ``average_symmetric_surface_distance``; a shift may list both. No result calls anything "AHD".
    (Another known "average Hausdorff distance" is the larger of the two directions' means: it has no percentile
    either, and is not offered.)

Empty masks:
    Nothing predicted and nothing to predict: Dice and IoU are 1. Nothing predicted where there was something,
    or something predicted where there was nothing, is a miss: Dice and IoU are 0. A distance to or from an empty
    mask does not exist, but leaving a miss out of the mean would make a distance the better the less is found. A
    miss therefore counts as the image's diagonal in pixels, sqrt(H^2 + W^2), which no distance within the image
    reaches; the mean holds it, and an audit says how many of the images were missed beside every such mean. Only
    where both masks are empty is there nothing to be near to: NaN, left out and counted.
"""

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

Masks = NDArray[np.bool_]
Floats = NDArray[np.float64]

OVERLAPS: Final = ("dice", "iou")
DISTANCES: Final = ("hausdorff_95", "average_surface_distance", "average_symmetric_surface_distance")
SEGMENTATION: Final = (*OVERLAPS, *DISTANCES)
MILLIMETRES: Final = tuple(f"{name}_mm" for name in DISTANCES)
"""The distances in millimetres."""
MEASURED: Final = (*DISTANCES, *MILLIMETRES)
"""Everything that is a distance."""
DIGITS: Final = 6
"""Decimals that are kept: MONAI answers in single precision."""


def span_of(name: str) -> tuple[float, float]:
    """Return the least and the greatest value that the figure called ``name`` can have."""
    return (0.0, 1.0) if name in OVERLAPS else (0.0, np.inf)


def in_millimetres(names: Sequence[str]) -> list[str]:
    """Return what the distances among ``names`` are called in millimetres."""
    return [f"{name}_mm" for name in names if name in DISTANCES]


def mask_metrics(
    names: Sequence[str], predicted: Masks, truth: Masks, spacing: Floats | None = None
) -> dict[str, Floats]:
    """Return the figures called ``names``, image by image.

    Args:
        names: of ``SEGMENTATION`` and, with a spacing, ``MILLIMETRES``.
        predicted: bool [N, H, W].
        truth: bool [N, H, W].
        spacing: float64 [N, 2], millimetres from row to row and from column to column of each image; only figures in
            millimetres look at it.

    Returns:
        name -> float64 [N]; of a miss a distance is the image's diagonal, and NaN where both masks are empty (see
        the module's text on empty masks).

    Raises:
        ValueError: an unknown name, masks of different sizes, or millimetres without a spacing.
    """
    unknown = [name for name in names if name not in (*SEGMENTATION, *MILLIMETRES)]
    if unknown:
        raise ValueError(f"unknown metric '{unknown[0]}', expected one of {', '.join(SEGMENTATION)}")
    if predicted.shape != truth.shape or predicted.ndim != 3:
        raise ValueError(f"masks are {predicted.shape} and {truth.shape}, expected [N, H, W] twice")
    some, some_true = predicted.any(axis=(1, 2)), truth.any(axis=(1, 2))
    both, gone = np.flatnonzero(some & some_true), missed(predicted, truth)
    metric = [name for name in names if name in MILLIMETRES]
    if metric and (spacing is None or spacing.shape != (len(truth), 2)):
        raise ValueError(f"'{metric[0]}' needs the spacing of every image, expected [{len(truth)}, 2]")
    pixels, apart = np.ones((len(truth), 2)), np.zeros((len(truth), 2)) if spacing is None else spacing
    far = {
        unit: np.where(gone, np.round(np.hypot(*(each * truth.shape[1:]).T), DIGITS), np.nan)
        for unit, each in (("pixels", pixels), ("mm", apart))
    }
    measured = _by_monai(names, predicted[both], truth[both], apart[both]) if len(both) else {}
    found: dict[str, Floats] = {}
    for name in names:
        unit = "mm" if name in MILLIMETRES else "pixels"
        values = np.where(gone, 0.0, 1.0) if name in OVERLAPS else far[unit].copy()
        if len(both):
            values[both] = measured[name]
        found[name] = values
    return found


def missed(predicted: Masks, truth: Masks) -> Masks:
    """Return bool [N], whether one of an image's masks (bool [N, H, W]) is empty and the other is not."""
    found: Masks = predicted.any(axis=(1, 2)) != truth.any(axis=(1, 2))
    return found


def _by_monai(names: Sequence[str], predicted: Masks, truth: Masks, spacing: Floats) -> dict[str, Floats]:
    import torch

    first, second = (torch.from_numpy(np.ascontiguousarray(masks)[:, None]) for masks in (predicted, truth))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # MONAI's own calls use what MONAI has deprecated
        return {name: _figure(name, first, second, spacing) for name in names}


def _figure(name: str, predicted: "torch.Tensor", truth: "torch.Tensor", spacing: Floats) -> Floats:
    from monai.metrics import (
        compute_average_surface_distance,
        compute_dice,
        compute_hausdorff_distance,
        compute_iou,
    )

    whole: dict[str, Any] = {"include_background": True}  # the only channel is the target, not a background
    if name in MILLIMETRES:
        name, whole["spacing"] = name.removesuffix("_mm"), spacing.tolist()
    if name == "dice":
        found = compute_dice(predicted, truth, **whole)
    elif name == "iou":
        found = compute_iou(predicted, truth, **whole)
    elif name == "hausdorff_95":
        found = compute_hausdorff_distance(predicted, truth, percentile=95, **whole)
    else:
        symmetric = name == "average_symmetric_surface_distance"
        found = compute_average_surface_distance(predicted, truth, symmetric=symmetric, **whole)
    values: Floats = found[:, 0].double().numpy()
    return np.round(values, DIGITS)
