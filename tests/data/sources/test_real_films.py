"""Real radiographs through the manifest reader: do masks and boxes land where the lungs are?

Skipped where ``RADBENCH_TEST_CXR`` names no folder of films with a ``manifest.csv`` (columns file, lung_mask, boxes).
"""

import os
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import binary_dilation, label

from radbench.data.folder import open_folder_cohort

REAL = os.environ.get("RADBENCH_TEST_CXR", "")
pytestmark = pytest.mark.skipif(
    not Path(REAL, "manifest.csv").is_file(), reason="RADBENCH_TEST_CXR names no folder of X-rays"
)
COLUMNS = {
    "study_id": "file",
    "patient_id": "patient_id",
    "image": "file",
    "mask_lung": "lung_mask",
    "mask_box": "boxes",
    "subset": "subset",
}


@cache
def cohort():
    return open_folder_cohort(f"folder:{REAL}", columns=COLUMNS, image_size=64)


@cache
def lungs():
    """Film and mask of every study that has one, read once for all tests."""
    films = [study for study in cohort().studies if cohort().has_mask(study, "lung")]
    return [(study, cohort().film(study), cohort().native_mask(study, "lung")) for study in films]


def rim(mask):
    """A band around a mask, as wide as a thirtieth of the film."""
    width = max(2, mask.shape[1] // 30)
    return binary_dilation(mask, np.ones((3, 3), dtype=bool), iterations=width) & ~mask


def parts(mask):
    """The two largest parts of a mask, each with its centre's column as a share of the film's width."""
    numbers, count = label(mask)
    sizes = np.bincount(numbers.ravel())[1:]
    largest = np.argsort(-sizes)[:2] + 1
    return sorted(float(np.nonzero(numbers == part)[1].mean()) / mask.shape[1] for part in largest), count


def test_every_film_opens_and_masks_have_its_size():
    assert len(cohort().studies) == 366
    assert len(lungs()) == 292
    assert all(film.shape == mask.shape for _, film, mask in lungs())
    assert {film.shape for _, film, _ in lungs()} - {(224, 224)}, "some are not square"


def contrast(film, mask):
    """How much brighter the rim is than what is inside."""
    return film[rim(mask)].mean() - film[mask].mean()


def test_lungs_are_darker_inside_the_mask_than_around_it():
    assert np.mean([contrast(film, mask) > 0 for _, film, mask in lungs()]) >= 0.95


def test_a_mask_that_is_turned_over_would_be_found():
    upside_down = [contrast(film, mask) > contrast(film, mask[::-1]) for _, film, mask in lungs()]
    assert np.mean(upside_down) >= 0.95
    square = [(film, mask) for _, film, mask in lungs() if film.shape[0] == film.shape[1]]
    assert len(square) > 200
    assert np.mean([contrast(film, mask) > contrast(film, mask.T) for film, mask in square]) >= 0.95


def test_there_is_a_lung_on_either_side():
    both = [places for places, count in (parts(mask) for _, _, mask in lungs()) if count >= 2]
    assert len(both) >= 0.9 * len(lungs())
    assert np.mean([first < 0.5 < last for first, last in both]) >= 0.95
    everywhere = np.array([np.nonzero(mask)[1].mean() / mask.shape[1] for _, _, mask in lungs()])
    assert np.abs(everywhere - 0.5).max() < 0.2


def test_boxes_lie_on_the_film_and_reach_the_lungs():
    boxed = [study for study in cohort().studies if cohort().has_mask(study, "box")]
    assert len(boxed) == 30
    region = np.zeros(
        (512, 512), dtype=bool
    )  # where the lungs of the films with a mask are, on a film of 512 x 512
    for _, _, mask in lungs():
        rows, columns = (np.nonzero(mask.any(axis=axis))[0] / mask.shape[1 - axis] for axis in (1, 0))
        region[
            int(512 * rows.min()) : int(512 * rows.max()), int(512 * columns.min()) : int(512 * columns.max())
        ] = True
    for study in boxed:
        mask = cohort().native_mask(study, "box")
        assert mask.shape == cohort().film(study).shape == (512, 512)
        assert 0.001 < mask.mean() < 0.5, study.study_id
        assert (mask & region).sum() / mask.sum() > 0.6, study.study_id
