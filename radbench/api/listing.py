"""What there is by name: shifts, models, recipes, bundles, editors, cohorts, datasets, model formats and figures."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from radbench.declared import (
    bundle_path,
    bundles_dir,
    model_path,
    models_dir,
    names_in,
    recipe_names,
    recipe_path,
    shift_path,
    shifts_dir,
)
from radbench.errors import UsageError, did_you_mean


class Listed(NamedTuple):
    """One thing that can be named: its kind, its name, and a line about it."""

    kind: str
    name: str
    about: str


def _shifts() -> list[tuple[str, str]]:
    from radbench.specs import load_shift

    return _told(
        names_in((Path("shifts"), shifts_dir()), deep=True), lambda name: load_shift(shift_path(name)).title
    )


def _models() -> list[tuple[str, str]]:
    from radbench.specs import load_model

    def about(name: str) -> str:
        spec = load_model(model_path(name))
        return f"{spec.title} ({spec.format}, {spec.target})"

    return _told(names_in((Path("models_under_test"), models_dir())), about)


def _recipes() -> list[tuple[str, str]]:
    from radbench.specs import load_recipe

    def about(name: str) -> str:
        spec = load_recipe(recipe_path(name))
        return f"{spec.title} ({spec.task}, {spec.target})"

    return _told(recipe_names(), about)


def _bundles() -> list[tuple[str, str]]:
    from radbench.diffusion.assembly import EMBEDDED
    from radbench.specs import load_bundle_spec

    found = _told(
        names_in((Path("bundles"), bundles_dir())),
        lambda name: f"made for: {load_bundle_spec(bundle_path(name)).domain}",
    )
    return [(EMBEDDED, "embedded; made for: phantom"), *found]


def _editors() -> list[tuple[str, str]]:
    from radbench.diffusion.editors import algorithm_version, editor_names

    return [(name, f"algorithm version {algorithm_version(name)}") for name in editor_names()]


def _cohorts() -> list[tuple[str, str]]:
    from radbench.api.cohorts import source_names
    from radbench.phantom.recipes import RECIPES

    found = [(f"phantom/{name}", "embedded, rendered; its truth is known") for name in RECIPES]
    others = [(f"{name}:PATH", "of another package") for name in source_names() if name != "folder"]
    return [*found, ("folder:PATH", "a folder with manifest.csv, or a table of films"), *others]


def _datasets() -> list[tuple[str, str]]:
    from radbench.api.datasets import datasets

    return [(one.name, f"{one.title}; {one.root or 'not on this machine'}") for one in datasets()]


def _formats() -> list[tuple[str, str]]:
    from radbench.models.registry import formats

    return [(name, "") for name in formats()]


def _figures() -> list[tuple[str, str]]:
    from radbench.plots import find_plot, plot_names

    return [(name, (find_plot(name).__doc__ or "").strip().split("\n")[0]) for name in plot_names()]


_SOURCES: Final[dict[str, Callable[[], list[tuple[str, str]]]]] = {
    "shifts": _shifts,
    "models": _models,
    "recipes": _recipes,
    "bundles": _bundles,
    "editors": _editors,
    "cohorts": _cohorts,
    "datasets": _datasets,
    "formats": _formats,
    "figures": _figures,
}
KINDS: Final = tuple(_SOURCES)


def listed(kind: str | None = None) -> list[Listed]:
    """Return what there is by name, of one kind or of all; a file that cannot be read says why.

    Raises:
        UsageError: There is no such kind.
    """
    if kind is not None and kind not in _SOURCES:
        hint = did_you_mean(kind, KINDS)
        raise UsageError(
            f"There is nothing called '{kind}' to list, expected one of {', '.join(KINDS)}.{hint}"
        )
    kinds = KINDS if kind is None else (kind,)
    return [Listed(one, name, about) for one in kinds for name, about in _SOURCES[one]()]


def _told(names: list[str], about: Callable[[str], str]) -> list[tuple[str, str]]:
    found = []
    for name in names:
        line = "its file is not as declared ones are; run it for the reason"
        with suppress(UsageError):
            line = about(name)
        found.append((name, line))
    return found
