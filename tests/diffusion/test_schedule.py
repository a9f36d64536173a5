import math

import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler, EulerDiscreteScheduler
from hypothesis import given, settings
from hypothesis import strategies as st

from radbench.diffusion.schedule import make_schedule
from radbench.errors import UsageError

SPACINGS = ("leading", "trailing", "linspace")
CLASSES = (DDIMScheduler, DDPMScheduler)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(CLASSES), st.sampled_from(SPACINGS), st.integers(0, 1), st.integers(1, 400))
def test_every_step_count_gives_that_many_descending_timesteps(cls, spacing, offset, count):
    schedule = make_schedule(cls(timestep_spacing=spacing, steps_offset=offset), count)
    assert len(schedule) == count
    assert all(a > b >= 0 for a, b in zip(schedule.timesteps, schedule.timesteps[1:], strict=False))
    assert all(math.isfinite(s) and s >= 0 for s in schedule.sigma)


def test_the_next_timestep_is_the_schedulers_own():
    scheduler = DDIMScheduler(timestep_spacing="trailing")
    schedule = make_schedule(scheduler, 7)
    scheduler.set_timesteps(7)
    assert list(schedule.timesteps) == scheduler.timesteps.tolist()[:7]
    cumulative = scheduler.alphas_cumprod.double()
    for alpha_next, timestep in zip(schedule.alpha_next, schedule.timesteps[1:], strict=False):
        assert alpha_next == float(cumulative[timestep])
    assert schedule.alpha_next[-1] == 1


def test_final_alpha_and_last_sigma():
    one = make_schedule(DDIMScheduler(set_alpha_to_one=True, steps_offset=1), 10)
    first = make_schedule(DDIMScheduler(set_alpha_to_one=False, steps_offset=1), 10)
    assert one.sigma[-1] == 0
    assert first.sigma[-1] > 0
    assert first.alpha_next[-1] == pytest.approx(1 - 1e-4)


def test_a_step_is_the_ddpm_step_of_diffusers():
    """Against ``DDIMScheduler.step`` with eta 1, where N divides T and both agree on the next timestep."""
    scheduler = DDIMScheduler(clip_sample=False)
    scheduler.set_timesteps(10)
    schedule = make_schedule(scheduler, 10)
    torch.manual_seed(0)
    latents, noise, z = torch.randn(3, 2, 4, 8, 8)
    for step, timestep in enumerate(schedule.timesteps):
        theirs = scheduler.step(noise, timestep, latents, eta=1.0, variance_noise=z).prev_sample
        ours = schedule.mean(step, latents, noise) + schedule.sigma[step] * z
        assert torch.allclose(ours, theirs, atol=2e-5)


def test_v_prediction_is_turned_into_noise():
    schedule = make_schedule(DDIMScheduler(prediction_type="v_prediction"), 5)
    torch.manual_seed(0)
    source, noise = torch.randn(2, 4, 8, 8)
    alpha = schedule.alpha[2]
    velocity = math.sqrt(alpha) * noise - math.sqrt(1 - alpha) * source
    assert torch.allclose(
        schedule.to_noise(2, schedule.diffuse(2, source, noise), velocity), noise, atol=1e-5
    )


@pytest.mark.parametrize(
    ("count", "share", "left"), [(30, 0.2, 24), (100, 0.29, 71), (7, 0.5, 4), (10, 0.0, 10)]
)
def test_skip_ratio_drops_the_noisiest_steps(count, share, left):
    whole, part = (make_schedule(DDIMScheduler(), count, ratio) for ratio in (0.0, share))
    assert len(part) == left
    assert part.timesteps == whole.timesteps[count - left :]
    assert part.sigma == whole.sigma[count - left :]


def test_the_scheduler_is_left_as_it_was():
    scheduler = DDIMScheduler()
    scheduler.set_timesteps(3)
    make_schedule(scheduler, 11)
    assert scheduler.num_inference_steps == 3


@pytest.mark.parametrize(
    ("scheduler", "count", "share", "word"),
    [
        (DDIMScheduler(), 0, 0.0, "num_inference_steps is 0"),
        (DDIMScheduler(), 1001, 0.0, "1 to 1000"),
        (DDIMScheduler(), 10, 1.0, "skip_ratio is 1.0"),
        (DDIMScheduler(steps_offset=1), 1000, 0.0, "distinct timesteps"),
        (DDIMScheduler(prediction_type="sample"), 10, 0.0, "predicts 'sample'"),
        (DDIMScheduler(rescale_betas_zero_snr=True, timestep_spacing="trailing"), 10, 0.0, "signal is zero"),
    ],
)
def test_bad_input_is_one_sentence(scheduler, count, share, word):
    with pytest.raises(UsageError, match=word):
        make_schedule(scheduler, count, share)


def test_zero_terminal_snr_works_below_its_first_step():
    scheduler = DDIMScheduler(rescale_betas_zero_snr=True, timestep_spacing="trailing")
    assert len(make_schedule(scheduler, 10, 0.1)) == 9


def test_a_scheduler_without_integer_steps_is_refused():
    with pytest.raises(UsageError):
        make_schedule(EulerDiscreteScheduler(timestep_spacing="linspace", prediction_type="sample"), 10)
