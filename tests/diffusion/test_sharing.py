"""Requests that share an image share its inversion, and nobody can tell from the pixels."""

import dataclasses

import numpy as np
import pytest

from radbench.diffusion.editors import EditRequest, EditSettings, get_editor
from radbench.diffusion.rows import NoisePredictor
from radbench.diffusion.session import Session
from radbench.errors import UsageError

SETTINGS = EditSettings(num_inference_steps=6, guidance_scale=5.0, skip_ratio=0.4)
OTHERS = {
    "as the call": None,
    "guidance": dataclasses.replace(SETTINGS, guidance_scale=2.0),
    "earlier start": dataclasses.replace(SETTINGS, skip_ratio=0.0),
    "later start": dataclasses.replace(SETTINGS, skip_ratio=0.8),
    "more steps": dataclasses.replace(SETTINGS, num_inference_steps=9),
    "no paste": dataclasses.replace(SETTINGS, paste_back=False),
}


@pytest.fixture(scope="module")
def requests(images, edit_mask, keep_mask):
    """Two images, each edited in six ways and once with a seed of its own."""
    found = [
        EditRequest(f"{image} {name}", images[image], edit_mask, keep_mask, prompt, "", 11, settings)
        for image in range(2)
        for prompt, (name, settings) in zip(["drain", "lung clear"] * 3, OTHERS.items(), strict=True)
    ]
    return [*found, dataclasses.replace(found[0], key="own seed", seed=12)]


def run(bundle, requests, batch_size=8, editor="radedit"):
    return list(get_editor(editor).edit(bundle, requests, SETTINGS, batch_size=batch_size))


def same(first, second):
    return (
        first.key == second.key
        and np.array_equal(first.image, second.image)
        and np.array_equal(first.reconstruction, second.reconstruction)
        and first.measures == second.measures
    )


@pytest.fixture(scope="module")
def alone(bundle, requests):
    return {request.key: run(bundle, [request])[0] for request in requests}


@pytest.mark.parametrize("batch_size", [1, 3, 8, 100])
def test_the_same_bits_as_alone(bundle, requests, alone, batch_size):
    results = run(bundle, requests, batch_size)
    assert [result.key for result in results] == [request.key for request in requests]
    assert all(same(result, alone[result.key]) for result in results)


def test_the_same_bits_in_any_order_of_requests(bundle, requests, alone):
    mixed = [requests[place] for place in np.random.default_rng(0).permutation(len(requests))]
    results = run(bundle, mixed, 4)
    assert [result.key for result in results] == [request.key for request in mixed]
    assert all(same(result, alone[result.key]) for result in results)


def test_a_requests_own_settings_are_those_of_a_call(bundle, requests, alone):
    for request in requests[1:6]:
        plain = dataclasses.replace(request, settings=None)
        result = next(iter(get_editor("radedit").edit(bundle, [plain], request.settings)))
        assert same(result, alone[request.key])


@pytest.mark.parametrize("batch_size", [1, 2, 3, 8])
def test_an_image_is_encoded_and_inverted_once(bundle, requests, monkeypatch, batch_size):
    encoded, inverted = [], []
    encode, invert = Session.encode, Session.invert
    monkeypatch.setattr(Session, "encode", lambda s, pixels: encoded.extend(pixels) or encode(s, pixels))

    def spy(session, schedule, sources, prompts, seeds):
        inverted.extend([len(schedule)] * len(sources))
        return invert(session, schedule, sources, prompts, seeds)

    monkeypatch.setattr(Session, "invert", spy)
    run(bundle, [request for request in requests if "more steps" not in request.key], batch_size)
    assert len(encoded) == 2
    assert sorted(inverted) == [
        4,
        6,
        6,
    ]  # one an image, from the earliest start of its edits; one with its own seed


def test_a_second_prompt_costs_two_thirds_of_the_first(bundle, requests, monkeypatch):
    rows = []
    call = NoisePredictor.__call__
    monkeypatch.setattr(
        NoisePredictor, "__call__", lambda s, x, t, texts: rows.append(len(x)) or call(s, x, t, texts)
    )
    first = dataclasses.replace(requests[0], settings=None)
    run(bundle, [first])
    one = sum(rows)
    run(bundle, [first, dataclasses.replace(first, prompt="lung clear")])
    assert sum(rows) - one == one + one * 2 // 3


def test_out_of_order_requests_wait_for_their_turn(bundle, requests):
    """Requests of one image that lie apart are edited together, and still come in order."""
    apart = [requests[0], requests[6], requests[1]]
    editing = get_editor("radedit").edit(bundle, apart, SETTINGS, batch_size=2)
    assert [result.key for result in editing] == [request.key for request in apart]


def test_settings_of_a_request_are_checked_before_anything_is_edited(bundle, requests):
    bad = dataclasses.replace(requests[1], settings=dataclasses.replace(SETTINGS, skip_ratio=1.0))
    with pytest.raises(UsageError, match="skip_ratio"):
        next(iter(get_editor("radedit").edit(bundle, [requests[0], bad], SETTINGS, batch_size=1)))
