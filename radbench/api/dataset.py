"""An edited test set as a torch ``Dataset``, for training code and other tools."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from radbench.data.cohort import Cohort, Mask, Pixels, Study
from radbench.harness.arms import Scene
from radbench.specs import ShiftSpec
from radbench.testsets.testset import TestSet


class EditedImages(Dataset[dict[str, Any]]):
    """The usable stress edits of a shift, as the models under test see them.

    An item is a dict:

    - ``image``: the edited film, float32 [1, H, W] in [0, 1]; ``original``: the film before the edit, likewise.
    - ``label``: the target's label after the edit, 0 or 1; of a segmentation the true mask, bool [H, W].
    - ``masks``: ``edit`` and ``keep``, bool [H, W] of the film's size.
    - ``study``, ``patient``, ``scenario``: strings.

    Films of one cohort may differ in size; then a ``DataLoader`` needs a batch size of 1 or a collate function.

    Args:
        shift: The shift.
        cohort: The cohort that was edited.
        testset: The edits.
    """

    def __init__(self, shift: ShiftSpec, cohort: Cohort, testset: TestSet) -> None:
        self.shift, self.cohort, self.stored = shift, cohort, testset
        scene = Scene(shift, cohort, testset)
        self._images = scene.arms().get("stress")
        self._cases = scene.cases
        self._native = shift.composite == "native"

    def __len__(self) -> int:
        return 0 if self._images is None else len(self._images)

    def __getitem__(self, index: int) -> dict[str, Any]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"{index} is no item of {len(self)} edited images")
        images = self._images
        if images is None:  # no edit is usable, which the line above has said
            raise IndexError(index)
        place = range(len(self))[index]
        case = self._cases[place]
        film = self.cohort.film(case.study) if self._native else self.cohort.image(case.study)
        masks = {
            "edit": self._mask(case.study, self.stored.edit_mask(case.record)),
            "keep": self._mask(case.study, self.stored.keep_mask(case.record)),
        }
        label: Any = images.labels
        if label is not None:
            label = int(label[place])
        elif images.mask is not None:
            label = torch.from_numpy(np.array(images.mask(place)))
        return {
            "image": _tensor(images.load(place)),
            "original": _tensor(film),
            "label": label,
            "masks": {name: torch.from_numpy(np.array(mask)) for name, mask in masks.items()},
            "study": case.study.study_id,
            "patient": case.study.patient_id,
            "scenario": case.record.scenario,
        }

    @property
    def attrition(self) -> Mapping[str, int]:
        """How many studies and edits there were, from the cohort to what is measured."""
        return self.stored.attrition

    def _mask(self, study: Study, mask: Mask) -> Mask:
        framing = self.cohort.framing(study) if self._native else None
        return mask if framing is None else framing.undo_mask(mask)

    def __repr__(self) -> str:
        return f"EditedImages(shift={self.shift.name!r}, images={len(self)}, key={self.stored.key[:12]!r})"


def _tensor(film: Pixels) -> torch.Tensor:
    white = float(np.iinfo(film.dtype).max)
    return torch.from_numpy((film.astype(np.float64) / white).astype(np.float32))[None]
