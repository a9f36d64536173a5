"""Real files of hostile and of broken models, each a recorded failure; and a good one with the same answers as ever."""

import hashlib
import os
import pickle
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
import torch
from hostile import declare
from torch import nn

from radbench.errors import UsageError
from radbench.models.adapters.base import TensorAdapter
from radbench.models.base import ModelFailureError
from radbench.models.isolation import IsolatedModel, open_model
from radbench.models.isolation.permits import THREADS
from radbench.models.registry import make_adapter
from radbench.specs.model import Limits

pytestmark = pytest.mark.slow


class Judge(nn.Module):
    def __init__(self, classes: int = 1):
        super().__init__()
        torch.manual_seed(0)
        self.features = nn.Conv2d(1, 4, 3, stride=2)
        self.head = nn.Linear(4, classes)

    def forward(self, images):
        return self.head(torch.relu(self.features(images)).mean((2, 3)) * 20)


class Draws(nn.Module):
    def forward(self, images):
        return images


class Loops(nn.Module):
    def forward(self, images):
        count = 0
        while count >= 0:
            count = (count + 1) % 7
        return images.mean((1, 2, 3))


class Takes(nn.Module):
    def forward(self, images):
        held = [images]
        while len(held) > 0:
            held.append(torch.ones(1 << 24) * len(held))
        return images.mean((1, 2, 3))


class Silent(nn.Module):
    def forward(self, images):
        return images.mean((1, 2, 3)) * float("nan")


class Raises(nn.Module):
    def forward(self, images):
        if images.numel() > 0:
            raise ValueError("no answer today")
        return images


class Misshapen(nn.Module):
    def forward(self, images):
        return images.mean((1, 2, 3))[:3]


class Reads(nn.Module):
    """TorchScript reads and writes files by itself: here the one that its buffer names."""

    def __init__(self, path: str):
        super().__init__()
        self.path = path

    def forward(self, images):
        return torch.from_file(self.path, False, 1, dtype=torch.float32).expand(images.shape[0])


def scripted(folder, network, **changes):
    folder.mkdir(exist_ok=True)
    torch.jit.save(torch.jit.script(network.eval()), str(folder / "model.pt"))
    return declare("model.pt", folder, **changes)


def pictures(count=5, side=32, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, (side, side), dtype=np.uint8) for _ in range(count)]


def failure(spec, images=None, **changes):
    with IsolatedModel(spec, **changes) as model, pytest.raises(ModelFailureError) as caught:
        model.predict(images or pictures())
    assert "\n" not in str(caught.value) and "tiny" in str(caught.value)
    return caught.value


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    spec = scripted(tmp_path_factory.mktemp("good") / "model", Judge())
    with IsolatedModel(spec) as model:
        yield model


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    yield
    torch.set_num_threads(before)


def test_a_model_in_a_sandbox_answers_as_one_in_this_process(good, threads):
    images = pictures(40)
    here = make_adapter(good.spec)
    expected = here.predict(images)
    assert good.digest == here.digest
    found = good.predict(images)
    assert found.kind == expected.kind == "probabilities"
    # the model's process has one way through a matrix product (MKL_CBWR); this one takes the machine's own
    np.testing.assert_allclose(found.values, expected.values, rtol=0, atol=1e-6)
    again = np.concatenate([good.predict(images[start : start + 7]).values for start in range(0, 40, 7)])
    np.testing.assert_array_equal(again, found.values)


def test_its_outputs_can_be_had_as_they_are(good):
    assert isinstance(make_adapter(good.spec), TensorAdapter) and good.takes_tensors
    rows = np.random.default_rng(0).normal(size=(16, 1, 32, 32)).astype(np.float32)
    (values,) = good.forward(rows).values()
    with torch.inference_mode():
        np.testing.assert_allclose(values, Judge().eval()(torch.from_numpy(rows)).numpy(), atol=1e-4)
    assert good.class_names() is None


def test_no_image_needs_no_process(tmp_path):
    with IsolatedModel(scripted(tmp_path, Judge())) as model:
        assert len(model.predict([]).values) == 0 and model.sandbox == {}


def test_images_of_another_type_are_refused_here(good):
    with pytest.raises(UsageError, match="expected grayscale uint8"):
        good.predict([np.zeros((4, 4), np.float32)])


def test_the_sandbox_says_what_it_is(good):
    good.start()
    assert set(good.sandbox) == {"network", "memory", "files", "processes", "calls", "environment"}
    if sys.platform == "linux":
        assert good.sandbox["network"] in {"namespace", "seccomp", "not blocked"}
        assert "8 GiB" in good.sandbox["memory"]


def test_masks_come_back_at_the_images_size(tmp_path):
    spec = scripted(tmp_path, Draws(), task="segmentation", output="logits")
    images = pictures(20, side=48)
    with IsolatedModel(spec) as model:
        found = model.predict(images)
        assert found.values.shape == (20, 48, 48) and found.values.dtype == np.bool_
        assert (found.values != make_adapter(spec).predict(images).values).mean() < 1e-4
        with pytest.raises(UsageError, match="2 sizes"):
            model.predict([*images, *pictures(1)])


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.system, (f"touch {self.path}",))


@pytest.mark.parametrize("form", ["torchscript", "pt2"])
@pytest.mark.parametrize("save", [torch.save, lambda bomb, path: path.write_bytes(pickle.dumps(bomb))])
def test_a_pickle_bomb_is_refused_before_anything_runs(tmp_path, form, save):
    path, crater = tmp_path / "model.pt", tmp_path / "crater"
    save({"weights": Bomb(crater)}, path)
    with pytest.raises(UsageError):
        open_model(declare(path.name, tmp_path, format=form))
    assert not crater.exists()
    torch.load(path, weights_only=False) if save is torch.save else pickle.loads(path.read_bytes())
    assert crater.exists(), "the bomb is none"


def test_a_model_that_loops_is_stopped(tmp_path):
    spec = scripted(tmp_path, Loops(), limits=Limits(batch_seconds=2.0))
    begin = time.monotonic()
    error = failure(spec)
    assert error.kind == "timeout" and "within 2 s" in str(error)
    assert time.monotonic() - begin < 120


def test_a_model_that_takes_memory_without_end_is_stopped(tmp_path):
    error = failure(scripted(tmp_path, Takes(), limits=Limits(memory_gib=2.0)))
    assert error.kind == "memory"


def test_a_model_that_answers_nan_has_no_answer(tmp_path):
    with IsolatedModel(scripted(tmp_path, Silent())) as model:
        found = model.predict(pictures())
    assert np.isnan(found.values).all() and found.decisions(0.5).tolist() == [-1] * 5


def test_three_classes_where_two_were_declared_are_a_failure(tmp_path):
    spec = scripted(tmp_path, Judge(3), classes=["normal", "pneumothorax"])
    error = failure(spec)
    assert error.kind == "output" and "3" in str(error)


def test_fewer_answers_than_images_are_a_failure(tmp_path):
    assert failure(scripted(tmp_path, Misshapen())).kind == "output"


def test_a_model_that_raises_is_a_failure_and_the_next_question_starts_again(tmp_path):
    with IsolatedModel(scripted(tmp_path, Raises())) as model:
        for _ in range(2):
            with pytest.raises(ModelFailureError, match="no answer today") as caught:
                model.predict(pictures())
            assert caught.value.kind == "crash"


def test_a_model_that_is_too_large_to_load_or_too_slow_is_a_failure(tmp_path):
    error = failure(scripted(tmp_path, Judge(), limits=Limits(memory_gib=0.05)))
    assert error.kind in {"memory", "crash"}
    error = failure(scripted(tmp_path, Judge(), limits=Limits(start_seconds=0.05)))
    assert error.kind == "timeout" and "load" in str(error)


@pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is Linux's")
def test_torchscript_reads_no_file_of_the_user(tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(np.array([0.25], np.float32).tobytes())
    spec = scripted(tmp_path / "model", Reads(str(secret)), output="probabilities")
    assert make_adapter(spec).predict(pictures(1)).values == [0.25], "it can, outside"
    with IsolatedModel(spec) as model:
        model.start()
        if "Landlock" not in model.sandbox["files"]:
            pytest.skip("no Landlock here")
        with pytest.raises(ModelFailureError):
            model.predict(pictures(1))


def program(folder, script, **changes):
    (folder / "judge.sh").write_text("#!/bin/sh\n" + script)
    (folder / "judge.sh").chmod(0o755)
    command = ["./judge.sh", "{input}", "{output}"]
    return declare(None, folder, format="program", command=command, output="probabilities", **changes)


ANSWERS = """
echo image_sha256,score > "$2"
for file in "$1"/*.png; do echo "$(basename "$file" .png),$SCORE" >> "$2"; done
"""


def test_a_program_answers_and_cannot_call_home_or_write_beside_itself(tmp_path):
    script = f"""
    SCORE=0.25
    env | grep -q TOKEN && SCORE=0.75
    touch "{tmp_path}/crater" && SCORE=0.75
    {sys.executable} -c 'import socket; socket.socket()' && SCORE=0.75
    {ANSWERS}"""
    os.environ["RADBENCH_TEST_TOKEN"] = "hunter2"
    try:
        with IsolatedModel(program(tmp_path, script)) as model:
            found = model.predict(pictures())
            if model.sandbox["calls"] != "seccomp":
                pytest.skip("no seccomp here")
    finally:
        del os.environ["RADBENCH_TEST_TOKEN"]
    assert found.values.tolist() == [0.25] * 5
    assert not (tmp_path / "crater").exists()


def test_a_trusted_program_runs_as_the_user(tmp_path):
    script = f"SCORE=0.25; touch '{tmp_path}/mark'; {ANSWERS}"
    with IsolatedModel(program(tmp_path, script), trust=True) as model:
        assert model.predict(pictures()).values.tolist() == [0.25] * 5
        assert model.sandbox["calls"] == "not held" and model.sandbox["network"] == "needed, and open"
    assert (tmp_path / "mark").exists()


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        ("exit 3", "crash"),
        ("kill -SEGV $$", "crash"),
        ("sleep 60", "timeout"),
        ("echo garbage > $2", "output"),
    ],
)
def test_a_program_that_fails_is_a_failure(tmp_path, script, kind):
    assert failure(program(tmp_path, script, limits=Limits(batch_seconds=2.0))).kind == kind


def test_saliency_comes_out_of_the_sandbox(tmp_path):
    import safetensors.torch
    import timm

    sizes = {"in_chans": 1, "num_classes": 1, "channels": [4, 8, 8, 8], "layers": [1, 1, 1, 1]}
    path = tmp_path / "model.safetensors"
    safetensors.torch.save_file(timm.create_model("resnet18", **sizes).state_dict(), path)
    spec = declare(
        None,
        tmp_path,
        format="timm",
        weights=path.name,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        architecture="resnet18",
        architecture_args=sizes,
    )
    with IsolatedModel(spec) as model:
        maps = model.saliency(pictures(18))
        assert maps.shape == (18, 32, 32) and maps.dtype == np.float32 and maps.max() <= 1
        with pytest.raises(UsageError, match="sizes"):
            model.saliency([*pictures(1), *pictures(1, side=40)])


def test_a_torchscript_model_shows_no_saliency(good):
    assert good.saliency(pictures(2)) is None


def test_neither_torch_nor_a_process_is_needed_to_know_a_model(good):
    code = f"""
    import sys
    from pathlib import Path
    from radbench.models.isolation import open_model
    from radbench.specs import ModelSpec
    spec = ModelSpec.model_validate_json({good.spec.model_dump_json()!r})
    model = open_model(spec.read_from(Path({str(good.spec.origin)!r})))
    assert model.digest == {good.digest!r} and model.sandbox == {{}}
    assert "torch" not in sys.modules
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)


def test_files_that_change_between_two_looks_are_refused(tmp_path):
    spec = scripted(tmp_path, Judge())
    with IsolatedModel(spec) as model:
        scripted(tmp_path, Judge(2))
        with pytest.raises(ModelFailureError, match="changed") as caught:
            model.predict(pictures())
    assert caught.value.kind == "refused"


def test_a_table_is_read_in_this_process(tmp_path):
    images = pictures(2)
    from radbench.models.cache import image_sha256

    rows = "".join(f"{image_sha256(image)},0.5\n" for image in images)
    (tmp_path / "table.csv").write_text("image_sha256,score\n" + rows)
    model = open_model(declare("table.csv", tmp_path, format="table", output="probabilities"))
    assert not isinstance(model, IsolatedModel)
    assert model.predict(images).values.tolist() == [0.5, 0.5]
