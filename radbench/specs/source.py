"""Whose films: a cohort, which part of it, what its labels mean, and cohorts that join it."""

from collections.abc import Sequence
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import AfterValidator, Field, model_validator

from radbench.specs.base import Base, Name, Text, repeated

FOLDER = "folder:"
PHANTOM = "phantom/"
View: TypeAlias = Literal["PA", "AP", "frontal", "lateral", "other", "unknown"]
"""How a film was taken; ``frontal`` is PA or AP where nobody says which, ``unknown`` where nothing is said."""
FRONTAL: tuple[View, ...] = ("PA", "AP", "frontal")
Selected: TypeAlias = dict[Name, int | str]
"""Labels or attributes with the value that they must have; ``">=65"``, ``">65"`` (and ``<``) are limits."""


def _shares(splits: dict[str, float]) -> dict[str, float]:
    if abs(sum(splits.values()) - 1.0) > 1e-6:
        raise ValueError(f"make_splits has shares that add up to {sum(splits.values()):g}, expected 1")
    return splits


CohortName: TypeAlias = Annotated[
    str, Field(pattern=r"^(phantom/[a-z0-9_-]+|[a-z][a-z0-9_-]*:.+|[a-z][a-z0-9_-]*)$")
]
"""``phantom/<name>``, ``<source>:<path>``, or a public dataset by its name."""


class LabelsSpec(Base):
    """What a label that is neither 0, 1 nor blank means. Without this, a folder's is refused and a dataset's ignored.

    Attributes:
        uncertain: ``ignore``: the label of that study is unknown, as with a blank cell; ``positive``: 1;
            ``negative``: 0.
        codes: The cells that are uncertain. -1 is CheXpert's and MIMIC's; -1.0 is the same.
    """

    uncertain: Literal["ignore", "positive", "negative"]
    codes: list[int | Text] = Field(default=[-1], min_length=1)


class CohortSpec(Base):
    """A cohort and which of its films.

    Attributes:
        cohort: ``phantom/<name>`` for an embedded cohort, the name of a public dataset (``radbench data list``),
            ``folder:<path>`` for a folder with a manifest (relative to the YAML file), or ``<source>:<path>`` for a
            source that another package registers (``radbench.sources``).
        root: Where a public dataset lies; None for the place given with ``radbench data add``, or in the environment
            variable ``RADBENCH_DATA_<NAME>``.
        split: The split that is drawn.
        make_splits: Shares of the splits that are made here, patient by patient and by ``seed``, instead of the
            cohort's own: ``{train: 0.8, val: 0.1, test: 0.1}``. For datasets only.
        size: Number of studies at most; None for all (an embedded cohort needs one).
        seed: Seed of the draw.
        select: Labels or attributes that a study must have to be in the cohort at all; applied before ``size``, but for
            an embedded cohort after it.
        views: Views that are taken; lateral films and those whose view nobody says are counted and left out. For
            datasets only.
        labels: What uncertain labels, such as -1, mean.
        columns: Our names (``study_id``, ``patient_id``, ``image``, ``label_<finding>``, ``mask_<name>``, any
            attribute) to a folder's own columns; where given, no unnamed column becomes an attribute. Of a dataset:
            further names for what its index holds, such as ``label_pneumothorax: label_negbio_pneumothorax``.
        set_labels: Labels that every study gets, whatever the cohort says: ``{covid: 0}`` for a cohort of before 2020.
        with_masks: Masks that a film must have to be in the cohort at all. For datasets only.
        masks_from: Datasets that hold masks or labels of this one's films, such as ``chexmask``.
    """

    cohort: CohortName
    root: Text | None = None
    split: Name = "test"
    make_splits: (
        Annotated[dict[Name, Annotated[float, Field(gt=0.0, le=1.0)]], AfterValidator(_shares)] | None
    ) = None
    size: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    seed: int = Field(default=0, ge=0, lt=2**31)
    select: Selected = Field(default_factory=dict)
    views: list[View] = Field(default=[*FRONTAL], min_length=1)
    labels: LabelsSpec | None = None
    columns: dict[Text, Text] = Field(default_factory=dict)
    set_labels: dict[Name, Annotated[int, Field(ge=0, le=1)]] = Field(default_factory=dict)
    with_masks: list[Name] = Field(default_factory=list)
    masks_from: list[Name] = Field(default_factory=list)

    @property
    def is_phantom(self) -> bool:
        """Whether the cohort is drawn."""
        return self.cohort.startswith(PHANTOM)

    @property
    def is_dataset(self) -> bool:
        """Whether the cohort is a public dataset by its name."""
        return not self.is_phantom and ":" not in self.cohort

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        told = self.model_fields_set
        if self.is_phantom and self.size is None:
            raise ValueError(
                f"source has no 'size', expected the number of studies to draw of '{self.cohort}'"
            )
        self._only(
            told,
            ("labels", "columns"),
            self.is_dataset or self.cohort.startswith(FOLDER),
            "says how a table is read",
        )
        self._only(
            told,
            ("root", "make_splits", "views", "with_masks", "masks_from"),
            self.is_dataset,
            "is for public datasets",
        )
        twice = repeated(self.masks_from) or repeated(self.views)
        if twice is not None:
            raise ValueError(f"'{twice}' is named twice, expected each name once")
        return self

    def _only(self, told: set[str], names: Sequence[str], fits: bool, what: str) -> None:
        wrong = [name for name in names if name in told and getattr(self, name)]
        if wrong and not fits:
            raise ValueError(
                f"source has '{wrong[0]}', which {what}, and the cohort '{self.cohort}' is none of that kind"
            )


class SourceSpec(CohortSpec):
    """The cohort whose images are edited and whose test split is the real set.

    Attributes:
        domain: What the films show; a bundle that was made for another domain gives no verdict. None: ``phantom`` for
            an embedded cohort, ``chest radiograph`` for any other.
        image_size: Side of the squares that are edited, in pixels; None for the size that the bundle was made for.
        edit_split: The split of this cohort whose studies are edited, where that is another one than ``split``: the
            paper edits training images (Section 5.2) and measures the real figures on the test split. None: the real
            set is edited. For datasets only.
        also: Further cohorts that belong to the real set; they are never edited.
    """

    domain: Text | None = None
    image_size: Annotated[int, Field(ge=32, le=4096)] | None = None
    edit_split: Name | None = None
    also: list[CohortSpec] = Field(default_factory=list)

    @property
    def shows(self) -> str:
        """The domain of the films."""
        return self.domain or ("phantom" if self.is_phantom else "chest radiograph")

    @property
    def parts(self) -> tuple[CohortSpec, ...]:
        """The cohort itself and those that join it."""
        return (self, *self.also)

    @property
    def names(self) -> tuple[str, ...]:
        """What each of ``parts`` is called in a joined cohort: its last word, with a number where two have one."""
        last = [part.cohort.rstrip("/").rpartition(":")[2].rpartition("/")[2] for part in self.parts]
        seen = [last[:number].count(name) for number, name in enumerate(last)]
        return tuple(
            name if not before else f"{name}-{before + 1}" for name, before in zip(last, seen, strict=True)
        )

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if self.edit_split is not None and not self.is_dataset:
            raise ValueError(
                f"source has 'edit_split', which is for public datasets, and the cohort is '{self.cohort}'"
            )
        if self.edit_split == self.split:
            raise ValueError(f"edit_split is '{self.split}', as split is; leave it out to edit the real set")
        if self.also and self.is_phantom:
            raise ValueError(
                f"source has 'also' beside '{self.cohort}'; drawn and real films are never one real set"
            )
        return self
