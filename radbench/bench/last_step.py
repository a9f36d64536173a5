"""What an edit adds inside its mask at a last step without noise, against the phantom's rendered truth.

Where the scheduler's sigma is 0 at the last step, Algorithm 1 leaves z_t undefined. ``add the residual`` is what the
editors do: the source's x_0 - mu_1 as at every other step (``diffusion.inversion``). ``add nothing`` is what published
code for DDPM inversion does, here inside the edit mask only. Both are measured with the bundle's own scheduler and with
trailing steps, whose last one starts from more noise.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from torch import Tensor

from radbench.data.cohort import GrayImage
from radbench.declared import shift_path
from radbench.diffusion.denoise import RadEditTrack, Track, guide
from radbench.diffusion.editors import EditRequest, EditResult, EditSettings
from radbench.diffusion.editors.common import Job
from radbench.diffusion.editors.methods import RadEditEditor
from radbench.diffusion.inversion import Inversion
from radbench.phantom.cohort import PhantomCohort, build_cohort
from radbench.quality.artefacts import contrast_retained, masked_error
from radbench.specs import load_shift
from radbench.specs.scenario import Scenario, fill
from radbench.testsets.plan import words
from radbench.testsets.selection import in_order, select
from radbench.testsets.task import edit_inputs, edit_settings

if TYPE_CHECKING:
    from rich.console import Console

    from radbench.diffusion.bundle import Bundle


class NothingAddedTrack(RadEditTrack):
    """Algorithm 3 without a residual inside the edit mask at steps whose sigma is 0; elsewhere the same bits."""

    def step(self, step: int, latents: Tensor, conditional: Tensor, free: Tensor) -> Tensor:
        """Return x_{t-1}; see ``Track.step``."""
        usual = super().step(step, latents, conditional, free)
        if self.schedule.sigma[step] > 0:
            return usual
        mean = self.schedule.mean(step, latents, guide(conditional, free, self.guidance_scale))
        return torch.where(self.edit & ~self.keep, mean, usual)


class NothingAddedEditor(RadEditEditor):
    """RadEdit with ``NothingAddedTrack``, to be measured only: no shift can name it."""

    def track(self, job: Job, start: Inversion, edit: Tensor, keep: Tensor) -> Track:
        """Return the way of one image."""
        inversion = start.from_start(job.schedule)
        return NothingAddedTrack(job.schedule, inversion, edit, keep, job.settings.guidance_scale)


FIRST: Final = "add the residual (used)"
WAYS: Final = {FIRST: RadEditEditor, "add nothing": NothingAddedEditor}


@dataclass(frozen=True)
class Row:
    """What one way leaves, as means over edits; NaN where no edit has the region.

    Attributes:
        steps: which scheduler.
        way: its name.
        error: mean absolute error against the truth inside the edit mask without the keep mask, share of white.
        better_by: mean of the first way's error less this one's, over edits; 0 for the first way.
        standard_error: of that mean.
        wins: edits in which this way's error is smaller than the first way's.
        edits: how many there are.
        left: how much of what distinguishes source and truth inside the edit mask is still there (slope of the edit's
            difference from the truth on the source's, over all pixels); 0 for nothing.
        keep: change in the keep mask before the paste, share of white.
        retained: contrast of the kept object, as a share of the truth's.
    """

    steps: str
    way: str
    error: float
    better_by: float
    standard_error: float
    wins: int
    edits: int
    left: float
    keep: float
    retained: float


def measure_last_step(
    name: str, bundle: "Bundle", *, edits: int = 24, split: str | None = None
) -> Iterator[tuple[str, list[Row]]]:
    """Yield each scenario of a shipped shift with its rows, edited with the shift's own settings.

    Args:
        name: the shift.
        bundle: the embedded bundle, loaded.
        edits: patients of each scenario, at most.
        split: of the phantom; None for the shift's.
    """
    shift = load_shift(shift_path(name))
    source = shift.source
    cohort = build_cohort(source.cohort, split or source.split, source.size or 1, source.seed)
    for scenario in shift.scenarios:
        settings: Any = EditSettings(**edit_settings(shift.editor_of(scenario)))  # type: ignore[arg-type]
        requests, truths = _prepared(cohort, scenario, edits)
        rows = []
        for steps, one in (("the bundle's own", bundle), ("trailing", _trailing(bundle))):
            results = {way: list(make().edit(one, requests, settings)) for way, make in WAYS.items()}
            rows += [_row(steps, way, requests, results[way], truths, results[FIRST]) for way in WAYS]
        yield scenario.name, rows


def _trailing(bundle: "Bundle") -> "Bundle":
    own = bundle.scheduler
    return replace(bundle, scheduler=type(own).from_config(own.config, timestep_spacing="trailing"))


def _prepared(
    cohort: PhantomCohort, scenario: Scenario, edits: int
) -> tuple[list[EditRequest], list[GrayImage]]:
    requests, truths = [], []
    for number, study in enumerate(in_order(select(scenario, cohort)[0], 0)[:edits]):
        inputs = edit_inputs(cohort, scenario, study)
        prompt = fill(scenario.prompt, words(study) | dict(scenario.attributes_after), "The prompt")
        parts = inputs.image, inputs.edit_mask, inputs.keep_mask
        requests.append(EditRequest(str(number), *parts, prompt, scenario.invert_prompt, number))
        truths.append(cohort.counterfactual(study, scenario.labels_after, scenario.attributes_after))
    return requests, truths


def _row(
    steps: str,
    way: str,
    requests: list[EditRequest],
    results: list[EditResult],
    truths: list[GrayImage],
    first: list[EditResult],
) -> Row:
    errors = _errors(requests, results, truths)
    gain = _errors(requests, first, truths) - errors
    kept: list[float] = []
    left: list[np.ndarray] = []
    for request, result, truth in zip(requests, results, truths, strict=True):
        now, before = (
            image[request.edit_mask].astype(np.float64) - truth[request.edit_mask]
            for image in (result.image, request.image)
        )
        left.append(np.array([now @ before, before @ before]))
        if request.keep_mask is not None:
            found = contrast_retained(truth, result.image, request.keep_mask)
            kept += [] if found is None else [found]
    covariance, variance = np.sum(left, axis=0)
    unpasted = [one.measures.get("change_keep_before_paste") for one in results]
    return Row(
        steps,
        way,
        float(errors.mean()),
        float(gain.mean()),
        float(gain.std(ddof=1) / np.sqrt(len(gain))) if len(gain) > 1 else float("nan"),
        int((gain > 0).sum()),
        len(errors),
        float(covariance / variance),
        _mean([one for one in unpasted if one is not None]),
        _mean(kept),
    )


def _errors(requests: list[EditRequest], results: list[EditResult], truths: list[GrayImage]) -> np.ndarray:
    """Return every edit's error inside the edit mask without the keep mask, float64 [N]."""
    found = []
    for request, result, truth in zip(requests, results, truths, strict=True):
        keep = np.zeros_like(request.edit_mask) if request.keep_mask is None else request.keep_mask
        error = masked_error(result.image, truth, request.edit_mask & ~keep)
        if error is not None:
            found.append(error)
    return np.array(found, np.float64)


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else float("nan")


def print_last_step(console: "Console", device: "torch.device") -> None:
    """Measure every scenario of the three shifts of the paper on the embedded bundle, and print a table of each."""
    from rich.table import Table

    from radbench.api.series import ALL_SHIFTS
    from radbench.diffusion.bundle import load_bundle

    bundle = load_bundle("phantom", device)
    headers = ("Steps", "Inside the edit mask", "Error", "Better by", "Edits", "Left", "Keep", "Retained")
    for name in ALL_SHIFTS:
        for scenario, rows in measure_last_step(name, bundle):
            table = Table(title=f"Last step, {name}: {scenario}", title_justify="left")
            for header in headers:
                table.add_column(header, justify="left" if header in headers[:2] else "right")
            for row in rows:
                is_first = row.way == FIRST
                gain = "" if is_first else f"{row.better_by:+.5f} ± {row.standard_error:.5f}"
                wins = f"{row.edits}" if is_first else f"{row.wins} of {row.edits}"
                figures = (f"{value:.3f}" for value in (row.left, row.keep * 255, row.retained))
                cells = ("" if text == "nan" else text for text in figures)
                table.add_row(row.steps, row.way, f"{row.error:.5f}", gain, wins, *cells)
            console.print(table)
