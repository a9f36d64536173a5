import pytest

from radbench.models.adapters import inference_server
from radbench.models.adapters.inference_server import TRIES, Patience, asked_for


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
