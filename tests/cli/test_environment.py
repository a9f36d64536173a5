import os

import pytest

from radbench.cli.environment import prepare_environment


@pytest.fixture(autouse=True)
def _bare(monkeypatch):
    for name in [*os.environ]:
        if name.startswith(("HF_", "TRANSFORMERS_", "DIFFUSERS_")):
            monkeypatch.delenv(name)
    monkeypatch.setattr(os, "environ", dict(os.environ))


def test_the_hub_is_off_and_so_is_telemetry():
    prepare_environment()
    assert os.environ["HF_HUB_OFFLINE"] == "1"
    assert os.environ["HF_HUB_DISABLE_TELEMETRY"] == "1"


def test_the_hub_is_asked_only_when_a_bundle_names_it():
    prepare_environment(hub=True)
    assert "HF_HUB_OFFLINE" not in os.environ
    assert os.environ["HF_HUB_DISABLE_TELEMETRY"] == "1"


def test_what_the_user_set_stays():
    os.environ["HF_HUB_OFFLINE"] = "0"
    prepare_environment()
    assert os.environ["HF_HUB_OFFLINE"] == "0"
