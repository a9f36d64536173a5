"""Folders as the released model is published: the same file names and configurations, random weights, any width.

Written from the public file lists and configurations of ``microsoft/radedit``, ``stabilityai/sdxl-vae`` and
``microsoft/BiomedVLP-BioViL-T``, and from Appendix A of the paper; never from the module under test. Run it to load and
edit with networks of the real size once::

    uv run python tests/diffusion/published.py
"""

import fnmatch
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import BertConfig, BertForMaskedLM

REPOSITORIES = {
    "unet": "microsoft/radedit",
    "vae": "stabilityai/sdxl-vae",
    "text": "microsoft/BiomedVLP-BioViL-T",
}
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS += [
    "no",
    "acute",
    "cardiopulmonary",
    "process",
    ".",
    "pneumothorax",
    "left",
    "small",
    "lung",
    "clear",
    "##s",
]
WORDS += ["drain"]


@dataclass(frozen=True)
class Size:
    """How wide the networks are."""

    unet: tuple[int, ...]
    vae: tuple[int, ...]
    heads: int
    hidden: int
    layers: int
    inner: int
    words: int
    latent: int


NARROW = Size((32, 32, 64, 64, 64), (32, 32, 32, 32), 8, 32, 2, 64, len(WORDS), 16)
REAL = Size((128, 256, 512, 768, 1024), (128, 256, 512, 512), 32, 768, 12, 3072, 30522, 64)


def unet(size: Size) -> UNet2DConditionModel:
    """The U-Net of Appendix A: attention at 32 x 32 and below."""
    return UNet2DConditionModel(
        sample_size=size.latent,
        in_channels=4,
        out_channels=4,
        block_out_channels=size.unet,
        down_block_types=("DownBlock2D", *("CrossAttnDownBlock2D",) * 4),
        up_block_types=(*("CrossAttnUpBlock2D",) * 4, "UpBlock2D"),
        cross_attention_dim=size.hidden,
        attention_head_dim=size.heads,
    )


def vae(size: Size) -> AutoencoderKL:
    """SDXL's autoencoder."""
    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        latent_channels=4,
        layers_per_block=2,
        block_out_channels=size.vae,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        norm_num_groups=32,
        sample_size=1024,
        scaling_factor=0.13025,
        force_upcast=True,
    )


def text_state(size: Size) -> tuple[dict[str, torch.Tensor], BertConfig]:
    """CXR-BERT: a BERT for masked words, and a head that projects [CLS]."""
    config = BertConfig(
        vocab_size=size.words,
        hidden_size=size.hidden,
        num_hidden_layers=size.layers,
        num_attention_heads=size.hidden // 64 or 4,
        intermediate_size=size.inner,
        max_position_embeddings=512,
    )
    state = {name: value.clone() for name, value in BertForMaskedLM(config).state_dict().items()}
    wide = {"dense_to_hidden": (128, size.hidden), "dense_to_output": (128, 128)}
    for name, shape in wide.items():
        state[f"cls_projection_head.{name}.weight"] = torch.randn(shape)
        state[f"cls_projection_head.{name}.bias"] = torch.randn(128)
    state["cls_projection_head.LayerNorm.weight"] = torch.ones(128)
    state["cls_projection_head.LayerNorm.bias"] = torch.zeros(128)
    return state, config


def write_repositories(root: Path, size: Size, *, pickled: bool, seed: int = 0) -> BertConfig:
    """Write the three repositories into ``root/owner/name``, code and other weights beside the wanted ones too."""
    torch.manual_seed(seed)
    unet(size).save_pretrained(root / REPOSITORIES["unet"] / "unet")
    place = root / REPOSITORIES["vae"]
    vae(size).save_pretrained(place)
    (place / "sdxl_vae.safetensors").write_bytes(b"the same weights in the original layout: not read")
    place = root / REPOSITORIES["text"]
    place.mkdir(parents=True)
    state, config = text_state(size)
    if pickled:
        torch.save(state, place / "pytorch_model.bin")
    else:
        save_file(state, place / "model.safetensors", {"format": "pt"})
    settings = {
        **config.to_dict(),
        "model_type": "cxr-bert",
        "architectures": ["CXRBertModel"],
        "projection_size": 128,
        "auto_map": {
            "AutoConfig": "configuration_cxrbert.CXRBertConfig",
            "AutoModel": "modeling_cxrbert.CXRBertModel",
        },
    }
    (place / "config.json").write_text(json.dumps(settings))
    for code in ("modeling_cxrbert.py", "configuration_cxrbert.py"):
        (place / code).write_text("raise SystemExit('code of the repository was run')\n")
    (place / "biovil_t_image_model_proj_size_128.pt").write_bytes(b"the image model: not read by the editor")
    words = [*WORDS, *(f"[unused{number}]" for number in range(size.words - len(WORDS)))]
    (place / "vocab.txt").write_text("\n".join(words) + "\n")
    (place / "special_tokens_map.json").write_text(
        json.dumps({"cls_token": "[CLS]", "mask_token": "[MASK]", "pad_token": "[PAD]", "sep_token": "[SEP]"})
    )
    (place / "tokenizer_config.json").write_text(
        json.dumps(
            {
                "tokenizer_class": "CXRBertTokenizer",
                "do_lower_case": True,
                "auto_map": {"AutoTokenizer": ["configuration_cxrbert.CXRBertTokenizer", None]},
            }
        )
    )
    return config


class Hub:
    """A hub that serves ``root/owner/name``: it copies what matches, and remembers what was asked for."""

    def __init__(self, root: Path, cache: Path) -> None:
        self.root, self.cache = root, cache
        self.asked: list[tuple[str, str]] = []

    def snapshot_download(self, repository: str, *, revision: str, allow_patterns: list[str]) -> str:
        self.asked.append((repository, revision))
        source, target = self.root / repository, self.cache / repository / revision
        for file in sorted(source.rglob("*")):
            name = file.relative_to(source).as_posix()
            if file.is_file() and any(fnmatch.fnmatch(name, pattern) for pattern in allow_patterns):
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                if not (target / name).exists():
                    shutil.copyfile(file, target / name)
        return str(target)


def main() -> None:
    """Load networks of the real size by ``bundles/radedit.yaml``, edit a film of 512 x 512; say time and memory."""
    import resource
    import tempfile
    import time
    from unittest import mock

    import numpy as np

    from radbench.api.bundles import named_bundle
    from radbench.diffusion.bundle import load_bundle
    from radbench.diffusion.pipeline import RadEditPipeline

    def said(what: str, started: float) -> None:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
        print(f"{what}: {time.perf_counter() - started:.1f} s, peak memory so far {peak:.1f} GiB", flush=True)  # noqa: T201

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        started = time.perf_counter()
        write_repositories(root / "hub", REAL, pickled=True)
        said("written", started)
        hub = Hub(root / "hub", root / "cache")
        started = time.perf_counter()
        with (
            mock.patch("huggingface_hub.snapshot_download", hub.snapshot_download),
            mock.patch.dict("os.environ", {"RADBENCH_CACHE": str(root / "radbench")}),
        ):
            bundle = load_bundle(named_bundle("radedit"))
        count = sum(weight.numel() for weight in bundle.unet.parameters())
        said(f"digests taken, converted and loaded, U-Net of {count / 1e6:.0f} M parameters", started)
        film = np.random.default_rng(0).integers(0, 256, (512, 512), dtype=np.uint8)
        mask = np.zeros((512, 512), bool)
        mask[128:256, 128:256] = True
        pipeline = RadEditPipeline.from_bundle(bundle)
        pipeline.set_progress_bar_config(disable=True)
        for steps in (1, 2):
            started = time.perf_counter()
            pipeline("No acute process.", film, mask, num_inference_steps=steps, skip_ratio=0.0)
            said(f"edited, 512 x 512, {steps} step(s)", started)


if __name__ == "__main__":
    main()
