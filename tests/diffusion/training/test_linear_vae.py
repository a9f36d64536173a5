"""The closed-form encoder inside AutoencoderKL."""

import numpy as np
import torch

from radbench.diffusion.training.linear_vae import PatchComponents, build_vae, fit_components, linear_encode
from radbench.phantom.render import render


def images(count: int = 12) -> np.ndarray:
    return np.stack([render(seed).image for seed in range(count)])


def encode(vae: torch.nn.Module, batch: np.ndarray) -> torch.Tensor:
    pixels = (torch.from_numpy(batch).float() / 127.5 - 1)[:, None]
    with torch.no_grad():
        return vae.encode(pixels).latent_dist.mode()


def test_encoder_is_the_linear_transform() -> None:
    batch = images()
    components = fit_components(batch, channels=8)
    vae = build_vae(components, sample_size=128)
    assert torch.allclose(encode(vae, batch[:3]), linear_encode(components, batch[:3]), atol=2e-3)


def test_any_linear_map_fits_not_only_principal_components() -> None:
    rng = np.random.default_rng(0)
    weight, bias = rng.normal(0, 0.5, (3, 16)).astype(np.float32), rng.normal(0, 1, 3).astype(np.float32)
    noise = rng.integers(0, 256, (2, 32, 32)).astype(np.uint8)
    components = PatchComponents(weight, bias)
    assert torch.allclose(
        encode(build_vae(components, 32), noise), linear_encode(components, noise), atol=5e-3
    )


def test_posterior_is_narrow_and_latents_have_unit_mean_square() -> None:
    batch = images()
    components = fit_components(batch, channels=8)
    codes = linear_encode(components, batch)
    assert abs(float(codes.square().mean()) - 1) < 0.05
    pixels = (torch.from_numpy(batch[:1]).float() / 127.5 - 1)[:, None]
    with torch.no_grad():
        assert float(build_vae(components, 128).encode(pixels).latent_dist.std.max()) < 1e-2


def test_more_components_reconstruct_better() -> None:
    batch = images()
    errors = []
    for channels in (2, 4, 8):
        components = fit_components(batch, channels)
        codes = linear_encode(components, batch).flatten(2) - torch.from_numpy(components.bias)[:, None]
        patches = torch.linalg.pinv(torch.from_numpy(components.weight)) @ codes
        again = torch.nn.functional.fold(patches, (128, 128), 4, stride=4)[:, 0]
        errors.append(float((again - (torch.from_numpy(batch).float() / 127.5 - 1)).abs().mean()))
    assert errors[0] > errors[1] > errors[2]
