"""Where a server is, as its endpoint says it, and how often and how soon it is asked again."""

import pytest
from conformance import declared

from radbench.errors import UsageError
from radbench.models.adapters import inference_server
from radbench.models.adapters.inference_server import TRIES, Patience, address_of, asked_for


def at(tmp_path, endpoint):
    return address_of(declared(tmp_path, format="openinference", endpoint=endpoint))


@pytest.mark.parametrize(
    ("endpoint", "shown", "place"),
    [
        ("http://host", "http://host:80", "host:80"),
        ("https://host/", "https://host:443", "host:443"),
        ("http://10.0.0.1:8000", "http://10.0.0.1:8000", "10.0.0.1:8000"),
        ("http://[::1]:8000/", "http://[::1]:8000", "[::1]:8000"),
        ("https://host/serving/one/", "https://host:443/serving/one", "host:443/serving/one"),
        ("http://host:1/v2", "http://host:1", "host:1"),
        ("http://nurse:secret@host:1/x", "http://host:1/x", "host:1/x"),
    ],
)
def test_the_parts_of_an_address(tmp_path, endpoint, shown, place):
    address = at(tmp_path, endpoint)
    assert (address.shown, address.place) == (shown, place)
    assert "secret" not in repr(address)
    assert address.secure == endpoint.startswith("https")


@pytest.mark.parametrize(
    "endpoint", ["http://:8000", "http://host:99999", "http://host:x", "http://host?a=1", "http://[::1"]
)
def test_what_is_no_address(tmp_path, endpoint):
    with pytest.raises(
        UsageError, match=r"model\.yaml: endpoint .*expected one such as http://127\.0\.0\.1:8000"
    ):
        at(tmp_path, endpoint)


@pytest.mark.parametrize(
    ("path", "base", "model", "version"),
    [
        ("", "", "tiny", ""),
        ("/v2/models/", "", "tiny", ""),
        ("/v2/models/chest", "", "chest", ""),
        ("/v2/models/chest/infer", "", "chest", ""),
        ("/v2/models/chest/versions/7", "", "chest", "7"),
        ("/serving/one/v2/models/chest%20x/versions/7/infer/", "/serving/one", "chest x", "7"),
    ],
)
def test_the_model_s_own_address_is_understood(tmp_path, path, base, model, version):
    address = at(tmp_path, f"http://host:8080{path}")
    assert (address.shown, address.model, address.version) == (f"http://host:8080{base}", model, version)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"endpoint_model": "knee"}, "names 'chest', and endpoint_model is 'knee'"),
        ({"endpoint_version": "8"}, "names '7', and endpoint_version is '8'"),
    ],
)
def test_an_address_and_a_name_that_contradict_each_other(tmp_path, settings, sentence):
    endpoint = "http://host/v2/models/chest/versions/7"
    with pytest.raises(UsageError, match=rf"model\.yaml: endpoint {sentence}"):
        address_of(declared(tmp_path, format="openinference", endpoint=endpoint, **settings))
    address_of(declared(tmp_path, format="openinference", endpoint=endpoint, endpoint_model="chest"))


@pytest.fixture
def clock(monkeypatch):
    """Time that only waiting lets pass."""
    now = [0.0]
    monkeypatch.setattr(inference_server.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(inference_server.time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    return now


def test_a_few_tries_each_after_a_longer_wait(clock):
    patience, times = Patience(60.0, started=0.0), []
    while patience.wait():
        times.append(clock[0])
    assert len(times) == TRIES - 1
    assert times == [0.25, 0.75, 1.75, 3.75]


def test_no_try_begins_after_the_limit(clock):
    patience = Patience(1.0, started=0.0)
    while patience.wait():
        pass
    assert clock[0] == 0.75


@pytest.mark.parametrize(
    ("said", "waited"), [("3", 3.0), ("Fri, 27 Nov 2026 12:00:00 GMT", 0.25), (None, 0.25)]
)
def test_what_the_server_asks_for_is_waited(clock, said, waited):
    assert Patience(60.0, started=0.0).wait(said)
    assert clock[0] == waited


def test_a_server_that_wants_to_be_left_alone_too_long_is_given_up(clock):
    assert not Patience(600.0, started=0.0).wait("31")
    assert clock[0] == 0.0
    assert asked_for(" 31 ") == 31.0
