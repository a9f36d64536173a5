"""The wire: what goes in comes out, in any pieces; what is no message is refused before it is kept."""

import json
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from radbench.models.isolation.wire import HEAD_LIMIT, Decoder, Message, WireError, encode

DTYPES = ["bool", "uint8", "int16", "int64", "float16", "float32", "float64"]


def raw(head, body=b"", magic=b"RBW1", length=None):
    text = head if isinstance(head, bytes) else json.dumps(head).encode()
    return struct.pack("<4sI", magic, len(text) if length is None else length) + text + body


def arrays():
    shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5)
    return st.sampled_from(DTYPES).flatmap(lambda dtype: hnp.arrays(dtype, shapes))


@settings(deadline=None, max_examples=60)
@given(
    messages=st.lists(st.dictionaries(st.sampled_from("abcd"), arrays(), max_size=3), min_size=1, max_size=3),
    piece=st.integers(1, 64),
)
def test_messages_come_out_as_they_went_in_whatever_the_pieces(messages, piece):
    sent = b"".join(
        bytes(part)
        for number, arrays in enumerate(messages)
        for part in encode(Message({"number": number}, arrays))
    )
    decoder, found = Decoder(1 << 20), []
    for start in range(0, len(sent), piece):
        decoder.feed(sent[start : start + piece])
        while (message := decoder.take()) is not None:
            found.append(message)
    assert [message.head for message in found] == [{"number": number} for number in range(len(messages))]
    for message, expected in zip(found, messages, strict=True):
        assert list(message.arrays) == list(expected)
        for name, values in expected.items():
            assert message.arrays[name].dtype == values.dtype
            np.testing.assert_array_equal(message.arrays[name], values)


def test_an_array_that_is_not_in_c_order_keeps_its_values():
    values = np.arange(12.0).reshape(3, 4).T[::2]
    decoder = Decoder(1 << 10)
    decoder.feed(b"".join(encode(Message({}, {"values": values}))))
    np.testing.assert_array_equal(decoder.take().arrays["values"], values)


def entry(**changes):
    return {"name": "x", "dtype": "float32", "shape": [2]} | changes


@pytest.mark.parametrize(
    "data",
    [
        b"garbage, and more of it",
        raw({"arrays": []}, magic=b"RBW2"),
        raw({"arrays": []}, length=HEAD_LIMIT + 1),
        raw(b"", length=0),
        raw(b"[" * 100_000),
        raw(b"{not json}"),
        raw(b"[]"),
        raw(b"\xff\xfe"),
        raw({}),
        raw({"arrays": 3}),
        raw({"arrays": ["x"]}),
        raw({"arrays": [entry()] * 2}, bytes(16)),
        raw({"arrays": [entry(dtype="object")]}),
        raw({"arrays": [entry(dtype="V8")]}),
        raw({"arrays": [entry(shape=[-1])]}),
        raw({"arrays": [entry(shape=[True])]}),
        raw({"arrays": [entry(shape=[1.0])]}),
        raw({"arrays": [entry(shape=2)]}),
        raw({"arrays": [entry(shape=[1] * 9)]}),
        raw({"arrays": [entry(shape=[1 << 30, 1 << 30])]}),
        raw({"arrays": [entry(name="x" * 201)]}),
        raw({"arrays": [entry(name="x\x1b[2J")]}),
        raw({"arrays": [entry(name=str(number)) for number in range(5000)]}),
    ],
)
def test_what_is_no_message_is_refused(data):
    decoder = Decoder(1 << 20)
    decoder.feed(data)
    with pytest.raises(WireError):
        decoder.take()


def test_more_bytes_than_expected_are_refused_before_they_come():
    decoder = Decoder(7)
    decoder.feed(raw({"arrays": [entry()]}))
    with pytest.raises(WireError, match="8 bytes where at most 7"):
        decoder.take()


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=64))
def test_any_bytes_are_a_message_no_message_or_not_yet_one(data):
    decoder = Decoder(1 << 10)
    decoder.feed(b"RBW1" + data)
    try:
        decoder.take()
    except WireError:
        return


def test_a_bool_array_holds_only_false_and_true_whatever_its_bytes():
    decoder = Decoder(4)
    decoder.feed(raw({"arrays": [entry(dtype="bool", shape=[4])]}, b"\x00\x01\x02\xff"))
    values = decoder.take().arrays["x"]
    assert values.dtype == np.bool_ and values.view(np.uint8).tolist() == [0, 1, 1, 1]


def test_objects_and_heads_without_end_are_not_sent():
    with pytest.raises(ValueError, match="array of type object"):
        encode(Message({}, {"x": np.array([{}])}))
    with pytest.raises(ValueError, match="a head of"):
        encode(Message({"text": "x" * HEAD_LIMIT}))
