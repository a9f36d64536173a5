"""Timesteps of an edit and the arithmetic of one reverse step (equation 4).

The next timestep is the scheduler's real next one, never ``t - T // N``: step counts need not divide the
number of training steps. Coefficients are computed in float64 from the scheduler's cumulative alphas and
applied in float32.
"""

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from radbench.errors import UsageError

_PREDICTIONS = ("epsilon", "v_prediction")


@dataclass(frozen=True)
class Schedule:
    """The steps of one edit, from the start point down to the image.

    Attributes:
        timesteps: training timesteps of the S steps, strictly descending.
        alpha: cumulative alpha at each of them, [S].
        alpha_next: cumulative alpha where each step ends, [S]: that of the next timestep, and for the last
            step the scheduler's final one (1, or the alpha of timestep 0).
        sigma: standard deviation of the noise of each step for eta = 1, the DDPM, [S]; 0 at the last step of
            schedulers whose final alpha is 1.
        num_inference_steps: N, of which the first ``N - S`` are skipped.
        prediction_type: what the network predicts, ``epsilon`` or ``v_prediction``.
    """

    timesteps: tuple[int, ...]
    alpha: tuple[float, ...]
    alpha_next: tuple[float, ...]
    sigma: tuple[float, ...]
    num_inference_steps: int
    prediction_type: str = "epsilon"

    def __len__(self) -> int:
        return len(self.timesteps)

    def diffuse(self, step: int, latent: Tensor, noise: Tensor) -> Tensor:
        """Return x_t of equation 2 for the step's timestep: ``sqrt(a) x_0 + sqrt(1 - a) noise``."""
        alpha = self.alpha[step]
        return math.sqrt(alpha) * latent + math.sqrt(1 - alpha) * noise

    def mean(self, step: int, latents: Tensor, noise: Tensor) -> Tensor:
        """Return the mean of x_{t-1} given x_t and the predicted noise (equation 4).

        Args:
            step: index into ``timesteps``.
            latents: x_t, float32 [..., C, h, w].
            noise: predicted noise, same shape.
        """
        alpha, following, sigma = self.alpha[step], self.alpha_next[step], self.sigma[step]
        to_image = math.sqrt(following / alpha)
        direction = math.sqrt(max(1 - following - sigma**2, 0.0))
        return to_image * latents + (direction - to_image * math.sqrt(1 - alpha)) * noise

    def deterministic(self) -> "Schedule":
        """Return the same steps with sigma 0: the DDIM of equation 4."""
        return replace(self, sigma=(0.0,) * len(self))

    def ascend(self, step: int, latents: Tensor, noise: Tensor) -> Tensor:
        """Return x_t given x_{t-1} and the predicted noise: a deterministic step (``mean``) taken backwards.

        Args:
            step: index into ``timesteps`` of the step that leads from x_t to x_{t-1}.
            latents: x_{t-1}, float32 [..., C, h, w].
            noise: predicted noise, same shape.
        """
        alpha, following = self.alpha[step], self.alpha_next[step]
        to_noisy = math.sqrt(alpha / following)
        return to_noisy * latents + (math.sqrt(1 - alpha) - to_noisy * math.sqrt(1 - following)) * noise

    def to_noise(self, step: int, latents: Tensor, output: Tensor) -> Tensor:
        """Return the noise that a network's output stands for, given x_t."""
        if self.prediction_type == "epsilon":
            return output
        alpha = self.alpha[step]
        return math.sqrt(alpha) * output + math.sqrt(1 - alpha) * latents


def make_schedule(scheduler: Any, num_inference_steps: int, skip_ratio: float = 0.0) -> Schedule:
    """Return the steps that ``scheduler`` takes, without its noisiest ones; it is left as it is.

    Args:
        scheduler: a diffusers scheduler of the DDPM or DDIM family, with any spacing and offset.
        num_inference_steps: N, 1 to the number of training steps.
        skip_ratio: share of the noisiest steps that are skipped, 0 <= skip_ratio < 1: the edit starts at step
            ``floor(skip_ratio * N)``.

    Raises:
        UsageError: a step count or share out of range, or a scheduler whose steps cannot be inverted.
    """
    _check(scheduler, num_inference_steps, skip_ratio)
    timesteps = _timesteps(scheduler, num_inference_steps)
    start = min(math.floor(skip_ratio * num_inference_steps + 1e-9), num_inference_steps - 1)
    kept = timesteps[start:]
    cumulative = scheduler.alphas_cumprod.to(dtype=torch.float64, device="cpu")
    alpha = tuple(float(cumulative[t]) for t in kept)
    final = float(getattr(scheduler, "final_alpha_cumprod", 1.0))
    alpha_next = (*alpha[1:], final)
    if min(alpha) <= 0:
        raise UsageError(
            f"The scheduler's signal is zero at timestep {kept[0]}: noise cannot be predicted there; "
            "raise skip_ratio or use a schedule without zero terminal signal-to-noise ratio."
        )
    sigma = tuple(_ddpm_sigma(now, after) for now, after in zip(alpha, alpha_next, strict=True))
    kind = str(scheduler.config.prediction_type)
    return Schedule(tuple(kept), alpha, alpha_next, sigma, num_inference_steps, kind)


def _ddpm_sigma(alpha: float, alpha_next: float) -> float:
    """Return sigma_t of the DDPM choice below equation 4; rounding never makes it NaN."""
    if alpha_next >= 1 or alpha >= alpha_next:
        return 0.0
    return math.sqrt((1 - alpha_next) / (1 - alpha)) * math.sqrt(1 - alpha / alpha_next)


def _check(scheduler: Any, num_inference_steps: int, skip_ratio: float) -> None:
    if not hasattr(scheduler, "alphas_cumprod") or not hasattr(scheduler, "set_timesteps"):
        raise UsageError(
            f"The scheduler {type(scheduler).__name__} has no cumulative alphas; use DDIMScheduler."
        )
    if scheduler.config.prediction_type not in _PREDICTIONS:
        found = scheduler.config.prediction_type
        raise UsageError(f"The scheduler predicts {found!r}; expected one of {', '.join(_PREDICTIONS)}.")
    limit = int(scheduler.config.num_train_timesteps)
    if not 1 <= num_inference_steps <= limit:
        raise UsageError(f"num_inference_steps is {num_inference_steps}; expected 1 to {limit}.")
    if not 0 <= skip_ratio < 1:
        raise UsageError(f"skip_ratio is {skip_ratio}; expected at least 0 and less than 1.")


def _timesteps(scheduler: Any, count: int) -> list[int]:
    """Return the N descending timesteps of a fresh copy of the scheduler.

    A fractional spacing may let ``numpy.arange`` add a value of zero less one at the end: it is dropped.
    """
    copy = type(scheduler).from_config(scheduler.config)
    copy.set_timesteps(count)
    raw = [int(t) for t in copy.timesteps]
    timesteps = [t for t in raw if t >= 0][:count]
    limit = int(scheduler.config.num_train_timesteps)
    descending = all(a > b for a, b in pairwise(timesteps))
    if len(timesteps) != count or not descending or timesteps[0] >= limit:
        raise UsageError(
            f"The scheduler's spacing '{scheduler.config.timestep_spacing}' gives no {count} distinct "
            f"timesteps below {limit}; use fewer steps or another spacing or steps_offset."
        )
    return timesteps
