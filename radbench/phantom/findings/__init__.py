"""Findings, one layer a file: each changes the film and says exactly where (its masks) and on which side."""

from collections.abc import Callable

from radbench.phantom.anatomy import Anatomy
from radbench.phantom.canvas import Field
from radbench.phantom.findings import consolidation, covid, drain, oedema, pacemaker, pneumothorax
from radbench.phantom.findings.base import Drawn, Finding
from radbench.phantom.tissue import Film

LUNG_FINDINGS: dict[str, Callable[[Film, Anatomy, Finding], Drawn]] = {
    "pneumothorax": pneumothorax.draw,
    "oedema": oedema.draw,
    "consolidation": consolidation.draw,
    "covid": covid.draw,
}
"""Findings of the lung, drawn into the film's layers in this order."""

DEVICES: dict[str, Callable[[Field, Anatomy, Finding], tuple[Field, Drawn]]] = {
    "drain": drain.draw,
    "pacemaker": pacemaker.draw,
}
"""Opaque devices, composed over the finished film in this order."""

FINDING_NAMES: tuple[str, ...] = (*LUNG_FINDINGS, *DEVICES)
"""Every finding the phantom can draw."""

__all__ = ["DEVICES", "FINDING_NAMES", "LUNG_FINDINGS", "Drawn", "Finding"]
