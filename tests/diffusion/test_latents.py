import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL
from hypothesis import given, settings
from hypothesis import strategies as st

from radbench.diffusion.latents import (
    as_mask,
    decode,
    encode,
    mask_to_latent,
    pixel_factor,
    to_pixels,
    to_uint8,
)
from radbench.errors import UsageError


@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_round_trip_for_every_gray_value(channels):
    image = np.arange(256, dtype=np.uint8).reshape(16, 16)
    pixels = to_pixels(image, channels)
    assert pixels.shape == (channels, 16, 16)
    assert (float(pixels.min()), float(pixels.max())) == (-1, 1)
    assert np.array_equal(to_uint8(pixels / 2 + 0.5), image)


def test_encode_is_the_posteriors_mode_scaled_and_shifted():
    torch.manual_seed(0)
    vae = AutoencoderKL(
        in_channels=1,
        out_channels=1,
        latent_channels=4,
        block_out_channels=(8, 8),
        norm_num_groups=4,
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        scaling_factor=0.5,
        shift_factor=0.25,
    ).eval()
    pixels = torch.rand(1, 16, 16) * 2 - 1
    with torch.no_grad():
        mode = vae.encode(pixels[None]).latent_dist.mode()[0]
        image = (vae.decode(mode[None]).sample[0] / 2 + 0.5).clamp(0, 1)
    latent = encode(vae, pixels)
    assert pixel_factor(vae) == 2
    assert torch.equal(latent, (mode - 0.25) * 0.5)
    assert torch.allclose(decode(vae, latent), image, atol=1e-5)


def test_an_image_that_does_not_fit_is_one_sentence(bundle):
    with pytest.raises(UsageError, match=r"30 x 32 pixels.*multiples of 4"):
        encode(bundle.vae, torch.zeros(1, 30, 32))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.25, 0.5, 0.75, 1.0]))
def test_ways_of_writing_a_mask_mean_the_same(seed, threshold):
    mask = np.random.default_rng(seed).random((16, 16)) > 0.5
    forms = [
        mask,
        mask.astype(np.uint8),
        mask * np.uint8(255),
        mask.astype(np.float32),
        mask * 1.0,
        mask * 255.0,
    ]
    forms += [torch.from_numpy(mask), torch.from_numpy(mask).float(), torch.from_numpy(mask * np.uint8(255))]
    first = mask_to_latent(mask, (4, 4), threshold)
    assert first.dtype == torch.bool
    assert all(torch.equal(mask_to_latent(form, (4, 4), threshold), first) for form in forms)


def test_a_latent_counts_from_its_share_of_set_pixels():
    mask = np.zeros((8, 8), bool)
    mask[0, :] = True  # a quarter of each latent of the first row
    assert not mask_to_latent(mask, (2, 2), 0.5).any()
    assert mask_to_latent(mask, (2, 2), 0.25).tolist() == [[True, True], [False, False]]


@pytest.mark.parametrize("threshold", [0.0, -1.0, 1.1])
def test_a_threshold_out_of_range_is_refused(threshold):
    with pytest.raises(UsageError, match="mask_threshold"):
        mask_to_latent(np.ones((4, 4)), (1, 1), threshold)


@pytest.mark.parametrize("mask", [np.ones((1, 4, 4)), np.full((4, 4), 3), np.full((4, 4), -1.0)])
def test_what_is_no_mask_is_refused(mask):
    with pytest.raises(UsageError):
        as_mask(mask)
