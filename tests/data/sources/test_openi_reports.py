import io
import tarfile

import pytest
from dataset_world import put_text, real_table

from radbench.data.sources.openi_reports import film_key, reports_of
from radbench.errors import UsageError


def xml(number, headings=(), impression="No acute disease.", films=()):
    """A report as it is published, without what is not read."""
    major = "".join(f"<major>{heading}</major>" for heading in headings)
    images = "".join(f'<parentImage id="{film}"><caption>PA</caption></parentImage>' for film in films)
    return (
        f'<?xml version="1.0" encoding="utf-8"?><eCitation><uId id="CXR{number}"/><MedlineCitation><Article><Abstract>'
        '<AbstractText Label="FINDINGS">The lungs are\n clear.</AbstractText>'
        f'<AbstractText Label="IMPRESSION">{impression}</AbstractText></Abstract></Article></MedlineCitation>'
        f"<MeSH>{major}<automatic>emphysema</automatic></MeSH>{images}</eCitation>"
    )


@pytest.mark.parametrize(
    "name", ["CXR1_1_IM-0001-4001", "CXR1_IM-0001-4001", "1_IM-0001-4001.dcm.png", "a/1_IM-0001-4001.dcm",
             "CXR1_1_IM-0001-4001.png"]
)  # fmt: skip
def test_a_film_has_one_key_whatever_it_is_called(name):
    assert film_key(name) == "1_IM-0001-4001"
    assert film_key("CXR11_IM-0067-1001") == "11_IM-0067-1001" and film_key("scan.png") == "scan.png"


def test_archive_folder_and_a_mirrors_table_say_the_same(tmp_path):
    headings = ("Pulmonary Atelectasis/base/left", "Cardiomegaly")
    text = xml(7, headings, "Low volumes.", ["CXR7_IM-1-1001"])
    put_text(tmp_path / "ecgen-radiology" / "7.xml", text)
    with tarfile.open(tmp_path / "reports.tgz", "w:gz") as archive:
        member = tarfile.TarInfo("ecgen-radiology/7.xml")
        member.size = len(text.encode())
        archive.addfile(member, io.BytesIO(text.encode()))
    put_text(
        tmp_path / "indiana_reports.csv",
        "uid,MeSH,Problems,image,indication,comparison,findings,impression\n"
        f"7,{';'.join(headings)},x,x,x,x,The lungs are clear.,Low volumes.\n",
    )
    (folder,), (packed,) = (
        list(reports_of(tmp_path / "ecgen-radiology")),
        list(reports_of(tmp_path / "reports.tgz")),
    )
    (table,) = list(reports_of(tmp_path / "indiana_reports.csv"))
    assert (
        folder == packed and folder.films == ("CXR7_IM-1-1001",) and folder.findings == "The lungs are clear."
    )
    assert (table.number, table.headings, table.impression) == ("7", headings, "Low volumes.") == (
        folder.number, folder.headings, folder.impression,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("<eCitation>", "is no XML"),
        ("<eCitation/>", "has no uId"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><eCitation/>', "declares entities"),
    ],
)
def test_a_file_that_is_no_report_is_named(tmp_path, text, sentence):
    put_text(tmp_path / "x" / "1.xml", text)
    with pytest.raises(UsageError, match=f"The report .*1.xml {sentence}"):
        list(reports_of(tmp_path / "x"))


def test_a_broken_archive_is_named(tmp_path):
    path = put_text(tmp_path / "NLMCXR_reports.tgz", "<html>")
    with pytest.raises(UsageError, match=r"The archive .*NLMCXR_reports.tgz cannot be read"):
        list(reports_of(path))


def test_the_real_archive_is_read_whole():
    reports = list(reports_of(real_table("NLMCXR_reports.tgz")))
    films = [film_key(film) for report in reports for film in report.films]
    assert (len(reports), len(films), len(set(films))) == (3_955, 7_470, 7_470)
    assert sum(not report.impression for report in reports) == 34
    assert sum(report.headings == ("normal",) for report in reports) == 1_391
