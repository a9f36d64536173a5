"""What a MONAI bundle's configuration says, read as data: no expression in it is evaluated, nothing is imported.

The bundle specification (https://docs.monai.io/en/stable/config_syntax.html) lets a configuration hold Python
expressions ("$..."), macros ("%...") and components of any module ("_target_"). Of all that this reader takes one
thing: a network of ``monai.networks.nets`` whose arguments are plain values, or references ("@...") to such.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from radbench.errors import UsageError

NETWORKS: Final = "monai.networks.nets"
"""The package whose classes a bundle may name without being trusted."""

_LARGEST: Final = 4 * 1024 * 1024
_VALUES: Final = 10_000
_REFERENCE: Final = re.compile(r"@\w+(?:(?:::|#)\w+)*")
_NAME: Final = re.compile(r"[A-Za-z]\w*")
_TARGET: Final = "_target_"
_IGNORED: Final = {_TARGET, "_desc_"}


@dataclass(frozen=True)
class NetworkDefinition:
    """A network of ``monai.networks.nets`` as plain data.

    Attributes:
        target: what the configuration names, e.g. "UNet" or "monai.networks.nets.unet.UNet".
        arguments: keyword arguments: numbers, words, truth values, None, and lists and mappings of them.
    """

    target: str
    arguments: dict[str, Any]

    @property
    def name(self) -> str:
        """The class's own name."""
        return self.target.rpartition(".")[2]


def read_mapping(path: Path) -> dict[str, Any]:
    """Return a JSON or YAML file's mapping; YAML is read by the safe loader.

    Raises:
        UsageError: the file cannot be read, is over 4 MiB, is no JSON or YAML, or is no mapping.
    """
    import yaml

    try:
        if path.stat().st_size > _LARGEST:
            raise UsageError(
                f"{path}: over {_LARGEST // 1024**2} MiB, expected a configuration of a few pages."
            )
        text = path.read_text(encoding="utf-8")
        found = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except OSError as error:
        raise UsageError(f"Cannot read {path}: {error.strerror or error}.") from error
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        said = " ".join(str(error).split()) if isinstance(error, yaml.YAMLError) else error
        raise UsageError(f"{path}: not readable as {path.suffix[1:].upper()} ({said}).") from error
    if not isinstance(found, dict):
        raise UsageError(f"{path}: holds no mapping, expected names with values.")
    return {str(name): value for name, value in found.items()}


def network_definition(config: Mapping[str, Any], where: str) -> NetworkDefinition:
    """Return the network that ``config`` defines under ``network_def`` (or, of older bundles, ``network``).

    Args:
        config: the bundle's configuration, with its metadata under "_meta_".
        where: the file to name in errors.

    Raises:
        UsageError: it defines none, or one that only running its code could build; the sentence names the place.
    """
    key = "network_def" if "network_def" in config else "network"
    if key not in config:
        raise UsageError(
            f"{where}: has no 'network_def', expected the network's class and arguments under it."
        )
    reader = _Reader(config, where)
    found = reader.followed(config[key], key)
    if isinstance(found, str) and found.startswith("$"):
        raise UsageError(_refusal(where, key, f"is the expression {_short(found)}"))
    if not isinstance(found, dict) or not isinstance(found.get(_TARGET), str):
        raise UsageError(f"{where}: {key} is {_short(found)}, expected a mapping with a '{_TARGET}'.")
    target = found[_TARGET]
    module, _, name = target.rpartition(".")
    inside = module in {"", NETWORKS} or module.startswith(f"{NETWORKS}.")
    if not inside or not _NAME.fullmatch(name):
        what = f"is {_short(target)}, which is no class of {NETWORKS}"
        raise UsageError(_refusal(where, f"{key}.{_TARGET}", what))
    special = sorted(name for name in found if name.startswith("_") and name not in _IGNORED)
    if special:
        raise UsageError(_refusal(where, f"{key}.{special[0]}", "changes how the component is made"))
    arguments = {
        name: reader.literal(value, f"{key}.{name}") for name, value in found.items() if name not in _IGNORED
    }
    return NetworkDefinition(target, arguments)


class _Reader:
    """Follows references and refuses whatever is no plain value; counts, so that no file can keep it busy."""

    def __init__(self, config: Mapping[str, Any], where: str) -> None:
        self.config = config
        self.where = where
        self.left = _VALUES

    def followed(self, value: Any, place: str) -> Any:
        """Return what ``value`` refers to, through as many references as there are; other values as they are."""
        seen: list[str] = []
        while isinstance(value, str) and _REFERENCE.fullmatch(value):
            if value in seen:
                raise UsageError(f"{self.where}: {place} refers to itself by {value}, expected a value.")
            seen.append(value)
            reference, value = value, self.config
            for part in re.split(r"::|#", reference[1:]):
                try:
                    value = value[int(part)] if isinstance(value, list) else value[part]
                except (KeyError, IndexError, ValueError, TypeError):
                    raise UsageError(
                        f"{self.where}: {place} refers to {reference}, which is not in the configuration."
                    ) from None
        return value

    def literal(self, value: Any, place: str) -> Any:
        """Return ``value`` with its references replaced, made of plain values only."""
        self.left -= 1
        if self.left < 0 or place.count("[") > 16:
            raise UsageError(f"{self.where}: {place} is too large, expected the arguments of a network.")
        value = self.followed(value, place)
        if isinstance(value, str):
            return self._word(value, place)
        if isinstance(value, list):
            return [self.literal(entry, f"{place}[{index}]") for index, entry in enumerate(value)]
        if isinstance(value, dict):
            if _TARGET in value:
                raise UsageError(_refusal(self.where, place, "is a component of its own"))
            return {str(name): self.literal(entry, f"{place}[{name}]") for name, entry in value.items()}
        if value is None or isinstance(value, bool | int | float):
            return value
        raise UsageError(f"{self.where}: {place} is a {type(value).__name__}, expected a plain value.")

    def _word(self, value: str, place: str) -> str:
        for mark, kind in (("$", "expression"), ("%", "macro")):
            if value.startswith(mark):
                raise UsageError(_refusal(self.where, place, f"is the {kind} {_short(value)}"))
        if "/" in value or "\\" in value:
            raise UsageError(
                f"{self.where}: {place} is {_short(value)}, which looks like a file or an address; expected none: "
                "weights come from the bundle's models folder only."
            )
        return value


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _refusal(where: str, place: str, what: str) -> str:
    return (
        f"{where}: {place} {what}, and reading it would run the vendor's code; expected a class of {NETWORKS} with "
        "plain values. Ask for models/model.ts (python -m monai.bundle ckpt_export), or allow it with "
        "--trust-model-code."
    )
