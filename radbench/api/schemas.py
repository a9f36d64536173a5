"""The JSON Schema of each kind of YAML file, for editors that complete and check while one types."""

import json
from typing import Any, Final

from radbench.errors import UsageError, did_you_mean

KINDS: Final = ("shift", "model", "bundle", "gates", "recipe")


def schema(kind: str) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a kind of YAML file.

    Args:
        kind: shift, model, bundle or gates.

    Raises:
        UsageError: There is no such kind.
    """
    from radbench import specs

    if kind not in KINDS:
        known = ", ".join(KINDS)
        raise UsageError(
            f"There is no kind of file '{kind}', expected one of {known}.{did_you_mean(kind, KINDS)}"
        )
    kinds: dict[str, type[specs.Base]] = {
        "shift": specs.ShiftSpec,
        "model": specs.ModelSpec,
        "bundle": specs.BundleSpec,
        "gates": specs.GatesSpec,
        "recipe": specs.RecipeSpec,
    }
    found = kinds[kind].model_json_schema()
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"radbench {kind}"}
    return {**head, **{name: value for name, value in found.items() if name != "title"}}


def schema_text(kind: str) -> str:
    """Return the schema as indented JSON, with a line end."""
    return json.dumps(schema(kind), indent=2, ensure_ascii=False) + "\n"
