"""BioViL-T from a folder that has the structure of Microsoft's published one, and random weights.

The names and sizes are written out here from the public structure (torchvision's ResNet-50 and hi-ml's
``MultiImageEncoder``, ``VisionTransformerPooler``, ``MLP`` and ``CXRBertModel``), never from the module under test.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional

from radbench.errors import UsageError
from radbench.quality.encoders import encoder_digest, load_encoder
from radbench.quality.encoders.biovil_t import inference_pixels

IMAGE_FILE = "biovil_t_image_model_proj_size_128.pt"
WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "no",
    "left",
    "right",
    "pneumothorax",
    ".",
    "there",
    "is",
]
CONFIG = {
    "architectures": ["CXRBertModel"],
    "auto_map": {"AutoModel": "modeling_cxrbert.CXRBertModel"},
    "model_type": "cxr-bert",
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "max_position_embeddings": 16,
    "projection_size": 128,
    "vocab_size": len(WORDS),
    "type_vocab_size": 2,
}


def image_sizes() -> dict[str, tuple[int, ...]]:
    sizes: dict[str, tuple[int, ...]] = {}

    def normed(conv: str, norm: str, size: tuple[int, ...]) -> None:
        sizes[f"{conv}.weight"] = size
        for part in ("weight", "bias", "running_mean", "running_var"):
            sizes[f"{norm}.{part}"] = size[:1]
        sizes[f"{norm}.num_batches_tracked"] = ()

    trunk = "encoder.encoder."
    normed(trunk + "conv1", trunk + "bn1", (64, 3, 7, 7))
    wide = 64
    for layer, (blocks, narrow) in enumerate(zip((3, 4, 6, 3), (64, 128, 256, 512), strict=True), start=1):
        for block in range(blocks):
            name = f"{trunk}layer{layer}.{block}."
            normed(name + "conv1", name + "bn1", (narrow, wide, 1, 1))
            normed(name + "conv2", name + "bn2", (narrow, narrow, 3, 3))
            normed(name + "conv3", name + "bn3", (4 * narrow, narrow, 1, 1))
            if block == 0:
                normed(name + "downsample.0", name + "downsample.1", (4 * narrow, wide, 1, 1))
            wide = 4 * narrow
    sizes |= {trunk + "fc.weight": (1000, 2048), trunk + "fc.bias": (1000,)}
    sizes |= {
        "encoder.backbone_to_vit.weight": (256, 2048, 1, 1),
        "encoder.missing_previous_emb": (1, 256, 1, 1),
    }
    pooler = "encoder.vit_pooler."
    sizes |= {pooler + "type_embed": (2, 1, 256)}
    sizes |= {f"{pooler}norm_post.{part}": (256,) for part in ("weight", "bias")}
    for block in range(3):
        name = f"{pooler}blocks.{block}."
        sizes |= {f"{name}attn.proj_{part}.weight": (256, 256) for part in "qkv"}
        for part in ("attn.proj", "mlp.fc1", "mlp.fc2"):
            sizes |= {f"{name}{part}.weight": (256, 256), f"{name}{part}.bias": (256,)}
        for part in ("norm1", "norm2"):
            sizes |= {f"{name}{part}.weight": (256,), f"{name}{part}.bias": (256,)}
    normed("projector.model.0", "projector.model.1", (128, 512, 1, 1))
    return sizes | {"projector.model.3.weight": (128, 128, 1, 1), "projector.model.3.bias": (128,)}


def text_sizes() -> dict[str, tuple[int, ...]]:
    hidden, inner, words = CONFIG["hidden_size"], CONFIG["intermediate_size"], CONFIG["vocab_size"]
    sizes: dict[str, tuple[int, ...]] = {
        "bert.embeddings.word_embeddings.weight": (words, hidden),
        "bert.embeddings.position_embeddings.weight": (16, hidden),
        "bert.embeddings.token_type_embeddings.weight": (2, hidden),
        "cls.predictions.bias": (words,),
        "cls.predictions.decoder.weight": (words, hidden),
        "cls.predictions.decoder.bias": (words,),
    }

    def linear(name: str, out: int, wide: int) -> None:
        sizes.update({f"{name}.weight": (out, wide), f"{name}.bias": (out,)})

    def norm(name: str, wide: int) -> None:
        sizes.update({f"{name}.weight": (wide,), f"{name}.bias": (wide,)})

    norm("bert.embeddings.LayerNorm", hidden)
    for layer in range(CONFIG["num_hidden_layers"]):
        name = f"bert.encoder.layer.{layer}."
        for part in ("query", "key", "value"):
            linear(f"{name}attention.self.{part}", hidden, hidden)
        linear(f"{name}attention.output.dense", hidden, hidden)
        norm(f"{name}attention.output.LayerNorm", hidden)
        linear(f"{name}intermediate.dense", inner, hidden)
        linear(f"{name}output.dense", hidden, inner)
        norm(f"{name}output.LayerNorm", hidden)
    linear("cls.predictions.transform.dense", hidden, hidden)
    norm("cls.predictions.transform.LayerNorm", hidden)
    linear("cls_projection_head.dense_to_hidden", 128, hidden)
    norm("cls_projection_head.LayerNorm", 128)
    linear("cls_projection_head.dense_to_output", 128, 128)
    return sizes


def random_state(sizes: dict[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    """Random weights; what is large repeats one row or filter, so that the file stays small."""
    generator = torch.Generator().manual_seed(0)
    state = {}
    for name, size in sizes.items():
        if not size:
            state[name] = torch.tensor(7)
        elif name.endswith("running_var"):
            state[name] = torch.rand(size, generator=generator) + 0.5
        elif int(np.prod(size)) > 20_000:
            fan_in = int(np.prod(size[1:]))
            row = torch.randn((1, *size[1:]), generator=generator) * (2 / fan_in) ** 0.5
            state[name] = row.expand(size)
        else:
            state[name] = torch.randn(size, generator=generator) * 0.5
    return state


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("biovil-t")
    torch.save(random_state(image_sizes()), place / IMAGE_FILE)
    save_file({n: v.contiguous() for n, v in random_state(text_sizes()).items()}, place / "model.safetensors")
    (place / "config.json").write_text(json.dumps(CONFIG))
    (place / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    (place / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": True, "model_max_length": 16}))
    return place


@pytest.fixture(scope="module")
def encoder(folder):
    return load_encoder(str(folder))


def films(count=2, size=(70, 90)):
    return list(np.random.default_rng(0).integers(0, 256, (count, *size), dtype=np.uint8))


def test_the_structure_has_372_keys_and_the_file_is_small(folder):
    assert len(image_sizes()) == 372
    assert (folder / IMAGE_FILE).stat().st_size < 2_000_000


def test_image_embedding_is_that_of_the_published_structure(encoder):
    """The same weights in torchvision's ResNet-50 and plain functions."""
    resnet50 = pytest.importorskip("torchvision").models.resnet50
    state = random_state(image_sizes())
    trunk = resnet50(weights=None)
    prefix = "encoder.encoder."
    trunk.load_state_dict({n.removeprefix(prefix): v for n, v in state.items() if n.startswith(prefix)})
    trunk.fc = trunk.avgpool = torch.nn.Identity()
    trunk.eval()
    pixels = inference_pixels(films(1)[0])[None]
    with torch.no_grad():
        patches = trunk(pixels).view(1, 2048, 14, 14)
        static = functional.conv2d(patches, state["encoder.backbone_to_vit.weight"])
        fused = torch.cat([static, state["encoder.missing_previous_emb"].repeat(1, 1, 14, 14)], dim=1)
        hidden = functional.conv2d(fused, state["projector.model.0.weight"])
        norm = [state[f"projector.model.1.{n}"] for n in ("running_mean", "running_var", "weight", "bias")]
        hidden = functional.batch_norm(hidden, *norm).relu()
        last = [state[f"projector.model.3.{n}"] for n in ("weight", "bias")]
        expected = functional.normalize(functional.conv2d(hidden, *last).mean(dim=(2, 3)), dim=1)
    np.testing.assert_allclose(encoder.embed_images(films(1)), expected.numpy(), atol=1e-5)


def test_text_embedding_is_the_projected_cls_state(encoder):
    """The same weights in transformers' BertForMaskedLM, whose last hidden state CXR-BERT projects."""
    from transformers import BertConfig, BertForMaskedLM

    state = random_state(text_sizes())
    bert = BertForMaskedLM(BertConfig(**{k: v for k, v in CONFIG.items() if k != "model_type"})).eval()
    bert.bert.load_state_dict({n[5:]: v for n, v in state.items() if n.startswith("bert.")})
    head = {n.removeprefix("cls_projection_head."): v for n, v in state.items()}
    tokens = torch.tensor([[2, WORDS.index("left"), WORDS.index("pneumothorax"), 3]])
    with torch.no_grad():
        cls = bert(tokens, output_hidden_states=True).hidden_states[-1][:, 0]
        hidden = functional.linear(cls, head["dense_to_hidden.weight"], head["dense_to_hidden.bias"])
        hidden = functional.layer_norm(
            functional.gelu(hidden), (128,), head["LayerNorm.weight"], head["LayerNorm.bias"], eps=1e-12
        )
        out = functional.linear(hidden, head["dense_to_output.weight"], head["dense_to_output.bias"])
        expected = functional.normalize(out, dim=1)
    np.testing.assert_allclose(encoder.embed_texts(["Left pneumothorax."]), expected.numpy(), atol=1e-5)


def test_rows_are_unit_vectors_and_never_depend_on_each_other(encoder, folder):
    images, texts = films(2), ["No pneumothorax", "Right pneumothorax.", ""]
    together = encoder.embed_images(images)
    assert together.shape == (2, 128) and together.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    assert np.array_equal(encoder.embed_images(images[1:])[0], together[1])
    spoken = encoder.embed_texts(texts)
    assert spoken.shape == (3, 128) and spoken.dtype == np.float32
    assert np.array_equal(encoder.embed_texts(texts[1:]), spoken[1:])
    assert encoder.embed_images([]).shape == encoder.embed_texts([]).shape == (0, 128)
    assert encoder.digest == encoder_digest(str(folder))


@pytest.mark.parametrize("size", [(448, 600), (512, 512), (700, 461), (64, 64)])
def test_pixels_are_those_of_torchvisions_transform(size):
    transforms = pytest.importorskip("torchvision").transforms
    from PIL import Image

    image = films(1, size)[0]
    steps = [transforms.Resize(512), transforms.CenterCrop(448), transforms.ToTensor()]
    expected = transforms.Compose(steps)(Image.fromarray(image))
    found = inference_pixels(image)
    assert found.shape == (3, 448, 448)
    assert all(torch.equal(channel, expected[0]) for channel in found)


def changed(folder: Path, place: Path, image=None, text=None) -> str:
    shutil.copytree(folder, place)
    if image is not None:
        state = random_state(image_sizes())
        image(state)
        torch.save(state, place / IMAGE_FILE)
    if text is not None:
        state = {n: v.contiguous() for n, v in random_state(text_sizes()).items()}
        text(state)
        (place / "model.safetensors").unlink()
        torch.save(state, place / "pytorch_model.bin")
    return str(place)


@pytest.mark.parametrize(
    "key",
    [
        "encoder.encoder.layer3.5.bn2.running_var",
        "encoder.missing_previous_emb",
        "encoder.vit_pooler.blocks.2.attn.proj_k.weight",
        "projector.model.3.bias",
    ],
)
def test_a_missing_image_key_is_named(folder, tmp_path, key):
    place = changed(folder, tmp_path / "x", image=lambda state: state.pop(key))
    with pytest.raises(UsageError, match=f"missing key '{key}'; expected 372 keys") as caught:
        load_encoder(place)
    assert IMAGE_FILE in str(caught.value) and "\n" not in str(caught.value)


def test_many_missing_an_unknown_and_a_wrong_size_are_named(folder, tmp_path):
    def without_pooler(state):
        for name in [name for name in state if "vit_pooler" in name]:
            del state[name]

    with pytest.raises(UsageError, match=r"missing 42 keys 'encoder\.vit_pooler\..*and 39 more"):
        load_encoder(changed(folder, tmp_path / "a", image=without_pooler))
    more = {"classifier.fc_0.weight": torch.ones(1)}
    with pytest.raises(UsageError, match=r"unknown key 'classifier\.fc_0\.weight'"):
        load_encoder(changed(folder, tmp_path / "b", image=lambda state: state.update(more)))
    bias = {"projector.model.3.bias": torch.ones(64)}
    with pytest.raises(
        UsageError, match=r"'projector\.model\.3\.bias' is of size \(64,\), expected \(128,\)"
    ):
        load_encoder(changed(folder, tmp_path / "c", image=lambda state: state.update(bias)))


def test_text_weights_may_be_a_plain_pickle_of_tensors(folder, tmp_path, encoder):
    old = {"bert.embeddings.position_ids": torch.arange(16)[None]}
    place = changed(folder, tmp_path / "x", text=lambda state: state.update(old))
    assert np.array_equal(load_encoder(place).embed_texts(["left"]), encoder.embed_texts(["left"]))


def test_missing_text_keys_are_named_as_the_file_names_them(folder, tmp_path):
    key = "cls_projection_head.dense_to_output.bias"
    with pytest.raises(UsageError, match=f"missing key '{key}'"):
        load_encoder(changed(folder, tmp_path / "a", text=lambda state: state.pop(key)))
    key = "bert.encoder.layer.1.output.dense.weight"
    with pytest.raises(UsageError, match=f"missing key '{key}'"):
        load_encoder(changed(folder, tmp_path / "b", text=lambda state: state.pop(key)))


class Trap:
    def __reduce__(self):
        return print, ("code ran",)


def test_a_pickle_that_holds_more_than_tensors_is_not_read(folder, tmp_path, capsys):
    place = changed(folder, tmp_path / "x", text=lambda state: state.update(trap=Trap()))
    with pytest.raises(UsageError, match="more than tensors"):
        load_encoder(place)
    assert "code ran" not in capsys.readouterr().out


@pytest.mark.parametrize("file", [IMAGE_FILE, "model.safetensors"])
@pytest.mark.parametrize("content", [b"", b"not weights at all"])
def test_damaged_weights_end_in_a_sentence(folder, tmp_path, file, content):
    shutil.copytree(folder, tmp_path / "x")
    (tmp_path / "x" / file).write_bytes(content)
    with pytest.raises(UsageError, match=file.replace(".", r"\.")):
        load_encoder(str(tmp_path / "x"))


@pytest.mark.parametrize("file", [IMAGE_FILE, "model.safetensors", "config.json", "vocab.txt"])
def test_a_missing_file_is_named(folder, tmp_path, file):
    shutil.copytree(folder, tmp_path / "x")
    (tmp_path / "x" / file).unlink()
    with pytest.raises(UsageError, match=file.replace(".", r"\.")):
        encoder_digest(str(tmp_path / "x"))


def test_a_wrong_configuration_and_a_long_text_end_in_a_sentence(folder, tmp_path, encoder):
    shutil.copytree(folder, tmp_path / "x")
    (tmp_path / "x" / "config.json").write_text("[]")
    with pytest.raises(UsageError, match=r"config\.json"):
        load_encoder(str(tmp_path / "x"))
    with pytest.raises(UsageError, match=r"has 42 tokens; .* at most 16"):
        encoder.embed_texts(["left " * 40])


def test_every_file_that_decides_the_embeddings_is_in_the_digest(folder, tmp_path):
    digest = encoder_digest(str(folder))
    for file in sorted(path.name for path in folder.iterdir()):
        place = tmp_path / file.replace(".", "-")
        shutil.copytree(folder, place)
        with (place / file).open("ab") as handle:
            handle.write(b" ")
        assert encoder_digest(str(place)) != digest, file
    shutil.copytree(folder, tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "README.md").write_text("not part of it")
    assert encoder_digest(str(tmp_path / "elsewhere")) == digest
