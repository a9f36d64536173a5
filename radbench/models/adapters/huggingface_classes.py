"""The classes of a Hugging Face folder, from its ``id2label``, where the declaration leaves them open."""

from collections.abc import Mapping
from typing import Any, Final

from radbench.errors import UsageError
from radbench.models.source import stated_source
from radbench.specs import ModelSpec

__all__ = ["classes_read", "labels_of", "with_classes"]

_UNNAMED: Final = ("LABEL_0", "LABEL_1")
"""What transformers calls the classes of a configuration that names none."""


def labels_of(config: Mapping[str, Any]) -> list[str]:
    """Return the names in ``id2label`` in the order of the output; none where they are missing or no names."""
    labels = config.get("id2label")
    if not isinstance(labels, dict):
        return []
    names = [labels.get(str(index)) for index in range(len(labels))]
    return [str(name) for name in names] if all(isinstance(name, str) for name in names) else []


def with_classes(spec: ModelSpec, config: Mapping[str, Any]) -> ModelSpec:
    """Return the declaration with the folder's classes, or as it is where it names its own or there is but one.

    The target is the class of its name (or of ``target_class``), whatever the case and the signs between words. The
    classes share one probability, unless the configuration's ``problem_type`` says that each has its own.

    Raises:
        UsageError: no class, or more than one, is the target.
    """
    segments = spec.task == "segmentation"
    field = "mask_classes" if segments else "classes"
    names = labels_of(config) if "id2label" in config else list(_UNNAMED)
    if getattr(spec, field) or len(names) < 2:
        return spec
    found = [name for name in names if _plain(name) == _plain(spec.wanted)]
    if len(found) != 1 or len(set(names)) != len(names):
        raise UsageError(
            f"{stated_source(spec, field)} are not declared, and config.json names {', '.join(names[:12])}, of which "
            f"{'none' if not found else 'more than one'} is called '{spec.wanted}'; expected the one that is meant as "
            f"'target_class', or the names as '{field}' in this order if those of the file are no names."
        )
    changes: dict[str, Any] = {field: names, "target_class": found[0]}
    if not segments and config.get("problem_type") == "multi_label_classification":
        changes["task"] = "multilabel"
    return spec.model_copy(update=changes)


def classes_read(spec: ModelSpec) -> str:
    """Return in a sentence what ``with_classes`` read."""
    names = spec.mask_classes if spec.task == "segmentation" else spec.classes
    kind = (
        "each with a probability of its own" if spec.task == "multilabel" else "which share one probability"
    )
    return (
        f"The classes are those of id2label ({', '.join(names[:12])}), {kind}; the target is '{spec.wanted}'."
    )


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())
