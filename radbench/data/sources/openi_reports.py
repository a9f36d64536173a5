"""Reports of Open-i's chest X-ray collection: as XML files, in their archive, or in the table of a mirror.

An XML file is a report: its parts (``AbstractText`` by ``Label``), its MeSH headings (``MeSH/major``, set by people:
``Pulmonary Atelectasis/base/left``) and its films (``parentImage``). The mirror's ``indiana_reports.csv`` has the same
headings with ``;`` between them, and names no films.
"""

import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element, ParseError, fromstring

from radbench.data.sources.tables import rows_of
from radbench.errors import UsageError

_ENTITY: Final = b"<!ENTITY"
_FILM: Final = re.compile(r"(?:CXR)?(\d+)_(?:\1_)?(IM-[^.]+)")


@dataclass(frozen=True, slots=True)
class Report:
    """One report.

    Attributes:
        number: its number, which is also the patient's: the collection has one report a patient.
        headings: the MeSH headings, whole.
        impression: the part of that name; "" for none.
        findings: the part of that name; "" for none.
        films: its films as the XML names them; none in the mirror's table.
    """

    number: str
    headings: tuple[str, ...]
    impression: str
    findings: str
    films: tuple[str, ...]


def film_key(name: str) -> str:
    """Return what the names of a film have in common: ``1_IM-0001-4001``.

    ``CXR1_1_IM-0001-4001`` (XML and PNG), ``CXR1_IM-0001-4001`` (table of headers), ``1_IM-0001-4001.dcm`` and
    ``1_IM-0001-4001.dcm.png`` (mirror) are the same film. A name of another form is its own key.
    """
    found = _FILM.match(name.rpartition("/")[2])
    return f"{found[1]}_{found[2]}" if found else name


def reports_of(path: Path) -> Iterator[Report]:
    """Yield the reports of an archive (``.tgz``), a folder of XML files, or a table, by the names of the files.

    Raises:
        UsageError: a report cannot be read; the sentence names it.
    """
    if path.is_dir():
        for file in sorted(path.rglob("*.xml")):
            yield _report(str(file), file.read_bytes())
    elif path.suffix == ".csv":
        yield from _of_table(path)
    else:
        yield from _of_archive(path)


def _of_archive(path: Path) -> Iterator[Report]:
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                if member.isfile() and member.name.endswith(".xml"):
                    file = archive.extractfile(member)
                    if file is not None:
                        yield _report(f"{path}: {member.name}", file.read())
    except (OSError, EOFError, tarfile.TarError) as error:
        raise UsageError(f"The archive {path} cannot be read ({error}); download it again.") from None


def _of_table(path: Path) -> Iterator[Report]:
    for _, row in rows_of(path, ["uid", "MeSH", "findings", "impression"]):
        headings = tuple(part.strip() for part in row["MeSH"].split(";") if part.strip())
        yield Report(row["uid"], headings, row["impression"], row["findings"], ())


def _report(place: str, content: bytes) -> Report:
    if _ENTITY in content:
        raise UsageError(
            f"The report {place} declares entities, which no report of Open-i does; leave it out."
        )
    try:
        root = fromstring(content)  # noqa: S314 (entities are refused above)
    except ParseError as error:
        raise UsageError(f"The report {place} is no XML ({error}); download it again.") from None
    found = root.find("uId")
    number = "" if found is None else found.get("id", "").removeprefix("CXR")
    if not number:
        raise UsageError(f"The report {place} has no uId; expected a report of Open-i's collection.")
    return Report(
        number=number,
        headings=tuple(_text(heading) for heading in root.findall("MeSH/major")),
        impression=_part(root, "IMPRESSION"),
        findings=_part(root, "FINDINGS"),
        films=tuple(image.get("id", "") for image in root.findall("parentImage")),
    )


def _part(root: Element, name: str) -> str:
    return next((_text(part) for part in root.iter("AbstractText") if part.get("Label") == name), "")


def _text(element: Element) -> str:
    return " ".join((element.text or "").split())
