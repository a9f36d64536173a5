"""What a server says of itself and of a model: asked within a time, read within a size, redirects not followed."""

import contextlib
import http.client
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from radbench.errors import UsageError
from radbench.models.servers.address import Address
from radbench.models.servers.again import BUSY, TRIES, Patience

MAX_BYTES: Final = 1 << 20
"""Longest answer that is read."""

SECONDS: Final = 10.0
"""Longest time that one answer may take."""

_BINARY: Final = "binary_tensor_data"
_CONFIGURED: Final = "model_configuration"
_MOST_TENSORS: Final = 256


@dataclass(frozen=True)
class Tensor:
    """An input or output as the server describes it: -1 stands for any length of an axis."""

    name: str
    datatype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Served:
    """A model as its server describes it.

    Attributes:
        platform: what runs it.
        versions: the versions that can be asked.
        inputs: its inputs; some servers name none.
        outputs: its outputs; some servers name none.
        binary: whether tensors may be sent as bytes and not only as JSON.
        max_batch: most images in a request; 0 where the server does not say.
    """

    platform: str
    versions: tuple[str, ...]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    binary: bool
    max_batch: int

    def decisive(self) -> list[Any]:
        """Return what tells this model from another, as JSON values."""
        tensors = [
            [[t.name, t.datatype, list(t.shape)] for t in group] for group in (self.inputs, self.outputs)
        ]
        return [self.platform, list(self.versions), *tensors]


def ask(address: Address, seconds: float = SECONDS) -> Served:
    """Ask a server what it says of the model of an address; again where it is starting or has too much to do.

    Args:
        address: the server and the model.
        seconds: within which the last try of a question begins.

    Raises:
        UsageError: it cannot be reached, does not answer in 10 s, redirects, does not have the model, or answers what
            the protocol does not allow.
    """
    model, version = address.model, address.version
    named = f"/v2/models/{quote(model, safe='')}" + (
        f"/versions/{quote(version, safe='')}" if version else ""
    )
    server = _get(address, "/v2", seconds)
    extensions = server.get("extensions", [])
    found = _get(address, named, seconds)
    config = _get(address, f"{named}/config", seconds) if _CONFIGURED in extensions else {}
    try:
        return Served(
            platform=str(found.get("platform", "")),
            versions=tuple(str(each) for each in found.get("versions") or ()),
            inputs=_tensors(found.get("inputs") or []),
            outputs=_tensors(found.get("outputs") or []),
            binary=_BINARY in extensions,
            max_batch=int(config.get("max_batch_size") or 0),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(
            f"The server {address.shown} describes model '{model}' in a way that the Open Inference Protocol does not "
            f"know ({type(error).__name__}), expected a list of named inputs and outputs with datatype and shape."
        ) from error


def _tensors(given: list[Any]) -> tuple[Tensor, ...]:
    return tuple(
        Tensor(str(each["name"]), str(each["datatype"]), tuple(int(length) for length in each["shape"]))
        for each in given[:_MOST_TENSORS]
    )


def _get(address: Address, path: str, seconds: float) -> dict[str, Any]:
    """Return the JSON object at a path of the server."""
    whole = f"{address.shown}{path}"
    try:
        status, body = _patiently(address, path, Patience(seconds))
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise UsageError(
            f"The server at {whole} cannot be asked ({_words(error)}); expected an inference server there that "
            "answers the Open Inference Protocol v2 over HTTP: start it, or correct the endpoint."
        ) from error
    if 300 <= status < 400:
        raise UsageError(
            f"The server at {whole} redirects, which is not followed; declare the address itself."
        )
    if len(body) > MAX_BYTES:
        raise UsageError(
            f"The server at {whole} answers more than {MAX_BYTES >> 20} MiB, expected a description."
        )
    found = _object(body)
    if status != 200:
        said = str((found or {}).get("error", "no reason given"))
        if status in BUSY:
            raise UsageError(
                f"The server at {whole} answers {status} ({_printable(said)}), asked up to {TRIES} times: it is "
                "starting or has too much to do; try later, or give it longer with limits.start_seconds."
            )
        raise UsageError(
            f"The server at {whole} answers {status} ({_printable(said)}), expected 200: is the model loaded, and are "
            "endpoint_model and endpoint_version right?"
        )
    if found is None:
        raise UsageError(f"The server at {whole} answers no JSON object; is it an inference server?")
    return found


def _patiently(address: Address, path: str, patience: Patience) -> tuple[int, bytes]:
    """Return status and body of an answer, of the last try where all fail."""
    while True:
        try:
            with _connected(address) as connection:
                connection.request(
                    "GET", address.path + path, headers={"Accept": "application/json"} | address.headers
                )
                response = connection.getresponse()
                status, body = response.status, response.read(MAX_BYTES + 1)
        except (ConnectionResetError, http.client.RemoteDisconnected):
            if not patience.wait():
                raise
            continue
        if status not in BUSY or not patience.wait(response.getheader("Retry-After")):
            return status, body


@contextmanager
def _connected(address: Address) -> Iterator[http.client.HTTPConnection]:
    """Yield a connection that is cut off after ``SECONDS``, however slowly the server speaks."""
    connection = (
        http.client.HTTPSConnection(
            address.host, address.port, timeout=SECONDS, context=ssl.create_default_context()
        )
        if address.secure
        else http.client.HTTPConnection(address.host, address.port, timeout=SECONDS)
    )
    connection.connect()
    late = threading.Event()
    timer = threading.Timer(SECONDS, _cut, [connection.sock, late])
    timer.daemon = True
    timer.start()
    try:
        yield connection
        if late.is_set():
            raise TimeoutError(f"no whole answer within {SECONDS:g} s")
    finally:
        timer.cancel()
        connection.close()


def _cut(connected: socket.socket, late: threading.Event) -> None:
    late.set()
    with contextlib.suppress(OSError):
        connected.shutdown(socket.SHUT_RDWR)


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _words(error: Exception) -> str:
    return _printable(str(error) or type(error).__name__)


def _printable(text: str) -> str:
    return "".join(letter for letter in " ".join(text.split()) if letter.isprintable())[:200]
