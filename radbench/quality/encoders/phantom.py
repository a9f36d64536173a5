"""The phantom's image-text encoder: small, shipped, trained on rendered films and their reports alone.

``radbench train encoder`` makes it again; its datasheet says how it scores edits whose quality is known.
"""

import json
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image as Pillow

from radbench.errors import UsageError
from radbench.quality.editing_score import Embeddings, Image
from radbench.quality.encoders.phantom_network import EMBEDDING, PIXELS, PhantomTowers, token_ids
from radbench.quality.encoders.place import Place
from radbench.quality.encoders.state import load_strictly, read_state

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
