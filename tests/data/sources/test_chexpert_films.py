import pytest

from radbench.data.sources.chexpert_films import read_path, view_in
from radbench.data.sources.source import Problems
from radbench.errors import UsageError


@pytest.mark.parametrize(
    "text",
    [
        "CheXpert-v1.0-small/train/patient00001/study2/view1_frontal.jpg",
        "any\\folder\\patient00001\\study2\\view1_frontal.png",
        "patient00001/study2/view1_frontal",
    ],
)
def test_a_path_says_patient_study_and_view_whatever_stands_around_them(text):
    path = read_path(text, "table, row 2")
    assert (path.key, path.patient, path.frontal) == (
        "patient00001_study2_view1_frontal",
        "patient00001",
        True,
    )


def test_another_path_is_one_sentence():
    with pytest.raises(UsageError, match=r"t.csv, row 2: the path is 'train/1.jpg', expected one that ends"):
        read_path("train/1.jpg", "t.csv, row 2")


@pytest.mark.parametrize(
    ("name", "direction", "view", "odd"),
    [
        ("view1_frontal", "AP", "AP", 0),
        ("view1_frontal", "PA", "PA", 0),
        ("view1_frontal", "", "frontal", 0),
        ("view1_frontal", "RL", "unknown", 1),
        ("view2_lateral", "", "lateral", 0),
    ],
)
def test_a_view_is_that_of_name_and_column_and_none_where_they_disagree(name, direction, view, odd):
    problems = Problems()
    path = read_path(f"train/patient00001/study1/{name}.jpg", "")
    assert view_in(path, direction, problems) == view
    assert sum(problems.counts.values()) == odd
