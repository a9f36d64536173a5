import pytest

from radbench.data.sources.nlm import read_reading
from radbench.data.sources.source import Problems


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Patient's Sex: F \nPatient's Age: 027Y\nnormal", {"sex": "F", "age": 27}),
        (
            "Patient's Sex: M\nPatient's Age: 049Y\nNO REPORT (same pt as MCUCXR_0162_1)",
            {"sex": "M", "age": 49},
        ),
        ("male 45yrs\nnormal", {"sex": "M", "age": 45}),
        ("femal 32yrs\nnormal", {"sex": "F", "age": 32}),
        ("Female24yrs\nnormal", {"sex": "F", "age": 24}),
        ("male , 29yrs  \t\nbilateral secondary PTB", {"sex": "M", "age": 29}),
        ("male 16month\nnormal", {"sex": "M", "age": 1}),
        ("female 64days\nnormal", {"sex": "F", "age": 0}),
    ],
)
def test_readings_are_read_as_they_are_written(text, told):
    problems = Problems()
    assert read_reading(text, problems, "a") == told
    assert not problems.counts


@pytest.mark.parametrize(
    ("text", "told", "counts"),
    [
        ("Patient's Sex: O \nPatient's Age: 005Y\nnormal", {"age": 5}, ["without a sex"]),
        ("male 42\nnormal", {"sex": "M"}, ["without an age"]),
        ("", {}, ["without a sex", "without an age"]),
        ("infiltrate in a female aged 40", {}, ["without a sex", "without an age"]),
    ],
)
def test_what_a_reading_does_not_say_is_counted(text, told, counts):
    problems = Problems()
    assert read_reading(text, problems, "a") == told
    assert [any(part in kind for kind in problems.counts) for part in counts] == [True] * len(counts)
    assert len(problems.counts) == len(counts)
