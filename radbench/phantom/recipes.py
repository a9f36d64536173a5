"""How often each finding occurs in each embedded cohort, with the spurious correlations of the paper.

The manifestation cohort is calibrated on rendered truth alone: with drains in 99 % of pneumothoraces and in 0.3 %
of the other films, and mostly small pneumothoraces, a classifier trained on it becomes a drain detector (Rueckel
et al., doi 10.1148/ryai.2020190163, describe the same for public datasets).
"""

from collections.abc import Callable
from dataclasses import dataclass

from radbench.errors import UsageError, did_you_mean
from radbench.phantom.canvas import Stream
from radbench.phantom.findings import Finding, Side, random_side
from radbench.phantom.render import Hospital


@dataclass(frozen=True)
class Draw:
    """What one study holds: its findings and its hospital."""

    findings: tuple[Finding, ...]
    hospital: Hospital


def _pneumothorax(
    rng: Stream, present: float, drain_with: float, drain_without: float, severity: tuple[float, float]
) -> tuple[Finding, ...]:
    side, has_pneumothorax = random_side(rng), rng.chance(present)
    findings: tuple[Finding, ...] = ()
    if has_pneumothorax:
        findings += (Finding("pneumothorax", side, rng.uniform(*severity)),)
    if rng.chance(drain_with if has_pneumothorax else drain_without):
        findings += (Finding("drain", side),)
    return findings


def _covid(rng: Stream, hospital_without: Hospital) -> Draw:
    if rng.chance(0.5):
        return Draw((Finding("covid", "", rng.uniform(0.2, 1.0)),), "B")
    return Draw((), hospital_without)


_MIXED_SHARES = (
    ("pneumothorax", 0.30),
    ("consolidation", 0.16),
    ("oedema", 0.11),
    ("pacemaker", 0.11),
    ("covid", 0.10),
    ("normal", 0.22),
)


_TREATED_SHARES = (
    ("pneumothorax", 0.26),
    ("treated", 0.16),
    ("consolidation", 0.13),
    ("oedema", 0.10),
    ("pacemaker", 0.10),
    ("covid", 0.10),
    ("normal", 0.15),
)


_DRAINED_SHARES = (
    ("small pneumothorax", 0.42),
    ("treated", 0.22),
    ("consolidation", 0.08),
    ("oedema", 0.06),
    ("pacemaker", 0.06),
    ("covid", 0.06),
    ("normal", 0.10),
)


def _of_shares(rng: Stream, shares: tuple[tuple[str, float], ...]) -> Draw:
    point, kind = rng.uniform(), shares[-1][0]
    for name, share in shares:
        if point < share:
            kind = name
            break
        point -= share
    severity = rng.uniform(0.0, 1.0)
    if kind == "treated":
        return Draw((Finding("drain", random_side(rng)),), "A")
    if kind == "covid":
        return Draw((Finding("covid", "", severity),), "B")
    if kind.endswith("pneumothorax"):
        extent = (0.05, 0.6) if kind.startswith("small") else (0.08, 1.0)
        return Draw(_pneumothorax(rng, 1.0, 0.85, 0.0, extent), "A")
    if kind == "normal":
        hospital: Hospital = "B" if rng.chance(0.3) else "A"
        drain = (Finding("drain", random_side(rng)),) if hospital == "A" and rng.chance(0.12) else ()
        return Draw(drain, hospital)
    side: Side = {"consolidation": random_side(rng), "pacemaker": "left"}.get(kind, "")
    return Draw((Finding(kind, side, severity),), "A")


RECIPES: dict[str, Callable[[Stream], Draw]] = {
    "manifestation": lambda rng: Draw(_pneumothorax(rng, 0.5, 0.99, 0.003, (0.05, 0.42)), "A"),
    "manifestation-unconfounded": lambda rng: Draw(_pneumothorax(rng, 0.5, 0.5, 0.5, (0.05, 0.42)), "A"),
    "acquisition": lambda rng: _covid(rng, "A"),
    "acquisition-unconfounded": lambda rng: _covid(rng, "B"),
    "population": lambda _: Draw((), "A"),
    "mixed": lambda rng: _of_shares(rng, _MIXED_SHARES),
    "treated": lambda rng: _of_shares(rng, _TREATED_SHARES),
    "drained": lambda rng: _of_shares(rng, _DRAINED_SHARES),
}
"""Embedded cohorts by name. The unconfounded ones have the same findings without the spurious correlation.

``mixed`` has all findings, and drains almost only beside a pneumothorax. ``treated`` adds patients whose lung has
expanded with the drain still in place, as an archive that is large enough has them: a diffusion model that never saw
one cannot draw one. ``drained`` is mostly small pneumothoraces and treated patients.
"""


def recipe(name: str) -> Callable[[Stream], Draw]:
    """Return the recipe of an embedded cohort.

    Raises:
        UsageError: no embedded cohort has this name.
    """
    if name not in RECIPES:
        raise UsageError(
            f"Unknown embedded cohort 'phantom/{name}'; known are {', '.join(f'phantom/{known}' for known in RECIPES)}."
            + did_you_mean(name, RECIPES)
        )
    return RECIPES[name]
