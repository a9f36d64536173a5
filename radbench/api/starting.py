"""Files to start from: a commented shift and a commented model, filled with what a folder's manifest offers."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from radbench.api.schemas import schema_text
from radbench.errors import UsageError
from radbench.runtime import atomic_write

LABEL, MASK = "label_", "mask_"
_FEW: Final = 6
"""Most values of a column that is offered as a subgroup."""


@dataclass(frozen=True)
class Offered:
    """What a cohort offers: findings with a label, masks, columns with few values, and whether it has reports."""

    cohort: str
    size: int
    labels: Sequence[str]
    masks: Sequence[str]
    subgroups: Sequence[str]
    reports: bool = True


PHANTOM: Final = Offered(
    "phantom/manifestation", 160, ("pneumothorax", "drain"), ("pneumothorax", "drain"), ("sex", "age_band")
)


def write_start(
    name: str, folder: Path = Path(), source: Path | None = None, *, force: bool = False
) -> list[Path]:
    """Write ``shifts/NAME.yaml`` and ``models_under_test/NAME-model.yaml`` under ``folder``; return the two paths.

    Beside each goes the JSON Schema of its kind, which the file names for editors.

    The shift runs as it is (on the phantom, or on the films of ``source`` once its prompt says what to change); the
    model is a template whose file the user puts beside it.

    Args:
        name: Of the shift: small letters, digits, hyphens.
        folder: Where to; made if missing.
        source: A cohort's folder or table, whose columns and masks are offered; None for the phantom.
        force: Replace files that are there.

    Raises:
        UsageError: Files that are there already, a name that is none, or a manifest that cannot be read.
    """
    shift, model = folder / "shifts" / f"{name}.yaml", folder / "models_under_test" / f"{name}-model.yaml"
    offered = PHANTOM if source is None else offered_by(source, shift.parent)
    for path in (shift, model):
        if path.exists() and not force:
            raise UsageError(f"{path} is there already; choose another name, or replace it with --force.")
    files = {shift: shift_text(name, offered), model: model_text(f"{name}-model", offered)}
    _checked(name, files[shift])
    files |= {
        shift.parent / "shift.schema.json": schema_text("shift"),
        model.parent / "model.schema.json": schema_text("model"),
    }
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, text.encode())
    return [shift, model]


def offered_by(source: Path, beside: Path) -> Offered:
    """Return what a folder with a ``manifest.csv``, or a table, offers; its path as seen from ``beside``.

    Raises:
        UsageError: There is no manifest, or it cannot be read.
    """
    from radbench.data.folder import find_manifest
    from radbench.data.table import read_table

    manifest = find_manifest(source)
    table = read_table(manifest, ("study_id", "patient_id", "image"), what="manifest")
    columns = {column: [row[column] for row in table.rows] for column in table.header}
    labels = [column.removeprefix(LABEL) for column in columns if column.startswith(LABEL)]
    masks = [column.removeprefix(MASK) for column in columns if column.startswith(MASK)]
    known = {"study_id", "patient_id", "image", "split", "report"}
    subgroups = [
        column
        for column, cells in columns.items()
        if column not in known
        and not column.startswith((LABEL, MASK))
        and 1 < len({cell for cell in cells if cell}) <= _FEW
    ]
    if not labels and not masks:
        raise UsageError(
            f"{manifest} has no column label_<finding> and no mask_<name>, so there is nothing to edit or to measure; "
            f"found {', '.join(columns)}. Name your columns so, or map them in the shift (source.columns)."
        )
    place = Path(os.path.relpath(source.absolute(), beside.absolute())).as_posix()
    reports = "report" in columns
    return Offered(f"folder:{place}", max(1, len(table.rows)), labels, masks, subgroups, reports=reports)


def shift_text(name: str, offered: Offered) -> str:
    """Return a commented shift."""
    segments = not offered.labels
    target = offered.masks[0] if segments else offered.labels[0]
    region = next((mask for mask in offered.masks if mask == target), next(iter(offered.masks), None))
    keep = next((mask for mask in offered.masks if mask != region), None)
    phantom = offered is PHANTOM
    fill: Mapping[str, str] = {
        "NAME": name,
        "TARGET": target,
        "TASK": "segmentation" if segments else "classification",
        "COHORT": offered.cohort,
        "SIZE": str(offered.size),
        "BUNDLE": "phantom" if phantom else "radedit",
        "LABELS": ", ".join(offered.labels) or "none",
        "MASKS": ", ".join(offered.masks) or "none",
        "SELECT": "" if segments else f"    select: {{{target}: 1}} # whose images are edited\n",
        "REGION": (
            f"    edit_mask: {{source: {region}, dilate: 5, at: 512}} # where the prompt acts\n"
            if region
            else "    edit_mask: {source: none, complement: true} # no mask in the manifest: the whole film\n"
        ),
        "KEEP": f"    keep_mask: {{source: {keep}}} # what must not change\n" if keep else "",
        "AFTER": f"    labels_after: {{{target}: 0}}\n" if not segments else "    labels_after: {}\n",
        "SHAM": '"{report}"' if offered.reports else "null # such as: Right pneumothorax.",
        "METRICS": "dice, hausdorff_95" if segments else "accuracy, sensitivity, specificity, auroc",
        "SUBGROUPS": ", ".join(offered.subgroups),
        "ENCODER": "phantom" if phantom else "null",
        "SCORE": "0.2" if phantom else "null",
        "MODELS": "pneumothorax-biased, pneumothorax-robust" if phantom else f"{name}-model",
    }
    return _filled(_SHIFT, fill)


def model_text(name: str, offered: Offered) -> str:
    """Return a commented model."""
    segments = not offered.labels
    target = offered.masks[0] if segments else offered.labels[0]
    return _filled(_MODEL, {"NAME": name, "TARGET": target, "TASK": "segmentation" if segments else "binary"})


def _filled(text: str, values: Mapping[str, str]) -> str:
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    return text


def _checked(name: str, text: str) -> None:
    """Refuse a name that no shift may have, before anything is written."""
    import tempfile

    from radbench.specs import load_shift

    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "shift.yaml"
        file.write_text(text, encoding="utf-8")
        try:
            load_shift(file)
        except UsageError as error:
            words = str(error).replace(str(file), f"the shift '{name}'")
            raise UsageError(f"No shift can be begun so: {words}") from error


_SHIFT: Final = """\
# yaml-language-server: $schema=shift.schema.json
# Made by `radbench init`. What else may stand here: `radbench schema shift`.
name: @NAME@
title: What changes, in one line
description: >-
  What goes wrong in the world if a model is not robust to this shift.
kind: manifestation # or acquisition, population
task: @TASK@
target: @TARGET@ # the label (of a segmentation: the mask) that the models predict

source:
  cohort: @COHORT@
  split: test # of the manifest's column 'split'; leave it there and out of the manifest for all rows
  size: @SIZE@ # studies that are drawn
  # Your table's own names and uncertain labels:
  # columns: {study_id: ImageID, label_@TARGET@: PTX}
  # labels: {uncertain: ignore} # -1: or positive, negative

# The diffusion model that edits. It must know such films: see `radbench list bundles`.
bundle: @BUNDLE@

# Labels of the cohort: @LABELS@. Masks: @MASKS@.
scenarios:
  - name: edit
@SELECT@    # What the edited film should show, as a report would say it.
    prompt: No acute cardiopulmonary process.
@REGION@@KEEP@@AFTER@    # Control: the same edit with a prompt that says what the film shows already.
    sham_prompt: @SHAM@

editor:
  name: radedit # see `radbench list editors`
  num_inference_steps: 50
  guidance_scale: 2.5 # a list makes doses: the first is the test set, each further one a control
  skip_ratio: 0.7 # share of the noise schedule that is left out; 0 draws from pure noise

filter:
  encoder: @ENCODER@ # of the editing score: phantom, a folder, or a hub id
  min_editing_score: @SCORE@

metrics: [@METRICS@]
subgroups: [@SUBGROUPS@]
max_drop: 0.1 # largest fall of the first metric that a model may have

models: [@MODELS@]
"""

_MODEL: Final = """\
# yaml-language-server: $schema=model.schema.json
# Made by `radbench init`. Check it first: `radbench check @NAME@`.
name: @NAME@
title: A model under test
format: onnx # see `radbench list formats`
path: @NAME@.onnx # beside this file
# sha256: "..." # pins the file: any other one is refused
task: @TASK@ # binary, multilabel, multiclass, segmentation
target: @TARGET@ # the shift's word
# target_class: ... # the vendor's word for it, if it is another
# classes: [...] # of a model with several outputs, in their order
input: # how your product prepares a film; nothing else is done to it
  num_channels: 1
  spatial_shape: [512, 512]
  value_range: [0.0, 1.0]
  resize: stretch # or pad, crop
  # intensity: stored-range # or min-max, window
  # mean: [0.5]
  # std: [0.25]
output: probabilities # logits, calibrated, labels
operating_point: 0.5
operating_point_source: exploratory # pre-specified: fixed before the audit
intended_use: What its vendor says that it is for.
"""
