"""Preflight: what a model's declaration says against what the model does, before anything is measured with it.

``probe`` holds the images; ``session`` asks the model; ``answers``, ``output``, ``steady`` and ``nan_input`` check its
contract; ``alternatives`` asks again as if the declaration were another (range, ``intensity``, polarity, channels,
resize rule, class) and ``judge`` says whether one of them is clearly better; ``run`` is the way through, ``store``
remembers the findings.
"""

from radbench.models.preflight.probe import Probe, ProbePlan
from radbench.models.preflight.run import failures, preflight
from radbench.models.preflight.store import cached_preflight
from radbench.models.preflight.timing import time_per_image

__all__ = ["Probe", "ProbePlan", "cached_preflight", "failures", "preflight", "time_per_image"]
