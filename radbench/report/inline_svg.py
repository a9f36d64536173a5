"""A matplotlib figure as part of a page: in the page's colours, with words for a screen reader.

The page's policy forbids style attributes, so every style becomes a presentation attribute; the fixed colours become
the stylesheet's variables, so that a chart follows light, dark and print; ids are made unique in the page.
"""

import re
from html import escape
from typing import Any, Final

from radbench.plots.style import COLOURS, INK, LINE, MUTED, SERIES, Drawing, svg

WIDTH: Final = 4.6
"""Inches of a chart that a phone shows at full width, with words that can still be read."""
_VARIABLES: Final = {
    **{colour: f"var(--series-{number})" for number, colour in enumerate(SERIES)},
    **{colour: f"var(--{arm})" for arm, colour in COLOURS.items()},
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    LINE: "var(--line)",
}
_FONT: Final = re.compile(r"(?:(bold|\d{3}) )?([\d.]+)px\b.*")


def inline_svg(figure: Drawing, ident: str, title: str) -> Any:
    """Return the figure as markup for a page.

    Args:
        figure: What is drawn; its ``description`` says the same in words.
        ident: Unique in the page; letters, digits and hyphens.
        title: What a screen reader says first.
    """
    import markupsafe

    text = svg(figure)
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", text, flags=re.DOTALL)
    text = re.sub(r"<defs>\s*(?:<clipPath.*?</clipPath>\s*)+</defs>", "", text, flags=re.DOTALL)
    text = re.sub(r' clip-path="[^"]*"', "", text)  # nothing is drawn outside its axes
    text = re.sub(r'style="([^"]*)"', lambda found: _attributes(found[1]), text)
    text = _with_unique_ids(text, ident).replace("xlink:href", "href")
    text = re.sub(r"<!--.*?-->\s*", "", text, flags=re.DOTALL)
    box = re.search(r'viewBox="([^"]*)"', text)
    body = text[text.index(">") + 1 :]
    head = (
        f'<svg class="chart" viewBox="{box[1] if box else ""}" role="img" '
        f'aria-labelledby="{ident}-title {ident}-text" stroke-linejoin="round">\n'
        f'<title id="{ident}-title">{escape(title)}</title>\n'
        f'<desc id="{ident}-text">{escape(figure.description)}</desc>'
    )
    return markupsafe.Markup(head + re.sub(r"\n\s+", "\n", body).rstrip())  # noqa: S704 - what is not ours is escaped


def _attributes(style: str) -> str:
    found = []
    for part in style.split(";"):
        name, _, value = part.strip().partition(": ")
        if name == "font":
            weight, size = (_FONT.fullmatch(value) or _FONT.fullmatch("9px")).groups()  # type: ignore[union-attr]
            found.append(f'font-size="{float(size):g}"' + (f' font-weight="{weight}"' if weight else ""))
        elif name == "font-size":
            found.append(f'font-size="{float(value.removesuffix("px")):g}"')
        elif name in {"fill", "stroke"}:
            found.append(f'{name}="{_VARIABLES.get(value, value)}"')
        elif name and name != "font-family":
            found.append(f'{name}="{value}"')
    return " ".join(found)


def _with_unique_ids(text: str, ident: str) -> str:
    used = set(re.findall(r'xlink:href="#([^"]+)', text))
    text = re.sub(
        r' id="([^"]+)"', lambda found: f' id="{ident}-{found[1]}"' if found[1] in used else "", text
    )
    return re.sub(r'(xlink:href="#)([^"]+)', lambda found: f"{found[1]}{ident}-{found[2]}", text)
