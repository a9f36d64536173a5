"""The methods of an audit in full sentences, ready to be cited; every number comes from the result."""

from radbench.harness.result import AuditResult, ScenarioSummary
from radbench.harness.words import count, fall, listed, metric_name, plain

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
}


def methods_text(result: AuditResult) -> list[str]:
    """Return the paragraphs: data, edits and controls, models, statistics, software."""
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
    phantom = " The images are those of a computed phantom, not of patients." if _is_phantom(result) else ""
    return (
        f"The effect of {_KINDS.get(shift.kind, shift.kind)} on models of {plain(shift.target)} was measured. The real "
        f"test set ({cohort.name}, digest {cohort.digest[:12]}) held {count(cohort.studies, 'image')} of "
        f"{count(cohort.patients, 'patient')}{positives}.{phantom}"
    )


def _is_phantom(result: AuditResult) -> bool:
    return result.cohort.name.startswith("phantom")


def _edits(result: AuditResult) -> str:
    shift, testset = result.shift, result.testset
    editor = shift.editor
    main = {name: value[0] if isinstance(value, list) and value else value for name, value in editor.items()}
    settings = [f"{plain(name)} {value:g}" for name, value in main.items() if _is_number(value)]
    prompts = listed([_scenario(scenario) for scenario in shift.scenarios])
    lost = f"{testset.rejected} were rejected by the declared quality filter and {testset.failed} failed"
    return (
        f"Synthetic images were made from real ones with the diffusion editor {editor.get('name', 'radedit')} [1] on "
        f"the bundle '{shift.bundle}'{f' ({listed(settings)})' if settings else ''}: {prompts}. Of "
        f"{count(testset.records, 'edit')}, {lost}; the remaining {testset.ok} were judged "
        f"(test set {testset.key[:12]})."
    )


def _scenario(scenario: ScenarioSummary) -> str:
    return f"{plain(scenario.name)} (prompt: \N{LEFT DOUBLE QUOTATION MARK}{scenario.prompt}{_END})"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


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
    silent = sum(arm.indeterminate for model in judged for arm in model.arms.values())
    words = f"{named} {'were' if len(judged) > 1 else 'was'} run on the same images"
    if result.task == "classification" and points:
        words += f" at the operating point {listed(points)}"
    return f"{words}. Images without an answer ({silent} in all) were counted as wrong and not left out."


def _statistics(result: AuditResult) -> str:
    interval, name = result.intervals, metric_name(result.primary)
    tests = [test for model in result.models for test in model.tests]
    words = (
        f"The primary endpoint was the drop of {name} from the real to the edited images, judged against "
        f"{fall(result.max_drop, result.primary)} on the bound of its interval. Intervals are "
        f"{100 * interval.confidence:g} % ({interval.method}, {interval.replicates} replicates, seed {result.seed})."
    )
    if tests:
        kinds = {"mcnemar": "McNemar's exact test", "paired bootstrap": "the paired bootstrap"}
        used = [words_of for kind, words_of in kinds.items() if any(test.test == kind for test in tests)]
        words += f" Differences were tested two-sided with {listed(used)}"
        family = max(test.family for test in tests)
        words += f", p values corrected by Holm's method over {family} tests." if family > 1 else "."
    if result.gates:
        words += f" The verdict is that of {count(len(result.gates), 'rule')} declared before the run."
    if result.prevalence is not None:
        words += f" Predictive values are given at a prevalence of {100 * result.prevalence:g} %."
    return words


def _software(result: AuditResult) -> str:
    versions = dict(result.tool)
    name, own = versions.pop("name", "radbench"), versions.pop("version", versions.pop("radbench", ""))
    others = listed([f"{package} {version}" for package, version in versions.items()])
    return f"{name} {own} was used{f' with {others}' if others else ''}. [1] {PAPER}".replace("  ", " ")
