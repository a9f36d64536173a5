import io

import numpy as np
import pytest
from PIL import Image

from radbench.data.masks import read_mask
from radbench.errors import UsageError

SHAPE = (60, 80)


def _truth():
    y, x = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]]
    return sum(((x - c) / 12) ** 2 + ((y - 30) / 20) ** 2 < 1 for c in (22, 58)).astype(bool)


TRUTH = _truth()


def _painted(paint, background=(0, 0, 0)):
    return np.where(TRUTH[..., None], np.uint8(paint), np.uint8(background))


def _with_alpha(colour, inside=255, outside=0):
    values = np.zeros((*SHAPE, 4), dtype=np.uint8)
    values[..., :3] = colour
    values[..., 3] = np.where(TRUTH, inside, outside)
    return values


def _read(tmp_path, values, name="m.png", selection="", **options):
    picture = values if isinstance(values, Image.Image) else Image.fromarray(values)
    picture.save(tmp_path / name, **options)
    return read_mask(f"{tmp_path / name}{selection}", SHAPE)


def _palette():
    picture = Image.fromarray(TRUTH.astype(np.uint8), mode="P")
    picture.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
    return picture


WAYS = {
    "bool": Image.fromarray(TRUTH),
    "0/1": TRUTH.astype(np.uint8),
    "0/255": TRUTH.astype(np.uint8) * 255,
    "0/76": TRUTH.astype(np.uint8) * 76,
    "0/3": TRUTH.astype(np.uint8) * 3,
    "16 bit of 1": TRUTH.astype(np.uint16),
    "16 bit of 255": TRUTH.astype(np.uint16) * 255,
    "16 bit": TRUTH.astype(np.uint16) * 65535,
    "red": _painted((255, 0, 0)),
    "dark blue": _painted((0, 0, 90)),
    "white in colour": _painted((255, 255, 255)),
    "green on white": _painted((0, 160, 0), (255, 255, 255)),
    "red on yellow": _painted((200, 0, 0), (255, 255, 0)),
    "gray on gray": np.where(TRUTH, np.uint8(200), np.uint8(90)),
    "palette": _palette(),
    "alpha of white": _with_alpha(255),
    "alpha of black": _with_alpha(0),
    "alpha of red": _with_alpha((255, 0, 0)),
    "alpha half": _with_alpha((255, 0, 0), 128),
    "white on black, opaque": np.dstack([_painted((255,) * 3), np.full(SHAPE, 255, np.uint8)]),
    "red opaque, black glass": np.dstack([_painted((255, 0, 0)), TRUTH.astype(np.uint8) * 255]),
    "red opaque, black half glass": np.dstack(
        [_painted((255, 0, 0)), np.where(TRUTH, 255, 90).astype(np.uint8)]
    ),
    "gray and alpha": np.dstack([np.zeros(SHAPE, np.uint8), TRUTH.astype(np.uint8) * 255]),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_of_painting_means_the_same(way, tmp_path):
    reading = _read(tmp_path, WAYS[way])
    assert reading.mask.dtype == np.bool_
    np.testing.assert_array_equal(reading.mask, TRUTH)
    assert reading.warnings == ()


@pytest.mark.parametrize(
    ("way", "options"),
    [
        *((way, {}) for way in ("0/1", "16 bit", "red", "0/255", "bool", "palette", "alpha of white")),
        ("alpha of black", {"compression": "tiff_adobe_deflate"}),
        ("0/255", {"compression": "tiff_lzw"}),
        ("bool", {"compression": "group4"}),
        ("green on white", {"compression": "packbits"}),
    ],
)
def test_tiff_is_read_like_png(way, options, tmp_path):
    np.testing.assert_array_equal(_read(tmp_path, WAYS[way], "m.tif", **options).mask, TRUTH)


def test_a_tiff_with_white_as_zero_and_a_jpeg_inside_are_read(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    tifffile.imwrite(tmp_path / "m.tif", (~TRUTH * 255).astype(np.uint8), photometric="miniswhite")
    np.testing.assert_array_equal(read_mask(tmp_path / "m.tif", SHAPE).mask, TRUTH)
    mask = _read(tmp_path, WAYS["red"], "m.tif", compression="jpeg").mask
    assert (mask != TRUTH).mean() < 0.02
    tifffile.imwrite(tmp_path / "m.tif", np.where(TRUTH, np.nan, 0).astype(np.float32))
    with pytest.raises(UsageError, match="not finite"):
        read_mask(tmp_path / "m.tif", SHAPE)


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("paint", [1, 300, 65535])
def test_colour_of_sixteen_bits_keeps_its_values(paint, channels, tmp_path):
    imagecodecs = pytest.importorskip("imagecodecs")
    values = np.zeros((*SHAPE, channels), dtype=np.uint16)
    values[..., 0] = TRUTH * paint
    values[..., 3:] = 65535
    (tmp_path / "m.png").write_bytes(imagecodecs.png_encode(values))
    np.testing.assert_array_equal(read_mask(tmp_path / "m.png", SHAPE).mask, TRUTH)


@pytest.mark.parametrize("quality", [30, 75, 95])
@pytest.mark.parametrize("way", ["0/255", "0/76", "red", "green on white"])
def test_what_jpeg_softens_keeps_its_outline(way, quality, tmp_path):
    mask = _read(tmp_path, WAYS[way], "m.jpg", quality=quality).mask
    off = mask != TRUTH
    assert off.mean() < 0.02
    from scipy.ndimage import binary_dilation, binary_erosion

    edge = binary_dilation(TRUTH, iterations=2) & ~binary_erosion(TRUTH, iterations=2)
    assert not (off & ~edge).any()


@pytest.mark.parametrize("way", ["0/255", "red", "green on white"])
def test_an_antialiased_edge_belongs_to_the_nearer_side(way, tmp_path):
    source = WAYS[way] if isinstance(WAYS[way], Image.Image) else Image.fromarray(WAYS[way])
    small = source.resize((40, 30), Image.Resampling.BOX)
    small.save(tmp_path / "m.png")
    mask = read_mask(tmp_path / "m.png", (30, 40)).mask
    share = TRUTH.reshape(30, 2, 40, 2).mean(axis=(1, 3))
    clear = np.abs(share - 0.5) > 0.1
    np.testing.assert_array_equal(mask[clear], (share >= 0.5)[clear])


def test_a_soft_alpha_is_cut_at_half(tmp_path):
    values = _with_alpha((255, 0, 0))
    alpha = (
        Image.fromarray(TRUTH.astype(np.uint8) * 255).resize((40, 30), Image.Resampling.BOX).resize((80, 60))
    )
    values[..., 3] = np.asarray(alpha)
    np.testing.assert_array_equal(_read(tmp_path, values).mask, values[..., 3] >= 127.5)


LABELS = np.zeros(SHAPE, dtype=np.uint8)
LABELS[10:50, 10:35] = 1
LABELS[10:50, 45:70] = 2


@pytest.mark.parametrize("factor", [1, 60, 100, 127])
def test_a_label_map_is_refused_until_values_are_named(factor, tmp_path):
    with pytest.raises(UsageError, match=rf"label map.*0 \(58 %\), {factor} \(21 %\).*'m\.png#{factor}'"):
        _read(tmp_path, LABELS * np.uint8(factor))
    reading = read_mask(f"{tmp_path / 'm.png'}#{factor}", SHAPE)
    np.testing.assert_array_equal(reading.mask, LABELS == 1)
    reading = read_mask(f"{tmp_path / 'm.png'}#{factor},{2 * factor}", SHAPE)
    np.testing.assert_array_equal(reading.mask, LABELS > 0)


@pytest.mark.parametrize("values", [(0, 1, 255), (0, 240, 255), (0, 14, 15), (3, 4, 5), (0, 254, 255)])
def test_values_near_to_each_other_are_not_merged(values, tmp_path):
    with pytest.raises(UsageError, match="label map"):
        _read(tmp_path, np.array(values, dtype=np.uint8)[LABELS])


def test_a_thin_third_structure_is_no_soft_edge(tmp_path):
    values = TRUTH.astype(np.uint8) * 255
    values[5, 5:70] = 128
    with pytest.raises(UsageError, match="label map"):
        _read(tmp_path, values)


def test_a_label_map_of_sixteen_bits_or_a_palette_is_selected_by_value(tmp_path):
    wide = LABELS.astype(np.uint16) * 1000
    np.testing.assert_array_equal(_read(tmp_path, wide, selection="#2000").mask, LABELS == 2)
    picture = Image.fromarray(LABELS, mode="P")
    picture.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
    with pytest.raises(UsageError, match=r"0 \(58 %\), 1 \(21 %\), 2"):
        _read(tmp_path, picture)
    np.testing.assert_array_equal(_read(tmp_path, picture, selection="#2").mask, LABELS == 2)
    np.testing.assert_array_equal(_read(tmp_path, picture, selection="#008000").mask, LABELS == 2)


COLOURS = np.array([(0, 0, 0), (255, 0, 0), (0, 0, 255)], dtype=np.uint8)[LABELS]


def test_several_colours_are_refused_until_one_is_named(tmp_path):
    with pytest.raises(
        UsageError, match=r"000000 \(58 %\), 0000ff \(21 %\), ff0000 \(21 %\).*'m\.png#0000ff'"
    ):
        _read(tmp_path, COLOURS)
    np.testing.assert_array_equal(_read(tmp_path, COLOURS, selection="#ff0000").mask, LABELS == 1)
    np.testing.assert_array_equal(_read(tmp_path, COLOURS, selection="#FF0000,0000ff").mask, LABELS > 0)
    with pytest.raises(UsageError, match="no 'red'; expected colours of six hexadecimal digits"):
        _read(tmp_path, COLOURS, selection="#red")
    jpeg = _read(tmp_path, COLOURS, "m.jpg", "#ff0000", quality=95).mask
    assert (jpeg != (LABELS == 1)).mean() < 0.03


def test_values_cannot_be_found_in_a_jpeg(tmp_path):
    with pytest.raises(UsageError, match="is a JPEG, which changes values"):
        _read(tmp_path, LABELS * np.uint8(100), "m.jpg", "#100")


def test_what_is_not_there_is_an_empty_mask_with_a_warning(tmp_path):
    reading = _read(tmp_path, LABELS, selection="#7")
    assert not reading.mask.any()
    assert "values that are not there; it holds 0 (58 %), 1" in reading.warnings[0]


def test_an_open_question_of_the_background_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"cannot be told which is the background.*name the paint"):
        _read(tmp_path, _painted((0, 0, 0), (255, 255, 0)))
    np.testing.assert_array_equal(
        _read(tmp_path, _painted((0, 0, 0), (255, 255, 0)), selection="#000000").mask, TRUTH
    )


def test_one_colour_everywhere_tells_nothing(tmp_path):
    with pytest.raises(UsageError, match=r"holds one value only, ff0000 \(100 %\)"):
        _read(tmp_path, np.full((*SHAPE, 3), (255, 0, 0), dtype=np.uint8))
    assert _read(tmp_path, np.zeros((*SHAPE, 3), dtype=np.uint8)).mask.sum() == 0


def test_several_colours_under_an_alpha_are_refused(tmp_path):
    values = np.dstack([COLOURS, np.where(LABELS > 0, 255, 0).astype(np.uint8)])
    with pytest.raises(UsageError, match="alpha channel and several colours"):
        _read(tmp_path, values)


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_tiffs_and_a_pngs_orientation_turn_it_too(orientation, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    way_back = {5: 5, 6: 8, 7: 7, 8: 6}.get(orientation, orientation)
    turns = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}  # Pillow's transpositions
    stored = Image.fromarray(TRUTH.astype(np.uint8) * 255).transpose(Image.Transpose(turns[way_back]))
    stored.save(tmp_path / "m.png", exif=exif)
    stored.save(tmp_path / "m.tif", tiffinfo={274: orientation})
    for name in ("m.png", "m.tif"):
        np.testing.assert_array_equal(read_mask(tmp_path / name, SHAPE).mask, TRUTH)


def test_a_palette_of_one_colour_is_told_by_its_indices(tmp_path):
    picture = Image.fromarray(TRUTH.astype(np.uint8), mode="P")
    picture.putpalette([0, 0, 0] * 4)
    np.testing.assert_array_equal(_read(tmp_path, picture).mask, TRUTH)


def test_an_alpha_that_is_nowhere_clear_is_cut_between_its_values(tmp_path):
    np.testing.assert_array_equal(_read(tmp_path, _with_alpha((255, 0, 0), 255, 200)).mask, TRUTH)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_turns_a_mask_as_its_film(orientation, tmp_path):
    picture, exif = Image.fromarray(TRUTH.astype(np.uint8) * 255), Image.Exif()
    exif[0x0112] = orientation
    picture.save(tmp_path / "m.jpg", quality=95, exif=exif)
    from PIL import ImageOps

    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=95, exif=exif)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(buffer)))
    mask = read_mask(tmp_path / "m.jpg", upright.shape).mask
    np.testing.assert_array_equal(mask, upright > 127)


def test_a_broken_or_foreign_picture_is_named(tmp_path):
    (tmp_path / "m.png").write_bytes(b"nothing")
    with pytest.raises(
        UsageError, match=r"m\.png is corrupt or in another format \(not a PNG, JPEG, TIFF, BMP or GIF\)"
    ):
        read_mask(tmp_path / "m.png", SHAPE)
    frames = [Image.fromarray(LABELS), Image.fromarray(LABELS)]
    frames[0].save(tmp_path / "m.tif", save_all=True, append_images=frames[1:])
    with pytest.raises(UsageError, match="2 pages"):
        read_mask(tmp_path / "m.tif", SHAPE)


@pytest.mark.parametrize("levels", [(0, 128, 255), (0, 60, 255), (0, 200, 255)])
@pytest.mark.parametrize("quality", [40, 90])
def test_a_label_map_as_jpeg_is_refused_too(levels, quality, tmp_path):
    with pytest.raises(UsageError, match="label map"):
        _read(tmp_path, np.array(levels, dtype=np.uint8)[LABELS], "m.jpg", quality=quality)


def test_a_label_map_of_many_values_is_refused(tmp_path):
    values = np.kron(np.arange(24, dtype=np.uint8).reshape(4, 6), np.ones((15, 13), dtype=np.uint8))
    Image.fromarray(values).save(tmp_path / "m.png")
    with pytest.raises(UsageError, match=r"label map.*and 16 more"):
        read_mask(tmp_path / "m.png", values.shape)
