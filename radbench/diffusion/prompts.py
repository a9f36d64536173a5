"""Prompts to embeddings; a prompt is never cut silently."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from radbench.errors import UsageError


def encode_prompts(
    tokenizer: Any,
    text_encoder: Any,
    prompts: Sequence[str],
    max_length: int | None = None,
    attend_to_padding: bool | None = None,
) -> tuple[Tensor, dict[str, int]]:
    """Return the embeddings of the distinct prompts, and where each prompt's is.

    Every prompt is padded to ``max_length`` and encoded alone, so that its embedding does not depend on the
    others. The embeddings are those of diffusers' ``StableDiffusionPipeline.encode_prompt``.

    Args:
        tokenizer: a transformers tokenizer.
        text_encoder: a transformers encoder with ``last_hidden_state``.
        prompts: prompts, with repetitions; the empty prompt is the unconditional one.
        max_length: longest prompt in tokens; None for the tokenizer's own.
        attend_to_padding: whether words attend to the padding; None for ``attends_to_padding``.

    Returns:
        float32 [K, L, D] in order of first appearance, and prompt to row.

    Raises:
        UsageError: a prompt has more tokens than ``max_length``.
    """
    length = max_length or longest_prompt(tokenizer, text_encoder)
    padding = attends_to_padding(text_encoder) if attend_to_padding is None else attend_to_padding
    distinct = list(dict.fromkeys(prompts))
    rows = [_encode_one(tokenizer, text_encoder, prompt, length, padding) for prompt in distinct]
    return torch.cat(rows), {prompt: row for row, prompt in enumerate(distinct)}


def longest_prompt(tokenizer: Any, text_encoder: Any) -> int:
    """Return how many tokens a prompt may have: what the tokenizer says, at most the encoder's positions."""
    places = getattr(text_encoder.config, "max_position_embeddings", None)
    return min(int(tokenizer.model_max_length), int(places) if places else 512)


def attends_to_padding(text_encoder: Any) -> bool:
    """Return what diffusers does with an encoder: attend to padding unless its config has ``use_attention_mask``."""
    return not getattr(text_encoder.config, "use_attention_mask", False)


def _encode_one(tokenizer: Any, text_encoder: Any, prompt: str, length: int, padding: bool) -> Tensor:
    tokens = tokenizer(prompt, padding="max_length", max_length=length, truncation=False, return_tensors="pt")
    count = int(tokens["attention_mask"].sum())
    if tokens["input_ids"].shape[1] > length:
        shown = prompt if len(prompt) <= 60 else f"{prompt[:57]}..."
        raise UsageError(
            f"The prompt '{shown}' has {count} tokens; this bundle reads at most {length}, shorten it."
        )
    device = text_encoder.device
    seen = torch.ones_like(tokens["attention_mask"]) if padding else tokens["attention_mask"]
    with torch.no_grad():
        hidden = text_encoder(
            input_ids=tokens["input_ids"].to(device), attention_mask=seen.to(device)
        ).last_hidden_state
    return torch.as_tensor(hidden, dtype=torch.float32)
