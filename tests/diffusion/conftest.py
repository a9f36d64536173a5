"""A tiny random text-conditioned latent diffusion model, built once a test session."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from transformers import BertConfig, BertModel, BertTokenizerFast

from radbench.diffusion.bundle import Bundle, load_bundle
from radbench.diffusion.pipeline import RadEditPipeline

sys.path.insert(0, str(Path(__file__).parent))

WORDS = [
    "no",
    "acute",
    "cardiopulmonary",
    "process",
    "pneumothorax",
    "drain",
    "left",
    "right",
    "lung",
    "clear",
    ".",
]
SIZE = 32
PROMPT = "No acute cardiopulmonary process."


def make_parts(folder: Path, seed: int = 0) -> dict:
    torch.manual_seed(seed)
    vocab = folder / "vocab.txt"
    vocab.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]))
    unet = UNet2DConditionModel(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        block_out_channels=(16, 16),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=16,
        attention_head_dim=4,
        norm_num_groups=4,
        addition_embed_type="text",
        addition_embed_type_num_heads=4,
        resnet_time_scale_shift="scale_shift",
    )
    vae = AutoencoderKL(
        in_channels=1,
        out_channels=1,
        latent_channels=4,
        block_out_channels=(8, 8, 8),
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        norm_num_groups=4,
        sample_size=SIZE,
    )
    text_encoder = BertModel(
        BertConfig(
            vocab_size=len(WORDS) + 5,
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=16,
            max_position_embeddings=16,
        ),
        add_pooling_layer=False,
    )
    tokenizer = BertTokenizerFast.from_pretrained(str(folder), model_max_length=16)
    scheduler = DDIMScheduler(clip_sample=False)
    return {
        "unet": unet.eval(),
        "vae": vae.eval(),
        "text_encoder": text_encoder.eval(),
        "tokenizer": tokenizer,
        "scheduler": scheduler,
    }


@pytest.fixture(scope="session")
def parts(tmp_path_factory) -> dict:
    return make_parts(tmp_path_factory.mktemp("vocab"))


@pytest.fixture(scope="session")
def folder(parts, tmp_path_factory) -> Path:
    """The tiny model in diffusers' folder layout, without a datasheet."""
    path = tmp_path_factory.mktemp("bundle")
    RadEditPipeline(**parts).save_pretrained(path)
    return path


@pytest.fixture(scope="session")
def bundle(folder) -> Bundle:
    return load_bundle(folder)


@pytest.fixture
def folder_copy(folder, tmp_path) -> Path:
    import shutil

    return Path(shutil.copytree(folder, tmp_path / "copy"))


@pytest.fixture(scope="session")
def images() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (SIZE, SIZE), dtype=np.uint8) for _ in range(5)]


@pytest.fixture(scope="session")
def edit_mask() -> np.ndarray:
    mask = np.zeros((SIZE, SIZE), bool)
    mask[4:20, 4:16] = True
    return mask


@pytest.fixture(scope="session")
def keep_mask() -> np.ndarray:
    mask = np.zeros((SIZE, SIZE), bool)
    mask[12:24, 12:28] = True
    return mask


def write_datasheet(folder: Path, files: dict[str, str]) -> None:
    (folder / "datasheet.json").write_text(json.dumps({"files": files}))
