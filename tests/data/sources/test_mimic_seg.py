import numpy as np
import pytest
from dataset_world import facts, put_png, put_text, rows_and_problems

from radbench.data.masks import read_mask
from radbench.data.sources import get_source
from radbench.data.sources.index import open_index
from radbench.errors import UsageError

IDS = ["02aa804e-bde0afdd-112c0b34-7bc16630-4e384014", "174413ec-4ec4c1f7-34ea26b7-c5f994f8-79ef1962"]
SHAPE = (50, 70)
LUNGS = np.zeros(SHAPE, dtype=bool)
LUNGS[8:40, 6:28] = LUNGS[8:40, 42:64] = True
HOLE = (slice(12, 20), slice(46, 52))
HOST = "mimic-cxr-jpg"


def cut_out(mask, seed=0):
    """A picture of what is inside a mask, on black; one pneumothorax inside is black too."""
    values = np.random.default_rng(seed).integers(20, 200, SHAPE).astype(np.uint8)
    values[~mask] = 0
    values[HOLE] = 0
    return values


@pytest.fixture
def root(tmp_path):
    """A pair a film: the lungs, and the rest."""
    root = tmp_path / "lung-segment-mimic-cxr-1.0.0"
    for number, film in enumerate(IDS):
        put_png(root / "data" / "lung" / f"{film}.png", cut_out(LUNGS, number))
        put_png(root / "data" / "rest" / f"{film}.png", cut_out(~LUNGS, number))
    return root


def test_lungs_are_what_is_not_black_with_holes_filled(root):
    rows, problems = rows_and_problems("mimic-seg", root, HOST)
    assert list(rows) == IDS
    for row in rows.values():
        assert list(row.masks) == ["lungs", "lung_left", "lung_right"]
        path, _, words = row.masks["lungs"].partition("#")
        assert (path.split("/")[-2], words) == ("lung", "above=0,holes=fill")
        np.testing.assert_array_equal(read_mask(f"{root / path}#{words}", SHAPE).mask, LUNGS)
    assert problems.counts == {
        "films whose mask is what is brighter than 0 in their picture (.png), holes filled": 2
    }


def test_black_at_the_edge_of_a_lung_is_lost_as_the_notes_say(root):
    values = cut_out(LUNGS)
    values[8:12, 56:60] = 0
    path = put_png(root / "data" / "lung" / f"{IDS[0]}.png", values)
    found = read_mask(f"{path}#above=0,holes=fill", SHAPE).mask
    assert (LUNGS & ~found).sum() == 16
    assert any("reaches the edge" in told for told in get_source("mimic-seg").done_to_films)


def test_masks_are_preferred_and_sides_are_told(root):
    for film in IDS:
        put_png(root / "data" / "masks" / f"{film}_mask.png", LUNGS)
    rows, _ = rows_and_problems("mimic-seg", root, HOST)
    assert rows[IDS[0]].masks["lungs"].startswith("data/masks/")
    for side, columns in (("right", slice(0, 35)), ("left", slice(35, 70))):
        half = np.zeros(SHAPE, dtype=bool)
        half[:, columns] = LUNGS[:, columns]
        for film in IDS:
            put_png(root / side / f"{film}.png", np.where(half, np.uint8(180), np.uint8(30)))
    put_text(
        root / "mimic-seg.yaml",
        "sides: {left: 'left/*', right: 'right/*'}\nmask_from: threshold\nthreshold: 100\n",
    )
    rows, _ = rows_and_problems("mimic-seg", root, HOST)
    masks = rows[IDS[1]].masks
    assert masks["lung_left"] == f"left/{IDS[1]}.png#above=100,holes=fill,side=left"
    assert masks["lungs"] == f"{masks['lung_left']} + {masks['lung_right']}"
    base = [f"{root}/{part}" for part in masks["lungs"].split(" + ")]
    reading = read_mask(" + ".join(base), SHAPE)
    np.testing.assert_array_equal(reading.mask, LUNGS)
    assert not reading.warnings


def test_names_of_another_form_are_told_in_the_settings(tmp_path):
    root = tmp_path / "seg"
    put_png(root / "out" / "p100_s5_abc123.png", cut_out(LUNGS))
    with pytest.raises(
        UsageError,
        match=r"cannot tell which of the 1 pictures .*\*mask\* finds none with a film's id.*film_id:",
    ):
        rows_and_problems("mimic-seg", root, HOST)
    put_text(root / "mimic-seg.yaml", "glob: 'out/*.png'\nfilm_id: '_s\\d+_([0-9a-z]+)'\n")
    rows, _ = rows_and_problems("mimic-seg", root, HOST)
    assert list(rows) == ["abc123"]


def test_two_pictures_of_a_film_are_not_guessed_between(root):
    for film in IDS:
        (root / "data" / "lung" / f"{film}.png").rename(root / "data" / f"{film}_a.png")
        (root / "data" / "rest" / f"{film}.png").rename(root / "data" / f"{film}_b.png")
    with pytest.raises(
        UsageError, match=rf"\* finds 2 for {IDS[0]}: data/{IDS[0]}_a.png and .*_b.png\); write .*glob"
    ):
        rows_and_problems("mimic-seg", root, HOST)
    put_text(root / "mimic-seg.yaml", "glob: '*_a.png'\n")
    rows, _ = rows_and_problems("mimic-seg", root, HOST)
    assert len(rows) == 2


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("globs: x", "found globs"),
        ("- glob", "found"),
        ("mask_from: colour", "mask_from is 'colour'"),
        ("mask_from: threshold", "threshold None"),
        ("threshold: 5", "mask_from is 'nonzero' and threshold 5"),
        ("mask_from: threshold\nthreshold: 0.5", "threshold is 0.5"),
        ("sides: {left: a}", "sides is"),
        ("glob: a\nsides: {left: a, right: b}", "beside glob"),
        ("film_id: '('", "is not understood"),
        ("a: [", "is not understood"),
    ],
)
def test_settings_that_are_not_understood_are_said(root, text, sentence):
    put_text(root / "mimic-seg.yaml", text)
    with pytest.raises(
        UsageError, match=rf"mimic-seg.yaml is not understood .*{sentence.replace('is not understood', '')}"
    ):
        rows_and_problems("mimic-seg", root, HOST)


def test_a_picture_that_is_added_is_found(root, tmp_path):
    assert facts("mimic-seg", root, tmp_path / "index", HOST).films == 2
    third = IDS[0].replace("02aa804e", "ffffffff")
    put_png(root / "data" / "lung" / f"{third}.png", cut_out(LUNGS))
    assert open_index(get_source("mimic-seg"), root, tmp_path / "index", host=HOST).facts.films == 3


def test_no_folder_is_said(tmp_path):
    with pytest.raises(UsageError, match=r"the folder .* does not exist"):
        rows_and_problems("mimic-seg", tmp_path / "none", HOST)
