"""Finding an encoder: names, folders, hub repositories, and what is said when there is none."""

import subprocess
import sys
from pathlib import Path

import pytest

from radbench.errors import UsageError
from radbench.quality.encoders import encoder_digest
from radbench.quality.encoders.files import locate


def test_the_embedded_encoder_needs_no_heavy_library():
    code = (
        "import sys; from radbench.quality.encoders import encoder_digest; d = encoder_digest('phantom');"
        "assert len(d) == 64; assert not {'torch', 'timm', 'transformers', 'huggingface_hub'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("ref", ["phantm", "./nowhere", "/nowhere/at/all", "a/b/c", ""])
def test_an_unknown_encoder_is_named(ref, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if not ref:
        ref = str(tmp_path / "gone")
    with pytest.raises(UsageError, match="does not exist") as caught:
        encoder_digest(ref)
    assert ref in str(caught.value)


def test_an_empty_folder_says_what_belongs_there(tmp_path):
    with pytest.raises(UsageError, match="biovil_t_image_model_proj_size_128") as caught:
        encoder_digest(str(tmp_path))
    assert "\n" not in str(caught.value)


def test_a_repository_is_fetched_without_code_and_at_its_revision(tmp_path, monkeypatch):
    import huggingface_hub

    asked = {}

    def fetch(repository, revision, allow_patterns):
        asked.update(repository=repository, revision=revision, patterns=allow_patterns)
        for name in (
            "biovil_t_image_model_proj_size_128.pt",
            "model.safetensors",
            "config.json",
            "vocab.txt",
        ):
            (tmp_path / name).write_bytes(b"x")
        return str(tmp_path)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetch)
    place = locate("microsoft/BiomedVLP-BioViL-T@v1.0")
    assert (asked["repository"], asked["revision"]) == ("microsoft/BiomedVLP-BioViL-T", "v1.0")
    assert not any(pattern.endswith(".py") or "*" in pattern for pattern in asked["patterns"])
    assert place.kind == "biovil_t" and place.folder == tmp_path
    assert locate("microsoft/BiomedVLP-BioViL-T") and asked["revision"] is None


def test_a_repository_that_cannot_be_fetched_ends_in_a_sentence():
    with pytest.raises(UsageError, match="Cannot fetch nobody/nothing at revision main") as caught:
        encoder_digest("nobody/nothing")
    assert "\n" not in str(caught.value)


def test_a_local_folder_never_asks_the_hub(tmp_path, monkeypatch):
    import huggingface_hub

    def refuse(*_, **__):
        raise AssertionError("asked the hub")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    monkeypatch.chdir(tmp_path)
    Path("owner/name").mkdir(parents=True)
    with pytest.raises(UsageError, match="has no"):
        encoder_digest("owner/name")
