"""torchxrayvision classifiers: the library's own answers, its operating points, and no file that runs code."""

import json
import math
import os
import socket

import numpy as np
import pytest
import safetensors.torch
import torch
from conformance import AdapterConformance, Case, changed, declared, pictures

from radbench.errors import UsageError
from radbench.models.registry import make_adapter
from radbench.specs import InputContract

xrv = pytest.importorskip("torchxrayvision")

SMALL = {"growth_rate": 4, "block_config": [2, 2], "num_init_features": 8, "bn_size": 2}
NAMES = ["Atelectasis", "Pneumothorax", "Effusion"]
POINTS = [0.3, 0.45, math.nan]
RANGE = InputContract(spatial_shape=[32, 32], value_range=[-1024, 1024])


def network(seed=0, classes=3, points=None):
    torch.manual_seed(seed)
    made = xrv.models.DenseNet(num_classes=classes, **SMALL).eval()
    with torch.no_grad():
        made.classifier.weight *= 0.03  # images of ±1024 and random weights would give logits of ±40
        made.classifier.bias.uniform_(-0.5, 0.5)
    if points is not None:
        made.op_threshs = torch.tensor(points)
    return made


def declare(folder, made=None, *, file="model.pt", extras=None, **changes):
    state = (made or network()).state_dict()
    if file.endswith(".safetensors"):
        header = {name: json.dumps(value) for name, value in (extras or {}).items()}
        safetensors.torch.save_file(state, folder / file, metadata=header or None)
    else:
        torch.save({"state_dict": state, **extras} if extras else state, folder / file)
    filled = {
        "format": "torchxrayvision",
        "path": file,
        "architecture": "densenet121",
        "architecture_args": SMALL,
        "task": "multilabel",
        "classes": NAMES,
        "target": "pneumothorax",
        "target_class": "Pneumothorax",
        "input": RANGE,
    }
    return declared(folder, **(filled | changes))


def inputs(images):
    return torch.from_numpy(np.stack([xrv.utils.normalize(image, 255)[None] for image in images]))


def by_library(made, images):
    with torch.inference_mode():
        return made(inputs(images))


class TestDenseNet(AdapterConformance):
    @pytest.fixture
    def case(self, tmp_path):
        spec = declare(tmp_path, extras={"pathologies": NAMES})

        def expected(images):
            return by_library(network(), images)[:, 1].double().sigmoid().numpy()

        return Case(spec, pictures(19), expected, class_names=NAMES)

    @pytest.fixture
    def silent(self, tmp_path):
        made = network()
        made.classifier.bias.data[1] = math.nan
        return declare(tmp_path, made, file="silent.pt")

    @pytest.fixture
    def miscounted(self, case):
        return changed(case.spec, classes=[*NAMES, "Mass"])

    def alter(self, source):
        state = torch.load(source, weights_only=True)
        state["state_dict"]["classifier.bias"] += 0.5
        torch.save(state, source)


@pytest.mark.parametrize("file", ["model.pt", "model.safetensors"])
def test_calibrated_is_what_the_library_answers_with_its_operating_points(tmp_path, file):
    made = network(points=POINTS)
    images = pictures(6)
    spec = declare(tmp_path, made, file=file, output="calibrated")
    found = make_adapter(spec).predict(images)
    np.testing.assert_allclose(found.values, by_library(made, images)[:, 1], atol=1e-5)
    raw = by_library(network(), images)[:, 1].double().sigmoid().numpy()
    clear = np.abs(raw - POINTS[1]) > 1e-4
    np.testing.assert_array_equal(found.decisions(0.5)[clear], (raw >= POINTS[1])[clear])


def test_probabilities_and_logits_leave_the_operating_points_aside(tmp_path):
    images = pictures(4)
    raw = by_library(network(), images)[:, 1].double().sigmoid().numpy()
    for output in ("logits", "probabilities"):
        spec = declare(tmp_path, network(points=POINTS), output=output)
        np.testing.assert_allclose(make_adapter(spec).predict(images).values, raw, atol=1e-5)


def test_operating_points_come_from_the_declaration_where_the_file_has_none(tmp_path):
    images = pictures(4)
    listed = declare(
        tmp_path, output="calibrated", architecture_args=SMALL | {"op_threshs": [0.3, 0.45, None]}
    )
    expected = by_library(network(points=POINTS), images)[:, 1]
    np.testing.assert_allclose(make_adapter(listed).predict(images).values, expected, atol=1e-5)
    beside = declare(tmp_path, extras={"op_threshs": [0.3, 0.45, None]}, output="calibrated")
    np.testing.assert_allclose(make_adapter(beside).predict(images).values, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("points", "words"),
    [
        (None, "op_threshs are not in the file"),
        ([0.5, 0.5], "expected 3 numbers"),
        ([0.5, 1.5, 0.5], "between 0 and 1"),
        (["a", 0.5, 0.5], "between 0 and 1"),
        ([0.5, None, 0.5], "none for 'Pneumothorax'"),
    ],
)
def test_bad_operating_points_are_said(tmp_path, points, words):
    spec = declare(tmp_path, output="calibrated", architecture_args=SMALL | {"op_threshs": points})
    with pytest.raises(UsageError, match=words):
        make_adapter(spec).predict(pictures(1))


def test_the_library_s_pathologies_name_its_eighteen_outputs(tmp_path):
    usual = list(xrv.datasets.default_pathologies)
    spec = declare(tmp_path, network(classes=18), classes=usual)
    assert make_adapter(spec).class_names() == usual
    assert make_adapter(declare(tmp_path)).class_names() is None
    named = declare(tmp_path, file="named.safetensors", extras={"targets": NAMES})
    assert make_adapter(named).class_names() == NAMES


@pytest.mark.slow
def test_the_library_s_resnet_answers_the_same_with_and_without_its_prefix(tmp_path):
    import torchvision

    torch.manual_seed(0)
    made = torchvision.models.resnet50(num_classes=3, weights=None).eval()
    made.conv1 = torch.nn.Conv2d(1, 64, kernel_size=7, stride=2, padding=3, bias=False)
    library = object.__new__(xrv.models.ResNet)
    torch.nn.Module.__init__(library)
    library.model, library.apply_sigmoid = made, False
    library.register_buffer("op_threshs", torch.tensor(POINTS))
    library.eval()
    images = pictures(3)
    expected = by_library(library, images)[:, 1]
    for state in (made, library):
        args = {"op_threshs": [0.3, 0.45, None]} if state is made else {}
        spec = declare(tmp_path, state, architecture="resnet50", architecture_args=args, output="calibrated")
        np.testing.assert_allclose(make_adapter(spec).predict(images).values, expected, atol=1e-5)


class _Bomb:
    def __init__(self, place):
        self.place = place

    def __reduce__(self):
        return os.mkdir, (str(self.place),)


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("what", ["model", "bomb", "script", "rubbish", "list", "nested"])
def test_a_file_that_is_no_state_dict_is_refused_and_runs_nothing(tmp_path, what):
    spec = declare(tmp_path)
    path, ran = spec.source_path, tmp_path / "ran"
    if what == "script":
        torch.jit.save(torch.jit.trace(network(), torch.zeros(1, 1, 32, 32)), path)
    elif what == "rubbish":
        path.write_bytes(b"PK\x03\x04 rubbish")
    else:
        stored = {
            "model": network(),
            "bomb": {"classifier.bias": _Bomb(ran)},
            "list": [1, 2],
            "nested": {"state_dict": {"classifier.bias": "words"}},
        }
        torch.save(stored[what], path)
    with pytest.raises(UsageError, match=r"expected .*tensors by name"):
        make_adapter(spec).predict(pictures(1))
    assert not ran.exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"architecture": "densenet12"}, "Did you mean 'densenet121'"),
        ({"architecture": "densenet121-res224-all"}, "Did you mean 'densenet121'"),
        ({"architecture_args": {"weights": "all"}}, "architecture_args has 'weights'"),
        ({"architecture_args": {"op_thresh": []}}, "Did you mean 'op_threshs'"),
        ({"output": "labels"}, "gives a score a pathology"),
        ({"input": InputContract(spatial_shape=[32, 32], channels=3)}, "takes 1 channels"),
        ({"architecture_args": {}}, "expected those of the architecture"),
        ({"architecture": "resnet50", "architecture_args": {}}, r"lacks tensor 'conv1\.weight'"),
    ],
)
def test_declarations_that_do_not_fit_are_usage_errors(tmp_path, changes, words):
    with pytest.raises(UsageError, match=words):
        make_adapter(declare(tmp_path, **changes)).prepare()


def test_notes_tell_a_contract_that_is_not_the_library_s(tmp_path):
    plain = declare(tmp_path, input=InputContract(spatial_shape=[224, 224]))
    (note,) = make_adapter(plain).notes()
    assert "-1024 to 1024" in note
    assert (
        make_adapter(changed(plain, input=RANGE.model_copy(update={"spatial_shape": [224, 224]}))).notes()
        == []
    )


def test_nothing_is_fetched(tmp_path, monkeypatch):
    def refuse(*_):
        raise AssertionError("no connection was expected")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert np.isfinite(make_adapter(declare(tmp_path)).predict(pictures(1)).values).all()
