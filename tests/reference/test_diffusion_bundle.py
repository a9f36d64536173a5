"""From a tiny configuration to a loadable bundle: every stage, resumed, exported and verified."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from radbench.diffusion.bundle import load_bundle
from radbench.diffusion.training.config import TrainingConfig
from radbench.errors import UsageError
from radbench.reference.diffusion_bundle import BundleTraining, export_bundle, last_loss
from radbench.reference.gates import sample
from radbench.reference.pool import build_pool

TINY = TrainingConfig.model_validate(
    {
        "name": "tiny",
        "data": {"patients": 4},
        "later_data": [{"patients": 2, "cohort": "phantom/treated", "seed": 1, "from_step": 1}],
        "autoencoder": {"steps": 2, "batch_size": 2, "block_out_channels": [8, 16, 64]},
        "text": {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2},
        "denoiser": {
            "block_out_channels": [8, 16],
            "attention_levels": [False, True],
            "attention_head_dim": 8,
            "norm_num_groups": 4,
            "batch_size": 2,
            "steps": 2,
            "warmup_steps": 0,
            "cooldown_steps": 0,
        },
    }
)


def training(folder: Path) -> BundleTraining:
    return BundleTraining(TINY, folder, torch.device("cpu"), lambda *_: None, workers=1)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("training")
    run = training(folder)
    run.train_decoder()
    run.train_denoiser()
    return export_bundle(run, folder / "bundle", "radbench train diffusion --config tiny.yaml")


def test_bundle_loads_and_draws(exported: Path) -> None:
    bundle = load_bundle(exported)
    images = sample(bundle, ["No findings."], num_inference_steps=2)
    assert images.shape == (1, 128, 128) and images.dtype == np.uint8
    assert bundle.max_length == TINY.text.max_length


def test_datasheet_says_how_it_was_made(exported: Path) -> None:
    sheet = json.loads((exported / "datasheet.json").read_text())
    assert sheet["command"].startswith("radbench train diffusion")
    assert sheet["steps"] == {"decoder": 2, "denoiser": 2}
    assert TrainingConfig.model_validate(sheet["configuration"]) == TINY
    assert {name.split("/")[0] for name in sheet["files"]} == {
        "unet",
        "vae",
        "text_encoder",
        "tokenizer",
        "scheduler",
    }
    assert isinstance(last_loss(exported.parent, "denoiser"), float)


def test_a_flipped_byte_in_the_weights_is_named(exported: Path, tmp_path: Path) -> None:
    import shutil

    copy = Path(shutil.copytree(exported, tmp_path / "bundle"))
    weights = copy / "unet" / "diffusion_pytorch_model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(UsageError, match=r"unet/diffusion_pytorch_model.safetensors"):
        load_bundle(copy)


def test_exporting_again_gives_the_same_files(exported: Path, tmp_path: Path) -> None:
    run = training(exported.parent)
    again = export_bundle(run, tmp_path / "bundle", "radbench train diffusion --config tiny.yaml")
    first, second = (
        json.loads((folder / "datasheet.json").read_text())["files"] for folder in (exported, again)
    )
    assert first == second


def test_pool_resumes_and_does_not_depend_on_workers(tmp_path: Path) -> None:
    one = build_pool("phantom/mixed", 3, 0, tmp_path / "one", 1, lambda *_: None)
    two = build_pool("phantom/mixed", 3, 0, tmp_path / "two", 2, lambda *_: None)
    assert np.array_equal(one.images, two.images) and np.array_equal(one.texts, two.texts)
    calls: list[int] = []
    again = build_pool("phantom/mixed", 3, 0, tmp_path / "one", 1, lambda done, _: calls.append(done))
    assert calls == [3] and np.array_equal(again.images, one.images)
    assert one.corpus[0] == "" and one.texts.min() > 0
    assert not np.array_equal(one.images[0, 0], one.images[1, 0])
