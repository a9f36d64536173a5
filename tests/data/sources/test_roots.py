import pytest

from radbench.data.sources.roots import registry, remember, remembered, root_of, variable
from radbench.errors import UsageError


@pytest.fixture(autouse=True)
def own_config(tmp_path, monkeypatch):
    monkeypatch.setenv("RADBENCH_CONFIG", str(tmp_path / "config"))


def test_what_is_declared_goes_before_the_environment_and_that_before_what_is_remembered(
    tmp_path, monkeypatch
):
    assert root_of("siim-acr") is None
    remember("siim-acr", tmp_path)
    remember("padchest", tmp_path)
    assert root_of("siim-acr") == tmp_path and set(remembered()) == {"siim-acr", "padchest"}
    monkeypatch.setenv(variable("siim-acr"), str(tmp_path / "other"))
    assert root_of("siim-acr") == tmp_path / "other"
    assert root_of("siim-acr", tmp_path / "said") == tmp_path / "said"


def test_a_folder_that_is_not_there_is_not_remembered(tmp_path):
    with pytest.raises(UsageError, match=r"siim-acr: the folder .*none does not exist"):
        remember("siim-acr", tmp_path / "none")
    assert not registry().exists()


@pytest.mark.parametrize("text", ["- a\n", "a: [1]\n", "a: b: c\n"])
def test_a_damaged_registry_is_one_sentence(text):
    registry().parent.mkdir(parents=True)
    registry().write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=r"datasets.yaml .*mend it or delete it"):
        remembered()
