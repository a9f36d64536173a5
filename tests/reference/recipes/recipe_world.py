"""A tiny recipe, and films that a tiny network can tell apart."""

import numpy as np

from radbench.data.cohort import SquareFilms, Study, unknown_mask
from radbench.reference.recipes.films import Wanted, keep_films
from radbench.specs import RecipeSpec

NETWORK = {"channels": [4, 8, 8, 8], "layers": [1, 1, 1, 1]}
SEGMENTER = {"encoder_name": "tu-resnet18", "encoder_depth": 3, "decoder_channels": [8, 8, 4], **NETWORK}
AUGMENT = [
    {"flip": {}},
    {"affine": {"rotation": 10.0, "shear": 5.0, "scale": [0.9, 1.1], "translate": 0.05}},
    {"jitter": {"brightness": [0.8, 1.2], "contrast": [0.8, 1.2]}},
    {"crop": {"scale": [0.8, 1.0]}},
    {"elastic": {"scale": 0.15}},
    {"noise": {"std": 0.05}},
]


class Films(SquareFilms):
    """Drawn squares: a bright upper half is label 1, and is the mask ``target``."""

    truth_known = False

    def __init__(self, count=24, side=32, seed=0, name="films", labels=(0, 1), prefix="p"):
        rng = np.random.default_rng(seed)
        self.name, self.digest = name, f"{name}-{count}-{side}-{seed}-{prefix}-{labels}"
        self.studies = tuple(
            Study(f"{name}-{seed}-{index}", f"{prefix}{index}", {"target": labels[index % len(labels)]})
            for index in range(count)
        )
        self.pixels = rng.integers(0, 120, (count, side, side), dtype=np.uint8)
        self.read = 0
        for index, study in enumerate(self.studies):
            if study.labels["target"]:
                self.pixels[index, : side // 2] += 120

    def image(self, study):
        self.read += 1
        return self.pixels[[one.study_id for one in self.studies].index(study.study_id)]

    def mask(self, study, name):
        if name != "target" or not study.labels["target"]:
            raise unknown_mask(self.name, study.study_id, name, [])
        found = np.zeros(self.pixels.shape[1:], bool)
        found[: len(found) // 2] = True
        return found


def recipe(**changes):
    settings = {
        "name": "test/tiny",
        "title": "Tiny",
        "task": "classifier",
        "target": "target",
        "architecture": "resnet18",
        "architecture_args": NETWORK,
        "input": {"spatial_shape": [32, 32], "mean": [0.5], "std": [0.25]},
        "batch_size": 8,
        "epochs": 3,
        "learning_rate": 0.005,
        "schedule": "cosine",
        "warmup": 0.06,
        "augment": AUGMENT,
        "monitor": "auroc",
        "runs": 1,
        "seed": 3,
        "train": [{"cohort": "phantom/mixed", "split": "train", "size": 8}],
        "val": [{"cohort": "phantom/mixed", "split": "val", "size": 8}],
    }
    return RecipeSpec.model_validate(settings | changes)


def segmenter(**changes):
    settings = {
        "task": "segmenter",
        "architecture": "Unet",
        "architecture_args": SEGMENTER,
        "monitor": "dice",
    }
    return recipe(**(settings | changes))


def kept(spec, cache, cohort, dataset="films"):
    return keep_films(cohort, Wanted.of(spec), cache, dataset=dataset, threads=2)
