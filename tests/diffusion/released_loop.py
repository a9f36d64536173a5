"""The loop of the released pipeline in plain steps, with the faults that ours does not have.

Restated from what is public about it; the gated repository's own file was not read, and nothing here comes from the
module under test. The sources: the published code of edit-friendly DDPM inversion (Huberman-Spiegelglas et al.), on
which it builds (``t - T // N`` as the next timestep, ``z = (x - mu) / variance ** 0.5``, the last z set to zero
afterwards); Section 4.2 of the paper, whose text, unlike Algorithm 3, keeps ``m_keep * x_t``; the scheduler that its
users build, a ``DDIMScheduler`` whose final alpha is 1; and diffusers' ``VaeImageProcessor``.
"""

import torch
from diffusers.image_processor import VaeImageProcessor


def coefficients(scheduler, t):
    """Cumulative alphas at ``t`` and at the next timestep, and the variance of the step between them."""
    following = t - scheduler.config.num_train_timesteps // scheduler.num_inference_steps
    alpha = scheduler.alphas_cumprod[t]
    after = scheduler.alphas_cumprod[following] if following >= 0 else scheduler.final_alpha_cumprod
    return alpha, after, (1 - after) / (1 - alpha) * (1 - alpha / after)


def mean_of(scheduler, t, x, noise):
    """The mean of x_{t-1} for eta 1, and the variance."""
    alpha, after, variance = coefficients(scheduler, t)
    image = (x - (1 - alpha) ** 0.5 * noise) / alpha**0.5
    return after**0.5 * image + (1 - after - variance).clamp(min=0) ** 0.5 * noise, variance


@torch.no_grad()
def released_inversion(unet, scheduler, noisy, empty, *, zero_last):
    """Invert with the empty prompt.

    Args:
        unet: the network.
        scheduler: after ``set_timesteps(N)``, N a divisor of the number of training steps.
        noisy: x_T ... x_1 and the source x_0, float32 [N + 1, C, h, w].
        empty: embedding of the empty prompt, [L, D].
        zero_last: whether the last z is set to zero in the end.

    Returns:
        The latents with each one replaced by its reconstruction, [N + 1, C, h, w], and z, [N, C, h, w].
    """
    latents, zs = noisy.clone(), []
    for step, t in enumerate(scheduler.timesteps):
        noise = unet(latents[step][None], t, encoder_hidden_states=empty[None]).sample[0]
        mean, variance = mean_of(scheduler, t, latents[step], noise)
        zs.append((latents[step + 1] - mean) / variance**0.5)
        latents[step + 1] = mean + variance**0.5 * zs[-1]
    if zero_last:
        zs[-1] = torch.zeros_like(zs[-1])
    return latents, torch.stack(zs)


@torch.no_grad()
def released_edit(unet, scheduler, latents, zs, table, m_edit, m_keep, scale, *, keep_next=False):
    """Edit an inverted image.

    Args:
        unet: the network.
        scheduler: as for the inversion.
        latents: the inversion's latents.
        zs: the inversion's z.
        table: embeddings of the prompt and of the empty prompt, [2, L, D].
        m_edit: float [1, h, w].
        m_keep: float [1, h, w].
        scale: guidance w.
        keep_next: whether a step from t to t - 1 keeps x_{t-1}, as Algorithm 3 has it, instead of x_t.

    Returns:
        x_0, float32 [C, h, w].
    """
    x = latents[0]
    for step, t in enumerate(scheduler.timesteps):
        conditional, free = (unet(x[None], t, encoder_hidden_states=text[None]).sample[0] for text in table)
        guided = free + scale * (conditional - free)
        mean, variance = mean_of(scheduler, t, x, m_edit * guided + (1 - m_edit) * free)
        x = mean + variance**0.5 * zs[step]
        x = torch.where(m_keep > 0, latents[step + 1 if keep_next else step], x)
    return x


@torch.no_grad()
def released_decode(vae, latent):
    """Decode in whatever precision the autoencoder has, and make 8 bits of it as diffusers does, uint8 [H, W, C]."""
    image = vae.decode(latent[None].to(vae.dtype) / vae.config.scaling_factor, return_dict=False)[0]
    array = VaeImageProcessor().postprocess(image.float(), output_type="pt")
    return (array[0].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
