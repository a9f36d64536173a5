"""Training a model under test by a declared recipe, on the recipe's cohorts or any others."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from pydantic import ValidationError

from radbench.api.environment import prepare_environment, usable_cache
from radbench.api.progress import Callback, Progress, progress_of
from radbench.declared import recipe_path
from radbench.errors import UsageError
from radbench.runtime import DeviceName, resolve_device
from radbench.specs import CohortSpec, RecipeSpec, load_recipe

if TYPE_CHECKING:
    import pandas as pd

    from radbench.reference.recipes.films import Films
    from radbench.reference.recipes.trainer import Job, RunReport
    from radbench.reference.recipes.written import Place

CohortName: TypeAlias = str | CohortSpec
"""A cohort's name (``folder:PATH``, a dataset, ``phantom/NAME``), a mapping in YAML as a recipe has it, or a spec."""
Precision: TypeAlias = Literal["auto", "float32", "bfloat16", "float16"]
_THREADS: Final = 4


@dataclass(frozen=True)
class Trained:
    """A trained model.

    Attributes:
        model: its declaration, to be given to ``radbench.audit`` and ``radbench.check``.
        datasheet: how it was made.
        history: a row a run and epoch: loss, figures on the validation films, learning rate.
        best: a row a run: the epoch that was kept, its figures, the weights' SHA-256.
    """

    model: Path
    datasheet: Path
    history: "pd.DataFrame"
    best: "pd.DataFrame"


def train(  # noqa: PLR0913 - each is one option of the command
    recipe: str | Path | RecipeSpec,
    *,
    cohort: CohortName | Sequence[CohortName] = (),
    val_cohort: CohortName | Sequence[CohortName] = (),
    out: str | Path | None = None,
    runs: int | None = None,
    run: int | None = None,
    epochs: int | None = None,
    device: DeviceName = "auto",
    precision: Precision | None = None,
    workers: int | None = None,
    progress: bool | Callback | Progress = True,
    task: str | None = None,
) -> Trained:
    """Train a model by a recipe, or go on with it, and declare it as a model under test.

    Args:
        recipe: name, YAML file or ``RecipeSpec``.
        cohort: the training cohorts instead of the recipe's; a bare name is taken with its split ``train``.
        val_cohort: the validation cohorts; with ``cohort`` and without this, the same ones with their split ``val``.
        out: folder of the model; ``runs/NAME`` if None. Finished runs there are kept, an unfinished one goes on.
        runs: how many runs, each with another seed; None for the recipe's.
        run: one run only, from 0, so that several machines may share the work; None for all of them.
        epochs: another number of epochs than the recipe's.
        device: "auto", "cpu" or "cuda".
        precision: "auto", "float32", "bfloat16" or "float16"; None for the recipe's.
        workers: processes that make batches; they change no bit. None: none on a CPU, as many as fit on a GPU.
        progress: True (bars), False, or a function of what, done and total.
        task: "classifier" or "segmenter", to refuse a recipe of the other kind; None for either.

    Returns:
        Where the model is, and how its epochs went.

    Raises:
        UsageError: an unknown recipe, a cohort that cannot be read, a patient in both the training and the validation
            cohorts, labels of one kind only, a folder with another training, or settings that cannot be trained.
    """
    told = progress_of(progress)
    spec = _recipe(recipe, epochs, task)
    numbers = _numbers(spec, runs, run)
    prepare_environment(hub=str(spec.pretrained).startswith("hf-hub:"))
    from radbench.reference.recipes.written import Place, finished_runs, write_model

    place = Place(Path(out) if out is not None else Path("runs") / spec.model_name, spec.model_name)
    command = _command(spec, recipe, cohort, val_cohort, epochs)
    job = _job(spec, _parts(spec, cohort, val_cohort), device, precision, workers, told)
    for number in numbers:
        report = _one(place, job, number, told)
        write_model(place, job, finished_runs(place, job), command)
        told.note(_sentence(spec, report))
    told.note(
        f"Model: {place.declaration} (hold it against its declaration: radbench check {place.declaration})"
    )
    return _trained(place, finished_runs(place, job))


def _recipe(recipe: str | Path | RecipeSpec, epochs: int | None, task: str | None) -> RecipeSpec:
    spec = recipe if isinstance(recipe, RecipeSpec) else load_recipe(recipe_path(recipe))
    if task is not None and spec.task != task:
        raise UsageError(
            f"The recipe '{spec.name}' trains a {spec.task}, expected one of a {task}; use "
            f"radbench train {spec.task} --recipe {spec.name}."
        )
    if epochs is None:
        return spec
    if epochs < 1:
        raise UsageError(f"epochs is {epochs}, expected at least 1.")
    return spec.model_copy(update={"epochs": epochs})


def _numbers(spec: RecipeSpec, runs: int | None, run: int | None) -> list[int]:
    if runs is not None and run is not None:
        raise UsageError(f"runs is {runs} and run is {run}; expected one of the two.")
    if run is not None:
        if run < 0:
            raise UsageError(f"run is {run}, expected 0 or more.")
        return [run]
    if runs is not None and runs < 1:
        raise UsageError(f"runs is {runs}, expected at least 1.")
    return list(range(spec.runs if runs is None else runs))


def _parts(
    spec: RecipeSpec,
    cohort: CohortName | Sequence[CohortName],
    val_cohort: CohortName | Sequence[CohortName],
) -> "tuple[RecipeSpec, list[CohortSpec], list[CohortSpec]]":
    """Return training and validation cohorts; a path that the caller gave refers to the current folder."""
    train, val = _given(cohort, "train", "cohort"), _given(val_cohort, "val", "val_cohort")
    if train and not val:
        val = [part.model_copy(update={"split": "val"}) for part in train]
    if not train and not val:
        return spec, list(spec.train), list(spec.val)
    own = spec.model_copy(update={"train": train or list(spec.train), "val": val or list(spec.val)})
    return own, list(own.train), list(own.val)


def _given(cohorts: CohortName | Sequence[CohortName], split: str, where: str) -> list[CohortSpec]:
    several = [cohorts] if isinstance(cohorts, str | CohortSpec) else list(cohorts)
    return [_one_cohort(one, split, where) for one in several]


def _one_cohort(given: CohortName, split: str, where: str) -> CohortSpec:
    if isinstance(given, CohortSpec):
        return _anchored(given)
    import yaml

    told: Any = {"cohort": given}
    if given.lstrip().startswith("{"):
        try:
            told = yaml.safe_load(given)
        except yaml.YAMLError as error:
            reason = " ".join(str(error).split())
            raise UsageError(f"{where} '{given}' is not valid YAML ({reason}).") from error
    try:
        return _anchored(CohortSpec.model_validate({"split": split, **told}))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        reason = first["msg"].removeprefix("Value error, ")
        raise UsageError(
            f"{where} '{given}'{f', field {field}' if field else ''}: {reason}. Expected a cohort's name, or its "
            "lines in braces: '{cohort: phantom/mixed, size: 200, split: train}'."
        ) from error


def _anchored(part: CohortSpec) -> CohortSpec:
    """Return a cohort whose path, if it has one, is absolute: it refers to the current folder, not the recipe's."""
    kind, colon, path = part.cohort.partition(":")
    changes = {}
    if colon:
        changes["cohort"] = f"{kind}:{Path(path).expanduser().absolute()}"
    if part.root is not None:
        changes["root"] = str(Path(part.root).expanduser().absolute())
    return part.model_copy(update=changes) if changes else part


def _job(
    spec: RecipeSpec,
    parts: "tuple[RecipeSpec, list[CohortSpec], list[CohortSpec]]",
    device: DeviceName,
    precision: Precision | None,
    workers: int | None,
    told: Progress,
) -> "Job":
    from radbench.reference.recipes.disjoint import refuse_shared
    from radbench.reference.recipes.objective import refuse_one_class
    from radbench.reference.recipes.trainer import Job, resolved_precision

    where = resolve_device(device)
    arithmetic = resolved_precision(precision or spec.precision, where)
    own, train_parts, val_parts = parts
    train, val = _films(own, train_parts, told), _films(own, val_parts, told)
    refuse_shared(train, val)
    refuse_one_class(train, own, "training")
    refuse_one_class(val, own, "validation")
    for part in [*train, *val]:
        for reason, count in part.left_out.items():
            told.note(f"{part.cohort}: {count} studies left out, {reason}.")
    if workers is None:
        workers = min(8, (os.cpu_count() or 1) - 1) if where.type == "cuda" else 0
    return Job(own, tuple(train), tuple(val), where, arithmetic, workers)


def _films(spec: RecipeSpec, parts: Sequence[CohortSpec], told: Progress) -> "list[Films]":
    from radbench.api.cohorts import load_part
    from radbench.reference.recipes.disjoint import dataset_of
    from radbench.reference.recipes.films import Wanted, keep_films

    found = []
    for part in parts:
        _, colon, path = part.cohort.partition(":")
        cohort = load_part(part, spec.resolve)
        with told.loop(f"Reading {cohort.name}") as report:
            films = keep_films(
                cohort,
                Wanted.of(spec),
                usable_cache(),
                dataset=dataset_of(part, spec.resolve(path) if colon else None),
                threads=_THREADS,
                report=report,
            )
        found.append(films)
    return found


def _one(place: "Place", job: "Job", number: int, told: Progress) -> "RunReport":
    from radbench.reference.recipes.trainer import train_run

    report = place.finished(job, number)
    if report is not None:
        return report
    stage = f"{job.recipe.model_name}, run {number}"
    with told.stages() as said:
        report = train_run(
            job,
            number,
            weights=place.weights(number),
            checkpoint=place.checkpoint(number),
            progress=lambda done, total, loss: said(stage, done, total, loss),
        )
    place.write_report(report)
    return report


def _sentence(spec: RecipeSpec, report: "RunReport") -> str:
    figures = ", ".join(f"{name} {value:.4f}" for name, value in report.figures.items())
    return (
        f"{spec.model_name}, run {report.run}: of {report.epochs} epochs the {report.best_epoch}. was best by "
        f"{spec.monitor} ({figures} on the validation films)."
    )


def _command(spec: RecipeSpec, recipe: object, cohort: object, val_cohort: object, epochs: int | None) -> str:
    import shlex

    words = [
        "radbench",
        "train",
        spec.task,
        "--recipe",
        spec.name if isinstance(recipe, RecipeSpec) else str(recipe),
    ]
    for option, given in (("--cohort", cohort), ("--val-cohort", val_cohort)):
        several = [given] if isinstance(given, str | CohortSpec) else list(given)  # type: ignore[call-overload]
        for one in several:
            text = one if isinstance(one, str) else one.model_dump_json(exclude_defaults=True)
            words += [option, text]
    words += [] if epochs is None else ["--epochs", str(epochs)]
    return shlex.join(words)


def _trained(place: "Place", reports: "Sequence[RunReport]") -> Trained:
    import pandas as pd

    history = [{"run": report.run, **row} for report in reports for row in report.history]
    best = [
        {
            "run": report.run,
            "seed": report.seed,
            "epoch": report.best_epoch,
            **report.figures,
            "sha256": report.weights_sha256,
        }
        for report in reports
    ]
    return Trained(place.declaration, place.datasheet, pd.DataFrame(history), pd.DataFrame(best))
