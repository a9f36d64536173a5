"""Ways of putting an edited square back into its film, against the phantom's rendered truth at four times the size.

The phantom is rendered at four times the bundle's size, edited at the bundle's, and put back in each way; the true
counterfactual is rendered at the film's size too.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from radbench.data.cohort import GrayImage, Mask
from radbench.data.geometry import Framing, Geometry, to_film
from radbench.declared import model_path, shift_path
from radbench.phantom.cohort import PhantomCohort
from radbench.specs import ShiftSpec, load_model, load_shift
from radbench.specs.scenario import fill
from radbench.testsets.composite import edit_weight, stress_film
from radbench.testsets.plan import words
from radbench.testsets.selection import in_order, select
from radbench.testsets.task import draw_mask, edit_settings

if TYPE_CHECKING:
    import torch
    from rich.console import Console

    from radbench.diffusion.bundle import Bundle

TIMES: Final = 4
RING: Final = 6
"""Pixels of the square around the edit mask in which the surroundings are measured."""

Plane = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Example:
    """One edit: film, square before and after, the autoencoder's square, masks of the square, and the true film."""

    film: GrayImage
    framing: Framing
    source: GrayImage
    edited: GrayImage
    rebuilt: GrayImage
    edit_mask: Mask
    keep_mask: Mask | None
    truth: GrayImage


@dataclass(frozen=True)
class Row:
    """What one way leaves, as means over edits.

    Attributes:
        way: its name.
        inside: mean absolute error against the truth inside the edit mask, share of white, at the film's size.
        around: the same in a ring around it.
        square: inside the edit mask, of the square of the film.
        answers: mean absolute difference of the models' answers from those on the truth (scores, or share of pixels).
    """

    way: str
    inside: float
    around: float
    square: float
    answers: float


def _added(example: Example, before: GrayImage) -> GrayImage:
    weight = edit_weight(example.edit_mask, example.keep_mask)
    change = weight * (example.edited.astype(np.float32) - before.astype(np.float32))
    return np.asarray(to_film(example.film + example.framing.undo_change(change), example.film), np.uint8)


def _replaced(example: Example, detail: float) -> GrayImage:
    weight = example.framing.geometry.undo_plane(edit_weight(example.edit_mask, example.keep_mask))
    film = example.film.astype(np.float32)
    low = example.framing.undo(example.source, example.film).astype(np.float32)
    new = example.framing.undo(example.edited, example.film).astype(np.float32) + detail * (film - low)
    return np.asarray(to_film(film + weight * (new - film), example.film), np.uint8)


WAYS: Final[Mapping[str, Callable[[Example], GrayImage]]] = {
    "not edited": lambda one: one.film,
    "the square enlarged": lambda one: np.asarray(one.framing.undo(one.edited, one.film), np.uint8),
    "difference to the source added (used)": lambda one: np.asarray(
        stress_film(one.film, one.framing, one.source, one.edited, one.edit_mask, one.keep_mask), np.uint8
    ),
    "difference to the reconstruction added": lambda one: _added(one, one.rebuilt),
    "region replaced": lambda one: _replaced(one, 0.0),
    "region replaced, half the source's detail": lambda one: _replaced(one, 0.5),
}


def measure_composites(name: str, bundle: "Bundle", *, edits: int = 24, size: int = 128) -> list[Row]:
    """Edit test patients of a shipped shift's first scenario and measure every way.

    Args:
        name: the shift.
        bundle: the embedded bundle, loaded.
        edits: patients, at most.
        size: side of the squares.
    """
    shift = load_shift(shift_path(name))
    examples = _examples(shift, bundle, edits, size)
    asked = _asked(shift)
    true = asked([example.truth for example in examples])
    rows = []
    for way, make in WAYS.items():
        films = [make(example) for example in examples]
        errors = np.array([_errors(*pair) for pair in zip(examples, films, strict=True)])
        inside, around, square = (float(value) for value in np.nanmean(errors, axis=0))
        away = [np.abs(said - told).mean() for said, told in zip(asked(films), true, strict=True)]
        rows.append(Row(way, inside, around, square, float(np.mean(away))))
    return rows


def _examples(shift: ShiftSpec, bundle: "Bundle", edits: int, size: int) -> list[Example]:
    from radbench.diffusion.editors import EditRequest, EditSettings, get_editor

    scenario, source = shift.scenarios[0], shift.source
    editor = shift.editor_of(scenario)
    cohort = PhantomCohort(
        source.cohort.removeprefix("phantom/"), source.split, source.size or 1, source.seed, size * TIMES
    )
    framing = Framing(Geometry(size * TIMES, size * TIMES, size), 0.0, 255.0)
    studies = in_order(select(scenario, cohort)[0], 0)[:edits]
    requests: list[EditRequest] = []
    for number, study in enumerate(studies):
        film = cohort.image(study)
        edit = framing.mask(draw_mask(cohort, study, scenario.edit_mask, film.shape))
        rule = scenario.keep_mask
        keep = None if rule is None else framing.mask(draw_mask(cohort, study, rule, film.shape))
        prompt = fill(scenario.prompt, words(study) | dict(scenario.attributes_after), "The prompt")
        requests.append(
            EditRequest(str(number), framing.square(film), edit, keep, prompt, scenario.invert_prompt, number)
        )
    settings: Any = EditSettings(**edit_settings(editor))  # type: ignore[arg-type]
    results = get_editor(editor.name).edit(bundle, requests, settings)
    return [
        Example(
            cohort.image(study),
            framing,
            request.image,
            result.image,
            result.reconstruction,
            request.edit_mask,
            request.keep_mask,
            cohort.counterfactual(study, scenario.labels_after, scenario.attributes_after),
        )
        for study, request, result in zip(studies, requests, results, strict=True)
    ]


def _errors(example: Example, film: GrayImage) -> tuple[float, float, float]:
    from scipy.ndimage import distance_transform_edt

    kept = example.edit_mask & False if example.keep_mask is None else example.keep_mask
    edit = example.edit_mask & ~kept
    ring = (np.asarray(distance_transform_edt(~example.edit_mask)) <= RING) & ~example.edit_mask & ~kept
    error = np.abs(film.astype(np.float64) - example.truth) / 255
    square = np.abs(example.framing.square(film).astype(np.float64) - example.framing.square(example.truth))
    inside, around = example.framing.undo_mask(edit), example.framing.undo_mask(ring)
    nothing = float("nan")
    return (
        float(error[inside].mean()),
        float(error[around].mean()) if around.any() else nothing,
        float(square[edit].mean() / 255),
    )


def _asked(shift: ShiftSpec) -> Callable[[Sequence[GrayImage]], list[Plane]]:
    """Return what asks the shift's models about films, [N, ...] of numbers for each model."""
    from radbench.models.registry import make_adapter

    specs = [load_model(model_path(name)).answering(shift.task) for name in shift.models]
    models = [make_adapter(spec, "cpu") for spec in specs]

    def ask(films: Sequence[GrayImage]) -> list[Plane]:
        found = [model.predict(films) for model in models]
        return [
            np.asarray(one.scores() if one.kind == "probabilities" else one.values, np.float64)
            for one in found
        ]

    return ask


def print_composites(console: "Console", device: "torch.device") -> None:
    """Measure the ways of the three shifts of the paper on the embedded bundle, and print a table of each."""
    from rich.table import Table

    from radbench.api.series import ALL_SHIFTS
    from radbench.diffusion.bundle import load_bundle

    bundle = load_bundle("phantom", device)
    for name in ALL_SHIFTS:
        with console.status(f"Measuring: {name}"):
            rows = measure_composites(name, bundle)
        table = Table(title=f"Composite, {name}", title_justify="left")
        for header in ("Way", "Error inside", "Around", "Inside, as square", "Models' answers"):
            table.add_column(header, justify="left" if header == "Way" else "right")
        for row in rows:
            figures = (row.inside, row.around, row.square, row.answers)
            table.add_row(row.way, *("" if math.isnan(value) else f"{value:.4f}" for value in figures))
        console.print(table)
