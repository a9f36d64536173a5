"""What the templates may use: every view of a result by its name."""

from typing import Any

from radbench.harness.beside import beside_shift
from radbench.harness.result import AuditResult
from radbench.harness.words import fall, footnotes, metric_name, plain
from radbench.report.asked import claim_rows, model_rows, preflight_views
from radbench.report.calibration import calibration_views
from radbench.report.cases import Answered, draw_gallery, first_cases
from radbench.report.config import GallerySettings
from radbench.report.controls import controls_view
from radbench.report.doses import dose_panels
from radbench.report.effects import effects_view
from radbench.report.flow import flow_views, unanswered
from radbench.report.gallery import rejected_panel
from radbench.report.gates import gates_view
from radbench.report.images import DIFFERENCE_SPAN
from radbench.report.material import Material
from radbench.report.methods import methods_text
from radbench.report.provenance import provenance
from radbench.report.quality import quality_rows
from radbench.report.ranking import ranking_view
from radbench.report.runs import runs_views
from radbench.report.segmentation import segmentation_view
from radbench.report.subgroups import subgroups_view
from radbench.report.summary import power_lines, summary_rows
from radbench.report.view import badge, expected_flips, headline, model_view, reference_metric


def report_context(material: Material, settings: GallerySettings) -> dict[str, Any]:
    """Return everything that a template may name; nothing in it is computed from pixels but the gallery."""
    result = material.result
    gallery = draw_gallery(Answered(result), material.chosen, material.size, settings)
    return {
        **_basics(result),
        **_evidence(result),
        "gallery": gallery,
        "first_cases": first_cases(gallery),
        "rejected": [(item, rejected_panel(item)) for item in material.rejected],
        "rejected_size": material.rejected_size,
        "difference_span": DIFFERENCE_SPAN,
    }


def _basics(result: AuditResult) -> dict[str, Any]:
    models = [model_view(result, model, index) for index, model in enumerate(result.models)]
    return {
        "result": result,
        "shift": result.shift,
        "target": plain(result.shift.target),
        "primary": metric_name(result.primary),
        "testset": result.testset,
        "verdict": badge(result.verdict),
        "headline": headline(result),
        "beside": beside_shift(result),
        "models": models,
        "judged": [model for model in models if not model.is_control],
        "control_models": [model for model in models if model.is_control],
        "primary_notes": footnotes((row.title, row.primary) for model in models for row in model.rows),
        "reference_metric": reference_metric(result),
        "expected_flips": expected_flips(result),
        "limit": fall(result.max_drop, result.primary),
        "confidence": f"{100 * result.intervals.confidence:g}",
        "phantom": result.cohort.name.startswith("phantom"),
    }


def _evidence(result: AuditResult) -> dict[str, Any]:
    return {
        "summary": summary_rows(result),
        "power": power_lines(result),
        "corrected": any(test.p_holm is not None for model in result.models for test in model.tests),
        "gates": gates_view(result),
        "asked": model_rows(result),
        "claims": claim_rows(result),
        "preflight": preflight_views(result),
        "effects": effects_view(result),
        "controls": controls_view(result),
        "segmentation": segmentation_view(result),
        "calibration": calibration_views(result),
        "doses": dose_panels(result),
        "ranking": ranking_view(result),
        "subgroups": subgroups_view(result),
        "runs": runs_views(result),
        "flows": flow_views(result),
        "unanswered": unanswered(result),
        "quality": quality_rows(result),
        "methods": methods_text(result),
        "facts": provenance(result),
    }
