"""A bundle at work: words, pixels and masks in, pixels out. Editor and pipeline both go through it."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from radbench.diffusion.bundle import Bundle
from radbench.diffusion.denoise import LatentMasks, OnStep, edit_latents
from radbench.diffusion.encoding import decode, encode, encode_prompts, mask_to_latent
from radbench.diffusion.inversion import Inversion, invert
from radbench.diffusion.network import in_bfloat16
from radbench.diffusion.rows import Lanes, NoisePredictor, Texts, lanes
from radbench.diffusion.schedule import Schedule
from radbench.errors import RadbenchError, UsageError

EMPTY = ""
"""The unconditional prompt."""


class Session:
    """A bundle with its lanes open; make one with ``open_session``.

    Args:
        bundle: the model.
        running: open lanes.
        rows: rows of a micro-batch; None for the device's constant.
        precision: of the noise predictor.
    """

    def __init__(
        self, bundle: Bundle, running: Lanes, rows: int | None = None, precision: str = "float32"
    ) -> None:
        self.bundle = bundle
        self.running = running
        unet = in_bfloat16(bundle.unet) if precision == "bfloat16" else bundle.unet
        self.predictor = NoisePredictor(unet, running, rows)

    def texts(self, prompts: Sequence[str]) -> Texts:
        """Return the embeddings of the prompts on the CPU and which of them each uses."""
        bundle = self.bundle
        reads = bundle.tokenizer, bundle.text_encoder
        embeddings, row = encode_prompts(*reads, prompts, bundle.max_length, bundle.attend_to_padding)
        return Texts(embeddings.cpu(), [row[prompt] for prompt in prompts])

    def guidance(self, prompts: Sequence[str]) -> tuple[Texts, int]:
        """Return the editing prompts' embeddings, and which entry is the unconditional prompt's."""
        both = self.texts([*prompts, EMPTY])
        return Texts(both.embeddings, both.index[:-1]), both.index[-1]

    def encode(self, pixels: Sequence[Tensor]) -> list[Tensor]:
        """Return the latent of every image, float32 [c, h, w]; pixels float32 [C, H, W] in [-1, 1]."""
        return self.running.map(lambda image: encode(self.bundle.vae, image), pixels)

    def decode(self, latents: Sequence[Tensor]) -> list[Tensor]:
        """Return the image of every latent, float32 [C, H, W] in [0, 1].

        Raises:
            RadbenchError: a latent is not finite.
        """
        if not all(bool(torch.isfinite(latent).all()) for latent in latents):
            raise RadbenchError("The edited latents are not finite: the noise predictor overflowed.")
        return self.running.map(lambda latent: decode(self.bundle.vae, latent), latents)

    def invert(
        self, schedule: Schedule, sources: Sequence[Tensor], prompts: Sequence[str], seeds: Sequence[int]
    ) -> list[Inversion]:
        """Return the inversion of every source latent (Algorithm 1)."""
        texts = self.texts(prompts)
        record = {"weights": dict(self.bundle.digests), "sigma": list(schedule.sigma)}
        return invert(self.predictor, schedule, sources, texts, prompts=prompts, seeds=seeds, settings=record)

    def edit(
        self,
        schedule: Schedule,
        inversions: Sequence[Inversion],
        masks: LatentMasks,
        prompts: Sequence[str],
        guidance_scale: float,
        on_step: OnStep | None = None,
    ) -> Tensor:
        """Return the edited latents, float32 [B, c, h, w] (Algorithm 3)."""
        wanted, empty = self.guidance(prompts)
        self._check_weights(inversions)
        return edit_latents(
            self.predictor, schedule, inversions, masks, wanted, empty, guidance_scale, on_step
        )

    def _check_weights(self, inversions: Sequence[Inversion]) -> None:
        ours = self.bundle.digests.get("unet")
        for inversion in inversions:
            theirs = inversion.settings.get("weights", {}).get("unet")
            if ours and theirs and ours != theirs:
                raise UsageError(
                    f"The inversion was made with a U-Net of digest {theirs[:12]}, this one has {ours[:12]}; "
                    "invert again."
                )


@contextlib.contextmanager
def open_session(
    bundle: Bundle, *, workers: int | None = None, rows: int | None = None, precision: str = "float32"
) -> Iterator[Session]:
    """Open a session for the ``with`` block.

    Args:
        bundle: the model.
        workers: single-threaded lanes on the CPU; None for one a core. Pixels do not depend on it.
        rows: rows of a micro-batch, which bound the memory; None for the device's constant. Another number
            may change the last bits.
        precision: of the noise predictor: "float32", "tf32" or "bfloat16".
    """
    _check_fit(bundle)
    with lanes(bundle.device, workers, tf32=precision == "tf32") as running:
        yield Session(bundle, running, rows, precision)


def latent_masks(
    edit: Sequence[NDArray[Any] | Tensor],
    keep: Sequence[NDArray[Any] | Tensor | None],
    like: Tensor,
    threshold: float,
) -> LatentMasks:
    """Return the masks of a batch at the latents' resolution.

    Args:
        edit: one [H, W] mask an image.
        keep: one [H, W] mask an image, or None for nothing kept.
        like: a latent of the batch, [c, h, w].
        threshold: share of a latent's area from which it counts.
    """
    shape = (int(like.shape[-2]), int(like.shape[-1]))
    nothing = np.zeros(shape, np.bool_)
    inside = [mask_to_latent(mask, shape, threshold) for mask in edit]
    kept = [mask_to_latent(nothing if mask is None else mask, shape, threshold) for mask in keep]
    return LatentMasks(
        torch.stack(inside)[:, None].to(like.device), torch.stack(kept)[:, None].to(like.device)
    )


def _check_fit(bundle: Bundle) -> None:
    """Raise a UsageError if the parts of a bundle do not belong together."""
    channels, latent = bundle.unet.config.in_channels, bundle.vae.config.latent_channels
    if channels != latent:
        raise UsageError(f"The U-Net reads {channels} latent channels but the autoencoder has {latent}.")
    width, hidden = bundle.unet.config.cross_attention_dim, bundle.text_encoder.config.hidden_size
    if bundle.unet.config.encoder_hid_dim is None and isinstance(width, int) and width != hidden:
        raise UsageError(f"The U-Net reads text of width {width} but the text encoder writes {hidden}.")
