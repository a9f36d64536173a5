"""DDIM inversion (Song et al. 2021, section 4.3; Mokady et al. 2023): the deterministic steps taken backwards.

Where DDPM inversion draws all noisy latents independently, here each comes from the one before it, so the
network is called once a step. The noise of a step is predicted at its cleaner end, which is only close to the
noise at its noisier end: going down again returns the image approximately, the better the more steps.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from radbench.diffusion.rows import NoisePredictor, Texts
from radbench.diffusion.schedule import Schedule


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
