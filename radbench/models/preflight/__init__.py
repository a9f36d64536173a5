"""Preflight: what a model's declaration says against what the model does, before anything is measured with it.

``session`` holds the images and asks the model; ``output`` and ``behaviour`` check its contract; ``alternatives`` asks
again as if the declaration were another (range, intensity, polarity, channels, resize rule, class), ``judge`` says
whether one of them is clearly better and ``findings`` says it in words; ``run`` is the way through, and remembers.
"""

from radbench.models.preflight.behaviour import time_per_image
from radbench.models.preflight.run import cached_preflight, failures, preflight
from radbench.models.preflight.session import Probe, ProbePlan

__all__ = ["Probe", "ProbePlan", "cached_preflight", "failures", "preflight", "time_per_image"]
