"""MONAI bundles: the network that the configuration names answers, and its code runs only where it is trusted."""

import inspect
import json
import math
import os
import sys

import numpy as np
import pytest
import torch
import yaml
from conformance import AdapterConformance, Case, changed, declared, pictures
from hypothesis import given, settings
from hypothesis import strategies as st

from radbench.errors import UsageError
from radbench.models.adapters.monai import offline_arguments
from radbench.models.adapters.monai_config import NetworkDefinition, network_definition
from radbench.models.adapters.preprocessing_notes import monai_notes
from radbench.models.registry import make_adapter
from radbench.specs import InputContract

UNET = {
    "_target_": "UNet",
    "_desc_": "a small one",
    "spatial_dims": 2,
    "in_channels": 1,
    "out_channels": 2,
    "channels": [4, 8],
    "strides": [2],
    "norm": ["instance", {"affine": True}],
}
DENSE = {
    "_target_": "monai.networks.nets.DenseNet",
    "spatial_dims": 2,
    "in_channels": 1,
    "out_channels": "@classes",
    "init_features": 8,
    "growth_rate": 4,
    "block_config": [2, 2],
}
LUNGS = ["background", "lungs"]
NAMES = ["normal", "pneumothorax", "covid"]


def written(definition):
    """What the tests' own bundles put around the network: code, as every published bundle has."""
    return {
        "imports": ["$import glob"],
        "bundle_root": ".",
        "classes": 3,
        "device": "$torch.device('cuda' if torch.cuda.is_available() else 'cpu')",
        "network_def": definition,
        "network": "$@network_def.to(@device)",
        "evaluating": ["$@evaluator.run()"],
    }


def described(names, **changes):
    inputs = {
        "type": "image",
        "format": "magnitude",
        "num_channels": 1,
        "spatial_shape": [32, 32],
        "dtype": "float32",
        "value_range": [-2, 2],
        "is_patch_data": False,
        "channel_def": {"0": "image"},
    }
    outputs = {"channel_def": {str(index): name for index, name in enumerate(names)}}
    data = {"inputs": {"image": inputs | changes}, "outputs": {"pred": outputs}}
    return {"version": "0.1.0", "network_data_format": data}


def unet(seed=0):
    from monai.networks.nets import UNet

    torch.manual_seed(seed)
    arguments = {name: value for name, value in UNET.items() if not name.startswith("_")}
    made = UNet(**arguments).eval()
    with torch.no_grad():
        for name, tensor in made.state_dict().items():
            if name.endswith("weight") and tensor.ndim == 4:
                tensor.mul_(3.0)
    return made


def dense(seed=0):
    from monai.networks.nets import DenseNet

    torch.manual_seed(seed)
    arguments = {name: value for name, value in DENSE.items() if not name.startswith("_")}
    return DenseNet(**(arguments | {"out_channels": 3})).eval()


def bundle(folder, config, metadata, made, *, file="model.pt", suffix="json"):
    for room in ("configs", "models"):
        (folder / room).mkdir(parents=True, exist_ok=True)
    (folder / "configs" / "metadata.json").write_text(json.dumps(metadata))
    text = json.dumps(config) if suffix == "json" else yaml.safe_dump(config)
    (folder / "configs" / f"inference.{suffix}").write_text(text)
    if file == "model.ts":
        torch.jit.save(torch.jit.trace(made, torch.zeros(1, 1, 32, 32)), folder / "models" / file)
    elif made is not None:
        torch.save(made.state_dict(), folder / "models" / file)


def lungs(folder, made=None, *, definition=None, name="bundle", file="model.pt", suffix="json", **changes):
    config = written(UNET if definition is None else definition)
    bundle(folder / name, config, described(LUNGS), made or unet(), file=file, suffix=suffix)
    filled = {"task": "segmentation", "target": "lungs", "mask_classes": LUNGS}
    return declared(folder, format="monai", path=name, **(filled | changes))


def findings(folder, made=None, *, definition=None, name="bundle", suffix="json", **changes):
    config = written(DENSE if definition is None else definition)
    bundle(folder / name, config, described(NAMES), made or dense(), suffix=suffix)
    filled = {"task": "multiclass", "classes": NAMES}
    return declared(folder, format="monai", path=name, **(filled | changes))


def logits(made, images):
    grey = torch.from_numpy(np.stack(images)).float()[:, None] / 255
    with torch.inference_mode():
        return made((grey - 0.5) / 0.25).double()


def lung_masks(made, images):
    return logits(made, images).softmax(1)[:, 1].numpy() >= 0.5


class TestSegmenter(AdapterConformance):
    @pytest.fixture
    def case(self, tmp_path):
        made = unet()
        return Case(lungs(tmp_path, made), pictures(19), lambda images: lung_masks(made, images), LUNGS, 1e-3)

    @pytest.fixture
    def silent(self, tmp_path):
        made = unet()
        list(made.parameters())[-1].data.fill_(math.nan)
        return lungs(tmp_path, made, name="silent")

    def alter(self, source):
        super().alter(source / "configs" / "metadata.json")


class TestClassifierInYaml(AdapterConformance):
    @pytest.fixture
    def case(self, tmp_path):
        made = dense()
        spec = findings(tmp_path, made, suffix="yaml")
        return Case(spec, pictures(19), lambda images: logits(made, images).softmax(1)[:, 1].numpy(), NAMES)

    @pytest.fixture
    def silent(self, tmp_path):
        made = dense()
        made.class_layers.out.bias.data.fill_(math.nan)
        return findings(tmp_path, made, name="silent")

    @pytest.fixture
    def miscounted(self, case):
        return changed(case.spec, classes=[*NAMES, "mass"])

    def alter(self, source):
        super().alter(source / "configs" / "metadata.json")


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::torch.jit.TracerWarning")
class TestTorchScript(AdapterConformance):
    @pytest.fixture
    def case(self, tmp_path):
        made = unet()
        spec = lungs(tmp_path, made, file="model.ts", definition="$scripts.net.make()")
        return Case(spec, pictures(19), lambda images: lung_masks(made, images), LUNGS, 1e-3)

    @pytest.fixture
    def silent(self, tmp_path):
        made = unet()
        list(made.parameters())[-1].data.fill_(math.nan)
        return lungs(tmp_path, made, name="silent", file="model.ts")

    def alter(self, source):
        super().alter(source / "configs" / "metadata.json")


def test_a_bundle_that_reads_images_as_width_by_height_is_shown_them_so(tmp_path):
    made = unet()
    images = pictures(3, (24, 32))
    contract = InputContract(spatial_shape=[24, 32], mean=[0.5], std=[0.25])
    spec = lungs(tmp_path, made, architecture_args={"axes": "WH"}, input=contract)
    found = make_adapter(spec).predict(images).values
    expected = lung_masks(made, [image.T.copy() for image in images]).transpose(0, 2, 1)
    assert found.shape == (3, 24, 32)
    assert np.mean(found != expected) < 1e-3
    upright = make_adapter(changed(spec, architecture_args={}))
    assert np.mean(upright.predict(images).values != expected) > 0.01
    assert upright.digest != make_adapter(spec).digest


RUNS = "$__import__('os').mkdir({!r})"


@pytest.mark.parametrize(
    ("definition", "words"),
    [
        (RUNS, "network_def is the expression"),
        (UNET | {"channels": RUNS}, "channels is the expression"),
        (UNET | {"channels": [4, RUNS]}, r"channels\[1\] is the expression"),
        (UNET | {"norm": ["instance", {"affine": RUNS}]}, r"norm\[1\]\[affine\] is the expression"),
        (UNET | {"out_channels": "@evil"}, "out_channels is the expression"),
        (UNET | {"channels": "%other.json#channels"}, "channels is the macro"),
        ({"_target_": "os.mkdir", "path": "ran"}, "'os.mkdir', which is no class of"),
        ({"_target_": "builtins.exec"}, "no class of"),
        ({"_target_": "scripts.net.Net"}, "no class of"),
        ({"_target_": "monai.bundle.scripts.download"}, "no class of"),
        ({"_target_": "monai.networks.nets.."}, "no class of"),
        ({"_target_": "monai.networks.netsx.UNet"}, "no class of"),
        ({"_target_": RUNS}, "no class of"),
        (UNET | {"_requires_": RUNS}, "changes how the component is made"),
        (UNET | {"_mode_": "callable"}, "changes how the component is made"),
        (UNET | {"act": {"_target_": "torch.hub.load", "x": 1}}, "component of its own"),
    ],
)
def test_a_configuration_that_would_run_code_is_refused_before_anything_runs(tmp_path, definition, words):
    ran = tmp_path / "ran"
    config = written(definition) | {"evil": RUNS, "imports": [RUNS]}
    folder = tmp_path / "bundle"
    bundle(folder, {}, described(LUNGS), unet())
    (folder / "scripts").mkdir()
    (folder / "scripts" / "net.py").write_text(f"import os\nos.mkdir({str(ran)!r})\n")
    text = json.dumps(config).replace(json.dumps(RUNS), json.dumps(RUNS.format(str(ran))))
    (folder / "configs" / "inference.json").write_text(text)
    spec = declared(tmp_path, format="monai", path="bundle", task="segmentation", target="lungs")
    with pytest.raises(UsageError, match=words) as caught:
        make_adapter(spec)
    assert "--trust-model-code" in str(caught.value)
    assert not ran.exists()


@pytest.mark.parametrize(
    ("definition", "words"),
    [
        ({"_target_": "UNett"}, "Did you mean 'UNet'"),
        ({"_target_": "get_pretrained_resnet_medicalnet"}, "expected a network of"),
        ({"_target_": "monai.networks.nets.vit.UNet"}, "expected a network of"),
        ({"_target_": "monai.networks.nets.unet.nn"}, "expected a network of"),
        ({"_target_": "BlockArgs"}, "expected a network of"),
        (UNET | {"chanels": 3}, "MONAI cannot build 'UNet'"),
        (UNET | {"channels": [4]}, "MONAI cannot build 'UNet'"),
        (UNET | {"spatial_dims": 3}, "spatial_dims is 3, expected 2"),
        (UNET | {"in_channels": 4}, "in_channels is 4, expected 1"),
        (UNET | {"channels": [4, 16]}, "has shape"),
        (UNET | {"num_res_units": 2}, "expected those of the architecture"),
        (
            {"_target_": "HoVerNet", "pretrained_url": "https://example.org/x.pt"},
            "looks like a file or an address",
        ),
    ],
)
def test_a_network_that_is_not_monai_s_or_does_not_fit_is_a_usage_error(tmp_path, definition, words):
    with pytest.raises(UsageError, match=words):
        make_adapter(lungs(tmp_path, definition=definition)).prepare()


def test_weights_from_elsewhere_are_never_fetched(tmp_path, monkeypatch):
    from monai.networks import nets

    def refuse(*_, **__):
        raise AssertionError("no download was expected")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", refuse)
    monkeypatch.setattr("monai.networks.nets.efficientnet.model_zoo.load_url", refuse)
    arguments = {"model_name": "efficientnet-b0", "spatial_dims": 2, "in_channels": 1, "num_classes": 3}
    torch.manual_seed(0)
    made = nets.EfficientNetBN(**arguments, pretrained=False).eval()
    for wish in ({}, {"pretrained": True}):  # the class itself wishes for them
        spec = findings(tmp_path, made, definition={"_target_": "EfficientNetBN"} | arguments | wish)
        found = make_adapter(spec).predict(pictures(2)).values
        np.testing.assert_allclose(found, logits(made, pictures(2)).softmax(1)[:, 1].numpy(), atol=1e-5)


class _Bomb:
    def __init__(self, place):
        self.place = place

    def __reduce__(self):
        return os.mkdir, (str(self.place),)


@pytest.mark.parametrize("trust", [False, True])
def test_pickled_weights_are_refused_even_where_the_bundle_is_trusted(tmp_path, trust):
    spec = lungs(tmp_path)
    path, ran = tmp_path / "bundle" / "models" / "model.pt", tmp_path / "ran"
    for stored in ({"model.0.conv.weight": _Bomb(ran)}, unet()):
        torch.save(stored, path)
        with pytest.raises(UsageError, match="without running code"):
            make_adapter(spec, trust=trust).prepare()
    assert not ran.exists()


def test_a_pickle_that_calls_itself_torchscript_is_refused(tmp_path):
    spec = lungs(tmp_path)
    models = tmp_path / "bundle" / "models"
    (models / "model.pt").unlink()
    torch.save({"x": _Bomb(tmp_path / "ran")}, models / "model.ts")
    with pytest.raises(UsageError, match="a pickled Python object"):
        make_adapter(spec).prepare()
    assert not (tmp_path / "ran").exists()


@pytest.fixture
def import_state():
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if name.partition(".")[0] == "scripts_of_vendor":
            del sys.modules[name]


def test_a_trusted_bundle_s_own_code_builds_its_network(tmp_path, import_state):
    definition = {"_target_": "scripts_of_vendor.net.make", "channels": "$[2 * 2, 8]"}
    spec = lungs(tmp_path, definition=definition)
    room = tmp_path / "bundle" / "scripts_of_vendor"
    room.mkdir()
    (room / "__init__.py").write_text("")
    (room / "net.py").write_text(
        "from monai.networks.nets import UNet\n"
        "def make(channels):\n"
        "    return UNet(2, 1, 2, channels=channels, strides=[2], norm=('instance', {'affine': True}))\n"
    )
    with pytest.raises(UsageError, match="--trust-model-code"):
        make_adapter(spec)
    trusted = make_adapter(spec, trust=True)
    images = pictures(2)
    assert np.mean(trusted.predict(images).values != lung_masks(unet(), images)) < 1e-3
    assert "--trust-model-code" in trusted.notes()[-1]
    (room / "net.py").write_text("raise SystemError('broken')")
    del sys.modules["scripts_of_vendor.net"]
    with pytest.raises(UsageError, match="the bundle's code failed"):
        make_adapter(spec, trust=True).prepare()


@pytest.mark.parametrize(
    ("gone", "words"),
    [
        ("configs/metadata.json", r"has no configs/metadata\.json"),
        ("configs/inference.json", r"has no configs/inference\.json"),
        ("models/model.pt", r"has no models/model\.ts or"),
    ],
)
def test_a_folder_that_is_no_whole_bundle_is_named(tmp_path, gone, words):
    spec = lungs(tmp_path)
    (tmp_path / "bundle" / gone).unlink()
    with pytest.raises(UsageError, match=words):
        make_adapter(spec)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"architecture_args": {"axis": "WH"}}, "Did you mean 'axes'"),
        ({"architecture_args": {"axes": "XY"}}, "declares axes 'XY'"),
        ({"input": InputContract(spatial_shape=[32, 32], layout="NHWC")}, "declares layout NHWC"),
    ],
)
def test_declarations_that_do_not_fit_a_bundle_are_usage_errors(tmp_path, changes, words):
    with pytest.raises(UsageError, match=words):
        make_adapter(lungs(tmp_path, **changes))


def test_notes_tell_where_the_metadata_say_something_else(tmp_path):
    spec = lungs(tmp_path)
    assert make_adapter(spec).notes() == []
    other = described(LUNGS, num_channels=3, spatial_shape=["16*n", 32], dtype="float16", value_range=[0, 1])
    (tmp_path / "bundle" / "configs" / "metadata.json").write_text(json.dumps(other))
    channels, dtype, values = make_adapter(spec).notes()
    assert "num_channels 3, the input contract 1" in channels
    assert "dtype float16, the input contract float32" in dtype
    assert "value_range [0, 1], the input contract [-2, 2]" in values


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["num_channels", "spatial_shape", "dtype", "value_range", "is_patch_data"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=200),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=2)
            ),
            max_leaves=6,
        ),
    )
)
def test_an_input_described_in_any_shape_ends_in_notes(found):
    notes = monai_notes(found, InputContract(spatial_shape=[24, 32]), "WH")
    assert all(len(note) < 300 for note in notes)


def test_pretrained_networks_that_change_their_input_still_change_it():
    definition = {"_target_": "TorchVisionFCModel", "model_name": "inception_v3", "pretrained": True}
    config = {"network_def": definition | {"use_conv": False}}
    arguments = without_fetching(network_definition(config, "here"))
    assert arguments == {
        "model_name": "inception_v3",
        "use_conv": False,
        "pretrained": False,
        "weights": None,
        "transform_input": True,
    }
    config = {"network_def": definition | {"pretrained": False}}
    assert "transform_input" not in without_fetching(network_definition(config, "here"))


def without_fetching(definition):
    from monai.networks import nets

    return offline_arguments(definition, inspect.signature(getattr(nets, definition.name)).parameters)


def test_metadata_of_any_shape_name_no_class_rather_than_fail(tmp_path):
    spec = lungs(tmp_path)
    path = tmp_path / "bundle" / "configs" / "metadata.json"
    for found in (
        {},
        {"network_data_format": 1},
        {"network_data_format": {"outputs": {"pred": {"channel_def": []}}}},
    ):
        path.write_text(json.dumps(found))
        model = make_adapter(spec)
        assert (model.class_names(), model.notes()) == (None, [])


def test_references_are_followed_to_plain_values_only():
    config = {
        "a": {"b": [1, {"c": 8}]},
        "again": "@a::b::1::c",
        "_meta_": {"labels": 2},
        "network_def": {
            "_target_": "UNet",
            "channels": [4, "@again"],
            "out_channels": "@_meta_#labels",
            "act": "p@x",
        },
    }
    expected = NetworkDefinition("UNet", {"channels": [4, 8], "out_channels": 2, "act": "p@x"})
    assert network_definition(config, "here") == expected
    assert network_definition({"network": {"_target_": "UNet"}}, "here") == NetworkDefinition("UNet", {})


def _deep(levels):
    found = 1
    for _ in range(levels):
        found = [found]
    return found


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"x": "@y", "y": "@x", "network_def": "@x"}, "refers to itself"),
        ({"x": ["@x", "@x"], "network_def": {"_target_": "UNet", "channels": "@x"}}, "too large"),
        ({"network_def": {"_target_": "UNet", "channels": "@x::y"}}, "not in the configuration"),
        ({"network_def": {"_target_": "UNet", "channels": _deep(200)}}, "too large"),
        ({"network_def": {"_target_": "UNet", "channels": [0] * 20_000}}, "too large"),
        ({"network_def": {"_target_": "UNet", "weights": "/etc/passwd"}}, "looks like a file"),
        ({"network_def": {"_target_": "UNet", "x": b"1"}}, "is a bytes"),
        ({"network_def": {"_target_": 3}}, "expected a mapping with a '_target_'"),
        ({"network_def": ["UNet"]}, "expected a mapping"),
        ({"other": 1}, "has no 'network_def'"),
    ],
)
def test_configurations_that_lead_nowhere_end_in_a_sentence(config, words):
    with pytest.raises(UsageError, match=words):
        network_definition(config, "here")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("inference.json", "{"),
        ("inference.json", "[1]"),
        ("inference.json", "[" * 100_000),
        ("inference.yaml", "a: !!python/object/apply:os.mkdir ['ran']"),
        ("inference.yaml", "a: [&x 1, *y]"),
    ],
)
def test_unreadable_configurations_are_named(tmp_path, monkeypatch, name, text):
    monkeypatch.chdir(tmp_path)
    spec = lungs(tmp_path)
    (tmp_path / "bundle" / "configs" / "inference.json").unlink()
    (tmp_path / "bundle" / "configs" / name).write_text(text)
    with pytest.raises(UsageError, match=name):
        make_adapter(spec)
    assert not (tmp_path / "ran").exists()
