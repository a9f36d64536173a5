"""How the numbers were made: the methods in full sentences, ready to be cited, and every setting as a list of facts."""

import json
from collections.abc import Mapping, Sequence
from types import SimpleNamespace as Row

from pydantic import JsonValue

from radbench.harness.result import AuditResult, CohortSummary, ModelResult, ScenarioSummary
from radbench.harness.result.words import count, fall, listed, metric_name, plain

PAPER = (
    "Pérez-García F, Bond-Taylor S, Sanchez PP, et al. RadEdit: stress-testing biomedical vision models via "
    "diffusion image editing. European Conference on Computer Vision, 2024. arXiv:2312.12865."
)
"""The paper whose method is used."""
_END = "\N{RIGHT DOUBLE QUOTATION MARK}"
_KINDS = {
    "acquisition": "an acquisition shift (how images are made)",
    "manifestation": "a manifestation shift (how disease shows itself)",
    "population": "a population shift (which patients there are)",
    "natural": "a natural shift (one real cohort against another)",
}
_TOLD_ELSEWHERE = {"set_key", "shift", "cohort", "editor", "attrition", "seed"}
"""Parts of a test set's datasheet that the page shows under other headings."""


def methods_text(result: AuditResult) -> list[str]:
    """Return the paragraphs: data, edits and controls (or two cohorts compared), models, statistics, software."""
    if result.is_natural:
        return [
            _cohorts(result),
            _comparison(result),
            _models(result),
            _statistics(result),
            _software(result),
        ]
    return [
        _data(result),
        _edits(result),
        _controls(result),
        _models(result),
        _statistics(result),
        _software(result),
    ]


def _data(result: AuditResult) -> str:
    cohort, shift = result.cohort, result.shift
    positives = "" if cohort.positives is None else f", {cohort.positives} with {plain(shift.target)}"
    phantom = (
        " The images are those of a computed phantom, not of patients."
        if cohort.name.startswith("phantom")
        else ""
    )
    return (
        f"The effect of {_KINDS.get(shift.kind, shift.kind)} on models of {plain(shift.target)} was measured. The real "
        f"test set ({cohort.name}, digest {cohort.digest[:12]}) held {count(cohort.studies, 'image')} of "
        f"{count(cohort.patients, 'patient')}{positives}.{phantom}"
    )


def _cohorts(result: AuditResult) -> str:
    shift = result.shift
    told = []
    for name, cohort in (("A", result.cohort), ("B", result.against)):
        if cohort is not None:
            positives = "" if cohort.positives is None else f", {cohort.positives} with {plain(shift.target)}"
            told.append(
                f"cohort {name} ({cohort.name}, digest {cohort.digest[:12]}) held {count(cohort.studies, 'image')} of "
                f"{count(cohort.patients, 'patient')}{positives}"
            )
    drawn = (
        " The images are those of a computed phantom, not of patients."
        if result.cohort.name.startswith("phantom")
        else ""
    )
    return (
        f"Models of {plain(shift.target)} were compared on two real cohorts, without any change to an image: "
        f"{listed(told)}.{drawn}"
    )


def _comparison(result: AuditResult) -> str:
    found = None if result.case_mix is None else result.case_mix.reweighting
    if found is None:
        return "The cohorts were compared as they are, unpaired; no case mix was held equal."
    return (
        f"Cohort B was brought to cohort A's mix of {listed([plain(column) for column in found.columns])} by direct "
        f"standardisation: in each stratum of their cross an image of cohort B has the weight of the stratum's share "
        f"in cohort A divided by its share in cohort B. Both were cut down to the strata that they have in common "
        f"({found.reference} of {found.reference_total} images of cohort A, {found.against} of {found.against_total} "
        f"of cohort B). Kish's effective number of cohort B's images was {found.effective:.0f}; the largest weight was "
        f"{found.largest:.1f}."
    )


def _edits(result: AuditResult) -> str:
    shift, testset = result.shift, result.testset
    editor = shift.editor
    main = {name: value[0] if isinstance(value, list) and value else value for name, value in editor.items()}
    settings = [
        f"{plain(name)} {value:g}"
        for name, value in main.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    ]
    prompts = listed(
        [
            f"{plain(scenario.name)} (prompt: \N{LEFT DOUBLE QUOTATION MARK}{scenario.prompt}{_END})"
            for scenario in shift.scenarios
        ]
    )
    lost = f"{testset.rejected} were rejected by the declared quality filter and {testset.failed} failed"
    return (
        f"Synthetic images were made from real ones with the diffusion editor {editor.get('name', 'radedit')} [1] on "
        f"the bundle '{shift.bundle}'{f' ({listed(settings)})' if settings else ''}: {prompts}. Of "
        f"{count(testset.records, 'edit')}, {lost}; the remaining {testset.ok} were judged "
        f"(test set {testset.key[:12]})."
    )


def _controls(result: AuditResult) -> str:
    arms = {arm for model in result.models for arm in model.arms}
    found = ["films resized to the editor's size and back"] if "geometry" in arms else []
    if "reconstruction" in arms:
        found.append("reconstructions (encoded and decoded without an edit)")
    if "sham" in arms:
        found.append("sham edits (same place and noise, a prompt that keeps what the image shows)")
    if result.placebo:
        found.append("placebo edits (where the finding is absent)")
    if "truth" in arms:
        found.append("true counterfactuals, rendered without an editor")
    if result.anchors:
        films = sum(one.studies for one in result.anchors)
        found.append(f"anchors ({count(films, 'real film')} that show the shift already)")
    controls = [model.name for model in result.models if model.role == "control"]
    words = (
        f"As controls of the editor, {listed(found)} were made."
        if found
        else "No controls of the editor were made."
    )
    if controls:
        words += (
            f" {listed(controls)} served as control model{'s' if len(controls) > 1 else ''}, known to hold."
        )
    return words


def _models(result: AuditResult) -> str:
    judged = [model for model in result.models if model.role == "model"]
    points = sorted({f"{model.operating_point:g} ({model.operating_point_source})" for model in judged})
    named = listed([f"{model.name} (digest {model.digest[:12]})" for model in judged]) or "No model"
    derived = {"common", "reweighted"}  # the same answers once more
    silent = sum(
        found.indeterminate for model in judged for arm, found in model.arms.items() if arm not in derived
    )
    words = f"{named} {'were' if len(judged) > 1 else 'was'} run on the same images"
    if result.task == "classification" and points:
        words += f" at the operating point {listed(points)}"
    return f"{words}. Images without an answer ({silent} in all) were counted as wrong and not left out."


def _statistics(result: AuditResult) -> str:
    interval, name = result.intervals, metric_name(result.primary)
    tests = [test for model in result.models for test in model.tests]
    between = "the real to the edited images"
    if result.is_natural:
        between = "cohort A to cohort B" + (" at the same case mix" if result.shift.reweight else "")
    words = (
        f"The primary endpoint was the drop of {name} from {between}, judged against "
        f"{fall(result.max_drop, result.primary)} on the bound of its interval. Intervals are "
        f"{100 * interval.confidence:g} % ({interval.method}, {interval.replicates} replicates, seed {result.seed})."
    )
    if tests:
        kinds = {
            "mcnemar": "McNemar's exact test",
            "paired bootstrap": "the paired bootstrap",
            "unpaired bootstrap": "the unpaired bootstrap",
        }
        used = [words_of for kind, words_of in kinds.items() if any(test.test == kind for test in tests)]
        words += f" Differences were tested two-sided with {listed(used)}"
        family = max(test.family for test in tests)
        words += f", p values corrected by Holm's method over {family} tests." if family > 1 else "."
    if result.anchors:
        words += (
            " Synthetic images and anchors were compared by two one-sided tests (Schuirmann 1987) and combined with a "
            "robust mixture prior (Schmidli et al. 2014), the interval by Pratt's tests of the anchors (Pratt 1961; Yu "
            "and Hoff 2018)."
        )
    if result.gates:
        words += f" The verdict is that of {count(len(result.gates), 'rule')} declared before the run."
    if result.prevalence is not None:
        words += f" Predictive values are given at a prevalence of {100 * result.prevalence:g} %."
    return words


def _software(result: AuditResult) -> str:
    versions = dict(result.tool)
    name, own = versions.pop("name", "radbench"), versions.pop("version", versions.pop("radbench", ""))
    others = listed([f"{package} {version}" for package, version in versions.items()])
    used = f"{name} {own} was used{f' with {others}' if others else ''}.".replace("  ", " ")
    return used if result.is_natural else f"{used} [1] {PAPER}"


def provenance(result: AuditResult) -> list[Row]:
    """Return the groups in reading order: shift, editor, filter, data, test set, models, statistics, tool.

    A fact of a group has a ``name`` and a ``value``; ``code`` says that it is an identifier or a digest and no words.
    """
    shift, cohort, testset = result.shift, result.cohort, result.testset
    about: dict[str, JsonValue] = {
        "name": shift.name,
        "kind": shift.kind,
        "target": shift.target,
        "diffusion bundle": shift.bundle,
    }
    if result.is_natural:
        del about["diffusion bundle"]
        about |= {"reweighted to cohort A's mix of": list(shift.reweight)}
    data = _cohort_facts(cohort, shift.target)
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
        *(_group(f"Scenario {scenario.name}", _scenario_facts(scenario)) for scenario in shift.scenarios),
        _group("Editor", shift.editor),
        _group("Filter", shift.filter),
        _group("Controls", shift.controls),
        _group("Cohort A" if result.is_natural else "Real test set", {**data, **shift.source}),
        *([] if result.is_natural else [_group("Synthetic test set", {"key": testset.key, **made})]),
        *(
            []
            if result.against is None
            else [_group("Cohort B", {**_cohort_facts(result.against, shift.target), **shift.against})]
        ),
        *(_group(f"Model {model.name}", _model_facts(model)) for model in result.models),
        _group("Statistics", statistics),
        _group("Software", {"result schema": result.schema_version, **result.tool}),
    ]
    return [group for group in groups if group.facts]


def _cohort_facts(cohort: CohortSummary, target: str) -> dict[str, JsonValue]:
    data: dict[str, JsonValue] = {
        "name": cohort.name,
        "digest": cohort.digest,
        "studies": cohort.studies,
        "patients": cohort.patients,
    }
    if cohort.positives is not None:
        data[f"with {plain(target)}"] = cohort.positives
    if cohort.unlabelled:
        data["left out, nothing known of the target"] = cohort.unlabelled
    for number, words in enumerate(cohort.films, start=1):
        data[f"reading of films {number}"] = words
    for number, words in enumerate(cohort.warnings, start=1):
        data[f"warning {number}"] = words
    return data


def _scenario_facts(scenario: ScenarioSummary) -> dict[str, JsonValue]:
    values: dict[str, JsonValue] = scenario.model_dump(exclude={"name"})
    values["invert_prompt"] = scenario.invert_prompt or "(empty)"
    values["keep_mask"] = values["keep_mask"] or "none"
    return {name: value for name, value in values.items() if value not in ({}, None)}


def _model_facts(model: ModelResult) -> dict[str, JsonValue]:
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


def _group(title: str, values: Mapping[str, JsonValue]) -> Row:
    return Row(title=title, facts=_flatten("", values))


def _flatten(prefix: str, values: Mapping[str, JsonValue]) -> list[Row]:
    facts: list[Row] = []
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            facts += _flatten(f"{prefix}{plain(name)}, ", value)
        else:
            code = isinstance(value, str) and len(value) >= 32 and " " not in value
            facts.append(Row(name=f"{prefix}{plain(name)}", value=_text(value), code=code))
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
