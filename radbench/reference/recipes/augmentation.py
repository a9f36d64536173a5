"""Declared transforms of one film and its mask, by torchvision (v2) and MONAI, from one seed."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

import torch
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode, v2

from radbench.specs import InputContract
from radbench.specs.augmentation import (
    AffineSpec,
    Augment,
    CropSpec,
    ElasticSpec,
    FlipSpec,
    JitterSpec,
    NoiseSpec,
)

Pair: TypeAlias = tuple[torch.Tensor, torch.Tensor | None]
"""A film, float32 [1, H, W] in [0, 1], and its mask, uint8 [1, H, W] of 0 and 1, where there is one."""
Step: TypeAlias = Callable[[torch.Tensor, torch.Tensor | None, int], Pair]
"""Changes a pair by a seed, or by torch's own generator."""


class Augmenter:
    """All transforms of a recipe, in order.

    Args:
        steps: the declared transforms.
        contract: the input contract; films are of its size, and outside them is black.
    """

    def __init__(self, steps: Sequence[Augment], contract: InputContract) -> None:
        height, width = contract.spatial_shape
        black = 1.0 if contract.photometric == "MONOCHROME1" else 0.0
        self.steps = [_step(step, (height, width), black) for step in steps]

    def __call__(self, image: torch.Tensor, mask: torch.Tensor | None, seed: int) -> Pair:
        """Return a changed copy of a film and, moved alike, its mask.

        Args:
            image: float32 [1, H, W] in [0, 1].
            mask: uint8 [1, H, W] of 0 and 1, or None.
            seed: decides every draw; the caller's random numbers stay as they were.
        """
        with torch.random.fork_rng(devices=[]), one_thread():
            torch.default_generator.manual_seed(seed)
            for step in self.steps:
                image, mask = step(image, mask, seed)
        return image.clamp(0.0, 1.0), mask


@contextmanager
def one_thread() -> Iterator[None]:
    """Use one thread for the block, as a loader's own process does: sums then round alike with any workers."""
    before = torch.get_num_threads()
    if before == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _step(step: Augment, size: tuple[int, int], black: float) -> Step:
    given = next(found for found in (getattr(step, name) for name in type(step).model_fields) if found)
    if isinstance(given, ElasticSpec):
        return _elastic(given, size)
    return _of_torchvision(_transform(given, size, black))


def _transform(given: object, size: tuple[int, int], black: float) -> Callable[..., object]:
    bilinear = InterpolationMode.BILINEAR
    found: Callable[..., object]
    if isinstance(given, FlipSpec):
        found = v2.RandomHorizontalFlip(given.probability)
    elif isinstance(given, AffineSpec):
        shift = (given.translate, given.translate)
        fill = {tv_tensors.Image: black, tv_tensors.Mask: 0}
        found = v2.RandomAffine(
            given.rotation, shift, tuple(given.scale), given.shear, interpolation=bilinear, fill=fill
        )
    elif isinstance(given, JitterSpec):
        found = v2.ColorJitter(tuple(given.brightness), tuple(given.contrast))
    elif isinstance(given, CropSpec):
        found = v2.RandomResizedCrop(size, tuple(given.scale), tuple(given.ratio), interpolation=bilinear)
    elif isinstance(given, NoiseSpec):
        found = v2.GaussianNoise(0.0, given.std)
    else:
        raise TypeError(f"{type(given).__name__} is no declared transform")
    return found


def _of_torchvision(transform: Callable[..., object]) -> Step:
    def step(image: torch.Tensor, mask: torch.Tensor | None, seed: int) -> Pair:
        del seed  # torch's generator has it
        picture = tv_tensors.Image(image)
        if mask is None:
            return _plain(transform(picture)), None
        found = transform(picture, tv_tensors.Mask(mask))
        if not isinstance(found, tuple):
            raise TypeError(f"a transform gave a {type(found).__name__}, expected a film and its mask")
        return _plain(found[0]), _plain(found[1])

    return step


def _elastic(given: ElasticSpec, size: tuple[int, int]) -> Step:
    from monai.transforms import Rand2DElasticd

    spacing = tuple(max(1, round(given.spacing * side)) for side in size)
    transform = Rand2DElasticd(
        keys=["image", "mask"],
        spacing=spacing,
        magnitude_range=(0.0, given.scale * min(spacing)),
        prob=1.0,
        mode=["bilinear", "nearest"],
        padding_mode="border",
        allow_missing_keys=True,
    )

    def step(image: torch.Tensor, mask: torch.Tensor | None, seed: int) -> Pair:
        transform.set_random_state(seed=seed % 2**32)
        pair = {"image": image} if mask is None else {"image": image, "mask": mask.float()}
        found = transform(pair)
        moved = None if mask is None else _plain(found["mask"]).to(mask.dtype)
        return _plain(found["image"]), moved

    return step


def _plain(found: object) -> torch.Tensor:
    """Return the tensor without the class that a library gave it."""
    if not isinstance(found, torch.Tensor):
        raise TypeError(f"a transform gave a {type(found).__name__}, expected a tensor")
    return found.as_subclass(torch.Tensor)
