"""The page that shows editors side by side: one table, and the same studies edited by each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace as Row
from typing import Final

from radbench.declared import reports_dir
from radbench.harness.evidence.edits import RETAINED, EditorComparison, EditorRow
from radbench.harness.result import Estimate
from radbench.harness.result.words import Unit, capital, metric_name, metric_unit, number, show
from radbench.report.gallery import case_name
from radbench.report.images import Gray, data_uri, fit, stamp
from radbench.report.outputs import write_files
from radbench.report.page import render
from radbench.report.tables import table

EDITORS_JSON, EDITORS_TABLE, EDITORS_PAGE = "editors.json", "editors.csv", "editors.html"
TEMPLATE = "editors.html.j2"

FIGURES: Final[tuple[tuple[str, str, Unit], ...]] = (
    ("edit_error", "Error in the edit mask", "share"),
    ("keep_change", "Change in the keep mask", "share"),
    ("outside_change", "Change outside both", "share"),
    ("retained", "Kept object retained", "share"),
    ("seam", "Seam against the source", "ratio"),
    ("seam_vs_truth", "Seam against the truth", "ratio"),
)
"""Figures of a row, their headings and units."""


@dataclass(frozen=True)
class EditedStudy:
    """One study as every editor left it: ``uint8 [H, W]`` each; ``truth`` None where it is not known.

    ``study_id`` is what the page calls it: a running number, such as ``case-001``, names no patient.
    """

    study_id: str
    original: Gray
    truth: Gray | None
    edited: Mapping[str, Gray]


def write_comparison(comparison: EditorComparison, studies: Sequence[EditedStudy], out_dir: Path) -> Path:
    """Write ``editors.json``, ``editors.csv`` and ``editors.html``, all or none; return the page's path.

    Raises:
        UsageError: ``out_dir`` cannot be written.
    """
    files = {
        EDITORS_JSON: comparison.to_json(),
        EDITORS_TABLE: editors_csv(comparison),
        EDITORS_PAGE: render_comparison(comparison, studies),
    }
    write_files(out_dir, files)
    return out_dir / EDITORS_PAGE


def editors_csv(comparison: EditorComparison) -> bytes:
    """Return one figure a row: editor, metric, n, value, low, high (empty where undefined)."""
    rows: list[tuple[object, ...]] = []
    for row in comparison.rows:
        for name, found in _figures(row, comparison.primary).items():
            rows.append((row.editor, name, found.n, found.value, found.low, found.high))
        rows.append((row.editor, "seconds_per_image", row.n, row.seconds, None, None))
    return table(("editor", "metric", "n", "value", "low", "high"), rows)


def _figures(row: EditorRow, primary: str) -> dict[str, Estimate]:
    figures: dict[str, Estimate] = {name: getattr(row, name) for name, _, _ in FIGURES}
    figures["source_error"] = row.source_error
    figures |= {f"{primary} of {model}": found for model, found in row.models.items()}
    return figures | {f"true {primary} of {model}": found for model, found in row.truth.items()}


def render_comparison(
    comparison: EditorComparison, studies: Sequence[EditedStudy], folder: Path | None = None
) -> bytes:
    """Render the page as UTF-8, with the rules of ``page.render_page``."""
    primary = comparison.primary
    models = list(comparison.rows[0].models) if comparison.rows else []
    return render(
        reports_dir() if folder is None else folder,
        TEMPLATE,
        comparison=comparison,
        headings=[heading for _, heading, _ in FIGURES],
        models=models,
        metric=metric_name(primary),
        retained=f"{100 * RETAINED:g}",
        rows=[_row(row, primary, models) for row in comparison.rows],
        studies=[_study(study) for study in studies],
    )


def _row(row: EditorRow, primary: str, models: Sequence[str]) -> Row:
    unit = metric_unit(primary)
    return Row(
        editor=row.editor,
        n=row.n,
        failed=row.failed,
        figures=[show(getattr(row, name), unit_of) for name, _, unit_of in FIGURES],
        models=[show(row.models.get(model), unit) for model in models],
        truth=[show(row.truth.get(model), unit) for model in models],
        source_error=show(row.source_error, "share"),
        seconds="not measured" if row.seconds is None else f"{number(row.seconds)} s",
    )


def _study(study: EditedStudy) -> tuple[str, list[Row]]:
    """Return what the page calls a study and its pictures."""
    name = study.study_id
    pictures = [Row(title="original", alt=f"original of {name}", uri=data_uri(fit(study.original)))]
    if study.truth is not None:
        truth = data_uri(stamp(fit(study.truth), "RENDERED"))
        pictures.append(Row(title="true counterfactual", alt=f"true counterfactual of {name}", uri=truth))
    pictures += [
        Row(title=editor, alt=f"{name} edited by {editor}, synthetic", uri=data_uri(stamp(fit(image))))
        for editor, image in study.edited.items()
    ]
    return capital(case_name(name)), pictures
