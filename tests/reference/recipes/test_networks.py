"""Every recipe's network is built, and starts where the recipe says."""

import pytest
import safetensors.torch
import torch
from recipe_world import NETWORK, recipe, segmenter

from radbench.declared import recipe_names, recipe_path
from radbench.errors import UsageError
from radbench.reference.recipes.networks import answer_of, build, state_of, state_sha256
from radbench.specs import load_recipe


@pytest.mark.parametrize("name", recipe_names())
def test_every_shipped_recipe_builds_its_network_and_it_answers(name):
    spec = load_recipe(recipe_path(name))
    network = build(spec).eval()
    with torch.inference_mode():
        found = answer_of(network(torch.zeros(2, spec.input.channels, 64, 64)), spec, (64, 64), 2)
    assert (found.logits is not None) == spec.labels_films
    assert (found.maps is not None) == spec.draws_masks
    if found.logits is not None:
        assert found.logits.shape == (2,)
    if found.maps is not None:
        assert found.maps.shape == (2, 1, 64, 64)


def test_an_output_of_another_shape_is_refused():
    spec = segmenter()
    with pytest.raises(UsageError, match=r"shape \[2, 1, 16, 16\] for 2 films of 32 x 32 pixels, expected"):
        answer_of(torch.zeros(2, 1, 16, 16), spec, (32, 32), 2)


def saved(path, state):
    safetensors.torch.save_file(state, path)
    return str(path)


def test_a_classifier_starts_from_a_file_of_three_channels_and_other_classes(tmp_path):
    import timm

    torch.manual_seed(1)
    other = timm.create_model("resnet18", num_classes=5, in_chans=3, **NETWORK)
    file = saved(tmp_path / "start.safetensors", state_of(other))
    torch.manual_seed(2)
    network = build(recipe(pretrained=file))
    given, found = other.state_dict(), network.state_dict()
    assert torch.equal(found["layer1.0.conv1.weight"], given["layer1.0.conv1.weight"])
    assert torch.allclose(found["conv1.weight"], given["conv1.weight"].sum(1, keepdim=True), atol=1e-6)
    assert found["fc.weight"].shape == (1, 8)


def test_a_segmenter_s_encoder_starts_from_a_file(tmp_path):
    import timm

    torch.manual_seed(1)
    other = timm.create_model("resnet18", num_classes=5, in_chans=3, **NETWORK)
    file = saved(tmp_path / "start.safetensors", state_of(other))
    network = build(segmenter(pretrained=file))
    given, found = other.state_dict(), network.encoder.state_dict()
    assert torch.equal(found["model.layer1.0.conv1.weight"], given["layer1.0.conv1.weight"])
    short = saved(tmp_path / "short.safetensors", {"conv1.weight": given["conv1.weight"]})
    with pytest.raises(UsageError, match="of the encoder, 'bn1"):
        build(segmenter(pretrained=short))


def test_a_start_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match="does not exist; expected a weights file"):
        build(recipe(pretrained=str(tmp_path / "none.safetensors")))
    with pytest.raises(UsageError, match="a segmenter does not start from the hub"):
        build(segmenter(pretrained="hf-hub:timm/resnet18.a1_in1k"))


def test_one_seed_one_start():
    torch.manual_seed(1)
    first = state_sha256(build(recipe()).state_dict())
    torch.manual_seed(1)
    assert state_sha256(build(recipe()).state_dict()) == first
    assert state_sha256(build(recipe()).state_dict()) != first
