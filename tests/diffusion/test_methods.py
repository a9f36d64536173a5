"""The editors that RadEdit is compared with, by their properties, on a random network."""

import dataclasses

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler

from radbench.diffusion.denoise import denoise
from radbench.diffusion.editors import EditRequest, EditSettings, editor_names, get_editor
from radbench.diffusion.editors.common import make_jobs
from radbench.diffusion.editors.methods import DdimTrack
from radbench.diffusion.inversion import ddim_invert
from radbench.diffusion.schedule import make_schedule
from radbench.diffusion.session import latent_masks, open_session

SETTINGS = EditSettings(num_inference_steps=6, guidance_scale=5.0)
INVERTING, MASKED = ["radedit", "diffedit"], ["diffedit", "inpaint"]
BASELINES = ["diffedit", "inpaint", "lance", "sdedit"]
SCHEDULERS = {
    "last sigma 0": DDIMScheduler(set_alpha_to_one=True),
    "last sigma over 0": DDIMScheduler(set_alpha_to_one=False, steps_offset=1),
    "ddpm, trailing": DDPMScheduler(timestep_spacing="trailing"),
}


@pytest.fixture(scope="module")
def requests(images, edit_mask, keep_mask):
    keeps = [None, keep_mask, keep_mask]
    return [
        EditRequest(f"item {i}", images[i], edit_mask, keeps[i], "left pneumothorax", "", 5 + i)
        for i in range(3)
    ]


def run(bundle, name, requests, settings=SETTINGS, batch_size=8):
    return list(get_editor(name).edit(bundle, requests, settings, batch_size=batch_size))


def same(first, second):
    return (
        first.key == second.key
        and np.array_equal(first.image, second.image)
        and np.array_equal(first.reconstruction, second.reconstruction)
        and first.measures == second.measures
    )


def latents_of(bundle, name, request, settings, source):
    """Edited latents of one image, from a source latent, without the autoencoder."""
    editor, (job,) = get_editor(name), make_jobs(bundle.scheduler, [request], settings)
    with open_session(bundle) as session:
        (start,) = editor.starts(session, job.longest, [source], [request])
        masks = latent_masks([request.edit_mask], [request.keep_mask], source, settings.mask_threshold)
        track = editor.track(job, start, masks.edit[0], masks.keep[0])
        prompts, empty = session.guidance([request.prompt])
        return denoise(session.predictor, [track], prompts, empty)[0], masks


@pytest.fixture
def source():
    torch.manual_seed(3)
    return torch.randn(4, 8, 8)


def test_every_editor_has_its_name_and_version():
    assert editor_names() == sorted([*BASELINES, "radedit"])
    assert all(get_editor(name).name == name for name in editor_names())


@pytest.mark.parametrize("name", BASELINES)
def test_same_bytes_for_any_batch_size_and_company(bundle, requests, name):
    whole = run(bundle, name, requests)
    for batch_size in (1, 2):
        assert all(
            same(*pair)
            for pair in zip(whole, run(bundle, name, requests, batch_size=batch_size), strict=True)
        )
    assert all(same(run(bundle, name, [request])[0], whole[i]) for i, request in enumerate(requests))


@pytest.mark.parametrize("name", BASELINES)
def test_shared_starts_give_the_same_bits(bundle, requests, name):
    others = [
        SETTINGS,
        dataclasses.replace(SETTINGS, skip_ratio=0.0),
        dataclasses.replace(SETTINGS, skip_ratio=0.7),
    ]
    mixed = [
        dataclasses.replace(requests[1], key=str(i), settings=settings, prompt=["drain", "lung"][i % 2])
        for i, settings in enumerate(others)
    ]
    together = run(bundle, name, mixed)
    assert all(same(run(bundle, name, [request])[0], together[i]) for i, request in enumerate(mixed))


@pytest.mark.parametrize("name", INVERTING)
@pytest.mark.parametrize("skip_ratio", [0.0, 0.5, 0.99, 1 - 1e-12])
def test_identity_edits_return_the_source(bundle, requests, source, name, skip_ratio):
    settings = dataclasses.replace(SETTINGS, guidance_scale=0.0, skip_ratio=skip_ratio)
    everywhere = dataclasses.replace(requests[0], edit_mask=np.ones((32, 32), bool))
    latents, _ = latents_of(bundle, name, everywhere, settings, source)
    assert float((latents - source).abs().max()) <= 1e-5


@pytest.mark.parametrize("name", MASKED)
@pytest.mark.parametrize("scale", [0.0, 15.0])
def test_outside_the_edit_mask_the_latents_are_the_sources(bundle, requests, source, name, scale):
    settings = dataclasses.replace(SETTINGS, guidance_scale=scale)
    latents, masks = latents_of(bundle, name, requests[1], settings, source)
    inside = masks.edit[0, 0]
    assert torch.equal(latents[:, ~inside], source[:, ~inside])
    if scale or name == "inpaint":
        assert (latents - source).abs().amax(dim=0)[inside].min() > 1e-4


@pytest.mark.parametrize("name", ["lance", "sdedit"])
def test_without_masks_the_whole_image_is_edited(bundle, requests, source, name):
    free = dataclasses.replace(requests[1], edit_mask=np.zeros((32, 32), bool))
    latents, _ = latents_of(bundle, name, requests[1], SETTINGS, source)
    assert torch.equal(latents_of(bundle, name, free, SETTINGS, source)[0], latents)
    assert float((latents - source).abs().amax(dim=0).min()) > 1e-4


def test_diffedit_is_algorithm_2_as_printed(bundle, requests, source):
    """Against a plain loop with mu + sigma z, one network call a branch."""
    bundle = dataclasses.replace(bundle, scheduler=SCHEDULERS["last sigma over 0"])
    latents, masks = latents_of(bundle, "diffedit", requests[0], SETTINGS, source)
    schedule = make_schedule(bundle.scheduler, SETTINGS.num_inference_steps, SETTINGS.skip_ratio)
    with open_session(bundle) as session:
        inversion = session.invert(schedule, [source], [""], [requests[0].seed])[0]
        table = session.texts([requests[0].prompt, ""]).embeddings
    m_edit, z, x = masks.edit[0].float(), inversion.noise(schedule), inversion.latents[0]
    for step, t in enumerate(schedule.timesteps):
        with torch.no_grad():
            cond, free = (bundle.unet(x[None], t, encoder_hidden_states=e[None]).sample[0] for e in table)
        x = schedule.mean(step, x, free + 5.0 * (cond - free)) + schedule.sigma[step] * z[step]
        x = m_edit * x + (1 - m_edit) * inversion.latents[step + 1]
    assert torch.allclose(latents, x, atol=1e-3, rtol=1e-4)


def _round_trip(bundle, scheduler, steps, source):
    """Worst error of DDIM inversion and unguided DDIM back, relative to the source."""
    schedule = make_schedule(scheduler, steps, 0.7)
    with open_session(bundle) as session:
        trajectory = ddim_invert(session.predictor, schedule, [source], session.texts([""]))[0]
        track = DdimTrack(schedule.deterministic(), trajectory[0], 0.0)
        prompts, empty = session.guidance(["drain"])
        back = denoise(session.predictor, [track], prompts, empty)[0]
    assert torch.equal(trajectory[-1], source)
    return float((back - source).abs().max() / source.abs().max())


@pytest.mark.parametrize("name", SCHEDULERS)
def test_ddim_inversion_returns_the_source_ever_closer_with_more_steps(bundle, name, source):
    errors = [_round_trip(bundle, SCHEDULERS[name], steps, source) for steps in (10, 40, 160)]
    assert errors[0] > 2 * errors[1] > 4 * errors[2]
    assert errors[2] < 0.02


def test_a_ddim_step_taken_backwards_is_undone(source):
    schedule = make_schedule(DDIMScheduler(), 8).deterministic()
    noise = torch.randn_like(source)
    for step in range(len(schedule)):
        there = schedule.ascend(step, source, noise)
        assert torch.allclose(schedule.mean(step, there, noise), source, atol=1e-4)


def test_the_seed_decides_where_noise_is_drawn(bundle, requests):
    for name in BASELINES:
        other = dataclasses.replace(requests[0], seed=99)
        changed = not np.array_equal(
            run(bundle, name, [requests[0]])[0].image, run(bundle, name, [other])[0].image
        )
        assert changed == (name != "lance")


@pytest.mark.parametrize("name", BASELINES)
def test_measures_of_all_regions_and_no_paste(bundle, requests, name):
    pasted = run(bundle, name, requests[1:2])[0]
    plain = run(bundle, name, requests[1:2], dataclasses.replace(SETTINGS, paste_back=False))[0]
    assert same(pasted, plain)
    assert pasted.measures["change_keep"] == pasted.measures["change_keep_before_paste"]
    assert set(pasted.measures) >= {"change_edit", "change_outside", "reconstruction_error"}


@pytest.mark.parametrize("name", BASELINES)
def test_a_start_point_close_to_the_source_leaves_it_close(bundle, requests, source, name):
    near, far = (
        latents_of(
            bundle,
            name,
            requests[0],
            dataclasses.replace(SETTINGS, skip_ratio=skip, guidance_scale=1.0),
            source,
        )[0]
        for skip in (0.999, 0.0)
    )
    assert torch.isfinite(far).all()
    assert (near - source).abs().mean() < 0.1 * max(float((far - source).abs().mean()), 0.1)
