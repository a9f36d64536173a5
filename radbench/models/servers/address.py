"""Where an inference server is, with its credentials kept apart from all that is shown."""

import base64
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from radbench.errors import UsageError
from radbench.models.source import stated_source
from radbench.specs import ModelSpec


@dataclass(frozen=True)
class Address:
    """Where a server is.

    Attributes:
        host: name or number.
        port: number of its port.
        path: what stands before ``/v2`` in every address, "" or "/..." without a slash at the end.
        secure: whether it is asked over TLS.
        headers: sent with every request: the credentials, if the endpoint holds any.
    """

    host: str
    port: int
    path: str
    secure: bool
    headers: dict[str, str] = field(default_factory=dict, repr=False)

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

    Raises:
        UsageError: the endpoint names no host, a port that cannot be, or a query.
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
    path = parts.path.rstrip("/").removesuffix("/v2")
    return Address(parts.hostname, port or (443 if secure else 80), path, secure, headers)
