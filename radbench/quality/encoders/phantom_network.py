"""The two towers of the phantom's image-text encoder, a few hundred thousand weights in all."""

import re
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

PIXELS = 128
"""Side of the images that the image tower reads."""

EMBEDDING = 64
"""Length of an embedding."""

PAD, UNKNOWN = 0, 1
"""Token ids of what is no word and of a word that is not in the vocabulary."""

_TRUNK: dict[str, Any] = {
    "in_chans": 1,
    "num_classes": 0,
    "global_pool": "",
    "channels": [16, 32, 64, 128],
    "layers": [1, 1, 1, 1],
    "stem_type": "deep",
    "stem_width": 8,
}
_CELLS, _SQUEEZED = 4, 32
_WIDTH, _LAYERS, _HEADS, _PLACES = 64, 2, 4, 64


def words_of(text: str) -> list[str]:
    """Return the lower-case words of a text, without punctuation."""
    return re.findall(r"\w+", text.lower())


def token_ids(texts: Sequence[str], vocabulary: Sequence[str]) -> Tensor:
    """Return int64 [N, L] of word numbers, ``PAD`` after each text's end; ``UNKNOWN`` for a word without number.

    Args:
        texts: texts; words past the 64th are left out.
        vocabulary: the words that the tower knows; the first is number 2.
    """
    number = {word: index for index, word in enumerate(vocabulary, start=2)}
    rows = [[number.get(word, UNKNOWN) for word in words_of(text)][:_PLACES] or [UNKNOWN] for text in texts]
    length = max(map(len, rows), default=1)
    return torch.tensor([row + [PAD] * (length - len(row)) for row in rows], dtype=torch.int64)


class ImageTower(nn.Module):
    """A narrow ResNet whose last 4 x 4 map is read place by place, so that left and right stay apart."""

    def __init__(self) -> None:
        super().__init__()
        import timm

        self.trunk: nn.Module = timm.create_model("resnet18", pretrained=False, **_TRUNK)
        self.squeeze = nn.Conv2d(_TRUNK["channels"][-1], _SQUEEZED, 1)
        self.head = nn.Linear(_SQUEEZED * _CELLS**2, EMBEDDING)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return unit vectors, float32 [N, 64], for float32 [N, 1, 128, 128] images in [0, 1]."""
        cells = functional.relu(self.squeeze(self.trunk((pixels - 0.5) / 0.25)))
        return functional.normalize(self.head(cells.flatten(1)), dim=1)


class TextTower(nn.Module):
    """A small transformer over words; the mean over the words is projected.

    Args:
        words: size of the vocabulary.
    """

    def __init__(self, words: int) -> None:
        super().__init__()
        self.words = nn.Embedding(words + 2, _WIDTH, padding_idx=PAD)
        self.places = nn.Parameter(torch.randn(_PLACES, _WIDTH) * 0.02)
        layer = nn.TransformerEncoderLayer(
            _WIDTH, _HEADS, 2 * _WIDTH, dropout=0.0, batch_first=True, norm_first=True
        )
        self.blocks = nn.TransformerEncoder(layer, _LAYERS, nn.LayerNorm(_WIDTH), enable_nested_tensor=False)
        self.head = nn.Linear(_WIDTH, EMBEDDING)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return unit vectors, float32 [N, 64], for int64 [N, L] tokens."""
        empty = tokens == PAD
        states = self.blocks(self.words(tokens) + self.places[: tokens.shape[1]], src_key_padding_mask=empty)
        weight = (~empty).float()[..., None]
        mean = (states * weight).sum(1) / weight.sum(1)
        return functional.normalize(self.head(mean), dim=1)


class PhantomTowers(nn.Module):
    """Both towers.

    Args:
        words: size of the text tower's vocabulary.
    """

    def __init__(self, words: int) -> None:
        super().__init__()
        self.image, self.text = ImageTower(), TextTower(words)
