"""The editor that a shift declares, its settings, and the doses of a setting that is given as a list."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Discriminator, Field, Tag, model_validator

from radbench.specs.base import Base
from radbench.specs.shapes import as_list, one_or_list

EditorName: TypeAlias = Literal["radedit", "diffedit", "lance", "sdedit", "inpaint"]

_Guidance: TypeAlias = Annotated[float, Field(ge=0.0, le=100.0)]
_Skip: TypeAlias = Annotated[float, Field(ge=0.0, lt=1.0)]
_Growth: TypeAlias = Annotated[float, Field(ge=0.0, le=512.0)]
_DOSED = ("guidance_scale", "skip_ratio", "mask_growth")


class PasteBack(Base):
    """Whether the source's pixels are pasted back over the keep region, and how softly.

    Attributes:
        enabled: Paste or not. An autoencoder changes pixels whose latents were kept.
        feather: Standard deviation of the Gaussian border, in pixels of the image's own size.
    """

    enabled: bool = True
    feather: float = Field(default=1.0, ge=0.0, le=64.0)


class EditorSpec(Base):
    """The editor and all its settings (Algorithm 3 of the paper).

    ``guidance_scale``, ``skip_ratio`` and ``mask_growth`` may be lists. The first entry is then the setting of
    the stress set and its controls; every other entry is a dose, edited with all other settings at their first
    entry, for the curve of dose and response.

    Attributes:
        name: The editing algorithm.
        num_inference_steps: Steps of the noise schedule, T.
        guidance_scale: Weight of classifier-free guidance inside the edit mask.
        skip_ratio: Share of the noisiest steps that are skipped; editing starts at step
            floor(skip_ratio * T).
        mask_growth: Further dilation of the edit mask beyond its rule's, in pixels of an image whose short
            side is 512.
        mask_threshold: Covered share of a latent cell from which the cell belongs to a mask.
        paste_back: Pixel paste-back over the keep region.
    """

    name: EditorName = "radedit"
    num_inference_steps: int = Field(default=30, ge=1, le=1000)
    guidance_scale: Annotated[
        Annotated[_Guidance, Tag("one")] | Annotated[list[_Guidance], Field(min_length=1), Tag("list")],
        Discriminator(one_or_list),
    ] = 15.0
    skip_ratio: Annotated[
        Annotated[_Skip, Tag("one")] | Annotated[list[_Skip], Field(min_length=1), Tag("list")],
        Discriminator(one_or_list),
    ] = 0.2
    mask_growth: Annotated[
        Annotated[_Growth, Tag("one")] | Annotated[list[_Growth], Field(min_length=1), Tag("list")],
        Discriminator(one_or_list),
    ] = 0.0
    mask_threshold: float = Field(default=0.5, gt=0.0, le=1.0)
    paste_back: PasteBack = PasteBack()

    @property
    def main(self) -> "EditorSpec":
        """The same editor with one value for each setting: the first where a list is given."""
        return _with(self, {factor: float(values[0]) for factor, values in self._dosed().items()})

    def doses(self) -> list[tuple[str, float, "EditorSpec"]]:
        """Return each further value of each list: the factor's name, its value, and the whole editor with it."""
        return [
            (factor, float(value), _with(self.main, {factor: float(value)}))
            for factor, values in self._dosed().items()
            for value in values[1:]
        ]

    def _dosed(self) -> dict[str, list[float]]:
        return {factor: as_list(getattr(self, factor)) for factor in _DOSED}

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        for factor, values in self._dosed().items():
            twice = next((value for value in values if values.count(value) > 1), None)
            if twice is not None:
                raise ValueError(f"{factor} has the dose {twice:g} twice, expected each dose once")
        return self


def _with(editor: EditorSpec, settings: Mapping[str, float]) -> EditorSpec:
    return editor.model_copy(update=dict(settings))
