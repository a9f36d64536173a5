"""A model on an inference server that speaks the Open Inference Protocol v2 over HTTP: Triton, KServe, MLServer.

What the server says of the model is asked when the adapter is made, with the standard library, and is part of the
digest; it cannot say whether the weights behind a version are still the same, so such a model is never pinned. Images
are sent by ``tritonclient``: as bytes where the server takes them, as JSON elsewhere.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from radbench.errors import UsageError, did_you_mean
from radbench.models.adapters.base import ROWS, TensorAdapter
from radbench.models.adapters.inference_server import (
    BUSY,
    Address,
    Patience,
    Served,
    Tensor,
    address_of,
    ask,
    printable,
)
from radbench.models.base import ModelFailureError
from radbench.models.decode import wanted_output
from radbench.models.preprocess import row_shape
from radbench.models.source import stated_source
from radbench.runtime import canonical_json, sha256_bytes
from radbench.specs import ModelSpec

if TYPE_CHECKING:
    import torch

_CLIENT: Final = "tritonclient.http"
"""Imported by name, when a model is first asked: it brings an event loop with it."""

_BUSY: Final = frozenset(map(str, BUSY))


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


class InferenceServer(TensorAdapter):
    """A model behind an address.

    Raises:
        UsageError: the server cannot be asked, does not have the model, or says of it what its declaration does not.
    """

    format: ClassVar[str] = "openinference"

    def __init__(self, spec: ModelSpec, device: "torch.device | str" = "cpu", *, trust: bool = False) -> None:
        self._client: Any = None
        self._address: Address = address_of(spec)
        self._come_back: str | None = None
        super().__init__(spec, device, trust=trust)

    def verify(self) -> str:
        """Return a digest of where the model is and what its server says of it, checked against the declaration."""
        if self.spec.sha256 is not None:
            return super().verify()  # refuses it: a server cannot be pinned
        address = self._address
        self._served: Served = ask(address, self.spec.limits.start_seconds)
        self._input: Tensor = fitted_input(self.spec, self._served)
        self._outputs = fitted_outputs(self.spec, self._served)
        self.rows = rows_of(self._input, self._served, ROWS)
        named = [address.shown, address.model, address.version or None]
        return sha256_bytes(canonical_json([*named, *self._served.decisive()]))

    def prepare(self) -> None:
        """Make the client; the server loads the model itself."""
        if self._client is not None:
            return
        self._client = import_module(_CLIENT).InferenceServerClient(
            self._address.place,
            connection_timeout=self.spec.limits.start_seconds,
            network_timeout=self.spec.limits.batch_seconds,
            ssl=self._address.secure,
            ssl_context_factory=_context if self._address.secure else None,
        )
        self._client._post = self._noting(self._client._post)  # noqa: SLF001 - it hands on no headers

    def _noting(self, post: Callable[..., Any]) -> Callable[..., Any]:
        """Return ``post`` that keeps when the server asks to come back, which the client's errors do not hold."""

        def noted(*arguments: Any, **settings: Any) -> Any:
            response = post(*arguments, **settings)
            self._come_back = response.get("Retry-After")
            return response

        return noted

    def forward(self, rows: NDArray[np.generic]) -> Mapping[str, NDArray[np.generic]]:
        """Return every output of the server by its name; see ``TensorAdapter.forward``.

        Raises:
            ModelFailureError: the server is gone or refuses ("crash"), takes longer than ``limits.batch_seconds``
                ("timeout"), or answers what the protocol does not allow ("output").
        """
        self.prepare()
        refused: type[Exception] = import_module("tritonclient.utils").InferenceServerException
        closed: type[Exception] = import_module("geventhttpclient.response").HTTPConnectionClosed
        try:
            return self._patiently(rows, refused, (closed, ConnectionError))
        except TimeoutError as error:
            raise self._failure(
                f"did not answer within {self.spec.limits.batch_seconds:g} s (limits.batch_seconds)",
                "timeout",
            ) from error
        except refused as error:
            status, message = _told(error)
            if status is None:
                raise self._failure(f"answered what cannot be read ({message})", "output") from error
            reason = ", a redirect, which is not followed" if status.startswith("3") else f" ({message})"
            raise self._failure(f"answered {status}{reason}", "crash") from error
        except (closed, OSError) as error:
            raise self._failure(f"cannot be reached any more ({printable(error, 300)})", "crash") from error
        except Exception as error:
            said = f"answered what is not the protocol's ({type(error).__name__}: {printable(error, 300)})"
            raise self._failure(said, "output") from error

    def close(self) -> None:
        """Let go of the connection."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _patiently(
        self, rows: NDArray[np.generic], refused: type[Exception], gone: tuple[type[Exception], ...]
    ) -> dict[str, NDArray[np.generic]]:
        """Ask; again where the server is busy or had hung up: many do when a connection was idle for seconds."""
        patience = Patience(self.spec.limits.batch_seconds)
        while True:
            try:
                return self._asked(rows)
            except gone:
                self.close()
                if not patience.wait():
                    raise
                self.prepare()
            except refused as error:
                if _told(error)[0] not in _BUSY or not patience.wait(self._come_back):
                    raise

    def _asked(self, rows: NDArray[np.generic]) -> dict[str, NDArray[np.generic]]:
        client = import_module(_CLIENT)
        binary = self._served.binary
        image = client.InferInput(self._input.name, list(rows.shape), self._input.datatype)
        image.set_data_from_numpy(np.ascontiguousarray(rows), binary_data=binary)
        wanted = [client.InferRequestedOutput(name, binary_data=binary) for name in self._outputs]
        found = self._client.infer(
            self._address.model,
            [image],
            model_version=self._address.version,
            outputs=wanted or None,
            headers=self._address.headers or None,
        )
        names = [str(output["name"]) for output in found.get_response()["outputs"]]
        return {name: _numbers(found, name) for name in self._outputs or names if name in names}

    def _failure(self, what: str, kind: str) -> ModelFailureError:
        sentence = f"The server {self._address.shown} of model '{self.spec.name}' {what}."
        return ModelFailureError(sentence, kind=kind)  # type: ignore[arg-type]


def _numbers(found: Any, name: str) -> NDArray[np.generic]:
    """Return an output; bfloat16, which numpy does not know, as the float32 that it is the half of."""
    output = found.get_output(name)
    if output["datatype"] != "BF16":
        return np.asarray(found.as_numpy(name))
    if "data" in output:
        output["datatype"] = "FP32"
        return np.asarray(found.as_numpy(name))
    output["datatype"] = "UINT16"
    return np.asarray((found.as_numpy(name).astype(np.uint32) << 16).view(np.float32))


def _context() -> Any:
    return import_module("gevent.ssl").create_default_context()


def _told(error: Any) -> tuple[str | None, str]:
    """Return the status of an answer (None: the client could not read it) and what was said."""
    status = error.status()
    return (None if status is None else str(status)), printable(error.message(), 300)


def fitted_input(spec: ModelSpec, served: Served) -> Tensor:
    """Return the server's input, checked against the contract; the contract's own where the server names none.

    Raises:
        UsageError: several inputs, or another type or shape than the contract's.
    """
    contract, row = spec.input, row_shape(spec.input)
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
        known = {name: f"declare dtype: {declared}" for declared, name in DATATYPES.items()}
        mend = known.get(found.datatype, "such a model is not read")
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
    wanted = wanted_output(spec)
    if wanted is None:
        return names
    if names and wanted not in names:
        raise UsageError(
            f"{stated_source(spec, 'output_names')} wants '{wanted}', and the server has the outputs "
            f"{', '.join(names)}.{did_you_mean(wanted, names)}"
        )
    return [wanted]
