"""Answers are held to what was asked."""

import numpy as np
import pytest
from hostile import declare

from radbench.models.base import ModelFailureError
from radbench.models.isolation.answers import class_names, expected_bytes, prediction, saliency_maps
from radbench.models.isolation.wire import Message

IMAGES = [np.zeros((4, 6), np.uint8)] * 3
SCORES = declare()
LABELS = declare(output="labels")
MASKS = declare(task="segmentation")


def answered(values, kind="probabilities", name="values"):
    return Message({"kind": kind}, {name: np.asarray(values)})


def test_what_was_asked_is_believed():
    found = prediction(SCORES, IMAGES, answered([0.0, np.nan, 1.0]))
    np.testing.assert_array_equal(found.values, [0.0, np.nan, 1.0])
    assert prediction(LABELS, IMAGES, answered([0, 1, -1], "labels")).decisions(0.5).tolist() == [0, 1, -1]
    masks = prediction(MASKS, IMAGES, answered(np.ones((3, 4, 6), np.bool_), "masks"))
    assert masks.kind == "masks" and masks.values.all()
    assert [expected_bytes(spec, IMAGES) for spec in (SCORES, LABELS, MASKS)] == [24, 24, 72]


@pytest.mark.parametrize(
    ("spec", "answer"),
    [
        (SCORES, answered([0.0, 0.5])),
        (SCORES, answered([[0.0], [0.5], [1.0]])),
        (SCORES, answered(np.zeros(3, np.float32))),
        (SCORES, answered([0.0, 0.5, 1.01])),
        (SCORES, answered([0.0, 0.5, np.inf])),
        (SCORES, answered([0, 1, 1], "labels")),
        (SCORES, answered([0.0, 0.5, 1.0], ["probabilities"])),
        (SCORES, answered([0.0, 0.5, 1.0], name="other")),
        (LABELS, answered([0, 1, 2], "labels")),
        (LABELS, answered([0, 1, -2], "labels")),
        (MASKS, answered(np.ones((3, 6, 4), np.bool_), "masks")),
        (MASKS, answered(np.ones((3, 4, 6), np.uint8), "masks")),
    ],
)
def test_anything_else_is_a_failure(spec, answer):
    with pytest.raises(ModelFailureError) as caught:
        prediction(spec, IMAGES, answer)
    assert caught.value.kind == "output"


def test_saliency_is_none_or_maps_of_the_images_size():
    assert saliency_maps(SCORES, IMAGES, Message({"known": False})) is None
    maps = np.full((3, 4, 6), 0.5, np.float32)
    np.testing.assert_array_equal(
        saliency_maps(SCORES, IMAGES, Message({"known": True}, {"maps": maps})), maps
    )
    for wrong in (maps[:2], maps + 1, maps * np.nan, maps.astype(np.float64)):
        with pytest.raises(ModelFailureError):
            saliency_maps(SCORES, IMAGES, Message({"known": True}, {"maps": wrong}))


def test_names_are_a_list_of_short_printable_texts():
    assert class_names(SCORES, Message({"names": None})) is None
    assert class_names(SCORES, Message({"names": ["a", "b\x1b"]})) == ["a", "b?"]
    for wrong in ("text", [1], ["x" * 201], ["x"] * 10_001, {"a": 1}):
        with pytest.raises(ModelFailureError):
            class_names(SCORES, Message({"names": wrong}))
