"""Other precisions of the noise predictor: near float32, their own tasks, and as indifferent to company."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from radbench.diffusion.bundle import load_bundle
from radbench.diffusion.editors import EditRequest, EditSettings, get_editor
from radbench.diffusion.network import in_bfloat16
from radbench.diffusion.rows import NoisePredictor, Texts, lanes, rows_are_independent
from radbench.phantom.cohort import build_cohort

CPU = torch.device("cpu")
SETTINGS = EditSettings(num_inference_steps=4, guidance_scale=3.0, skip_ratio=0.5)


@pytest.fixture(scope="module")
def embedded():
    return load_bundle("phantom", CPU)


@pytest.fixture(scope="module")
def requests():
    cohort = build_cohort("phantom/manifestation", "val", 40)
    ill = [
        study for study in cohort.studies if study.labels == {**study.labels, "pneumothorax": 1, "drain": 1}
    ][:3]
    assert len(ill) == 3
    return [
        EditRequest(
            study.study_id,
            cohort.image(study),
            cohort.mask(study, "pneumothorax"),
            cohort.mask(study, "drain"),
            "No acute cardiopulmonary process.",
            "",
            number,
        )
        for number, study in enumerate(ill)
    ]


def edit(bundle, requests, precision, batch_size=8):
    settings = replace(SETTINGS, precision=precision)
    return list(get_editor("radedit").edit(bundle, requests, settings, batch_size=batch_size))


def test_bfloat16_is_another_edit_and_near(embedded, requests):
    plain, halved = edit(embedded, requests, "float32"), edit(embedded, requests, "bfloat16")
    for one, other in zip(plain, halved, strict=True):
        difference = np.abs(one.image.astype(int) - other.image.astype(int))
        assert difference.any(), "it would be no other precision"
        assert difference.mean() < 2.0, "grey levels of 255"
        assert np.array_equal(one.reconstruction, other.reconstruction), "the autoencoder stays float32"


def test_tf32_on_a_processor_without_it_is_float32(embedded, requests):
    for one, other in zip(edit(embedded, requests, "float32"), edit(embedded, requests, "tf32"), strict=True):
        assert np.array_equal(one.image, other.image)


def test_precisions_may_be_mixed_in_one_call_and_company_changes_nothing(embedded, requests):
    mixed = [
        replace(request, key=f"{precision} {request.key}", settings=replace(SETTINGS, precision=precision))
        for request in requests[:2]
        for precision in ("float32", "bfloat16")
    ]
    found = {result.key: result.image for result in get_editor("radedit").edit(embedded, mixed, SETTINGS)}
    for precision in ("float32", "bfloat16"):
        for request in requests[:2]:
            (alone,) = edit(embedded, [request], precision, batch_size=1)
            assert np.array_equal(found[f"{precision} {request.key}"], alone.image)


def test_rows_in_bfloat16_are_independent_and_come_back_as_float32(embedded):
    unet = in_bfloat16(embedded.unet)
    channels, side = unet.config.in_channels, unet.config.sample_size
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(3, channels, side, side, generator=generator)
    width = unet.config.cross_attention_dim
    texts = Texts(torch.randn(2, 16, width, generator=generator), [0, 1, 0])
    with lanes(CPU) as running:
        predictor = NoisePredictor(unet, running)
        assert predictor(latents, [10, 500, 900], texts).dtype == torch.float32
        assert rows_are_independent(predictor, latents, [10, 500, 900], texts)


def test_the_copy_is_made_once_and_again_when_the_weights_change():
    layer = torch.nn.Linear(2, 2)
    first = in_bfloat16(layer)
    assert in_bfloat16(layer) is first and first.weight.dtype == torch.bfloat16
    assert layer.weight.dtype == torch.float32
    with torch.no_grad():
        layer.weight.add_(1)
    assert in_bfloat16(layer) is not first
