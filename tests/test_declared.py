from pathlib import Path

import pytest

from radbench import declared
from radbench.errors import UsageError


def test_the_checkout_s_folders_come_first():
    top = Path(declared.__file__).parents[1]
    assert declared.shifts_dir() == top / "shifts"
    assert declared.models_dir() == top / "models_under_test"
    assert declared.reports_dir() == top / "reports"
    assert declared.bundles_dir() == top / "bundles"


def test_a_wheel_carries_the_folders_inside_the_package(monkeypatch, tmp_path):
    monkeypatch.setattr(declared, "_PACKAGE", tmp_path / "site-packages" / "radbench")
    (tmp_path / "site-packages" / "shifts").mkdir(
        parents=True
    )  # another distribution's, no pyproject beside it
    assert declared.shifts_dir() == tmp_path / "site-packages" / "radbench" / "_declared" / "shifts"


def test_a_shipped_name_is_found_from_anywhere(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert declared.shift_path("manifestation").name == "manifestation.yaml"
    assert declared.model_path("pneumothorax-biased").is_file()
    assert declared.bundle_path("radedit").is_file()


def test_the_current_folder_goes_before_the_shipped_one(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "shifts" / "manifestation.yaml"
    own.parent.mkdir()
    own.write_text("name: mine\n")
    assert declared.shift_path("manifestation").resolve() == own


def test_a_path_is_taken_as_it_is(tmp_path):
    file = tmp_path / "anything.yaml"
    file.write_text("")
    assert declared.shift_path(file) == file
    with pytest.raises(UsageError, match=r"nowhere\.yaml"):
        declared.shift_path(tmp_path / "nowhere.yaml")


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(UsageError, match="Did you mean 'manifestation'"):
        declared.shift_path("manifestatoin")
    with pytest.raises(UsageError, match="Did you mean 'pneumothorax-robust'"):
        declared.model_path("pneumothorax-robus")


@pytest.mark.parametrize("name", ["..", ".", "", "a b", "shift\n"])
def test_odd_names_are_usage_errors(name):
    with pytest.raises(UsageError):
        declared.shift_path(name)


def test_the_cache_follows_its_variable(monkeypatch, tmp_path):
    monkeypatch.setenv("RADBENCH_CACHE", str(tmp_path / "here"))
    assert declared.cache_dir() == tmp_path / "here"
    monkeypatch.delenv("RADBENCH_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert "radbench" in declared.cache_dir().parts
