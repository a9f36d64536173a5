"""The embedded encoder: its interface, its files, and whether it tells good edits from bad ones."""

import json
import shutil

import numpy as np
import pytest

from radbench.errors import UsageError
from radbench.phantom.findings import Finding
from radbench.phantom.render import render
from radbench.quality.editing_score import EditingScorer
from radbench.quality.encoders import encoder_digest, load_encoder
from radbench.quality.encoders.files import locate

PATIENTS = range(940_000_001, 940_000_007)
OEDEMA = "Moderate pulmonary oedema. The heart size is normal."
NORMAL = "No acute cardiopulmonary process"


@pytest.fixture(scope="module")
def encoder():
    return load_encoder("phantom")


@pytest.fixture
def copy(tmp_path):
    shutil.copytree(locate("phantom").folder, tmp_path / "encoder")
    return tmp_path / "encoder"


def test_rows_are_unit_vectors_and_never_depend_on_each_other(encoder):
    images = [render(patient).image for patient in PATIENTS]
    together = encoder.embed_images(images)
    assert together.shape == (6, 64) and together.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    assert np.array_equal(encoder.embed_images(images[3:4])[0], together[3])
    texts = [NORMAL, OEDEMA, "", "unheard of words", "no"]
    spoken = encoder.embed_texts(texts)
    assert spoken.shape == (5, 64) and spoken.dtype == np.float32 and np.isfinite(spoken).all()
    assert np.array_equal(encoder.embed_texts(texts[::-1])[::-1], spoken)
    assert encoder.embed_images([]).shape == encoder.embed_texts([]).shape == (0, 64)


def test_punctuation_and_case_do_not_count(encoder):
    first, second = encoder.embed_texts([NORMAL + ".", NORMAL.upper()])
    assert np.array_equal(first, second)


def test_other_sizes_are_scaled(encoder):
    large = [render(patient, size=256).image for patient in PATIENTS]
    usual = [render(patient).image for patient in PATIENTS]
    assert (encoder.embed_images(large) * encoder.embed_images(usual)).sum(1).min() > 0.7


def scores(encoder, before, after, report, prompt):
    films = [[render(patient, scene).image for patient in PATIENTS] for scene in (before, after)]
    return EditingScorer(encoder).score(*films, [report] * 6, [prompt] * 6)


def test_an_edit_as_asked_passes_and_another_does_not(encoder):
    oedema, left, right = (Finding("oedema"), *(Finding("consolidation", s) for s in ("left", "right")))
    assert np.median(scores(encoder, (), (oedema,), NORMAL, OEDEMA)) > 0.5
    assert np.median(scores(encoder, (oedema,), (), OEDEMA, NORMAL)) > 0.5
    asked = "New left upper lobe consolidation."
    assert np.median(scores(encoder, (), (left,), NORMAL, asked)) > 0.5
    assert np.median(scores(encoder, (), (right,), NORMAL, asked)) < 0.2
    assert np.array_equal(scores(encoder, (left,), (left,), asked, NORMAL), np.zeros(6))


def test_a_copy_is_the_same_encoder_and_the_datasheet_has_its_figures(encoder, copy):
    assert load_encoder(str(copy)).digest == encoder.digest == encoder_digest(str(copy))
    sheet = json.loads((copy / "datasheet.json").read_text())
    assert sheet["command"] == "radbench train encoder"
    true = [row for kind, row in sheet["editing_score"].items() if kind.startswith("true: ")]
    assert len(true) == 6 and min(row["kept"] for row in true) >= 0.8


@pytest.mark.parametrize("file", ["encoder.json", "encoder.safetensors"])
def test_a_changed_or_missing_file_is_named(copy, file):
    content = bytearray((copy / file).read_bytes())
    content[-1] ^= 1
    (copy / file).write_bytes(content)
    with pytest.raises(UsageError, match=f"{file} has SHA-256"):
        encoder_digest(str(copy))
    (copy / file).unlink()
    with pytest.raises(UsageError, match=f"has no {file}"):
        encoder_digest(str(copy))


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": "other", "vocabulary": []}'])
def test_a_wrong_configuration_ends_in_a_sentence(copy, content):
    (copy / "datasheet.json").unlink()
    (copy / "encoder.json").write_text(content)
    with pytest.raises(UsageError, match=r"encoder\.json"):
        load_encoder(str(copy))


def test_weights_of_another_vocabulary_do_not_fit(copy):
    (copy / "datasheet.json").unlink()
    configuration = json.loads((copy / "encoder.json").read_text())
    configuration["vocabulary"].pop()
    (copy / "encoder.json").write_text(json.dumps(configuration))
    with pytest.raises(UsageError, match=r"'text\.words\.weight' is of size"):
        load_encoder(str(copy))


def test_a_wrong_datasheet_ends_in_a_sentence(copy):
    (copy / "datasheet.json").write_text("{}")
    with pytest.raises(UsageError, match="does not list"):
        encoder_digest(str(copy))
