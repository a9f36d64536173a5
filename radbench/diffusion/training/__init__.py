"""Training of a small text-conditioned latent diffusion model: text encoder, decoder, denoiser, checkpoints."""
