"""What a training run is told: every field with its default, checked before the first step."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DataConfig(_Section):
    """The pool of rendered studies: ``patients`` x 2 images, the two renderings of a patient differing in findings."""

    cohort: str = "phantom/mixed"
    patients: int = Field(default=10_000, ge=1)
    seed: int = Field(default=0, ge=0)


class LaterDataConfig(DataConfig):
    """Another pool that the denoiser is trained on from ``from_step`` on, until the next one.

    A ``low_noise_only`` pool gives the patients below the focus's ``max_timestep`` alone, beside the pool of the
    other timesteps: what an image shows at large is then learnt from an archive's own mixture, and what its edits
    are about from patients who have it.
    """

    from_step: int = Field(ge=0)
    low_noise_only: bool = False


class AutoencoderConfig(_Section):
    """The autoencoder: closed-form linear encoder, learned decoder (L1 loss on [-1, 1] pixels)."""

    latent_channels: int = Field(default=8, ge=1, le=16)
    whitening: float = Field(default=0.5, ge=0, le=1)
    block_out_channels: tuple[int, int, int] = (16, 32, 64)
    steps: int = Field(default=3000, ge=0)
    batch_size: int = Field(default=8, ge=1)
    learning_rate: float = Field(default=1e-3, gt=0)
    latent_noise: float = Field(default=0.02, ge=0)
    seed: int = 0


class TextConfig(_Section):
    """The text encoder: a BERT trained jointly with the denoiser."""

    hidden_size: int = 96
    num_hidden_layers: int = 2
    num_attention_heads: int = 4
    max_length: int = 32


class FocusConfig(_Section):
    """A later phase of training, where edits happen: at noise low enough that the image shows its findings.

    From ``from_step`` on (and until the next phase), a ``share`` of the patients draws its timestep below
    ``max_timestep``, and the condition is dropped with probability ``conditioning_dropout``, so that the
    unconditional branch learns to read the image.

    ``emphasis`` is the weight of the loss where the two renderings of a patient differ most, beside 1 where they are
    equal: a pleural line is a hundredth of the image, and without it hardly anything of the gradient is about it.
    """

    from_step: int = Field(ge=0)
    max_timestep: int = Field(default=450, ge=1)
    share: float = Field(default=0.75, ge=0, le=1)
    conditioning_dropout: float = Field(default=0.3, ge=0, le=1)
    emphasis: float = Field(default=0.0, ge=0)


class DenoiserConfig(_Section):
    """The U-Net and how it is trained (epsilon prediction, linear betas: Appendix A of the paper).

    ``attention_head_dim`` is diffusers' name; its U-Net reads it as the number of heads. ``identity_start`` lets the
    network begin as the identity (see ``networks.py``). ``precision`` is that of the passes through the network;
    weights, averages and the loss stay in float32. ``loss_weighting`` weighs the epsilon error of a timestep with
    signal-to-noise ratio r by min(r, gamma) / r (min-SNR) or by 1 / sqrt(r) (debiased; Yu et al., CVPR 2024
    workshops, arXiv 2310.08442), which counts the noisy timesteps in which an image is laid out.
    """

    block_out_channels: tuple[int, ...] = (48, 96, 160)
    attention_levels: tuple[bool, ...] = (False, False, True)
    attention_head_dim: int = 32
    norm_num_groups: int = 16
    steps: int = Field(default=8000, ge=0)
    batch_size: int = Field(default=16, ge=2, multiple_of=2)
    learning_rate: float = Field(default=5e-4, gt=0)
    warmup_steps: int = Field(default=200, ge=0)
    cooldown_steps: int = Field(default=1000, ge=0)
    weight_decay: float = Field(default=1e-3, ge=0)
    ema_decay: float = Field(default=0.999, ge=0, lt=1)
    conditioning_dropout: float = Field(default=0.15, ge=0, le=1)
    focus: tuple[FocusConfig, ...] = ()
    identity_start: bool = False
    precision: Literal["float32", "bfloat16"] = "float32"
    loss_weighting: Literal["min_snr", "debiased"] = "min_snr"
    min_snr_gamma: float = Field(default=5.0, gt=0)
    max_grad_norm: float = Field(default=1.0, gt=0)
    seed: int = 0


class TrainingConfig(_Section):
    """A whole run of ``radbench train diffusion``."""

    name: str
    data: DataConfig = DataConfig()
    later_data: tuple[LaterDataConfig, ...] = ()
    autoencoder: AutoencoderConfig = AutoencoderConfig()
    text: TextConfig = TextConfig()
    denoiser: DenoiserConfig = DenoiserConfig()
    checkpoint_every: int = Field(default=250, ge=1)
    num_train_timesteps: int = 1000
    beta_schedule: Literal["linear"] = "linear"
    beta_start: float = 1e-4
    beta_end: float = 0.02
