"""A dataset shift as an auditor declares it: whose images, which edits, which editor, what to measure.

Vocabulary and defaults follow RadEdit (Pérez-García et al. 2024, Sections 4 and 5): the edit mask is the
paper's ``m_edit``, the keep mask its ``m_keep``.
"""

from collections import Counter
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from radbench.specs.base import Base, Name, Text

Metric = Literal["accuracy", "sensitivity", "specificity", "auroc"]


class MaskRule(Base):
    """How a mask of a scenario is made from a mask of the study.

    Attributes:
        source: Name of a mask of the study, or ``"none"`` for an empty mask.
        dilate: Radius of the isotropic dilation, in pixels of an image whose short side is ``at``.
        at: The reference size that ``dilate`` is given at (the paper's images are 512 pixels).
    """

    source: Name
    dilate: float = Field(default=0.0, ge=0.0, le=512.0)
    at: int = Field(default=512, ge=1, le=16384)

    def radius(self, short_side: int) -> float:
        """Return the dilation radius in pixels of an image whose short side is ``short_side``."""
        return self.dilate * short_side / self.at


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

    Attributes:
        name: The editing algorithm.
        num_inference_steps: Steps of the noise schedule, T.
        guidance_scale: Weight of classifier-free guidance inside the edit mask.
        skip_ratio: Share of the noisiest steps that are skipped; editing starts at step
            floor(skip_ratio * T).
        mask_threshold: Covered share of a latent cell from which the cell belongs to a mask.
        paste_back: Pixel paste-back over the keep region.
    """

    name: Literal["radedit"] = "radedit"
    num_inference_steps: int = Field(default=30, ge=1, le=1000)
    guidance_scale: float = Field(default=15.0, ge=0.0, le=100.0)
    skip_ratio: float = Field(default=0.2, ge=0.0, lt=1.0)
    mask_threshold: float = Field(default=0.5, gt=0.0, le=1.0)
    paste_back: PasteBack = PasteBack()


class Scenario(Base):
    """One prompt and mask rule inside a shift.

    Attributes:
        name: Name of the scenario, unique in its shift.
        select: Labels or attributes that a study must have to be edited, with their values.
        prompt: What the edited image should show.
        invert_prompt: Prompt of the inversion and of the unguided branch; empty as in the paper.
        edit_mask: Where the prompt acts.
        keep_mask: Where nothing may change; None for nowhere.
        labels_after: Labels that the edit changes, with their values after it.
    """

    name: Name
    select: dict[Name, int | str] = Field(default_factory=dict)
    prompt: Text
    invert_prompt: str = ""
    edit_mask: MaskRule
    keep_mask: MaskRule | None = None
    labels_after: dict[Name, Annotated[int, Field(ge=0, le=1)]] = Field(min_length=1)


class SourceSpec(Base):
    """The cohort whose images are edited and whose test split is the real set.

    Attributes:
        cohort: ``phantom/<name>`` for an embedded cohort, or ``folder:<path>`` for a folder with a
            manifest (relative to the YAML file).
        split: The split that is drawn.
        size: Number of studies.
        seed: Seed of the draw.
    """

    cohort: Annotated[str, Field(pattern=r"^(phantom/[a-z0-9_-]+|folder:.+)$")]
    split: Name = "test"
    size: int = Field(ge=1, le=10_000_000)
    seed: int = Field(default=0, ge=0, lt=2**31)


class ShiftSpec(Base):
    """A dataset shift, complete: nothing else decides what the test set shows.

    Attributes:
        name: Name of the shift.
        title: One line for people.
        description: What fails in the world if a model is not robust to it.
        kind: Kind of the shift, after the paper's Section 3.
        target: The label that the models predict.
        source: The cohort.
        bundle: ``phantom`` for the embedded diffusion bundle, a bundle's folder, or the YAML of an assembly.
        scenarios: The edits.
        editor: The editor and its settings.
        metrics: What is measured.
        models: Names of the models that run unless others are asked for.
    """

    name: Name
    title: Text
    description: Text
    kind: Literal["acquisition", "manifestation", "population"]
    target: Name
    source: SourceSpec
    bundle: Text = "phantom"
    scenarios: list[Scenario] = Field(min_length=1)
    editor: EditorSpec = EditorSpec()
    metrics: list[Metric] = Field(min_length=1)
    models: list[Text] = Field(default_factory=list)

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        for field, names in (
            ("scenarios", [scenario.name for scenario in self.scenarios]),
            ("metrics", list(self.metrics)),
            ("models", self.models),
        ):
            twice = [name for name, count in Counter(names).items() if count > 1]
            if twice:
                raise ValueError(f"{field} names '{twice[0]}' twice, expected each name once")
        for scenario in self.scenarios:
            if self.target not in scenario.labels_after:
                raise ValueError(
                    f"labels_after of scenario '{scenario.name}' lacks the target '{self.target}', "
                    f"expected 0 or 1 for it after the edit"
                )
        return self
