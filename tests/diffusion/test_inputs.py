import numpy as np
import pytest
import torch
from PIL import Image

from radbench.diffusion.inputs import as_images, as_masks, broadcast, seeds_from, to_output
from radbench.errors import UsageError


def test_ways_of_giving_an_image_mean_the_same(images):
    image = images[0]
    forms = [
        image,
        Image.fromarray(image),
        Image.fromarray(image).convert("RGB"),
        image[None, :, :, None],
        np.repeat(image[:, :, None], 3, axis=2),
        image.astype(np.float32) / 255,
        torch.from_numpy(image),
        torch.from_numpy(image)[None, None],
        torch.from_numpy(image).float() / 255,
        [image],
    ]
    for channels in (1, 3):
        expected = torch.from_numpy(image).float().div(255).expand(channels, -1, -1)
        for form in forms:
            (found,) = as_images(form, channels)
            assert found.shape == (channels, 32, 32)
            assert torch.allclose(found, expected, atol=1e-6)


def test_colour_survives_a_colour_autoencoder():
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    assert torch.equal(
        as_images(Image.fromarray(image), 3)[0], torch.from_numpy(image).permute(2, 0, 1) / 255
    )


def test_ways_of_giving_a_mask_mean_the_same(edit_mask):
    forms = [
        edit_mask,
        edit_mask.astype(np.uint8),
        edit_mask * np.uint8(255),
        edit_mask.astype(np.float64),
        torch.from_numpy(edit_mask),
        torch.from_numpy(edit_mask)[None],
        torch.from_numpy(edit_mask).float()[None, None][0],
        Image.fromarray(edit_mask * np.uint8(255)),
        Image.fromarray(edit_mask),
        [edit_mask],
    ]
    for form in forms:
        found = as_masks(form, 2, "edit_mask")
        assert len(found) == 2
        assert all(torch.equal(mask, torch.from_numpy(edit_mask)) for mask in found)


def test_a_stack_of_masks_is_one_an_image(edit_mask, keep_mask):
    first, second = as_masks(np.stack([edit_mask, keep_mask]), 2, "edit_mask")
    assert np.array_equal(first, edit_mask)
    assert np.array_equal(second, keep_mask)
    with pytest.raises(UsageError, match="2 values for edit_mask; expected 1 or 3"):
        as_masks([edit_mask, keep_mask], 3, "edit_mask")


@pytest.mark.parametrize(
    ("image", "word"),
    [
        (np.zeros((2, 2, 2, 2, 2)), "shape"),
        (np.zeros((4, 4, 2)), "shape"),
        ("path.png", "is a str"),
        (np.full((4, 4), 2.0), "of full scale"),
        (np.full((4, 4), np.nan), "of full scale"),
        (torch.full((4, 4), -1.0), "of full scale"),
    ],
)
def test_what_is_no_image_is_one_sentence(image, word):
    with pytest.raises(UsageError, match=word):
        as_images(image, 1)


def test_seeds_come_from_the_generator_alone():
    one = seeds_from(torch.Generator().manual_seed(1), 3)
    assert one == seeds_from(torch.Generator().manual_seed(1), 3)
    assert len(set(one)) == 3
    assert seeds_from([torch.Generator().manual_seed(1)], 1) == one[:1]
    torch.manual_seed(1)
    assert seeds_from(None, 3) == one
    assert broadcast([4], 2, "x") == [4, 4]


def test_outputs():
    images = torch.rand(2, 3, 4, 4)
    assert to_output(images, "pt") is images
    assert np.array_equal(to_output(images, "np"), images.permute(0, 2, 3, 1))
    assert [image.mode for image in to_output(images, "pil")] == ["RGB", "RGB"]
    assert [image.mode for image in to_output(images[:, :1], "pil")] == ["L", "L"]
