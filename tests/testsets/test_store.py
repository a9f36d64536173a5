import pytest

from radbench.testsets.storage import Workshop
from radbench.testsets.store import RECORD, DamagedError, ItemStore

KEY = "ab" + "0" * 62
FILES = {"edited.png": b"edited pixels", "edit_mask.png": b"mask"}


@pytest.fixture
def store(cache):
    with Workshop(cache) as workshop:
        yield ItemStore(cache, workshop)


def _put(store, key=KEY, **changes):
    values = {"task": {"prompt": "x"}, "files": FILES, "measures": {"m": 0.1}, "made_with": {"device": "cpu"}}
    return store.put(key, **{**values, **changes})


def test_what_is_put_is_got(store):
    assert store.get(KEY) is None
    item = _put(store)
    assert store.get(KEY) == item
    assert item.measures == {"m": 0.1}
    assert set(item.files) == set(FILES)
    assert (item.folder / "edited.png").read_bytes() == b"edited pixels"


def test_the_first_of_two_stays(store):
    first = _put(store)
    second = _put(store, files={"edited.png": b"other pixels"})
    assert second.files == first.files
    assert not list(store.cache.glob("tmp/*/*"))


@pytest.mark.parametrize("name", [*FILES, RECORD])
def test_every_flipped_byte_is_found_and_named(store, name):
    path = _put(store).folder / name
    whole = path.read_bytes()
    for place in {*range(0, len(whole), 7), len(whole) - 1}:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x01]) + whole[place + 1 :])
        try:
            item = store.get(KEY)
        except DamagedError as error:
            assert error.path == path
        else:
            # JSON has room for a byte that means nothing: the newline at the end.
            assert name == RECORD
            assert place == len(whole) - 1
            assert item is not None


@pytest.mark.parametrize("name", [*FILES, RECORD])
def test_a_missing_file_is_found_and_named(store, name):
    path = _put(store).folder / name
    path.unlink()
    with pytest.raises(DamagedError) as caught:
        store.get(KEY)
    assert caught.value.path == path


def test_a_record_of_another_task_is_no_record_of_this_one(store):
    other = "ab" + "1" * 62
    _put(store).folder.rename(store.folder(other))
    with pytest.raises(DamagedError, match="another task"):
        store.get(other)


def test_only_what_is_damaged_is_dropped(store):
    item = _put(store)
    store.drop_damaged(KEY)
    assert store.get(KEY) == item
    (item.folder / "edited.png").write_bytes(b"")
    store.drop_damaged(KEY)
    assert store.get(KEY) is None
    assert _put(store) == item
