"""BioViL-T's networks, laid out so that Microsoft's published weights fit them key by key.

Structure after Bannur et al., CVPR 2023 (arXiv 2301.04558) and the public ``health_multimodal`` package of
microsoft/hi-ml, which is not needed here.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

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
