"""What all figures share: colours, fonts, and SVG that has the same bytes every time."""

import io
from collections.abc import Callable
from functools import wraps
from typing import Any, Final, ParamSpec

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from radbench.harness.result import AuditResult

_P = ParamSpec("_P")
COLOURS: Final = {
    "real": "#0a6aa8",
    "geometry": "#3f7d5b",
    "reconstruction": "#5b7083",
    "sham": "#8a6d00",
    "stress": "#c24e00",
    "shift": "#b3261e",
    "truth": "#7a4f9e",
    "anchor": "#00757a",
    "negative": "#5b7083",
}
"""By arm, as the report's stylesheet has them; readable on white and told apart by colour-blind readers."""
SERIES: Final = ("#0a6aa8", "#c0392b", "#157a4a", "#7a4f9e", "#8a6d00", "#5b7083")
"""By model, in their order."""
INK: Final = "#1a1f26"
MUTED: Final = "#56606c"
LINE: Final = "#d9dde3"
_SETTINGS: Final[dict[str, Any]] = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "radbench",
    "font.family": "sans-serif",
    "font.size": 9.0,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": MUTED,
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "figure.dpi": 110.0,
}


_DASHED: Final[dict[str, Any]] = {
    "color": INK,
    "linestyle": (0, (4, 3)),
    "linewidth": 1.0,
    "alpha": 0.7,
    "zorder": 1,
}


class Drawing(Figure):
    """A matplotlib figure that a notebook shows as it is, whether or not ``pyplot`` was imported.

    Attributes:
        description: What it shows, in words.
    """

    description: str = ""

    def _repr_svg_(self) -> str:
        return svg(self)


def settings() -> Any:
    """Return the context in which figures are drawn: radbench's own settings, whatever the user's are."""
    return mpl.rc_context(_SETTINGS)


def drawn(draw: Callable[_P, Drawing]) -> Callable[_P, Drawing]:
    """Return a function that draws with radbench's own settings, whatever the user's are."""

    @wraps(draw)
    def with_settings(*args: _P.args, **options: _P.kwargs) -> Drawing:
        with settings():
            return draw(*args, **options)

    return with_settings


def drawing(width: float = 6.4, height: float = 3.6) -> Drawing:
    """Return an empty figure of ``width`` x ``height`` inches, whose parts make room for each other."""
    return Drawing(figsize=(width, height), layout="constrained")


def shortened(words: str, most: int = 32) -> str:
    """Return words cut to what a chart has room for, without what would move a terminal's cursor or a line."""
    plain = " ".join("".join(letter if letter.isprintable() else " " for letter in words).split())
    return plain if len(plain) <= most else f"{plain[: most - 1]}…"


def arm_label(result: AuditResult, arm: str) -> str:
    """Return what an arm is called in a legend."""
    return {"real": "cohort A", "natural": "cohort B"}.get(arm, arm) if result.is_natural else arm


def arm_colour(arm: str) -> str:
    """Return an arm's colour; cohort B has that of edited images, for it stands where they stand."""
    return COLOURS["stress" if arm == "natural" else arm]


def series_colour(number: int) -> str:
    """Return the colour of the model with this number."""
    return SERIES[number % len(SERIES)]


def svg(figure: Figure) -> str:
    """Return a figure as SVG; the same figure has the same bytes, without a date."""
    sink = io.StringIO()
    with settings():
        figure.savefig(sink, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = sink.getvalue()
    return text[text.index("<svg") :]


def png(figure: Figure, dpi: float = 150.0) -> bytes:
    """Return a figure as PNG."""
    sink = io.BytesIO()
    with settings():
        figure.savefig(sink, format="png", dpi=dpi, metadata={"Software": None})
    return sink.getvalue()


def nothing(figure: Drawing, sentence: str) -> None:
    """Say in an empty figure why there is nothing to draw."""
    axes = figure.add_subplot()
    axes.set_axis_off()
    axes.text(0.5, 0.5, sentence, ha="center", va="center", wrap=True, color=MUTED)
    figure.description = sentence


def rule(axes: Axes, **place: float) -> None:
    """Draw a dashed line at ``x`` or ``y``: an operating point, a limit; ``up_to`` is a share of the height."""
    if "x" in place:
        axes.axvline(place["x"], ymax=place.get("up_to", 1.0), **_DASHED)
    else:
        axes.axhline(place["y"], **_DASHED)
