"""What is done to training films: declared transforms and their ranges, each drawn anew for every film and epoch."""

from typing import Annotated, Final, Self, TypeAlias

from pydantic import AfterValidator, Field, model_validator

from radbench.specs.base import Base


def _ordered(limits: list[float]) -> list[float]:
    if limits[0] > limits[1]:
        raise ValueError(f"the range is [{limits[0]:g}, {limits[1]:g}], expected the lower value first")
    return limits


Range: TypeAlias = Annotated[
    list[Annotated[float, Field(gt=0.0)]], Field(min_length=2, max_length=2), AfterValidator(_ordered)
]
"""Lowest and highest value of a uniform draw, both above 0."""


class FlipSpec(Base):
    """Left and right change places (``torchvision.transforms.v2.RandomHorizontalFlip``).

    Attributes:
        probability: How often.
    """

    probability: Annotated[float, Field(ge=0.0, le=1.0)] = 0.5


class AffineSpec(Base):
    """One affine map about the centre, bilinear (``RandomAffine``); what comes from outside the film is black.

    Attributes:
        rotation: Widest angle to either side, in degrees.
        shear: Widest angle of the shear along the rows to either side, in degrees.
        scale: Range of the factor of size; above 1 enlarges.
        translate: Widest shift to either side, as a share of height and of width.
    """

    rotation: Annotated[float, Field(ge=0.0, le=180.0)] = 0.0
    shear: Annotated[float, Field(ge=0.0, lt=90.0)] = 0.0
    scale: Range = Field(default=[1.0, 1.0])
    translate: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0


class JitterSpec(Base):
    """Brightness and contrast by a factor each, in either order (``ColorJitter``); the result is cut off at 0 and 1.

    Attributes:
        brightness: Range of the factor of all values.
        contrast: Range of the factor of the distance from the film's mean value.
    """

    brightness: Range = Field(default=[1.0, 1.0])
    contrast: Range = Field(default=[1.0, 1.0])


class CropSpec(Base):
    """A random part of the film, brought back to its size (``RandomResizedCrop``).

    Attributes:
        scale: Range of the part's share of the area, up to 1.
        ratio: Range of the part's width over its height, before it is brought back.
    """

    scale: Range
    ratio: Range = Field(default=[1.0, 1.0])

    @model_validator(mode="after")
    def _inside(self) -> Self:
        if self.scale[1] > 1.0:
            raise ValueError(
                f"scale is {self.scale}, expected at most 1: a crop is a part (enlarge with 'affine: {{scale: ...}}')"
            )
        return self


class NoiseSpec(Base):
    """Gaussian noise of mean 0 added to every pixel (``GaussianNoise``); the result is cut off at 0 and 1.

    Attributes:
        std: Its standard deviation; black is 0 and white 1.
    """

    std: Annotated[float, Field(gt=0.0, le=1.0)]


class ElasticSpec(Base):
    """An elastic deformation by a grid of control points, smooth between them (``monai.transforms.Rand2DElasticd``).

    Attributes:
        scale: The points move by Gaussian steps whose standard deviation is drawn from 0 to this share of the distance
            between two of them.
        spacing: The distance between two points as a share of the film's side.
    """

    scale: Annotated[float, Field(gt=0.0, le=0.5)]
    spacing: Annotated[float, Field(gt=0.0, le=0.5)] = 0.125


TRANSFORMS: Final = ("flip", "affine", "jitter", "crop", "noise", "elastic")


class Augment(Base):
    """One transform: exactly one of its names, with its ranges.

    Attributes:
        flip: Left and right change places.
        affine: Rotation, shear, size and shift.
        jitter: Brightness and contrast.
        crop: A random part, brought back to size.
        noise: Gaussian noise.
        elastic: An elastic deformation.
    """

    flip: FlipSpec | None = None
    affine: AffineSpec | None = None
    jitter: JitterSpec | None = None
    crop: CropSpec | None = None
    noise: NoiseSpec | None = None
    elastic: ElasticSpec | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = [name for name in TRANSFORMS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                f"a step of augment names {' and '.join(given) or 'no transform'}, expected exactly one of "
                f"{', '.join(TRANSFORMS)} (a dash before each)"
            )
        return self
