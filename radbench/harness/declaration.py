"""What a result repeats of a model's declaration, and what a preflight found: no path, no credentials."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from radbench.harness.evidence import Finding
from radbench.harness.predict import Outcome
from radbench.specs import ModelSpec

if TYPE_CHECKING:
    from radbench.models.base import Finding as Found

FORCED = "It breaks its own contract and was audited because that was asked for: believe the preflight first."
"""What stands beside a forced model's verdict, whatever that is."""


def declared_fields(spec: ModelSpec) -> dict[str, Any]:
    """Return the fields of ``ModelResult`` that come from the declaration alone."""
    return {
        "name": spec.name,
        "title": spec.title,
        "architecture": spec.architecture,
        "target": spec.target,
        "operating_point": spec.operating_point,
        "operating_point_source": spec.operating_point_source,
        "format": spec.format,
        "source": source_name(spec),
        "pinned": spec.sha256 is not None,
        "output": spec.output,
        "intended_use": spec.intended_use,
    }


def source_name(spec: ModelSpec) -> str:
    """Return the name of the model's file or program without its folder, or its address without credentials."""
    if spec.endpoint is not None:
        parts = urlsplit(spec.endpoint)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    named = spec.weights or spec.path or (spec.command[0] if spec.command else "")
    return PurePath(named).name


def as_findings(found: Sequence["Found"]) -> list[Finding]:
    """Return a preflight's findings as a result holds them."""
    return [
        Finding(
            check=one.check,
            level=one.level,
            declared=one.declared,
            observed=one.observed,
            meaning=one.meaning,
        )
        for one in found
    ]


def refusals(
    preflight: Mapping[str, Sequence["Found"]], names: Sequence[str], forced: Collection[str]
) -> dict[str, Outcome]:
    """Return, by name, the models that fail their own contract and are not forced, with the reason in one sentence."""
    found = {}
    for name in names:
        failed = [one for one in preflight.get(name, ()) if one.level == "failure"]
        if failed and name not in forced:
            checks = ", ".join(one.check for one in failed)
            causes = " ".join(_cause(one) for one in failed)
            found[name] = Outcome(
                {},
                f"The preflight found that the model breaks its own contract ({checks}), so it was not audited; mend "
                f"its declaration, or force it. {causes}",
                "refused",
            )
    return found


def _cause(finding: "Found") -> str:
    """Return what was declared and seen as one sentence, with what follows from it."""
    observed = finding.observed.strip().rstrip(".")
    said = (
        f"{finding.check.capitalize()}: declared {finding.declared.strip().rstrip('.')}, observed {observed}."
    )
    return " ".join(filter(None, (said, finding.meaning)))
