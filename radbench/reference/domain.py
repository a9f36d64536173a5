"""The embedded bundle's card: its domain, and what typical squares of the phantom look like to it."""

import json
from pathlib import Path
from typing import Final

from radbench.diffusion.bundle import Bundle
from radbench.diffusion.bundle_card import CARD, latent_features, make_reference
from radbench.phantom.cohort import build_cohort
from radbench.runtime import atomic_write

COHORTS: Final = ("phantom/manifestation", "phantom/acquisition", "phantom/population")
PATIENTS: Final = 256
"""Validation patients of each cohort."""


def write_card(bundle: Bundle, folder: Path, *, patients: int = PATIENTS) -> Path:
    """Measure validation patients of the phantom and write ``radbench.json`` into a bundle's folder.

    Args:
        bundle: the bundle, loaded.
        folder: its folder.
        patients: of each cohort.
    """
    squares = []
    for name in COHORTS:
        cohort = build_cohort(name, split="val", size=patients)
        squares += [cohort.image(study) for study in cohort.studies]
    features, _ = latent_features(bundle, squares)
    made_from = f"{patients} validation patients of each of {', '.join(COHORTS)}"
    reference = make_reference(features, made_from)
    path = folder / CARD
    content = {"domain": "phantom", "typicality": reference.model_dump()}
    atomic_write(path, (json.dumps(content, indent=1) + "\n").encode())
    return path
