"""BioViL-T: the image-text encoder of the paper's editing score (Section 4.4), assembled from its published files.

Images go through hi-ml's inference transform (short side to 512, centre crop 448, grey repeated to 3 channels, 0 to
1). They are not stretched to the full grey range once more: a source and its edit keep one grey scale, so that the
score sees the edit alone.

The networks are laid out so that Microsoft's published weights fit them key by key, after Bannur et al., CVPR 2023
(arXiv 2301.04558) and the public ``health_multimodal`` package of microsoft/hi-ml, which is not needed here.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image as Pillow
from torch import Tensor, nn
from torch.nn import functional

from radbench.errors import UsageError
from radbench.quality.editing_score import Embeddings, Image
from radbench.quality.encoders.files import Place, load_strictly, read_state

JOINT = 128
"""Length of an embedding in the space that images and texts share."""

_STATIC = 256
_BLOCKS = 3


class ImageModel(nn.Module):
    """ResNet-50, static and (missing) temporal features, projector: 372 tensors.

    The ResNet is timm's, whose keys, strides and values are torchvision's; its classifier is loaded and never used.
    """

    def __init__(self) -> None:
        super().__init__()
        self.encoder = _MultiImageEncoder()
        self.projector = _Projector(2 * _STATIC, JOINT)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return unit vectors, float32 [N, 128], for float32 [N, 3, 448, 448] images in [0, 1]."""
        projected = self.projector.model(self.encoder(pixels))
        return functional.normalize(projected.mean(dim=(2, 3)), dim=1)


class _MultiImageEncoder(nn.Module):
    """Patch features of one image; what would be its change since a previous one is the learnt "missing" vector."""

    def __init__(self) -> None:
        super().__init__()
        import timm

        self.encoder: Any = timm.create_model("resnet50", pretrained=False)
        self.backbone_to_vit = nn.Conv2d(int(self.encoder.num_features), _STATIC, 1, bias=False)
        self.vit_pooler = _Pooler(_STATIC)
        self.missing_previous_emb = nn.Parameter(torch.zeros(1, _STATIC, 1, 1))

    def forward(self, pixels: Tensor) -> Tensor:
        """Return float32 [N, 512, h, w]: static features, then the missing-previous vector at every place."""
        static = self.backbone_to_vit(self.encoder.forward_features(pixels))
        return torch.cat([static, self.missing_previous_emb.expand_as(static)], dim=1)


class _Projector(nn.Module):
    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        self.model = nn.Sequential(
            nn.Conv2d(width, out, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU(), nn.Conv2d(out, out, 1)
        )


class _Pooler(nn.Module):
    """Weights of the transformer that compares an image with a previous one; held to load strictly, never run."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(_block(width) for _ in range(_BLOCKS))
        self.norm_post = nn.LayerNorm(width)
        self.type_embed = nn.Parameter(torch.zeros(2, 1, width))


def _block(width: int) -> nn.Module:
    attention = {f"proj_{name}": nn.Linear(width, width, bias=False) for name in "qkv"}
    attention["proj"] = nn.Linear(width, width)
    return nn.ModuleDict(
        {
            "norm1": nn.LayerNorm(width),
            "attn": nn.ModuleDict(attention),
            "norm2": nn.LayerNorm(width),
            "mlp": nn.ModuleDict({"fc1": nn.Linear(width, width), "fc2": nn.Linear(width, width)}),
        }
    )


class ProjectionHead(nn.Module):
    """CXR-BERT's ``cls_projection_head``: the [CLS] state to the joint space.

    Args:
        hidden: width of the BERT.
        projection: length of an embedding.
    """

    def __init__(self, hidden: int, projection: int) -> None:
        super().__init__()
        self.dense_to_hidden = nn.Linear(hidden, projection)
        self.LayerNorm = nn.LayerNorm(projection, eps=1e-12)
        self.dense_to_output = nn.Linear(projection, projection)

    def forward(self, state: Tensor) -> Tensor:
        """Return unit vectors, float32 [N, projection], for float32 [N, hidden] states."""
        hidden = self.LayerNorm(functional.gelu(self.dense_to_hidden(state)))
        return functional.normalize(self.dense_to_output(hidden), dim=1)


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
        from transformers import BertTokenizerFast

        self.name, self.digest = place.name, place.digest()
        self._device = device
        self._image = ImageModel()
        weights = place.files["image"]
        load_strictly(self._image, read_state(weights), weights, "BioViL-T's image model")
        self._image.to(device).eval()
        self._bert, self._head, self._longest = _text_model(place, device)
        self._tokenizer: Any = BertTokenizerFast.from_pretrained(str(place.folder), local_files_only=True)

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
