"""Whether what a server says of a model is what its declaration says."""

from typing import Final

from radbench.errors import UsageError, did_you_mean
from radbench.models.servers.metadata import Served, Tensor
from radbench.models.source import stated_source
from radbench.specs import ModelSpec

DATATYPES: Final = {
    "float16": "FP16",
    "float32": "FP32",
    "float64": "FP64",
    "uint8": "UINT8",
    "uint16": "UINT16",
    "int16": "INT16",
    "int32": "INT32",
}
"""The protocol's name of each type that a contract knows."""

UNNAMED: Final = "input-0"
"""Name of the input where the server names none."""


def fitted_input(spec: ModelSpec, served: Served) -> Tensor:
    """Return the server's input, checked against the contract; the contract's own where the server names none.

    Raises:
        UsageError: several inputs, or another type or shape than the contract's.
    """
    contract = spec.input
    height, width = contract.spatial_shape
    channels = contract.channels
    row = (channels, height, width) if contract.layout == "NCHW" else (height, width, channels)
    expected = Tensor(UNNAMED, DATATYPES[contract.dtype], (-1, *row))
    if not served.inputs:
        return expected
    if len(served.inputs) > 1:
        names = ", ".join(tensor.name for tensor in served.inputs)
        raise UsageError(
            f"Model '{spec.name}': its server wants the inputs {names}, expected one, the image."
        )
    found = served.inputs[0]
    where = stated_source(spec, "input")
    if found.datatype != expected.datatype:
        known = {name: declared for declared, name in DATATYPES.items()}
        mend = (
            f"declare dtype: {known[found.datatype]}"
            if found.datatype in known
            else "such a model is not read"
        )
        raise UsageError(
            f"{where}: dtype is {contract.dtype} ({expected.datatype}), and the server's input '{found.name}' is "
            f"{found.datatype}; {mend}."
        )
    fits = len(found.shape) == 4 and all(
        there in (-1, here) for there, here in zip(found.shape[1:], row, strict=True)
    )
    if not fits:
        raise UsageError(
            f"{where}: spatial_shape, channels and layout give {list(expected.shape)}, and the server's input "
            f"'{found.name}' has the shape {list(found.shape)} (-1: any); expected the same."
        )
    return found


def rows_of(tensor: Tensor, served: Served, most: int) -> int:
    """Return how many images go into a request: as many as the server wants, or may have, and ``most`` otherwise."""
    if tensor.shape[0] > 0:
        return tensor.shape[0]
    return min(most, served.max_batch) if served.max_batch > 0 else most


def fitted_outputs(spec: ModelSpec, served: Served) -> list[str]:
    """Return the names of the outputs to ask for: the declared one, else all that the server names.

    Raises:
        UsageError: the server does not name the declared one.
    """
    names = [tensor.name for tensor in served.outputs]
    declared = spec.output_names
    wanted = declared.segmentation if spec.task == "segmentation" else declared.classification
    if wanted is None:
        return names
    if names and wanted not in names:
        raise UsageError(
            f"{stated_source(spec, 'output_names')} wants '{wanted}', and the server has the outputs "
            f"{', '.join(names)}.{did_you_mean(wanted, names)}"
        )
    return [wanted]
