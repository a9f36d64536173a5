import pytest

from radbench.errors import UsageError
from radbench.specs.yaml_source import describe, read_yaml


@pytest.fixture
def write(tmp_path):
    def _write(text):
        file = tmp_path / "a.yaml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return file

    return _write


def test_every_value_has_its_line(write):
    values, lines = read_yaml(write("a: 1\nb:\n  - c: 2\n  - d: {e: 3}\n"))
    assert values == {"a": 1, "b": [{"c": 2}, {"d": {"e": 3}}]}
    assert lines[("a",)] == 1
    assert lines[("b",)] == 2
    assert lines[("b", 0, "c")] == 3
    assert lines[("b", 1, "d", "e")] == 4


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\nb: 2\na: 3\n", "line 3: the key 'a' is given twice (first on line 1)"),
        ("a: 1\n  b: 2\n", "line 2"),
        ("a: [1, 2\n", "line 2"),
        ("a:\n\t- 1\n", "line 2"),
        ("a: &x 1\nb: *x\n", "line 2: found an alias"),
        ("a: !!python/object/apply:os.system ['true']\n", "line 1"),
        ("- 1\n- 2\n", "line 1: found a list of 2"),
        ("", "found nothing"),
        ("just words", "found 'just words' (text)"),
        ("a: 1\n3: 2\n", "line 2: found '3' as a key"),
        (b"a: 1\nb: \xff\n", "line 2: found bytes that are not UTF-8"),
        ("a: 1\n--- \nb: 2\n", "not valid YAML"),
        ("a: 2024-13-45\n", "not valid YAML"),
        ("[" * 5000, "not valid YAML"),
    ],
)
def test_what_is_not_a_mapping_in_yaml_is_one_sentence(write, text, words):
    with pytest.raises(UsageError) as caught:
        read_yaml(write(text))
    message = str(caught.value)
    assert words in message
    assert "a.yaml" in message
    assert "\n" not in message


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        read_yaml(tmp_path / "none.yaml")
    with pytest.raises(UsageError, match="cannot be read"):
        read_yaml(tmp_path)


def test_a_huge_file_is_refused(write):
    with pytest.raises(UsageError, match="at most"):
        read_yaml(write("#" * (1 << 20) + "\n"))


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, "nothing"), (True, "true (true or false)"), (3, "3 (a whole number)"), ([1], "a list of 1")],
)
def test_describe(value, words):
    assert describe(value) == words


def test_describe_shortens():
    assert len(describe("x" * 500)) < 80
