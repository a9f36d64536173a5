"""MIMIC-CXR-JPG 2.0.0 and 2.1.0 (PhysioNet): 377,110 films with labels made from the reports.

``files/p10/p10000032/s50414267/<dicom_id>.jpg`` beside the tables ``mimic-cxr-2.0.0-{metadata,split,chexpert,negbio}``
and, from 2.1.0 on, ``mimic-cxr-2.1.0-test-set-labeled.csv``. Reports are in MIMIC-CXR only. Johnson et al. 2019,
arXiv:1901.07042.
"""

from pathlib import Path

from radbench.data.sources.mimic import CHEXPERT, METADATA, SPLIT, Mimic


class MimicCxrJpg(Mimic):
    """MIMIC-CXR-JPG: JPEG films; labels by CheXpert, ``negbio_`` and, for the test set, ``radiologist_``."""

    name = "mimic-cxr-jpg"
    title = "MIMIC-CXR-JPG, chest radiographs with structured labels"
    url = "https://physionet.org/content/mimic-cxr-jpg/2.1.0/"
    download = (
        "files/",
        f"{METADATA}.csv.gz",
        f"{SPLIT}.csv.gz",
        f"{CHEXPERT}.csv.gz",
        "mimic-cxr-2.0.0-negbio.csv.gz (optional)",
        "mimic-cxr-2.1.0-test-set-labeled.csv (optional)",
        "mimic-cxr-reports.zip of https://physionet.org/content/mimic-cxr/ (for the reports)",
    )
    done_to_films = (
        "every film was scaled from its own smallest and largest value to 8 bits, inverted where MONOCHROME1",
        "every film was histogram-equalised (OpenCV), so its contrast differs from that of other datasets",
        "every film was written as JPEG of quality 95",
    )
    overlaps = ("mimic-cxr",)
    suffix = ".jpg"
    required = (METADATA, SPLIT, CHEXPERT)

    def list_of_films(self, root: Path) -> Path:
        """Return the metadata."""
        return self.find(
            root, *(f"{folder}{METADATA}{end}" for folder in ("", "*/") for end in (".csv.gz", ".csv"))
        )
