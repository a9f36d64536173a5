"""A MONAI bundle under test: its network with its weights, or its TorchScript; none of its code unless trusted.

A bundle (https://docs.monai.io/en/stable/mb_specification.html) is a folder with ``configs/metadata.json``, a
configuration such as ``configs/inference.json``, and ``models/model.pt`` or ``models/model.ts``. Its configuration is
a program; this adapter reads of it, as data, which network of ``monai.networks.nets`` the weights belong to.
"""

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from radbench.errors import UsageError, did_you_mean
from radbench.models.adapters.monai_config import (
    NETWORKS,
    NetworkDefinition,
    network_definition,
    read_mapping,
)
from radbench.models.adapters.preprocessing_notes import monai_notes
from radbench.models.adapters.state_dict import load_weights
from radbench.models.adapters.torch_base import TorchAdapter
from radbench.models.adapters.torchscript import TorchScriptModel
from radbench.models.base import one_line

if TYPE_CHECKING:
    import torch
    from torch import nn

_METADATA: Final = "configs/metadata.json"
_CONFIGS: Final = ("configs/inference.json", "configs/inference.yaml", "configs/inference.yml")
_WEIGHTS: Final = ("models/model.safetensors", "models/model.pt", "models/model.pth")
_SCRIPT: Final = "models/model.ts"
_AXES: Final = ("HW", "WH")
_FUNCTIONS: Final = frozenset(f"resnet{depth}" for depth in (10, 18, 34, 50, 101, 152, 200))
"""What ``monai.networks.nets`` has as functions that return a network and nothing else."""

_REFUSALS: Final = (
    *(TypeError, ValueError, RuntimeError, AttributeError, LookupError, AssertionError, ImportError),
)
"""What networks raise for arguments that they do not take."""

_OWN_INPUT: Final = ("inception_v3", "googlenet")
"""Networks of torchvision that change their input where they were made with pretrained weights."""


class MonaiBundle(TorchAdapter):
    """A bundle for 2D images; see ``Adapter`` for the arguments and the errors.

    MONAI's own image readers give [width, height]. For a bundle that was trained on those, declare
    ``architecture_args: {axes: WH}``; the contract's ``spatial_shape`` stays [height, width].
    """

    format: ClassVar[str] = "monai"
    _script: TorchScriptModel | None = None

    def verify(self) -> str:
        """Return the folder's SHA-256; refuse what only running the bundle's code could load."""
        self.axes = self._declared_axes()
        digest = super().verify()
        folder = self.spec.source_path
        if not (folder / _METADATA).is_file():
            raise UsageError(
                f"{folder}: has no {_METADATA}, expected the folder of a MONAI bundle (unpacked, if it is a file)."
            )
        self.metadata = read_mapping(folder / _METADATA)
        self._weights = _first(folder, _WEIGHTS)
        self._config = _first(folder, _CONFIGS)
        self._definition: NetworkDefinition | Literal["script", "trusted"] = self._read_definition(folder)
        if self._definition == "script":
            changes = {"format": "torchscript", "path": f"{self.spec.path}/{_SCRIPT}", "sha256": None}
            self._script = TorchScriptModel(self.spec.model_copy(update=changes), self.device)
        return digest

    def class_names(self) -> list[str] | None:
        """Return what the metadata's ``channel_def`` calls the outputs; None where it does not name each."""
        for output in _entries(self.metadata, "outputs"):
            names = output.get("channel_def")
            if isinstance(names, dict) and names:
                found = [names.get(str(index)) for index in range(len(names))]
                return [str(name) for name in found] if all(isinstance(name, str) for name in found) else None
        return None

    def notes(self) -> list[str]:
        """Return where the metadata's ``network_data_format`` differs from the declared input contract."""
        inputs = _entries(self.metadata, "inputs")
        found = monai_notes(inputs[0], self.spec.input, self.axes) if inputs else []
        if self._definition == "trusted":
            found.append("The network was built by the bundle's own code, as --trust-model-code allows.")
        return found

    def network(self) -> "nn.Module":
        """Return the bundle's network with its weights.

        Raises:
            UsageError: a network that MONAI does not have or cannot build, that is not for 2D images of the declared
                channels, or weights that do not fit it.
        """
        if self._script is not None:
            return self._script.network()
        network = self._trusted() if isinstance(self._definition, str) else self._of_monai(self._definition)
        if self._weights is not None:
            self.found = load_weights(network, self._weights)
        return network

    def placed(self, network: "nn.Module") -> "nn.Module":
        """Return the network as it is run; a TorchScript keeps its own memory layout."""
        return super().placed(network) if self._script is None else self._script.placed(network)

    def answer(self, network: "nn.Module", inputs: "torch.Tensor") -> object:
        """Return the outputs for one batch, turned back where the bundle sees images as [width, height]."""
        if self.axes == "HW":
            return super().answer(network, inputs)
        return _turned(super().answer(network, inputs.transpose(-1, -2)))

    def _declared_axes(self) -> str:
        spec, where = self.spec, str(self.spec.origin or f"Model '{self.spec.name}'")
        unknown = sorted(set(spec.architecture_args) - {"axes"})
        if unknown:
            raise UsageError(
                f"{where}: architecture_args has '{unknown[0]}', expected 'axes' only: a bundle says itself what its "
                f"network is.{did_you_mean(unknown[0], ['axes'])}"
            )
        axes = spec.architecture_args.get("axes", "HW")
        if axes not in _AXES or spec.input.layout != "NCHW":
            found = f"axes {axes!r}" if axes not in _AXES else f"layout {spec.input.layout}"
            raise UsageError(
                f"{where}: declares {found}, expected layout NCHW and axes HW or WH for a MONAI bundle."
            )
        return str(axes)

    def _read_definition(self, folder: Path) -> NetworkDefinition | Literal["script", "trusted"]:
        has_script = (folder / _SCRIPT).is_file()
        if self._weights is None or self._config is None:
            if has_script:
                return "script"
            lacking = " or ".join((_SCRIPT, *_WEIGHTS)) if self._weights is None else _CONFIGS[0]
            raise UsageError(
                f"{folder}: has no {lacking}, expected a bundle with its weights and configuration."
            )
        try:
            config = read_mapping(self._config) | {"_meta_": self.metadata}
            return network_definition(config, str(self._config))
        except UsageError:
            if has_script:
                return "script"
            if self.trust:
                return "trusted"
            raise

    def _of_monai(self, definition: NetworkDefinition) -> "nn.Module":
        where = str(self._config)
        wanted = {"spatial_dims": 2, "dimensions": 2, "in_channels": self.spec.input.channels}
        for name, expected in wanted.items():
            found = definition.arguments.get(name, expected)
            if found != expected and definition.name != "TorchVisionFCModel":
                raise UsageError(
                    f"{where}: network_def.{name} is {found!r}, expected {expected}, for 2D images of the channels "
                    f"({self.spec.input.channels}) that model '{self.spec.name}' declares."
                )
        return build_network(definition, where)

    def _trusted(self) -> "nn.Module":
        """Return the network as MONAI's own parser makes it, which runs the bundle's code."""
        import sys

        import torch
        from monai.bundle import ConfigParser

        folder = self.spec.source_path
        sys.path.insert(0, str(folder))
        parser = ConfigParser()
        parser.read_config(str(self._config))
        parser.read_meta(str(folder / _METADATA))
        parser["bundle_root"] = str(folder)
        try:
            network = parser.get_parsed_content("network_def" if "network_def" in parser else "network")
        except Exception as error:  # the vendor's code may raise anything
            said = one_line(f"{type(error).__name__}: {error}", 300)
            raise UsageError(f"{self._config}: the bundle's code failed: {said}.") from error
        if not isinstance(network, torch.nn.Module):
            raise UsageError(
                f"{self._config}: network_def gave a {type(network).__name__}, expected a network."
            )
        return network


def build_network(definition: NetworkDefinition, where: str) -> "nn.Module":
    """Make a network of ``monai.networks.nets`` with random weights; nothing is downloaded.

    Args:
        definition: the class and its arguments.
        where: the file to name in errors.

    Raises:
        UsageError: MONAI has no such network, or does not take the arguments.
    """
    made = _class(definition, where)
    arguments = offline_arguments(definition, inspect.signature(made).parameters)
    try:
        network: nn.Module = made(**arguments)
    except _REFUSALS as error:
        said = one_line(f"{type(error).__name__}: {error}", 300)
        raise UsageError(
            f"{where}: MONAI cannot build '{definition.name}' with {arguments}: {said}; expected arguments that this "
            "network takes."
        ) from error
    return network


def _class(definition: NetworkDefinition, where: str) -> Any:
    from monai.networks import nets
    from torch import nn

    found = getattr(nets, definition.name, None)
    module, _, name = definition.target.rpartition(".")
    known = (isinstance(found, type) and issubclass(found, nn.Module)) or name in _FUNCTIONS
    inside = known and str(getattr(found, "__module__", "")).startswith(f"{NETWORKS}.")
    if not inside or module not in {"", NETWORKS, found.__module__}:
        networks = [other for other, entry in vars(nets).items() if isinstance(entry, type)]
        raise UsageError(
            f"{where}: network_def._target_ is '{definition.target}', expected a network of {NETWORKS}."
            f"{did_you_mean(name, networks)}"
        )
    return found


def offline_arguments(
    definition: NetworkDefinition, parameters: Mapping[str, inspect.Parameter]
) -> dict[str, Any]:
    """Return the arguments without a wish for weights from elsewhere; the bundle's own replace all of them."""
    arguments = dict(definition.arguments)
    wished = bool(arguments.get("pretrained") or arguments.get("weights"))
    if "pretrained" in parameters:
        arguments["pretrained"] = False
    if "weights" in parameters:
        arguments["weights"] = None
        if wished and arguments.get("model_name") in _OWN_INPUT:
            arguments.setdefault("transform_input", True)
    return arguments


def _turned(outputs: object) -> object:
    """Return maps [N, K, w, h] as [N, K, h, w]; everything else as it is."""
    if isinstance(outputs, Mapping):
        return {name: _turned(value) for name, value in outputs.items()}
    if isinstance(outputs, list | tuple):
        return [_turned(value) for value in outputs]
    return outputs.transpose(-1, -2) if getattr(outputs, "ndim", 0) == 4 else outputs  # type: ignore[attr-defined]


def _entries(metadata: Mapping[str, Any], side: str) -> list[Mapping[str, Any]]:
    formats = metadata.get("network_data_format")
    found = formats.get(side) if isinstance(formats, dict) else None
    return [entry for entry in found.values() if isinstance(entry, dict)] if isinstance(found, dict) else []


def _first(folder: Path, names: tuple[str, ...]) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_file()), None)
