"""A small trainer for a binary classifier: AdamW, cosine schedule with warm-up, mild augmentation.

It needs no dataset library: it takes uint8 arrays, keeps them in memory as they are (16 KiB for a 128 x 128
image) and runs on a CPU or one GPU. Every random draw comes from the seed and the step, so a run that was
stopped and resumed ends with the same weights as one that was not.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from radbench.errors import UsageError
from radbench.models.augment import Augmentation, augment
from radbench.models.base import Image
from radbench.models.checkpoint import load_checkpoint, save_checkpoint
from radbench.models.preprocess import fit, standardise
from radbench.models.timm_factory import build_network
from radbench.runtime import atomic_write, canonical_json, sha256_bytes
from radbench.specs import InputContract

if TYPE_CHECKING:
    import torch
    from torch import nn

Batch = tuple[Image, NDArray[np.integer[Any]]]
"""Images uint8 [N, H, W] and labels 0/1 [N]."""

Progress = Callable[[int, int, float], None]
"""Called after every step with steps done, steps in all, and the running loss."""


@dataclass(frozen=True)
class ClassifierConfig:
    """All that decides the weights, apart from the samples.

    Attributes:
        architecture: a name that timm knows.
        architecture_args: arguments of ``timm.create_model``; the network must give one logit an image.
        input: the input contract that the model will be declared with.
        epochs: passes over the samples.
        batch_size: images a step.
        learning_rate: its peak, reached after the warm-up; it falls to 0 along a half cosine.
        weight_decay: AdamW's, on weights of two or more dimensions only (not on biases and norms).
        warmup: share of all steps with a rising learning rate.
        label_smoothing: labels become ``smoothing`` and ``1 - smoothing``, which keeps scores off 0 and 1.
        seed: of the initial weights, the order of the samples and the augmentation.
        augmentation: None for none.
    """

    architecture: str
    architecture_args: Mapping[str, Any]
    input: InputContract
    epochs: int = 8
    batch_size: int = 32
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    warmup: float = 0.1
    label_smoothing: float = 0.02
    seed: int = 0
    augmentation: Augmentation | None = field(default_factory=Augmentation)


@dataclass(frozen=True)
class TrainingReport:
    """What came of a training; everything in it follows from the configuration and the samples.

    Attributes:
        steps: optimiser steps.
        samples: images in the training set.
        positives: of these, with label 1.
        loss: mean binary cross-entropy of the last pass (nats).
        parameters: trainable numbers in the network.
        samples_sha256: of all images and labels, in order.
        weights_sha256: of the safetensors file.
    """

    steps: int
    samples: int
    positives: int
    loss: float
    parameters: int
    samples_sha256: str
    weights_sha256: str


def train_classifier(
    config: ClassifierConfig,
    sample_batches: Iterable[Batch],
    *,
    weights: Path,
    checkpoint: Path | None = None,
    checkpoint_every: int = 100,
    device: "torch.device | str" = "cpu",
    progress: Progress | None = None,
) -> TrainingReport:
    """Train a binary classifier and save its weights.

    Args:
        config: all settings.
        sample_batches: (images uint8 [N, H, W], labels 0/1 [N]) in pieces of any size, all of one H and W.
        weights: the safetensors file to write, atomically, at the end.
        checkpoint: a safetensors file to resume from if it is there, written every ``checkpoint_every``
            steps and removed at the end; None for none.
        checkpoint_every: steps between checkpoints.
        device: where to train.
        progress: see ``Progress``.

    Returns:
        The report.

    Raises:
        UsageError: no samples, samples of other types, an architecture that timm cannot build or that
            does not give one logit, a checkpoint of another training, or a folder that cannot be written.
    """
    images, labels = _gather(sample_batches)
    samples_sha256 = sha256_bytes(images.tobytes() + labels.astype(np.uint8).tobytes())
    run = _Run(config, images, labels, device)
    fingerprint = sha256_bytes(canonical_json([_plain(config), samples_sha256]))
    with _own_random_state(device):
        run.start()
        if checkpoint is not None and checkpoint.is_file():
            run.restore(checkpoint, fingerprint)
        for step in range(run.done, run.total):
            run.step(step)
            if progress is not None:
                progress(run.done, run.total, run.running_loss)
            if checkpoint is not None and run.done % checkpoint_every == 0 and run.done < run.total:
                save_checkpoint(checkpoint, run.network, run.optimizer, run.state(fingerprint))
    return _finish(run, weights, checkpoint, samples_sha256)


def _finish(run: "_Run", weights: Path, checkpoint: Path | None, samples_sha256: str) -> TrainingReport:
    import safetensors.torch

    state = {name: value.detach().cpu().contiguous() for name, value in run.network.state_dict().items()}
    payload: bytes = safetensors.torch.save(state, metadata={"format": "pt"})
    atomic_write(weights, payload)
    if checkpoint is not None:
        checkpoint.unlink(missing_ok=True)
    return TrainingReport(
        steps=run.total,
        samples=len(run.labels),
        positives=int(run.labels.sum()),
        loss=float(np.mean(run.losses[-run.steps_per_epoch :])),
        parameters=sum(parameter.numel() for parameter in run.network.parameters()),
        samples_sha256=samples_sha256,
        weights_sha256=sha256_bytes(payload),
    )


class _Run:
    """The moving parts of one training."""

    network: "nn.Module"
    optimizer: "torch.optim.Optimizer"

    def __init__(
        self, config: ClassifierConfig, images: Image, labels: NDArray[np.int64], device: "torch.device | str"
    ) -> None:
        self.config = config
        self.images = images
        self.labels = labels
        self.device = device
        self.batch_size = min(config.batch_size, len(labels))
        self.steps_per_epoch = len(labels) // self.batch_size
        self.total = self.steps_per_epoch * config.epochs
        self.done = 0
        self.losses: list[float] = []
        self._epoch = -1
        self._order = np.arange(0)

    @property
    def running_loss(self) -> float:
        return float(np.mean(self.losses[-50:]))

    def start(self) -> None:
        import torch

        torch.manual_seed(_seed(self.config.seed, 0))
        where = "classifier training"
        network = build_network(self.config.architecture, self.config.architecture_args, where=where)
        # channels last: 1.6 to 2 times faster on a CPU for small convolutional networks, same mathematics
        self.network = network.to(self.device).to(memory_format=torch.channels_last).train()
        groups = _decay_groups(network, self.config.weight_decay)
        self.optimizer = torch.optim.AdamW(groups, lr=self.config.learning_rate)

    def state(self, fingerprint: str) -> dict[str, Any]:
        return {"fingerprint": fingerprint, "done": self.done, "losses": self.losses}

    def restore(self, checkpoint: Path, fingerprint: str) -> None:
        state = load_checkpoint(checkpoint, self.network, self.optimizer, fingerprint)
        self.done, self.losses = int(state["done"]), list(state["losses"])

    def step(self, step: int) -> None:
        import torch
        from torch.nn import functional as F

        torch.manual_seed(_seed(self.config.seed, 2, step))
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate * _schedule(step, self.total, self.config.warmup)
        inputs, targets = self._batch(step)
        logits = self.network(inputs)
        if logits.shape != (len(targets), 1):
            raise UsageError(
                f"Architecture '{self.config.architecture}' gave an output of shape {list(logits.shape)}, "
                "expected one logit an image; set num_classes to 1 in architecture_args."
            )
        loss = F.binary_cross_entropy_with_logits(logits[:, 0], targets)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call] # torch leaves it without types
        self.optimizer.step()
        self.losses.append(float(loss.detach()))
        self.done = step + 1

    def _batch(self, step: int) -> "tuple[torch.Tensor, torch.Tensor]":
        import torch

        epoch, place = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            rng = np.random.default_rng([self.config.seed, 1, epoch])
            self._epoch, self._order = epoch, rng.permutation(len(self.labels))
        chosen = self._order[place * self.batch_size : (place + 1) * self.batch_size]
        pixels = torch.from_numpy(self.images[chosen]).to(self.device, torch.float32)[:, None] / 255.0
        pixels = fit(pixels, self.config.input)
        if self.config.augmentation is not None:
            generator = torch.Generator().manual_seed(_seed(self.config.seed, 3, step))
            pixels = augment(pixels, self.config.augmentation, generator)
        smoothing = self.config.label_smoothing
        targets = torch.from_numpy(self.labels[chosen]).to(self.device, torch.float32)
        inputs = standardise(pixels, self.config.input).contiguous(memory_format=torch.channels_last)
        return inputs, targets * (1 - 2 * smoothing) + smoothing


def _gather(sample_batches: Iterable[Batch]) -> tuple[Image, NDArray[np.int64]]:
    images: list[Image] = []
    labels: list[NDArray[np.int64]] = []
    for piece, (pixels, given) in enumerate(sample_batches):
        truth = np.asarray(given)
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or truth.shape != pixels.shape[:1]:
            raise UsageError(
                f"Training samples, piece {piece}: images {pixels.dtype} {list(pixels.shape)} with labels "
                f"{list(truth.shape)}; expected uint8 [N, height, width] with labels [N]."
            )
        if not np.isin(truth, (0, 1)).all():
            raise UsageError(
                f"Training samples, piece {piece}: labels other than 0 and 1, expected only these."
            )
        images.append(pixels)
        labels.append(truth.astype(np.int64))
    if not images or not sum(len(truth) for truth in labels):
        raise UsageError("There are no training samples, expected at least one image.")
    if len({pixels.shape[1:] for pixels in images}) != 1:
        raise UsageError("Training samples have images of several sizes, expected one height and width.")
    return np.concatenate(images), np.concatenate(labels)


def _schedule(step: int, total: int, warmup: float) -> float:
    """Return the factor of the learning rate: linear rise, then half a cosine down to (almost) 0."""
    rise = max(1, round(warmup * total))
    if step < rise:
        return (step + 1) / rise
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, total - rise)))


def _decay_groups(network: "nn.Module", decay: float) -> list[dict[str, Any]]:
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    return [
        {"params": [parameter for parameter in parameters if parameter.ndim > 1], "weight_decay": decay},
        {"params": [parameter for parameter in parameters if parameter.ndim <= 1], "weight_decay": 0.0},
    ]


def _seed(*words: int) -> int:
    """Return a 63-bit seed that depends on every word."""
    return int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _plain(config: ClassifierConfig) -> dict[str, Any]:
    plain = {name: getattr(config, name) for name in config.__dataclass_fields__}
    plain["architecture_args"] = dict(config.architecture_args)
    plain["input"] = config.input.model_dump()
    plain["augmentation"] = None if config.augmentation is None else asdict(config.augmentation)
    return plain


@contextmanager
def _own_random_state(device: "torch.device | str") -> Iterator[None]:
    """Leave the caller's random numbers as they were."""
    import torch

    where = torch.device(device)
    devices = [where] if where.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        yield
