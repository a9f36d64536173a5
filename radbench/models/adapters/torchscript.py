"""A TorchScript model under test: a program of TorchScript's own interpreter, in which no Python runs."""

from typing import TYPE_CHECKING, ClassVar

from radbench.errors import UsageError
from radbench.models.adapters.model_file import (
    NOTES,
    archived_names,
    archived_notes,
    parsed_class_names,
    refuse_pickle,
)
from radbench.models.adapters.torch_base import TorchAdapter
from radbench.models.base import ModelFailureError, one_line

if TYPE_CHECKING:
    from torch import nn


class TorchScriptModel(TorchAdapter):
    """A file that ``torch.jit.save`` wrote; see ``Adapter`` for the arguments and the errors."""

    format: ClassVar[str] = "torchscript"

    def verify(self) -> str:
        """Return the file's digest, after its archive was found to be TorchScript."""
        found = super().verify()
        path = self.spec.source_path
        if not path.is_file():
            raise UsageError(f"{path}: a folder, expected the file that torch.jit.save writes.")
        names = archived_names(path)
        if "constants.pkl" not in names or not any(name.startswith("code/") for name in names):
            raise refuse_pickle(path, "a TorchScript archive (code/ and constants.pkl in a zip)")
        return found

    def network(self) -> "nn.Module":
        """Return the TorchScript module."""
        import torch

        try:
            module: nn.Module = torch.jit.load(  # type: ignore[no-untyped-call] # torch leaves it without types
                str(self.spec.source_path), map_location="cpu"
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise ModelFailureError(
                f"Model '{self.spec.name}' cannot be loaded as TorchScript: {one_line(error)}",
                kind="crash",
            ) from error
        return module

    def placed(self, network: "nn.Module") -> "nn.Module":
        """Return the module for evaluation and on the device; its memory layout is its own."""
        return network.eval().to(self.torch_device())

    def class_names(self) -> list[str] | None:
        """Return the class names in the archive's extra files, such as ``class_names.json``."""
        notes = archived_notes(self.spec.source_path)
        return next((parsed_class_names(notes[note]) for note in NOTES if note in notes), None)
