"""Training of the phantom's image-text encoder: what it is taught, and that the same run gives the same bytes."""

import json

import numpy as np
import pytest
import torch

from radbench.phantom.canvas import Stream
from radbench.phantom.prompts import every_text, report
from radbench.phantom.recipes import RECIPES
from radbench.quality.encoders import load_encoder
from radbench.reference.encoder import EncoderTraining, train_encoder
from radbench.reference.encoder_objective import (
    SCENES,
    corpus,
    disturbed,
    draw_family,
    meaning,
    meanings,
    vocabulary,
)

TINY = EncoderTraining(patients=4, steps=2, patients_a_step=2, checked=1)


def test_the_corpus_holds_all_the_phantom_writes():
    assert set(every_text()) <= set(corpus())
    assert {word for word in vocabulary() if word != word.lower()} == set()


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_a_report_means_what_is_on_the_film(name):
    for patient in range(200):
        stream = Stream(patient, 1)
        findings = RECIPES[name](stream).findings
        assert meaning(report(findings, stream)) in meanings(findings)


def test_a_family_shows_one_patient_with_and_without():
    family = draw_family(3, 0)
    assert family.images.shape == (SCENES, 128, 128) and family.images.dtype == np.uint8
    again = draw_family(3, 0)
    assert np.array_equal(family.images, again.images) and family.meanings == again.meanings
    assert not np.array_equal(family.images, draw_family(3, 1).images)
    for index in range(30):
        family = draw_family(index, 0)
        nothing, first, second, aside = family.meanings
        assert nothing[0] == "normal" and len(first) == len(second) == 1 and first != second
        assert family.meanings[family.partner][0] == aside[0] or aside[0].startswith("drain")


def test_disturbed_films_stay_films_and_near_their_source():
    images = draw_family(0, 0).images
    first, again = (disturbed(images, np.random.default_rng(7)) for _ in range(2))
    assert torch.equal(first, again) and first.shape == (4, 1, 128, 128)
    assert float(first.min()) >= 0 and float(first.max()) <= 1
    change = (first[:, 0] - torch.from_numpy(images) / 255).abs().mean((1, 2))
    assert float(change.min()) > 0 and float(change.max()) < 0.08


class Same:
    """An autoencoder that loses nothing."""

    digest = "same"

    def __call__(self, film):
        return film


def test_the_same_training_gives_the_same_bytes_and_a_loadable_encoder(tmp_path):
    told = []
    for name in ("a", "b"):
        sheet = train_encoder(
            TINY,
            tmp_path / name,
            "radbench train encoder",
            lambda *step: told.append(step),
            Same(),
        )
    for file in ("encoder.json", "encoder.safetensors", "datasheet.json"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    assert json.loads((tmp_path / "a" / "datasheet.json").read_text()) == sheet
    assert load_encoder(str(tmp_path / "a")).embed_texts(["Left pneumothorax."]).shape == (1, 64)
    assert {stage for stage, *_ in told} == {"render", "encoder", "measure"}
    unchanged = [row for kind, row in sheet["editing_score"].items() if kind.startswith("undone: ")]
    assert len(unchanged) == 6 and all(row["mean"] == 0 for row in unchanged)
