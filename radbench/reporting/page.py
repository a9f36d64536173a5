"""The page: templates of the declared ``reports/`` folder filled with the view; one HTML file."""

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from radbench.audit.result import AuditResult
from radbench.reporting.cases import gallery_cases
from radbench.reporting.config import SUFFIX, load_report_spec
from radbench.reporting.gallery import GalleryItem
from radbench.reporting.images import DIFFERENCE_SPAN
from radbench.reporting.provenance import provenance
from radbench.reporting.road import rejections, road
from radbench.reporting.view import badge, expected_flips, headline, model_view, reference_metric
from radbench.reporting.words import count, grey_levels, plain

MAIN_TEMPLATE = "report.html.j2"
STYLESHEET = "style.css"


def render_page(result: AuditResult, gallery: Sequence[GalleryItem], folder: Path | None = None) -> bytes:
    """Render ``report.html`` as UTF-8; the same arguments give the same bytes.

    The page asks for nothing outside itself: its style is inline, its images are data URIs, and its Content
    Security Policy forbids everything but the style of that very digest and data images. It has no script.

    Args:
        result: The audit.
        gallery: Edited images to choose from; an empty one leaves the gallery out.
        folder: Another folder of templates, instead of the declared one.

    Raises:
        UsageError: the report folder is incomplete or ``report.yaml`` is wrong.
    """
    spec, folder = load_report_spec(folder)
    style = (folder / STYLESHEET).read_text(encoding="utf-8")
    cases = gallery_cases(result, gallery, spec.gallery.cases, spec.gallery.worst)
    page: str = (
        _environment(folder)
        .get_template(MAIN_TEMPLATE)
        .render(
            **_context(result),
            cases=cases,
            gallery_size=len(gallery),
            difference_span=DIFFERENCE_SPAN,
            sections=[f"sections/{name}{SUFFIX}" for name in spec.sections],
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
    return {
        "result": result,
        "shift": result.shift,
        "target": plain(result.shift.target),
        "testset": result.testset,
        "verdict": badge(result.verdict),
        "headline": headline(result),
        "models": [model_view(result, model) for model in result.models],
        "reference_metric": reference_metric(result),
        "expected_flips": expected_flips(result),
        "limit": f"{100 * result.max_drop:g}",
        "confidence": f"{100 * result.intervals.confidence:g}",
        "phantom": result.cohort.name.startswith("phantom"),
        "road": road(result),
        "rejections": rejections(result),
        "facts": provenance(result),
    }
