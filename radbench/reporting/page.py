"""The page: templates of the declared ``reports/`` folder filled with the view; one HTML file."""

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from radbench.audit.result import AuditResult
from radbench.reporting.cases import gallery_cases
from radbench.reporting.config import SUFFIX, load_report_spec
from radbench.reporting.controls import controls_view
from radbench.reporting.doses import dose_panels
from radbench.reporting.gallery import GalleryItem, RejectedItem, choose_rejected, rejected_panel
from radbench.reporting.images import DIFFERENCE_SPAN
from radbench.reporting.provenance import provenance
from radbench.reporting.quality import quality_rows
from radbench.reporting.road import funnels, rejections, road
from radbench.reporting.runs import runs_views
from radbench.reporting.segmentation import segmentation_view
from radbench.reporting.view import badge, expected_flips, headline, model_view, reference_metric
from radbench.reporting.words import count, fall, footnotes, grey_levels, metric_name, plain

MAIN_TEMPLATE = "report.html.j2"
STYLESHEET = "style.css"


def render_page(
    result: AuditResult,
    gallery: Sequence[GalleryItem],
    folder: Path | None = None,
    rejected: Sequence[RejectedItem] = (),
) -> bytes:
    """Render ``report.html`` as UTF-8; the same arguments give the same bytes.

    The page asks for nothing outside itself: its style is inline, its images are data URIs, and its Content
    Security Policy forbids everything but the style of that very digest and data images. It has no script.

    Args:
        result: The audit.
        gallery: Edited images to choose from; an empty one leaves the gallery out.
        folder: Another folder of templates, instead of the declared one.
        rejected: Rejected images to choose from.

    Raises:
        UsageError: the report folder is incomplete or ``report.yaml`` is wrong.
    """
    spec, folder = load_report_spec(folder)
    shown = choose_rejected(rejected, spec.gallery.rejected)
    return render(
        folder,
        MAIN_TEMPLATE,
        **_context(result),
        cases=gallery_cases(result, gallery, spec.gallery.cases, spec.gallery.worst),
        gallery_size=len(gallery),
        rejected=[(item, rejected_panel(item)) for item in shown],
        rejected_size=len(rejected),
        difference_span=DIFFERENCE_SPAN,
        sections=[f"sections/{name}{SUFFIX}" for name in spec.sections],
    )


def render(folder: Path, template: str, **context: Any) -> bytes:
    """Fill a template of a report folder, with the stylesheet and its digest at hand; returns UTF-8."""
    style = (folder / STYLESHEET).read_text(encoding="utf-8")
    page: str = (
        _environment(folder)
        .get_template(template)
        .render(
            **context,
            style=_trusted(style),
            style_digest=base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii"),
        )
    )
    return page.encode("utf-8")


def _environment(folder: Path) -> Any:
    """Return the Jinja environment: everything escaped, an unknown name is an error."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(plain=plain, grey=grey_levels)
    environment.globals.update(count=count)
    return environment


def _trusted(style: str) -> Any:
    """Mark the house's own stylesheet as markup; what could end the style element is refused."""
    import markupsafe

    if "<" in style:
        raise ValueError("style.css may not hold '<'")
    return markupsafe.Markup(style)  # noqa: S704 - our own file, checked above


def _context(result: AuditResult) -> dict[str, Any]:
    models = [model_view(result, model, index) for index, model in enumerate(result.models)]
    return {
        "result": result,
        "shift": result.shift,
        "target": plain(result.shift.target),
        "primary": metric_name(result.primary),
        "testset": result.testset,
        "verdict": badge(result.verdict),
        "headline": headline(result),
        "models": models,
        "judged": [model for model in models if not model.is_control],
        "control_models": [model for model in models if model.is_control],
        "primary_notes": footnotes((row.title, row.primary) for model in models for row in model.rows),
        "reference_metric": reference_metric(result),
        "expected_flips": expected_flips(result),
        "limit": fall(result.max_drop, result.primary),
        "confidence": f"{100 * result.intervals.confidence:g}",
        "phantom": result.cohort.name.startswith("phantom"),
        "controls": controls_view(result),
        "segmentation": segmentation_view(result),
        "doses": dose_panels(result),
        "runs": runs_views(result),
        "quality": quality_rows(result),
        "road": road(result),
        "funnels": funnels(result),
        "rejections": rejections(result),
        "facts": provenance(result),
    }
