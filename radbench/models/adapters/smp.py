"""A segmenter of segmentation-models-pytorch under test: declared, or a folder of its ``save_pretrained``.

A folder's weights are safetensors; declared ones may be a state dict too, read as tensors only. Nothing is downloaded.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

from radbench.errors import UsageError
from radbench.models.adapters.state_dict import load_weights
from radbench.models.adapters.torch_base import TorchAdapter
from radbench.models.smp_factory import build_segmenter

if TYPE_CHECKING:
    from torch import nn

_CONFIG: Final = "config.json"
_WEIGHTS: Final = "model.safetensors"
_CLASS: Final = "_model_class"


class SmpModel(TorchAdapter):
    """A segmenter; see ``Adapter`` for the arguments and the errors."""

    format: ClassVar[str] = "smp"

    def verify(self) -> str:
        """Return the digest of the weights or the folder; a folder must hold a configuration and safetensors."""
        found = super().verify()
        if self.spec.path is not None:
            self._configuration()
        return found

    def network(self) -> "nn.Module":
        """Return the declared architecture, or that of the folder, with its weights."""
        spec, where = self.spec, str(self.spec.origin or self.spec.name)
        if spec.path is None:
            network = build_segmenter(spec.architecture, spec.architecture_args, where=where)
            self.found = load_weights(network, spec.weights_path)
            return network
        architecture, arguments = self._configuration()
        network = build_segmenter(architecture, arguments, where=str(spec.source_path / _CONFIG))
        self.found = load_weights(network, spec.source_path / _WEIGHTS)
        return network

    def _configuration(self) -> tuple[str, dict[str, Any]]:
        """Return the architecture and its arguments that the folder's configuration names."""
        folder = self.spec.source_path
        if not (folder / _WEIGHTS).is_file():
            raise UsageError(
                f"{folder}: lacks {_WEIGHTS}, expected a folder that save_pretrained of segmentation-models-pytorch "
                "wrote, with its weights as safetensors."
            )
        try:
            found = json.loads((folder / _CONFIG).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UsageError(f"{folder / _CONFIG}: cannot be read as JSON ({error}).") from error
        architecture = found.get(_CLASS) if isinstance(found, Mapping) else None
        if not isinstance(architecture, str):
            raise UsageError(
                f"{folder / _CONFIG}: lacks '{_CLASS}', expected the configuration that save_pretrained of "
                "segmentation-models-pytorch writes."
            )
        # The encoder's pretrained weights are overwritten by the folder's own and must not be fetched.
        kept = {name: value for name, value in found.items() if not name.startswith("_")}
        return architecture, kept | {"encoder_weights": None}
