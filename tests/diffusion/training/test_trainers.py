"""Training of decoder and denoiser."""

import contextlib
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler

from radbench.diffusion.training.config import AutoencoderConfig, DenoiserConfig, FocusConfig, TextConfig
from radbench.diffusion.training.linear_vae import build_vae, fit_components
from radbench.diffusion.training.networks import build_text_encoder, build_tokenizer, build_unet, tokenize
from radbench.diffusion.training.trainers import (
    DenoiserTrainer,
    LatentPool,
    LaterPool,
    train_decoder,
    where_they_differ,
)


def run(folder: Path, steps: int, planned: int, losses: list[float]) -> torch.Tensor:
    rng = np.random.default_rng(0)
    images = np.kron(rng.integers(0, 256, (6, 4, 4)), np.ones((8, 8))).astype(np.uint8)
    components = fit_components(images, 4)
    torch.manual_seed(0)
    vae = build_vae(components, 32, (8, 16, 64))
    config = AutoencoderConfig(steps=planned, batch_size=2)

    class StopHereError(Exception): ...

    def progress(step: int, loss: float) -> None:
        losses.append(loss)
        if step == steps < planned:
            raise StopHereError

    with contextlib.suppress(StopHereError):
        train_decoder(
            vae, components, images, config, folder / "d.safetensors", torch.device("cpu"), progress, 2
        )
    return torch.cat([p.detach().flatten() for p in vae.decoder.parameters()])


def test_decoder_learns_and_resumes(tmp_path: Path) -> None:
    losses: list[float] = []
    whole = run(tmp_path / "a", 30, 30, losses)
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])
    run(tmp_path / "b", 15, 30, [])
    again: list[float] = []
    resumed = run(tmp_path / "b", 30, 30, again)
    assert len(again) == 16
    assert torch.equal(whole, resumed)


TEXT = TextConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, max_length=6)
TEXTS = ["", "left", "right"]


def config(steps: int, **changes: object) -> DenoiserConfig:
    small = {
        "block_out_channels": (8, 16),
        "attention_levels": (False, True),
        "attention_head_dim": 8,
        "norm_num_groups": 4,
        "batch_size": 4,
        "warmup_steps": 2,
        "cooldown_steps": 3,
        "learning_rate": 2e-3,
    }
    return DenoiserConfig.model_validate({**small, "steps": steps, **changes})


def trainer(folder: Path, settings: DenoiserConfig) -> DenoiserTrainer:
    tokenizer = build_tokenizer(TEXTS, TEXT.max_length, folder / "tokenizer")
    tokens, attention = tokenize(tokenizer, TEXTS)
    rng = np.random.default_rng(0)
    latents = rng.normal(0, 0.1, (6, 2, 2, 8, 8)).astype(np.float16)
    latents[:, 0, :, :, :4] += 1
    latents[:, 1, :, :, 4:] += 1
    pool = LatentPool(latents, torch.tensor([[1, 2]] * 6), tokens, attention)
    unet = build_unet(settings, TEXT, channels=2, sample_size=8)
    encoder = build_text_encoder(len(tokenizer), TEXT, seed=0)
    scheduler = DDPMScheduler(beta_schedule="linear")
    return DenoiserTrainer(
        unet, encoder, scheduler, pool, settings, folder / "state.safetensors", torch.device("cpu")
    )


def weights(of: DenoiserTrainer) -> torch.Tensor:
    modules = [*of.modules.values(), *of.averages.values()]
    return torch.cat([p.detach().flatten() for module in modules for p in module.parameters()])


def test_loss_falls(tmp_path: Path) -> None:
    losses: list[float] = []
    trainer(tmp_path, config(80)).run(1000, lambda _, loss: losses.append(loss))
    assert np.mean(losses[-20:]) < 0.6 * np.mean(losses[:5])


def test_an_interrupted_run_ends_with_the_same_weights(tmp_path: Path) -> None:
    settings = config(10)
    whole = trainer(tmp_path / "whole", settings)
    whole.run(1000, lambda *_: None)

    class StopHereError(Exception): ...

    def stop(step: int, _: float) -> None:
        if step == 7:
            raise StopHereError

    with pytest.raises(StopHereError):
        trainer(tmp_path / "parts", settings).run(3, stop)
    resumed, steps = trainer(tmp_path / "parts", settings), []
    resumed.run(3, lambda step, _: steps.append(step))
    assert steps == [7, 8, 9, 10]
    assert torch.equal(weights(whole), weights(resumed))


def test_pairs_share_noise_and_dropout_empties_the_prompt(tmp_path: Path) -> None:
    run = trainer(tmp_path, config(1, conditioning_dropout=1.0))
    seen: list[torch.Tensor] = []
    encode = run._encode
    run._encode = lambda texts: (seen.append(texts), encode(texts))[1]  # type: ignore[method-assign]
    run.loss(0)
    assert int(seen[0].abs().sum()) == 0


def test_learning_rate_warms_up_stays_and_cools_down(tmp_path: Path) -> None:
    run = trainer(tmp_path, config(20))
    rates = [run._learning_rate(step) for step in range(20)]
    assert rates[0] < rates[1] == pytest.approx(2e-3)
    assert rates[5] == rates[15] == pytest.approx(2e-3)
    assert rates[17] == pytest.approx(2e-3) and rates[19] == pytest.approx(2e-3 / 3)


def test_the_later_pool_takes_over_at_its_step(tmp_path: Path) -> None:
    first = trainer(tmp_path, config(4))
    other = LatentPool(-first.pool.latents, first.pool.texts, first.pool.tokens, first.pool.attention)
    both = DenoiserTrainer(
        first.modules["unet"],  # type: ignore[arg-type]
        first.modules["text_encoder"],  # type: ignore[arg-type]
        DDPMScheduler(beta_schedule="linear"),
        first.pool,
        config(4),
        tmp_path / "both.safetensors",
        torch.device("cpu"),
        [LaterPool(2, other)],
    )
    with torch.no_grad():
        assert both.loss(1) == first.loss(1)
        assert both.loss(2) != first.loss(2)
        assert both.loss(1) == first.loss(1), "a step's batch depends on the step alone"


def test_emphasis_weighs_what_differs_between_the_two_renderings() -> None:
    renderings = torch.zeros(2, 2, 3, 4, 4)
    renderings[0, 1, :, 1, 2] = 4.0
    renderings[0, 1, :, 3, 3] = 1.0
    places = where_they_differ(renderings, 8.0) * 1.8
    assert places.shape == (2, 1, 4, 4)
    assert places[0, 0, 1, 2].item() == pytest.approx(9, abs=0.01)
    assert places[0, 0, 3, 3].item() == pytest.approx(5, abs=0.01), "by the square root of the difference"
    assert (places[1] == 1).all(), "two equal renderings weigh alike everywhere"
    assert torch.equal(where_they_differ(renderings, 0.0), torch.ones(2, 1, 4, 4))


def test_the_last_phase_that_has_begun_holds(tmp_path: Path) -> None:
    phases = [FocusConfig(from_step=5, emphasis=2.0), FocusConfig(from_step=2, max_timestep=100)]
    run = trainer(tmp_path, config(10, focus=phases, conditioning_dropout=0.1))
    assert run._phase(1).share == 0.0 and run._phase(1).conditioning_dropout == 0.1
    assert [run._phase(step).max_timestep for step in (2, 4, 5, 9)] == [100, 100, 450, 450]
    assert run._phase(9).emphasis == 2.0


def test_a_pool_for_low_noise_only_leaves_the_other_timesteps_to_the_usual_one(tmp_path: Path) -> None:
    run = trainer(tmp_path, config(4))
    usual = run.pool
    other = LatentPool(usual.latents + 100, usual.texts, usual.tokens, usual.attention)
    run._pools.append(LaterPool(2, other, low_noise_only=True))

    def means(step: int) -> list[bool]:
        latents, texts = run._patients(step, [True, False, True], torch.Generator().manual_seed(0))
        assert len(texts) == 6
        return [bool(patient.mean() > 50) for patient in latents]

    assert means(1) == [False, False, False]
    assert means(2) == [True, False, True]


def test_debiased_weights_count_noisy_timesteps(tmp_path: Path) -> None:
    debiased, snr = (trainer(tmp_path, config(1, loss_weighting=name)) for name in ("debiased", "min_snr"))
    alphas = torch.tensor([0.99, 0.5, 0.01])
    ratio = alphas / (1 - alphas)
    assert torch.allclose(debiased._weight(alphas), ratio**-0.5)
    assert torch.allclose(snr._weight(alphas), torch.tensor([5 / 99, 1.0, 1.0]))


def test_bfloat16_passes_leave_weights_in_float32(tmp_path: Path) -> None:
    low = trainer(tmp_path, config(3, precision="bfloat16"))
    low.run(1000, lambda step, loss: None)
    assert {p.dtype for p in low.modules["unet"].parameters()} == {torch.float32}
    assert torch.isfinite(weights(low)).all()
