import pytest
from dataset_world import put_dicom, put_png

from radbench.data.sources.source import FilmRow, Problems
from radbench.data.sources.trees import files_by_stem, view_of, walk, with_header


def test_files_are_found_in_the_order_of_their_paths_and_hidden_ones_are_not(tmp_path):
    for name in ("b/x.png", "a/x.png", "a/y.txt", ".cache/z.png", "__MACOSX/w.png"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert [path.relative_to(tmp_path).as_posix() for path in walk(tmp_path)] == [
        "a/x.png",
        "a/y.txt",
        "b/x.png",
    ]
    assert files_by_stem(tmp_path, (".png",)) == {"x": tmp_path / "a" / "x.png"}


@pytest.mark.parametrize(
    ("said", "view"),
    [
        ("PA", "PA"),
        ("ap ", "AP"),
        ("LL", "lateral"),
        ("LATERAL", "lateral"),
        ("", "unknown"),
        ("XX", "unknown"),
    ],
)
def test_views(said, view):
    assert view_of(said) == view


def test_a_header_completes_a_row_and_contradicts_none(tmp_path):
    problems = Problems()
    put_dicom(tmp_path / "a.dcm", ViewPosition="AP", PatientSex="M", PatientAge="044Y")
    row = with_header(tmp_path, FilmRow("a", "a", "a.dcm", "frontal", attributes={"age": 45}), problems)
    assert (row.view, row.attributes) == ("AP", {"age": 45, "sex": "M"})
    kept = with_header(tmp_path, FilmRow("a", "a", "a.dcm", "lateral"), problems)
    assert kept.view == "lateral"
    put_png(tmp_path / "b.png")
    plain = FilmRow("b", "b", "b.png", "frontal")
    assert with_header(tmp_path, plain, problems) == plain and not problems.counts


def test_a_missing_and_a_broken_film_are_counted(tmp_path):
    problems = Problems()
    put_dicom(tmp_path / "a.dcm")
    (tmp_path / "b.dcm").write_bytes((tmp_path / "a.dcm").read_bytes()[:140] + b"\xff" * 40)
    assert with_header(tmp_path, FilmRow("b", "b", "b.dcm", "frontal"), problems) is None
    assert with_header(tmp_path, FilmRow("c", "c", "c.dcm", "frontal"), problems) is None
    assert sorted(problems.counts.values()) == [1, 1]
