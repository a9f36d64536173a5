import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from radbench.data.masks import read_mask
from radbench.data.masks.runs import decode
from radbench.errors import UsageError

masks = arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9)))


def encode(mask, relative, by_column, start):
    flat = (mask.T if by_column else mask).ravel().astype(int)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flat, [0]])))
    firsts, ends = edges[0::2], edges[1::2]
    if relative:
        firsts = firsts - np.concatenate([[0], ends[:-1]]) if len(firsts) else firsts
        firsts[:1] += start
    else:
        firsts = firsts + start
    return " ".join(str(number) for pair in zip(firsts, ends - edges[0::2], strict=True) for number in pair)


@given(masks, st.booleans(), st.booleans(), st.sampled_from([0, 1]))
@settings(max_examples=100, deadline=None)
def test_every_kind_of_run_comes_back(mask, relative, by_column, start):
    text = encode(mask, relative, by_column, start)
    found = decode(text, mask.shape, relative=relative, by_column=by_column, start=start)
    np.testing.assert_array_equal(found, mask)


def test_the_first_pixel_is_1_when_absolute_and_0_when_relative():
    assert decode("1 1", (2, 2), relative=False, by_column=False)[0, 0]
    assert decode("0 1 1 1", (2, 2), relative=True, by_column=False)[1, 0]
    assert decode("0 1 1 1", (2, 2), relative=True, by_column=True)[0, 1]


@pytest.mark.parametrize(
    ("text", "relative", "sentence"),
    [
        ("1 2 3", False, "3 numbers, which are no pairs"),
        ("1 x", False, "'x' among the numbers"),
        ("1 2.0", False, "'2.0' among the numbers"),
        ("1 0", False, "a length below 1"),
        ("0 1", False, "outside a picture"),
        ("3 3", False, "outside a picture of 2 x 2"),
        ("1 2 2 2", False, "runs that overlap"),
        ("-2 1", True, "gap below 0"),
        ("3 1 1 1", True, "outside a picture"),
        ("1 9999999999999999999", False, "among the numbers"),
    ],
)
def test_numbers_that_are_no_runs_are_refused(text, relative, sentence):
    with pytest.raises(UsageError, match=sentence):
        decode(text, (2, 2), relative=relative, by_column=False, place="m.txt")


@pytest.mark.parametrize("text", ["", "-1", " -1 "])
def test_nothing_is_the_empty_mask(text):
    assert not decode(text, (3, 4), relative=True, by_column=True).any()


MASK = np.zeros((6, 8), dtype=bool)
MASK[1:4, 2:6] = True
OTHER = np.zeros((6, 8), dtype=bool)
OTHER[4:, 1:3] = True
WORDS = "rle=relative,order=column,size=6x8"


@pytest.fixture
def table(tmp_path):
    rows = [f"a,{encode(MASK, True, True, 0)}", f"b,{encode(OTHER, True, True, 0)}"]
    rows += [f"both,{row[2:]}" for row in rows] + ["none,-1", "blank,"]
    (tmp_path / "runs.csv").write_text("\n".join(["ImageId,EncodedPixels", *rows]) + "\n")
    return tmp_path / "runs.csv"


def test_a_table_gives_the_union_of_a_films_rows(table):
    np.testing.assert_array_equal(read_mask(f"{table}#{WORDS},row=a", (6, 8)).mask, MASK)
    np.testing.assert_array_equal(read_mask(f"{table}#{WORDS}", (6, 8), study_id="b").mask, OTHER)
    np.testing.assert_array_equal(read_mask(f"{table}#{WORDS},row=both", (6, 8)).mask, MASK | OTHER)
    for name in ("none", "blank"):
        reading = read_mask(f"{table}#{WORDS},row={name}", (6, 8))
        assert not reading.mask.any()
        assert "is empty" in reading.warnings[0]


def test_the_columns_of_a_wider_table_are_named(tmp_path):
    table = tmp_path / "cheXmask.csv"
    table.write_text(
        f"n,id,Left Lung,Right Lung\n0,x,{encode(MASK, False, False, 1)},{encode(OTHER, False, False, 1)}\n"
    )
    words = "rle=absolute,order=row,size=film,key=id,row=x"
    np.testing.assert_array_equal(read_mask(f"{table}#{words},column=Left Lung", (6, 8)).mask, MASK)
    np.testing.assert_array_equal(read_mask(f"{table}#{words},column=Right Lung", (6, 8)).mask, OTHER)
    with pytest.raises(UsageError, match=r"has several columns; name one with column=, of n, id, Left Lung"):
        read_mask(f"{table}#{words}", (6, 8))
    with pytest.raises(UsageError, match=r"no column 'Left lung'.*Did you mean 'Left Lung'"):
        read_mask(f"{table}#{words},column=Left lung", (6, 8))


def test_a_text_file_and_a_cell_hold_runs_too(tmp_path):
    (tmp_path / "m.txt").write_text(encode(MASK, False, True, 1))
    np.testing.assert_array_equal(
        read_mask(f"{tmp_path / 'm.txt'}#rle=absolute,order=column,size=film", (6, 8)).mask, MASK
    )
    cell = f"{encode(MASK, False, True, 0)}#rle=absolute,order=column,size=film,start=0"
    np.testing.assert_array_equal(read_mask(cell, (6, 8)).mask, MASK)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("row=a", "does not say, in which size"),
        ("size=6x8,row=a", "does not say whether its run lengths have rle=relative or rle=absolute"),
        ("size=6x8,rle=relative,row=a", "order=column or order=row"),
        ("size=6,rle=relative,order=row,row=a", "says size=6, in which size"),
        ("size=6x8,rle=relatif,order=row,row=a", "says rle=relatif, not whether"),
        (f"{WORDS},row=A", "no row with 'A' in its column 'ImageId'"),
        (f"{WORDS},row=a,category=x", "cannot be selected by 'category'"),
        (f"{WORDS},row=a,start=2", "start=2"),
        ("rle=relative,order=column,size=8x6,row=a", "has 8 x 6 pixels .* make them the same size"),
    ],
)
def test_what_is_not_declared_is_asked_for(words, sentence, table):
    with pytest.raises(UsageError, match=sentence):
        read_mask(f"{table}#{words}", (6, 8))


def test_a_changed_table_is_read_again(table):
    assert read_mask(f"{table}#{WORDS},row=a", (6, 8)).mask.any()
    table.write_text("ImageId,EncodedPixels\na,-1\n")
    assert not read_mask(f"{table}#{WORDS},row=a", (6, 8)).mask.any()


def _ellipse(shape, y, x, height, width):
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return ((rows - y) / height) ** 2 + ((columns - x) / width) ** 2 <= 1


@pytest.mark.parametrize("by_column", [False, True])
@pytest.mark.parametrize(("height", "width"), [(60, 90), (90, 60), (60, 61)])
def test_turned_finds_out_what_was_exchanged(height, width, by_column):
    order = "column" if by_column else "row"
    truth = _ellipse((height, width), 28, 30, 18, 12)
    words = f"rle=absolute,order={order},size={{}}x{{}}|turned"
    runs = encode(truth, False, by_column, 1)
    declared = read_mask(f"{runs}#{words.format(height, width)}", (height, width)).mask
    only_the_names = read_mask(f"{runs}#{words.format(width, height)}", (height, width)).mask
    np.testing.assert_array_equal(declared, truth)
    np.testing.assert_array_equal(only_the_names, truth)

    sheet = np.zeros(
        (width, height), dtype=bool
    )  # drawn at the same place on a sheet that lies across the film
    least = min(height, width)
    sheet[:least, :least] = truth[:least, :least]
    across = encode(sheet, False, by_column, 1)
    np.testing.assert_array_equal(
        read_mask(f"{across}#{words.format(width, height)}", (height, width)).mask, truth
    )


@pytest.mark.parametrize(("height", "width"), [(60, 90), (90, 60)])
def test_turned_refuses_what_the_sheet_cut_off(height, width):
    truth = _ellipse((height, width), height * 0.6, width * 0.6, 20, 20)
    least = min(height, width)
    sheet = np.zeros((width, height), dtype=bool)
    sheet[:least, :least] = truth[:least, :least]
    text = f"{encode(sheet, False, False, 1)}#rle=absolute,order=row,size={width}x{height}|turned"
    with pytest.raises(UsageError, match=f"drawn on a sheet of {width} x {height} .* and is cut off"):
        read_mask(text, (height, width))


def test_turned_is_asked_for_and_fits_no_third_size():
    runs = encode(_ellipse((60, 90), 28, 30, 18, 12), False, False, 1)
    with pytest.raises(UsageError, match=r"has 90 x 60 pixels .* and its image  has 60 x 90"):
        read_mask(f"{runs}#rle=absolute,order=row,size=90x60", (60, 90))
    with pytest.raises(UsageError, match=r"has 90 x 60 pixels .* has 64 x 90"):
        read_mask(f"{runs}#rle=absolute,order=row,size=90x60|turned", (64, 90))
    assert not read_mask("-1#rle=absolute,order=row,size=90x60|turned", (60, 90)).mask.any()


def test_a_cell_of_a_million_characters_is_read():
    comb = np.zeros((600, 1200), dtype=bool)
    comb[:, ::6] = True
    text = encode(comb, False, False, 1)
    assert len(text) > 1_000_000
    found = read_mask(f"{text};{text}#rle=absolute,order=row,size=600x1200", (600, 1200)).mask
    np.testing.assert_array_equal(found, comb)
