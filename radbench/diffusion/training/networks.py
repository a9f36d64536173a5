"""The networks at their start: a word-level BERT tokenizer, a small BERT, and a U-Net that may start as the identity.

It starts so in order that its epsilon prediction is right where an image is nearly all noise. At high noise the best
epsilon is almost the input itself: at timestep 900 of linear betas the signal is 1.6 % of it. An ordinary random start
learns that identity only to about 3 %, since the GroupNorm before the last convolution divides by the spread of each
sample, and everything the image is to show is lost below that error. Here the last residual block hands the input on as
pairs +x, -x in groups with a constant pair that fixes their spread, and ``silu(x) - silu(-x) = x`` gives it back
exactly. Every weight stays free to learn.
"""

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor, nn
from transformers import BertConfig, BertModel, BertTokenizerFast

from radbench.diffusion.training.config import DenoiserConfig, TextConfig

_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def build_tokenizer(corpus: Sequence[str], max_length: int, folder: Path) -> BertTokenizerFast:
    """Return a lower-casing tokenizer whose vocabulary is the words and punctuation of ``corpus``.

    The vocabulary file is written to ``folder/vocab.txt``.
    """
    words = sorted({word for text in corpus for word in re.findall(r"\w+|[^\w\s]", text.lower())})
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = folder / "vocab.txt"
    vocabulary.write_text("\n".join((*_SPECIAL, *words)) + "\n", encoding="utf-8")
    return BertTokenizerFast.from_pretrained(
        str(vocabulary.parent), do_lower_case=True, model_max_length=max_length, local_files_only=True
    )


def build_text_encoder(vocab_size: int, config: TextConfig, seed: int) -> BertModel:
    """Return a randomly initialised BERT without pooling layer; no dropout, since the corpus is a handful of words."""
    torch.manual_seed(seed)
    settings = BertConfig(
        vocab_size=vocab_size,
        hidden_size=config.hidden_size,
        num_hidden_layers=config.num_hidden_layers,
        num_attention_heads=config.num_attention_heads,
        intermediate_size=2 * config.hidden_size,
        max_position_embeddings=config.max_length,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        use_attention_mask=True,  # how it is trained, and how diffusers then reads prompts with it
    )
    return BertModel(settings, add_pooling_layer=False)


def tokenize(tokenizer: BertTokenizerFast, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Return token ids and attention mask, int64 [N, max_length] each, padded to the tokenizer's full length."""
    encoded = tokenizer(list(texts), padding="max_length", truncation=False, return_tensors="pt")
    return encoded.input_ids, encoded.attention_mask


_CONSTANT = 20.0


def build_unet(
    config: DenoiserConfig, text: TextConfig, channels: int, sample_size: int
) -> UNet2DConditionModel:
    """Return a randomly initialised U-Net; the pooled text also modulates every residual block."""
    torch.manual_seed(config.seed)
    down = tuple("CrossAttnDownBlock2D" if has else "DownBlock2D" for has in config.attention_levels)
    up = tuple("CrossAttnUpBlock2D" if has else "UpBlock2D" for has in reversed(config.attention_levels))
    unet = UNet2DConditionModel(
        sample_size=sample_size,
        in_channels=channels,
        out_channels=channels,
        block_out_channels=config.block_out_channels,
        layers_per_block=1,
        down_block_types=down,
        up_block_types=up,
        cross_attention_dim=text.hidden_size,
        attention_head_dim=config.attention_head_dim,
        norm_num_groups=config.norm_num_groups,
        addition_embed_type="text",
        addition_embed_type_num_heads=text.num_attention_heads,
        resnet_time_scale_shift="scale_shift",
    )
    if config.identity_start:
        start_as_identity(unet)
    return unet


@torch.no_grad()
def start_as_identity(unet: Any) -> None:
    """Overwrite the first and last layers of a diffusers ``UNet2DConditionModel`` so that it returns its input.

    The last block needs two channels for each latent channel beside two constants a group; what is left of it, at
    least one group, learns the rest.

    Raises:
        ValueError: The network is too narrow for that, or its groups hold fewer than four channels.
    """
    channels = int(unet.config.in_channels)
    norm: nn.GroupNorm = unet.conv_norm_out
    width, size = norm.num_channels, norm.num_channels // norm.num_groups
    slots = _slots(channels, size)
    if size < 4 or slots[-1][1] >= width - size:
        raise ValueError(
            f"{width} channels in {norm.num_groups} groups cannot carry {channels} latent channels and their negatives."
        )
    unet.conv_in.weight[:channels] = 0
    unet.conv_in.bias[:channels] = 0
    for latent in range(channels):
        unet.conv_in.weight[latent, latent, 1, 1] = 1
    last = unet.up_blocks[-1].resnets[-1]
    _carry(last, slots, first_skip=last.conv_shortcut.in_channels - unet.conv_in.out_channels, size=size)
    norm.weight.fill_(math.sqrt((2 * _CONSTANT**2 + size - 2) / size))
    norm.bias.zero_()
    unet.conv_out.weight.zero_()
    unet.conv_out.bias.zero_()
    for latent, (plus, minus) in enumerate(slots):
        unet.conv_out.weight[latent, plus, 1, 1] = 1
        unet.conv_out.weight[latent, minus, 1, 1] = -1


def _slots(channels: int, size: int) -> list[tuple[int, int]]:
    """Channels of +x and -x for each latent: after the constant pair of each group of ``size`` channels."""
    pairs = max(size // 2 - 1, 1)
    places = []
    for latent in range(channels):
        group, place = divmod(latent, pairs)
        first = group * size + 2 + 2 * place
        places.append((first, first + 1))
    return places


def _carry(block: Any, slots: list[tuple[int, int]], first_skip: int, size: int) -> None:
    shortcut, branch = block.conv_shortcut, block.conv2
    reserved = (slots[-1][1] // size + 1) * size
    for layer in (shortcut, branch):
        layer.weight[:reserved] = 0
        layer.bias[:reserved] = 0
    for start in range(0, shortcut.out_channels, size):
        for channel, constant in ((start, _CONSTANT), (start + 1, -_CONSTANT)):
            shortcut.weight[channel] = 0
            branch.weight[channel] = 0
            branch.bias[channel] = 0
            shortcut.bias[channel] = constant
    for latent, (plus, minus) in enumerate(slots):
        shortcut.weight[plus, first_skip + latent] = 1
        shortcut.weight[minus, first_skip + latent] = -1
