import copy
import json
import logging
import shutil
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file

from radbench.diffusion.assembly import Assembly, ComponentRef, bundle_digests, resolve
from radbench.diffusion.bundle import _encoder_class, load_bundle
from radbench.diffusion.pipeline import RadEditPipeline
from radbench.errors import UsageError
from radbench.runtime import sha256_file

UNET = "unet/diffusion_pytorch_model.safetensors"


def datasheet(folder, **changes):
    files = {
        str(f.relative_to(folder)): sha256_file(f) for f in folder.glob("*/*") if f.suffix == ".safetensors"
    }
    (folder / "datasheet.json").write_text(json.dumps({"files": {**files, **changes}}))


def same_weights(first, second):
    a, b = first.state_dict(), second.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def test_a_folder_is_loaded_ready_to_edit(bundle, parts, folder):
    assert same_weights(bundle.unet, parts["unet"])
    assert same_weights(bundle.vae, parts["vae"])
    assert not bundle.unet.training
    assert not any(
        p.requires_grad for m in (bundle.unet, bundle.vae, bundle.text_encoder) for p in m.parameters()
    )
    assert bundle.max_length == 16
    assert bundle.name == folder.name
    assert bundle.device.type == "cpu"
    assert bundle.digests == bundle_digests(folder)


def test_digests_follow_the_bytes_of_their_own_component(folder_copy):
    before = bundle_digests(folder_copy)
    config = folder_copy / "vae" / "config.json"
    config.write_text(config.read_text() + " ")
    after = bundle_digests(folder_copy)
    assert {name for name in before if before[name] != after[name]} == {"vae"}


def test_a_right_datasheet_is_accepted(folder_copy):
    before = bundle_digests(folder_copy)
    datasheet(folder_copy)
    assert bundle_digests(folder_copy) == before


def test_a_wrong_digest_names_file_and_digests(folder_copy):
    datasheet(folder_copy, **{UNET: "0" * 64})
    actual = sha256_file(folder_copy / UNET)
    with pytest.raises(UsageError, match=f"{UNET}.*{actual}.*{'0' * 64}"):
        load_bundle(folder_copy)


def test_weights_that_the_datasheet_does_not_list_are_refused(folder_copy):
    (folder_copy / "datasheet.json").write_text('{"files": {}}')
    with pytest.raises(UsageError, match="not listed"):
        bundle_digests(folder_copy)


@pytest.mark.parametrize("text", ["{", "[]", '{"files": 3}', "{}"])
def test_a_broken_datasheet_is_one_sentence(folder_copy, text):
    (folder_copy / "datasheet.json").write_text(text)
    with pytest.raises(UsageError, match="datasheet"):
        bundle_digests(folder_copy)


def test_a_listed_file_that_is_missing_is_one_sentence(folder_copy):
    datasheet(folder_copy, **{"unet/more.safetensors": "0" * 64})
    with pytest.raises(UsageError, match=r"more\.safetensors"):
        bundle_digests(folder_copy)


@pytest.mark.parametrize("component", ["unet", "vae", "text_encoder"])
def test_damaged_weights_are_one_sentence(folder_copy, component):
    weights = next((folder_copy / component).glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(UsageError, match=f"Cannot load the {component} from") as error:
        load_bundle(folder_copy)
    assert "\n" not in str(error.value)


def test_weights_of_another_shape_are_one_sentence(folder_copy):
    path = folder_copy / "unet" / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "in_channels": 5}))
    with pytest.raises(UsageError, match="Cannot load the unet"):
        load_bundle(folder_copy)


def test_pickles_are_refused(folder_copy):
    weights = folder_copy / UNET
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(
        UsageError, match=r"no \.safetensors file for the unet: found diffusion_pytorch_model\.bin"
    ):
        load_bundle(folder_copy)


def test_weights_under_another_name_are_not_taken_for_the_component_s(folder_copy):
    (folder_copy / UNET).rename(folder_copy / "unet" / "original.safetensors")
    with pytest.raises(UsageError, match=r"found original\.safetensors, which is not its weights' name"):
        load_bundle(folder_copy)


@pytest.mark.parametrize("component", ["unet", "vae", "text_encoder"])
def test_a_weight_that_the_file_lacks_is_never_made_up(folder_copy, component):
    file = next((folder_copy / component).glob("*.safetensors"))
    state = load_file(file)
    gone = min(state)
    del state[gone]
    save_file(state, file, {"format": "pt"})
    with pytest.raises(UsageError, match=rf"the {component} in .* lack 1 of those .* '{gone}'"):
        load_bundle(folder_copy)


def test_what_is_declared_of_prompts_has_a_digest(repositories):
    digests = [
        bundle_digests(assembled(repositories, **declared))["prompts"]
        for declared in ({}, {"max_length": 16}, {"attend_to_padding": True}, {"attend_to_padding": False})
    ]
    assert len(set(digests)) == 4


def test_a_folder_s_index_may_declare_how_prompts_are_read(folder_copy):
    before = bundle_digests(folder_copy)
    index = folder_copy / "model_index.json"
    content = json.loads(index.read_text())
    index.write_text(json.dumps({**content, "max_length": 9, "attend_to_padding": False}))
    found = load_bundle(folder_copy)
    assert (found.max_length, found.attend_to_padding) == (9, False)
    assert {name for name in before if before[name] != found.digests[name]} == {"prompts"}


@pytest.mark.parametrize("wrong", [{"max_length": "long"}, {"max_length": 1}, {"attend_to_padding": 1}])
def test_an_index_that_declares_nonsense_is_one_sentence(folder_copy, wrong):
    index = folder_copy / "model_index.json"
    index.write_text(json.dumps({**json.loads(index.read_text()), **wrong}))
    with pytest.raises(UsageError, match=next(iter(wrong))):
        load_bundle(folder_copy)


def test_another_class_is_refused(folder_copy):
    path = folder_copy / "vae" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "_class_name": "VQModel"}))
    with pytest.raises(UsageError, match="is a VQModel; expected a AutoencoderKL"):
        load_bundle(folder_copy)


def test_a_folder_without_an_index_is_one_sentence(tmp_path):
    with pytest.raises(UsageError, match=r"model_index\.json"):
        load_bundle(tmp_path)


def test_loading_says_nothing_and_leaves_the_loggers_alone(folder, capfd):
    level = logging.getLogger("transformers").level
    load_bundle(folder)
    assert capfd.readouterr() == ("", "")
    assert logging.getLogger("transformers").level == level


@pytest.fixture
def repositories(folder, tmp_path):
    """The same parts, laid out as four repositories with subfolders of their own."""
    shutil.copytree(folder / "unet", tmp_path / "lab-radedit" / "unet")
    shutil.copytree(folder / "vae", tmp_path / "vae-repo")
    shutil.copytree(folder / "text_encoder", tmp_path / "text" / "encoder")
    shutil.copytree(folder / "tokenizer", tmp_path / "text", dirs_exist_ok=True)
    return tmp_path


def assembled(root, **changes):
    parts = {
        "name": "assembled",
        "unet": ComponentRef(str(root / "lab-radedit"), "unet"),
        "vae": ComponentRef(str(root / "vae-repo")),
        "text_encoder": ComponentRef(str(root / "text"), "encoder"),
        "tokenizer": ComponentRef(str(root / "text")),
        "scheduler": {"_class_name": "DDIMScheduler", "clip_sample": False, "timestep_spacing": "trailing"},
        "max_length": 8,
    }
    return Assembly(**{**parts, **changes})


def test_an_assembly_of_parts_is_the_same_model(bundle, repositories):
    found = load_bundle(assembled(repositories))
    assert found.name == "assembled"
    assert found.max_length == 8
    assert same_weights(found.unet, bundle.unet)
    assert found.scheduler.config.timestep_spacing == "trailing"
    assert {
        name: found.digests[name] == bundle.digests[name] for name in ("unet", "vae", "text_encoder")
    } == {
        "unet": True,
        "vae": True,
        "text_encoder": True,
    }
    assert found.digests == bundle_digests(assembled(repositories))


def test_scheduler_settings_have_a_digest_and_names_are_checked(repositories):
    first, second = (
        bundle_digests(assembled(repositories, scheduler={"beta_end": end})) for end in (0.02, 0.03)
    )
    assert first["scheduler"] != second["scheduler"]
    with pytest.raises(UsageError, match=r"'beta_strat'.*Did you mean 'beta_start'"):
        load_bundle(assembled(repositories, scheduler={"beta_strat": 1e-4}))
    with pytest.raises(UsageError, match=r"'DDIMSchedular'.*Did you mean 'DDIMScheduler'"):
        load_bundle(assembled(repositories, scheduler={"_class_name": "DDIMSchedular"}))


def test_a_missing_part_is_one_sentence(repositories):
    with pytest.raises(UsageError, match="nowhere"):
        load_bundle(assembled(repositories, vae=ComponentRef(str(repositories / "nowhere"))))


def test_hub_parts_are_pinned_and_fetch_neither_code_nor_pickles(bundle, repositories, monkeypatch):
    import huggingface_hub

    asked = []

    def fetch(repo, *, revision, allow_patterns):
        asked.append((repo, revision, tuple(allow_patterns)))
        return str(repositories / "lab-radedit")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetch)
    found = load_bundle(assembled(repositories, unet=ComponentRef("lab/radedit", "unet", "abc123")))
    assert same_weights(found.unet, bundle.unet)
    weights = ("unet/diffusion_pytorch_model.safetensors", "unet/diffusion_pytorch_model-*.safetensors")
    patterns = ("unet/*.json", "unet/*.txt", "unet/*.model", *weights)
    assert set(asked) == {("lab/radedit", "abc123", patterns)}


def test_a_hub_that_cannot_be_reached_is_one_sentence(repositories, monkeypatch):
    import huggingface_hub

    def fail(*_args, **_kwargs):
        raise OSError("offline\nfor now")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    with pytest.raises(UsageError, match="Cannot fetch lab/radedit at revision main from the hub: offline"):
        load_bundle(assembled(repositories, unet=ComponentRef("lab/radedit")))


def test_what_names_the_hub(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here" / "is").mkdir(parents=True)
    names = {
        "owner/name": True,
        "./owner/name": False,
        "/owner/name": False,
        "~/name": False,
        "here/is": False,
    }
    assert {name: ComponentRef(name).is_hub for name in names} == names
    assert resolve(assembled(tmp_path)).name == "assembled"


def test_cxr_bert_is_read_as_the_bert_it_is(repositories, bundle):
    for path in (repositories / "text" / "encoder" / "config.json",):
        path.write_text(json.dumps({**json.loads(path.read_text()), "model_type": "cxr-bert"}))
    found = load_bundle(assembled(repositories))
    tokens = torch.tensor([[2, 5, 3]])
    assert torch.equal(
        found.text_encoder(tokens).last_hidden_state, bundle.text_encoder(tokens).last_hidden_state
    )


def test_no_pooling_layer_is_made_up_for_the_text_encoder(bundle):
    assert bundle.text_encoder.pooler is None


@pytest.mark.parametrize("kind", ["bert", "clip_text_model", "t5", "unheard-of"])
def test_every_model_type_has_a_class_to_load_it_with(kind):
    assert callable(_encoder_class(kind).from_pretrained)


def test_half_precision_weights_are_loaded_in_float32(parts, tmp_path):
    RadEditPipeline(**parts).save_pretrained(tmp_path)
    copy.deepcopy(parts["unet"]).half().save_pretrained(tmp_path / "unet")
    unet = load_bundle(tmp_path).unet
    assert {weight.dtype for weight in unet.parameters()} == {torch.float32}
    assert torch.equal(unet.conv_in.weight, parts["unet"].conv_in.weight.half().float())


@pytest.mark.slow
def test_a_fresh_process_loads_without_a_remark(folder):
    code = (
        "import sys; from radbench.diffusion.bundle import load_bundle;"
        f"load_bundle({str(folder)!r});"
        "from radbench.diffusion.pipeline import RadEditPipeline;"
        "from diffusers.utils import logging; logging.disable_progress_bar();"
        f"RadEditPipeline.from_pretrained({str(folder)!r})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
