"""What the edit changes in the same patients, model by model and scenario by scenario, and whether it may be chance."""

from dataclasses import dataclass

from radbench.harness.result import AuditResult, Estimate, ModelResult
from radbench.harness.words import Shown, fall_unit, footnotes, p_value, plain, show
from radbench.plots.effects import effects as draw_effects
from radbench.plots.style import Drawing
from radbench.report.inline_svg import WIDTH

_TESTS = {"mcnemar": "McNemar, exact", "paired bootstrap": "paired bootstrap"}


@dataclass(frozen=True)
class ModelEffects:
    """One model's forest plot."""

    name: str
    is_control: bool
    forest: Drawing | None


@dataclass(frozen=True)
class TestRow:
    """One test in words."""

    __test__ = False  # not a pytest class

    model: str
    scenario: str
    test: str
    n: int
    p: str
    p_holm: str
    family: int
    note: str


@dataclass(frozen=True)
class EffectsView:
    """The plots, on one axis, and the tests; ``families`` says how many tests were corrected together."""

    models: tuple[ModelEffects, ...]
    tests: tuple[TestRow, ...]
    families: str
    notes: tuple[str, ...]


def effects_view(result: AuditResult) -> EffectsView:
    """Put the paired effects and their tests into charts and words."""
    effects = {model.name: _effects(result, model) for model in result.models}
    tests = _tests(result)
    sizes = sorted({row.family for row in tests if row.family > 1})
    return EffectsView(
        models=tuple(
            ModelEffects(
                model.name,
                model.role == "control",
                draw_effects(result, [model.name], WIDTH)
                if any(one.defined for _, one in effects[model.name])
                else None,
            )
            for model in result.models
        ),
        tests=tests,
        families=" or ".join(map(str, sizes)),
        notes=footnotes((label, shown) for found in effects.values() for label, shown in found),
    )


def _effects(result: AuditResult, model: ModelResult) -> list[tuple[str, Shown]]:
    unit = fall_unit(result.primary)
    pooled = model.paired.get("stress")
    found: list[tuple[str, Estimate | None]] = []
    if len(model.scenarios) > 1:
        for name, scenario in model.scenarios.items():
            paired = scenario.paired.get("stress")
            found.append((plain(name), None if paired is None else paired.paired_drop))
    found.append(("All edits" if found else "Edited", None if pooled is None else pooled.paired_drop))
    return [(label, show(figure, unit)) for label, figure in found if figure is not None]


def _tests(result: AuditResult) -> tuple[TestRow, ...]:
    return tuple(
        TestRow(
            model.name,
            "all edits" if test.scenario == "all" else plain(test.scenario),
            _TESTS[test.test],
            test.n,
            p_value(test.p),
            "–" if test.p_holm is None else p_value(test.p_holm),
            test.family,
            test.note,
        )
        for model in result.models
        for test in model.tests
        if not test.subgroup
    )
