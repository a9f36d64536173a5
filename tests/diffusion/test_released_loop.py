"""What the released pipeline does and ours does not: noise left in the keep region, NaN, black images."""

import copy

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, DDIMScheduler
from released_loop import released_decode, released_edit, released_inversion

from radbench.diffusion.encoding import decode
from radbench.diffusion.pipeline import RadEditPipeline
from radbench.diffusion.schedule import make_schedule
from radbench.diffusion.session import latent_masks, open_session

COUNT, SCALE, PROMPT = 10, 3.0, "Left pneumothorax."
LAST_SIGMA_OVER_0 = DDIMScheduler(clip_sample=False, set_alpha_to_one=False, steps_offset=1)
AS_USERS_BUILD_IT = DDIMScheduler(
    beta_schedule="linear",
    clip_sample=False,
    prediction_type="epsilon",
    timestep_spacing="trailing",
    steps_offset=1,
)


class Edited:
    """One edit by our session, and what the released loop needs to make it again from the same noisy latents."""

    def __init__(self, bundle, scheduler, edit_mask, keep_mask):
        torch.manual_seed(3)
        self.source = torch.randn(4, 8, 8)
        self.schedule = make_schedule(scheduler, COUNT)
        with open_session(bundle) as session:
            self.inversion = session.invert(self.schedule, [self.source], [""], [5])[0]
            self.masks = latent_masks([edit_mask], [keep_mask], self.source, 0.5)
            self.ours = session.edit(self.schedule, [self.inversion], self.masks, [PROMPT], SCALE)[0]
            self.table = session.texts([PROMPT, ""]).embeddings
        self.unet, self.scheduler = bundle.unet, copy.deepcopy(scheduler)
        self.scheduler.set_timesteps(COUNT)
        self.kept = self.masks.keep[0, 0]

    def released(self, *, zero_last=False, keep_next=False):
        """x_0 of the released loop, and the latents of its inversion."""
        noisy, empty = self.inversion.latents, self.table[1]
        latents, zs = released_inversion(self.unet, self.scheduler, noisy, empty, zero_last=zero_last)
        masks = self.masks.edit[0].float(), self.masks.keep[0].float()
        found = released_edit(
            self.unet, self.scheduler, latents, zs, self.table, *masks, SCALE, keep_next=keep_next
        )
        return found, latents


def test_the_keep_region_is_the_source_and_not_one_step_too_noisy(bundle, edit_mask, keep_mask):
    edited = Edited(bundle, LAST_SIGMA_OVER_0, edit_mask, keep_mask)
    theirs, latents = edited.released()
    assert torch.equal(theirs[:, edited.kept], latents[-2][:, edited.kept])
    left = (theirs - edited.source)[:, edited.kept].std()
    assert float(left) == pytest.approx((1 - edited.schedule.alpha[-1]) ** 0.5, rel=0.3)
    assert torch.equal(edited.ours[:, edited.kept], edited.source[:, edited.kept])
    mended, _ = edited.released(keep_next=True)
    assert torch.allclose(mended, edited.ours, atol=1e-3, rtol=1e-4), "nothing else sets the two apart"
    assert not torch.allclose(theirs, edited.ours, atol=1e-3, rtol=1e-4)


def test_a_last_step_without_noise_is_finite_and_not_nan(bundle, edit_mask, keep_mask):
    edited = Edited(bundle, AS_USERS_BUILD_IT, edit_mask, keep_mask)
    assert edited.schedule.sigma[-1] == 0
    theirs, latents = edited.released()
    assert latents[-1].isnan().all(), "0 times what was divided by 0"
    assert theirs[:, ~edited.kept].isnan().all()
    assert edited.ours.isfinite().all()
    assert torch.equal(edited.ours[:, edited.kept], edited.source[:, edited.kept])


def test_a_last_z_set_to_zero_leaves_nan_in_the_inversion_where_ours_has_the_source(
    bundle, edit_mask, keep_mask
):
    """The NaN is then seen only by who keeps x_{t-1}; keeping x_t hides it behind noise."""
    edited = Edited(bundle, AS_USERS_BUILD_IT, edit_mask, keep_mask)
    theirs, latents = edited.released(zero_last=True)
    assert theirs.isfinite().all()
    assert latents[-1].isnan().all()
    mended, _ = edited.released(zero_last=True, keep_next=True)
    assert mended[:, edited.kept].isnan().all()
    assert torch.equal(edited.inversion.source, edited.source)
    assert edited.inversion.noise(edited.schedule).isfinite().all()


@pytest.fixture(scope="module")
def wide_vae():
    """Random weights whose activations pass 65504, the largest number of half precision, before a norm."""
    torch.manual_seed(0)
    vae = AutoencoderKL(
        in_channels=1,
        out_channels=1,
        latent_channels=4,
        layers_per_block=1,
        block_out_channels=(16, 16),
        norm_num_groups=4,
        sample_size=32,
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
    ).eval()
    with torch.no_grad():
        vae.decoder.conv_in.weight *= 2e5
    vae.requires_grad_(False)
    assert float(vae.decoder.conv_in.weight.abs().max()) < torch.finfo(torch.float16).max
    return vae


def test_a_half_precision_autoencoder_gives_a_picture_and_not_a_black_one(
    parts, wide_vae, images, edit_mask, keep_mask
):
    halved = copy.deepcopy(wide_vae).half()
    torch.manual_seed(1)
    latent = torch.randn(4, 16, 16)
    assert not released_decode(halved, latent).any(), "NaN becomes 0"
    assert released_decode(wide_vae, latent).any()
    pipeline = RadEditPipeline(**{**parts, "vae": halved})
    pipeline.set_progress_bar_config(disable=True)
    arguments = {"num_inference_steps": 3, "output_type": "np"}
    seeded = lambda: torch.Generator().manual_seed(0)  # noqa: E731
    found = pipeline(
        PROMPT, images[0], edit_mask, keep_mask, generator=seeded(), paste_back=False, **arguments
    )
    assert np.isfinite(found.images).all()
    assert found.images.std() > 0.01
    assert pipeline.vae.dtype == torch.float32
    exact = decode(wide_vae, latent)
    assert float((decode(pipeline.vae, latent) - exact).abs().max()) < 0.02
