"""An earlier result to compare with: "no worse than the last release", paired by study wherever that is possible."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

import numpy as np

from radbench.errors import UsageError
from radbench.harness.result import Arm, AuditResult, Baseline, CaseRow, Estimate, ModelResult
from radbench.metrics.bootstrap import draw_patients
from radbench.metrics.intervals import difference, mean, share

RESULT: Final = "result.json"
INDEX: Final = "index.json"
_ADDED_ONLY: Final = {2: 3}
"""Schema versions whose documents are read as a later one, which only added fields that may be left out."""

_UNPAIRED: Final = "other images than the baseline's, so the two are compared unpaired"


@dataclass(frozen=True)
class Earlier:
    """A result of an earlier release.

    Attributes:
        result: The result.
        sha256: Of its file.
    """

    result: AuditResult
    sha256: str

    @classmethod
    def of(cls, result: AuditResult) -> "Earlier":
        """Return a result that was not read from a file, by the digest of the file that it would be written to."""
        return cls(result, hashlib.sha256(result.to_json()).hexdigest())


def read_baseline(path: Path, what: str = "baseline") -> dict[str, Earlier]:
    """Read an earlier run's results.

    Args:
        path: A ``result.json``, an ``index.json`` of several shifts, or the folder that holds one of them.
        what: What it is called in a sentence about it.

    Returns:
        The results by the name of their shift.

    Raises:
        UsageError: There is no such file, it is none of the two, or it names a file outside its folder.
    """
    file = _file_of(path, what)
    if file.name != INDEX:
        earlier = _read(file)
        return {earlier.result.shift.name: earlier}
    found = [_read(_inside(file, name)) for name in _results_of(file)]
    if not found:
        raise UsageError(f"{file}: no shift in it has a result, expected at least one to compare with.")
    return {earlier.result.shift.name: earlier for earlier in found}


def about(result: AuditResult, earlier: Earlier) -> Baseline:
    """Return what the result says of the earlier one that it was compared with."""
    same = _same_testset(result, earlier.result)
    what = "the films of cohort B" if result.is_natural else "edited images"
    return Baseline(
        sha256=earlier.sha256,
        tool=earlier.result.tool,
        same_testset=same,
        note="" if same else f"Another test set than the baseline's: {what} are compared unpaired.",
    )


def worse_by(
    result: AuditResult, model: ModelResult, arm: Arm, scenario: str | None, earlier: Earlier | None
) -> Estimate:
    """Return the primary metric in the earlier result minus now: positive where the model has become worse.

    On the same test set the images are compared one by one and patients are resampled. Of shares (accuracy) this is
    the share of images that were lost minus that of images that were won, and with fewer than five patients in
    either it is widened as ``metrics.intervals`` says: that no image differs among 64 does not show that none ever
    will. Only the same model (by its digest) with the same answers has a difference of exactly 0.

    On another test set (of the real images: another cohort) the difference is unpaired, its interval made from both
    intervals (Zou and Donner 2008, doi:10.1002/sim.3095); the note says so.

    Args:
        result: The result of now.
        model: One of its models.
        arm: Which images.
        scenario: One scenario, or None for all.
        earlier: The earlier result; None: undefined, with the reason in the note.
    """
    if earlier is None:
        return Estimate.undefined("there is no baseline for this shift")
    before = earlier.result
    if before.primary != result.primary or before.shift.target != result.shift.target:
        found, expected = (f"{one.primary} of '{one.shift.target}'" for one in (before, result))
        return Estimate.undefined(f"the baseline measured {found}, expected {expected}")
    old, renamed = _counterpart(result, model, before)
    if old is None:
        return Estimate.undefined(f"the baseline has no model '{model.name}'")
    if old.error is not None:
        return Estimate.undefined(f"the model '{old.name}' could not be run in the baseline")
    figure = _paired(result, model, old, before, (arm, scenario))
    if figure is None:
        figure = _unpaired(_figure(model, result, arm, scenario), _figure(old, before, arm, scenario))
    return figure.noted(renamed, first=True)


def _same_cohort(result: AuditResult, before: AuditResult) -> bool:
    return before.cohort.digest == result.cohort.digest


def _same_testset(result: AuditResult, before: AuditResult) -> bool:
    return before.testset.key == result.testset.key and _same_cohort(result, before)


def _counterpart(
    result: AuditResult, model: ModelResult, before: AuditResult
) -> tuple[ModelResult | None, str]:
    """Return the earlier model of the same name; or the only one, where now there is only one as well."""
    for old in before.models:
        if old.name == model.name:
            return old, ""
    olds, news = ([one for one in some.models if one.role == "model"] for some in (before, result))
    if len(olds) == 1 and news == [model]:
        return olds[0], f"compared with the baseline's only model '{olds[0].name}'"
    return None, ""


def _paired(
    result: AuditResult,
    model: ModelResult,
    old: ModelResult,
    before: AuditResult,
    place: tuple[Arm, str | None],
) -> Estimate | None:
    """Return the difference image by image; None where the two have not seen the same images."""
    same_images = _same_cohort if place[0] == "real" else _same_testset
    if not same_images(result, before):
        return None
    now, then = _rows(result, model.name, *place), _rows(before, old.name, *place)
    if not now or now.keys() != then.keys() or any(now[key].label != then[key].label for key in now):
        return None
    fall = np.array([then[key].value - row.value for key, row in now.items()], np.float64)
    same = all((then[key].score, then[key].decision) == (row.score, row.decision) for key, row in now.items())
    if same and not fall.any() and model.digest == old.digest:
        return Estimate.of(0.0, (0.0, 0.0, "the same model with the same answers"), len(fall))
    everyone = [row.patient_id for row in result.cases if row.model == model.name]
    draws = draw_patients(everyone, replicates=result.intervals.replicates, seed=result.seed)
    places = draws.places([row.patient_id for row in now.values()])
    if result.primary == "accuracy":
        interval = difference(share(draws, places, fall > 0), share(draws, places, fall < 0))
    else:
        interval = mean(draws, places, fall, (-1.0, 1.0)).interval()
    return Estimate.of(float(fall.mean()), interval, len(fall))


def _rows(result: AuditResult, model: str, arm: Arm, scenario: str | None) -> dict[tuple[int, str], CaseRow]:
    """Return a model's rows of one arm by study and scenario.

    A study is known by its place among the model's real images (of another cohort: among those) and not by its name,
    which a report that was made without identifiers has replaced.
    """
    own = [row for row in result.cases if row.model == model]
    base = "natural" if arm == "natural" else "real"  # other films than the real ones
    number = {row.study_id: place for place, row in enumerate(row for row in own if row.arm == base)}
    return {
        (number[row.study_id], row.scenario): row
        for row in own
        if row.arm == arm and row.study_id in number and (arm == base or scenario in {None, row.scenario})
    }


def _figure(model: ModelResult, result: AuditResult, arm: Arm, scenario: str | None) -> Estimate | None:
    if scenario is None or arm == "real":
        return model.metric(arm, result.primary)
    part = model.scenarios.get(scenario)
    return None if part is None or arm not in part.arms else part.arms[arm].metrics.get(result.primary)


def _unpaired(now: Estimate | None, then: Estimate | None) -> Estimate:
    if now is None or now.value is None:
        return Estimate.undefined("nothing was measured in these images")
    if then is None or then.value is None:
        return Estimate.undefined("nothing was measured in these images of the baseline", now.n)
    fall = then.value - now.value
    if now.low is None or now.high is None or then.low is None or then.high is None:
        return Estimate(value=fall, n=now.n, note=f"{_UNPAIRED}; one of them has no interval")
    low = fall - math.hypot(then.value - then.low, now.high - now.value)
    high = fall + math.hypot(then.high - then.value, now.value - now.low)
    return Estimate.of(fall, (low, high, _UNPAIRED), now.n)


def _file_of(path: Path, what: str) -> Path:
    if path.is_dir():
        for name in (INDEX, RESULT):
            if (path / name).is_file():
                return path / name
        raise UsageError(f"The {what} folder {path} has no {RESULT} and no {INDEX}, expected one of them.")
    if not path.is_file():
        raise UsageError(f"The {what} {path} does not exist; expected an earlier run's {RESULT} or folder.")
    return path


def _load(file: Path) -> tuple[bytes, Any]:
    """Return a file's bytes, and the JSON in them."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UsageError(f"The baseline {file} cannot be read: {error.strerror}; check the path.") from error
    try:
        return data, json.loads(data)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{file}: found no JSON, expected an earlier run's {RESULT}.") from error


def _read(file: Path) -> Earlier:
    data, found = _load(file)
    text: bytes | str = data
    if isinstance(found, dict) and found.get("schema_version") in _ADDED_ONLY:
        text = json.dumps(found | {"schema_version": _ADDED_ONLY[found["schema_version"]]})
    return Earlier(AuditResult.from_json(text, origin=str(file)), hashlib.sha256(data).hexdigest())


def _results_of(file: Path) -> list[str]:
    _, found = _load(file)
    shifts = found.get("shifts") if isinstance(found, dict) else None
    if not isinstance(shifts, list) or not all(isinstance(shift, Mapping) for shift in shifts):
        raise UsageError(f"{file}: found no list 'shifts', expected the {INDEX} of an earlier run.")
    return [str(shift["result"]) for shift in shifts if shift.get("result")]


def _inside(index: Path, name: str) -> Path:
    """Return a result's path beside the index; a baseline may come from elsewhere and leads nowhere else."""
    parts = PurePosixPath(name)
    if parts.is_absolute() or ".." in parts.parts:
        raise UsageError(f"{index}: the result '{name}' lies outside its folder, expected a path inside it.")
    return index.parent / parts
