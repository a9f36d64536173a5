import numpy as np
import pytest
from PIL import Image

from radbench.data.masks import read_mask
from radbench.data.masks.reference import MaskReference
from radbench.errors import UsageError

SHAPE = (40, 60)
LEFT = np.zeros(SHAPE, dtype=bool)
LEFT[8:30, 36:52] = True  # the patient's left is on the film's right
RIGHT = np.zeros(SHAPE, dtype=bool)
RIGHT[10:32, 8:24] = True


def _put(path, values):
    Image.fromarray(values).save(path)
    return path


def _cut_out(mask, black=()):
    """A picture of what is inside a mask, on black, from 20 to 200; ``black`` is black inside too."""
    values = np.random.default_rng(0).integers(20, 200, mask.shape).astype(np.uint8)
    values[~mask] = 0
    for rows, columns in black:
        values[rows, columns] = 0
    return values


def test_a_cut_out_picture_is_what_is_brighter_with_its_holes_filled(tmp_path):
    hole = (slice(12, 20), slice(40, 46))
    path = _put(tmp_path / "cut.png", _cut_out(LEFT, [hole]))
    open_mask = read_mask(f"{path}#above=0", SHAPE).mask
    assert not open_mask[hole].any()
    np.testing.assert_array_equal(open_mask[LEFT].sum(), LEFT.sum() - 48)
    np.testing.assert_array_equal(read_mask(f"{path}#above=0,holes=fill", SHAPE).mask, LEFT)


def test_a_limit_leaves_the_noise_of_a_jpeg_out(tmp_path):
    path = tmp_path / "cut.jpg"
    Image.fromarray(np.where(LEFT, np.uint8(150), np.uint8(0))).save(path, quality=60)
    assert read_mask(f"{path}#above=0", SHAPE).mask.sum() > LEFT.sum()
    found = read_mask(f"{path}#above=75", SHAPE).mask
    assert (found != LEFT).mean() < 0.005


def test_a_colour_counts_by_its_brightest_channel(tmp_path):
    values = np.zeros((*SHAPE, 3), dtype=np.uint8)
    values[LEFT] = (0, 0, 90)
    values[RIGHT] = (0, 30, 0)
    path = _put(tmp_path / "m.png", values)
    np.testing.assert_array_equal(read_mask(f"{path}#above=40", SHAPE).mask, LEFT)


@pytest.mark.parametrize("scale", [2, 3])
def test_a_mask_of_a_smaller_picture_is_scaled_by_whole_pixels(scale, tmp_path):
    path = _put(tmp_path / "m.gif", RIGHT)
    big = (SHAPE[0] * scale, SHAPE[1] * scale)
    with pytest.raises(UsageError, match="make them the same size"):
        read_mask(path, big)
    found = read_mask(f"{path}#scale={scale}", big).mask
    np.testing.assert_array_equal(found[::scale, ::scale], RIGHT)
    assert found.sum() == scale**2 * RIGHT.sum()
    with pytest.raises(UsageError, match=r"has \d+ x \d+ pixels"):
        read_mask(f"{path}#scale={scale}", (big[0] + 1, big[1]))


@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_gif_is_read_and_an_animation_refused(mode, tmp_path):
    picture = Image.fromarray(LEFT.astype(np.uint8) * 255).convert(mode)
    picture.save(tmp_path / "m.gif")
    np.testing.assert_array_equal(read_mask(tmp_path / "m.gif", SHAPE).mask, LEFT)
    frames = [Image.fromarray(mask.astype(np.uint8) * 255) for mask in (LEFT, RIGHT)]
    frames[0].save(tmp_path / "m.gif", save_all=True, append_images=frames[1:])
    with pytest.raises(UsageError, match="2 pages"):
        read_mask(tmp_path / "m.gif", SHAPE)


def test_stray_blobs_are_warned_of_and_stay(tmp_path):
    blob = LEFT.copy()
    blob[35:37, 2:5] = True
    path = _put(tmp_path / "m.png", blob)
    reading = read_mask(f"{path}#parts=1", SHAPE)
    np.testing.assert_array_equal(reading.mask, blob)
    assert (
        "2 separate parts where 1 is expected; the others cover 6 pixels, 1.7 % of it" in reading.warnings[0]
    )
    assert not read_mask(f"{path}#parts=2", SHAPE).warnings


def test_a_mask_on_the_other_side_is_warned_of(tmp_path):
    left, right = _put(tmp_path / "l.png", LEFT), _put(tmp_path / "r.png", RIGHT)
    assert not read_mask(f"{left}#side=left", SHAPE).warnings
    assert not read_mask(f"{right}#side=right", SHAPE).warnings
    for path, side in ((left, "right"), (right, "left")):
        (warning,) = read_mask(f"{path}#side={side}", SHAPE).warnings
        assert f"should be on the patient's {side}" in warning
    (warning,) = read_mask("10,10,5,5#side=left", SHAPE).warnings
    assert "its centre is 21 % of the film's width" in warning


def test_several_masks_are_one(tmp_path):
    left, right = _put(tmp_path / "l.png", LEFT), _put(tmp_path / "r r.png", RIGHT)
    text = f"{left}#side=left + {right}#side=left + 0,0,2,3"
    reading = read_mask(text, SHAPE)
    box = np.zeros(SHAPE, dtype=bool)
    box[:3, :2] = True
    np.testing.assert_array_equal(reading.mask, LEFT | RIGHT | box)
    assert "r r.png should be on the patient's left" in reading.warnings[0]
    parsed = MaskReference.read(text)
    assert parsed.files == (left, right)
    assert parsed.digest(lambda path: path.name) == {
        "union": [
            {"file": "l.png", "values": [], "options": {"side": "left"}},
            {"file": "r r.png", "values": [], "options": {"side": "left"}},
            MaskReference.read("0,0,2,3").digest(str),
        ]
    }


def test_one_of_several_that_is_wrong_is_named(tmp_path):
    left = _put(tmp_path / "l.png", LEFT)
    with pytest.raises(UsageError, match=r"The mask .*gone.png does not exist"):
        read_mask(f"{left} + {tmp_path / 'gone.png'}", SHAPE)
    small = _put(tmp_path / "s.png", RIGHT[:-1])
    with pytest.raises(UsageError, match=r"The mask .*s.png has 39 x 60 pixels"):
        read_mask(f"{left} + {small}", SHAPE)
    with pytest.raises(UsageError, match="nothing beside a '\\+'"):
        read_mask(f"{left} + ", SHAPE)


def test_a_plus_in_a_files_name_is_part_of_it(tmp_path):
    path = _put(tmp_path / "a + b.png", LEFT.astype(np.uint8))
    np.testing.assert_array_equal(read_mask(path, SHAPE).mask, LEFT)
    np.testing.assert_array_equal(read_mask(f"{path}#1", SHAPE).mask, LEFT)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("above=x", "says above=x; expected a whole number from 0 to 65535"),
        ("above=0,1", "names both above=0 and the value '1'; say one"),
        ("holes=close", "says holes=close; expected holes=fill"),
        ("scale=0", "says scale=0; expected a whole number from 1 to 16"),
        ("scale=1.5", "says scale=1.5"),
        ("parts=0", "says parts=0"),
        ("side=L", "says side=L; expected side=left or side=right"),
        ("start=1", "cannot be selected by 'start'"),
    ],
)
def test_a_word_that_says_nothing_known_is_refused(words, sentence, tmp_path):
    path = _put(tmp_path / "m.png", LEFT)
    with pytest.raises(UsageError, match=sentence):
        read_mask(f"{path}#{words}", SHAPE)


def test_one_lung_is_taken_from_a_mask_of_both_with_its_small_parts(tmp_path):
    both = LEFT | RIGHT
    both[2:4, 50:52] = True
    path = _put(tmp_path / "lungs.png", both.astype(np.uint8) * 255)
    left, right = (read_mask(f"{path}#above=0,lung={side}", SHAPE).mask for side in ("left", "right"))
    np.testing.assert_array_equal(right, RIGHT)
    np.testing.assert_array_equal(left, both & ~RIGHT)
    assert not (left & right).any()


@pytest.mark.parametrize(
    ("mask", "words", "sentence"),
    [
        (LEFT, "lung=left", "is asked for the left lung, and has no two parts of a lung's size"),
        (LEFT | RIGHT, "lung=both", "says lung=both; expected lung=left or lung=right"),
    ],
)
def test_lungs_that_cannot_be_told_apart_are_refused(mask, words, sentence, tmp_path):
    path = _put(tmp_path / "m.png", mask.astype(np.uint8) * 255)
    with pytest.raises(UsageError, match=sentence):
        read_mask(f"{path}#above=0,{words}", SHAPE)
