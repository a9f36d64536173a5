"""The renderer: determinism, exact counterfactuals, sides, masks."""

import numpy as np
import pytest

from radbench.errors import UsageError
from radbench.phantom.findings import FINDING_NAMES, Finding
from radbench.phantom.render import render

ONE_SIDED = ("pneumothorax", "consolidation", "drain")


def finding(name: str, side: str = "left") -> Finding:
    return Finding(name, side if name in ONE_SIDED else ("left" if name == "pacemaker" else ""), 0.5)


def test_same_seed_same_bytes() -> None:
    first, second = (render(7, [finding("covid")], "B") for _ in range(2))
    assert first.image.tobytes() == second.image.tobytes()
    assert first.image.dtype == np.uint8 and first.image.shape == (128, 128)


def test_patients_differ() -> None:
    assert np.abs(render(1).image.astype(int) - render(2).image).mean() > 3


@pytest.mark.parametrize("name", FINDING_NAMES)
def test_finding_changes_the_film_only_around_its_mask(name: str) -> None:
    healthy, ill = render(11), render(11, [finding(name)])
    change = np.abs(healthy.image.astype(int) - ill.image)
    mask = ill.masks[name]
    assert mask.any()
    assert change[mask].mean() > 8
    assert change[mask].mean() > 4 * change[~mask].mean()


@pytest.mark.parametrize("name", ONE_SIDED)
@pytest.mark.parametrize(("side", "half"), [("left", slice(64, None)), ("right", slice(0, 64))])
def test_side_is_the_patients_own(name: str, side: str, half: slice) -> None:
    mask = render(5, [finding(name, side)]).masks[name]
    assert mask[:, half].sum() > 0.95 * mask.sum()


@pytest.mark.parametrize("hospital", ["A", "B"])
def test_counterfactual_differs_only_where_the_finding_was(hospital: str) -> None:
    both = render(3, [finding("pneumothorax"), finding("drain")], hospital)
    drain_only = render(3, [finding("drain")], hospital)
    change = np.abs(both.image.astype(int) - drain_only.image)
    assert change[both.masks["drain"]].mean() <= 1.0
    assert change[both.masks["lung_right"]].max() == 0
    assert change[both.masks["pneumothorax"] & ~both.masks["drain"]].mean() > 8


def test_order_of_findings_does_not_matter() -> None:
    pair = [finding("pneumothorax"), finding("drain")]
    assert render(9, pair).image.tobytes() == render(9, pair[::-1]).image.tobytes()


def test_hospitals_mark_and_crop_differently() -> None:
    film_a, film_b = render(4, hospital="A"), render(4, hospital="B")
    assert film_b.image[:4].max() == 0 and film_b.image[-4:].max() == 0
    assert film_b.masks["markings"].sum() > film_a.masks["markings"].sum()


def test_lung_masks_are_disjoint_and_left_is_on_the_images_right() -> None:
    masks = render(2).masks
    assert not (masks["lung_left"] & masks["lung_right"]).any()
    assert np.nonzero(masks["lung_left"])[1].mean() > 64 > np.nonzero(masks["lung_right"])[1].mean()
    assert np.array_equal(masks["lungs"], masks["lung_left"] | masks["lung_right"])


def test_boxes_cover_the_opacities() -> None:
    study = render(8, [finding("covid")], "B")
    assert study.boxes["covid"]
    assert (study.masks["covid"] & ~study.masks["covid_boxes"]).mean() < 0.002


def test_severity_widens_a_pneumothorax() -> None:
    areas = [
        render(6, [Finding("pneumothorax", "right", s)]).masks["pneumothorax"].sum() for s in (0.1, 0.5, 0.9)
    ]
    assert areas[0] < areas[1] < areas[2]


def test_other_sizes_show_the_same_patient() -> None:
    large = render(10, [finding("drain")], size=192).image.astype(float)
    small = render(10, [finding("drain")], size=96).image.astype(float)
    assert np.corrcoef(large.reshape(96, 2, 96, 2).mean((1, 3)).ravel(), small.ravel())[0, 1] > 0.98


@pytest.mark.parametrize(
    ("findings", "words"),
    [([Finding("drian", "left")], "drain"), ([finding("drain"), finding("drain")], "twice")],
)
def test_bad_findings_are_refused(findings: list[Finding], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        render(1, findings)
