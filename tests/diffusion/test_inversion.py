import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler

from radbench.diffusion.inversion import Inversion, draw_latents, invert, invert_sequential
from radbench.diffusion.rows import NoisePredictor, Texts, lanes
from radbench.diffusion.schedule import make_schedule
from radbench.errors import UsageError

CPU = torch.device("cpu")
SCHEDULERS = {
    "last sigma 0": DDIMScheduler(set_alpha_to_one=True),
    "last sigma over 0": DDIMScheduler(set_alpha_to_one=False, steps_offset=1),
    "ddpm, trailing": DDPMScheduler(timestep_spacing="trailing"),
}


def inputs(count=3, seed=0):
    torch.manual_seed(seed)
    return (
        torch.randn(count, 4, 8, 8),
        torch.randn(2, 16, 16),
        [i % 2 for i in range(count)],
        list(range(count)),
    )


def batched(bundle, schedule, sources, table, index, seeds, rows=None):
    with lanes(CPU) as running:
        predictor = NoisePredictor(bundle.unet, running, rows)
        prompts = ["p"] * len(sources)
        return invert(predictor, schedule, list(sources), Texts(table, index), prompts=prompts, seeds=seeds)


@pytest.mark.parametrize("name", SCHEDULERS)
@pytest.mark.parametrize(("count", "share"), [(7, 0.0), (33, 0.6)])
def test_batched_equals_the_sequential_loop_of_algorithm_1(bundle, name, count, share):
    schedule = make_schedule(SCHEDULERS[name], count, share)
    sources, table, index, seeds = inputs()
    found = batched(bundle, schedule, sources, table, index, seeds)
    latents, residuals = invert_sequential(bundle.unet, schedule, sources, table[index], seeds)
    for image, inversion in enumerate(found):
        assert torch.isfinite(inversion.means).all()
        assert torch.allclose(inversion.latents, latents[image], atol=1e-5)
        assert torch.allclose(inversion.residuals, residuals[image], atol=1e-5)


def test_batch_equals_one_by_one_to_the_bit(bundle):
    schedule = make_schedule(DDIMScheduler(), 7)
    sources, table, index, seeds = inputs()
    together = batched(bundle, schedule, sources, table, index, seeds)
    for image in range(len(sources)):
        alone = batched(bundle, schedule, sources[[image]], table, [index[image]], [seeds[image]])[0]
        assert torch.equal(alone.latents, together[image].latents)
        assert torch.equal(alone.means, together[image].means)


def test_noise_is_drawn_independently_at_each_timestep():
    schedule = make_schedule(DDIMScheduler(), 20)
    source = torch.zeros(4, 32, 32)
    latents = draw_latents(source, schedule, 3)[:-1].flatten(1)
    correlations = np.corrcoef(latents.numpy()) - np.eye(20)
    assert np.abs(correlations).max() < 0.1
    for step, alpha in enumerate(schedule.alpha):
        assert float(latents[step].std()) == pytest.approx((1 - alpha) ** 0.5, rel=0.05)


def test_drawing_leaves_torchs_own_generator_alone_and_needs_only_the_seed():
    schedule, shorter = (make_schedule(DDIMScheduler(), 10, share) for share in (0.0, 0.5))
    source = torch.ones(4, 8, 8)
    torch.manual_seed(5)
    state = torch.get_rng_state()
    first = draw_latents(source, schedule, 2**63 - 1)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first, draw_latents(source, schedule, 2**63 - 1))
    assert torch.equal(first[5:], draw_latents(source, shorter, 2**63 - 1))
    assert torch.equal(first[-1], source)


def test_z_is_what_algorithm_1_divides_out_and_zero_where_sigma_is(bundle):
    schedule = make_schedule(DDIMScheduler(), 5)
    inversion = batched(bundle, schedule, *inputs(1))[0]
    z = inversion.noise(schedule)
    assert torch.isfinite(z).all()
    assert torch.equal(z[-1], torch.zeros_like(z[-1]))
    assert torch.allclose(z[0] * schedule.sigma[0], inversion.residuals[0], atol=1e-5)


def test_peak_rows_follow_the_setting_not_the_steps(bundle):
    seen = set()
    forward = bundle.unet.forward

    class Spy:
        dtype = torch.float32

        def __call__(self, latents, *args, **kwargs):
            seen.add(len(latents))
            return forward(latents, *args, **kwargs)

    schedule = make_schedule(DDIMScheduler(), 12)
    sources, table, index, seeds = inputs()
    with lanes(CPU) as running:
        predictor = NoisePredictor(Spy(), running, rows=8)
        invert(predictor, schedule, list(sources), Texts(table, index), prompts=[""] * 3, seeds=seeds)
    assert seen == {8}


def test_save_and_load(bundle, tmp_path):
    schedule = make_schedule(DDIMScheduler(), 5)
    inversion = batched(bundle, schedule, *inputs(1))[0]
    inversion.save(tmp_path / "a" / "inversion.safetensors")
    again = Inversion.load(tmp_path / "a" / "inversion.safetensors")
    assert torch.equal(again.latents, inversion.latents)
    assert torch.equal(again.means, inversion.means)
    assert (again.timesteps, again.prompt, again.seed) == (schedule.timesteps, "p", 0)
    assert again.settings == inversion.settings


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x02\x00\x00\x00\x00\x00\x00\x00{}"])
def test_a_damaged_inversion_is_one_sentence(tmp_path, content):
    (tmp_path / "bad.safetensors").write_bytes(content)
    with pytest.raises(UsageError, match=r"bad\.safetensors"):
        Inversion.load(tmp_path / "bad.safetensors")


def test_a_missing_inversion_is_one_sentence(tmp_path):
    with pytest.raises(UsageError, match="nothing"):
        Inversion.load(tmp_path / "nothing.safetensors")
