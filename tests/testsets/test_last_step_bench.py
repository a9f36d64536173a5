import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler

from radbench.bench.last_step import NothingAddedEditor, NothingAddedTrack, _row
from radbench.diffusion.denoise import RadEditTrack
from radbench.diffusion.editors import EditRequest, EditResult, editor_names, get_editor
from radbench.diffusion.inversion import Inversion
from radbench.diffusion.schedule import make_schedule

TRAILING = make_schedule(DDIMScheduler(timestep_spacing="trailing"), 4)


@pytest.fixture
def tracks():
    torch.manual_seed(0)
    latents, means = torch.randn(5, 4, 8, 8), torch.randn(4, 4, 8, 8)
    inversion = Inversion(latents, means, TRAILING.timesteps, "", 0)
    edit, keep = torch.zeros(2, 1, 8, 8, dtype=torch.bool)
    edit[:, 2:6, 2:6] = True
    keep[:, 5:] = True
    return [make(TRAILING, inversion, edit, keep, 2.0) for make in (RadEditTrack, NothingAddedTrack)]


def test_only_the_last_step_inside_the_edit_mask_differs(tracks):
    usual, nothing = tracks
    now, conditional, free = torch.randn(3, 4, 8, 8)
    for step in range(3):
        assert torch.equal(
            usual.step(step, now, conditional, free), nothing.step(step, now, conditional, free)
        )
    added, bare = (track.step(3, now, conditional, free) for track in tracks)
    inside = (usual.edit & ~usual.keep)[0]
    assert torch.equal(added[:, ~inside], bare[:, ~inside])
    noise = free + 2.0 * (conditional - free)
    assert torch.allclose(bare[:, inside], TRAILING.mean(3, now, noise)[:, inside])
    residual = usual.inversion.residuals[3]
    assert torch.allclose((added - bare)[:, inside], residual[:, inside], atol=1e-5)


def test_an_unchanged_prompt_keeps_the_source_to_the_bit_outside_and_only_the_used_way_inside(tracks):
    usual, nothing = tracks
    noise = torch.randn(4, 8, 8)
    now = usual.inversion.latents[3]
    means = usual.inversion.means.clone()
    means[3] = TRAILING.mean(3, now, noise)
    inversion = Inversion(usual.inversion.latents, means, TRAILING.timesteps, "", 0)
    same, other = (
        type(track)(TRAILING, inversion, track.edit, track.keep, 2.0).step(3, now, noise, noise)
        for track in tracks
    )
    inside = (nothing.edit & ~nothing.keep)[0]
    assert torch.equal(same, inversion.source)
    assert torch.equal(other[:, ~inside], inversion.source[:, ~inside])
    assert not torch.equal(other[:, inside], inversion.source[:, inside])


def test_no_shift_can_name_the_other_way():
    assert not any(isinstance(get_editor(name), NothingAddedEditor) for name in editor_names())


def test_a_row_says_how_far_from_the_truth_and_what_is_left():
    source, truth = np.full((8, 8), 100, np.uint8), np.full((8, 8), 60, np.uint8)
    edit = np.zeros((8, 8), bool)
    edit[2:6, 2:6] = True
    requests = [EditRequest(str(number), source, edit, None, "p", "", number) for number in range(2)]

    def results(*values):
        return [
            EditResult(str(n), np.full((8, 8), value, np.uint8), source) for n, value in enumerate(values)
        ]

    first = results(70, 70)
    row = _row("trailing", "other", requests, results(64, 74), [truth, truth], first)
    assert (row.wins, row.edits) == (1, 2)
    assert row.error == pytest.approx((4 + 14) / 2 / 255)
    assert row.better_by == pytest.approx((6 - 4) / 2 / 255)
    assert row.standard_error == pytest.approx(5 / 255)
    assert row.left == pytest.approx((4 + 14) / 2 / 40)
    assert np.isnan(row.keep) and np.isnan(row.retained)
