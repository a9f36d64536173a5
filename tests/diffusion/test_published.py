"""The released weights load by ``bundles/radedit.yaml``, shown on folders of the same names and configurations."""

import pytest
import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline
from published import NARROW, REAL, REPOSITORIES, Hub, unet, write_repositories
from safetensors.torch import load_file
from transformers import BertConfig, BertModel, BertTokenizerFast

from radbench.api.bundles import named_bundle
from radbench.diffusion.assembly import bundle_digests
from radbench.diffusion.bundle import load_bundle
from radbench.diffusion.encoding import encode_prompts
from radbench.diffusion.network import _LIMIT
from radbench.diffusion.pipeline import RadEditPipeline

PROMPTS = ["No acute cardiopulmonary process.", "", "Small left pneumothorax"]
REVISIONS = {
    "microsoft/radedit": "e8ebd31",
    "stabilityai/sdxl-vae": "6f5909a",
    "microsoft/BiomedVLP-BioViL-T": "692f09e",
}


@pytest.fixture(scope="module", params=["safetensors", "pickled"])
def repositories(request, tmp_path_factory):
    root = tmp_path_factory.mktemp(request.param)
    write_repositories(root, NARROW, pickled=request.param == "pickled")
    return root


@pytest.fixture
def hub(repositories, tmp_path, monkeypatch):
    served = Hub(repositories, tmp_path / "hub-cache")
    monkeypatch.setattr("huggingface_hub.snapshot_download", served.snapshot_download)
    return served


def released(root, **changes):
    """The pipeline as its users build it, on the same weights, with nothing of radbench's."""
    place = root / REPOSITORIES["text"]
    pickled = (place / "pytorch_model.bin").is_file()
    state = (
        torch.load(place / "pytorch_model.bin", weights_only=True)
        if pickled
        else load_file(place / "model.safetensors")
    )
    config = BertConfig.from_json_file(place / "config.json")
    for name, value in changes.items():
        setattr(config, name, value)
    text = BertModel(config, add_pooling_layer=False).eval()
    text.load_state_dict({name[5:]: value for name, value in state.items() if name.startswith("bert.")})
    tokenizer = BertTokenizerFast.from_pretrained(str(place), model_max_length=128)
    parts = {"safety_checker": None, "requires_safety_checker": False, "feature_extractor": None, "vae": None}
    return StableDiffusionPipeline(
        text_encoder=text,
        tokenizer=tokenizer,
        unet=unet(NARROW),
        scheduler=DDIMScheduler(steps_offset=1, clip_sample=False),
        **parts,
    )


def test_the_declared_bundle_is_found_by_name_and_pinned(hub):
    assembly = named_bundle("radedit")
    bundle_digests(assembly)
    assert {repository: revision[:7] for repository, revision in hub.asked} == REVISIONS
    assert all(len(revision) == 40 for _, revision in hub.asked)


def test_it_loads_without_code_and_reads_no_other_weights(hub, repositories):
    bundle = load_bundle(named_bundle("radedit"))
    fetched = {file.name for file in hub.cache.rglob("*") if file.is_file()}
    assert not any(name.endswith((".py", ".pt")) or name == "sdxl_vae.safetensors" for name in fetched)
    assert ("pytorch_model.bin" in fetched) == (
        repositories / REPOSITORIES["text"] / "pytorch_model.bin"
    ).is_file()
    stored = load_file(repositories / REPOSITORIES["unet"] / "unet" / "diffusion_pytorch_model.safetensors")
    assert torch.equal(bundle.unet.conv_in.weight, stored["conv_in.weight"])
    assert (bundle.max_length, bundle.attend_to_padding) == (128, True)
    config = bundle.scheduler.config
    assert (config.beta_schedule, config.clip_sample, config.prediction_type) == ("linear", False, "epsilon")
    assert (config.timestep_spacing, config.steps_offset) == ("trailing", 1)
    assert float(bundle.vae.config.scaling_factor) == 0.13025


@pytest.mark.parametrize("masked", [False, True])
def test_embeddings_are_those_of_the_released_usage(hub, repositories, masked):
    bundle = load_bundle(named_bundle("radedit"))
    pipeline = released(repositories, use_attention_mask=masked)
    table, row = encode_prompts(bundle.tokenizer, bundle.text_encoder, PROMPTS, 128, not masked)
    assert table.shape == (3, 128, NARROW.hidden)
    for prompt in PROMPTS:
        with torch.no_grad():
            wanted, unconditional = pipeline.encode_prompt(prompt, "cpu", 1, True)
        assert torch.allclose(table[row[prompt]], wanted[0], atol=1e-5)
        assert torch.allclose(table[row[""]], unconditional[0], atol=1e-5)
    if masked:
        open_to_all = encode_prompts(bundle.tokenizer, bundle.text_encoder, PROMPTS, 128)[0]
        assert float((open_to_all - table).abs().max()) > 1e-3


def test_words_are_split_as_the_vocabulary_says(hub):
    tokenizer = load_bundle(named_bundle("radedit")).tokenizer
    assert tokenizer.tokenize("No acute DRAINs.") == ["no", "acute", "drain", "##s", "."]


def test_the_pipeline_reads_what_the_bundle_declares(hub, tmp_path):
    bundle = load_bundle(named_bundle("radedit"))
    pipeline = RadEditPipeline.from_bundle(bundle)
    assert pipeline._bundle().max_length == 128
    pipeline.save_pretrained(tmp_path / "saved")
    again = RadEditPipeline.from_pretrained(tmp_path / "saved")
    for found in (again._bundle(), load_bundle(tmp_path / "saved")):
        assert (found.max_length, found.attend_to_padding) == (128, True)


def test_the_real_network_is_small_enough_to_be_packed():
    with torch.device("meta"):
        network = unet(REAL)
    count = sum(weight.numel() for weight in network.parameters())
    assert 540e6 < count < 560e6
    assert 2 * 1024**3 < 4 * count <= _LIMIT
