"""``report.yaml``: which sections a report has, of which reportlets, with which words, and how large its gallery is."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from radbench.declared import reports_dir
from radbench.errors import UsageError, did_you_mean
from radbench.specs import Base, load_yaml
from radbench.specs.base import Name

SUFFIX = ".html.j2"
REPORTLETS = "reportlets"

SectionId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]


class GallerySettings(Base):
    """How many edited images are shown: the worst, the best, and some drawn from all the others.

    Attributes:
        worst: Those on which some model errs most.
        best: Those on which the models err least.
        random: Drawn by the audit's seed; where there are too few others, more of them are left.
        rejected: Rejected images, of every reason.
        megabytes: What the images of the gallery may need in the page.
    """

    worst: int = Field(default=5, ge=0, le=100)
    best: int = Field(default=3, ge=0, le=100)
    random: int = Field(default=4, ge=0, le=100)
    rejected: int = Field(default=8, ge=0, le=100)
    megabytes: float = Field(default=10.0, gt=0, le=12)

    @property
    def cases(self) -> int:
        """Images that the gallery holds at most."""
        return self.worst + self.best + self.random


class ReportletSpec(Base):
    """One table or figure: the template that draws it, its small heading and its caption ("" for none)."""

    name: Name
    title: str = ""
    caption: str = ""


class SectionSpec(Base):
    """One section: its anchor, its heading ("" where a reportlet brings its own), its text and its reportlets."""

    id: SectionId
    title: str = ""
    text: str = ""
    reportlets: list[ReportletSpec] = Field(min_length=1)


class ReportSpec(Base):
    """The declared report."""

    sections: list[SectionSpec] = Field(min_length=1)
    gallery: GallerySettings = GallerySettings()

    @model_validator(mode="after")
    def _once(self) -> Self:
        names = [section.id for section in self.sections]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"sections has '{twice}' twice, expected each id once")
        return self


def load_report_spec(folder: Path | None = None) -> tuple[ReportSpec, Path]:
    """Read ``report.yaml`` of a report folder (the declared one by default); returns it and the folder.

    Raises:
        UsageError: the file is missing or wrong, or a reportlet has no template (with the nearest name).
    """
    folder = reports_dir() if folder is None else folder
    file = folder / "report.yaml"
    spec = load_yaml(file, ReportSpec)
    known = sorted(path.name.removesuffix(SUFFIX) for path in (folder / REPORTLETS).glob(f"*{SUFFIX}"))
    for reportlet in (reportlet for section in spec.sections for reportlet in section.reportlets):
        if reportlet.name not in known:
            options = f"expected one of {', '.join(known)}.{did_you_mean(reportlet.name, known)}"
            raise UsageError(f"{file}: reportlet '{reportlet.name}' has no template, {options}")
    return spec, folder
