"""A whole declared world in a folder: a shift, two models and a tiny random diffusion bundle."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from radbench.declared import models_dir, shifts_dir
from radbench.runtime import sha256_file

sys.path.insert(0, str(Path(__file__).parents[1] / "models" / "adapters"))

WORDS = ["no", "acute", "cardiopulmonary", "process", "."]
MODELS = ("first", "second")


def make_bundle(folder: Path) -> Path:
    import torch
    from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
    from transformers import BertConfig, BertModel, BertTokenizerFast

    from radbench.diffusion.pipeline import RadEditPipeline

    torch.manual_seed(0)
    vocabulary = folder.parent / "vocab.txt"
    vocabulary.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]))
    text = BertConfig(
        vocab_size=len(WORDS) + 5,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=8,
        max_position_embeddings=16,
    )
    pipeline = RadEditPipeline(
        unet=UNet2DConditionModel(
            sample_size=32,
            in_channels=4,
            out_channels=4,
            block_out_channels=(8,),
            layers_per_block=1,
            down_block_types=("CrossAttnDownBlock2D",),
            up_block_types=("CrossAttnUpBlock2D",),
            cross_attention_dim=8,
            attention_head_dim=4,
            norm_num_groups=4,
        ),
        vae=AutoencoderKL(
            in_channels=1,
            out_channels=1,
            latent_channels=4,
            block_out_channels=(4, 4, 4),
            down_block_types=("DownEncoderBlock2D",) * 3,
            up_block_types=("UpDecoderBlock2D",) * 3,
            norm_num_groups=4,
            sample_size=128,
        ),
        text_encoder=BertModel(text, add_pooling_layer=False),
        tokenizer=BertTokenizerFast.from_pretrained(str(vocabulary.parent), model_max_length=16),
        scheduler=DDIMScheduler(clip_sample=False),
    )
    pipeline.save_pretrained(folder)
    return folder


def make_model(folder: Path, name: str, seed: int) -> None:
    import safetensors.torch
    import torch

    from radbench.models.adapters.timm import build_network

    declared = yaml.safe_load((models_dir() / "pneumothorax-biased.yaml").read_text(encoding="utf-8"))
    architecture = {"in_chans": 1, "num_classes": 1, "channels": [4, 4, 4, 4], "layers": [1, 1, 1, 1]}
    torch.manual_seed(seed)
    weights = folder / f"{name}.safetensors"
    safetensors.torch.save_file(build_network("resnet18", architecture, where=name).state_dict(), weights)
    declared |= {
        "name": name,
        "architecture": "resnet18",
        "architecture_args": architecture,
        "weights": weights.name,
        "sha256": sha256_file(weights),
    }
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(declared), encoding="utf-8")


def write_shift(folder: Path, **changes: object) -> Path:
    declared = yaml.safe_load((shifts_dir() / "manifestation.yaml").read_text(encoding="utf-8"))
    declared["source"]["size"] = 12
    declared["editor"]["num_inference_steps"] = 2
    declared |= {"name": "tiny", "bundle": "../bundle", "models": list(MODELS)} | changes
    file = folder / f"{declared['name']}.yaml"
    file.write_text(yaml.safe_dump(declared), encoding="utf-8")
    return file


@pytest.fixture
def make_shift() -> Callable[..., Path]:
    return write_shift


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with shifts/, models_under_test/ and bundle/, to be the current one."""
    top = tmp_path_factory.mktemp("world")
    for name in ("shifts", "models_under_test"):
        (top / name).mkdir()
    make_bundle(top / "bundle")
    for seed, name in enumerate(MODELS):
        make_model(top / "models_under_test", name, seed)
    write_shift(top / "shifts")
    return top
