import re

import pytest
from typer.testing import CliRunner

from radbench.cli.app import app


@pytest.fixture
def ask(tmp_path, monkeypatch):
    monkeypatch.setenv("RADBENCH_CONFIG", str(tmp_path / "config"))

    def run(*words):
        found = CliRunner().invoke(app, ["data", *words])
        return found.exit_code, re.sub(r"\s+", " ", found.output)

    return run


def a_download(folder):
    import numpy as np

    from radbench.data.images import write_png

    (folder / "train").mkdir(parents=True)
    (folder / "train-rle.csv").write_text("ImageId, EncodedPixels\na, -1\nb, -1\n", encoding="utf-8")
    write_png(folder / "train" / "a.png", np.arange(4096, dtype=np.uint16).astype(np.uint8).reshape(64, 64))
    return folder


def test_a_download_is_added_checked_and_listed(ask, tmp_path):
    root = a_download(tmp_path / "siim")
    code, said = ask("list", "siim-acr")
    assert code == 0 and "not on this machine" in said and "kaggle.com" in said and "train-rle.csv" in said
    code, said = ask("add", "siim-acr", str(root))
    assert code == 0 and f"siim-acr is at {root}" in said
    code, said = ask("check", "siim-acr")
    assert code == 0
    for words in (
        "1 films of 1 patients",
        "frontal 1",
        "pneumothorax: negative 1",
        "SHA-256",
        "without a file",
        "64 x 64",
    ):
        assert words in said
    assert "chestx-ray14" in said and "Licence" in said
    code, said = ask("index", "siim-acr", "--again")
    assert code == 0 and "1 films" in said


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("check", "sim-acr"), "There is no dataset named 'sim-acr'.*Did you mean 'siim-acr'"),
        (("index", "siim-acr"), "not known to be on this machine.*radbench data add siim-acr PATH"),
        (("add", "siim-acr", "/nowhere"), "the folder /nowhere does not exist"),
    ],
)
def test_a_wrong_word_is_one_sentence_and_code_2(ask, words, sentence):
    code, said = ask(*words)
    assert code == 2 and re.search(sentence, said), said
