"""The impression of MIMIC-CXR's reports, by the headings that the dataset's own section parser goes by.

A report is text of the form::

                                     FINAL REPORT
     EXAMINATION:  CHEST (PA AND LAT)

     IMPRESSION:

     1. No acute cardiopulmonary process.

The rules are those of ``txt/section_parser.py`` in MIT-LCP/mimic-cxr, from which the dataset's labels were made
(Johnson et al. 2019, doi:10.1038/s41597-019-0322-0): a heading is capitals, one space from the left, with a colon; the
line that it stands in holds no second one (nor does the next line, after a bare heading); names are brought together
(``CONCLUSION``, ``FINDINGS AND IMPRESSION``, misspellings); a section without text does not count; of several
impressions the last one is taken. The few reports whose sections the
parser has by hand (``custom_mimic_cxr_rules``) are read by their headings like all others.
"""

import re
import zipfile
import zlib
from collections.abc import Iterator
from difflib import SequenceMatcher
from functools import lru_cache
from pathlib import Path
from typing import Final

from radbench.errors import UsageError

ZIP: Final = "mimic-cxr-reports.zip"
_FOLDER: Final = "mimic-cxr-reports"
_HEADING: Final = re.compile(r"\n ([A-Z ()/,-]+):\s")
_IMPRESSION: Final = "impression"
_CONCLUSION: Final = "conclusion"
_ALIKE: Final = 0.88


def impression(report: str) -> str:
    """Return the impression of a report on one line; "" where it has none.

    Args:
        report: the whole text, whatever its line ends.
    """
    text = report.replace("\r\n", "\n").replace("\r", "\n")
    found = [" ".join(body.split()) for name, body in _sections(text) if _is_impression(name)]
    return next((body for body in reversed(found) if body), "")


def _sections(text: str) -> Iterator[tuple[str, str]]:
    """Yield heading and text of every section; a heading is not looked for in the line of the one before."""
    heading = _HEADING.search(text)
    while heading is not None:
        start = heading.end()
        following = _HEADING.search(text, start + max(text[start:].find("\n"), 0))
        yield heading.group(1), text[start : following.start() if following else len(text)]
        heading = following


@lru_cache(maxsize=4096)
def _is_impression(heading: str) -> bool:
    name = heading.strip().lower()
    alike = SequenceMatcher(None, name, _IMPRESSION).ratio() >= _ALIKE
    return _IMPRESSION in name or name == _CONCLUSION or alike


class Reports:
    """The reports of MIMIC-CXR wherever they lie: in the zip file, in its folder, or among the films.

    Args:
        root: the dataset's folder; the reports may also lie beside it, or where PhysioNet's download puts them.
        files: the folder of the films.

    Attributes:
        place: the zip file or folder, None where there is none but that of the films.
    """

    def __init__(self, root: Path, files: Path) -> None:
        self.place = find_zip(root) or next(_folders(root), None)
        self._files = files
        self._zip: zipfile.ZipFile | None = None
        self._text = lru_cache(maxsize=8)(self._read)

    def text(self, subject: str, study: str) -> str | None:
        """Return a study's report, None where there is none.

        Raises:
            UsageError: the zip file is broken.
        """
        return self._text(f"p{subject[:2]}/p{subject}/s{study}.txt")

    def _read(self, name: str) -> str | None:
        if self.place is not None and self.place.is_file():
            return self._zipped(self.place, name)
        for folder in (self._files,) if self.place is None else (self.place, self._files):
            if (folder / name).is_file():
                return (folder / name).read_text(encoding="utf-8", errors="replace")
        return None

    def _zipped(self, path: Path, name: str) -> str | None:
        try:
            if self._zip is None:
                self._zip = zipfile.ZipFile(path)
            for inside in (f"files/{name}", f"{_FOLDER}/files/{name}", name):
                if inside in self._zip.NameToInfo:
                    return self._zip.read(inside).decode("utf-8", errors="replace")
        except (OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise UsageError(
                f"The reports {path} cannot be read ({error}); download the file again."
            ) from None
        return None


def find_zip(root: Path) -> Path | None:
    """Return the zip file of the reports: in a dataset's folder, beside it, or of PhysioNet's download."""
    beside = (root, root.parent, *_physionet(root))
    return next((folder / ZIP for folder in beside if (folder / ZIP).is_file()), None)


def _folders(root: Path) -> Iterator[Path]:
    """Yield the folders that may hold the reports' ``p10`` ... ``p19``."""
    for folder in (root / _FOLDER, root.parent / _FOLDER, *_physionet(root)):
        for place in (folder / "files", folder):
            if (place / "p10").is_dir():
                yield place


def _physionet(root: Path) -> list[Path]:
    """Folders of the releases of MIMIC-CXR where ``root`` is one of MIMIC-CXR-JPG, the newest first."""
    both = (root.parent / "mimic-cxr", root.parent.parent / "mimic-cxr")
    return [path for folder in both for path in (*sorted(folder.glob("2.*"), reverse=True), folder)]
