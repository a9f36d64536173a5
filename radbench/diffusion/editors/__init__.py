"""Editors by name; one module each, imported when asked for."""

import importlib

from radbench.diffusion.editors.base import Editor, EditRequest, EditResult, EditSettings
from radbench.errors import UsageError, did_you_mean

__all__ = [
    "EditRequest",
    "EditResult",
    "EditSettings",
    "Editor",
    "algorithm_version",
    "editor_names",
    "get_editor",
]

_EDITORS = {
    "radedit": ("radbench.diffusion.editors.radedit", "RadEditEditor", 2),
    "diffedit": ("radbench.diffusion.editors.diffedit", "DiffEditEditor", 1),
    "lance": ("radbench.diffusion.editors.lance", "LanceEditor", 1),
    "sdedit": ("radbench.diffusion.editors.sdedit", "SDEditEditor", 1),
    "inpaint": ("radbench.diffusion.editors.inpaint", "InpaintEditor", 1),
}
"""Name to module, class and algorithm version: planning needs the version but not torch."""


def editor_names() -> list[str]:
    """Return the names of all editors, sorted."""
    return sorted(_EDITORS)


def algorithm_version(name: str) -> int:
    """Return the version of an editor's algorithm, part of every task's key, without importing torch.

    Raises:
        UsageError: an unknown name.
    """
    return _entry(name)[2]


def get_editor(name: str) -> Editor:
    """Return the editor called ``name``.

    Raises:
        UsageError: an unknown name; the sentence gives the nearest one.
    """
    module, class_name, _ = _entry(name)
    editor: Editor = getattr(importlib.import_module(module), class_name)()
    return editor


def _entry(name: str) -> tuple[str, str, int]:
    if name not in _EDITORS:
        known = ", ".join(editor_names())
        raise UsageError(
            f"There is no editor named '{name}'.{did_you_mean(name, _EDITORS)} Known editors: {known}."
        )
    return _EDITORS[name]
