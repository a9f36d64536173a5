"""Run the editor over what is not stored yet; an image that it cannot edit does not stop the others."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from radbench.data.cohort import Cohort
from radbench.data.images import array_digest, encode_png
from radbench.errors import UsageError
from radbench.testsets.plan import Plan
from radbench.testsets.store import EDIT_MASK, EDITED, KEEP_MASK, RECONSTRUCTION
from radbench.testsets.task import EditInputs, EditTask, as_edit_settings, edit_inputs

if TYPE_CHECKING:
    from radbench.diffusion.editors import EditRequest, EditResult

CHUNK = 4
"""Batches whose images are in memory at once."""


class Editor(Protocol):
    """What is asked of an editor: results in any order, as its batches finish."""

    def edit(
        self, bundle: Any, requests: Sequence[Any], settings: Any, *, batch_size: int
    ) -> "Iterator[EditResult]":
        """Yield one result a request, by its key."""
        ...


@dataclass(frozen=True)
class Edited:
    """A finished edit, ready to be stored: PNG files by name, and what the editor measured."""

    task: EditTask
    files: Mapping[str, bytes]
    measures: Mapping[str, float]


@dataclass(frozen=True)
class Failed:
    """An edit that raised, or returned what is no edit."""

    task: EditTask
    reason: str


def edit_tasks(
    plan: Plan,
    cohort: Cohort,
    tasks: Sequence[EditTask],
    editor_called: Callable[[str], Editor],
    bundle: Any,
    batch_size: int,
) -> Iterator[Edited | Failed]:
    """Edit ``tasks`` and yield each outcome as soon as it is there.

    All edits of one image are asked for in one call, so that the editor can share what they start from.

    Args:
        plan: what the tasks are of.
        cohort: the cohort that was planned.
        tasks: the edits, in any order.
        editor_called: the editor of a name.
        bundle: what edits.
        batch_size: images a batch.

    Raises:
        UsageError: bad input that no retry mends, such as a prompt that is too long, or an image that changed
            since it was planned.
    """
    studies = {study.study_id: study for study in cohort.studies}
    scenarios = {scenario.name: scenario for scenario in plan.shift.scenarios}
    for chunk in edit_chunks(tasks, batch_size * CHUNK):
        by_key = {task.key: task for task in chunk}
        requests = {
            task.key: _request(
                task,
                edit_inputs(
                    cohort,
                    scenarios[task.scenario],
                    studies[task.study_id],
                    masks_of=studies.get(task.masks_of),
                    growth=task.mask_growth,
                ),
            )
            for task in chunk
        }
        editor = editor_called(chunk[0].editor)
        for key, result in _run(editor, bundle, list(requests.values()), batch_size):
            yield _outcome(by_key[key], requests[key], result)


def edit_chunks(tasks: Sequence[EditTask], size: int) -> Iterator[list[EditTask]]:
    """Yield runs of one editor and precision, of whole images: ``size`` edits or a few more for the last image."""
    first: dict[tuple[str, str, str], int] = {}
    for place, task in enumerate(tasks):
        first.setdefault((task.editor, task.dtype, task.source_sha256), place)
    editors = list(dict.fromkeys((task.editor, task.dtype) for task in tasks))
    ordered = sorted(
        tasks,
        key=lambda task: (
            editors.index((task.editor, task.dtype)),
            first[task.editor, task.dtype, task.source_sha256],
        ),
    )
    for _, of_one_editor in groupby(ordered, key=lambda task: (task.editor, task.dtype)):
        chunk: list[EditTask] = []
        for _, of_one_image in groupby(of_one_editor, key=lambda task: task.source_sha256):
            chunk += of_one_image
            if len(chunk) >= size:
                yield chunk
                chunk = []
        if chunk:
            yield chunk


def _request(task: EditTask, inputs: EditInputs) -> "EditRequest":
    from radbench.diffusion.editors import EditRequest

    parts = (inputs.image, inputs.edit_mask, inputs.keep_mask)
    found = [None if part is None else array_digest(part) for part in parts]
    if found != [task.source_sha256, task.edit_mask_sha256, task.keep_mask_sha256]:
        raise UsageError(f"The pixels of study {task.study_id!r} changed since they were planned; run again.")
    return EditRequest(
        key=task.key,
        image=inputs.image,
        edit_mask=inputs.edit_mask,
        keep_mask=inputs.keep_mask,
        prompt=task.prompt,
        invert_prompt=task.invert_prompt,
        seed=task.rng_seed,
        settings=as_edit_settings(task),
    )


def _run(
    editor: Editor, bundle: Any, requests: "Sequence[EditRequest]", batch_size: int
) -> "Iterator[tuple[str, EditResult | str]]":
    """A result or a reason for every request. After an error, those without a result are tried one by one."""
    pending = {request.key: request for request in requests}
    try:
        for result in editor.edit(bundle, requests, requests[0].settings, batch_size=batch_size):
            if pending.pop(result.key, None) is not None:
                yield result.key, result
    except (UsageError, OSError):
        raise
    except Exception as error:  # noqa: BLE001 - whatever an editor raises becomes this image's reason
        if len(requests) == 1:
            first_line = (str(error).splitlines() or [""])[0]
            yield requests[0].key, f"{type(error).__name__}: {first_line}"[:300]
            return
        for request in pending.values():
            yield from _run(editor, bundle, [request], batch_size)
        return
    for key in pending:
        yield key, "the editor returned no image"


def _outcome(task: EditTask, request: "EditRequest", result: "EditResult | str") -> Edited | Failed:
    if isinstance(result, str):
        return Failed(task, result)
    for name, image in (("image", result.image), ("reconstruction", result.reconstruction)):
        if image.dtype != np.uint8 or image.shape != request.image.shape:
            return Failed(task, f"the editor returned {name} as {image.dtype} {list(image.shape)}")
    measures = {name: float(value) for name, value in result.measures.items()}
    wrong = [name for name, value in measures.items() if not math.isfinite(value)]
    if wrong:
        return Failed(task, f"the editor's measure {wrong[0]} is not finite")
    files = {
        EDITED: encode_png(result.image),
        RECONSTRUCTION: encode_png(result.reconstruction),
        EDIT_MASK: encode_png(request.edit_mask),
    }
    if request.keep_mask is not None:
        files[KEEP_MASK] = encode_png(request.keep_mask)
    return Edited(task, files, measures)
