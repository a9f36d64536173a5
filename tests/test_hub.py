"""What stops a fetch from the hub ends in one sentence that says what to do; the hub here is a fake."""

import pytest
from huggingface_hub import errors

from radbench.errors import UsageError
from radbench.hub import fetch, refusal


def refused(kind: str) -> Exception:
    """An error as the hub's library raises it, without the answer of a server that it is made from."""
    cls = getattr(errors, kind)
    error = cls.__new__(cls)
    Exception.__init__(error, "401 Client Error. (Request ID: Root=1-68)\n\nCannot access gated repo")
    return error


@pytest.fixture
def hub_raises(monkeypatch):
    def arrange(error: Exception) -> None:
        def fail(*_args, **_kwargs):
            raise error

        monkeypatch.setattr("huggingface_hub.snapshot_download", fail)

    return arrange


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (
            "GatedRepoError",
            ["gated", "accept the terms at https://huggingface.co/lab/model", "hf auth login"],
        ),
        ("RepositoryNotFoundError", ["no such repository", "accept the terms", "hf auth login"]),
        ("RevisionNotFoundError", ["no such revision", "git ls-remote https://huggingface.co/lab/model"]),
    ],
)
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_refusal_says_what_to_do(hub_raises, kind, words, wrapped):
    error = refused(kind)
    if wrapped:  # as where the hub's library looked into its cache first
        outer = errors.LocalEntryNotFoundError("not in the cache either")
        outer.__cause__ = error
        error = outer
    hub_raises(error)
    with pytest.raises(UsageError) as caught:
        fetch("lab/model", "0" * 40, ["*.json"])
    sentence = str(caught.value)
    assert all(word in sentence for word in (*words, "lab/model", "0" * 40))
    assert "401" not in sentence and "\n" not in sentence


def test_a_hub_that_cannot_be_reached_says_what_else_can_be_done(hub_raises):
    hub_raises(OSError("offline\nfor now"))
    with pytest.raises(UsageError, match="from the hub: offline; download it and give its folder instead"):
        fetch("lab/model", None, ["*.json"])


def test_a_fetch_asks_for_what_it_names(monkeypatch, tmp_path):
    asked = []

    def snapshot_download(repository, *, revision, allow_patterns):
        asked.append((repository, revision, allow_patterns))
        return str(tmp_path)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    assert fetch("lab/model", "v1", ("a.json", "b.txt")) == tmp_path
    assert asked == [("lab/model", "v1", ["a.json", "b.txt"])]


def test_only_the_hubs_own_refusals_are_told_as_such():
    sentence = refusal("lab/model", None, refused("GatedRepoError"))
    assert sentence is not None and "gated" in sentence and "revision main" in sentence
    assert refusal("lab/model", None, OSError("no such folder")) is None
