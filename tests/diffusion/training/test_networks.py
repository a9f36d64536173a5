"""The identity start: what goes in comes out, and everything can still learn."""

import pytest
import torch

from radbench.diffusion.training.config import DenoiserConfig, TextConfig
from radbench.diffusion.training.networks import build_unet

TEXT = TextConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, max_length=6)
SMALL = {
    "block_out_channels": (24, 32),
    "attention_levels": (False, True),
    "attention_head_dim": 4,
    "norm_num_groups": 4,
    "identity_start": True,
}


def test_a_fresh_network_returns_its_input() -> None:
    unet = build_unet(DenoiserConfig.model_validate(SMALL), TEXT, channels=4, sample_size=8)
    torch.manual_seed(0)
    noise = torch.randn(3, 4, 8, 8)
    with torch.no_grad():
        found = unet(noise, torch.tensor([1, 500, 999]), encoder_hidden_states=torch.randn(3, 5, 16)).sample
    assert (found - noise).abs().max() < 5e-3


def test_without_it_the_network_does_not() -> None:
    plain = {**SMALL, "identity_start": False}
    unet = build_unet(DenoiserConfig.model_validate(plain), TEXT, channels=4, sample_size=8)
    noise = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        found = unet(noise, 500, encoder_hidden_states=torch.zeros(1, 5, 16)).sample
    assert (found - noise).square().mean() > 0.1


def test_every_weight_of_the_last_layers_gets_a_gradient_after_one_step() -> None:
    unet = build_unet(DenoiserConfig.model_validate(SMALL), TEXT, channels=4, sample_size=8)
    optimizer = torch.optim.SGD(unet.parameters(), lr=0.01)
    generator = torch.Generator().manual_seed(0)
    for _ in range(2):
        noise = torch.randn(2, 4, 8, 8, generator=generator)
        optimizer.zero_grad()
        unet(noise, 500, encoder_hidden_states=torch.ones(2, 5, 16)).sample.square().mean().backward()
        optimizer.step()
    for layer in (unet.conv_out, unet.conv_in, unet.up_blocks[-1].resnets[-1].conv2):
        assert layer.weight.grad is not None
        assert layer.weight.grad.abs().sum() > 0


def test_too_narrow_a_network_says_so() -> None:
    narrow = {**SMALL, "block_out_channels": (8, 16), "norm_num_groups": 4}
    with pytest.raises(ValueError, match="cannot carry 4 latent channels"):
        build_unet(DenoiserConfig.model_validate(narrow), TEXT, channels=4, sample_size=8)
