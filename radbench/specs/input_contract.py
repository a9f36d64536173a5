"""What a model expects of an image, in the vocabulary of MONAI's ``network_data_format``.

MONAI's bundle specification (https://docs.monai.io/en/stable/mb_specification.html) describes an input by its type,
format, number of channels, spatial shape, data type, value range and the meaning of each channel. The resize rule,
the standardisation and the layout, which a bundle's transforms hold, are declared beside them.
"""

from typing import Annotated, Literal, Self

from pydantic import AliasChoices, Field, model_validator

from radbench.specs.base import Base, Text


class InputContract(Base):
    """What the model expects of an image.

    Attributes:
        type: Kind of data; images only.
        format: What a value means.
        channels: Channels of the input (MONAI: ``num_channels``); a grayscale image is repeated.
        spatial_shape: Height and width in pixels.
        dtype: Type of the values; integers are rounded.
        value_range: Lowest and highest value before standardisation.
        intensity: How a film's stored values are mapped to ``value_range``. ``stored-range``: black (0) and white (255
            of 8 bits, 65535 of 16) are mapped to its ends. ``min-max``: the film's own smallest and largest value are.
            ``window``: the two values of ``window`` are, and what lies beyond is cut off.
        window: Lower and upper value of ``intensity: window``, as shares of white, 0 to 1.
        is_patch_data: Whether the model sees patches; whole images only.
        channel_def: Meaning of each channel by its number, such as ``{"0": "image"}`` or red, green and blue.
        photometric: DICOM's word for what is bright: bone (MONOCHROME2), or air (MONOCHROME1, an inverted film).
        resize: How another size is brought to ``spatial_shape``: stretched; padded with black to its aspect; or its
            centre cropped to its aspect.
        layout: Order of the axes.
        mean: Mean subtracted from each channel, in units of ``value_range``.
        std: Standard deviation that each channel is divided by, in units of ``value_range``.
    """

    type: Literal["image"] = "image"
    format: Text = "magnitude"
    channels: int = Field(default=1, ge=1, le=4, validation_alias=AliasChoices("channels", "num_channels"))
    spatial_shape: Annotated[list[Annotated[int, Field(ge=8, le=8192)]], Field(min_length=2, max_length=2)]
    dtype: Literal["float32", "float16", "float64", "uint8", "uint16", "int16", "int32"] = "float32"
    value_range: Annotated[list[float], Field(min_length=2, max_length=2)] = Field(
        default_factory=lambda: [0.0, 1.0]
    )
    intensity: Literal["stored-range", "min-max", "window"] = "stored-range"
    window: (
        Annotated[list[Annotated[float, Field(ge=0.0, le=1.0)]], Field(min_length=2, max_length=2)] | None
    ) = None
    is_patch_data: Literal[False] = False
    channel_def: dict[str, Text] = Field(default_factory=dict)
    photometric: Literal["MONOCHROME1", "MONOCHROME2"] = "MONOCHROME2"
    resize: Literal["stretch", "pad", "crop"] = "stretch"
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    mean: list[float] = Field(default_factory=list)
    std: list[Annotated[float, Field(gt=0.0)]] = Field(default_factory=list)

    @property
    def means(self) -> list[float]:
        """One mean a channel; 0 where none is declared."""
        return self.mean or [0.0] * self.channels

    @property
    def stds(self) -> list[float]:
        """One standard deviation a channel; 1 where none is declared."""
        return self.std or [1.0] * self.channels

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        low, high = self.value_range
        if low >= high:
            raise ValueError(f"value_range is [{low}, {high}], expected the lower value first")
        if (self.intensity == "window") != (self.window is not None):
            raise ValueError(
                f"intensity is '{self.intensity}' and window is {self.window}, expected a window with "
                "'intensity: window' and with nothing else"
            )
        if self.window is not None and self.window[0] >= self.window[1]:
            raise ValueError(f"window is {self.window}, expected the lower value first")
        for field, values in (("mean", self.mean), ("std", self.std)):
            if values and len(values) != self.channels:
                raise ValueError(
                    f"{field} has length {len(values)}, expected one value for each of the channels "
                    f"({self.channels})"
                )
        wrong = sorted(set(self.channel_def) - {str(number) for number in range(self.channels)})
        if wrong:
            raise ValueError(
                f"channel_def has '{wrong[0]}', expected the numbers of the channels, '0' to '{self.channels - 1}'"
            )
        return self
