import pickle

import pytest

from radbench.data.sources.packed import PackedLabels


def test_packed_labels_are_the_dictionary_that_they_were_made_of():
    places = {"a": 0, "b": 1, "c": 2}
    packed = PackedLabels(places, {"c": 0, "a": 1})
    assert packed == {"a": 1, "c": 0} and len(packed) == 2 and list(packed) == ["a", "c"]
    assert {**packed, "b": 1} == {"a": 1, "b": 1, "c": 0} and repr(packed) == "{'a': 1, 'c': 0}"
    assert packed.get("b") is None and "b" not in packed and pickle.loads(pickle.dumps(packed)) == packed
    with pytest.raises(KeyError):
        packed["b"]
