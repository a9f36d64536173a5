"""The bundle's gates: each can fail, and each passes for a perfect bundle."""

import numpy as np
import pytest

from radbench.errors import UsageError
from radbench.phantom.canvas import Stream
from radbench.phantom.findings import Finding
from radbench.phantom.recipes import recipe
from radbench.phantom.render import render
from radbench.reference import config_path
from radbench.reference.gates import PROMPTS, Gate, contrast, likeness_gates, prompt_gates
from radbench.reference.judge import SIGNS, signs_of


class Oracle:
    """A judge that answers what it is told."""

    def __init__(self, answer: np.ndarray) -> None:
        self.answer = answer

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        return np.repeat(self.answer[None], len(images), axis=0)


def test_sense_of_a_gate() -> None:
    assert Gate("error", 0.009, 0.01, "at most").passed
    assert not Gate("error", 0.011, 0.01, "at most").passed
    assert Gate("share", 0.8, 0.75, "at least").passed
    assert not Gate("share", float("nan"), 0.75, "at least").passed


@pytest.mark.parametrize("name", list(PROMPTS))
def test_prompt_gate_wants_the_sign_and_not_its_mirror_image(name: str) -> None:
    blank = {name: np.zeros((2, 128, 128), np.uint8)}
    asked = np.array([float(sign == name) for sign in SIGNS])
    assert prompt_gates(Oracle(asked), blank)[0].passed  # type: ignore[arg-type]
    other = np.zeros(len(SIGNS)) if name != "normal" else np.ones(len(SIGNS))
    assert not prompt_gates(Oracle(other), blank)[0].passed  # type: ignore[arg-type]
    if name.endswith(("left", "right")):
        assert not prompt_gates(Oracle(np.ones(len(SIGNS))), blank)[0].passed  # type: ignore[arg-type]


def test_likeness_passes_for_renderings_and_fails_for_noise() -> None:
    draw = recipe("mixed")
    drawn = [draw(Stream(patient, 9)) for patient in range(24)]
    real = np.stack([render(i, d.findings, d.hospital).image for i, d in enumerate(drawn)])
    assert all(gate.passed for gate in likeness_gates(real))
    noise = np.random.default_rng(0).integers(0, 256, real.shape).astype(np.uint8)
    assert not any(gate.passed for gate in likeness_gates(noise))


def test_contrast_falls_when_a_structure_is_blurred() -> None:
    from scipy.ndimage import gaussian_filter

    study = render(3, [Finding("drain", "left")])
    blurred = gaussian_filter(study.image, 3)
    sharp = contrast(study.image, study.masks["drain"])
    assert sharp > 0.05 * study.masks["drain"].sum()
    assert contrast(blurred, study.masks["drain"]) < 0.7 * sharp


def test_signs_name_sides() -> None:
    signs = dict(
        zip(SIGNS, signs_of([Finding("pneumothorax", "right"), Finding("drain", "right")]), strict=True)
    )
    assert signs["pneumothorax right"] == signs["drain"] == 1
    assert sum(signs.values()) == 2


def test_unknown_configuration_gets_the_nearest_name() -> None:
    assert config_path("phantom").is_file()
    with pytest.raises(UsageError, match="Did you mean 'phantom'"):
        config_path("phantm")
