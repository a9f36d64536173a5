"""A model on an inference server that speaks the Open Inference Protocol v2 over HTTP: Triton, KServe, MLServer.

What the server says of the model is asked when the adapter is made, with the standard library, and is part of the
digest; it cannot say whether the weights behind a version are still the same, so such a model is never pinned. Images
are sent by ``tritonclient``: as bytes where the server takes them, as JSON elsewhere.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from radbench.models.adapters.base import ROWS, TensorAdapter
from radbench.models.base import ModelFailureError
from radbench.models.servers.address import Address, address_of
from radbench.models.servers.fit import fitted_input, fitted_outputs, rows_of
from radbench.models.servers.metadata import Served, Tensor, ask
from radbench.runtime import canonical_json, sha256_bytes
from radbench.specs import ModelSpec

if TYPE_CHECKING:
    import torch

_CLIENT: Final = "tritonclient.http"
"""Imported by name, when a model is first asked: it brings an event loop with it."""


class InferenceServer(TensorAdapter):
    """A model behind an address.

    Raises:
        UsageError: the server cannot be asked, does not have the model, or says of it what its declaration does not.
    """

    format: ClassVar[str] = "openinference"

    def __init__(self, spec: ModelSpec, device: "torch.device | str" = "cpu", *, trust: bool = False) -> None:
        self._client: Any = None
        self._address: Address = address_of(spec)
        super().__init__(spec, device, trust=trust)

    @property
    def _model(self) -> str:
        return self.spec.endpoint_model or self.spec.name

    def verify(self) -> str:
        """Return a digest of where the model is and what its server says of it, checked against the declaration."""
        if self.spec.sha256 is not None:
            return super().verify()  # refuses it: a server cannot be pinned
        version = self.spec.endpoint_version
        self._served: Served = ask(self._address, self._model, version)
        self._input: Tensor = fitted_input(self.spec, self._served)
        self._outputs = fitted_outputs(self.spec, self._served)
        self.rows = rows_of(self._input, self._served, ROWS)
        named = [self._address.shown, self._model, version]
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
            try:
                return self._asked(rows)
            except (
                closed,
                ConnectionError,
            ):  # many servers hang up on a connection that was idle for seconds
                self.close()
                self.prepare()
                return self._asked(rows)
        except TimeoutError as error:
            raise self._failure(
                f"did not answer within {self.spec.limits.batch_seconds:g} s (limits.batch_seconds)",
                "timeout",
            ) from error
        except refused as error:
            status, message = _told(error)
            if status is None:
                raise self._failure(f"answered what cannot be read ({message})", "output") from error
            raise self._failure(f"answered {_refusal(status, message)}", "crash") from error
        except (closed, OSError) as error:
            raise self._failure(f"cannot be reached any more ({_short(error)})", "crash") from error
        except Exception as error:
            said = f"answered what is not the protocol's ({type(error).__name__}: {_short(error)})"
            raise self._failure(said, "output") from error

    def close(self) -> None:
        """Let go of the connection."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _asked_again(
        self, rows: NDArray[np.generic], gone: tuple[type[Exception], ...]
    ) -> dict[str, NDArray[np.generic]]:
        """Ask, and once more where the server had hung up: many do when a connection was idle for seconds."""
        try:
            return self._asked(rows)
        except gone:
            self.close()
            self.prepare()
            return self._asked(rows)

    def _asked(self, rows: NDArray[np.generic]) -> dict[str, NDArray[np.generic]]:
        client = import_module(_CLIENT)
        binary = self._served.binary
        image = client.InferInput(self._input.name, list(rows.shape), self._input.datatype)
        image.set_data_from_numpy(np.ascontiguousarray(rows), binary_data=binary)
        wanted = [client.InferRequestedOutput(name, binary_data=binary) for name in self._outputs]
        found = self._client.infer(
            self._model,
            [image],
            model_version=self.spec.endpoint_version or "",
            outputs=wanted or None,
            headers=self._address.headers or None,
        )
        names = [str(output["name"]) for output in found.get_response()["outputs"]]
        return {name: found.as_numpy(name) for name in self._outputs or names if name in names}

    def _failure(self, what: str, kind: str) -> ModelFailureError:
        sentence = f"The server {self._address.shown} of model '{self.spec.name}' {what}."
        return ModelFailureError(sentence, kind=kind)  # type: ignore[arg-type]


def _context() -> Any:
    return import_module("gevent.ssl").create_default_context()


def _told(error: Any) -> tuple[str | None, str]:
    """Return the status of an answer (None: the client could not read it) and what was said."""
    status = error.status()
    return (None if status is None else str(status)), _short(error.message())


def _refusal(status: str, message: str) -> str:
    return (
        f"{status}, a redirect, which is not followed" if status.startswith("3") else f"{status} ({message})"
    )


def _short(said: object) -> str:
    words = " ".join(str(said).split())
    return "".join(letter for letter in words if letter.isprintable())[:300]
