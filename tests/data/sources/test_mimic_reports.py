import zipfile

import pytest

from radbench.data.sources.mimic_reports import Reports, find_zip, impression
from radbench.errors import UsageError

HEAD = (
    f"{'':33}FINAL REPORT\n EXAMINATION:  CHEST (PA AND LAT)\n \n INDICATION:  ___ year old with cough\n \n"
)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (" IMPRESSION: \n \n No acute cardiopulmonary process.\n", "No acute cardiopulmonary process."),
        (
            " FINDINGS:  Lungs are clear.\n \n IMPRESSION:  1. No pneumothorax.\n 2.  Small\n    effusion.\n",
            "1. No pneumothorax. 2. Small effusion.",
        ),
        (" FINDINGS AND IMPRESSION:\n \n Moderate cardiomegaly.\n", "Moderate cardiomegaly."),
        (" FINDINGS/IMPRESSION:  Stable.\n", "Stable."),
        (" CONCLUSION:  Bibasilar atelectasis.\n", "Bibasilar atelectasis."),
        (" IMPRESSOIN:  Misspelt.\n", "Misspelt."),
        (" MPRESSION:  Cut off.\n", "Cut off."),
        (" IMPRESSION (PRELIMINARY):  Qualified.\n", "Qualified."),
        (" IMPRESSION:  First.\n \n ADDENDUM:  More.\n \n IMPRESSION:  Last.\n", "Last."),
        (" IMPRESSION:  Kept.\n \n NOTIFICATION:  Dr. ___ was called.\n", "Kept."),
        (" IMPRESSION:  Kept.\n \n IMPRESSION:\n \n", "Kept."),
        (" IMPRESSION:  As compared to ___, PICC: unchanged.\n", "As compared to ___, PICC: unchanged."),
        (" IMPRESSION:  Ends without a line end", "Ends without a line end"),
    ],
)
def test_an_impression_is_found_under_every_heading_that_reports_have(body, expected):
    assert impression(HEAD + body) == expected
    assert impression((HEAD + body).replace("\n", "\r\n")) == expected


@pytest.mark.parametrize(
    "body",
    [
        " FINDINGS:  Lungs are clear.\n",
        " COMPRESSION:  Is not it.\n",
        "IMPRESSION:  Not a space from the left.\n",
        " The IMPRESSION:  in a line.\n",
        " Impression:  Not in capitals.\n",
        " FINDINGS:\n IMPRESSION:  The parser passes over the line after a bare heading.\n",
        "",
    ],
)
def test_without_such_a_heading_there_is_no_impression(body):
    assert impression(HEAD + body) == ""


def put(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize(
    "place",
    [
        "mimic-cxr-jpg/2.1.0/files",
        "mimic-cxr-jpg/2.1.0/mimic-cxr-reports/files",
        "mimic-cxr-jpg/2.1.0/mimic-cxr-reports",
        "mimic-cxr-jpg/mimic-cxr-reports/files",
        "mimic-cxr/2.1.0/files",
    ],
)
def test_reports_are_found_in_the_root_beside_it_and_where_physionet_has_them(tmp_path, place):
    root = tmp_path / "mimic-cxr-jpg" / "2.1.0"
    put(tmp_path / place / "p10" / "p10000032" / "s50414267.txt", "text")
    reports = Reports(root, root / "files")
    assert reports.text("10000032", "50414267") == "text"
    assert reports.text("10000032", "50414268") is None


@pytest.mark.parametrize("inside", ["files/", "mimic-cxr-reports/files/"])
def test_the_zip_file_is_read_as_it_is(tmp_path, inside):
    root = tmp_path / "jpg"
    root.mkdir()
    with zipfile.ZipFile(tmp_path / "mimic-cxr-reports.zip", "w") as file:
        file.writestr(f"{inside}p10/p10000032/s50414267.txt", "text")
    assert find_zip(root) == tmp_path / "mimic-cxr-reports.zip"
    reports = Reports(root, root / "files")
    assert reports.text("10000032", "50414267") == "text"
    assert reports.text("10000033", "50414267") is None


def test_half_a_zip_file_is_one_sentence(tmp_path):
    (tmp_path / "mimic-cxr-reports.zip").write_bytes(b"PK\x03\x04half")
    with pytest.raises(
        UsageError, match=r"The reports .*reports.zip cannot be read .* download the file again"
    ):
        Reports(tmp_path, tmp_path / "files").text("10000032", "50414267")
