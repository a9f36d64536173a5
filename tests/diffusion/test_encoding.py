"""Prompts and pixels to tensors and back, masks, and the paste of source pixels."""

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL
from hypothesis import given, settings
from hypothesis import strategies as st

from radbench.diffusion.bundle import load_bundle
from radbench.diffusion.encoding import (
    as_mask,
    decode,
    encode,
    encode_prompts,
    keep_weight,
    longest_prompt,
    mask_to_latent,
    paste_back,
    pixel_factor,
    to_pixels,
    to_uint8,
)
from radbench.errors import UsageError


def test_each_distinct_prompt_is_encoded_once_and_alone(bundle):
    args = bundle.tokenizer, bundle.text_encoder
    table, row = encode_prompts(*args, ["left lung", "", "left lung", "drain"], 16)
    assert table.shape == (3, 16, 16)
    assert row == {"left lung": 0, "": 1, "drain": 2}
    for prompt, place in row.items():
        assert torch.equal(encode_prompts(*args, [prompt], 16)[0][0], table[place])
    assert not torch.equal(table[0], table[1])


@pytest.mark.parametrize("padding", [True, False])
def test_words_attend_to_the_padding_as_asked(bundle, padding):
    tokens = bundle.tokenizer("left lung", padding="max_length", max_length=16, return_tensors="pt")
    mask = None if padding else tokens["attention_mask"]
    with torch.no_grad():
        expected = bundle.text_encoder(tokens["input_ids"], mask).last_hidden_state
    found = encode_prompts(bundle.tokenizer, bundle.text_encoder, ["left lung"], 16, padding)[0]
    assert torch.allclose(found, expected, atol=1e-6)


def test_by_default_diffusers_rule_decides(bundle, monkeypatch):
    args = bundle.tokenizer, bundle.text_encoder, ["left lung"], 16
    assert torch.equal(encode_prompts(*args)[0], encode_prompts(*args, True)[0])
    monkeypatch.setattr(bundle.text_encoder.config, "use_attention_mask", True, raising=False)
    assert torch.equal(encode_prompts(*args)[0], encode_prompts(*args, False)[0])


def test_the_embedded_encoder_was_trained_with_a_mask_and_says_so():
    assert load_bundle("phantom").attend_to_padding is False


def test_a_prompt_is_never_cut(bundle):
    args = bundle.tokenizer, bundle.text_encoder
    assert longest_prompt(*args) == 16
    encode_prompts(*args, ["lung " * 14])
    with pytest.raises(UsageError, match=r"'lung lung.*has 17 tokens; this bundle reads at most 16"):
        encode_prompts(*args, ["lung " * 15])


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


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 5))
def test_the_keep_region_is_the_source_and_what_is_far_is_the_edit(seed, feather):
    rng = np.random.default_rng(seed)
    edited, source = rng.random((2, 24, 24), dtype=np.float32)
    keep = np.zeros((24, 24), bool)
    keep[2:6, 3:9] = True
    pasted = paste_back(edited, source, keep, feather)
    assert np.array_equal(pasted[keep], source[keep])
    far = keep_weight(keep, feather) == 0
    assert np.array_equal(pasted[far], edited[far])
    low, high = np.minimum(edited, source), np.maximum(edited, source)
    assert ((pasted >= low - 1e-6) & (pasted <= high + 1e-6)).all()


def test_the_feather_is_a_gaussian_of_the_distance_outside():
    keep = np.zeros((1, 21), bool)
    keep[0, 10] = True
    weight = keep_weight(keep, 2.0)[0]
    distance = np.abs(np.arange(21) - 10)
    expected = np.where(distance <= 6, np.exp(-0.5 * (distance / 2) ** 2), 0)
    assert np.allclose(weight, expected, atol=1e-6)
    assert np.array_equal(keep_weight(keep, 0.0), keep.astype(np.float32))


def test_nothing_kept_changes_nothing():
    edited, source = np.random.default_rng(0).random((2, 8, 8), dtype=np.float32)
    assert np.array_equal(paste_back(edited, source, np.zeros((8, 8), bool), 3.0), edited)


@pytest.mark.parametrize("feather", [-1.0, float("nan")])
def test_a_negative_feather_is_refused(feather):
    with pytest.raises(UsageError, match="feather"):
        keep_weight(np.ones((2, 2), bool), feather)
