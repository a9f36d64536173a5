"""``RadEditPipeline``: RadEdit with the argument names and habits of diffusers' pipelines."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Optional

import numpy as np
import torch
from diffusers import DiffusionPipeline
from diffusers.utils import BaseOutput
from torch import Tensor

from radbench.diffusion.bundle import Bundle, has_accelerate, quiet_libraries
from radbench.diffusion.denoise import OnStep
from radbench.diffusion.encoding import attends_to_padding, longest_prompt
from radbench.diffusion.encoding import paste_back as paste_source
from radbench.diffusion.inputs import as_images, as_masks, broadcast, seeds_from, to_output
from radbench.diffusion.inversion import Inversion
from radbench.diffusion.schedule import Schedule, make_schedule
from radbench.diffusion.session import Session, latent_masks, open_session
from radbench.errors import UsageError
from radbench.hub import refusal

OnStepEnd = Callable[["RadEditPipeline", int, int, dict[str, Any]], dict[str, Any]]
_OUTPUTS = ("pil", "np", "pt", "latent")


@dataclass
class RadEditPipelineOutput(BaseOutput):
    """What the pipeline returns.

    Attributes:
        images: edited images in the form that was asked for.
        inversions: the inversion of every image, to be reused by further edits.
    """

    images: Any
    inversions: list[Inversion]


class RadEditPipeline(DiffusionPipeline):
    """Edits images inside a mask, keeps them inside another, and lets the rest adapt (Algorithm 3).

    Args:
        unet: ``UNet2DConditionModel``.
        vae: ``AutoencoderKL``; always run in float32.
        text_encoder: transformers encoder with ``last_hidden_state``.
        tokenizer: its tokenizer.
        scheduler: ``DDIMScheduler`` or ``DDPMScheduler``; only its schedule is used, never its clipping.
        max_length: longest prompt in tokens, to which prompts are padded; None for the tokenizer's own.
        attend_to_padding: whether words attend to the padding; None for what diffusers does with the encoder.
    """

    model_cpu_offload_seq = "text_encoder->unet->vae"

    def __init__(
        self,
        unet: Any,
        vae: Any,
        text_encoder: Any,
        tokenizer: Any,
        scheduler: Any,
        max_length: Optional[int] = None,  # noqa: UP045 - older diffusers reads no other
        attend_to_padding: Optional[bool] = None,  # noqa: UP045
    ) -> None:
        super().__init__()
        self.register_to_config(max_length=max_length, attend_to_padding=attend_to_padding)
        self.register_modules(
            unet=unet, vae=vae, text_encoder=text_encoder, tokenizer=tokenizer, scheduler=scheduler
        )

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: Any, **kwargs: Any) -> "RadEditPipeline":
        """Load a pipeline as diffusers does, without its and transformers' remarks about optional parts.

        Raises:
            UsageError: the hub refused: the terms were not accepted, nobody is logged in, or there is no such
                repository or revision.
        """
        kwargs.setdefault("low_cpu_mem_usage", has_accelerate())
        try:
            with quiet_libraries():
                pipeline: RadEditPipeline = super().from_pretrained(pretrained_model_name_or_path, **kwargs)
        except (OSError, ValueError) as error:
            sentence = refusal(str(pretrained_model_name_or_path), kwargs.get("revision"), error)
            if sentence is None:
                raise
            raise UsageError(sentence) from error
        return pipeline

    @classmethod
    def from_bundle(cls, bundle: Bundle) -> "RadEditPipeline":
        """Return a pipeline on a loaded bundle's parts, which reads prompts as the bundle does."""
        parts = bundle.unet, bundle.vae, bundle.text_encoder, bundle.tokenizer, bundle.scheduler
        return cls(*parts, max_length=bundle.max_length, attend_to_padding=bundle.attend_to_padding)

    def invert(
        self,
        image: Any,
        prompt: str | Sequence[str] = "",
        num_inference_steps: int = 30,
        skip_ratio: float = 0.2,
        generator: torch.Generator | Sequence[torch.Generator] | None = None,
    ) -> list[Inversion]:
        """Return the inversion of every image (Algorithm 1), for ``inversion`` of any number of edits.

        Args:
            image: see ``inputs.as_images``.
            prompt: inversion prompt, one or one an image.
            num_inference_steps: N.
            skip_ratio: share of the noisiest steps that are skipped.
            generator: decides the noise.
        """
        bundle = self._bundle()
        schedule = make_schedule(bundle.scheduler, num_inference_steps, skip_ratio)
        pixels = as_images(image, int(bundle.vae.config.in_channels))
        prompts = broadcast(_listed(prompt), len(pixels), "prompt")
        with open_session(bundle) as session:
            return _invert(session, schedule, pixels, prompts, seeds_from(generator, len(pixels)))

    def __call__(  # noqa: PLR0913, PLR0917  (the argument names of diffusers' pipelines)
        self,
        prompt: str | Sequence[str],
        image: Any = None,
        edit_mask: Any = None,
        keep_mask: Any = None,
        num_inference_steps: int = 30,
        guidance_scale: float = 15.0,
        skip_ratio: float = 0.2,
        invert_prompt: str | Sequence[str] = "",
        generator: torch.Generator | Sequence[torch.Generator] | None = None,
        output_type: str = "pil",
        return_dict: bool = True,
        callback_on_step_end: OnStepEnd | None = None,
        inversion: Inversion | Sequence[Inversion] | None = None,
        mask_threshold: float = 0.5,
        paste_back: bool = True,
        feather: float = 1.0,
    ) -> Any:
        """Edit images.

        Args:
            prompt: what the edit mask shall show, one for all or one an image.
            image: PIL, numpy or torch, one or a list (see ``inputs.as_images``); may be left out with
                ``inversion``, and then no source pixels are pasted back.
            edit_mask: where the prompt guides, [H, W]; bool, 0/1, 0/255 or float; None for everywhere.
            keep_mask: what stays as it is; None for nothing.
            num_inference_steps: N, steps of the whole schedule.
            guidance_scale: classifier-free guidance w inside the edit mask.
            skip_ratio: share of the noisiest steps that are skipped, 0 to below 1.
            invert_prompt: prompt of the inversion.
            generator: decides the inversion's noise; one for all images or one each.
            output_type: ``pil``, ``np`` ([B, H, W, C] in [0, 1]), ``pt`` ([B, C, H, W] in [0, 1]) or
                ``latent``.
            return_dict: whether to return a ``RadEditPipelineOutput`` or a tuple ``(images,)``.
            callback_on_step_end: called as ``f(pipeline, step, timestep, {"latents": ...})`` after every
                step; the latents of the mapping it returns replace the step's.
            inversion: inversions from ``invert`` with the same num_inference_steps and at most this skip_ratio,
                used instead of inverting anew.
            mask_threshold: share of a latent's area from which a mask covers it.
            paste_back: whether source pixels replace the keep region after decoding.
            feather: standard deviation, in pixels, of the paste's fall-off outside the keep mask.

        Raises:
            UsageError: input of another form, size or range than documented.
        """
        if output_type not in _OUTPUTS:
            raise UsageError(f"output_type is {output_type!r}; expected one of {', '.join(_OUTPUTS)}.")
        bundle = self._bundle()
        schedule = make_schedule(bundle.scheduler, num_inference_steps, skip_ratio)
        pixels = [] if image is None else as_images(image, int(bundle.vae.config.in_channels))
        given = [] if inversion is None else _listed(inversion)
        prompts = _listed(prompt)
        count = max(len(pixels), len(given), len(prompts))
        if not pixels and not given:
            raise UsageError("Neither image nor inversion was given; the pipeline edits one of them.")
        with open_session(bundle) as session:
            inversions = given or _invert(
                session,
                schedule,
                broadcast(pixels, count, "image"),
                broadcast(_listed(invert_prompt), count, "invert_prompt"),
                seeds_from(generator, count),
            )
            inversions = broadcast(inversions, count, "inversion")
            edits, keeps = _masks(edit_mask, keep_mask, count, inversions[0], pixels)
            masks = latent_masks(edits, keeps, inversions[0].source.to(bundle.device), mask_threshold)
            with self.progress_bar(total=len(schedule)) as bar:
                on_step = self._on_step(bar, callback_on_step_end)
                wanted = broadcast(prompts, count, "prompt")
                latents = session.edit(schedule, inversions, masks, wanted, guidance_scale, on_step)
            images: Any = latents
            if output_type != "latent":
                decoded = torch.stack(session.decode(list(latents)))
                if pixels and paste_back:
                    decoded = _paste(decoded, broadcast(pixels, count, "image"), keeps, feather)
                images = to_output(decoded, output_type)
        return RadEditPipelineOutput(images=images, inversions=inversions) if return_dict else (images,)

    def _bundle(self) -> Bundle:
        """Return the pipeline's parts as a bundle, the autoencoder in float32 whatever it was cast to."""
        if self.vae.dtype != torch.float32:
            self.vae.to(dtype=torch.float32)
        for module in (self.unet, self.vae, self.text_encoder):
            module.eval()
        length = self.config.max_length or longest_prompt(self.tokenizer, self.text_encoder)
        padding = self.config.attend_to_padding
        padding = attends_to_padding(self.text_encoder) if padding is None else padding
        parts = self.unet, self.vae, self.text_encoder, self.tokenizer, self.scheduler
        return Bundle(*parts, name="pipeline", digests={}, max_length=length, attend_to_padding=padding)

    def _on_step(self, bar: Any, callback: OnStepEnd | None) -> OnStep:
        def on_step(step: int, timestep: int, latents: Tensor) -> Tensor:
            if callback is not None:
                answer = callback(self, step, timestep, {"latents": latents})
                latents = answer.pop("latents", latents)
            bar.update()
            return latents

        return on_step


def _invert(
    session: Session,
    schedule: Schedule,
    pixels: Sequence[Tensor],
    prompts: Sequence[str],
    seeds: Sequence[int],
) -> list[Inversion]:
    sizes = {tuple(image.shape) for image in pixels}
    if len(sizes) > 1:
        raise UsageError(f"The images have shapes {sorted(sizes)}; expected one size a call.")
    sources = session.encode([image * 2 - 1 for image in pixels])
    return session.invert(schedule, sources, prompts, seeds)


def _masks(
    edit_mask: Any, keep_mask: Any, count: int, inversion: Inversion, pixels: Sequence[Tensor]
) -> tuple[list[Tensor], list[Tensor | None]]:
    """Return one edit and one keep mask an image, checked against the images' size."""
    everywhere = torch.ones(inversion.source.shape[-2:], dtype=torch.bool)
    edits = [everywhere] * count if edit_mask is None else as_masks(edit_mask, count, "edit_mask")
    keeps: list[Tensor | None] = [None] * count
    if keep_mask is not None:
        keeps = [*as_masks(keep_mask, count, "keep_mask")]
    given: dict[str, Sequence[Tensor | None]] = {
        "edit_mask": edits if edit_mask is not None else [],
        "keep_mask": keeps,
    }
    for name, masks in given.items():
        for mask in masks:
            if mask is not None and pixels and mask.shape != pixels[0].shape[-2:]:
                found, expected = tuple(mask.shape), tuple(pixels[0].shape[-2:])
                raise UsageError(
                    f"{name} is {found} pixels, the image {expected}; expected the same height and width."
                )
    return edits, keeps


def _paste(
    decoded: Tensor, pixels: Sequence[Tensor], keeps: Sequence[Tensor | None], feather: float
) -> Tensor:
    images, nothing = [], np.zeros(tuple(decoded.shape[-2:]), np.bool_)
    for image, source, keep in zip(decoded, pixels, keeps, strict=True):
        kept = nothing if keep is None else keep.numpy()
        images.append(torch.from_numpy(paste_source(image.cpu().numpy(), source.numpy(), kept, feather)))
    return torch.stack(images).to(decoded.device)


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
