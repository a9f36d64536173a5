"""One run of a recipe: epochs of steps, the best of them kept, a checkpoint after each.

Every random draw comes from the run's seed and the step, epoch or film that it is for, so a run that was stopped and
goes on ends, on a CPU, with the weights of one that was not. On a GPU convolutions are deterministic; other kernels may
round otherwise.
"""

import math
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import torch

from radbench.errors import UsageError
from radbench.models.adapters.torch_base import exact_convolutions
from radbench.reference.recipes.augmentation import Augmenter
from radbench.reference.recipes.films import Films
from radbench.reference.recipes.networks import HUB, answer_of, build, state_of, state_sha256
from radbench.reference.recipes.objective import Validation, loss_of, validate, youden_point
from radbench.reference.recipes.samples import Batch, Epochs, FilmSet, loader
from radbench.reference.training.checkpoint import load_checkpoint, save_checkpoint
from radbench.reference.training.optimisation import (
    decay_groups,
    derived,
    rising,
    warmed_cosine,
    without_onednn,
)
from radbench.runtime import atomic_write, canonical_json, sha256_bytes, sha256_file
from radbench.specs import RecipeSpec

VERSION: Final = 1
"""Part of every fingerprint; raised when the same recipe would give other weights."""
_START, _STEP = 0, 2
"""Words that keep the seeds of the first weights and of a step's own draws (dropout) apart."""
_SHOWN: Final = 50

Progress: TypeAlias = Callable[[int, int, float], None]
"""Called after every step with steps done, steps in all, and the mean loss of the last 50."""


@dataclass(frozen=True)
class Job:
    """What all runs of a recipe share.

    Attributes:
        recipe: the recipe, with the epochs that are asked for.
        train: the training films.
        val: the validation films.
        device: where it is trained.
        precision: float32, bfloat16 or float16.
        workers: processes that make batches; they change no bit.
    """

    recipe: RecipeSpec
    train: tuple[Films, ...]
    val: tuple[Films, ...]
    device: torch.device
    precision: str = "float32"
    workers: int = 0

    def fingerprint(self, number: int) -> str:
        """Return the SHA-256 of all that decides a run's weights, but for machine and versions."""
        told = {
            "recipe": decisive(self.recipe),
            "run": number,
            "precision": self.precision,
            "version": VERSION,
        }
        films = [[part.sha256 for part in parts] for parts in (self.train, self.val)]
        return sha256_bytes(canonical_json([told, films]))


@dataclass(frozen=True)
class RunReport:
    """What came of a run.

    Attributes:
        run: its number, from 0.
        seed: its seed.
        fingerprint: of all that decided it.
        epochs: epochs that were trained.
        best_epoch: the one whose weights were kept, from 1.
        figures: figures of these weights on the validation films.
        youden: where sensitivity + specificity is highest there; None without a label.
        steps: optimiser steps.
        parameters: numbers in the network.
        start_sha256: of the weights that it started from.
        weights: name of the weights file.
        weights_sha256: of that file.
        device: kind of device.
        precision: of the training.
        history: one row an epoch.
    """

    run: int
    seed: int
    fingerprint: str
    epochs: int
    best_epoch: int
    figures: dict[str, float]
    youden: float | None
    steps: int
    parameters: int
    start_sha256: str
    weights: str
    weights_sha256: str
    device: str
    precision: str
    history: list[dict[str, float]] = field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return asdict(self)


def decisive(recipe: RecipeSpec) -> dict[str, Any]:
    """Return what of a recipe decides weights: not its words, its cohorts' names or how many runs there are."""
    words = {
        "name",
        "title",
        "description",
        "intended_use",
        "runs",
        "train",
        "val",
        "precision",
        "operating_point",
    }
    told = recipe.model_dump(mode="json", exclude=words)
    if recipe.pretrained and not str(recipe.pretrained).startswith(HUB):
        told["pretrained"] = sha256_file(recipe.resolve(str(recipe.pretrained)))
    return told | ({"point": recipe.operating_point} if recipe.draws_masks else {})


def resolved_precision(asked: str, device: torch.device) -> str:
    """Return the arithmetic that ``asked`` means on a device.

    Raises:
        UsageError: float16 on a CPU.
    """
    if asked == "auto":
        if device.type != "cuda":
            return "float32"
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
    if asked == "float16" and device.type != "cuda":
        raise UsageError(
            "precision is float16, which needs a GPU; expected float32 or bfloat16 on a CPU (--precision)."
        )
    return asked


def factor(recipe: RecipeSpec, step: int, total: int) -> float:
    """Return what the learning rate of a step is multiplied by, 0 to 1."""
    if recipe.schedule == "cosine":
        return warmed_cosine(step, total, recipe.warmup)
    rise = rising(total, recipe.warmup)
    return min(1.0, (step + 1) / rise)


def train_run(
    job: Job, number: int, *, weights: Path, checkpoint: Path, progress: Progress | None = None
) -> RunReport:
    """Train one run and write its weights.

    Args:
        job: recipe, films, device.
        number: the run's number, added to the recipe's seed.
        weights: the safetensors file to write at the end, with its history (``.csv``) beside it.
        checkpoint: the file to go on from if it is there, written after every epoch, removed at the end.
        progress: see ``Progress``.

    Raises:
        UsageError: a network that cannot be built or does not fit the films, a checkpoint of another training, a loss
            that is no number, or a folder that cannot be written.
    """
    forked = [job.device] if job.device.type == "cuda" else []
    with torch.random.fork_rng(devices=forked):  # the caller's random numbers stay as they were
        run = _Run(job, number)
        run.resume(checkpoint)
        while not run.ended:
            run.epoch(progress)
            run.keep(checkpoint)
            atomic_write(weights.with_suffix(".csv"), history_csv(run.history).encode())
        report = run.finish(weights)
    checkpoint.unlink(missing_ok=True)
    return report


class _Run:
    """The moving parts of one run."""

    def __init__(self, job: Job, number: int) -> None:
        recipe = self.recipe = job.recipe
        self.job, self.number, self.seed = job, number, recipe.seed + number
        self.fingerprint = job.fingerprint(number)
        augmenter = Augmenter(recipe.augment, recipe.input) if recipe.augment else None
        films = FilmSet(job.train, recipe.input, augmenter, self.seed)
        self.order = Epochs(len(films), recipe.batch_size, self.seed)
        pinned = job.device.type == "cuda"
        self.batches = loader(films, self.order, workers=job.workers, pinned=pinned)
        seen = FilmSet(job.val, recipe.input, None, self.seed)
        self.checks = loader(
            seen, Epochs(len(seen), recipe.batch_size, None), workers=job.workers, pinned=pinned
        )
        torch.manual_seed(derived(self.seed, _START))
        network = build(recipe)
        self.start_sha256 = state_sha256(network.state_dict())
        self.network = network.to(job.device).to(memory_format=torch.channels_last).train()
        groups = decay_groups(self.network, recipe.weight_decay)
        self.optimizer = torch.optim.AdamW(groups, lr=recipe.learning_rate)
        self.scaler = torch.amp.GradScaler(job.device.type, enabled=job.precision == "float16")
        self.history: list[dict[str, float]] = []
        self.best: dict[str, torch.Tensor] = {}
        self.best_epoch, self.best_place = 0, (-math.inf, -math.inf)

    @property
    def total(self) -> int:
        """Steps in all."""
        return len(self.order) * self.recipe.epochs

    @property
    def ended(self) -> bool:
        """Whether no epoch is left, or none is worth it."""
        done, patience = len(self.history), self.recipe.patience
        return done >= self.recipe.epochs or (patience is not None and done - self.best_epoch >= patience)

    def resume(self, checkpoint: Path) -> None:
        """Go on from a checkpoint if it is there."""
        if not checkpoint.is_file():
            return
        found = load_checkpoint(checkpoint, self.network, self.optimizer, self.fingerprint)
        self.history, self.best = list(found.state["history"]), dict(found.kept)
        self.best_epoch = int(found.state["best_epoch"])
        self.best_place = (float(found.state["best_place"][0]), float(found.state["best_place"][1]))
        self.scaler.load_state_dict(found.state["scaler"])

    def keep(self, checkpoint: Path) -> None:
        """Write a checkpoint: network, optimiser, the best weights so far, what was measured."""
        state = {
            "fingerprint": self.fingerprint,
            "history": self.history,
            "best_epoch": self.best_epoch,
            "best_place": list(self.best_place),
            "scaler": self.scaler.state_dict(),
        }
        save_checkpoint(checkpoint, self.network, self.optimizer, state, self.best)

    def epoch(self, progress: Progress | None) -> None:
        """Train one epoch, measure it, and keep its weights if they are the best."""
        number = self.order.epoch = len(self.history)
        first, losses = number * len(self.order), []
        for step, batch in enumerate(self.batches, start=first):
            losses.append(self._step(step, batch.to(self.job.device)))
            if progress is not None:
                progress(step + 1, self.total, float(np.mean(losses[-_SHOWN:])))
        loss = float(np.mean(losses))
        if not math.isfinite(loss):
            raise UsageError(
                f"The loss of run {self.number} became {loss} in epoch {number + 1}; expected a number: lower "
                "learning_rate, or train with --precision float32."
            )
        found = validate(self.network, self.checks, self.recipe, self.job.device)
        rate = self.recipe.learning_rate * factor(self.recipe, first + len(self.order) - 1, self.total)
        figures = {"loss": loss, "val_loss": found.loss, **found.figures}
        self.history.append({"epoch": number + 1, **figures, "learning_rate": rate})
        place = (found.figures[self.recipe.monitor], -found.loss)
        if place > self.best_place:
            self.best_place, self.best_epoch = place, number + 1
            self.best = state_of(self.network)

    def _step(self, step: int, batch: Batch) -> float:
        torch.manual_seed(derived(self.seed, _STEP, step))
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.learning_rate * factor(self.recipe, step, self.total)
        with ExitStack() as stack:
            stack.enter_context(exact_convolutions())
            if self.job.device.type == "cpu":
                stack.enter_context(without_onednn())
            with self._cast():
                found = self.network(batch.inputs)
            height, width = self.recipe.input.spatial_shape
            answer = answer_of(found, self.recipe, (height, width), len(batch.labels))
            loss = loss_of(answer, batch, self.recipe)
            self.optimizer.zero_grad(set_to_none=True)
            self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call] # torch leaves it without types
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return float(loss.detach())

    def _cast(self) -> Any:
        if self.job.precision == "float32":
            return nullcontext()
        return torch.autocast(self.job.device.type, dtype=getattr(torch, self.job.precision))

    def finish(self, weights: Path) -> RunReport:
        """Write the best epoch's weights and say what they do on the validation films."""
        import safetensors.torch

        self.network.load_state_dict(self.best)
        found = validate(self.network, self.checks, self.recipe, self.job.device)
        payload: bytes = safetensors.torch.save(self.best, metadata={"format": "pt"})
        atomic_write(weights, payload)
        return RunReport(
            run=self.number,
            seed=self.seed,
            fingerprint=self.fingerprint,
            epochs=len(self.history),
            best_epoch=self.best_epoch,
            figures=found.figures,
            youden=_youden(found),
            steps=len(self.order) * len(self.history),
            parameters=sum(parameter.numel() for parameter in self.network.parameters()),
            start_sha256=self.start_sha256,
            weights=weights.name,
            weights_sha256=sha256_bytes(payload),
            device=self.job.device.type,
            precision=self.job.precision,
            history=self.history,
        )


def _youden(found: Validation) -> float | None:
    if found.scores is None or "auroc" not in found.figures:
        return None
    return youden_point(found.scores, found.labels)


def history_csv(history: list[dict[str, float]]) -> str:
    """Return a history as CSV, one row an epoch."""
    if not history:
        return ""
    columns = list(history[0])
    rows = [",".join(f"{row[name]:.10g}" for name in columns) for row in history]
    return "\n".join([",".join(columns), *rows]) + "\n"
