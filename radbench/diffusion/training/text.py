"""A word-level BERT tokenizer and a small BERT, both in the ordinary transformers layout."""

import re
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from transformers import BertConfig, BertModel, BertTokenizerFast

from radbench.diffusion.training.config import TextConfig

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
