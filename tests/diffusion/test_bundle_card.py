import json

import numpy as np
import pytest

from radbench.declared import bundle_dir
from radbench.diffusion.bundle import load_bundle
from radbench.diffusion.bundle_card import (
    BundleCard,
    bundle_card,
    bundle_size,
    distances,
    latent_features,
    make_reference,
)
from radbench.errors import UsageError
from radbench.phantom.cohort import build_cohort


def test_the_embedded_bundle_says_its_size_and_domain():
    card = bundle_card("phantom")
    assert bundle_size("phantom") == 128
    assert card.domain == "phantom"
    assert card.reference is not None
    assert len(card.reference.mean) == len(card.reference.precision) == 32


def test_a_folder_without_a_card_says_nothing_and_a_broken_one_is_named(tmp_path):
    for name in ("model_index.json", "unet/config.json", "vae/config.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((bundle_dir() / name).read_bytes())
    assert bundle_card(tmp_path) == BundleCard()
    (tmp_path / "radbench.json").write_text(json.dumps({"domain": "chest radiograph"}), encoding="utf-8")
    assert bundle_card(tmp_path).domain == "chest radiograph"
    (tmp_path / "radbench.json").write_text('{"typicality": {"mean": 1}}', encoding="utf-8")
    with pytest.raises(UsageError, match=r"radbench\.json"):
        bundle_card(tmp_path)


def test_phantoms_are_typical_and_other_pictures_are_not():
    bundle, reference = load_bundle("phantom"), bundle_card("phantom").reference
    cohort = build_cohort("phantom/manifestation", size=8)
    squares = [cohort.image(study) for study in cohort.studies]
    features, errors = latent_features(bundle, squares)
    assert np.median(distances(features, reference)) < reference.limit
    assert errors.mean() < 0.01
    rng = np.random.default_rng(0)
    strange = [np.clip(128 + 60 * rng.standard_normal((128, 128)), 0, 255).astype(np.uint8)] * 2
    rows, columns = np.indices((128, 128)) / 128
    body = np.exp(-(((columns - 0.5) / 0.45) ** 4)) * 0.8
    for centre in (0.3, 0.7):
        body -= 0.5 * (((columns - centre) / 0.14) ** 2 + ((rows - 0.5) / 0.3) ** 2 < 1)
    strange.append(np.clip(body * 255, 0, 255).astype(np.uint8))
    far = distances(latent_features(bundle, strange)[0], reference)
    assert (far > reference.limit).all()


def test_the_limit_is_the_quantile_of_what_it_was_made_from():
    features = np.random.default_rng(1).standard_normal((2000, 6)) @ np.diag([1, 2, 3, 4, 5, 6])
    reference = make_reference(features, "a test")
    found = distances(features, reference)
    assert (found > reference.limit).mean() == pytest.approx(0.001, abs=0.001)
    assert (found**2).mean() == pytest.approx(6, rel=0.05)
