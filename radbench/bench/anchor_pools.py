"""What the reference models answer on the phantom: on anchors, and on edits by editors that are right and wrong.

An editor that is right is drawn: the rendered counterfactual. One that is wrong on purpose leaves some of its edits
undone, or takes the drain away with the pneumothorax; RadEdit is the embedded bundle's own. A model's true figure is
its mean over all anchors.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from radbench.data.cohort import GrayImage, Mask, Study
from radbench.declared import model_path, shift_path
from radbench.metrics.bootstrap import Floats
from radbench.metrics.segmentation import mask_metrics
from radbench.models.base import ModelUnderTest
from radbench.models.isolation import open_model
from radbench.phantom.cohort import PhantomCohort, build_cohort
from radbench.specs import load_model, load_shift

ANCHORS: Final = 400
"""Anchors in a pool."""
EDITS: Final = 200
"""Patients whose film is edited, in a pool."""
RADEDIT: Final = 64
RIGHT: Final = "right: the rendered truth"
OWN: Final = "RadEdit, 64 edits"
UNDONE: Final = {f"{share:.0%} of the edits undone".replace("%", " %"): share for share in (0.1, 0.25, 1.0)}
SHARES: Final = (0.5, 0.8, 0.95)
"""Share of the anchors that a model is right on, at further operating points."""


@dataclass(frozen=True)
class Pool:
    """One model on one figure.

    Attributes:
        name: of the model and the figure.
        is_share: whether images are right or wrong (else each has its Dice).
        anchors: float64 [N], each anchor's part in the primary metric.
        editors: by editor, float64 [M], that of each of its edits.
    """

    name: str
    is_share: bool
    anchors: Floats
    editors: Mapping[str, Floats]


def phantom_pools(*, anchors: int = ANCHORS, edits: int = EDITS, radedit: int = RADEDIT) -> list[Pool]:
    """Render the images and ask the reference models; a minute or two, and RadEdit's edits once.

    Args:
        anchors: in a pool, at most.
        edits: of the drawn editors, at most.
        radedit: edits of the embedded bundle; 0 for none.
    """
    return [*_classifiers(anchors, edits, radedit), *_segmenters(anchors, edits)]


def _some(
    cohort: str, split: str, most: int, keep: Callable[[Study], bool], per: int
) -> tuple[PhantomCohort, list[Study]]:
    found = build_cohort(cohort, split=split, size=most * per)
    return found, [study for study in found.studies if keep(study)][:most]


def _classifiers(anchors: int, edits: int, radedit: int) -> list[Pool]:
    treated, known = _some(
        "phantom/manifestation-unconfounded",
        "val",
        anchors,
        lambda one: one.labels["drain"] == 1 and one.labels["pneumothorax"] == 0,
        6,
    )
    sick, studies = _some(
        "phantom/manifestation",
        "test",
        edits,
        lambda one: one.labels["drain"] == 1 and one.labels["pneumothorax"] == 1,
        3,
    )
    images = {
        "anchors": [treated.image(study) for study in known],
        RIGHT: [sick.counterfactual(study, {"pneumothorax": 0}) for study in studies],
        "undone": [sick.image(study) for study in studies],
        "drain gone": [sick.counterfactual(study, {"pneumothorax": 0, "drain": 0}) for study in studies],
    }
    if radedit:
        images[OWN] = _edited(radedit)
    pools = []
    for name in ("pneumothorax-biased", "pneumothorax-robust"):
        scores = _asked(name, lambda model: {kind: _scores(model, some) for kind, some in images.items()})
        points = {"own operating point": load_model(model_path(name)).operating_point}
        points |= {f"{share:g} of the anchors right": _point(scores["anchors"], share) for share in SHARES}
        pools += [_at(f"{name}, {words}", scores, point) for words, point in points.items()]
    return pools


def _point(scores: Floats, share: float) -> float:
    """Return the operating point under which ``share`` of the scores lie."""
    return float(np.quantile(scores, share, method="lower")) + 1e-12


def _at(name: str, scores: Mapping[str, Floats], point: float) -> Pool:
    right = {kind: (some < point).astype(np.float64) for kind, some in scores.items()}
    editors = {RIGHT: right[RIGHT]} | ({OWN: right[OWN]} if OWN in right else {})
    editors |= {words: _mixed(right[RIGHT], right["undone"], part) for words, part in UNDONE.items()}
    return Pool(name, True, right["anchors"], editors | {"the drain goes as well": right["drain gone"]})


def _mixed(done: Floats, undone: Floats, part: float) -> Floats:
    """Return edits of which every so-manieth is undone."""
    number = np.arange(len(done))
    left = np.floor((number + 1) * part) > np.floor(number * part)
    return np.where(left, undone, done)


def _edited(count: int) -> list[GrayImage]:
    """Return RadEdit's own edits of the declared manifestation shift; found in the cache where they were made."""
    from radbench.api.building import build

    shift = load_shift(shift_path("manifestation")).without_controls()
    made = build(shift, limit=count, device="cpu", progress=False)
    return [np.rint(made[number]["image"][0].numpy() * 255).astype(np.uint8) for number in range(len(made))]


def _segmenters(anchors: int, edits: int) -> list[Pool]:
    dense, known = _some("phantom/mixed", "val", anchors, lambda one: one.labels["consolidation"] == 1, 8)
    healthy, studies = _some("phantom/population", "test", edits, lambda _: True, 1)
    images = {
        "anchors": [dense.image(study) for study in known],
        RIGHT: [
            healthy.counterfactual(study, {"consolidation": 1}, {"side": ("left", "right")[number % 2]})
            for number, study in enumerate(studies)
        ],
        "undone": [healthy.image(study) for study in studies],
    }
    lungs = {kind: [healthy.mask(study, "lungs") for study in studies] for kind in (RIGHT, "undone")}
    lungs["anchors"] = [dense.mask(study, "lungs") for study in known]
    pools = []
    for name in ("lungs-weak", "lungs-strong"):
        dice = _asked(
            name, lambda model: {kind: _dice(model, some, lungs[kind]) for kind, some in images.items()}
        )
        editors = {RIGHT: dice[RIGHT]}
        editors |= {words: _mixed(dice[RIGHT], dice["undone"], part) for words, part in UNDONE.items()}
        pools.append(Pool(f"{name}, Dice with consolidation", False, dice["anchors"], editors))
    return pools


def _asked(name: str, ask: Callable[[ModelUnderTest], dict[str, Floats]]) -> dict[str, Floats]:
    model = open_model(load_model(Path(model_path(name))), "cpu")
    try:
        return ask(model)
    finally:
        close = getattr(model, "close", None)
        if close is not None:
            close()


def _scores(model: ModelUnderTest, images: Sequence[GrayImage]) -> Floats:
    found = model.predict(images).scores()
    if found is None:
        raise ValueError(f"The model {model.spec.name} gives no scores.")
    return found


def _dice(model: ModelUnderTest, images: Sequence[GrayImage], masks: Sequence[Mask]) -> Floats:
    drawn = model.predict(images).values.astype(np.bool_)
    return mask_metrics(["dice"], drawn, np.stack(masks))["dice"]
