"""A whole run gives each model's own answer on the film itself, whatever the model is delivered as.

The films are 512 x 512 with a grating of three pixels a period, which no film resized on its way would still show; the
model's answer is the grating's energy. The expected answer is worked out from the file, without radbench.
"""

import io
import sys

import numpy as np
import onnxruntime
import pytest
import torch
import yaml
from PIL import Image
from rich.console import Console
from torch import nn
from v2_server import V2Server

from radbench.api.job import RunOptions
from radbench.cli.run import run_shift
from radbench.harness.result import AuditResult

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:.*(torch.jit|TorchScript|feature will be removed).*:Warning"),
]

SIDE, GRATING = 512, slice(192, 320)
PROGRAM = """
import csv, pathlib, sys
import numpy as np
from PIL import Image

given = pathlib.Path(sys.argv[1])
with open(sys.argv[2], "w") as table:
    print("image_sha256,score", file=table)
    for row in csv.DictReader((given / "index.csv").open(newline="")):
        film = np.asarray(Image.open(given / row["file"]))
        centre = film[192:320, 192:320] / np.iinfo(film.dtype).max
        print(row["image_sha256"], np.abs(np.diff(centre, axis=1)).mean(), sep=",", file=table)
"""


class Energy(nn.Module):
    def forward(self, images):
        centre = images[:, :, 192:320, 192:320]
        return (centre[..., 1:] - centre[..., :-1]).abs().mean((1, 2, 3))[:, None]


def of_file(path):
    """The film as its file holds it, float64 [H, W] in [0, 1]."""
    with Image.open(path) as film:
        values = np.asarray(film)
    return values / np.float64(255 if values.dtype == np.uint8 else 65535)


def energy(film):
    return np.abs(np.diff(film[..., GRATING, GRATING], axis=-1)).mean(axis=(-2, -1))


def own_answers(folder, films):
    """What each delivered model says of the films without radbench, by the name of its declaration."""
    session = onnxruntime.InferenceSession(folder / "energy.onnx", providers=["CPUExecutionProvider"])
    script = torch.jit.load(folder / "energy.ts")
    rows = [film[None, None].astype(np.float32) for film in films]
    exact = [energy(film) for film in films]
    return {
        "onnx": [session.run(None, {"film": row})[0].item() for row in rows],
        "torchscript": [script(torch.from_numpy(row)).item() for row in rows],
        "program": exact,
        "served": exact,
    }


def drawn(seed):
    """Two dark lungs in a bright body, noise, and in every second film the grating; float64 in [0, 1]."""
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    film = np.exp(-(((x - 0.5) / 0.45) ** 4)) * 0.8
    for centre in (0.3, 0.7):
        film -= 0.5 * (((x - centre) / 0.14) ** 2 + ((y - 0.5) / 0.3) ** 2 < 1)
    film += 0.02 * np.random.default_rng(seed).standard_normal((SIDE, SIDE))
    if seed % 2:
        film[GRATING, GRATING] = 0.5 + (0.5 - 0.05 * seed) * (np.arange(128) % 3 - 1)
    return np.clip(film, 0, 1)


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """A folder cohort of eight films, of which the last two have 16 bits."""
    folder = tmp_path_factory.mktemp("films")
    patch = np.zeros((SIDE, SIDE), np.uint8)
    patch[40:120, 40:120] = 255  # what is edited lies far from the grating
    Image.fromarray(patch).save(folder / "patch.png")
    rows = ["study_id,patient_id,image,report,label_pneumothorax,mask_pneumothorax"]
    for number in range(8):
        white, kind = (255, np.uint8) if number < 6 else (65535, np.uint16)
        Image.fromarray((drawn(number) * white).round().astype(kind)).save(folder / f"{number}.png")
        rows.append(f"s{number},p{number},{number}.png,Acute process.,{number % 2},patch.png")
    (folder / "manifest.csv").write_text("\n".join(rows), encoding="utf-8")
    return folder


def declare(folder, name, **source):
    settings = {"name": name, "title": name, "task": "binary", "target": "pneumothorax"}
    contract = {"spatial_shape": [SIDE, SIDE], "value_range": [0.0, 1.0]}
    settings |= {"output": "probabilities", "operating_point": 0.2, "input": contract}
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump(settings | source), encoding="utf-8")
    return str(file)


@pytest.fixture
def models(tmp_path):
    """The same model as an ONNX file, TorchScript, a program and on a server."""
    sample, network = torch.zeros(2, 1, SIDE, SIDE), Energy().eval()
    torch.onnx.export(
        network,
        sample,
        tmp_path / "energy.onnx",
        input_names=["film"],
        output_names=["energy"],
        dynamic_axes={"film": {0: "n"}, "energy": {0: "n"}},
        dynamo=False,
    )
    torch.jit.script(network).save(tmp_path / "energy.ts")
    (tmp_path / "program").mkdir()
    (tmp_path / "program" / "energy.py").write_text(PROGRAM)
    command = [sys.executable, "energy.py", "{input}", "{output}"]

    with V2Server(
        lambda images: {"output": energy(images)}, shape=(-1, 1, SIDE, SIDE), name="served"
    ) as server:
        yield (
            declare(tmp_path, "onnx", format="onnx", path="energy.onnx"),
            declare(tmp_path, "torchscript", format="torchscript", path="energy.ts"),
            declare(tmp_path / "program", "program", format="program", command=command),
            declare(tmp_path, "served", format="openinference", endpoint=server.url),
        )


def scores_of(result, model, arm):
    return {case.study_id: case.score for case in result.cases if (case.model, case.arm) == (model, arm)}


def test_the_real_arm_is_each_model_s_own_answer_on_the_file(
    films, models, tmp_path, world, make_shift, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    scenario = {
        "name": "remove",
        "select": {"pneumothorax": 1},
        "prompt": "No acute process.",
        "edit_mask": {"source": "pneumothorax"},
        "labels_after": {"pneumothorax": 0},
    }
    shift = make_shift(
        tmp_path,
        name="grating",
        bundle=str(world / "bundle"),
        source={"cohort": f"folder:{films}", "size": 8},
        scenarios=[scenario],
        filter={"encoder": None},
        controls={"sham": False},
        subgroups=[],
    )
    text = io.StringIO()
    options = RunOptions(
        shift=str(shift), models=models, out=tmp_path / "out", limit=1, device="cpu", identifiers=True
    )
    run_shift(options, Console(file=text, width=200))
    result = AuditResult.from_json((tmp_path / "out" / "result.json").read_bytes())
    assert [(model.name, model.error) for model in result.models] == [
        (name, None) for name in ("onnx", "torchscript", "program", "served")
    ], text.getvalue()

    pixels = [of_file(films / f"{number}.png") for number in range(8)]
    exact, own = [energy(film) for film in pixels], own_answers(tmp_path, pixels)
    assert min(exact[1::2]) > 5 * max(exact[::2]), "every second film shows the grating"
    for name, expected in own.items():
        scores = scores_of(result, name, "real")
        found = [scores[f"s{number}"] for number in range(8)]
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6, err_msg=name)
        np.testing.assert_allclose(found, exact, rtol=0, atol=1e-5, err_msg=f"{name} adds in float32")
        ((study, edited),) = scores_of(result, name, "stress").items()
        assert abs(edited - scores[study]) <= 1e-6, "the edit lies elsewhere in the film"
        assert abs(scores_of(result, name, "geometry")[study] - edited) > 0.05, "resizing is seen"
