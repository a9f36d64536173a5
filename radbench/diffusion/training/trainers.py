"""Training of the autoencoder's decoder, and of the denoising U-Net with its text encoder, on fixed latents.

The decoder learns to undo the fixed linear encoder. The denoiser learns epsilon prediction with linear betas,
conditioning dropout, EMA and AdamW as in Appendix A of the paper (arXiv 2312.12865); min-SNR loss weights (Hang et al.,
ICCV 2023, doi 10.1109/ICCV51070.2023.00684). The two renderings of one patient share noise and timestep, so that the
gradient of what they share cancels less of what differs: the finding. Every batch is drawn from (seed, step) alone,
hence a resumed run continues exactly. The state of a training is one safetensors file, replaced atomically.
"""

import math
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional
from transformers import BertModel

from radbench.diffusion.training.config import AutoencoderConfig, DenoiserConfig, FocusConfig
from radbench.diffusion.training.linear_vae import PatchComponents, linear_encode


def save_state(
    path: Path, step: int, modules: dict[str, nn.Module], optimizer: torch.optim.Optimizer
) -> None:
    """Write modules, optimizer moments and step; an interruption leaves the previous file whole."""
    tensors: dict[str, Tensor] = {}
    for name, module in modules.items():
        tensors |= {f"{name}/{key}": value.contiguous() for key, value in module.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{index}/{key}": torch.as_tensor(value) for key, value in state.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    save_file({key: value.clone() for key, value in tensors.items()}, temporary, metadata={"step": str(step)})
    temporary.replace(path)


def load_state(path: Path, modules: dict[str, nn.Module], optimizer: torch.optim.Optimizer) -> int:
    """Restore what ``save_state`` wrote and return its step; 0 when there is no checkpoint."""
    if not path.exists():
        return 0
    with safe_open(path, framework="pt") as file:
        step = int((file.metadata() or {})["step"])
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    for name, module in modules.items():
        prefix = f"{name}/"
        own = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
        module.load_state_dict(own)
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith("optimizer/"):
            _, index, name = key.split("/", 2)
            state.setdefault(int(index), {})[name] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
    return step


def train_decoder(
    vae: AutoencoderKL,
    components: PatchComponents,
    images: NDArray[np.uint8],
    config: AutoencoderConfig,
    checkpoint: Path,
    device: torch.device,
    progress: Callable[[int, float], None],
    checkpoint_every: int = 250,
) -> int:
    """Train ``vae.decoder`` to undo the linear encoder on uint8 [N, H, W] images; return the last step.

    The loss is the mean absolute error on [-1, 1] pixels plus that of their horizontal and vertical differences,
    which keeps thin structures (drains, pleural lines) sharp. Each batch is drawn from (seed, step) alone.
    """
    vae.to(device)
    decoder = vae.decoder
    optimizer = torch.optim.AdamW(
        decoder.parameters(), lr=config.learning_rate, betas=(0.9, 0.99), weight_decay=0.0
    )
    step = load_state(checkpoint, {"decoder": decoder}, optimizer)
    while step < config.steps:
        generator = torch.Generator().manual_seed(config.seed * 1_000_003 + step)
        chosen = torch.randint(len(images), (config.batch_size,), generator=generator).numpy()
        batch = images[np.sort(chosen)]
        target = (torch.from_numpy(batch).float() / 127.5 - 1)[:, None].to(device)
        codes = linear_encode(components, batch)
        codes = codes + config.latent_noise * torch.randn(codes.shape, generator=generator)
        decoded = decoder(codes.to(device))
        rows, columns = (functional.l1_loss(decoded.diff(dim=d), target.diff(dim=d)) for d in (-2, -1))
        loss = functional.l1_loss(decoded, target) + (rows + columns)
        warm, fall = min(1.0, (step + 1) / 100), 1 + math.cos(math.pi * step / max(config.steps, 1))
        for group in optimizer.param_groups:
            group["lr"] = warm * config.learning_rate * 0.5 * fall
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(decoder.parameters(), 1.0)
        optimizer.step()
        step += 1
        progress(step, float(loss.detach()))
        if step % checkpoint_every == 0 or step == config.steps:
            save_state(checkpoint, step, {"decoder": decoder}, optimizer)
    return step


@dataclass(frozen=True)
class LatentPool:
    """Training data.

    Attributes:
        latents: [patients, 2, C, h, w], any float type.
        texts: int64 [patients, 2], index into ``tokens``.
        tokens: int64 [N, L]; row 0 is the empty prompt.
        attention: int64 [N, L].
    """

    latents: np.ndarray
    texts: Tensor
    tokens: Tensor
    attention: Tensor


@dataclass(frozen=True)
class LaterPool:
    """A pool from a step on; ``low_noise_only`` as in the configuration."""

    from_step: int
    pool: LatentPool
    low_noise_only: bool = False


def where_they_differ(renderings: Tensor, emphasis: float) -> Tensor:
    """Return the weight of each place of the loss, float32 [pairs, 1, h, w].

    1 where the two renderings of a patient are equal, ``1 + emphasis`` where they differ most, in between by the
    square root of their difference (mean over channels); divided by ``1 + emphasis / 10``, about its mean, so that
    the learning rate means the same.

    Args:
        renderings: float32 [pairs, 2, C, h, w].
        emphasis: at least 0; 0 gives 1 everywhere.
    """
    difference = (renderings[:, 0] - renderings[:, 1]).abs().mean(1, keepdim=True)
    share = difference / (difference.amax(dim=(1, 2, 3), keepdim=True) + 1e-3)
    return (1 + emphasis * share.sqrt()) / (1 + emphasis / 10)


class DenoiserTrainer:
    """Trains a U-Net and a text encoder together; ``run`` may be called again after an interruption."""

    def __init__(
        self,
        unet: UNet2DConditionModel,
        text_encoder: BertModel,
        scheduler: DDPMScheduler,
        pool: LatentPool,
        config: DenoiserConfig,
        checkpoint: Path,
        device: torch.device,
        later: Sequence[LaterPool] = (),
    ) -> None:
        self.pool, self.config, self.checkpoint, self.device = pool, config, checkpoint, device
        self._pools = [LaterPool(0, pool), *later]
        self.modules: dict[str, nn.Module] = {
            "unet": unet.to(device),
            "text_encoder": text_encoder.to(device),
        }
        self.averages = {
            name: deepcopy(module).requires_grad_(False) for name, module in self.modules.items()
        }
        parameters = [p for module in self.modules.values() for p in module.parameters()]
        self.optimizer = torch.optim.AdamW(
            parameters, lr=config.learning_rate, betas=(0.9, 0.99), weight_decay=config.weight_decay
        )
        self.parameters = parameters
        self.alphas = scheduler.alphas_cumprod.to(device)

    def run(self, checkpoint_every: int, progress: Callable[[int, float], None]) -> int:
        """Train to ``config.steps``, calling ``progress(step, loss)`` after each step; return the last step."""
        step = self.resume()
        while step < self.config.steps:
            loss = self._step(step)
            step += 1
            progress(step, loss)
            if step % checkpoint_every == 0 or step == self.config.steps:
                save_state(self.checkpoint, step, self._state_modules(), self.optimizer)
        return step

    def resume(self) -> int:
        """Restore the last checkpoint and return its step; 0 when there is none."""
        return load_state(self.checkpoint, self._state_modules(), self.optimizer)

    def _state_modules(self) -> dict[str, nn.Module]:
        return self.modules | {f"ema_{name}": module for name, module in self.averages.items()}

    def _step(self, step: int) -> float:
        for group in self.optimizer.param_groups:
            group["lr"] = self._learning_rate(step)
        loss = self.loss(step)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.parameters, self.config.max_grad_norm)
        self.optimizer.step()
        self._average(step)
        return float(loss.detach())

    def loss(self, step: int) -> Tensor:
        """Return the weighted epsilon loss of this step's batch."""
        phase = self._phase(step)
        generator = torch.Generator().manual_seed(self.config.seed * 1_000_003 + step)
        pairs = self.config.batch_size // 2
        timesteps, low = self._timesteps(phase, pairs, generator)
        renderings, texts = self._patients(step, low, generator)
        places = where_they_differ(renderings, phase.emphasis).repeat_interleave(2, 0)
        latents, timesteps = renderings.flatten(0, 1), timesteps.repeat_interleave(2, 0)
        noise = torch.randn(pairs, *latents.shape[1:], generator=generator).repeat_interleave(2, 0)
        dropped = torch.rand(len(texts), generator=generator) < phase.conditioning_dropout
        texts = torch.where(dropped, 0, texts)
        latents, noise, timesteps, places = (
            value.to(self.device) for value in (latents, noise, timesteps, places)
        )
        alpha = self.alphas[timesteps].reshape(-1, 1, 1, 1)
        noisy = alpha.sqrt() * latents + (1 - alpha).sqrt() * noise
        error: Tensor = (places * (self._predict(noisy, timesteps, texts) - noise) ** 2).mean(dim=(1, 2, 3))
        loss: Tensor = (self._weight(alpha.flatten()) * error).mean()
        return loss

    def _timesteps(
        self, phase: FocusConfig, pairs: int, generator: torch.Generator
    ) -> tuple[Tensor, list[bool]]:
        """Return each patient's timestep, and whether it was drawn at low noise."""
        timesteps = torch.randint(len(self.alphas), (pairs,), generator=generator)
        focused = torch.randint(phase.max_timestep, (pairs,), generator=generator)
        low = torch.rand(pairs, generator=generator) < phase.share
        return torch.where(low, focused, timesteps), low.tolist()

    def _patients(self, step: int, low: list[bool], generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw a patient for each entry of ``low``: latents [pairs, 2, C, h, w], texts [pairs * 2]."""
        begun = [later for later in self._pools if step >= later.from_step]
        usual = [later.pool for later in begun if not later.low_noise_only][-1]
        pools = [begun[-1].pool if is_low else usual for is_low in low]
        chosen = [int(torch.randint(len(pool.texts), (1,), generator=generator)) for pool in pools]
        latents = np.stack([pool.latents[index] for pool, index in zip(pools, chosen, strict=True)])
        texts = torch.stack([pool.texts[index] for pool, index in zip(pools, chosen, strict=True)])
        return torch.from_numpy(latents.astype(np.float32)), texts.flatten()

    def _predict(self, noisy: Tensor, timesteps: Tensor, texts: Tensor) -> Tensor:
        low = self.config.precision == "bfloat16"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=low):
            states = self._encode(texts)
            predicted: Tensor = self.modules["unet"](noisy, timesteps, encoder_hidden_states=states).sample
        return predicted.float()

    def _weight(self, alpha: Tensor) -> Tensor:
        ratio = alpha / (1 - alpha)
        if self.config.loss_weighting == "debiased":
            return ratio.rsqrt()
        return ratio.clamp(max=self.config.min_snr_gamma) / ratio

    def _phase(self, step: int) -> FocusConfig:
        """Return what holds at this step: the last phase that has begun, or none of them."""
        dropout, all_steps = self.config.conditioning_dropout, len(self.alphas)
        start = FocusConfig(from_step=0, max_timestep=all_steps, share=0.0, conditioning_dropout=dropout)
        begun = [phase for phase in self.config.focus if step >= phase.from_step]
        return max(begun, key=lambda phase: phase.from_step, default=start)

    def _encode(self, texts: Tensor) -> Tensor:
        distinct, inverse = torch.unique(texts, return_inverse=True)
        tokens, attention = (of[distinct].to(self.device) for of in (self.pool.tokens, self.pool.attention))
        states: Tensor = self.modules["text_encoder"](tokens, attention_mask=attention).last_hidden_state
        return states[inverse.to(self.device)]

    def _learning_rate(self, step: int) -> float:
        """Warm-up, then constant, then a linear cooldown over the last steps."""
        config = self.config
        warm = (step + 1) / max(config.warmup_steps, 1)
        cool = (config.steps - step) / max(config.cooldown_steps, 1)
        return config.learning_rate * min(1.0, warm, cool)

    @torch.no_grad()
    def _average(self, step: int) -> None:
        decay = min(self.config.ema_decay, (1 + step) / (10 + step))
        for name, module in self.modules.items():
            for average, value in zip(self.averages[name].parameters(), module.parameters(), strict=True):
                average.lerp_(value, 1 - decay)
