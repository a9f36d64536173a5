"""A text encoder's pickled state dict: read as tensors and nothing else, converted once, kept whole."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file

from radbench.diffusion import bundle as bundle_module
from radbench.diffusion.assembly import bundle_digests
from radbench.diffusion.bundle import load_bundle
from radbench.errors import UsageError


class Nasty:
    def __reduce__(self):
        return print, ("code of a pickle was run",)


@pytest.fixture
def old(folder_copy):
    """The tiny bundle as it would have been published before safetensors."""
    place = folder_copy / "text_encoder"
    torch.save(load_file(place / "model.safetensors"), place / "pytorch_model.bin")
    (place / "model.safetensors").unlink()
    return folder_copy


def test_it_is_the_same_encoder(old, bundle):
    found = load_bundle(old)
    for name, value in bundle.text_encoder.state_dict().items():
        assert torch.equal(found.text_encoder.state_dict()[name], value)
    assert found.digests["text_encoder"] != bundle.digests["text_encoder"]


def test_other_bytes_are_another_digest_and_another_encoder(old, bundle):
    before = bundle_digests(old)
    load_bundle(old)
    file = old / "text_encoder" / "pytorch_model.bin"
    torch.save({name: value * 2 for name, value in torch.load(file, weights_only=True).items()}, file)
    assert bundle_digests(old)["text_encoder"] != before["text_encoder"]
    weight = "embeddings.word_embeddings.weight"
    again = load_bundle(old).text_encoder.state_dict()[weight]
    assert torch.equal(again, 2 * bundle.text_encoder.state_dict()[weight])


def test_it_is_converted_once_and_again_where_the_copy_is_damaged(old, own_cache, monkeypatch):
    load_bundle(old)
    (copy,) = own_cache.glob("weights/*/model.safetensors")
    whole = copy.read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr(bundle_module, "_as_safetensors", lambda _: pytest.fail("converted twice"))
        load_bundle(old)
    copy.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    load_bundle(old)
    assert copy.read_bytes() == whole


@pytest.mark.parametrize("content", [{"weight": Nasty()}, Nasty(), {"weight": 3}, [torch.zeros(1)]])
def test_more_than_tensors_is_refused_and_never_run(old, content, capsys):
    torch.save(content, old / "text_encoder" / "pytorch_model.bin")
    with pytest.raises(UsageError, match=r"pytorch_model\.bin"):
        load_bundle(old)
    assert "code of a pickle" not in capsys.readouterr().out


def test_where_there_are_safetensors_the_pickle_is_not_touched(folder_copy, bundle):
    (folder_copy / "text_encoder" / "pytorch_model.bin").write_bytes(b"never read")
    assert load_bundle(folder_copy).digests == bundle.digests


@pytest.mark.parametrize("name", ["weights.bin", "model.ckpt", "model.pt", "model.pth"])
def test_every_other_pickle_stays_refused(old, name):
    place = old / "text_encoder"
    (place / "pytorch_model.bin").rename(place / name)
    with pytest.raises(UsageError, match=f"found {name}, which can run code when read"):
        load_bundle(old)


def test_the_datasheet_holds_for_it_too(old):
    (old / "datasheet.json").write_text(json.dumps({"files": {}}))
    shutil.rmtree(old / "unet")
    shutil.copytree(old / "vae", old / "unet")
    with pytest.raises(UsageError, match="not listed"):
        bundle_digests(old)
