"""A model's digest: of names and content, not of the place; nothing but plain files."""

import hashlib
import json
import os

import pytest

from radbench.errors import UsageError
from radbench.models.source import folder_sha256, source_sha256
from radbench.specs import InputContract, ModelSpec


def declared(folder, **settings):
    contract = InputContract(spatial_shape=[8, 8])
    filled = {"name": "tiny", "title": "Tiny", "target": "covid", "input": contract, "format": "monai"}
    return ModelSpec(**(filled | settings)).read_from(folder / "model.yaml")


def folder(place):
    (place / "configs").mkdir(parents=True)
    (place / "configs" / "a.json").write_bytes(b"{}")
    (place / "model.pt").write_bytes(b"weights")
    return place


def test_a_folder_s_digest_is_that_of_its_names_and_files(tmp_path):
    entries = {
        "configs/a.json": hashlib.sha256(b"{}").hexdigest(),
        "model.pt": hashlib.sha256(b"weights").hexdigest(),
    }
    expected = hashlib.sha256(json.dumps(entries, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    assert folder_sha256(folder(tmp_path / "here")) == expected
    assert folder_sha256(folder(tmp_path / "there")) == expected
    assert source_sha256(declared(tmp_path, path="here", sha256=expected)) == expected


def test_every_name_and_every_byte_counts(tmp_path):
    digests = {folder_sha256(folder(tmp_path / "a"))}
    for name, change in {
        "b": lambda place: (place / "model.pt").write_bytes(b"weight"),
        "c": lambda place: (place / "model.pt").rename(place / "model2.pt"),
        "d": lambda place: (place / "model.pt").rename(place / "configs" / "model.pt"),
        "e": lambda place: (place / ".hidden").write_bytes(b""),
    }.items():
        change(folder(tmp_path / name))
        digests.add(folder_sha256(tmp_path / name))
    assert len(digests) == 5


def test_a_link_to_a_file_is_its_content(tmp_path):
    expected = folder_sha256(folder(tmp_path / "a"))
    (folder(tmp_path / "b") / "model.pt").rename(tmp_path / "blob")
    (tmp_path / "b" / "model.pt").symlink_to(tmp_path / "blob")
    assert folder_sha256(tmp_path / "b") == expected


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda place: (place / "loop").symlink_to(place), "neither a file nor a folder"),
        (lambda place: os.mkfifo(place / "pipe"), "neither a file nor a folder"),
        (lambda place: (place / "gone").symlink_to(place / "nowhere"), "Cannot read"),
    ],
)
def test_what_is_no_plain_file_is_refused(tmp_path, change, words):
    change(folder(tmp_path / "model"))
    with pytest.raises(UsageError, match=words):
        source_sha256(declared(tmp_path, path="model"))


def test_what_is_not_there_or_empty_is_named(tmp_path):
    with pytest.raises(
        UsageError, match=r"model\.yaml: path names .*gone, which is not there; expected a file or folder"
    ):
        source_sha256(declared(tmp_path, path="gone"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="an empty folder"):
        source_sha256(declared(tmp_path, path="empty"))


def test_a_server_is_told_apart_by_what_names_it_and_cannot_be_pinned(tmp_path):
    server = {"format": "openinference", "endpoint": "http://127.0.0.1:8000"}
    digest = source_sha256(declared(tmp_path, **server))
    assert source_sha256(declared(tmp_path, **server, endpoint_version="2")) != digest
    with pytest.raises(UsageError, match=r"sha256 is declared .* names no file"):
        source_sha256(declared(tmp_path, **server, sha256="0" * 64))
