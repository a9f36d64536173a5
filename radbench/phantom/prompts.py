"""Impressions in a radiologist's words for what the phantom drew; the paper's editing prompts verbatim."""

from collections.abc import Sequence

from radbench.phantom.canvas import Stream
from radbench.phantom.findings import Finding

NO_FINDING_PROMPT = "No acute cardiopulmonary process"
OEDEMA_PROMPT = "Moderate pulmonary oedema. The heart size is normal."
PACEMAKER_PROMPT = (
    "Left pectoral pacemaker in place. The position of the leads is as expected. "
    "Otherwise unremarkable chest radiographic examination."
)
CONSOLIDATION_PROMPTS = {
    "left": "New left upper lobe consolidation.",
    "right": "New right upper lobe consolidation.",
}
"""Prompts of Sections 5.2 to 5.4 of Perez-Garcia et al., ECCV 2024 (arXiv 2312.12865)."""

_NORMAL = (
    NO_FINDING_PROMPT,
    NO_FINDING_PROMPT + ".",
    "No acute cardiopulmonary abnormality.",
    "Normal chest radiograph.",
    "No findings.",
)
_TEMPLATES: dict[str, tuple[str, ...]] = {
    "pneumothorax": (
        "{size} {side} pneumothorax.",
        "{side} pneumothorax.",
        "{size} {side} apical pneumothorax.",
        "There is a {size} pneumothorax on the {side}.",
    ),
    "drained": (
        "{size} {side} pneumothorax with chest drain in place.",
        "{side} pneumothorax with {side} chest tube in situ.",
        "{size} {side} pneumothorax. {side} chest drain.",
        "{size} {side} pneumothorax.",
        "{side} pneumothorax.",
    ),
    "drain": (
        "{side} chest drain in place. No pneumothorax.",
        NO_FINDING_PROMPT + ".",
        NO_FINDING_PROMPT + ".",
        NO_FINDING_PROMPT,
        "No findings.",
    ),
    "consolidation": (
        "New {side} upper lobe consolidation.",
        "{side} upper lobe consolidation.",
        "{side} upper lobe opacity concerning for pneumonia.",
    ),
    "oedema": (OEDEMA_PROMPT, "Pulmonary oedema.", "Bilateral perihilar haze consistent with oedema."),
    "pacemaker": (PACEMAKER_PROMPT, "Left pectoral pacemaker in place.", "Pacemaker with leads as expected."),
    "covid": (
        "Bilateral peripheral opacities.",
        "Multifocal peripheral opacities.",
        "Peripheral opacities, atypical pneumonia.",
    ),
}
_MAIN_FINDING_ORDER = ("pneumothorax", "consolidation", "oedema", "covid", "pacemaker", "drain")


def size_word(severity: float) -> str:
    """Return the radiologist's word for the extent of a pneumothorax."""
    return "large" if severity > 0.7 else "moderate" if severity > 0.4 else "small"


def report(findings: Sequence[Finding], stream: Stream) -> str:
    """Return an impression for the findings of one study, choosing among synonymous templates."""
    by_name = {finding.name: finding for finding in findings}
    main = next((name for name in _MAIN_FINDING_ORDER if name in by_name), None)
    if main is None:
        return _NORMAL[stream.integer(0, len(_NORMAL))]
    key = "drained" if main == "pneumothorax" and "drain" in by_name else main
    templates = _TEMPLATES[key]
    finding = by_name[main]
    text = templates[stream.integer(0, len(templates))].format(
        side=finding.side, size=size_word(finding.severity)
    )
    return text[0].upper() + text[1:]


def every_text() -> list[str]:
    """Return every impression the phantom can write, sorted: the corpus of the tokenizer's vocabulary."""
    texts = set(_NORMAL)
    for templates in _TEMPLATES.values():
        for template in templates:
            for side in ("left", "right"):
                for size in ("small", "moderate", "large"):
                    text = template.format(side=side, size=size)
                    texts.add(text[0].upper() + text[1:])
    return sorted(texts)
