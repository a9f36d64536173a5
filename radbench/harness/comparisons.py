"""Models against each other on the same images, resampled together."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

from radbench.harness.arms import Shown
from radbench.harness.measure import Measure, gap
from radbench.harness.predict import Seen
from radbench.harness.result import Estimate, ModelComparison
from radbench.metrics.combined import double_difference
from radbench.metrics.intervals import Mean
from radbench.metrics.significance import paired_bootstrap


class Entrant(NamedTuple):
    """A model that saw both arms: its primary metric in each, and what it is called."""

    name: str
    seen: Mapping[Shown, Seen]
    real: Mean
    stress: Mean


def compare_models(
    models: Sequence[tuple[str, Mapping[Shown, Seen]]], measure: Measure
) -> list[ModelComparison]:
    """Return every pair of models, the better one on the stress set first; best models first.

    Args:
        models: name and arms of every model under test, in the audit's order; those without a stress arm are left out.
        measure: how figures are made.
    """
    ranked = sorted(
        (
            Entrant(name, seen, measure.primary(seen["real"]), measure.primary(seen["stress"]))
            for name, seen in models
            if "stress" in seen and len(seen["stress"].images)
        ),
        key=lambda entrant: -round(entrant.stress.value, 12),
    )
    return [_pair(first, second, measure) for first, second in combinations(ranked, 2)]


def _pair(first: Entrant, second: Entrant, measure: Measure) -> ModelComparison:
    ours, theirs = first.seen["stress"], second.seen["stress"]
    places = measure.draws.places(ours.images.patient_ids)
    return ModelComparison(
        first=first.name,
        second=second.name,
        difference=gap(first.stress, second.stress),
        drop_difference=_drops(first, second),
        p=paired_bootstrap(measure.draws, places, ours.values - theirs.values).p,
    )


def _drops(first: Entrant, second: Entrant) -> Estimate:
    low, high, note = double_difference((second.real, second.stress), (first.real, first.stress))
    value = (second.real.value - second.stress.value) - (first.real.value - first.stress.value)
    return Estimate(value=value, low=low, high=high, n=first.stress.n, note=note)
