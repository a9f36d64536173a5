"""Whether a cohort is what the bundle was made for, measured on its squares and remembered."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from radbench.data.cohort import Cohort
from radbench.runtime import atomic_write, canonical_json, sha256_bytes
from radbench.testsets.plan import Plan

SQUARES: Final = 32
"""Squares that are measured, at most; the first that are edited."""
_VERSION: Final = 1


def typicality(plan: Plan, cohort: Cohort, load: Callable[[], Any], cache: Path) -> dict[str, float]:
    """Return how typical the cohort's squares are for the bundle; empty where the bundle has no reference.

    Args:
        plan: the edits, whose sources are measured.
        cohort: the cohort that was planned.
        load: loads the bundle; not called where the figures are remembered.
        cache: root of the cache.

    Returns:
        ``distance`` (median over the squares), ``limit``, ``reconstruction_error`` (mean, share of white), ``squares``.
    """
    reference = plan.card.reference
    if reference is None:
        return {}
    studies = {study.study_id: study for study in cohort.studies}
    chosen = {task.source_sha256: studies[task.study_id] for task in plan.tasks if task.arm == "stress"}
    some = dict(list(chosen.items())[:SQUARES])
    body = [_VERSION, reference.model_dump(), dict(plan.tasks[0].weights), list(some)]
    path = cache / "typicality" / f"{sha256_bytes(canonical_json(body))}.json"
    known = _read(path)
    if known is not None:
        return known
    from radbench.diffusion.bundle_card import distances, latent_features

    features, errors = latent_features(load(), [cohort.image(study) for study in some.values()])
    found = {
        "distance": round(float(np.median(distances(features, reference))), 3),
        "limit": reference.limit,
        "reconstruction_error": round(float(errors.mean()), 5),
        "squares": float(len(some)),
    }
    atomic_write(path, canonical_json(found))
    return found


def _read(path: Path) -> dict[str, float] | None:
    try:
        content = json.loads(path.read_bytes())
        return {str(name): float(value) for name, value in content.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return None
