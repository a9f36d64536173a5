"""The phantom's image-text encoder: small, shipped, trained on rendered films and their reports alone.

``radbench train encoder`` makes it again; its datasheet says how it scores edits whose quality is known.
"""

import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image as Pillow
from torch import Tensor, nn
from torch.nn import functional

from radbench.errors import UsageError
from radbench.quality.editing_score import Embeddings, Image
from radbench.quality.encoders.files import Place, load_strictly, read_state

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


FORMAT = "radbench phantom encoder 1"
"""What ``encoder.json`` says under ``format``; raised when the towers change."""


class PhantomEncoder:
    """Embeds phantom films and what is said of them; each image and text alone, so rows never depend on each other.

    A word that the phantom's reports never use counts as an unknown word.

    Args:
        place: the encoder's files.
        device: where the towers run.

    Raises:
        UsageError: the configuration is of another format, or the weights do not fit it.
    """

    def __init__(self, place: Place, device: str = "cpu") -> None:
        self.name, self.digest = place.name, place.digest()
        self._vocabulary = _vocabulary(place)
        self._towers = PhantomTowers(len(self._vocabulary))
        weights = place.files["encoder.safetensors"]
        load_strictly(self._towers, read_state(weights), weights, "the phantom's encoder")
        self._towers.to(device).eval()
        self._device = device

    @torch.no_grad()
    def embed_images(self, images: Sequence[Image]) -> Embeddings:
        """Return unit vectors, float32 [N, 64]; images of other sizes are scaled to 128 x 128."""
        rows = [self._towers.image(_pixels(image).to(self._device)).cpu().numpy() for image in images]
        return np.concatenate([np.zeros((0, EMBEDDING), np.float32), *rows])

    @torch.no_grad()
    def embed_texts(self, texts: Sequence[str]) -> Embeddings:
        """Return unit vectors, float32 [N, 64]."""
        tokens = (token_ids([text], self._vocabulary) for text in texts)
        rows = [self._towers.text(row.to(self._device)).cpu().numpy() for row in tokens]
        return np.concatenate([np.zeros((0, EMBEDDING), np.float32), *rows])


def _vocabulary(place: Place) -> list[str]:
    path = place.files["encoder.json"]
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        found, words = content["format"], content["vocabulary"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"The configuration {path} cannot be read; expected JSON with 'format' and 'vocabulary'."
        ) from error
    if found != FORMAT or not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise UsageError(
            f"The configuration {path} is of format '{found}', expected '{FORMAT}' with a list of words; "
            "train the encoder again with radbench train encoder."
        )
    return words


def _pixels(image: Image) -> torch.Tensor:
    if image.shape != (PIXELS, PIXELS):
        image = np.asarray(Pillow.fromarray(image).resize((PIXELS, PIXELS), Pillow.Resampling.BILINEAR))
    return torch.from_numpy(image.astype(np.float32) / 255)[None, None]
