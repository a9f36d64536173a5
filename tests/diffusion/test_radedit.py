"""Algorithm 3 by its properties, on a random network."""

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler

from radbench.diffusion.denoise import edit_latents
from radbench.diffusion.rows import Texts
from radbench.diffusion.schedule import make_schedule
from radbench.diffusion.session import latent_masks, open_session
from radbench.errors import UsageError

SCHEDULERS = {
    "last sigma 0": DDIMScheduler(set_alpha_to_one=True),
    "last sigma over 0": DDIMScheduler(set_alpha_to_one=False, steps_offset=1),
    "ddpm, trailing": DDPMScheduler(timestep_spacing="trailing"),
    "linspace": DDIMScheduler(timestep_spacing="linspace"),
}
NOTHING, EVERYWHERE = np.zeros((32, 32), bool), np.ones((32, 32), bool)
PROMPT = "Left pneumothorax."


def sources(count=2):
    torch.manual_seed(3)
    return list(torch.randn(count, 4, 8, 8))


def edit(
    bundle,
    schedule,
    *,
    edit_mask=NOTHING,
    keep_mask=None,
    scale=15.0,
    invert_prompt="",
    images=None,
    on_step=None,
):
    images = sources() if images is None else images
    with open_session(bundle) as session:
        count = len(images)
        inversions = session.invert(schedule, images, [invert_prompt] * count, list(range(count)))
        masks = latent_masks([edit_mask] * count, [keep_mask] * count, images[0], 0.5)
        return session.edit(schedule, inversions, masks, [PROMPT] * count, scale, on_step), inversions


def worst(latents, images=None):
    return float((latents - torch.stack(images or sources())).abs().max())


@pytest.mark.parametrize(
    ("name", "count", "share"),
    [*((name, 7, 0.0) for name in SCHEDULERS), ("last sigma 0", 33, 0.5), ("last sigma over 0", 50, 0.8)],
)
def test_identity_edits_return_the_source(bundle, name, count, share):
    schedule = make_schedule(SCHEDULERS[name], count, share)
    assert worst(edit(bundle, schedule, edit_mask=EVERYWHERE, scale=0.0)[0]) <= 1e-5
    assert worst(edit(bundle, schedule, edit_mask=NOTHING)[0]) <= 1e-5
    assert worst(edit(bundle, schedule, edit_mask=EVERYWHERE, keep_mask=EVERYWHERE)[0]) == 0


def test_identity_holds_for_the_worst_case_of_error_growth(bundle):
    """From pure noise, rounding errors grow by 1/sqrt(alpha_T), about 150: only equal bits survive that."""
    schedule = make_schedule(DDIMScheduler(timestep_spacing="trailing"), 30)
    assert worst(edit(bundle, schedule, edit_mask=NOTHING, images=sources(1))[0], sources(1)) <= 1e-5


def test_a_prompt_that_is_the_inversion_prompt_changes_nothing_at_guidance_one(bundle):
    schedule = make_schedule(DDIMScheduler(), 7)
    latents, _ = edit(bundle, schedule, edit_mask=EVERYWHERE, scale=1.0, invert_prompt=PROMPT)
    assert worst(latents) <= 1e-4


def test_the_keep_region_is_the_source_and_the_rest_is_free(bundle, edit_mask, keep_mask):
    schedule = make_schedule(DDIMScheduler(), 7)
    latents, _ = edit(bundle, schedule, edit_mask=edit_mask, keep_mask=keep_mask)
    masks = latent_masks([edit_mask], [keep_mask], latents[0], 0.5)
    change = (latents - torch.stack(sources())).abs().amax(dim=1)
    inside, kept = masks.edit[0, 0], masks.keep[0, 0]
    assert change[:, kept].max() == 0
    assert change[:, inside & ~kept].min() > 1e-4
    assert change[:, ~inside & ~kept].max() > 1e-4


@pytest.mark.parametrize("name", SCHEDULERS)
def test_the_keep_region_follows_the_inversion_of_the_same_step(bundle, name, keep_mask):
    """Pasting x_t instead of x_{t-1}, one step too noisy, would be seen at every step."""
    schedule = make_schedule(SCHEDULERS[name], 7)
    seen = []
    on_step = lambda step, timestep, latents: seen.append((step, timestep, latents.clone())) or latents  # noqa: E731
    _, inversions = edit(bundle, schedule, edit_mask=EVERYWHERE, keep_mask=keep_mask, on_step=on_step)
    kept = latent_masks([NOTHING], [keep_mask], sources()[0], 0.5).keep[0, 0]
    assert [(step, timestep) for step, timestep, _ in seen] == list(enumerate(schedule.timesteps))
    for step, _, latents in seen:
        for image, inversion in enumerate(inversions):
            assert torch.equal(latents[image][:, kept], inversion.latents[step + 1][:, kept])
            assert not torch.equal(latents[image][:, kept], inversion.latents[step][:, kept])


def test_it_is_algorithm_3_as_printed(bundle, edit_mask, keep_mask):
    """Against a plain loop with mu + sigma z, one network call a branch."""
    schedule = make_schedule(SCHEDULERS["last sigma over 0"], 9, 0.2)
    latents, inversions = edit(bundle, schedule, edit_mask=edit_mask, keep_mask=keep_mask, scale=3.0)
    inversion = inversions[0]
    z = inversion.noise(schedule)
    masks = latent_masks([edit_mask], [keep_mask], sources()[0], 0.5)
    m_edit, m_keep = masks.edit[0].float(), masks.keep[0].float()
    with open_session(bundle) as session:
        table = session.texts([PROMPT, ""]).embeddings
    x = inversion.latents[0]
    for step, t in enumerate(schedule.timesteps):
        with torch.no_grad():
            cond, free = (bundle.unet(x[None], t, encoder_hidden_states=e[None]).sample[0] for e in table)
        eps = free + 3.0 * (cond - free)
        eps = m_edit * eps + (1 - m_edit) * free
        x = schedule.mean(step, x, eps) + schedule.sigma[step] * z[step]
        x = m_keep * inversion.latents[step + 1] + (1 - m_keep) * x
    assert torch.allclose(latents[0], x, atol=1e-3, rtol=1e-4)


def test_batch_equals_one_by_one_to_the_bit(bundle, edit_mask, keep_mask):
    schedule = make_schedule(DDIMScheduler(), 7)
    images = sources(3)
    with open_session(bundle) as session:
        inversions = session.invert(schedule, images, [""] * 3, [7, 8, 9])
        masks = latent_masks([edit_mask] * 3, [keep_mask, None, keep_mask], images[0], 0.5)
        prompts = [PROMPT, "lung clear", PROMPT]
        together = session.edit(schedule, inversions, masks, prompts, 15.0)
        for i in range(3):
            one = latent_masks([edit_mask], [None if i == 1 else keep_mask], images[0], 0.5)
            assert torch.equal(
                session.edit(schedule, [inversions[i]], one, [prompts[i]], 15.0)[0], together[i]
            )


def test_the_inversion_prompt_matters(bundle):
    schedule = make_schedule(DDIMScheduler(), 7)
    assert worst(edit(bundle, schedule, edit_mask=NOTHING, invert_prompt=PROMPT)[0]) > 1e-3


def test_an_inversion_of_other_steps_is_refused(bundle):
    schedule, other = (make_schedule(DDIMScheduler(), count) for count in (7, 8))
    _, inversions = edit(bundle, schedule)
    masks = latent_masks([NOTHING] * 2, [None] * 2, sources()[0], 0.5)
    with pytest.raises(UsageError, match="invert again"):
        edit_latents(None, other, inversions, masks, Texts(torch.zeros(1, 1, 1), [0, 0]), 0, 1.0)


def test_an_inversion_of_another_network_is_refused(bundle):
    import dataclasses

    schedule = make_schedule(DDIMScheduler(), 3)
    _, inversions = edit(bundle, schedule)
    other = dataclasses.replace(bundle, digests={**bundle.digests, "unet": "0" * 64})
    with open_session(other) as session, pytest.raises(UsageError, match="U-Net of digest"):
        session.edit(
            schedule,
            inversions,
            latent_masks([NOTHING] * 2, [None] * 2, sources()[0], 0.5),
            [PROMPT] * 2,
            1.0,
        )


def test_parts_that_do_not_fit_are_one_sentence(bundle):
    import dataclasses

    class Config:
        latent_channels = 16

    class Vae:
        config = Config()

    with (
        pytest.raises(UsageError, match="4 latent channels but the autoencoder has 16"),
        open_session(dataclasses.replace(bundle, vae=Vae())),
    ):
        pass
