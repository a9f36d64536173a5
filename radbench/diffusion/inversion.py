"""DDPM inversion (Algorithm 1), batched over timesteps and images, and DDIM inversion.

The noisy latents x_t are drawn independently of each other, so all noise predictions are independent too and
go through the network in full micro-batches instead of one timestep after the other.

Where sigma_t is 0 (the last step of most schedulers) the algorithm's z_t = (x_{t-1} - mu_t) / sigma_t is
undefined. What an edit needs is only sigma_t z_t, the residual x_{t-1} - mu_t, which always exists. The means
mu_t are what is stored: an edit adds ``mu(x_t, eps_t) - mu_t`` to x_{t-1}, which is the algorithm's
``mu(x_t, eps_t) + sigma_t z_t`` in an order of operations that returns x_{t-1} to the bit when nothing was
edited.

Published code for DDPM inversion sets z_t to zero there and so adds nothing. Both were measured inside the edit mask
against the phantom's rendered truth (``radbench bench last-step``: the shipped shifts at their own settings, 24 test
patients each). Mean absolute error, share of white, residual added / nothing added:

* with the embedded bundle's own steps, which end at timestep 0: manifestation 0.02225 / 0.02218, acquisition 0.02248 /
  0.02247, population 0.03484 / 0.03482 (oedema) to 0.06113 / 0.06109 (pacemaker): at most 0.02 of a grey level;
* with trailing steps, which end at timestep 19 or 39: manifestation 0.02211 / 0.02201 (apart by 0.00009, standard error
  0.00013), acquisition 0.02222 / 0.02271, population 0.03203 / 0.03304 (oedema) to 0.06173 / 0.06188 (pacemaker).

So the residual stays: where the last step counts it is nearer to the truth in five of six scenarios (in three by more
than two standard errors) and no different in the sixth, and an edit whose noise is the inversion's keeps returning the
source inside the mask. Its price: of a removed pneumothorax, with trailing steps, 0.225 instead of 0.215 of the
difference from the truth is left. DiffEdit shares the inversion and does the same; LANCE (DDIM), SDEdit and inpainting
have no residual.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from radbench.diffusion.rows import NoisePredictor, Texts
from radbench.diffusion.schedule import Schedule
from radbench.errors import UsageError
from radbench.runtime import atomic_write, canonical_json

FORMAT = "radbench-inversion-1"


@dataclass(frozen=True)
class Inversion:
    """The inversion of one image, which any number of edits of that image reuse.

    Attributes:
        latents: x_t from the start point down, float32 [S + 1, C, h, w]; the last one is the source latent
            x_0.
        means: mu_t(x_t, eps_t) of every step, float32 [S, C, h, w].
        timesteps: training timestep of every step, descending, [S].
        prompt: the inversion prompt.
        seed: seed of the noise.
        settings: how it was made (steps, scheduler's sigma, bundle), plain JSON values.
    """

    latents: Tensor
    means: Tensor
    timesteps: tuple[int, ...]
    prompt: str
    seed: int
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def source(self) -> Tensor:
        """The source latent x_0, float32 [C, h, w]."""
        return self.latents[-1]

    @property
    def residuals(self) -> Tensor:
        """sigma_t z_t = x_{t-1} - mu_t of every step, float32 [S, C, h, w]; defined for sigma 0 too."""
        return self.latents[1:] - self.means

    def noise(self, schedule: Schedule) -> Tensor:
        """z_t of Algorithm 1, float32 [S, C, h, w]; zero at steps whose sigma is 0, where it is undefined."""
        rows = zip(self.residuals, schedule.sigma, strict=True)
        return torch.stack([row / sigma if sigma > 0 else torch.zeros_like(row) for row, sigma in rows])

    def step(self, schedule: Schedule, step: int, latents: Tensor, noise: Tensor) -> Tensor:
        """Return x_{t-1} = mu(x_t, eps_t) + sigma_t z_t of an edit (equation 3); no noise, no change.

        Args:
            schedule: the inversion's steps.
            step: index into them.
            latents: x_t of the edit, float32 [C, h, w].
            noise: eps_t of the edit, same shape.
        """
        return self.latents[step + 1] + (schedule.mean(step, latents, noise) - self.means[step])

    def from_start(self, schedule: Schedule) -> "Inversion":
        """Return the inversion from a later start point, the same to the bit as if it had been made there.

        Raises:
            UsageError: the inversion was made for other steps or starts later than the schedule.
        """
        offset = len(self.timesteps) - len(schedule)
        if offset < 0 or self.timesteps[offset:] != schedule.timesteps:
            raise UsageError(
                f"The inversion has {len(self.timesteps)} steps from timestep {self.timesteps[0]}, "
                f"the edit {len(schedule)} from {schedule.timesteps[0]}; invert again with the edit's "
                "num_inference_steps, skip_ratio and scheduler."
            )
        if offset == 0:
            return self
        record = dict(self.settings)
        if "sigma" in record:
            record["sigma"] = record["sigma"][offset:]
        return replace(
            self,
            latents=self.latents[offset:],
            means=self.means[offset:],
            timesteps=schedule.timesteps,
            settings=record,
        )

    def save(self, path: Path | str) -> None:
        """Write the inversion as one safetensors file, atomically."""
        from safetensors.torch import save

        about = {
            "prompt": self.prompt,
            "seed": self.seed,
            "timesteps": self.timesteps,
            "settings": dict(self.settings),
        }
        tensors = {"latents": self.latents.cpu().contiguous(), "means": self.means.cpu().contiguous()}
        metadata = {"format": FORMAT, "inversion": canonical_json(about).decode()}
        atomic_write(Path(path), save(tensors, metadata))

    @classmethod
    def load(cls, path: Path | str) -> "Inversion":
        """Read what ``save`` wrote.

        Raises:
            UsageError: the file is missing, damaged or no inversion.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(str(path), framework="pt") as file:
                metadata = file.metadata() or {}
                if metadata.get("format") != FORMAT:
                    raise UsageError(f"The file {path} is no inversion saved by radbench (format {FORMAT}).")
                about = json.loads(metadata["inversion"])
                latents, means = file.get_tensor("latents"), file.get_tensor("means")
        except (OSError, SafetensorError, ValueError, KeyError) as error:
            raise UsageError(f"Cannot read the inversion {path}: {error}.") from error
        return cls(
            latents, means, tuple(about["timesteps"]), about["prompt"], about["seed"], about["settings"]
        )


def draw_latents(source: Tensor, schedule: Schedule, seed: int) -> Tensor:
    """Draw the noisy latents of one image (first loop of Algorithm 1).

    The noise comes from a CPU generator of the image's own, in float32, one draw a timestep from the lowest
    timestep up, so that it depends on the seed alone and a smaller ``skip_ratio`` only adds draws.

    Args:
        source: x_0, float32 [C, h, w].
        schedule: the S steps.
        seed: 0 to 2**63 - 1.

    Returns:
        float32 [S + 1, C, h, w] on the source's device, ending with x_0.
    """
    noise = draw_noise(source, len(schedule), seed)
    latents = [schedule.diffuse(step, source, noise[step]) for step in range(len(schedule))]
    return torch.stack([*latents, source])


def draw_noise(like: Tensor, steps: int, seed: int, stream: str = "") -> Tensor:
    """Return standard normal noise for the last ``steps`` steps, float32 [S, *like.shape] on its device.

    Args:
        like: a latent.
        steps: S; more of them only add draws at the front.
        seed: 0 to 2**63 - 1.
        stream: name of a further, independent stream of the same seed; empty for the inversion's noise.
    """
    if stream:
        seed = int.from_bytes(hashlib.sha256(f"{seed} {stream}".encode()).digest()[:8]) >> 1
    generator = torch.Generator("cpu").manual_seed(seed)
    draws = [torch.randn(like.shape, generator=generator, dtype=torch.float32) for _ in range(steps)]
    return torch.stack(draws[::-1]).to(like.device)


def invert(
    predictor: NoisePredictor,
    schedule: Schedule,
    sources: Sequence[Tensor],
    texts: Texts,
    *,
    prompts: Sequence[str],
    seeds: Sequence[int],
    settings: Mapping[str, Any] | None = None,
) -> list[Inversion]:
    """Invert images of one size, all timesteps and images in shared micro-batches.

    Args:
        predictor: the noise predictor.
        schedule: the S steps; skipped steps cost nothing.
        sources: B latents x_0, float32 [C, h, w] each.
        texts: embedding of every image's inversion prompt.
        prompts: the inversion prompts themselves, for the record, [B].
        seeds: seed of every image's noise, [B].
        settings: further facts for the record.

    Returns:
        One inversion an image, in order; each the same to the bit as if the image had come alone.
    """
    drawn = [draw_latents(source, schedule, seed) for source, seed in zip(sources, seeds, strict=True)]
    steps, count = len(schedule), len(drawn)
    noisy = torch.cat([latents[:-1] for latents in drawn])
    rows = Texts(texts.embeddings, [texts.index[image] for image in range(count) for _ in range(steps)])
    output = predictor(noisy, list(schedule.timesteps) * count, rows)
    record = {"num_inference_steps": schedule.num_inference_steps, **(settings or {})}
    return [
        Inversion(
            latents,
            _means(schedule, latents, output[image * steps : (image + 1) * steps]),
            schedule.timesteps,
            prompts[image],
            seeds[image],
            record,
        )
        for image, latents in enumerate(drawn)
    ]


def _means(schedule: Schedule, latents: Tensor, output: Tensor) -> Tensor:
    """Return mu_t of every step, each computed alone, as an edit will compute it."""
    means = []
    for step, (now, raw) in enumerate(zip(latents[:-1], output, strict=True)):
        means.append(schedule.mean(step, now, schedule.to_noise(step, now, raw)))
    return torch.stack(means)


def invert_sequential(
    unet: Any, schedule: Schedule, sources: Tensor, embeddings: Tensor, seeds: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """Run Algorithm 1 as printed: one network call a timestep, each latent replaced by its reconstruction.

    A reference to compare ``invert`` with, in tests and in the benchmark.

    Args:
        unet: the network, called with all images at one timestep.
        schedule: the S steps.
        sources: x_0, float32 [B, C, h, w].
        embeddings: inversion prompt of every image, float32 [B, L, D].
        seeds: seed of every image's noise.

    Returns:
        x_t float32 [B, S + 1, C, h, w] and sigma_t z_t float32 [B, S, C, h, w].
    """
    pairs = zip(sources, seeds, strict=True)
    latents = torch.stack([draw_latents(source, schedule, seed) for source, seed in pairs], dim=1)
    residuals = []
    for step, timestep in enumerate(schedule.timesteps):
        with torch.no_grad():
            raw = unet(latents[step], timestep, encoder_hidden_states=embeddings, return_dict=False)[0]
        mean = schedule.mean(step, latents[step], schedule.to_noise(step, latents[step], raw))
        sigma = schedule.sigma[step]
        residual = latents[step + 1] - mean
        if sigma > 0:
            residual = sigma * (residual / sigma)
        residuals.append(residual)
        latents[step + 1] = mean + residual
    return latents.transpose(0, 1), torch.stack(residuals, dim=1)


def ddim_invert(
    predictor: NoisePredictor, schedule: Schedule, sources: Sequence[Tensor], texts: Texts
) -> list[Tensor]:
    """Return the latents of every image on its way up to the start point.

    Args:
        predictor: the noise predictor.
        schedule: the S steps; sigma plays no part.
        sources: B latents x_0 of one size, float32 [C, h, w] each.
        texts: embedding of every image's inversion prompt, [B].

    Returns:
        x_t from the start point down, float32 [S + 1, C, h, w] an image; the last one is the source latent,
        and the end of a longer one is a shorter one, to the bit.
    """
    now = torch.stack(list(sources))
    seen = [now]
    for step in reversed(range(len(schedule))):
        output = predictor(now, [schedule.timesteps[step]] * len(now), texts)
        now = schedule.ascend(step, now, schedule.to_noise(step, now, output))
        seen.append(now)
    return list(torch.stack(seen[::-1], dim=1))
