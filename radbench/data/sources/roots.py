"""Where the public datasets lie on this machine: in the shift, in an environment variable, or remembered.

What ``radbench data add`` remembers is one YAML file, ``datasets.yaml`` in the user's configuration folder (or in
``$RADBENCH_CONFIG``): ``name: path``, one line each.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from radbench.errors import UsageError
from radbench.runtime import atomic_write

_VARIABLE: Final = "RADBENCH_DATA_"


def variable(name: str) -> str:
    """Return the environment variable of a dataset: ``RADBENCH_DATA_SIIM_ACR``."""
    return _VARIABLE + name.upper().replace("-", "_")


def registry() -> Path:
    """Return the file that remembers roots; it need not exist."""
    chosen = os.environ.get("RADBENCH_CONFIG", "").strip()
    if chosen:
        return Path(chosen).expanduser().absolute() / "datasets.yaml"
    import platformdirs

    return Path(platformdirs.user_config_dir("radbench", appauthor=False)) / "datasets.yaml"


def remembered() -> Mapping[str, str]:
    """Return the roots that were added, by name.

    Raises:
        UsageError: the file is not as ``remember`` writes it.
    """
    import yaml

    path = registry()
    if not path.is_file():
        return {}
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UsageError(f"{path} cannot be read ({reason}); mend it or delete it.") from None
    if not isinstance(content, dict) or not all(isinstance(value, str) for value in content.values()):
        raise UsageError(f"{path} is not 'name: path' lines; mend it or delete it.")
    return {str(name): value for name, value in content.items()}


def remember(name: str, root: Path) -> None:
    """Remember where a dataset lies.

    Raises:
        UsageError: the folder does not exist, or the file cannot be written to.
    """
    import yaml

    if not root.is_dir():
        raise UsageError(f"{name}: the folder {root} does not exist; expected the folder of the download.")
    known = {**remembered(), name: str(root.absolute())}
    path = registry()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{path.parent} cannot be made ({error.strerror}); set RADBENCH_CONFIG.") from None
    atomic_write(path, yaml.safe_dump(known, allow_unicode=True, sort_keys=True).encode())


def root_of(name: str, declared: Path | None = None) -> Path | None:
    """Return where a dataset lies: as declared, else by the environment, else as remembered; None: nobody says."""
    if declared is not None:
        return declared
    told = os.environ.get(variable(name), "").strip() or remembered().get(name, "")
    return Path(told).expanduser().absolute() if told else None
