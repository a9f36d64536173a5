"""MIMIC-CXR 2.0.0 and 2.1.0 (PhysioNet): the DICOM films and the reports of MIMIC-CXR-JPG.

``files/p10/p10000032/s50414267/<dicom_id>.dcm``, ``cxr-record-list.csv.gz`` and ``mimic-cxr-reports.zip``. It has no
labels, views or splits of its own: put the tables of MIMIC-CXR-JPG into the root. Without its metadata the view is read
from each DICOM header. Johnson et al. 2019, doi:10.1038/s41597-019-0322-0.
"""

from pathlib import Path
from typing import Final

from radbench.data.sources.mimic import METADATA, Mimic
from radbench.data.sources.source import FilmRow, Problems
from radbench.data.sources.trees import with_header

_RECORDS: Final = "cxr-record-list"


class MimicCxr(Mimic):
    """MIMIC-CXR: DICOM films; labels, views and splits of MIMIC-CXR-JPG's tables where these lie in the root."""

    name = "mimic-cxr"
    title = "MIMIC-CXR, chest radiographs as DICOM with reports"
    url = "https://physionet.org/content/mimic-cxr/2.1.0/"
    download = (
        "files/",
        "cxr-record-list.csv.gz",
        "mimic-cxr-reports.zip",
        "the tables of https://physionet.org/content/mimic-cxr-jpg/2.1.0/ (for views, splits and labels)",
    )
    overlaps = ("mimic-cxr-jpg",)
    suffix = ".dcm"
    required = ()

    def list_of_films(self, root: Path) -> Path:
        """Return MIMIC-CXR-JPG's metadata, which knows the views, or else the list of records."""
        names = (METADATA, _RECORDS)
        return self.find(
            root,
            *(
                f"{folder}{name}{end}"
                for name in names
                for folder in ("", "*/")
                for end in (".csv.gz", ".csv")
            ),
        )

    def probe(self, root: Path, row: FilmRow, problems: Problems) -> FilmRow | None:
        """As for the JPEG films; a view that no table knows is the DICOM header's."""
        if row.view != "unknown":
            return super().probe(root, row, problems)
        found = with_header(root, row, problems)
        return None if found is None else self.with_report(root, found, problems)
