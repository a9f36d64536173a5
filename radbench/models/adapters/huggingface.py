"""A Hugging Face folder under test: config.json and safetensors of a classifier or segmenter, no hub, no remote code.

The folder is what ``save_pretrained`` writes. Its configuration is read as data, and refused where following it
would run the vendor's code or fetch files; ``preprocessor_config.json`` runs nothing and is only compared with the
declared input contract (``notes``).
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from radbench.errors import UsageError, did_you_mean
from radbench.models.adapters.monai_config import read_mapping
from radbench.models.adapters.preprocessing_notes import huggingface_notes, resampling
from radbench.models.adapters.torch_base import TorchAdapter
from radbench.models.base import one_line
from radbench.models.decode import classes_of
from radbench.models.source import stated_source
from radbench.specs import ModelSpec

if TYPE_CHECKING:
    from torch import nn

_CONFIG: Final = "config.json"
_WEIGHTS: Final = "model.safetensors"
_INDEX: Final = "model.safetensors.index.json"
_REMOTE: Final = {
    "auto_map": "names Python code of the vendor's",
    "quantization_config": "asks for quantised weights, which other packages unpack",
    "use_pretrained_backbone": "asks for a backbone's weights from a hub",
    "use_timm_backbone": "asks for a backbone by name",
    "transformers_weights": "names another weights file",
}
"""Keys of a configuration that make transformers run code or fetch files, with the reason."""

_REFUSALS: Final = (ImportError, LookupError, TypeError, ValueError, RuntimeError, AttributeError, OSError)
"""What transformers raises for a configuration or weights that it cannot use."""

_DEEPEST: Final = 16
_UNNAMED: Final = ("LABEL_0", "LABEL_1")
"""What transformers calls the classes of a configuration that names none."""


class HuggingFaceModel(TorchAdapter):
    """An image classifier or semantic segmenter of transformers; see ``Adapter`` for the arguments and the errors."""

    format: ClassVar[str] = "huggingface"

    def verify(self) -> str:
        """Return the folder's SHA-256; refuse what would run code, before anything of it is loaded."""
        digest = super().verify()
        self.config = checked_config(self.spec.source_path)
        named = with_classes(self.spec, self.config)
        if named is not self.spec:
            self.spec = named
            self.found.append(classes_read(named))
        self.found += resampling(self._preprocessor())
        return digest

    def _preprocessor(self) -> dict[str, Any]:
        path = self.spec.source_path / "preprocessor_config.json"
        return read_mapping(path) if path.is_file() else {}

    def class_names(self) -> list[str] | None:
        """Return the names of ``id2label``; None where they are transformers' LABEL_0, LABEL_1 and so on."""
        names = labels_of(self.config)
        return None if names == [f"LABEL_{index}" for index in range(len(names))] else names

    def notes(self) -> list[str]:
        """Return where ``preprocessor_config.json`` and the configuration differ from the declaration."""
        processor = self._preprocessor()
        found = huggingface_notes(processor, self.spec.input) if processor else []
        kind = self.config.get("problem_type")
        fitting = {
            "multi_label_classification": ("multilabel", "segmentation"),
            "single_label_classification": ("multiclass", "binary", "segmentation"),
        }
        if isinstance(kind, str) and self.spec.task not in fitting.get(kind, (self.spec.task,)):
            task = self.spec.task
            found.append(f"config.json has the problem type {kind}, the declaration the task {task}.")
        return found

    def network(self) -> "nn.Module":
        """Return the network with the folder's weights, in float32.

        Raises:
            UsageError: an architecture that transformers does not have for the task, or weights that do not fit.
        """
        found, info = self._loaded()
        for fault, key in (("lacks", "missing_keys"), ("has the unexpected", "unexpected_keys")):
            if names := info[key]:
                raise UsageError(
                    f"{self.spec.source_path}: {fault} tensor '{min(names)}' (of {len(names)}), expected the weights "
                    f"of {type(found).__name__}."
                )
        channels = getattr(found.config, "num_channels", None)
        if isinstance(channels, int) and channels != self.spec.input.channels:
            raise UsageError(
                f"{self.spec.source_path / _CONFIG}: num_channels is {channels}, but the input contract of model "
                f"'{self.spec.name}' declares channels {self.spec.input.channels}; declare {channels}."
            )
        return _logits_of(found.float())

    def _loaded(self) -> tuple[Any, dict[str, Any]]:
        import transformers
        from safetensors import SafetensorError
        from transformers.models.auto.configuration_auto import CONFIG_MAPPING

        segments = self.spec.task == "segmentation"
        auto = getattr(
            transformers, f"AutoModelFor{'SemanticSegmentation' if segments else 'ImageClassification'}"
        )
        folder, kind = self.spec.source_path, str(self.config["model_type"])
        known = sorted({config.model_type for config in auto._model_mapping})  # noqa: SLF001 - has no public name
        if kind not in known:
            raise UsageError(
                f"{folder / _CONFIG}: model_type is '{kind}', expected one that transformers has for "
                f"{'semantic segmentation' if segments else 'image classification'}.{did_you_mean(kind, known)}"
            )
        try:
            return auto.from_pretrained(  # type: ignore[no-any-return] # with output_loading_info: a pair
                str(folder),
                config=CONFIG_MAPPING[kind].from_dict(_public(self.config)),
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,
                attn_implementation="eager",
                output_loading_info=True,
            )
        except (SafetensorError, *_REFUSALS) as error:
            said = json.dumps(one_line(error, 300), ensure_ascii=False)[1:-1]
            raise UsageError(
                f"{folder}: transformers cannot load it as '{kind}': {said}; expected what save_pretrained writes."
            ) from error


def checked_config(folder: Path) -> dict[str, Any]:
    """Return the folder's ``config.json``, after the folder was found to hold safetensors and nothing to run.

    Raises:
        UsageError: no folder, no configuration, no safetensors, an adapter of another model, or a configuration
            that would run code or fetch files.
    """
    if not (folder / _CONFIG).is_file():
        raise UsageError(f"{folder}: has no {_CONFIG}, expected the folder that save_pretrained writes.")
    if (folder / "adapter_config.json").exists():
        raise UsageError(
            f"{folder}: an adapter of another model (adapter_config.json), expected a whole model; merge it with "
            "merge_and_unload() and save_pretrained()."
        )
    _check_weights(folder)
    where = folder / _CONFIG
    config = read_mapping(where)
    for place, key, value in _entries(config, ""):
        if key in _REMOTE and value:
            raise UsageError(
                f"{where}: {place} {_REMOTE[key]}, which is never followed; expected an architecture of transformers "
                "with its own weights. Ask for an ONNX or TorchScript export."
            )
        if key == "backbone" and isinstance(value, str):
            raise UsageError(
                f"{where}: {place} names '{value}' of a hub, expected a 'backbone_config' instead."
            )
    if config.get("model_type") == "timm_wrapper" or (
        "architecture" in config and "model_type" not in config
    ):
        raise UsageError(
            f"{where}: a model of timm; declare it with 'format: timm', 'architecture: "
            f"{config.get('architecture')}' and 'weights: {folder.name}/{_WEIGHTS}'."
        )
    if not isinstance(config.get("model_type"), str):
        raise UsageError(
            f"{where}: has no 'model_type', expected the name of an architecture of transformers."
        )
    return config


def _check_weights(folder: Path) -> None:
    if (folder / _INDEX).is_file():
        parts = read_mapping(folder / _INDEX).get("weight_map")
        names = set(map(str, parts.values())) if isinstance(parts, dict) else set()
        for name in sorted(names):
            if not name.endswith(".safetensors") or Path(name).name != name or not (folder / name).is_file():
                raise UsageError(
                    f"{folder / _INDEX}: names '{name}', expected a .safetensors file in the folder."
                )
        if names:
            return
    if (folder / _WEIGHTS).is_file():
        return
    pickled = sorted(
        path.name for path in folder.iterdir() if path.suffix in {".bin", ".pt", ".pth", ".pkl", ".h5"}
    )
    found = f"found {pickled[0]}, which can run code when it is read" if pickled else "found none"
    raise UsageError(
        f"{folder}: {found}; expected {_WEIGHTS}. Convert it where you trust it: "
        "model.save_pretrained(folder, safe_serialization=True)."
    )


def _entries(values: Mapping[str, Any], place: str, depth: int = 0) -> Iterator[tuple[str, str, Any]]:
    """Yield place, key and value of every mapping entry inside ``values``."""
    if depth > _DEEPEST:
        raise UsageError(
            f"{_CONFIG}: {place[:80]} is nested too deeply, expected the configuration of a network."
        )
    for key, value in values.items():
        here = f"{place}.{key}" if place else str(key)
        yield here, str(key), value
        for index, inner in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(inner, dict):
                yield from _entries(inner, f"{here}[{index}]" if isinstance(value, list) else here, depth + 1)


def _public(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration without private keys and without a choice of attention kernels."""
    return {
        key: _public(value) if isinstance(value, dict) else value
        for key, value in config.items()
        if not str(key).startswith("_") and key not in {"attn_implementation", "torchscript", "return_dict"}
    }


def _logits_of(network: Any) -> "nn.Module":
    """Return a module of one input that gives ``{"logits": tensor}``."""
    from torch import nn

    class Logits(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, pixel_values: Any) -> dict[str, Any]:
            return {"logits": self.network(pixel_values=pixel_values, return_dict=True).logits}

    return Logits()


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
    found = [name for name in names if _letters(name) == _letters(spec.wanted)]
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
    several = spec.task == "multilabel"
    kind = "each with a probability of its own" if several else "which share one probability"
    names = ", ".join(classes_of(spec)[:12])
    return f"The classes are those of id2label ({names}), {kind}; the target is '{spec.wanted}'."


def _letters(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())
