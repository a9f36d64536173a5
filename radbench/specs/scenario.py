"""One scenario inside a shift: its prompts, its masks, its editor and its controls."""

from collections.abc import Mapping
from importlib.metadata import entry_points
from string import Formatter
from typing import Annotated, Final, Literal, Self, TypeAlias

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from radbench.errors import UsageError, did_you_mean
from radbench.specs.anchor import AnchorSpec
from radbench.specs.base import Base, Name, OneOrList, Text, as_list, repeated

REPORT = "report"
"""The field of a study's own report."""
NO_MASK = "none"
"""The mask source that means nowhere (and, with ``complement``, everywhere)."""
REFERENCE_SIZE = 512
"""Short side of the paper's images, in pixels, at which distances are given."""
EDITORS: Final = ("radedit", "diffedit", "lance", "sdedit", "inpaint")
"""The editors that radbench brings."""
EDITOR_GROUP: Final = "radbench.editors"
"""Entry points of other packages' editors."""
_DOSED = ("guidance_scale", "skip_ratio", "mask_growth")
Binary = Annotated[int, Field(ge=0, le=1)]


def known_editor(name: str) -> str:
    """Return the name of an editor that radbench brings, or that another package registers.

    Raises:
        ValueError: there is none of that name; the sentence gives the nearest one.
    """
    if name in EDITORS:
        return name
    known = [*EDITORS, *(point.name for point in entry_points(group=EDITOR_GROUP))]
    if name not in known:
        hint = did_you_mean(name, known)
        raise ValueError(f"there is no editor '{name}', expected one of {', '.join(known)}.{hint}")
    return name


Precision: TypeAlias = Literal["float32", "tf32", "bfloat16"]
EditorName: TypeAlias = Annotated[
    str,
    AfterValidator(known_editor),
    WithJsonSchema({"anyOf": [{"enum": list(EDITORS)}, {"type": "string"}]}),
]


def template_fields(template: str) -> list[str]:
    """Return the names between braces, in their order.

    Raises:
        ValueError: a brace without its partner, or more than a name between two braces.
    """
    try:
        parts = list(Formatter().parse(template))
    except ValueError as error:
        raise ValueError(
            f"the prompt '{template}' has a brace without its partner ({error}), expected '{{name}}', "
            f"or '{{{{' for the brace itself"
        ) from None
    names = []
    for _, name, form, conversion in parts:
        if name is None:
            continue
        if not name.isidentifier() or form or conversion:
            raise ValueError(
                f"the prompt '{template}' has '{{{name}{'!' + conversion if conversion else ''}"
                f"{':' + form if form else ''}}}', expected just a name between braces, such as '{{report}}'"
            )
        names.append(name)
    return names


def checked_template(template: str) -> str:
    """Return the template as it is; see ``template_fields`` for the errors."""
    template_fields(template)
    return template


def fill(template: str, values: Mapping[str, object], where: str) -> str:
    """Return the prompt with every field replaced; ``{Side}`` is ``{side}`` with a capital first letter.

    Args:
        template: the prompt.
        values: what each field stands for.
        where: names the prompt and the study in an error.

    Raises:
        UsageError: a field that ``values`` lacks.
    """
    return template.format_map({name: _word(name, values, where) for name in template_fields(template)})


def _word(name: str, values: Mapping[str, object], where: str) -> str:
    if name in values:
        return str(values[name])
    small = name[:1].lower() + name[1:]
    if small in values:
        text = str(values[small])
        return text[:1].upper() + text[1:]
    raise UsageError(
        f"{where} has the field '{{{name}}}', expected one of "
        f"{', '.join(f'{{{known}}}' for known in sorted(values))}.{did_you_mean(name, sorted(values))}"
    )


class MaskRule(Base):
    """How a mask of a scenario is made: union, then dilation, then complement.

    Attributes:
        source: Name of a mask of the study, a list of names for their union, or ``"none"`` for an empty mask.
        dilate: Radius of the isotropic dilation, in pixels of an image whose short side is ``at``.
        at: The reference size that ``dilate`` is given at (the paper's images are 512 pixels).
        complement: Take everything outside instead. With the edit mask's source this is the paper's
            ``m_keep = 1 - m_edit`` (Section 5.2); with ``"none"`` it is the whole image.
    """

    source: OneOrList[Name]
    dilate: float = Field(default=0.0, ge=0.0, le=512.0)
    at: int = Field(default=REFERENCE_SIZE, ge=1, le=16384)
    complement: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The study's masks that are united; empty for ``"none"``."""
        return tuple(name for name in as_list(self.source) if name != NO_MASK)

    def radius(self, short_side: int) -> float:
        """Return the dilation radius in pixels of an image whose short side is ``short_side``."""
        return self.dilate * short_side / self.at

    def same_region(self, other: "MaskRule") -> bool:
        """Whether both take the same masks the same way round, whatever their dilation."""
        return (frozenset(self.names), self.complement) == (frozenset(other.names), other.complement)

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        names = as_list(self.source)
        twice = repeated(names)
        if twice is not None:
            raise ValueError(f"source names the mask '{twice}' twice, expected each mask once")
        if NO_MASK in names and len(names) > 1:
            raise ValueError("source names 'none' beside other masks, expected 'none' alone or masks only")
        return self


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
        precision: Of the noise predictor's arithmetic: ``float32``; ``tf32``, float32 with TF32 products on a GPU
            that has them; or ``bfloat16``. Latents, scheduler and autoencoder are float32 in all. Another precision
            is another edit, with other last bits.
    """

    name: EditorName = "radedit"
    num_inference_steps: int = Field(default=30, ge=1, le=1000)
    guidance_scale: OneOrList[Annotated[float, Field(ge=0.0, le=100.0)]] = 15.0
    skip_ratio: OneOrList[Annotated[float, Field(ge=0.0, lt=1.0)]] = 0.2
    mask_growth: OneOrList[Annotated[float, Field(ge=0.0, le=512.0)]] = 0.0
    mask_threshold: float = Field(default=0.5, gt=0.0, le=1.0)
    paste_back: PasteBack = PasteBack()
    precision: Precision = "float32"

    @property
    def main(self) -> "EditorSpec":
        """The same editor with one value for each setting: the first where a list is given."""
        return self.model_copy(update={factor: float(values[0]) for factor, values in self._dosed().items()})

    def doses(self) -> list[tuple[str, float, "EditorSpec"]]:
        """Return each further value of each list: the factor's name, its value, and the whole editor with it."""
        return [
            (factor, float(value), self.main.model_copy(update={factor: float(value)}))
            for factor, values in self._dosed().items()
            for value in values[1:]
        ]

    def _dosed(self) -> dict[str, list[float]]:
        return {factor: as_list(getattr(self, factor)) for factor in _DOSED}

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        for factor, values in self._dosed().items():
            twice = repeated(values)
            if twice is not None:
                raise ValueError(f"{factor} has the dose {twice:g} twice, expected each dose once")
        return self


Template = Annotated[Text, AfterValidator(checked_template)]
"""A prompt that may have fields such as ``{report}``."""


class Placebo(Base):
    """The edit where the finding is absent: it should change little.

    Each placebo study borrows the masks of one study of the scenario; prompt and settings are the same.

    Attributes:
        select: Labels or attributes that a placebo study must have, with their values.
        size: Number of placebo edits at most.
    """

    select: dict[Name, int | str] = Field(min_length=1)
    size: int = Field(default=16, ge=1, le=100_000)


class Scenario(Base):
    """One prompt and mask rule inside a shift.

    Prompts are templates: ``{report}`` is the study's own report, ``{side}`` (or any other attribute) its
    attribute, ``{Side}`` the same with a capital first letter.

    Attributes:
        name: Name of the scenario, unique in its shift.
        select: Labels or attributes that a study must have to be edited, with their values.
        prompt: What the edited image should show; ``{side}`` is the side after the edit.
        invert_prompt: Prompt of the inversion and of the unguided branch; empty as in the paper.
        edit_mask: Where the prompt acts.
        keep_mask: Where nothing may change; None for nowhere. Where both masks are set, it wins.
        labels_after: Labels that the edit changes, with their values after it.
        attributes_after: Attributes that the edit changes, such as the side of an added finding.
        sham_prompt: Prompt of the sham edit, which keeps what the study shows; None for no sham edits.
        placebo: The edit where the finding is absent; None for none.
        editor: The editor of this scenario instead of the shift's.
        anchor: Real films that already show what the edit makes, to be measured beside the edited ones; None for none.
    """

    name: Name
    select: dict[Name, int | str] = Field(default_factory=dict)
    prompt: Template
    invert_prompt: Annotated[str, AfterValidator(checked_template)] = ""
    edit_mask: MaskRule
    keep_mask: MaskRule | None = None
    labels_after: dict[Name, Binary] = Field(default_factory=dict)
    attributes_after: dict[Name, str] = Field(default_factory=dict)
    sham_prompt: Template | None = "{report}"
    placebo: Placebo | None = None
    editor: EditorSpec | None = None
    anchor: AnchorSpec | None = Field(default=None, exclude_if=lambda found: found is None)

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if self.keep_mask is not None and self.keep_mask.same_region(self.edit_mask):
            raise ValueError(
                f"edit_mask and keep_mask of scenario '{self.name}' are the same mask, so nothing would be "
                f"edited; expected another keep_mask (or complement: true for all that is outside)"
            )
        if self.placebo is not None and self.placebo.select == self.select:
            raise ValueError(
                f"the placebo of scenario '{self.name}' selects the studies that are edited, expected "
                f"studies without the finding"
            )
        return self
