"""The fast form of a network computes what the network does, with the same bits however it is run."""

import copy

import pytest
import torch
from diffusers import UNet2DConditionModel

from radbench.diffusion import network as network_module
from radbench.diffusion.network import FastNetwork, _Forward, fast_network, packed
from radbench.diffusion.rows import NoisePredictor, Texts, lanes

CPU = torch.device("cpu")
PLAIN = {
    "sample_size": 8,
    "in_channels": 4,
    "out_channels": 4,
    "block_out_channels": (16, 16),
    "layers_per_block": 1,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
    "cross_attention_dim": 16,
    "attention_head_dim": 4,
    "norm_num_groups": 4,
}
KINDS = {
    "text embedding, scale and shift": PLAIN
    | {
        "addition_embed_type": "text",
        "addition_embed_type_num_heads": 4,
        "resnet_time_scale_shift": "scale_shift",
    },
    "as Stable Diffusion 1": PLAIN,
    "as Stable Diffusion XL, without its size": PLAIN
    | {"use_linear_projection": True, "transformer_layers_per_block": 2},
    "resampling blocks": PLAIN
    | {
        "down_block_types": ("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"),
        "up_block_types": ("SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"),
        "mid_block_type": "UNetMidBlock2DSimpleCrossAttn",
    },
    "other activation": PLAIN | {"act_fn": "mish"},
    "halved output": PLAIN | {"mid_block_scale_factor": 2.0},
}


def make(kind: str, seed: int = 0) -> UNet2DConditionModel:
    torch.manual_seed(seed)
    return UNet2DConditionModel(**KINDS[kind]).eval().requires_grad_(False)


def inputs(count: int = 4, side: int = 8):
    torch.manual_seed(1)
    return torch.randn(count, 4, side, side), torch.arange(count) * 77, torch.randn(count, 5, 16)


@pytest.fixture(scope="module")
def unet():
    return make("text embedding, scale and shift")


def test_this_machine_has_packed_networks(unet):
    """Where it has none, the tests below still hold, but say nothing."""
    assert (packed(unet) is not None) == torch.backends.mkldnn.is_available()


@pytest.mark.parametrize("kind", KINDS)
def test_it_computes_what_the_network_does_for_every_kind_of_unet(kind):
    unet, (latents, times, embeddings) = make(kind), inputs()
    fast = fast_network(unet, latents, embeddings)
    with torch.no_grad():
        wanted = unet(latents, times, encoder_hidden_states=embeddings).sample
        found = (fast or _Forward(unet))(latents, times, embeddings)
    assert torch.allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_recording_changes_no_bit(kind):
    (latents, times, embeddings), unet = inputs(), make(kind)
    fast = fast_network(unet, latents, embeddings)
    if fast is None:
        pytest.skip("no packed form")
    with torch.no_grad():
        before = fast(latents, times, embeddings)
        fast.expect(latents.shape, embeddings.shape, 10**6)
        assert all(torch.equal(fast(latents, times, embeddings), before) for _ in range(4))
        assert isinstance(next(iter(fast._recorded.values())), torch.jit.ScriptModule)


def test_the_first_shape_decides_no_bit(unet):
    small, large = inputs(side=8), inputs(side=16)
    found = []
    for first in (small, large):
        fast = fast_network(copy.deepcopy(unet), first[0], first[2])
        if fast is None:
            pytest.skip("no packed form")
        with torch.no_grad():
            found.append([fast(*small), fast(*large)])
    assert all(torch.equal(*pair) for pair in zip(*found, strict=True))


def test_the_network_itself_stays_as_it_is(unet):
    latents, _times, embeddings = inputs()
    before = {name: (one.clone(), one.stride()) for name, one in unet.state_dict().items()}
    fast_network(unet, latents, embeddings)
    after = unet.state_dict()
    assert before.keys() == after.keys()
    assert all(
        torch.equal(after[name], one) and after[name].stride() == s for name, (one, s) in before.items()
    )


def test_it_is_made_once_and_again_when_the_weights_change():
    unet, (latents, times, embeddings) = make("as Stable Diffusion 1"), inputs()
    first = fast_network(unet, latents, embeddings)
    assert fast_network(unet, latents, embeddings) is first
    unet.load_state_dict(make("as Stable Diffusion 1", seed=5).state_dict())
    second = fast_network(unet, latents, embeddings)
    with torch.no_grad():
        wanted = unet(latents, times, encoder_hidden_states=embeddings).sample
        assert torch.allclose((second or _Forward(unet))(latents, times, embeddings), wanted, atol=1e-5)
    unet.to(torch.bfloat16)
    assert fast_network(unet, latents, embeddings) is None


def test_a_network_with_hooks_is_called_as_it_is(unet):
    hooked = copy.deepcopy(unet)
    hooked.mid_block.register_forward_hook(lambda *_: None)
    latents, _, embeddings = inputs()
    assert packed(hooked) is None
    assert fast_network(hooked, latents, embeddings) is None


def test_a_recording_that_differs_is_not_used(unet):
    class Drifts(torch.nn.Module):
        def forward(self, latents, timesteps, embeddings):
            return latents * float(timesteps[0])  # becomes a constant of the recording

    latents, times, embeddings = inputs()
    drifting = FastNetwork(Drifts())
    drifting.expect(latents.shape, embeddings.shape, 10**6)
    assert torch.equal(drifting(latents, times + 3, embeddings), latents * 3)


def test_without_recording_the_network_is_called(unet, monkeypatch):
    latents, times, embeddings = inputs()
    fast = fast_network(copy.deepcopy(unet), latents, embeddings)
    if fast is None:
        pytest.skip("no packed form")
    monkeypatch.delattr(network_module.torch.jit, "trace")
    with torch.no_grad():
        before = fast(latents, times, embeddings)
        fast.expect(latents.shape, embeddings.shape, 10**6)
        assert torch.equal(fast(latents, times, embeddings), before)


def test_rows_keep_their_bits_when_a_recording_takes_over(unet):
    torch.manual_seed(2)
    latents, texts = torch.randn(6, 4, 8, 8), Texts(torch.randn(2, 5, 16), [0, 1] * 3)
    times = [3, 900, 40, 500, 77, 0]
    with lanes(CPU) as running:
        predictor = NoisePredictor(unet, running)
        before = predictor(latents, times, texts)
        predictor.prepare(latents, texts)
        assert torch.equal(predictor(latents, times, texts), before)
        one = predictor(latents[3:4], times[3:4], Texts(texts.embeddings, texts.index[3:4]))
    assert torch.equal(one, before[3:4])
