"""A result's figures as a reader sees them, in words (percentages, intervals, why undefined) and as ``metrics.csv``."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from radbench.harness.result import (
    ALL_SCENARIOS,
    ARMS,
    Arm,
    AuditResult,
    Estimate,
    ModelResult,
    PairedResult,
    ScenarioResult,
)

Unit = Literal["share", "points", "score", "ratio", "pixels", "mm", "number", "signed"]
"""``share``: a rate in [0, 1], in per cent; ``points``: a difference of rates; ``score``: a signed number;
``ratio``: an overlap such as Dice, or a fall of one; ``pixels`` and ``mm``: a distance;
``number``: anything, a count too; ``signed``: a signed number with two decimals."""

_FORMATS: Final[dict[Unit, tuple[float, str, str, str]]] = {
    "share": (100.0, ".1f", " %", " %"),
    "points": (100.0, ".1f", " points", ""),
    "score": (1.0, "+.3f", "", ""),
    "ratio": (1.0, ".3f", "", ""),
    "pixels": (1.0, ".2f", " px", " px"),
    "mm": (1.0, ".2f", " mm", " mm"),
    "number": (1.0, "", "", ""),
    "signed": (1.0, "+.2f", "", ""),
}
"""Factor, format, and what follows a figure and an interval."""
_METRICS: Final = {
    "auroc": "AUROC",
    "auprc": "AUPRC",
    "ppv": "PPV",
    "npv": "NPV",
    "brier": "Brier score",
    "ece": "expected calibration error",
    "dice": "Dice",
    "iou": "IoU",
    "hausdorff_95": "Hausdorff distance, 95th percentile",
    "average_surface_distance": "average surface distance",
    "average_symmetric_surface_distance": "average symmetric surface distance",
}
_RATIOS: Final = ("dice", "iou", "brier", "ece")
_SHARES: Final = (
    "accuracy",
    "balanced_accuracy",
    "sensitivity",
    "specificity",
    "auroc",
    "auprc",
    "ppv",
    "npv",
)

_MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Shown:
    """An estimate in words: ``text`` with its unit, ``interval`` ("" if none), and why it is undefined.

    ``low``, ``value`` and ``high`` are the bare numbers for drawing (None where undefined).
    """

    text: str
    interval: str
    defined: bool
    note: str
    n: int
    value: float | None = None
    low: float | None = None
    high: float | None = None


def show(estimate: Estimate | None, unit: Unit = "share", missing: str = "not measured") -> Shown:
    """Put an estimate into words; ``missing`` is the reason given when there is no estimate at all."""
    if estimate is None:
        return Shown("undefined", "", defined=False, note=missing, n=0)
    if estimate.value is None:
        note = estimate.note.removeprefix("undefined: ") or "the images at hand do not define it"
        return Shown("undefined", "", defined=False, note=note, n=estimate.n)
    low, high = estimate.low, estimate.high
    factor, form, unit_text, interval_unit = _FORMATS[unit]
    interval = ""
    if low is not None and high is not None:
        interval = f"{_bare(factor * low, form)} to {_bare(factor * high, form)}{interval_unit}"
    return Shown(
        _bare(factor * estimate.value, form) + unit_text,
        interval,
        defined=True,
        note=estimate.note,
        n=estimate.n,
        value=estimate.value,
        low=low,
        high=high,
    )


def number(value: float | None, unit: Unit = "ratio") -> str:
    """Return a bare number in words, ``not known`` where there is none."""
    if value is None:
        return "not known"
    factor, form, text, _ = _FORMATS[unit]
    return _bare(factor * value, form) + text


def footnotes(figures: Iterable[tuple[str, Shown]]) -> tuple[str, ...]:
    """Return what qualifies the figures of a table, each note once, with the labels of the rows it is of."""
    rows: dict[str, None] = {}
    found: dict[str, dict[str, None]] = {}
    for label, shown in figures:
        rows[label] = None
        for note in shown.note.split("; ") if shown.defined and shown.note else ():
            found.setdefault(note, {})[label] = None
    return tuple(f"{_of_rows(list(labels), len(rows))}: {note}." for note, labels in found.items())


def _of_rows(labels: list[str], rows: int) -> str:
    if len(labels) == rows > 1:
        return "All figures"
    return f"{len(labels)} of {rows} figures" if len(labels) > 4 else ", ".join(labels)


def spread(mean: float, sd: float, unit: Unit) -> str:
    """Return mean and standard deviation as the paper prints them, ``99.1 ± 0.2``, without a unit."""
    factor, form, _, _ = _FORMATS[unit]
    return f"{_bare(factor * mean, form)} ± {_bare(factor * sd, form.lstrip('+'))}"


def _bare(value: float, form: str) -> str:
    text = format(value, form) if form else _any_number(value)
    if not any(digit in text for digit in "123456789"):
        text = text.lstrip("+-")  # no "-0.0"
    return text.replace("-", _MINUS)


def _any_number(value: float) -> str:
    return f"{value:g}" if value == int(value) or abs(value) >= 100 else f"{value:.3f}"


def p_value(p: float | None) -> str:
    """Return a p value as papers print it: two digits, or ``< 0.001``; ``undefined`` where there is none."""
    if p is None:
        return "undefined"
    if p < 0.001:
        return "< 0.001"
    return f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def listed(words: Sequence[str]) -> str:
    """Return words as a sentence lists them: ``a, b and c``."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def capital(words: str) -> str:
    """Return words with a capital first letter, and all else as it is."""
    return words[:1].upper() + words[1:]


def metric_name(name: str) -> str:
    """Return a metric's name as a reader knows it."""
    found = _METRICS.get(name.removesuffix("_mm"))
    return plain(name) if found is None else f"{found}, mm" if name.endswith("_mm") else found


def metric_unit(name: str) -> Unit:
    """Return the unit of a metric; a distance is in pixels, or in millimetres where its name says so."""
    if name.endswith("_mm"):
        return "mm"
    return "share" if name in _SHARES else "ratio" if name in _RATIOS else "pixels"


def fall_unit(primary: str) -> Unit:
    """Return the unit of a fall of the primary metric."""
    return "points" if primary in _SHARES else "ratio"


def fall(value: float, primary: str) -> str:
    """Return a fall of the primary metric without an interval, as ``10 points`` or ``0.05``."""
    return f"{100 * value:g} points" if primary in _SHARES else f"{value:g}"


def plain(name: str) -> str:
    """Return an identifier as words: ``chest_drain`` becomes ``chest drain``."""
    return name.replace("_", " ")


def count(number: int, word: str) -> str:
    """Return ``1 model`` or ``2 models``."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def grey_levels(fraction: float | None) -> str:
    """Return a fraction of the grey range as grey levels of 255, or ``not known``."""
    return "not known" if fraction is None else f"{255 * fraction:.1f}"


EFFECTS: Final[Mapping[Arm, str]] = {
    "sham": "sham_effect",
    "stress": "shift_effect",
    "truth": "truth_gap",
}
"""What is not a figure of one arm, and the arm under which it is listed."""


class MetricRow(NamedTuple):
    """One figure; ``value``, ``low`` and ``high`` are None (an empty cell) where they are undefined."""

    model: str
    shift: str
    scenario: str
    arm: str
    metric: str
    n: int
    value: float | None
    low: float | None
    high: float | None


COLUMNS: Final = MetricRow._fields


def metric_rows(result: AuditResult) -> list[MetricRow]:
    """Return one row a figure: by model, then scenario, arm and metric.

    The real arm has scenario "all". Where the shift has one scenario, the other arms carry its name; where it
    has several, "all" pools them and each follows on its own.
    """
    rows: list[MetricRow] = []
    for model in result.models:
        names = list(model.scenarios)
        pooled = names[0] if len(names) == 1 else ALL_SCENARIOS
        for arm in ARMS:
            rows += _arm_rows(
                (model.name, result.shift.name, ALL_SCENARIOS if arm == "real" else pooled), arm, model
            )
        for name in names if len(names) > 1 else []:
            for arm in ARMS:
                rows += _arm_rows((model.name, result.shift.name, name), arm, model.scenarios[name])
        rows += _anchor_rows(result.shift.name, model)
    return rows


def _anchor_rows(shift: str, model: ModelResult) -> list[MetricRow]:
    """Return what is made of anchors and synthetic images together; ``anchored`` is the primary metric of both."""
    return [
        MetricRow(
            model.name, shift, one.scenario, "anchor", name, found.n, found.value, found.low, found.high
        )
        for one in model.anchors
        for name, found in (
            ("stress_less_anchor", one.difference),
            ("anchored", one.combined),
            ("drop_to_anchored", one.drop),
        )
    ]


def _arm_rows(place: tuple[str, str, str], arm: Arm, found: ModelResult | ScenarioResult) -> list[MetricRow]:
    figures: dict[str, Estimate | None] = dict(found.arms[arm].metrics) if arm in found.arms else {}
    if arm in found.paired:
        paired = found.paired[arm]
        figures |= {name: getattr(paired, name) for name in PairedResult.model_fields if name != "changes"}
        figures |= {f"{name}_change": figure for name, figure in paired.changes.items()}
    if arm in EFFECTS:
        figures[EFFECTS[arm]] = getattr(found, EFFECTS[arm])
    return [
        MetricRow(*place, arm, name, figure.n, figure.value, figure.low, figure.high)
        for name, figure in figures.items()
        if figure is not None
    ]
