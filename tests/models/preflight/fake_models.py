"""Fake models whose every fault is known, and images on which the right declaration separates the classes."""

import numpy as np

from radbench.models.adapters.base import TensorAdapter
from radbench.models.base import ModelFailureError
from radbench.models.preflight import Probe
from radbench.specs import InputContract, ModelSpec

SIDE = 16
PLAIN = InputContract(spatial_shape=[SIDE, SIDE])


def declare(**changes):
    settings = {
        "name": "fake",
        "title": "Fake",
        "format": "timm",
        "architecture": "none",
        "weights": "none.safetensors",
        "sha256": "0" * 64,
        "target": "covid",
        "input": PLAIN,
    }
    return ModelSpec(**(settings | changes))


class Fake(TensorAdapter):
    """``rule`` maps float64 [rows, C, H, W] to the outputs; nothing is read."""

    format = "fake"

    def __init__(self, rule, names=None, **changes):
        self.rule = rule
        self.names = names
        self.calls = 0
        super().__init__(declare(**changes))

    def verify(self):
        return "0" * 64

    def class_names(self):
        return self.names

    def forward(self, rows):
        self.calls += 1
        found = self.rule(rows.astype(np.float64))
        return found if isinstance(found, dict) else {"scores": np.asarray(found, np.float32)}


class Whole:
    """A model that takes images only, as a program does."""

    takes_tensors = False

    def __init__(self, rule, **changes):
        self.rule = rule
        self.spec = declare(**changes)
        self.digest = "1" * 64

    def predict(self, images):
        return self.rule(images)


def crash(*_):
    raise ModelFailureError("Model 'fake' has died.", kind="crash")


def spot(rows):
    """A logit of its own for how much brighter the middle is than the rest, right for values from 0 to 1 only.

    As a network does, it saturates: numbers far from those of its training all look the same to it.
    """
    pixels = rows.mean(axis=1)
    seen = np.tanh((pixels - 0.5) * 2)  # what lies outside [0, 1] is squeezed together
    middle = seen[:, 5:11, 5:11].mean(axis=(1, 2))
    return 20 * (middle - seen.mean(axis=(1, 2)) - 0.14)[:, None]


def opacity(rows):
    """A logit a pixel: what is brighter than two thirds of 0 to 1."""
    return (20 * (rows.mean(axis=1, keepdims=True) - 0.66)).astype(np.float32)


def probe(count=48, seed=0, side=SIDE, *, truth="labels"):
    """Grey noise; every other image has a bright square in the middle."""
    rng = np.random.default_rng(seed)
    images, labels, masks = [], [], []
    for index in range(count):
        image = rng.integers(60, 120, (side, side)).astype(np.float64)
        mask = np.zeros((side, side), bool)
        label = 1 - index % 2
        low, high = side * 5 // 16, side * 11 // 16
        if label:
            mask[low:high, low:high] = True
            image[mask] += rng.integers(90, 130)
        images.append(image.clip(0, 255).astype(np.uint8))
        labels.append(label)
        masks.append(mask)
    known = {"labels": np.array(labels, np.int64)} if truth == "labels" else {}
    known |= {"masks": np.array(masks)} if truth == "masks" else {}
    return Probe(images, **known)


def by_check(findings):
    return {finding.check: finding for finding in findings}


def levels(findings):
    return {finding.check: finding.level for finding in findings if finding.level in {"warning", "failure"}}
