"""The editing score: does the image change in the direction in which its text changes (Section 4.4, equation 5)?

The paper prints ``1 - cosine`` in equation 5 and discards images whose score is under 0.2, which taken literally
would discard the best edits. The score here is the cosine itself, as in the work that the threshold comes from
(LANCE, Prabhu et al. 2023): 1 is a change exactly as asked for, 0 an unrelated one, -1 the opposite.
"""

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Image: TypeAlias = NDArray[np.uint8]
Embeddings: TypeAlias = NDArray[np.float32]

MIN_LENGTH = 1e-6
"""Differences of unit embeddings shorter than this are rounding, not a change."""


class ImageTextEncoder(Protocol):
    """Embeds images and texts into one space; a row never depends on the other rows.

    ``name`` says which encoder it is, ``digest`` is the SHA-256 of everything that decides its embeddings.
    """

    name: str
    digest: str

    def embed_images(self, images: Sequence[Image]) -> Embeddings:
        """Return unit vectors, float32 [N, D], for uint8 [H, W] images."""

    def embed_texts(self, texts: Sequence[str]) -> Embeddings:
        """Return unit vectors, float32 [N, D]."""


def editing_score(
    before_img: NDArray[Any], after_img: NDArray[Any], before_txt: NDArray[Any], after_txt: NDArray[Any]
) -> NDArray[np.float64]:
    """Return the cosine between each image's change and its text's change.

    Where the image or the text does not change at all (an identity edit, a prompt equal to the report) there is no
    direction: the score is then 0, which no positive threshold lets pass. It is never NaN.

    Args:
        before_img: image embeddings before the edit, [N, D].
        after_img: image embeddings after the edit, [N, D].
        before_txt: embeddings of the texts that describe the images before the edit, [N, D].
        after_txt: embeddings of the editing prompts, [N, D].

    Returns:
        float64 [N] in [-1, 1]. Source: Pérez-García et al., ECCV 2024, Section 4.4.

    Raises:
        ValueError: the four are not [N, D] of one size, or hold values that are not finite.
    """
    parts = [np.asarray(part, dtype=np.float64) for part in (before_img, after_img, before_txt, after_txt)]
    if parts[0].ndim != 2 or any(part.shape != parts[0].shape for part in parts):
        raise ValueError(f"Embeddings must be [N, D] of one size, found {[part.shape for part in parts]}.")
    if not all(np.isfinite(part).all() for part in parts):
        raise ValueError("Embeddings must be finite numbers; the encoder returned NaN or infinity.")
    image, text = parts[0] - parts[1], parts[2] - parts[3]
    lengths = np.linalg.norm(image, axis=1), np.linalg.norm(text, axis=1)
    moved = (lengths[0] > MIN_LENGTH) & (lengths[1] > MIN_LENGTH)
    product = np.where(moved, lengths[0] * lengths[1], 1.0)
    cosine = np.where(moved, np.sum(image * text, axis=1) / product, 0.0)
    return np.asarray(np.clip(cosine, -1.0, 1.0), dtype=np.float64)


class EditingScorer:
    """The editing score of images and texts, by one encoder.

    Args:
        encoder: embeds both.
    """

    def __init__(self, encoder: ImageTextEncoder) -> None:
        self.encoder = encoder
        self.name, self.digest = encoder.name, encoder.digest

    def score(
        self, before: Sequence[Image], after: Sequence[Image], report: Sequence[str], prompt: Sequence[str]
    ) -> NDArray[np.float64]:
        """Return one score an edit, float64 [N]; every distinct text is embedded once.

        Args:
            before: source images, uint8 [H, W] each.
            after: edited images, uint8 [H, W] each.
            report: what the source images show, in words.
            prompt: the editing prompts.

        Raises:
            ValueError: the four differ in length.
        """
        counts = [len(part) for part in (before, after, report, prompt)]
        if len(set(counts)) != 1:
            raise ValueError(f"Expected as many images as texts, found {counts}.")
        if not before:
            return np.zeros(0)
        texts = list(dict.fromkeys((*report, *prompt)))
        row = {text: index for index, text in enumerate(texts)}
        embedded = self.encoder.embed_texts(texts)
        return editing_score(
            self.encoder.embed_images(before),
            self.encoder.embed_images(after),
            embedded[[row[text] for text in report]],
            embedded[[row[text] for text in prompt]],
        )
