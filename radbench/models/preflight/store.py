"""Findings remembered: a model is not started again to be told what is known of it."""

from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from radbench.models.base import ModelUnderTest
from radbench.models.cache import asked_anew
from radbench.models.finding import Finding
from radbench.models.preflight.probe import Probe, ProbePlan
from radbench.models.preflight.run import LOADS, preflight
from radbench.models.remembered import Remembered
from radbench.runtime import canonical_json, sha256_bytes

VERSION: Final = 2
"""Raised when the same model and probe would get other findings."""

_WORDS: Final = {"title", "description", "intended_use", "training", "claims", "limits", "checkpoints"}
"""What a declaration says to people and nothing is checked against."""

_FIELD: Final = "findings"


def cached_preflight(
    model: ModelUnderTest, probe: Probe | ProbePlan, cache: Path, *, device: str = "cpu", again: bool = False
) -> list[Finding]:
    """Return ``preflight(model, probe)``, from ``preflight/<k[:2]>/<key>.json`` under ``cache`` if it is known.

    A known one needs neither the model nor the images. A model that is asked anew each time (``asked_anew``) is checked
    anew too. That a model could not be loaded is not remembered: it may be
    this machine's fault.

    Args:
        model: as in ``preflight``; its ``digest`` and declaration decide the key.
        probe: the images, or how to draw them.
        cache: the cache's root.
        device: where the model runs, because another kind rounds otherwise.
        again: ask the model whatever is known, and remember that.

    Raises:
        UsageError: the cache cannot be written.
    """
    memory = Remembered(_place(model, probe, cache, device))
    changing = bool(asked_anew(model))
    known = None if again or changing else _read(memory.read().get(_FIELD))
    if known is not None:
        return known
    found = preflight(model, probe.draw() if isinstance(probe, ProbePlan) else probe)
    if not changing and not any(finding.check == LOADS and finding.level == "failure" for finding in found):
        memory.add({_FIELD: [asdict(finding) for finding in found]})
    return found


def _place(model: ModelUnderTest, probe: Probe | ProbePlan, cache: Path, device: str) -> Path:
    declared = model.spec.model_dump(mode="json", exclude=_WORDS)
    key = sha256_bytes(canonical_json([VERSION, model.digest, declared, probe.digest, device]))
    return cache / "preflight" / key[:2] / f"{key}.json"


def _read(entries: Any) -> list[Finding] | None:
    try:
        return [Finding(**entry) for entry in entries]
    except TypeError:
        return None
