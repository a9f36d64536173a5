"""From a model's raw output to a prediction, by what its vendor declared of it; never by guessing.

Scores become probabilities (logits: sigmoid, or softmax over a model's classes), labels 0 and 1 for the target,
maps masks. What the model would not say (NaN, or an answer declared as indeterminate) is no answer. What the
declaration rules out is a failure of the model that names what was found and what was expected.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from radbench.models.base import ModelFailureError, Prediction
from radbench.models.decode_labels import label_map, labels
from radbench.models.decode_scores import map_scores, scores
from radbench.models.outputs import of_wanted_output, shape_of
from radbench.models.preprocess import maps_to_size
from radbench.specs import ModelSpec

__all__ = ["decode"]


def decode(
    spec: ModelSpec, outputs: Mapping[str, NDArray[np.generic]], sizes: Sequence[tuple[int, ...]]
) -> Prediction:
    """Return what a model said about N images.

    Args:
        spec: the declaration, narrowed to one task.
        outputs: every output by name, [N, ...] each; ``spec.output_names`` says which one answers (None: the first).
        sizes: height and width of the N images; all the same for a segmentation.

    Returns:
        probabilities, labels or masks; see ``Prediction``.

    Raises:
        ModelFailureError: an output that is not there, of another shape, number of classes, type or range than
            declared (kind "output").
    """
    name, values = of_wanted_output(spec, outputs)
    if values.ndim == 0 or len(values) != len(sizes):
        raise ModelFailureError(
            f"Model '{spec.name}' gave an output '{name}' of shape {shape_of(values)} for {len(sizes)} images, "
            "expected one entry an image.",
            kind="output",
        )
    if spec.task == "segmentation":
        return _masks(spec, name, values, sizes)
    if spec.output == "labels":
        return Prediction("labels", labels(spec, name, values))
    return Prediction("probabilities", scores(spec, name, values))


def _masks(
    spec: ModelSpec, name: str, values: NDArray[np.generic], sizes: Sequence[tuple[int, ...]]
) -> Prediction:
    if not sizes:
        return Prediction("masks", np.zeros((0, 0, 0), np.bool_))
    labelled = spec.output == "labels"
    maps = label_map(spec, name, values) if labelled else map_scores(spec, name, values)
    height, width = sizes[0]
    point = 0.5 if labelled else spec.operating_point
    return Prediction("masks", maps_to_size(maps, spec.input, (height, width)) >= point)
