"""How good the edits are that were kept: what was measured on each scenario, beside the limit it had to keep."""

from dataclasses import dataclass

from radbench.harness.result import AuditResult, EditQuality
from radbench.harness.words import grey_levels, number


@dataclass(frozen=True)
class QualityRow:
    """One measure: its words, its limit in words ("" if it is not judged), and its mean by scenario."""

    label: str
    explained: str
    limit: str
    values: tuple[str, ...]


_MEASURES = (
    (
        "editing_score",
        "Editing score",
        "how far the picture went where the words went, −1 to 1",
        "min_editing_score",
    ),
    ("change_edit", "Change inside the edit mask", "grey levels", ""),
    ("effect_edit", "of that, by the prompt", "grey levels, against the reconstruction", ""),
    ("change_keep", "Change inside the keep mask", "grey levels; 0 is best", "max_change_keep"),
    ("change_outside", "Change outside both masks", "grey levels", "max_change_outside"),
    ("seam", "Seam around the edit mask", "1 is none", "max_seam"),
    ("saturation", "Newly black or white pixels", "share of the image", "max_saturation"),
)


def quality_rows(result: AuditResult) -> list[QualityRow]:
    """Return the measures that are known for some scenario, in reading order."""
    return [
        QualityRow(
            label,
            explained,
            _limit(result, field, limit),
            tuple(_value(row, field) for row in result.edit_quality),
        )
        for field, label, explained, limit in _MEASURES
        if any(getattr(row, field) is not None for row in result.edit_quality)
    ]


def _limit(result: AuditResult, field: str, limit: str) -> str:
    allowed = result.shift.filter.get(limit)
    if not isinstance(allowed, int | float):
        return ""
    bound = "at least" if limit.startswith("min") else "at most"
    return f"{bound} {_words(field, float(allowed))}"


def _value(row: EditQuality, field: str) -> str:
    return _words(field, getattr(row, field))


def _words(field: str, value: float | None) -> str:
    if field.startswith("change") or field == "effect_edit":
        return grey_levels(value)
    if field == "saturation":
        return number(value, "share")
    return "not known" if value is None else number(value, "score" if field == "editing_score" else "ratio")
