"""Where an inference server is, with its credentials kept apart from all that is shown."""

import base64
import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

from radbench.errors import UsageError
from radbench.models.source import stated_source
from radbench.specs import ModelSpec

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
