"""``report.yaml``: which sections a report has, in which order, and how many cases its gallery shows."""

from pathlib import Path

from pydantic import Field

from radbench.declared import reports_dir
from radbench.errors import UsageError, did_you_mean
from radbench.specs import Base, load_yaml

SUFFIX = ".html.j2"


class GallerySettings(Base):
    """At most ``cases`` edited images, of which the ``worst`` worst come first, and ``rejected`` others."""

    cases: int = Field(default=12, ge=0, le=100)
    worst: int = Field(default=6, ge=0, le=100)
    rejected: int = Field(default=8, ge=0, le=100)


class ReportSpec(Base):
    """The declared report."""

    sections: list[str] = Field(min_length=1)
    gallery: GallerySettings = GallerySettings()


def load_report_spec(folder: Path | None = None) -> tuple[ReportSpec, Path]:
    """Read ``report.yaml`` of a report folder (the declared one by default); returns it and the folder.

    Raises:
        UsageError: the file is missing or wrong, or a section has no template (with the nearest name).
    """
    folder = reports_dir() if folder is None else folder
    file = folder / "report.yaml"
    spec = load_yaml(file, ReportSpec)
    known = sorted(path.name.removesuffix(SUFFIX) for path in (folder / "sections").glob(f"*{SUFFIX}"))
    for name in spec.sections:
        if name not in known:
            options = f"expected one of {', '.join(known)}.{did_you_mean(name, known)}"
            raise UsageError(f"{file}: section '{name}' has no template, {options}")
    return spec, folder
