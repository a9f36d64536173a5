"""Prompts as templates: ``{report}``, ``{side}`` and, capitalised, ``{Side}`` stand for what a study says."""

from collections.abc import Mapping
from string import Formatter

from radbench.errors import UsageError, did_you_mean

REPORT = "report"
"""The field of a study's own report."""


def template_fields(template: str) -> list[str]:
    """Return the names between braces, in their order.

    Raises:
        ValueError: a brace without its partner, or more than a name between two braces.
    """
    try:
        parts = list(Formatter().parse(template))
    except ValueError as error:
        raise ValueError(
            f"the prompt '{template}' has a brace without its partner ({error}), expected '{{name}}', "
            f"or '{{{{' for the brace itself"
        ) from None
    names = []
    for _, name, form, conversion in parts:
        if name is None:
            continue
        if not name.isidentifier() or form or conversion:
            raise ValueError(
                f"the prompt '{template}' has '{{{name}{'!' + conversion if conversion else ''}"
                f"{':' + form if form else ''}}}', expected just a name between braces, such as '{{report}}'"
            )
        names.append(name)
    return names


def checked_template(template: str) -> str:
    """Return the template as it is; see ``template_fields`` for the errors."""
    template_fields(template)
    return template


def fill(template: str, values: Mapping[str, object], where: str) -> str:
    """Return the prompt with every field replaced; ``{Side}`` is ``{side}`` with a capital first letter.

    Args:
        template: the prompt.
        values: what each field stands for.
        where: names the prompt and the study in an error.

    Raises:
        UsageError: a field that ``values`` lacks.
    """
    return template.format_map({name: _value(name, values, where) for name in template_fields(template)})


def _value(name: str, values: Mapping[str, object], where: str) -> str:
    if name in values:
        return str(values[name])
    small = name[:1].lower() + name[1:]
    if small in values:
        text = str(values[small])
        return text[:1].upper() + text[1:]
    raise UsageError(
        f"{where} has the field '{{{name}}}', expected one of "
        f"{', '.join(f'{{{known}}}' for known in sorted(values))}.{did_you_mean(name, sorted(values))}"
    )
