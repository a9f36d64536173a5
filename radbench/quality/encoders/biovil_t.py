"""BioViL-T: the image-text encoder of the paper's editing score (Section 4.4), assembled from its published files.

Images go through hi-ml's inference transform (short side to 512, centre crop 448, grey repeated to 3 channels, 0 to
1). They are not stretched to the full grey range once more: a source and its edit keep one grey scale, so that the
score sees the edit alone.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image as Pillow
from torch import Tensor

from radbench.errors import UsageError
from radbench.quality.editing_score import Embeddings, Image
from radbench.quality.encoders.biovil_network import JOINT, ImageModel, ProjectionHead
from radbench.quality.encoders.place import Place
from radbench.quality.encoders.state import load_strictly, read_state

_SHORT_SIDE, _CROP = 512, 448
_BERT, _HEAD = "bert.", "cls_projection_head."
_UNUSED = ("bert.embeddings.position_ids", "bert.pooler.", "cls.predictions.")


class BiovilT:
    """Embeds radiographs and what is said of them; each image and text alone, so rows never depend on each other.

    Args:
        place: the folder's files.
        device: where the networks run.

    Raises:
        UsageError: weights that lack keys, have unknown ones or ones of another size, or hold more than tensors; a
            configuration that is none of CXR-BERT's.
    """

    def __init__(self, place: Place, device: str = "cpu") -> None:
        self.name, self.digest = place.name, place.digest()
        self._device = device
        self._image = ImageModel()
        weights = place.files["image"]
        load_strictly(self._image, read_state(weights), weights, "BioViL-T's image model")
        self._image.to(device).eval()
        self._bert, self._head, self._longest = _text_model(place, device)
        self._tokenizer = _tokenizer(place)

    @torch.no_grad()
    def embed_images(self, images: Sequence[Image]) -> Embeddings:
        """Return unit vectors, float32 [N, 128]."""
        rows = [self._image(inference_pixels(image)[None].to(self._device)).cpu().numpy() for image in images]
        return np.concatenate([np.zeros((0, JOINT), np.float32), *rows])

    @torch.no_grad()
    def embed_texts(self, texts: Sequence[str]) -> Embeddings:
        """Return unit vectors, float32 [N, 128]; closing punctuation is dropped, as hi-ml does.

        Raises:
            UsageError: a text has more tokens than the model reads.
        """
        rows = [self._embed_text(text) for text in texts]
        return np.concatenate([np.zeros((0, JOINT), np.float32), *rows])

    def _embed_text(self, text: str) -> Embeddings:
        tokens = self._tokenizer(text.rstrip("!?."), return_tensors="pt", truncation=False)
        count = int(tokens["input_ids"].shape[1])
        if count > self._longest:
            shown = text if len(text) <= 60 else f"{text[:57]}..."
            raise UsageError(
                f"The text '{shown}' has {count} tokens; {self.name} reads at most {self._longest}, shorten it."
            )
        states = self._bert(
            input_ids=tokens["input_ids"].to(self._device),
            attention_mask=tokens["attention_mask"].to(self._device),
        ).last_hidden_state
        return np.asarray(self._head(states[:, 0]).cpu().numpy(), dtype=np.float32)


def inference_pixels(image: Image) -> Tensor:
    """Return a uint8 [H, W] image as BioViL-T reads it, float32 [3, 448, 448] in [0, 1].

    The same as torchvision's ``Resize(512)``, ``CenterCrop(448)``, ``ToTensor()`` on a Pillow image.
    """
    height, width = image.shape
    short = min(height, width)
    size = (int(_SHORT_SIDE * width / short), int(_SHORT_SIDE * height / short))
    resized = np.asarray(Pillow.fromarray(image).resize(size, Pillow.Resampling.BILINEAR))
    top, left = (round((side - _CROP) / 2) for side in resized.shape)
    cropped = resized[top : top + _CROP, left : left + _CROP]
    return torch.from_numpy(cropped.astype(np.float32) / 255)[None].repeat(3, 1, 1)


def _text_model(place: Place, device: str) -> tuple[Any, ProjectionHead, int]:
    from transformers import BertConfig, BertModel

    path = place.files["config"]
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
        config = BertConfig(**{name: value for name, value in settings.items() if name != "model_type"})
        bert = BertModel(config, add_pooling_layer=False)
        head = ProjectionHead(int(config.hidden_size), JOINT)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise UsageError(f"The configuration {path} is none of CXR-BERT's: {error}.") from error
    weights = place.files["text"]
    state = read_state(weights)
    load_strictly(bert, _part(state, _BERT), weights, "CXR-BERT", _BERT)
    load_strictly(head, _part(state, _HEAD), weights, "CXR-BERT's projection", _HEAD)
    return bert.to(device).eval(), head.to(device).eval(), int(config.max_position_embeddings)


def _part(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in state.items()
        if name.startswith(prefix) and not name.startswith(_UNUSED)
    }


def _tokenizer(place: Place) -> Any:
    from transformers import BertTokenizerFast

    return BertTokenizerFast.from_pretrained(str(place.folder), local_files_only=True)
