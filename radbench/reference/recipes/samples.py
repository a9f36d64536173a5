"""Batches: which films an epoch takes in which order, each changed by a seed of its own."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from radbench.models.preprocess import standardise
from radbench.reference.recipes.augmentation import Augmenter
from radbench.reference.recipes.films import NO_LABEL, Films
from radbench.reference.training.optimisation import derived
from radbench.specs import InputContract

_ORDER, _CHANGE = 1, 3
"""Words that keep the seeds of the order and of the augmentation apart."""

Chosen: TypeAlias = tuple[int, int]
"""An epoch (-1: as it is, unchanged) and a film's number."""


@dataclass(frozen=True)
class Batch:
    """One step's films.

    Attributes:
        inputs: float32 [N, channels, H, W], standardised.
        labels: float32 [N] of 0 and 1 (``NO_LABEL`` where nobody knows).
        masks: float32 [N, 1, H, W] of 0 and 1, or None.
    """

    inputs: torch.Tensor
    labels: torch.Tensor
    masks: torch.Tensor | None

    def pin_memory(self) -> "Batch":
        """Return the batch in memory that a GPU copies from directly; called by the loader."""
        masks = None if self.masks is None else self.masks.pin_memory()
        return Batch(self.inputs.pin_memory(), self.labels.pin_memory(), masks)

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on a device, channels last."""
        masks = None if self.masks is None else self.masks.to(device, non_blocking=True)
        inputs = self.inputs.to(device, non_blocking=True).contiguous(memory_format=torch.channels_last)
        return Batch(inputs, self.labels.to(device, non_blocking=True), masks)


class FilmSet(Dataset[dict[str, torch.Tensor]]):
    """The films of several cohorts, one after another; an item is asked for by epoch and number.

    Args:
        parts: the kept films.
        contract: the input contract.
        augmenter: what changes a film; None for nothing.
        seed: of the run.
    """

    def __init__(
        self, parts: Sequence[Films], contract: InputContract, augmenter: Augmenter | None, seed: int
    ) -> None:
        self.parts, self.contract, self.augmenter, self.seed = list(parts), contract, augmenter, seed
        self.starts = np.cumsum([0, *(len(part) for part in parts)])
        self.labels = np.concatenate([part.labels for part in parts])

    def __len__(self) -> int:
        return int(self.starts[-1])

    def __getitem__(self, chosen: Chosen) -> dict[str, torch.Tensor]:
        epoch, number = chosen
        place = int(np.searchsorted(self.starts, number, side="right")) - 1
        part, index = self.parts[place], number - int(self.starts[place])
        image = torch.from_numpy(np.array(part.images[index]))[None].float() / 255.0
        mask = None if part.packed is None else torch.from_numpy(part.mask(index)[None].astype(np.uint8))
        if self.augmenter is not None and epoch >= 0:
            image, mask = self.augmenter(image, mask, derived(self.seed, _CHANGE, epoch, number))
        item = {
            "inputs": standardise(image[None], self.contract)[0],
            "label": torch.tensor(float(part.labels[index])),
        }
        return item if mask is None else {**item, "mask": mask.float()}


def together(items: Sequence[dict[str, torch.Tensor]]) -> Batch:
    """Return items as one batch."""
    masks = torch.stack([item["mask"] for item in items]) if "mask" in items[0] else None
    inputs = torch.stack([item["inputs"] for item in items])
    return Batch(inputs, torch.stack([item["label"] for item in items]), masks)


class Epochs:
    """Which films each step takes: all in a new order each epoch, whole batches only; or all once, as they are.

    Args:
        count: films in all.
        batch_size: films a step.
        seed: of the run; None: in order, the last batch may be short.
    """

    def __init__(self, count: int, batch_size: int, seed: int | None) -> None:
        self.count, self.batch_size, self.seed = count, min(batch_size, count), seed
        self.epoch = 0

    def __len__(self) -> int:
        whole = self.count // self.batch_size
        return whole if self.seed is not None or whole * self.batch_size == self.count else whole + 1

    def __iter__(self) -> Iterator[list[Chosen]]:
        epoch = -1 if self.seed is None else self.epoch
        order = np.arange(self.count)
        if self.seed is not None:
            order = np.random.default_rng([self.seed, _ORDER, epoch]).permutation(self.count)
        for step in range(len(self)):
            chosen = order[step * self.batch_size : (step + 1) * self.batch_size]
            yield [(epoch, int(number)) for number in chosen]


def loader(films: FilmSet, epochs: Epochs, *, workers: int, pinned: bool) -> "DataLoader[Any]":
    """Return the batches of the epoch that ``epochs`` stands at; the number of workers changes no bit of them."""
    return DataLoader(
        films,
        batch_sampler=epochs,
        num_workers=workers,
        collate_fn=together,
        pin_memory=pinned,
        persistent_workers=workers > 0,
        generator=torch.Generator(),  # its own, so that iterating draws nothing from the run's
    )


def known(labels: torch.Tensor) -> torch.Tensor:
    """Return bool [N], where the label is known."""
    return labels != NO_LABEL
