"""What goes through the pipes between the harness and the process of a model: JSON heads and raw arrays.

A message is eight bytes (four of magic, the length of the head as uint32), the head as JSON, and the bytes of its
arrays one after another, little-endian and in C order. Nothing is ever unpickled. The side that reads says how many
bytes it will take; everything that a message claims is checked before a byte of it is kept.
"""

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["HEAD_LIMIT", "Decoder", "Message", "WireError", "encode"]

HEAD_LIMIT: Final = 1 << 20
"""Bytes of a head, at most."""

_MAGIC: Final = b"RBW1"
_PREFIX: Final = struct.Struct("<4sI")
_DTYPES: Final = {
    name: np.dtype(name).newbyteorder("<")
    for name in (
        *("bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"),
        *("float16", "float32", "float64"),
    )
}
_MOST_AXES: Final = 8
_MOST_ARRAYS: Final = 4096
_LONGEST_NAME: Final = 200


class WireError(Exception):
    """Bytes that are no message, or a message that is larger than it may be."""


@dataclass(frozen=True)
class Message:
    """A request or an answer.

    Attributes:
        head: JSON values by name; "arrays" is kept for the wire.
        arrays: arrays of numbers or truth values by name, in order.
    """

    head: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)


def encode(message: Message) -> list[memoryview]:
    """Return the bytes of a message, in pieces that need no copy of the arrays.

    Raises:
        ValueError: a head that JSON cannot hold or that is too long, or an array of another type than numbers.
    """
    arrays: list[dict[str, Any]] = []
    pieces: list[memoryview] = []
    for name, values in message.arrays.items():
        if values.dtype.name not in _DTYPES:
            raise ValueError(f"an array of type {values.dtype}, expected one of {', '.join(_DTYPES)}")
        arrays.append({"name": name, "dtype": values.dtype.name, "shape": list(values.shape)})
        if values.size:
            plain = np.ascontiguousarray(values, dtype=_DTYPES[values.dtype.name])
            pieces.append(plain.reshape(-1).view(np.uint8).data)
    head = json.dumps({**message.head, "arrays": arrays}).encode()
    if len(head) > HEAD_LIMIT:
        raise ValueError(f"a head of {len(head)} bytes, expected {HEAD_LIMIT} at most")
    return [memoryview(_PREFIX.pack(_MAGIC, len(head)) + head), *pieces]


class Decoder:
    """Messages out of a stream of bytes that may come in any pieces and from anyone.

    Args:
        limit: bytes that the arrays of one message may take; may be changed between messages.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._bytes = bytearray()
        self._head: dict[str, Any] | None = None
        self._start = 0
        self._shapes: list[tuple[str, np.dtype[Any], tuple[int, ...]]] = []
        self._needed = _PREFIX.size

    def feed(self, data: bytes) -> None:
        """Take bytes as they come."""
        self._bytes += data

    def take(self) -> Message | None:
        """Return the next message, or None while it is not whole.

        Raises:
            WireError: the bytes are no message, or one that is too large.
        """
        while len(self._bytes) >= self._needed:
            if self._start == 0:
                self._read_prefix()
            elif self._head is None:
                self._read_head()
            else:
                return self._finish()
        return None

    def _read_prefix(self) -> None:
        magic, length = _PREFIX.unpack_from(self._bytes)
        if magic != _MAGIC or not 2 <= length <= HEAD_LIMIT:
            raise WireError("bytes that are no message")
        self._start = self._needed = _PREFIX.size + length

    def _read_head(self) -> None:
        try:
            head = json.loads(bytes(self._bytes[_PREFIX.size : self._start]))
            arrays = head.pop("arrays")
        except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
            raise WireError("a head that is no JSON object with its arrays") from error
        if not isinstance(arrays, list) or len(arrays) > _MOST_ARRAYS:
            raise WireError("a head whose arrays are no list, or too many")
        self._shapes = [_described(entry) for entry in arrays]
        if len({name for name, _, _ in self._shapes}) != len(arrays):
            raise WireError("two arrays of one name")
        size = sum(_size(dtype, shape) for _, dtype, shape in self._shapes)
        if size > self.limit:
            raise WireError(f"arrays of {size} bytes where at most {self.limit} are expected")
        self._head, self._needed = head, self._start + size

    def _finish(self) -> Message:
        held, at = self._bytes, self._start
        self._bytes = self._bytes[self._needed :]
        arrays: dict[str, NDArray[np.generic]] = {}
        for name, dtype, shape in self._shapes:
            count = math.prod(shape)
            # uint8 first: any byte but 0 and 1 in a bool array would be undefined for numpy
            if dtype == np.bool_:
                arrays[name] = np.frombuffer(held, np.uint8, count, at).reshape(shape) != 0
            else:
                arrays[name] = np.frombuffer(held, dtype, count, at).reshape(shape)
            at += _size(dtype, shape)
        message = Message(self._head or {}, arrays)
        self._head, self._start, self._needed, self._shapes = None, 0, _PREFIX.size, []
        return message


def _described(entry: object) -> tuple[str, np.dtype[Any], tuple[int, ...]]:
    match entry:
        case {"name": str(name), "dtype": str(dtype), "shape": list(shape)} if (
            len(name) <= _LONGEST_NAME
            and name.isprintable()
            and dtype in _DTYPES
            and len(shape) <= _MOST_AXES
            and all(type(side) is int and 0 <= side < 1 << 31 for side in shape)
        ):
            return name, _DTYPES[dtype], tuple(shape)
    raise WireError("an array without a name, a known type and a shape")


def _size(dtype: np.dtype[Any], shape: tuple[int, ...]) -> int:
    return dtype.itemsize * math.prod(shape)
