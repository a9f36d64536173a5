"""Checks of what a model gives: shape, columns, range, names of classes, the same answer to everything."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from radbench.models.base import Finding, Level, ModelFailureError, ModelUnderTest, Prediction
from radbench.models.decode import classes_of, columns, maps, numbers, of_wanted_output, shape_of, table
from radbench.models.preflight.session import Outputs, Session
from radbench.specs import ModelSpec

SHAPE, RANGE, NAMES, CONSTANT = "output shape", "output range", "class names", "constant output"

_EXCLUSIVE: Final = frozenset({"multiclass", "binary", "segmentation"})
"""Tasks whose classes share one probability."""

_SPREAD: Final = 0.25
_SUM: Final = 1e-3
_SAME: Final = 1e-6
_NEARLY: Final = 1e-3
_SATURATED: Final = 1e-9


def shape(spec: ModelSpec, outputs: Outputs, count_of_images: int) -> Finding:
    """Return whether the wanted output is there, with an entry an image and the declared columns or maps."""
    names, what = classes_of(spec), "map" if spec.task == "segmentation" else "column"
    count = columns(names)
    stated = f"{count} {what}{'s' if count > 1 else ''}" + (f" ({', '.join(names)})" if names else "")
    try:
        name, values = of_wanted_output(spec, outputs)
        if values.ndim == 0 or len(values) != count_of_images:
            raise ModelFailureError(f"Model '{spec.name}' gave another number of entries than images.")
        found = _arranged(spec, name, values)
        if found.shape[1] not in ({count, 1} if spec.output == "labels" else {count}):
            raise ModelFailureError(f"found {found.shape[1]} {what}s")
    except ModelFailureError as error:
        seen = "; ".join(f"'{name}' {shape_of(values)}" for name, values in outputs.items()) or "no output"
        given = f"{len(names)} classes are" if names else "one answer and no classes are"
        mend = f"The model gives another number of answers than declared ({given}): list its classes in their order."
        if str(error).startswith("Model"):
            mend = f"Declare what the model gives: {error}"
        return Finding(SHAPE, "failure", stated, seen, mend)
    seen = f"'{name}' {shape_of(values)} {values.dtype}"
    others = [f"'{other}'" for other in outputs if other != name]
    if others and spec.output_names.classification is None and spec.output_names.segmentation is None:
        meaning = "The first output is read; name another in output_names if that is not the answer."
        return Finding(SHAPE, "note", stated, f"{seen}; also {', '.join(others)}", meaning)
    return Finding(SHAPE, "ok", stated, seen)


def _arranged(spec: ModelSpec, name: str, values: NDArray[np.generic]) -> NDArray[np.generic]:
    return (maps if spec.task == "segmentation" else table)(spec, name, values)


def refused(error: ModelFailureError) -> Finding:
    """Return the finding of outputs that cannot be read by the declaration although their shape is right."""
    stated = "what can be read by the declared output"
    return Finding(RANGE, "failure", stated, str(error), "Declare the output as it is.")


def value_range(session: Session) -> Iterator[Finding]:
    """Yield whether raw outputs look like what they are declared to be, where that can be seen."""
    if session.outputs and session.spec.output != "labels":
        yield _value_range(session)


def _value_range(session: Session) -> Finding:
    spec = session.spec
    name, values = of_wanted_output(spec, session.outputs)
    found = numbers(spec, name, _arranged(spec, name, values))
    known = found[np.isfinite(found)]
    if not known.size:
        meaning = "The model answers nothing; see its input."
        return Finding(RANGE, "failure", spec.output, "no finite number", meaning)
    low, high = float(known.min()), float(known.max())
    seen = f"{low:.3g} to {high:.3g}"
    if _saturated(session):
        meaning = (
            "Nearly every answer is 0 or 1 to the last digit, as no trained network gives them: numbers far larger "
            "than in training suggest a wrong input range."
        )
        return Finding(RANGE, "warning", spec.output, f"{seen}; scores at 0 and 1", meaning)
    if spec.output == "logits":
        return _logits(found, seen, (low, high))
    if spec.output == "probabilities" and found.shape[1] > 1 and spec.task in _EXCLUSIVE:
        off = float(np.nanmax(np.abs(found.sum(axis=1) - 1.0)))
        if off > _SUM:
            meaning = "They are no probabilities of one class of all: declare task multilabel, or the output as it is."
            stated = "probabilities that add up to 1"
            return Finding(RANGE, "warning", stated, f"sums off by up to {off:.2g}", meaning)
    if spec.task != "segmentation" and np.isin(known, (0.0, 1.0)).all():
        meaning = "Only 0 and 1 were given: declare the output as labels if it never gives anything between."
        return Finding(RANGE, "note", spec.output, seen, meaning)
    return Finding(RANGE, "ok", spec.output, seen)


def _saturated(session: Session) -> bool:
    """Whether most scores lie nearer to 0 or 1 than a trained network brings them."""
    if session.base.kind != "probabilities" or session.spec.output != "logits":
        return False
    scores = session.base.values.astype(np.float64)
    return bool((np.minimum(scores, 1.0 - scores) < _SATURATED).mean() > 0.5)


def _logits(found: NDArray[np.float64], seen: str, limits: tuple[float, float]) -> Finding:
    low, high = limits
    if low < 0.0 or high > 1.0:
        return Finding(RANGE, "ok", "logits (any number)", seen)
    adding_up = found.shape[1] > 1 and float(np.nanmax(np.abs(found.sum(axis=1) - 1.0))) <= _SUM
    meaning = (
        "Every value lies in [0, 1], as probabilities do: declared as logits they would be squashed a second time, "
        "and none would fall under 0.5. Declare output: probabilities."
    )
    level: Level = "failure" if adding_up or high - low >= _SPREAD else "warning"
    return Finding(RANGE, level, "logits (any number)", seen, meaning)


def class_names(model: ModelUnderTest) -> Iterator[Finding]:
    """Yield whether the classes that the files name, if they do, are the declared ones in the same order."""
    spec = model.spec
    names = classes_of(spec)
    ask = getattr(model, "class_names", None)
    found = ask() if ask is not None else None
    if not found:
        return
    stated = ", ".join(names) or f"one answer, for '{spec.wanted}'"
    ours, theirs = ([name.strip().casefold() for name in part] for part in (names or [spec.wanted], found))
    seen = ", ".join(found)
    if ours == theirs:
        yield Finding(NAMES, "ok", stated, seen)
        return
    level: Level = "failure"
    if len(ours) != len(theirs):
        meaning = "The files name another number of classes: list all of them in the files' order."
    elif sorted(ours) == sorted(theirs):
        meaning = "The same classes in another order: every answer would be read as another's. Take the files' order."
    else:
        level = "warning" if set(ours) & set(theirs) else "note"
        meaning = "The files name the classes otherwise: make sure that the order is the same."
    yield Finding(NAMES, level, stated, seen, meaning)


def constant(session: Session) -> Finding:
    """Return whether the model answers every image alike, or not at all."""
    count, base = len(session.probe.images), session.base
    stated = f"answers that depend on the image ({count} images)"
    silent = _silent(base)
    if silent == count and session.spec.format == "table":
        meaning = "The table was made for other images: name the shift that it was exported for with --shift."
        return Finding(CONSTANT, "warning", stated, "none of the images is in the table", meaning)
    if silent == count:
        return Finding(CONSTANT, "failure", stated, "no answer to any image", "The model answers nothing.")
    seen, spread = _spread(base)
    if spread > _NEARLY:
        return Finding(CONSTANT, "ok", stated, seen)
    meaning = (
        "A constant answer carries no information: see the input range, the weights and the output's name."
    )
    return Finding(CONSTANT, "failure" if spread <= _SAME and count > 1 else "warning", stated, seen, meaning)


def unanswered(session: Session) -> Iterator[Finding]:
    """Yield how many images the model gave no answer to, if there are any."""
    silent, count = _silent(session.base), len(session.probe.images)
    if 0 < silent < count:
        meaning = "They count as wrong in decisions and are left out of scores; the report counts them."
        seen = f"none to {silent} of {count}"
        yield Finding("no answer", "note", "an answer to every image", seen, meaning)


def operating_point(session: Session) -> Iterator[Finding]:
    """Yield what there is to say of the operating point: chosen on which data, and whether it divides at all."""
    spec, probe, base = session.spec, session.probe, session.base
    point = f"{spec.operating_point:g}, {spec.operating_point_source}"
    if spec.operating_point_source == "exploratory" and spec.output != "labels":
        meaning = "A point chosen after seeing data flatters the model: read its decisions as exploratory."
        yield Finding("operating point", "note", point, "not fixed before the audit", meaning)
    if base.kind == "masks" or not probe.labelled or probe.labels is None:
        return
    decisions = base.decisions(spec.operating_point)
    if len(set(decisions.tolist())) == 1 and decisions[0] >= 0 and _spread(base)[1] > _SAME:
        wrong = int((probe.labels != decisions[0]).sum())
        seen = f"{'yes' if decisions[0] else 'no'} to all {len(decisions)} images, of which {wrong} are otherwise"
        meaning = "The point divides nothing: see the input range, whether the output is logits, and the point itself."
        yield Finding("operating point", "warning", point, seen, meaning)


def _silent(base: Prediction) -> int:
    if base.kind == "probabilities":
        return int(np.isnan(base.values.astype(np.float64)).sum())
    return int((base.values == -1).sum()) if base.kind == "labels" else 0


def _spread(base: Prediction) -> tuple[str, float]:
    """Return what was seen, and how far the answers are apart (0: all the same)."""
    if base.kind == "masks":
        sizes = base.values.astype(np.float64).mean(axis=(1, 2))
        alike = bool((base.values == base.values[:1]).all())
        return f"masks of {sizes.min():.1%} to {sizes.max():.1%} of the image", 0.0 if alike else 1.0
    if base.kind == "labels":
        known = [int(label) for label in base.values if label >= 0]
        return f"{known.count(1)} times yes, {known.count(0)} times no", float(len(set(known)) > 1)
    scores = base.values.astype(np.float64)
    low, high = float(np.nanmin(scores)), float(np.nanmax(scores))
    return f"scores of {low:.3g} to {high:.3g}", high - low
