"""From what is declared to what the editors take; nothing below this floor knows both."""

from typing import TYPE_CHECKING, Any

from radbench.specs.editor import EditorSpec
from radbench.specs.shapes import first
from radbench.testsets.task import EditTask, Setting

if TYPE_CHECKING:
    from radbench.diffusion.editors import EditSettings


def edit_settings(editor: EditorSpec) -> dict[str, Setting]:
    """The settings that decide pixels, by the names of ``EditSettings``.

    Where a setting is a list, its first value. A feather without a paste-back decides nothing and is written as
    0. ``mask_growth`` is not among them: it has already grown the edit mask.
    """
    paste = editor.paste_back
    return {
        "num_inference_steps": editor.num_inference_steps,
        "guidance_scale": float(first(editor.guidance_scale)),
        "skip_ratio": float(first(editor.skip_ratio)),
        "mask_threshold": float(editor.mask_threshold),
        "paste_back": paste.enabled,
        "feather": float(paste.feather) if paste.enabled else 0.0,
    }


def as_edit_settings(task: EditTask) -> "EditSettings":
    """The editor's own settings object for a task."""
    from radbench.diffusion.editors import EditSettings

    values: dict[str, Any] = dict(task.settings)
    return EditSettings(**values)
