"""DDIM sampling from pure noise, for looking at what a bundle has learnt."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from diffusers import DDIMScheduler
from numpy.typing import NDArray

from radbench.diffusion.bundle import Bundle
from radbench.diffusion.encoding import decode, encode_prompts, to_uint8


@torch.no_grad()
def sample(
    bundle: Bundle,
    prompts: Sequence[str],
    *,
    seed: int = 0,
    num_inference_steps: int = 50,
    guidance_scale: float = 7.5,
    batch_size: int = 8,
) -> NDArray[np.uint8]:
    """Draw one image for each prompt with DDIM and classifier-free guidance; uint8 [N, H, W]."""
    images = [
        _sample_batch(
            bundle, prompts[start : start + batch_size], seed + start, num_inference_steps, guidance_scale
        )
        for start in range(0, len(prompts), batch_size)
    ]
    return np.concatenate(images)


def _sample_batch(
    bundle: Bundle, prompts: Sequence[str], seed: int, steps: int, scale: float
) -> NDArray[np.uint8]:
    config: Any = bundle.unet.config
    scheduler = DDIMScheduler.from_config(bundle.scheduler.config)
    scheduler.set_timesteps(steps)
    generator = torch.Generator().manual_seed(seed)
    shape = (len(prompts), config.in_channels, config.sample_size, config.sample_size)
    latents = torch.randn(shape, generator=generator).to(bundle.device)
    reads = bundle.tokenizer, bundle.text_encoder
    table, row = encode_prompts(*reads, ["", *prompts], bundle.max_length, bundle.attend_to_padding)
    states = torch.cat([table[[row[""]] * len(prompts)], table[[row[prompt] for prompt in prompts]]])
    for timestep in scheduler.timesteps:
        noise = bundle.unet(latents.repeat(2, 1, 1, 1), timestep, encoder_hidden_states=states).sample
        free, guided = noise.chunk(2)
        latents = scheduler.step(free + scale * (guided - free), timestep, latents).prev_sample
    return np.stack([to_uint8(decode(bundle.vae, latent)) for latent in latents])
