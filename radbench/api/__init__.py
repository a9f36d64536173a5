"""What a person can do, one function each; the command line and ``radbench.testing`` are faces of it.

``radbench`` offers each name at its top and imports it on first use: heavy libraries load only when something needs
them.
"""

from importlib import import_module
from typing import Any, Final

_HOMES: Final = {
    "Audit": "auditing",
    "Check": "checking",
    "Comparison": "editors",
    "Exported": "exporting",
    "Imported": "importing",
    "Trained": "recipes",
    "Validation": "validation",
    "audit": "auditing",
    "build": "building",
    "check": "checking",
    "compare_editors": "editors",
    "export_testset": "exporting",
    "import_predictions": "importing",
    "load": "auditing",
    "train": "recipes",
    "validate": "validation",
}


def public(name: str) -> Any:
    """Return a public function or class by its name.

    Raises:
        AttributeError: There is none.
    """
    if name not in _HOMES:
        raise AttributeError(f"module 'radbench' has no attribute '{name}'")
    return getattr(import_module(f"radbench.api.{_HOMES[name]}"), name)
