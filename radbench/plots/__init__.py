"""Figures of an audit, as matplotlib figures made from its result alone; the same for notebook, paper and report.

Another package adds one through the entry point group ``radbench.plots``: a function of an ``AuditResult`` that
returns a matplotlib figure, under the name by which ``audit.plot`` offers it.
"""

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from radbench.errors import UsageError, did_you_mean
from radbench.harness.result import AuditResult

if TYPE_CHECKING:
    from radbench.plots.style import Drawing

GROUP: Final = "radbench.plots"
_OWN: Final = {
    "anchors": "anchors",
    "bland_altman": "scores",
    "before_after": "scores",
    "boxes": "pictures",
    "calibration": "scores",
    "doses": "curves",
    "effects": "effects",
    "parts": "effects",
    "precision_recall": "curves",
    "roc": "curves",
    "scores": "scores",
    "subgroups": "effects",
}
_SEGMENTATION_ONLY: Final = ("boxes",)
_EDITS_ONLY: Final = ("before_after", "bland_altman", "doses", "parts")
_CLASSIFICATION_ONLY: Final = ("calibration", "precision_recall", "roc", "scores")


def plot_names() -> list[str]:
    """Return the names of all figures, those of other packages too."""
    return sorted({*_OWN, *(point.name for point in entry_points(group=GROUP))})


def find_plot(name: str) -> Callable[..., "Drawing"]:
    """Return the function that draws the figure ``name``.

    Raises:
        UsageError: There is none.
    """
    if name in _OWN:
        found: Callable[..., Drawing] = getattr(import_module(f"radbench.plots.{_OWN[name]}"), name)
        return found
    for point in entry_points(group=GROUP):
        if point.name == name:
            other: Callable[..., Drawing] = point.load()
            return other
    known = plot_names()
    raise UsageError(f"There is no figure '{name}'.{did_you_mean(name, known)} Known: {', '.join(known)}.")


class Plots:
    """``audit.plot``: each figure is a method, ``audit.plot.effects()``, that returns a matplotlib figure.

    Args:
        result: The audit's result.
        pictures: The edited images (``keys`` and ``load``), for ``gallery``; None: the audit was loaded from a file.
    """

    def __init__(self, result: AuditResult, pictures: Any = None) -> None:
        self._result = result
        self._pictures = pictures

    def __getattr__(self, name: str) -> Callable[..., "Drawing"]:
        if name.startswith("_") or name not in plot_names():
            raise AttributeError(f"there is no figure '{name}'; known are gallery, {', '.join(plot_names())}")
        draw = find_plot(name)

        def figure(**options: Any) -> "Drawing":
            return draw(self._result, **options)

        figure.__name__, figure.__doc__ = name, draw.__doc__
        return figure

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *plot_names()]

    def gallery(self, cases: int = 3) -> "Drawing":
        """Draw the cases that models lose most by the edit: original, edited with masks, change, and the truth.

        Args:
            cases: How many.

        Raises:
            UsageError: The audit was loaded from a file, which holds no pictures.
        """
        from radbench.plots.pictures import gallery, worst

        if self._pictures is None:
            raise UsageError(
                "This audit was loaded from its result, which holds no pictures; repeat the audit."
            )
        load = self._pictures.bare or self._pictures.load
        chosen = worst(self._result, list(self._pictures.keys), cases)
        return gallery(self._result, ((key, load(key)) for key in chosen))

    def error_map(self) -> "Drawing":
        """Draw where on the body edits make each model fail: its loss, averaged over the edit masks.

        Raises:
            UsageError: The audit was loaded from a file, which holds no masks.
        """
        from radbench.plots.pictures import error_map

        pictures = self._given()
        load = pictures.bare or pictures.load
        return error_map(self._result, ((key, load(key)) for key in pictures.keys))

    def _given(self) -> Any:
        if self._pictures is None:
            raise UsageError(
                "This audit was loaded from its result, which holds no pictures; repeat the audit."
            )
        return self._pictures

    def fitting(self) -> list[str]:
        """Return the names of the figures that say something about this audit's kind and task."""
        result = self._result
        left_out = {*(_CLASSIFICATION_ONLY if result.task == "segmentation" else _SEGMENTATION_ONLY)}
        left_out |= {*(_EDITS_ONLY if result.is_natural else ())}
        for name, rows in (
            ("anchors", "anchors"),
            ("doses", "dose"),
            ("subgroups", "subgroups"),
            ("calibration", "calibration"),
        ):
            if not any(getattr(model, rows) for model in result.models):
                left_out.add(name)
        return [name for name in plot_names() if name not in left_out]

    def save(self, folder: str | Path) -> list[Path]:
        """Write every fitting figure as SVG and PNG, for papers; return the paths.

        Args:
            folder: Made if missing.
        """
        from radbench.plots.style import png, svg

        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        written = []
        for name in self.fitting():
            draw = getattr(self, name)
            for suffix, data in (("svg", svg(draw()).encode()), ("png", png(draw()))):
                (place / f"{name}.{suffix}").write_bytes(data)
                written.append(place / f"{name}.{suffix}")
        return written
