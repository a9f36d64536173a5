"""The paper edits training images and measures the real figures on the test split, with films of other cohorts."""

import sys
from pathlib import Path

import numpy as np
import pytest

import radbench
from radbench.data.images import write_png

sys.path.insert(0, str(Path(__file__).parents[1] / "data" / "sources"))
from dataset_world import Small, a_tree

SHIFT = """\
name: other-split
title: Training films edited
description: The real set is another split than the one that is edited.
kind: manifestation
target: effusion
source:
  cohort: small
  root: {root}
  edit_split: train
  also:
    - cohort: folder:{folder}
      set_labels: {{effusion: 0}}
scenarios:
  - name: remove
    select: {{effusion: 1}}
    prompt: No effusion.
    edit_mask: {{source: lung}}
    labels_after: {{effusion: 0}}
    sham_prompt: "{{report}}"
editor: {{num_inference_steps: 2, skip_ratio: 0.0, guidance_scale: 1.0}}
metrics: [accuracy]
"""


@pytest.fixture
def shift(tmp_path, monkeypatch):
    from radbench.data import sources

    real = sources.get_source
    for place in ("radbench.data.sources.cohort", "radbench.data.sources", "radbench.api.datasets"):
        monkeypatch.setattr(f"{place}.get_source", lambda name: Small() if name == "small" else real(name))
    box = " ".join(f"{row * 64 + 21} 20" for row in range(20, 40))
    rows = [
        *(f"r{number},p{number},train,PA,{int(number < 4)},50,{box}" for number in range(6)),
        *(f"t{number},q{number},test,PA,{number % 2},50,{box}" for number in range(6)),
    ]
    root = a_tree(tmp_path / "root", rows)
    for number, row in enumerate(rows):
        pixels = np.full((64, 64), 20 + 10 * number, np.uint8)
        pixels[20:40, 20:40] = 200
        pixels[0, 0], pixels[0, 1] = 0, 255
        write_png(root / "films" / f"{row.split(',')[0]}.png", pixels)
    folder = tmp_path / "other"
    folder.mkdir()
    write_png(folder / "o.png", np.eye(64, dtype=np.uint8) * 250)
    (folder / "manifest.csv").write_text("study_id,patient_id,image\no,o,o.png\n", encoding="utf-8")
    path = tmp_path / "shift.yaml"
    path.write_text(SHIFT.format(root=root, folder=folder), encoding="utf-8")
    return path


def bright(images):
    """A score of the box's brightness, probability [N]."""
    return np.array([float(image[25:35, 25:35].mean()) / 255 for image in images])


def test_the_real_set_is_the_test_split_and_the_edited_films_are_their_own_partners(shift):
    audit = radbench.audit(shift, models=[bright], progress=False)
    shown = {
        arm: {row.study_id for row in audit.result.cases if row.arm == arm} for arm in ("real", "stress")
    }
    assert shown["real"] == {*(f"small:t{number}" for number in range(6)), "other:o"}
    assert shown["stress"] == {f"small:r{number}" for number in range(4)}
    result = audit.result
    assert result.cohort.studies == 7 and result.testset.attrition["of the real set only"] == 7
    paired = result.models[0].paired["stress"]
    assert paired.paired_drop.n == 4 and paired.flip_rate.value is not None
    assert result.models[0].paired["reconstruction"].score_change.value is not None
