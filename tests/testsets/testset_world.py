"""A tiny cohort, shift and editor; run as a script it builds a test set in a process of its own."""

import json
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from radbench.data.cohort import SquareFilms, Study, unknown_mask
from radbench.diffusion.editors import EditResult
from radbench.specs.scenario import EditorSpec, MaskRule, Scenario
from radbench.specs.shift import ControlsSpec, ShiftSpec, SourceSpec
from radbench.testsets.build import build_testset
from radbench.testsets.plan import make_plan

WEIGHTS = {"unet": "ab" * 32, "vae": "cd" * 32}


class TinyCohort(SquareFilms):
    """Every other study has the finding; two studies a patient; the masks are discs."""

    name = "tiny"
    truth_known = False

    def __init__(self, size=12, empty=()):
        self.studies = [
            Study(
                study_id=f"s{i:03d}",
                patient_id=f"p{i // 4}",
                labels={"pneumothorax": i % 2, "drain": int(i % 4 == 1)},
                attributes={"hospital": "AB"[i % 2], "number": i, "side": ("left", "right")[i % 2]},
                report=f"Report {i}.",
            )
            for i in range(size)
        ]
        self.digest = "01" * 32
        self.empty = set(empty)
        self.reads = 0

    def image(self, study):
        self.reads += 1
        return np.random.default_rng(study.attributes["number"]).integers(0, 256, (24, 32), dtype=np.uint8)

    def mask(self, study, name):
        centres = {"pneumothorax": (8, 10), "drain": (16, 22)}
        if name not in centres:
            raise unknown_mask(self.name, study.study_id, name, sorted(centres))
        rows, columns = np.indices((24, 32))
        row, column = centres[name]
        disc = (rows - row) ** 2 + (columns - column) ** 2 <= 9
        return disc & (study.study_id not in self.empty)

    def counterfactual(self, study, labels):
        return None


def scenario(name="remove", **changes):
    values = {
        "name": name,
        "select": {"pneumothorax": 1},
        "prompt": "No acute cardiopulmonary process",
        "edit_mask": MaskRule(source="pneumothorax", dilate=40.0),
        "keep_mask": MaskRule(source="drain"),
        "labels_after": {"pneumothorax": 0},
    }
    return Scenario(**{**values, **changes})


def shift(*scenarios, **changes):
    """Stress edits alone, unless ``changes`` says otherwise."""
    values = {
        "name": "tiny-shift",
        "title": "Tiny",
        "description": "For tests.",
        "kind": "manifestation",
        "target": "pneumothorax",
        "source": SourceSpec(cohort="phantom/tiny", size=12),
        "scenarios": list(scenarios) or [scenario()],
        "editor": EditorSpec(),
        "controls": ControlsSpec(sham=False),
        "metrics": ["accuracy"],
    }
    return ShiftSpec(**{**values, **changes})


class TinyEditor:
    """Fills the edit mask with noise of the request's seed; keeps a log of what it edited."""

    algorithm_version = 1

    def __init__(self, log=None, breaks=(), pause=0.0):
        self.log = log
        self.breaks = set(breaks)
        self.pause = pause
        self.edited = []

    def edit(self, bundle, requests, settings, *, batch_size=8):
        for start in range(0, len(requests), batch_size):
            batch = requests[start : start + batch_size]
            for request in batch:
                if request.key in self.breaks:
                    raise FloatingPointError("no such luck\nsecond line")
            time.sleep(self.pause)
            for request in batch:
                yield self._one(request, settings)

    def _one(self, request, settings):
        self.edited.append(request.key)
        if self.log:
            with Path(self.log).open("a") as file:
                file.write(f"{request.key}\n")
        noise = np.random.default_rng(request.seed).integers(0, 256, request.image.shape, dtype=np.uint8)
        image = np.where(request.edit_mask, noise, request.image)
        change = float(np.abs(image.astype(float) - request.image)[request.edit_mask].mean() / 255)
        return EditResult(request.key, image, request.image ^ 1, {"change_inside": change})


def bundle():
    return SimpleNamespace(unet=SimpleNamespace(device="cpu"))


def plan_of(cohort, spec=None, **options):
    return make_plan(spec or shift(), cohort, WEIGHTS, TinyEditor.algorithm_version, **options)


def main(cache, log, count, pause, seed):
    cohort = TinyCohort(2 * int(count))
    result = build_testset(
        plan_of(cohort, seed=int(seed)),
        cohort,
        bundle,
        cache=Path(cache),
        batch_size=2,
        editor=TinyEditor(log, pause=float(pause)),
    )
    heavy = sorted({"torch", "diffusers", "transformers", "pandas", "pyarrow"} & set(sys.modules))
    sys.stdout.write(json.dumps({"path": str(result.path), "ok": result.attrition["ok"], "heavy": heavy}))


if __name__ == "__main__":
    main(*sys.argv[1:])
