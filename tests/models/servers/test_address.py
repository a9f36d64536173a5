import pytest
from conformance import declared

from radbench.errors import UsageError
from radbench.models.adapters.inference_server import address_of


def at(tmp_path, endpoint):
    return address_of(declared(tmp_path, format="openinference", endpoint=endpoint))


@pytest.mark.parametrize(
    ("endpoint", "shown", "place"),
    [
        ("http://host", "http://host:80", "host:80"),
        ("https://host/", "https://host:443", "host:443"),
        ("http://10.0.0.1:8000", "http://10.0.0.1:8000", "10.0.0.1:8000"),
        ("http://[::1]:8000/", "http://[::1]:8000", "[::1]:8000"),
        ("https://host/serving/one/", "https://host:443/serving/one", "host:443/serving/one"),
        ("http://host:1/v2", "http://host:1", "host:1"),
        ("http://nurse:secret@host:1/x", "http://host:1/x", "host:1/x"),
    ],
)
def test_the_parts_of_an_address(tmp_path, endpoint, shown, place):
    address = at(tmp_path, endpoint)
    assert (address.shown, address.place) == (shown, place)
    assert "secret" not in repr(address)
    assert address.secure == endpoint.startswith("https")


@pytest.mark.parametrize(
    "endpoint", ["http://:8000", "http://host:99999", "http://host:x", "http://host?a=1", "http://[::1"]
)
def test_what_is_no_address(tmp_path, endpoint):
    with pytest.raises(
        UsageError, match=r"model\.yaml: endpoint .*expected one such as http://127\.0\.0\.1:8000"
    ):
        at(tmp_path, endpoint)


@pytest.mark.parametrize(
    ("path", "base", "model", "version"),
    [
        ("", "", "tiny", ""),
        ("/v2/models/", "", "tiny", ""),
        ("/v2/models/chest", "", "chest", ""),
        ("/v2/models/chest/infer", "", "chest", ""),
        ("/v2/models/chest/versions/7", "", "chest", "7"),
        ("/serving/one/v2/models/chest%20x/versions/7/infer/", "/serving/one", "chest x", "7"),
    ],
)
def test_the_model_s_own_address_is_understood(tmp_path, path, base, model, version):
    address = at(tmp_path, f"http://host:8080{path}")
    assert (address.shown, address.model, address.version) == (f"http://host:8080{base}", model, version)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"endpoint_model": "knee"}, "names 'chest', and endpoint_model is 'knee'"),
        ({"endpoint_version": "8"}, "names '7', and endpoint_version is '8'"),
    ],
)
def test_an_address_and_a_name_that_contradict_each_other(tmp_path, settings, sentence):
    endpoint = "http://host/v2/models/chest/versions/7"
    with pytest.raises(UsageError, match=rf"model\.yaml: endpoint {sentence}"):
        address_of(declared(tmp_path, format="openinference", endpoint=endpoint, **settings))
    address_of(declared(tmp_path, format="openinference", endpoint=endpoint, endpoint_model="chest"))
