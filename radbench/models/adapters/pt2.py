"""A ``torch.export`` program under test (``.pt2``), screened before torch reads it."""

import inspect
import json
import pickle
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar
from unittest.mock import patch

from radbench.errors import UsageError
from radbench.models.adapters.archive import archived_names, refuse_pickle
from radbench.models.adapters.file_input import agreed_rows
from radbench.models.adapters.pt2_screen import PROGRAM, screen
from radbench.models.adapters.torch_base import TorchAdapter
from radbench.models.base import ModelFailureError
from radbench.models.class_names import noted_class_names

if TYPE_CHECKING:
    import torch
    from torch import nn
    from torch.export import ExportedProgram


class ExportedModel(TorchAdapter):
    """A file that ``torch.export.save`` of torch 2.9 or later wrote; see ``Adapter``."""

    format: ClassVar[str] = "pt2"

    def verify(self) -> str:
        """Return the file's digest, after its program was found to hold nothing that runs when it is read."""
        found = super().verify()
        path = self.spec.source_path
        if not path.is_file() or PROGRAM not in archived_names(path):
            expected = f"a torch.export archive of torch 2.9 or later ({PROGRAM} in a zip)"
            raise (
                refuse_pickle(path, expected)
                if path.is_file()
                else UsageError(f"{path}: a folder, expected {expected}.")
            )
        screen(path)
        return found

    def network(self) -> "nn.Module":
        """Return the program's module, for batches of the size that it takes."""
        program = self._program()
        shape, dtype = _first_input(program)
        self.rows = agreed_rows(self.spec, self.spec.source_path, shape, dtype)
        # Guards are Python that the file brings; what they would check of the input was just checked.
        guarded = "check_guards" in inspect.signature(program.module).parameters
        module: nn.Module = program.module(**({"check_guards": False} if guarded else {}))
        return module

    def placed(self, network: "nn.Module") -> "nn.Module":
        """Return the module on the device; an exported program is for evaluation already."""
        return network.to(self.torch_device())

    def tensor(self, rows: Any) -> "torch.Tensor":
        """Return a batch in plain memory order, which an exported program was traced with."""
        return super().tensor(rows).contiguous()

    def class_names(self) -> list[str] | None:
        """Return the class names in the archive's extra files, such as ``class_names.json``."""
        with zipfile.ZipFile(self.spec.source_path) as archive:
            texts = {
                name.rpartition("/")[2].partition(".")[0]: archive.read(name).decode(errors="replace")
                for name in archive.namelist()
                if "/extra/" in name and archive.getinfo(name).file_size < 100_000
            }
        return noted_class_names(texts)

    def _program(self) -> "ExportedProgram":
        import torch

        try:
            with only_tensors():
                return torch.export.load(self.spec.source_path)
        except pickle.UnpicklingError as error:
            raise UsageError(
                f"{self.spec.source_path}: holds a pickle of more than tensors, which would run code when it is "
                "read, so it is refused; export the model again with tensors as its example inputs."
            ) from error
        except (
            RuntimeError,
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            AssertionError,
            json.JSONDecodeError,
        ) as error:
            raise ModelFailureError(
                f"Model '{self.spec.name}' cannot be loaded as an exported program: "
                f"{' '.join(str(error).split())[:500]}",
                kind="crash",
            ) from error


@contextmanager
def only_tensors() -> Iterator[None]:
    """While torch reads an archive, whatever it asks, let no pickle make anything but tensors and plain values."""
    import torch

    with (
        patch.object(torch, "load", partial(_restricted, torch.load)),
        patch.object(pickle, "loads", _refused),
        patch.object(torch._C, "_pickle_load_obj", _refused, create=True),  # noqa: SLF001 - the only place to hold it
    ):
        yield


def _restricted(load: Any, *arguments: Any, **settings: Any) -> Any:
    return load(*arguments, **(settings | {"weights_only": True}))


def _refused(*_arguments: Any, **_settings: Any) -> Any:
    raise pickle.UnpicklingError("an object that is no tensor")


def _first_input(program: "ExportedProgram") -> tuple[list[int | None], str]:
    """Return shape (None where a length may vary) and type of the program's only input.

    Raises:
        UsageError: it takes another number of inputs.
    """
    names = [name for name in program.graph_signature.user_inputs if isinstance(name, str)]
    values = {node.name: node.meta.get("val") for node in program.graph.nodes if node.op == "placeholder"}
    if len(names) != 1 or values.get(names[0]) is None:
        raise UsageError(
            f"The exported program takes the inputs {', '.join(names) or 'none'}, expected one: the images."
        )
    found = values[names[0]]
    shape = [int(length) if isinstance(length, int) else None for length in found.shape]
    return shape, str(found.dtype).removeprefix("torch.")
