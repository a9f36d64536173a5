import pytest

from radbench.api.bundles import find_bundle, uses_hub
from radbench.declared import shifts_dir
from radbench.diffusion.assembly import Assembly
from radbench.errors import UsageError
from radbench.specs import ShiftSpec, load_shift

ASSEMBLY = """\
name: parts
unet: {path_or_repo: ./unet-folder}
vae: {path_or_repo: ./all, subfolder: vae}
text_encoder: {path_or_repo: ./all, subfolder: text}
tokenizer: {path_or_repo: ./all, subfolder: text}
scheduler: {beta_schedule: linear}
max_length: 32
"""


def shift_with(tmp_path, bundle) -> ShiftSpec:
    text = (shifts_dir() / "manifestation.yaml").read_text(encoding="utf-8")
    file = tmp_path / "shift.yaml"
    file.write_text(text.replace("bundle: phantom", f"bundle: {bundle}"), encoding="utf-8")
    return load_shift(file)


def test_the_embedded_bundle_is_the_default():
    shift = load_shift(shifts_dir() / "manifestation.yaml")
    assert find_bundle(shift, None) == "phantom"
    assert not uses_hub("phantom")


def test_a_shift_s_folder_is_beside_its_yaml_and_an_option_s_in_the_current_folder(tmp_path, monkeypatch):
    shift = shift_with(tmp_path, "./mine")
    (tmp_path / "mine").mkdir()
    assert find_bundle(shift, None) == tmp_path / "mine"
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other").mkdir()
    assert find_bundle(shift, "other").resolve() == tmp_path / "other"
    assert find_bundle(shift, "phantom") == "phantom"


def test_a_bundle_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match=r"'\./nowhere' does not exist"):
        find_bundle(shift_with(tmp_path, "./nowhere"), None)


def test_an_assembly_keeps_parts_and_settings(tmp_path):
    (tmp_path / "parts.yaml").write_text(ASSEMBLY)
    found = find_bundle(shift_with(tmp_path, "./parts.yaml"), None)
    assert isinstance(found, Assembly)
    assert found.name == "parts"
    assert found.max_length == 32
    assert found.unet.path_or_repo == str(tmp_path / "unet-folder")
    assert (found.vae.path_or_repo, found.vae.subfolder) == (str(tmp_path / "all"), "vae")
    assert found.scheduler == {"beta_schedule": "linear"}
    assert not uses_hub(found)


def test_an_assembly_from_the_hub_is_known_as_such(tmp_path):
    text = ASSEMBLY.replace("{path_or_repo: ./unet-folder}", "{path_or_repo: owner/name, revision: 0123abc}")
    (tmp_path / "parts.yaml").write_text(text)
    found = find_bundle(shift_with(tmp_path, "./parts.yaml"), None)
    assert isinstance(found, Assembly)
    assert (found.unet.path_or_repo, found.unet.revision) == ("owner/name", "0123abc")
    assert uses_hub(found)


def test_a_declared_bundle_is_found_by_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shipped = find_bundle(shift_with(tmp_path, "radedit"), None)
    assert isinstance(shipped, Assembly)
    assert (shipped.max_length, shipped.attend_to_padding) == (128, True)
    assert uses_hub(shipped)
    (tmp_path / "bundles").mkdir()
    (tmp_path / "bundles" / "mine.yaml").write_text(ASSEMBLY.replace("./", f"{tmp_path}/"))
    mine = find_bundle(shift_with(tmp_path, "phantom"), "mine")
    assert isinstance(mine, Assembly) and mine.max_length == 32
    with pytest.raises(UsageError, match="Did you mean 'radedit'"):
        find_bundle(shift_with(tmp_path, "radedt"), None)


def test_a_hub_part_without_a_revision_is_told_how_to_find_one(tmp_path):
    (tmp_path / "parts.yaml").write_text(ASSEMBLY.replace("./unet-folder", "microsoft/radedit"))
    with pytest.raises(UsageError, match=r"git ls-remote https://huggingface\.co/microsoft/radedit"):
        find_bundle(shift_with(tmp_path, "./parts.yaml"), None)
