"""From raw outputs to predictions: by the declaration, never by guessing."""

import numpy as np
import pytest
from scipy.special import expit, softmax

from radbench.models.base import ModelFailureError
from radbench.models.decode import decode
from radbench.specs import InputContract, ModelSpec

NAN = float("nan")
THREE = ["normal", "covid", "other"]


def declared(**settings):
    contract = InputContract(spatial_shape=[8, 8])
    filled = {
        "name": "tiny",
        "title": "Tiny",
        "target": "covid",
        "input": contract,
        "format": "onnx",
        "path": "m",
    }
    return ModelSpec(**(filled | settings))


def said(values, sizes=None, outputs=None, **settings):
    values = np.asarray(values)
    outputs = outputs or {"scores": values}
    return decode(declared(**settings), outputs, sizes or [(8, 8)] * len(values))


def refused(values, words, **settings):
    with pytest.raises(ModelFailureError, match=words) as caught:
        said(values, **settings)
    assert caught.value.kind == "output"


LOGITS = np.random.default_rng(0).normal(0, 3, (5, 3))


@pytest.mark.parametrize("shape", [(5,), (5, 1), (5, 1, 1, 1)])
def test_one_logit_is_a_sigmoid(shape):
    found = said(LOGITS[:, 0].reshape(shape))
    assert (found.kind, found.values.dtype) == ("probabilities", np.float64)
    np.testing.assert_allclose(found.values, expit(LOGITS[:, 0]))


def test_columns_by_task():
    two = said(LOGITS[:, :2], classes=["normal", "covid"]).values
    np.testing.assert_allclose(two, softmax(LOGITS[:, :2], axis=1)[:, 1])
    many = said(LOGITS, task="multilabel", classes=THREE).values
    np.testing.assert_allclose(many, expit(LOGITS[:, 1]))
    one = said(LOGITS, task="multiclass", classes=THREE).values
    np.testing.assert_allclose(one, softmax(LOGITS, axis=1)[:, 1])


def test_the_vendor_s_name_of_the_target_decides():
    found = said(LOGITS, task="multilabel", classes=["a", "b", "COVID-19"], target_class="COVID-19").values
    np.testing.assert_allclose(found, expit(LOGITS[:, 2]))


@pytest.mark.parametrize("output", ["probabilities", "calibrated"])
def test_probabilities_stay_and_rounding_is_forgiven(output):
    found = said([0.25, 1 + 1e-7, -1e-7, NAN], output=output).values
    np.testing.assert_array_equal(found, [0.25, 1.0, 0.0, NAN])
    refused(
        [0.5, 1.01], r"outside \[0, 1\] in 'scores' \(1\.01 among them\).*declare it as logits", output=output
    )
    refused([0.5, -0.5], "outside", output=output)
    refused([0.5, np.inf], "outside", output=output)


def test_no_answer():
    np.testing.assert_array_equal(said([0.0, NAN]).values, [0.5, NAN])
    np.testing.assert_array_equal(said([np.inf, -np.inf]).values, [1.0, 0.0])
    np.testing.assert_array_equal(
        said([0.25, -1.0], output="probabilities", indeterminate=[-1]).values, [0.25, NAN]
    )
    assert np.isnan(said([[1.0, NAN, 0.0]], task="multiclass", classes=THREE).values).all()
    rejecting = {"task": "multiclass", "classes": ["normal", "covid", "reject"], "indeterminate": ["reject"]}
    found = said([[0.0, 9.0, 0.0], [0.0, 0.0, 9.0]], **rejecting).values
    assert np.isnan(found).tolist() == [False, True]
    assert said([0, 1, -1, NAN], output="labels", indeterminate=[-1]).values.tolist() == [0, 1, -1, -1]
    assert said([[0, 9, 0], [0, 0, 9]], output="labels", **rejecting).values.tolist() == [1, -1]
    assert said(["covid", "reject", "normal"], output="labels", **rejecting).values.tolist() == [1, -1, 0]


@pytest.mark.parametrize("values", [[0, 1, 1], [False, True, True], [0.0, 1.0, 1.0], ["0", "1", "covid"]])
def test_labels_of_a_model_without_classes(values):
    found = said(values, output="labels")
    assert (found.kind, found.values.dtype) == ("labels", np.int64)
    assert found.values.tolist() == [0, 1, 1]


def test_labels_by_number_name_column_or_yes_and_no():
    exclusive = {"output": "labels", "task": "multiclass", "classes": THREE}
    assert said([0, 1, 2], **exclusive).values.tolist() == [0, 1, 0]
    assert said(["normal", "covid", "other"], **exclusive).values.tolist() == [0, 1, 0]
    assert said(np.array([b"normal", b"covid"]), **exclusive).values.tolist() == [0, 1]
    assert said(LOGITS, **exclusive).values.tolist() == (LOGITS.argmax(1) == 1).astype(int).tolist()
    many = {"output": "labels", "task": "multilabel", "classes": THREE}
    assert said([[1, 0, 1], [0, 1, 1]], **many).values.tolist() == [0, 1]
    pair = {"output": "labels", "classes": ["covid", "normal"]}
    assert said([0, 1], **pair).values.tolist() == [1, 0]
    assert said([[3.0, 1.0], [1.0, 3.0]], **pair).values.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("values", "settings", "words"),
    [
        ([2], {}, r"answered 2, expected 0, 1 or 'covid'"),
        ([0.5], {}, "answered 0.5"),
        (["maybe"], {}, "answered 'maybe'"),
        ([3], {"task": "multiclass", "classes": THREE}, "answered 3, expected one of normal, covid, other"),
        ([-1], {"task": "multiclass", "classes": THREE}, "answered -1"),
        (
            [[0, 1]],
            {"task": "multilabel", "classes": THREE},
            "has 2 columns, expected the 3 declared classes",
        ),
        ([[0, 1]], {}, "has 2 columns, expected one, as no classes are declared"),
    ],
)
def test_labels_that_mean_nothing_are_failures(values, settings, words):
    refused(values, words, output="labels", **settings)


@pytest.mark.parametrize(
    ("values", "settings", "words"),
    [
        (
            LOGITS,
            {"classes": ["normal", "covid"]},
            r"shape \[5, 3\].* expected the 2 declared classes \(normal, covid\)",
        ),
        (LOGITS[:, :1], {"classes": ["normal", "covid"]}, "has 1 columns"),
        (LOGITS, {}, "has 3 columns, expected one"),
        (np.zeros((5, 1, 4)), {}, r"shape \[5, 1, 4\], expected one of \[N, 1\]"),
        (np.array(["a", "b"]), {}, "of type <U1, expected numbers"),
        (np.zeros(2, complex), {}, "of type complex128"),
        (np.zeros((4, 1)), {"sizes": [(8, 8)] * 5}, "shape .4, 1. for 5 images, expected one entry an image"),
    ],
)
def test_outputs_of_another_shape_or_type_are_failures(values, settings, words):
    refused(values, words, **settings)


def test_the_declared_output_is_read():
    outputs = {"other": np.ones((2, 7)), "scores": np.zeros(2)}
    names = {"classification": "scores"}
    assert said(np.zeros(2), outputs=outputs, output_names=names).values.tolist() == [0.5, 0.5]
    refused(
        np.zeros(2),
        "'other', 'scores', expected one called 'score'",
        outputs=outputs,
        output_names={"classification": "score"},
    )
    with pytest.raises(ModelFailureError, match="gave the outputs none"):
        decode(declared(), {}, [(8, 8)])


SEGMENTS = {"task": "segmentation", "target": "lungs"}
MAPS = np.random.default_rng(1).normal(0, 2, (2, 3, 8, 8))
NAMES = ["background", "lungs", "heart"]


@pytest.mark.parametrize("shape", [(2, 1, 8, 8), (2, 8, 8)])
def test_one_map_is_a_sigmoid_at_the_operating_point(shape):
    found = said(MAPS[:, 0].reshape(shape), operating_point=0.7, **SEGMENTS)
    assert (found.kind, found.values.dtype) == ("masks", np.bool_)
    np.testing.assert_array_equal(found.values, expit(MAPS[:, 0]) >= 0.7)


def test_several_maps_share_one_probability_a_pixel():
    expected = softmax(MAPS, axis=1)[:, 1] >= 0.5
    np.testing.assert_array_equal(said(MAPS, mask_classes=NAMES, **SEGMENTS).values, expected)
    contract = InputContract(spatial_shape=[8, 8], layout="NHWC")
    last = said(np.moveaxis(MAPS, 1, 3), mask_classes=NAMES, input=contract, **SEGMENTS)
    np.testing.assert_array_equal(last.values, expected)


def test_maps_of_labels():
    numbers = MAPS.argmax(1)
    for values in (numbers, numbers[:, None], np.eye(3, dtype=np.uint8)[numbers].transpose(0, 3, 1, 2)):
        found = said(values, output="labels", mask_classes=NAMES, **SEGMENTS)
        np.testing.assert_array_equal(found.values, numbers == 1)
    np.testing.assert_array_equal(said(numbers == 1, output="labels", **SEGMENTS).values, numbers == 1)
    refused(numbers, "with the value 2, expected whole numbers from 0 to 1", output="labels", **SEGMENTS)


def test_masks_have_the_image_s_size():
    found = said(np.ones((2, 8, 8)), sizes=[(30, 20)] * 2, **SEGMENTS)
    assert found.values.shape == (2, 30, 20)
    assert found.values.all()


@pytest.mark.parametrize(
    ("values", "settings", "words"),
    [
        (MAPS, {}, "has 3 maps, expected one, as no mask_classes are declared"),
        (MAPS[:, :2], {"mask_classes": NAMES}, "has 2 maps, expected the 3 declared mask_classes"),
        (MAPS[:, 0] * NAN, {}, "not finite"),
        (MAPS[:, 0, 0], {}, r"expected one of \[N, 1, height, width\]"),
        (MAPS[:, 0], {"output": "probabilities"}, "outside"),
    ],
)
def test_maps_that_the_declaration_rules_out_are_failures(values, settings, words):
    refused(values, words, **SEGMENTS, **settings)


def test_no_image():
    assert said(np.zeros((0, 1))).values.shape == (0,)
    assert said(np.zeros((0, 1, 8, 8)), **SEGMENTS).values.shape == (0, 0, 0)
