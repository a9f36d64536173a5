"""Where the declared files are: shifts, bundles, models under test, report templates, the cache.

In a checkout they are the top-level folders; in an installed wheel they lie in ``radbench/_declared/``. No
other module builds such a path.
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from radbench.errors import UsageError, did_you_mean

_PACKAGE = Path(__file__).resolve().parent
_SUFFIXES = (".yaml", ".yml")
_GROUPED = re.compile(r"[a-z0-9][a-z0-9._-]*/[a-z0-9][a-z0-9._-]*")
"""A name one folder down, such as ``paper/manifestation``."""


def _declared_dir(name: str) -> Path:
    checkout = _PACKAGE.parent
    if (checkout / "pyproject.toml").is_file() and (checkout / name).is_dir():
        return checkout / name
    return _PACKAGE / "_declared" / name


def shifts_dir() -> Path:
    """Return the folder of the declared shifts, one YAML file each."""
    return _declared_dir("shifts")


def bundles_dir() -> Path:
    """Return the folder of the declared diffusion bundles, one YAML file each."""
    return _declared_dir("bundles")


def models_dir() -> Path:
    """Return the folder of the declared models under test, one YAML file each."""
    return _declared_dir("models_under_test")


def recipes_dir() -> Path:
    """Return the folder of the declared training recipes: a folder a subject, one YAML file each."""
    return models_dir() / "recipes"


def reports_dir() -> Path:
    """Return the folder of the report's templates and stylesheet."""
    return _declared_dir("reports")


def bundle_dir() -> Path:
    """Return the folder of the embedded diffusion bundle, in the ordinary diffusers layout."""
    return _PACKAGE / "phantom" / "bundle"


def cache_dir() -> Path:
    """Return the cache's folder: ``$RADBENCH_CACHE``, or the platform's user cache folder.

    The folder need not exist yet.
    """
    chosen = os.environ.get("RADBENCH_CACHE", "").strip()
    if chosen:
        return Path(chosen).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_cache_dir("radbench", appauthor=False))


def shift_path(name_or_path: str | Path) -> Path:
    """Return the YAML file of a shift.

    Args:
        name_or_path: A bare name (sought in ``./shifts``, then among the shifts that radbench ships) or the
            path of a YAML file.

    Raises:
        UsageError: There is no such file; the sentence gives the nearest name.
    """
    return _find(name_or_path, "shift", (Path("shifts"), shifts_dir()))


def model_path(name_or_path: str | Path) -> Path:
    """Return the YAML file of a model under test.

    Args:
        name_or_path: A bare name (sought in ``./models_under_test``, then among the models that radbench
            ships) or the path of a YAML file.

    Raises:
        UsageError: There is no such file; the sentence gives the nearest name.
    """
    return _find(name_or_path, "model", (Path("models_under_test"), models_dir()))


def recipe_path(name_or_path: str | Path) -> Path:
    """Return the YAML file of a training recipe.

    Args:
        name_or_path: A name with its folder, such as ``paper/covid-resnet50`` (sought in
            ``./models_under_test/recipes``, then among the recipes that radbench ships), or the path of a YAML file.

    Raises:
        UsageError: There is no such file; the sentence gives the nearest name.
    """
    return _find(name_or_path, "recipe", (Path("models_under_test") / "recipes", recipes_dir()))


def recipe_names() -> list[str]:
    """Return the sorted, distinct names of the declared recipes, with their folders."""
    return names_in((Path("models_under_test") / "recipes", recipes_dir()), deep=True)


def bundle_path(name_or_path: str | Path) -> Path:
    """Return the YAML file of a diffusion bundle.

    Args:
        name_or_path: A bare name (sought in ``./bundles``, then among the bundles that radbench declares) or the
            path of a YAML file.

    Raises:
        UsageError: There is no such file; the sentence gives the nearest name.
    """
    return _find(name_or_path, "bundle", (Path("bundles"), bundles_dir()))


def names_in(folders: Iterable[Path], *, deep: bool = False) -> list[str]:
    """Return the sorted, distinct names declared in ``folders``: file names without ``.yaml``.

    Args:
        folders: Where to look.
        deep: Also one folder down, such as ``paper/manifestation``.
    """
    found = set()
    for folder in folders:
        for suffix in _SUFFIXES if folder.is_dir() else ():
            found |= {file.stem for file in folder.glob(f"*{suffix}")}
            if deep:
                found |= {f"{file.parent.name}/{file.stem}" for file in folder.glob(f"*/*{suffix}")}
    return sorted(found)


def _find(name_or_path: str | Path, kind: str, folders: tuple[Path, ...]) -> Path:
    text = str(name_or_path)
    for folder in folders if _GROUPED.fullmatch(text) else ():
        if (folder / f"{text}.yaml").is_file():
            return folder / f"{text}.yaml"
    if text.endswith(_SUFFIXES) or ((os.sep in text or "/" in text) and not _GROUPED.fullmatch(text)):
        path = Path(text).expanduser()
        if not path.is_file():
            raise UsageError(f"The {kind} file '{text}' does not exist; expected the path of a YAML file.")
        return path
    for folder in folders:
        for suffix in _SUFFIXES:
            if (folder / f"{text}{suffix}").is_file():
                return folder / f"{text}{suffix}"
    names = names_in(folders, deep=True)
    known = ", ".join(names) or "none"
    hint = did_you_mean(text, names)
    raise UsageError(f"There is no {kind} named '{text}'.{hint} Declared {kind}s: {known}.")
