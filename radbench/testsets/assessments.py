"""How good each edit is, and how typical the cohort, measured on finished pixels and remembered.

A later run loads no encoder and no bundle for what is remembered.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from radbench.data.cohort import Cohort, GrayImage, Study
from radbench.data.images import decode_png
from radbench.quality.artefacts import edit_measures, masked_error
from radbench.quality.editing_score import EditingScorer
from radbench.runtime import atomic_write, canonical_json, sha256_bytes
from radbench.specs.scenario import fill
from radbench.testsets.plan import Plan, words
from radbench.testsets.store import (
    EDIT_MASK,
    EDITED,
    KEEP_MASK,
    RECONSTRUCTION,
    AssessmentStore,
    DamagedError,
    Item,
    check_file,
)
from radbench.testsets.task import EditTask

ASSESSMENT_VERSION = 1
"""Raised when the same pixels and texts would be given other measures."""

EDITING_SCORE = "editing_score"
EFFECT = "effect_edit"
"""Mean absolute difference from the edit's own reconstruction, inside the edit mask without the keep mask."""

_AT_ONCE = 32

ScorerLoader = Callable[[], EditingScorer]
SQUARES: Final = 32
"""Squares that are measured, at most; the first that are edited."""
_TYPICALITY_VERSION: Final = 1


@dataclass(frozen=True)
class Scoring:
    """What scores the edits: its digest, known without loading it, and how to load it."""

    digest: str
    load: ScorerLoader


def scoring_of(plan: Plan, loader: ScorerLoader | None, digest: str | None) -> Scoring | None:
    """What the shift's filter names, or ``loader`` instead of it; None where the filter names no encoder.

    Raises:
        UsageError: there is no such encoder.
    """
    reference = plan.shift.filter.encoder
    if reference is None:
        return None
    if loader is not None:
        if digest is not None:
            return Scoring(digest, loader)
        scorer = loader()
        return Scoring(scorer.digest, lambda: scorer)
    from radbench.quality.encoders import encoder_digest, load_encoder

    where = str(plan.shift.resolve(reference)) if reference[0] in "./~" else reference
    return Scoring(encoder_digest(where), lambda: EditingScorer(load_encoder(where)))


@dataclass(frozen=True)
class _Wanted:
    """One edit to assess; ``text_before`` is empty where nothing can or shall be scored."""

    task: EditTask
    item: Item
    study: Study
    text_before: str


def assess(
    plan: Plan,
    cohort: Cohort,
    items: Mapping[str, Item],
    store: AssessmentStore,
    scoring: Scoring | None,
    found_damaged: Callable[[Path], None],
) -> list[dict[str, float]]:
    """Return the measures of every task, in the plan's order; empty for one that has no edit.

    What is stored is read; the encoder is loaded only if an edit has to be scored.
    """
    studies = {study.study_id: study for study in cohort.studies}
    keys: list[str | None] = []
    known: dict[str, dict[str, float]] = {}
    missing: dict[str, _Wanted] = {}
    for task in plan.tasks:
        if task.key not in items:
            keys.append(None)
            continue
        study = studies[task.study_id]
        text = "" if scoring is None else _text_before(plan, study)
        wanted = _Wanted(task, items[task.key], study, text)
        key = _key(wanted, scoring)
        keys.append(key)
        if key in known or key in missing:
            continue
        measures = _read(store, key, found_damaged)
        if measures is None:
            missing[key] = wanted
        else:
            known[key] = measures
    known |= _assess_all(cohort, missing, store, scoring)
    return [{} if key is None else known[key] for key in keys]


def _text_before(plan: Plan, study: Study) -> str:
    return fill(plan.shift.filter.text_before, words(study), "The filter's text_before").strip()


def _key(wanted: _Wanted, scoring: Scoring | None) -> str:
    scored = (
        [scoring.digest, wanted.text_before, wanted.task.prompt] if scoring and wanted.text_before else []
    )
    decides = [ASSESSMENT_VERSION, wanted.task.source_sha256, dict(wanted.item.files), scored]
    return sha256_bytes(canonical_json(decides))


def _read(store: AssessmentStore, key: str, found_damaged: Callable[[Path], None]) -> dict[str, float] | None:
    try:
        return store.get(key)
    except DamagedError as error:
        found_damaged(error.path)
        return None


def _assess_all(
    cohort: Cohort, missing: Mapping[str, _Wanted], store: AssessmentStore, scoring: Scoring | None
) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    keys = list(missing)
    to_score = scoring is not None and any(wanted.text_before for wanted in missing.values())
    scorer = scoring.load() if scoring is not None and to_score else None
    for start in range(0, len(keys), _AT_ONCE):
        part = {key: missing[key] for key in keys[start : start + _AT_ONCE]}
        sources = {key: cohort.image(wanted.study) for key, wanted in part.items()}
        measured = {key: _measure(wanted.item, sources[key]) for key, wanted in part.items()}
        if scorer is not None:
            for key, score in _scores(scorer, part, sources).items():
                measured[key][EDITING_SCORE] = score
        store.put(measured)
        found |= measured
    return found


def _measure(item: Item, source: GrayImage) -> dict[str, float]:
    edited, rebuilt = _pixels(item, EDITED), _pixels(item, RECONSTRUCTION)
    edit = _pixels(item, EDIT_MASK) >= 128
    keep = _pixels(item, KEEP_MASK) >= 128 if KEEP_MASK in item.files else edit & False
    measures = edit_measures(source, edited, edit, keep) | {
        EFFECT: masked_error(rebuilt, edited, edit & ~keep)
    }
    return {name: value for name, value in measures.items() if value is not None}


def _scores(
    scorer: EditingScorer, part: Mapping[str, _Wanted], sources: Mapping[str, GrayImage]
) -> dict[str, float]:
    scored: Sequence[str] = [key for key, wanted in part.items() if wanted.text_before]
    scores = scorer.score(
        [sources[key] for key in scored],
        [_pixels(part[key].item, EDITED) for key in scored],
        [part[key].text_before for key in scored],
        [part[key].task.prompt for key in scored],
    )
    return {key: float(score) for key, score in zip(scored, scores, strict=True)}


def _pixels(item: Item, name: str) -> GrayImage:
    return decode_png(check_file(item.folder / name, item.files[name]))


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
    body = [_TYPICALITY_VERSION, reference.model_dump(), dict(plan.tasks[0].weights), list(some)]
    path = cache / "typicality" / f"{sha256_bytes(canonical_json(body))}.json"
    known = _read_figures(path)
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


def _read_figures(path: Path) -> dict[str, float] | None:
    try:
        content = json.loads(path.read_bytes())
        return {str(name): float(value) for name, value in content.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return None
