"""Point metrics, remembered: torchmetrics is slow to import, and the same scores give the same figures."""

import math
from collections.abc import Sequence
from pathlib import Path

from radbench.harness.predict import Seen
from radbench.metrics.points import Point, point_metrics
from radbench.models.cache import Remembered, versions
from radbench.runtime import canonical_json, sha256_bytes


class PointMetrics:
    """Point metrics by way of the cache: ``metrics/points.json`` under its root."""

    def __init__(self, cache: Path) -> None:
        self._remembered = Remembered(cache / "metrics" / "points.json")
        self._known = self._remembered.read()
        self._versions = versions(("radbench", "torchmetrics"))

    def __call__(self, names: Sequence[str], seen: Seen, prevalence: float | None = None) -> dict[str, Point]:
        """Return the figures called ``names`` of one arm; see ``radbench.metrics.points.point_metrics``."""
        labels, decisions, scores = seen.images.truths, seen.decided, seen.scores
        decisive = [
            self._versions,
            list(names),
            labels.tolist(),
            decisions.tolist(),
            None if scores is None else [None if math.isnan(score) else score for score in scores.tolist()],
            seen.probable,
            prevalence,
        ]
        key = sha256_bytes(canonical_json(decisive))
        if key not in self._known:
            points = point_metrics(
                names, labels, decisions, scores, probable=seen.probable, prevalence=prevalence
            )
            entry = {key: {name: list(point) for name, point in points.items()}}
            self._remembered.add(entry)
            self._known |= entry
        return {name: Point(*self._known[key][name]) for name in names}
