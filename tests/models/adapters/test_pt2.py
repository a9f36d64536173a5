"""Exported programs: run as torch runs them, screened before torch reads them."""

import io
import json
import pickle
import zipfile
from functools import cache

import numpy as np
import pytest
import torch
from conformance import AdapterConformance, Case, declared, pictures
from tiny_networks import Classifier, Segmenter, Silent, logits

from radbench.errors import UsageError
from radbench.models.adapters.pt2 import _is_arithmetic
from radbench.models.registry import make_adapter

pytestmark = pytest.mark.slow  # the first export imports a compiler


@cache
def exported(network, extra=None, *, fixed=False):
    """An archive's bytes; ``network`` is a function without arguments."""
    dim = torch.export.Dim("n", min=1, max=64)
    shapes = None if fixed else ({0: dim},)
    program = torch.export.export(network(), (torch.zeros(3, 1, 32, 32),), dynamic_shapes=shapes)
    buffer = io.BytesIO()
    torch.export.save(program, buffer, extra_files={"class_names.json": extra} if extra else None)
    return buffer.getvalue()


def saved(folder, network, extra=None, *, fixed=False, **settings):
    (folder / "model.pt2").write_bytes(exported(network, extra, fixed=fixed))
    return declared(folder, **({"format": "pt2", "path": "model.pt2"} | settings))


def broken_segmenter():
    network = Segmenter()
    with torch.no_grad():
        network.head.bias[:] = float("nan")
    return network


class TestBinary(AdapterConformance):
    @pytest.fixture
    def case(self, tmp_path):
        network = Classifier()
        expected = lambda images: logits(network, images)[:, 0].sigmoid().numpy()  # noqa: E731
        return Case(
            saved(tmp_path, Classifier, '["pneumothorax"]'),
            pictures(19),
            expected,
            class_names=["pneumothorax"],
        )

    @pytest.fixture
    def silent(self, tmp_path):
        (tmp_path / "silent").mkdir()
        return saved(tmp_path / "silent", Silent)


class Named(Segmenter):
    def forward(self, images):
        return {"pooled": images.mean((1, 2, 3)), "mask": super().forward(images)}


class TestSegmenterWithNamedOutputs(AdapterConformance):
    @pytest.fixture
    def case(self, tmp_path):
        images = pictures(18)
        point = float(logits(Segmenter(), images).sigmoid().median())
        names = {"segmentation": "mask"}
        settings = {
            "task": "segmentation",
            "target": "lungs",
            "operating_point": point,
            "output_names": names,
        }
        expected = lambda found: (logits(Segmenter(), found)[:, 0].sigmoid() >= point).numpy()  # noqa: E731
        return Case(saved(tmp_path, Named, **settings), images, expected, tolerance=1e-3)

    @pytest.fixture
    def silent(self, tmp_path):
        (tmp_path / "silent").mkdir()
        return saved(tmp_path / "silent", broken_segmenter, task="segmentation")


def test_a_fixed_batch_is_respected(tmp_path):
    images = pictures(5)
    found = make_adapter(saved(tmp_path, Classifier, fixed=True)).predict(images).values
    np.testing.assert_allclose(found, logits(Classifier(), images)[:, 0].sigmoid(), atol=1e-5)


def test_a_contract_that_the_program_rules_out_is_refused(tmp_path):
    contract = {"spatial_shape": [64, 64]}
    with pytest.raises(UsageError, match=r"shape \[any, 1, 32, 32\], but input declares \[any, 1, 64, 64\]"):
        make_adapter(saved(tmp_path, Classifier, input=contract)).prepare()


class Bomb:
    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return (open, (str(self.mark), "w"))


def rewritten(path, change):
    """Write an archive again with ``change(names to bytes)``; root folder left as it was."""
    with zipfile.ZipFile(path) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    root = next(iter(held)).partition("/")[0]
    inner = {name.partition("/")[2]: data for name, data in held.items()}
    change(inner)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in inner.items():
            archive.writestr(f"{root}/{name}", data)


def program(change):
    def edit(inner):
        document = json.loads(inner["models/model.json"])
        change(document)
        inner["models/model.json"] = json.dumps(document).encode()

    return edit


def node(document):
    return document["graph_module"]["graph"]["nodes"][0]


def size(document):
    return document["graph_module"]["graph"]["tensor_values"]["images"]["sizes"][0]["as_expr"]


def signature(document):
    return document["graph_module"]["module_call_graph"][0]["signature"]


EVIL = "__import__('os').system('touch {mark}')"


@pytest.mark.parametrize(
    "change",
    [
        program(lambda document: size(document).update(expr_str=EVIL)),
        program(lambda document: document.update(guards_code=[EVIL])),
        program(lambda document: node(document).update(target="torch.os.system")),
        program(lambda document: node(document).update(target="torch.hub.load")),
        program(lambda document: node(document).update(target="_operator.methodcaller")),
        program(lambda document: node(document).update(name="a = 1; import os #")),
        program(lambda document: signature(document).update(forward_arg_names=["x=print(1)"])),
        program(
            lambda document: signature(document).update(
                in_spec='[1, {"type": "os.system", "context": "null"}]'
            )
        ),
        lambda inner: inner.update({"data/aotinductor/model/model.so": b"\x7fELF"}),
        lambda inner: inner.update({"data/constants/opaque_obj_0": b""}),
        lambda inner: inner.update({"data/constants/custom_obj_0": b""}),
        lambda inner: inner.update({"models/other.json": b"{}"}),
    ],
)
def test_what_could_run_code_is_refused_before_torch_reads_it(tmp_path, change):
    spec = saved(tmp_path, Classifier)
    make_adapter(spec)
    rewritten(tmp_path / "model.pt2", change)
    with pytest.raises(UsageError, match="may run code, so it is refused"):
        make_adapter(spec)


def test_a_pickle_in_the_archive_makes_nothing_but_tensors(tmp_path):
    spec, mark = saved(tmp_path, Classifier), tmp_path / "mark"
    buffer = io.BytesIO()
    torch.save(((Bomb(mark),), {}), buffer)
    rewritten(
        tmp_path / "model.pt2", lambda inner: inner.update({"data/sample_inputs/model.pt": buffer.getvalue()})
    )
    load = torch.load
    with pytest.raises(UsageError, match="pickle of more than tensors"):
        make_adapter(spec).prepare()
    assert not mark.exists()
    assert torch.load is load
    torch.export.load(tmp_path / "model.pt2")
    assert mark.exists(), "the bomb is real: torch itself sets it off"


@pytest.mark.parametrize("data", [pickle.dumps(print), b"rubbish"])
def test_another_kind_of_file_is_refused(tmp_path, data):
    (tmp_path / "model.pt2").write_bytes(data)
    with pytest.raises(UsageError, match=r"expected a torch\.export archive"):
        make_adapter(declared(tmp_path, format="pt2", path="model.pt2"))


@pytest.mark.parametrize(
    ("text", "harmless"),
    [
        ("Symbol('s31', positive=True, integer=True)", True),
        ("Add(Mul(Integer(2), Symbol('s0', positive=True, integer=True)), Integer(-1))", True),
        ("FloorDiv(s77 + 1, 2)*8", True),
        ("Float('0.5', precision=53)", True),
        ("Symbol('s0').func", False),
        ("(1).__class__", False),
        ("open('x')", False),
        ("Symbol('__import__')", False),
        ("lambda: 0", False),
    ],
)
def test_expressions_are_arithmetic(text, harmless):
    assert _is_arithmetic(text) is harmless
