"""Where an inference server is and what it says of itself and of a model, read with the standard library alone.

The server speaks the Open Inference Protocol, version 2 (https://github.com/kserve/open-inference-protocol). It is
asked within a time, read within a size, redirects are not followed; one that is busy is asked again. Credentials are
kept apart from all that is shown.
"""

import base64
import contextlib
import http.client
import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit

from radbench.errors import UsageError
from radbench.models.source import stated_source
from radbench.specs import ModelSpec

MAX_BYTES: Final = 1 << 20
"""Longest answer that is read."""

SECONDS: Final = 10.0
"""Longest time that one answer may take."""

_BINARY: Final = "binary_tensor_data"
_CONFIGURED: Final = "model_configuration"
_MOST_TENSORS: Final = 256

BUSY: Final = frozenset({429, 502, 503, 504})
"""Answers of a server (or of what stands before it) that is starting, restarting or has too much to do."""

TRIES: Final = 5
"""How often one question is asked at most."""

_FIRST: Final = 0.25
_LONGEST: Final = 30.0

_OF_MODEL: Final = re.compile(
    r"(?P<base>.*)/v2/models/(?P<model>[^/]+)(?:/versions/(?P<version>[^/]+))?(?:/infer)?"
)
"""The path of a model and of its inference, as a server's documentation gives them."""


@dataclass(frozen=True)
class Address:
    """Where a server is.

    Attributes:
        host: name or number.
        port: number of its port.
        path: what stands before ``/v2`` in every address, "" or "/..." without a slash at the end.
        secure: whether it is asked over TLS.
        headers: sent with every request: the credentials, if the endpoint holds any.
        model: name of the model on the server: that of the declaration, or of the endpoint where it names one.
        version: its version, "" where neither says one.
    """

    host: str
    port: int
    path: str
    secure: bool
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    model: str = ""
    version: str = ""

    @property
    def place(self) -> str:
        """Host, port and path, as ``tritonclient`` wants them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}{self.path}"

    @property
    def shown(self) -> str:
        """The address without credentials."""
        return f"{'https' if self.secure else 'http'}://{self.place}"


def address_of(spec: ModelSpec) -> Address:
    """Return where the server of ``spec.endpoint`` is; nothing is sent.

    The endpoint may be the server's address, with or without ``/v2``, or the model's own
    (``.../v2/models/NAME[/versions/VERSION][/infer]``).

    Raises:
        UsageError: the endpoint names no host, a port that cannot be, a query, or another model or version than
            ``endpoint_model`` and ``endpoint_version``.
    """
    where = stated_source(spec, "endpoint")
    try:
        parts = urlsplit(spec.endpoint or "")
        port = parts.port
    except ValueError as error:
        raise UsageError(
            f"{where} is no address ({error}), expected one such as http://127.0.0.1:8000."
        ) from error
    if not parts.hostname or parts.query or parts.fragment:
        raise UsageError(
            f"{where} names no host or holds a query, expected one such as http://127.0.0.1:8000."
        )
    secure = parts.scheme == "https"
    headers = {}
    if parts.username is not None:
        words = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = f"Basic {base64.b64encode(words.encode()).decode()}"
    path, model, version = _named(spec, parts.path.rstrip("/"))
    return Address(parts.hostname, port or (443 if secure else 80), path, secure, headers, model, version)


def _named(spec: ModelSpec, path: str) -> tuple[str, str, str]:
    """Return what stands before ``/v2`` in a path, and the model's name and version."""
    found = _OF_MODEL.fullmatch(path)
    base = found["base"] if found else path.removesuffix("/v2/models").removesuffix("/v2")
    named = {
        "endpoint_model": unquote(found["model"]) if found else "",
        "endpoint_version": unquote(found["version"] or "") if found else "",
    }
    for field_name, there in named.items():
        declared = getattr(spec, field_name)
        if there and declared is not None and declared != there:
            raise UsageError(
                f"{stated_source(spec, 'endpoint')} names '{there}', and {field_name} is '{declared}'; expected the "
                f"same, or only one of both."
            )
    return (
        base,
        named["endpoint_model"] or spec.endpoint_model or spec.name,
        named["endpoint_version"] or spec.endpoint_version or "",
    )


@dataclass
class Patience:
    """The tries that one question has.

    Attributes:
        seconds: within which the last of them begins.
        tried: tries that have failed.
        started: when the first began, by the monotonic clock.
    """

    seconds: float
    tried: int = 0
    started: float = field(default_factory=time.monotonic)

    def wait(self, said: str | None = None) -> bool:
        """Wait after a try that failed; return whether there is another.

        Args:
            said: what the server said of when to come back (``Retry-After``, in seconds), if it did. Of anything else,
                and of a date, nothing is made: 0.25 s are waited, then twice as long each time.
        """
        self.tried += 1
        pause = max(asked_for(said), _FIRST * 2 ** (self.tried - 1))
        left = self.seconds - (time.monotonic() - self.started)
        if self.tried >= TRIES or pause > min(left, _LONGEST):
            return False
        time.sleep(pause)
        return True


def asked_for(said: str | None) -> float:
    """Return the seconds of a ``Retry-After``; 0 where it gives none."""
    words = (said or "").strip()
    return float(words) if words.isascii() and words.isdigit() else 0.0


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
        said = printable(str(error) or type(error).__name__)
        raise UsageError(
            f"The server at {whole} cannot be asked ({said}); expected an inference server there that "
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
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    found = found if isinstance(found, dict) else None
    if status != 200:
        said = printable((found or {}).get("error", "no reason given"))
        if status in BUSY:
            raise UsageError(
                f"The server at {whole} answers {status} ({said}), asked up to {TRIES} times: it is "
                "starting or has too much to do; try later, or give it longer with limits.start_seconds."
            )
        raise UsageError(
            f"The server at {whole} answers {status} ({said}), expected 200: is the model loaded, and are "
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
    connection = http.client.HTTPConnection(address.host, address.port, timeout=SECONDS)
    if address.secure:
        context = ssl.create_default_context()
        connection = http.client.HTTPSConnection(address.host, address.port, timeout=SECONDS, context=context)
    connection.connect()
    late = threading.Event()

    def cut(connected: socket.socket) -> None:
        late.set()
        with contextlib.suppress(OSError):
            connected.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(SECONDS, cut, [connection.sock])
    timer.daemon = True
    timer.start()
    try:
        yield connection
        if late.is_set():
            raise TimeoutError(f"no whole answer within {SECONDS:g} s")
    finally:
        timer.cancel()
        connection.close()


def printable(said: object, most: int = 200) -> str:
    """Return a stranger's words on one line, without control characters, cut off behind ``most`` characters."""
    return "".join(letter for letter in " ".join(str(said).split()) if letter.isprintable())[:most]
