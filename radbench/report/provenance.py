"""Everything that decided the numbers, as named lists of facts: versions, digests, seeds, settings."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from radbench.harness.result import AuditResult, ModelResult, ScenarioSummary
from radbench.harness.words import fall, plain

_TOLD_ELSEWHERE = {"set_key", "shift", "cohort", "editor", "attrition", "seed"}
"""Parts of a test set's datasheet that the page shows under other headings."""


@dataclass(frozen=True)
class Fact:
    """One line; ``code`` says that the value is an identifier or a digest rather than words."""

    name: str
    value: str
    code: bool


@dataclass(frozen=True)
class FactGroup:
    """Facts that belong together, under one heading."""

    title: str
    facts: tuple[Fact, ...]


def provenance(result: AuditResult) -> list[FactGroup]:
    """Return the groups in reading order: shift, editor, filter, data, test set, models, statistics, tool."""
    shift, cohort, testset = result.shift, result.cohort, result.testset
    about: dict[str, JsonValue] = {
        "name": shift.name,
        "kind": shift.kind,
        "target": shift.target,
        "diffusion bundle": shift.bundle,
    }
    data: dict[str, JsonValue] = {
        "name": cohort.name,
        "digest": cohort.digest,
        "studies": cohort.studies,
        "patients": cohort.patients,
    }
    if cohort.positives is not None:
        data[f"with {plain(shift.target)}"] = cohort.positives
    if cohort.unlabelled:
        data["left out, nothing known of the target"] = cohort.unlabelled
    for number, words in enumerate(cohort.films, start=1):
        data[f"reading of films {number}"] = words
    for number, words in enumerate(cohort.warnings, start=1):
        data[f"warning {number}"] = words
    interval = result.intervals
    statistics: dict[str, JsonValue] = {
        "interval": f"{100 * interval.confidence:g} %, {interval.method}, {interval.replicates} replicates",
        "seed": result.seed,
        "largest drop allowed": fall(result.max_drop, result.primary),
        "gate": "decides the exit code"
        if result.gate
        else "not asked for (the exit code does not depend on it)",
    }
    made = {name: value for name, value in testset.provenance.items() if name not in _TOLD_ELSEWHERE}
    groups = [
        _group("Shift", about),
        *(_group(f"Scenario {scenario.name}", _scenario(scenario)) for scenario in shift.scenarios),
        _group("Editor", shift.editor),
        _group("Filter", shift.filter),
        _group("Controls", shift.controls),
        _group("Real test set", data),
        _group("Synthetic test set", {"key": testset.key, **made}),
        *(_group(f"Model {model.name}", _model(model)) for model in result.models),
        _group("Statistics", statistics),
        _group("Software", {"result schema": result.schema_version, **result.tool}),
    ]
    return [group for group in groups if group.facts]


def _scenario(scenario: ScenarioSummary) -> dict[str, JsonValue]:
    values: dict[str, JsonValue] = scenario.model_dump(exclude={"name"})
    values["invert_prompt"] = scenario.invert_prompt or "(empty)"
    values["keep_mask"] = values["keep_mask"] or "none"
    return {name: value for name, value in values.items() if value not in ({}, None)}


def _model(model: ModelResult) -> dict[str, JsonValue]:
    facts: dict[str, JsonValue] = {
        "role": "control model" if model.role == "control" else "model under test",
        "architecture": model.architecture or "not declared",
        "digest": model.digest,
        "target": model.target,
        "operating point": f"{model.operating_point:g}, {model.operating_point_source}",
    }
    if model.checkpoints is not None:
        facts |= {f"run {place}": digest for place, digest in enumerate(model.checkpoints.digests, start=1)}
    return facts


def _group(title: str, values: Mapping[str, JsonValue]) -> FactGroup:
    return FactGroup(title, tuple(_flatten("", values)))


def _flatten(prefix: str, values: Mapping[str, JsonValue]) -> list[Fact]:
    facts: list[Fact] = []
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            facts += _flatten(f"{prefix}{plain(name)}, ", value)
        else:
            facts.append(Fact(f"{prefix}{plain(name)}", _text(value), _is_code(value)))
    return facts


def _text(value: JsonValue) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value in ({}, []):
        return "none"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(
            part if isinstance(part, str) else json.dumps(part, sort_keys=True) for part in value
        )
    return str(value)


def _is_code(value: JsonValue) -> bool:
    return isinstance(value, str) and len(value) >= 32 and " " not in value
