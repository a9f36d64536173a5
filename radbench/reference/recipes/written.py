"""What a training leaves behind: a declared model under test, and a datasheet of how it was made."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import numpy as np
import yaml

from radbench.errors import UsageError
from radbench.reference.recipes.disjoint import repeated_films
from radbench.reference.recipes.films import NO_LABEL, Films
from radbench.reference.recipes.trainer import Job, RunReport
from radbench.runtime import atomic_write, sha256_file
from radbench.specs import ModelSpec, RecipeSpec
from radbench.version import __version__

DATASHEET: Final = "training.json"
_PACKAGES: Final = (
    "torch",
    "torchvision",
    "monai",
    "timm",
    "segmentation-models-pytorch",
    "torchmetrics",
    "numpy",
)


@dataclass(frozen=True)
class Place:
    """The folder that a recipe's model goes to."""

    folder: Path
    name: str

    @property
    def declaration(self) -> Path:
        """The model's YAML file."""
        return self.folder / f"{self.name}.yaml"

    @property
    def datasheet(self) -> Path:
        """How it was made."""
        return self.folder / DATASHEET

    def weights(self, run: int) -> Path:
        """The weights of a run."""
        return self.folder / "weights" / f"{self.name}-run{run}.safetensors"

    def report(self, run: int) -> Path:
        """What came of a run."""
        return self.weights(run).with_suffix(".json")

    def checkpoint(self, run: int) -> Path:
        """Where an unfinished run goes on."""
        return self.folder / "checkpoints" / f"{self.name}-run{run}.safetensors"

    def finished(self, job: Job, run: int) -> RunReport | None:
        """Return the report of a run that was finished before; None where it is not.

        Raises:
            UsageError: the folder holds another training's run, or weights that are not as they were written.
        """
        file = self.report(run)
        if not file.is_file():
            return None
        try:
            found = RunReport(**json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise UsageError(
                f"{file}: not the report of a run ({error}); remove it to train again."
            ) from error
        if found.fingerprint != job.fingerprint(run):
            raise UsageError(
                f"{file}: a run of other settings or films, expected one of this training; choose another folder with "
                "--out, or remove it."
            )
        if not self.weights(run).is_file() or sha256_file(self.weights(run)) != found.weights_sha256:
            raise UsageError(
                f"{self.weights(run)}: not as it was written; remove {file.name} to train again."
            )
        return found

    def write_report(self, report: RunReport) -> None:
        """Write what came of a run, beside its weights."""
        words = json.dumps(
            report.plain(), indent=1, allow_nan=False
        )  # in the order of the fields and columns
        atomic_write(self.report(report.run), f"{words}\n".encode())


def finished_runs(place: Place, job: Job) -> list[RunReport]:
    """Return the finished runs in the folder, by number."""
    numbers = sorted(
        int(file.stem.rpartition("-run")[2]) for file in place.folder.glob(f"weights/{place.name}-run*.json")
    )
    found = [place.finished(job, number) for number in numbers]
    return [report for report in found if report is not None]


def write_model(place: Place, job: Job, reports: Sequence[RunReport], command: str) -> ModelSpec:
    """Write the declaration and the datasheet of all finished runs; the first of them gives the main weights.

    Args:
        place: the folder.
        job: recipe and films.
        reports: the finished runs, by number; at least one.
        command: the command that trains it.

    Returns:
        The declaration.

    Raises:
        UsageError: the folder holds another model's datasheet, or cannot be written to.
    """
    _refuse_other(place)
    declared = _declaration(job, reports, command)
    spec = ModelSpec.model_validate(declared)
    text = yaml.safe_dump(declared, sort_keys=False, allow_unicode=True, width=110)
    head = f"# Written by '{command}'; {DATASHEET} says how it was made.\n"
    sheet = _datasheet(job, reports, command)
    words = json.dumps(sheet, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    atomic_write(place.datasheet, words.encode())
    atomic_write(place.declaration, (head + text).encode())
    return spec.read_from(place.declaration)


def _refuse_other(place: Place) -> None:
    if not place.datasheet.is_file():
        return
    try:
        other = json.loads(place.datasheet.read_text(encoding="utf-8"))["model"]
    except (OSError, ValueError, KeyError, TypeError):
        other = "something else"
    if other != place.name:
        raise UsageError(
            f"{place.datasheet}: the datasheet of {other}, expected none or that of {place.name}; choose another "
            "folder with --out."
        )


def _declaration(job: Job, reports: Sequence[RunReport], command: str) -> dict[str, Any]:
    recipe, first = job.recipe, reports[0]
    declared: dict[str, Any] = {
        "name": recipe.model_name,
        "title": recipe.title,
        "description": f"{recipe.description} {_trained_on(job, first)}",
        "format": recipe.format,
        "architecture": recipe.architecture,
        "architecture_args": recipe.model_args,
        "weights": f"weights/{first.weights}",
        "sha256": first.weights_sha256,
    }
    further = [{"weights": f"weights/{run.weights}", "sha256": run.weights_sha256} for run in reports[1:]]
    if further:
        declared["checkpoints"] = further
    task = "binary" if recipe.task == "classifier" else "both" if recipe.labels_films else "segmentation"
    declared |= {
        "task": task,
        "target": recipe.target,
        "input": recipe.input.model_dump(mode="json", exclude_defaults=True),
        "output": "logits",
    }
    if task == "both":
        declared["output_names"] = {"classification": "labels", "segmentation": "masks"}
    declared |= {
        "operating_point": operating_point(recipe, first),
        "operating_point_source": "pre-specified",
        "intended_use": recipe.intended_use,
        "training": command,
    }
    return declared


def operating_point(recipe: RecipeSpec, first: RunReport) -> float:
    """Return the declared score from which the model says yes."""
    if recipe.operating_point != "youden":
        return float(recipe.operating_point)
    return 0.5 if first.youden is None else first.youden


def _trained_on(job: Job, first: RunReport) -> str:
    recipe = job.recipe
    count, names = sum(len(part) for part in job.train), " and ".join(part.cohort for part in job.train)
    figure = (
        f"{recipe.monitor} {first.figures[recipe.monitor]:.3f} on {sum(len(part) for part in job.val)} films"
    )
    point = "the recipe's"
    if recipe.operating_point == "youden":
        point = "where sensitivity + specificity is highest on the validation films (Youden), fixed before any audit"
    return (
        f"Trained by the recipe {recipe.name} on {count} films of {names}; of {first.epochs} epochs the "
        f"{first.best_epoch}. was best on the validation films ({figure}). The operating point is {point}."
    )


def _datasheet(job: Job, reports: Sequence[RunReport], command: str) -> dict[str, Any]:
    recipe = job.recipe
    return {
        "model": recipe.model_name,
        "command": command,
        "recipe": recipe.model_dump(mode="json"),
        "operating_point": {
            "value": operating_point(recipe, reports[0]),
            "source": "validation films, Youden, run 0"
            if recipe.operating_point == "youden"
            else "the recipe",
        },
        "train": [_about(part) for part in job.train],
        "val": [_about(part) for part in job.val],
        "checks": {
            "patients_in_both": 0,
            "films_in_both": 0,
            "compared": "patients within one dataset, films pixel by pixel across all",
            "repeated_training_films": repeated_films(job.train),
            "films_left_out_each_epoch": _rest(job),
        },
        "validation": _spread(recipe, reports),
        "runs": [report.plain() for report in reports],
        "versions": {"radbench": __version__, **_versions()},
    }


def _rest(job: Job) -> int:
    count = sum(len(part) for part in job.train)
    return count % min(job.recipe.batch_size, count)


def _spread(recipe: RecipeSpec, reports: Sequence[RunReport]) -> dict[str, Any]:
    values = [report.figures[recipe.monitor] for report in reports]
    spread = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return {"figure": recipe.monitor, "runs": len(values), "mean": float(np.mean(values)), "sd": spread}


def _about(films: Films) -> dict[str, Any]:
    labels = Counter(int(label) for label in films.labels)
    counted = {"0": labels[0], "1": labels[1], "unknown": labels[NO_LABEL]}
    found: dict[str, Any] = {
        "cohort": films.cohort,
        "digest": films.digest,
        "films_sha256": films.sha256,
        "films": len(films),
        "patients": len({study.patient_id for study in films.studies}),
        "labels": {name: count for name, count in counted.items() if count or name != "unknown"},
        "left_out": dict(films.left_out),
        "notes": list(films.notes),
    }
    if films.packed is not None:
        found["empty_masks"] = sum(not films.packed[index].any() for index in range(len(films)))
    return found


def _versions() -> Mapping[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
