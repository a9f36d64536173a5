"""The page: templates of the declared ``reports/`` folder filled with the views; one HTML file."""

import base64
import hashlib
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from types import SimpleNamespace as Row
from typing import Any

from radbench.harness.gates.verdict import beside_shift
from radbench.harness.result import AuditResult
from radbench.harness.result.words import Shown, capital, count, fall, grey_levels, metric_name, plain
from radbench.report.anchors import anchors_view
from radbench.report.cases import Answered, Gallery, Material, draw_gallery, first_cases, gather
from radbench.report.checks import claim_rows, gates_view, model_rows, preflight_views
from radbench.report.cohorts import case_mix_view, differences_view
from radbench.report.config import (
    REPORTLETS,
    SUFFIX,
    GallerySettings,
    ReportletSpec,
    ReportSpec,
    SectionSpec,
    load_report_spec,
)
from radbench.report.controls import controls_view, flow_views, quality_rows, unanswered
from radbench.report.effects import dose_panels, effects_view, subgroups_view
from radbench.report.gallery import RejectedItem, rejected_panel
from radbench.report.images import DIFFERENCE_SPAN
from radbench.report.inline_svg import inline_svg
from radbench.report.methods import methods_text, provenance
from radbench.report.performance import (
    calibration_views,
    curve_figures,
    patient_figures,
    published_rows,
    runs_views,
    segmentation_view,
)
from radbench.report.view import (
    badge,
    beside_every_model,
    expected_flips,
    headline,
    model_view,
    power_lines,
    ranking_view,
    reference_metric,
    side_names,
    summary_rows,
)

MAIN_TEMPLATE = "report.html.j2"
STYLESHEET = "style.css"


class Notes:
    """What qualifies the figures of one page: each sentence once, under a number."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._told = 0

    def of(self, shown: Shown) -> list[int]:
        """Return the numbers of what qualifies a figure, or of why it is undefined."""
        words = filter(None, shown.note.split("; "))
        return [self._numbers.setdefault(one, len(self._numbers) + 1) for one in words]

    def new(self) -> list[tuple[int, str]]:
        """Return the notes, by number, that no earlier call has returned."""
        found = [(number, words) for words, number in self._numbers.items() if number > self._told]
        self._told = len(self._numbers)
        return found


def render_page(
    result: AuditResult,
    gallery: Gallery,
    folder: Path | None = None,
    rejected: Iterable[RejectedItem] = (),
) -> bytes:
    """Render ``report.html`` as UTF-8; the same arguments give the same bytes.

    The page asks for nothing outside itself: its style is inline, its images are data URIs, and its Content
    Security Policy forbids everything but the style of that very digest and data images. It has no script.
    It names studies as the result does; ``write_outputs`` is what takes their names away.

    Args:
        result: The audit.
        gallery: Edited images to choose from; an empty one leaves the gallery out.
        folder: Another folder of templates, instead of the declared one.
        rejected: Rejected images to choose from.

    Raises:
        UsageError: the report folder is incomplete or ``report.yaml`` is wrong.
    """
    spec, folder = load_report_spec(folder)
    return draw_page(gather(result, gallery, rejected, spec.gallery), spec, folder)


def draw_page(material: Material, spec: ReportSpec, folder: Path) -> bytes:
    """Draw the page of what was gathered for it; returns UTF-8."""
    context = report_context(material, spec.gallery) | {"notes": Notes()}
    environment = _environment(folder)
    context["draw"] = environment.get_template("macros.html.j2").make_module(context)
    sections = [_section(environment, section, context) for section in spec.sections]
    return render(
        folder, MAIN_TEMPLATE, **context, sections=[found for found in sections if found is not None]
    )


def _section(environment: Any, spec: SectionSpec, context: Mapping[str, Any]) -> Row | None:
    """Draw a section; None if none of its reportlets has anything to show; its title and text are markup."""
    words = partial(_words, environment, context)
    title = words(spec.title)
    drawn = [_reportlet(environment, spec.id, reportlet, title, context) for reportlet in spec.reportlets]
    found = [reportlet for reportlet in drawn if reportlet.body]
    return Row(id=spec.id, title=title, text=words(spec.text), reportlets=found) if found else None


def _reportlet(
    environment: Any, section: str, spec: ReportletSpec, heading: str, context: Mapping[str, Any]
) -> Row:
    """Draw a table or figure, with the notes that it is the first to refer to."""
    title, caption = (_words(environment, context, words) for words in (spec.title, spec.caption))
    template = environment.get_template(f"{REPORTLETS}/{spec.name}{SUFFIX}")
    body = template.render(
        **context, caption=caption, label=title or caption or heading, section=section, has_title=bool(title)
    )
    markup = _markup(body.strip("\n"))
    shown = markup and markup + context["draw"].below()
    return Row(id=f"{section}-{spec.name}", title=title, body=shown)


def _words(environment: Any, context: Mapping[str, Any], text: str) -> Any:
    """Fill a declared title, text or caption; what the audit puts in is escaped."""
    return _markup(environment.from_string(text).render(**context).strip())


def report_context(material: Material, settings: GallerySettings) -> dict[str, Any]:
    """Return everything that a template may name; nothing in it is computed from pixels but the gallery."""
    result = material.result
    gallery = draw_gallery(Answered(result), material.chosen, material.size, settings)
    return {
        **_basics(result),
        **_views(result),
        "gallery": gallery,
        "first_cases": first_cases(gallery.cases),
        "rejected": [(item, rejected_panel(item)) for item in material.rejected],
        "rejected_size": material.rejected_size,
        "difference_span": DIFFERENCE_SPAN,
    }


def _basics(result: AuditResult) -> dict[str, Any]:
    alike = beside_every_model(result)
    models = [model_view(result, model, index) for index, model in enumerate(result.models)]
    return {
        "result": result,
        "shift": result.shift,
        "target": plain(result.shift.target),
        "primary": metric_name(result.primary),
        "testset": result.testset,
        "verdict": badge(result.verdict),
        "headline": headline(result),
        "beside": [*beside_shift(result), *(["Of every model:", *alike] if alike else [])],
        "models": models,
        "judged": [model for model in models if not model.is_control],
        "control_models": [model for model in models if model.is_control],
        "reference_metric": reference_metric(result),
        "expected_flips": expected_flips(result),
        "limit": fall(result.max_drop, result.primary),
        "confidence": f"{100 * result.intervals.confidence:g}",
        "phantom": result.cohort.name.startswith("phantom"),
        "natural": result.is_natural,
        "reweighted": result.judged == "reweighted",
        "names": side_names(result),
    }


def _views(result: AuditResult) -> dict[str, Any]:
    return {
        "summary": summary_rows(result),
        "power": power_lines(result),
        "corrected": any(test.p_holm is not None for model in result.models for test in model.tests),
        "gates": gates_view(result),
        "asked": model_rows(result),
        "claims": claim_rows(result),
        "preflight": preflight_views(result),
        "case_mix": case_mix_view(result),
        "differences": differences_view(result),
        "effects": effects_view(result),
        "anchors": anchors_view(result),
        "controls": controls_view(result),
        "segmentation": segmentation_view(result),
        "patients": patient_figures(result),
        "curves": curve_figures(result),
        "calibration": calibration_views(result),
        "doses": dose_panels(result),
        "ranking": ranking_view(result),
        "subgroups": subgroups_view(result),
        "runs": runs_views(result),
        "published": published_rows(result),
        "flows": flow_views(result),
        "unanswered": unanswered(result),
        "quality": quality_rows(result),
        "methods": methods_text(result),
        "facts": provenance(result),
    }


def render(folder: Path, template: str, **context: Any) -> bytes:
    """Fill a template of a report folder, with the stylesheet and its digest at hand; returns UTF-8."""
    style = (folder / STYLESHEET).read_text(encoding="utf-8")
    page: str = (
        _environment(folder)
        .get_template(template)
        .render(
            **{"notes": Notes(), **context},
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
    environment.filters.update(plain=plain, grey=grey_levels, capital=capital)
    environment.globals.update(count=count, svg=inline_svg)
    return environment


def _trusted(style: str) -> Any:
    """Mark the house's own stylesheet as markup; what could end the style element is refused."""
    if "<" in style:
        raise ValueError("style.css may not hold '<'")
    return _markup(style)


def _markup(text: str) -> Any:
    """Mark text as markup: our own stylesheet, or what a template with escaping made."""
    import markupsafe

    return markupsafe.Markup(text)  # noqa: S704 - see above, never a string from outside
