"""The schemas of YAML files: what is shipped beside the documents is what the code has, and fits what is declared."""

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from radbench.api.schemas import KINDS, schema, schema_text
from radbench.cli.app import app
from radbench.errors import UsageError

ROOT = Path(__file__).parents[2]
FOLDERS = {"shift": "shifts", "model": "models_under_test", "bundle": "bundles"}


@pytest.mark.parametrize("kind", KINDS)
def test_the_shipped_schema_is_the_code_s(kind):
    file = ROOT / "docs" / "schemas" / f"{kind}.json"
    assert file.read_text(encoding="utf-8") == schema_text(kind), (
        f"radbench schema {kind} > {file.relative_to(ROOT)}"
    )
    assert CliRunner().invoke(app, ["schema", kind]).output == schema_text(kind)


@pytest.mark.parametrize("kind", FOLDERS)
def test_every_shipped_file_names_its_schema_and_has_no_key_beyond_it(kind):
    found = schema(kind)
    for file in sorted((ROOT / FOLDERS[kind]).glob("*.yaml")):
        text = file.read_text(encoding="utf-8")
        first = text.split("\n", 1)[0]
        named = first.removeprefix("# yaml-language-server: $schema=")
        assert (file.parent / named).resolve() == ROOT / "docs" / "schemas" / f"{kind}.json"
        declared = yaml.safe_load(text)
        assert set(declared) <= set(found["properties"]), file
        assert set(found["required"]) <= set(declared), file


def test_a_schema_describes_every_field():
    found = schema("shift")
    assert "editor" in found["properties"]
    assert json.loads(schema_text("gates"))["$schema"].startswith("https://json-schema.org/")


def test_an_unknown_kind():
    with pytest.raises(UsageError, match="Did you mean 'shift'"):
        schema("shfit")
