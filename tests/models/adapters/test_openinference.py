import contextlib
import shutil
import socket
import ssl
import subprocess
import time

import numpy as np
import pytest
from conformance import AdapterConformance, Case, changed, declared, pictures
from v2_server import V2Server

from radbench.errors import UsageError
from radbench.models.adapters.openinference import InferenceServer
from radbench.models.base import ModelFailureError
from radbench.models.isolation.model import IsolatedModel
from radbench.specs import InputContract

GRAY = InputContract(spatial_shape=[32, 32])
COLOUR = InputContract(channels=3, spatial_shape=[32, 32], layout="NHWC", dtype="uint8", value_range=[0, 255])


def means(rows):
    """One logit an image: its mean, spread out."""
    return {"output": 20 * (rows.mean(axis=(1, 2, 3)) - 0.5)[:, None]}


def expected_of_means(images):
    return np.array([1 / (1 + np.exp(-20 * (np.float32(image / 255).mean() - 0.5))) for image in images])


def at(server, folder, **settings):
    filled = {
        "format": "openinference",
        "endpoint": server.url,
        "input": GRAY,
        "limits": {"batch_seconds": 20.0},
    }
    return declared(folder, **(filled | settings))


@pytest.fixture
def serving():
    with contextlib.ExitStack() as stack:
        yield lambda *arguments, **settings: stack.enter_context(V2Server(*arguments, **settings))


class ServedConformance(AdapterConformance):
    on_disk = False

    @pytest.fixture
    def silent(self, serving, tmp_path, case):
        server = serving(
            lambda rows: {"output": np.full((len(rows), 1), np.nan)},
            binary=self.binary,
            shape=(-1, *([32, 32, 3] if case.spec.input == COLOUR else [1, 32, 32])),
            datatype="UINT8" if case.spec.input == COLOUR else "FP32",
        )
        return changed(case.spec, endpoint=server.url, classes=[], task="binary")


class TestBinaryTensors(ServedConformance):
    binary = True

    @pytest.fixture
    def case(self, serving, tmp_path):
        return Case(at(serving(means), tmp_path), pictures(19), expected_of_means)


class TestJson(ServedConformance):
    """The colours of an image whose channels are last, in whole numbers, and a column a class."""

    binary = False

    @pytest.fixture
    def case(self, serving, tmp_path):
        def model(rows):
            assert rows.shape[3] == 3 and (rows[..., 0] == rows[..., 2]).all()
            share = rows.mean(axis=(1, 2, 3)) / 255
            return {"output": np.stack([1 - share, share], axis=1)}

        server = serving(model, binary=False, shape=(-1, 32, 32, 3), datatype="UINT8")
        spec = at(server, tmp_path, input=COLOUR, classes=["no", "pneumothorax"], output="probabilities")
        return Case(spec, pictures(19), lambda images: np.array([image.mean() / 255 for image in images]))


class TestMasks(ServedConformance):
    binary = True

    @pytest.fixture
    def case(self, serving, tmp_path):
        server = serving(lambda rows: {"output": 20 * (rows - 0.5)})
        spec = at(server, tmp_path, task="segmentation", target="lungs")
        return Case(
            spec, pictures(18), lambda images: np.array([image > 127 for image in images]), tolerance=0.0
        )

    @pytest.fixture
    def silent(self, serving, case):
        server = serving(lambda rows: {"output": np.full(rows.shape, np.nan)})
        return changed(case.spec, endpoint=server.url)


def test_what_is_sent_is_what_the_contract_says(serving, tmp_path):
    server = serving(means, shape=(-1, 1, 16, 16), version="7", base="/serving/one")
    contract = InputContract(spatial_shape=[16, 16], value_range=[-1.0, 1.0], mean=[0.1], std=[0.5])
    spec = at(server, tmp_path, input=contract, endpoint_version="7")
    InferenceServer(spec).predict([np.full((16, 16), 255, np.uint8)])
    ((path, _, images),) = server.seen
    assert path == "/serving/one/v2/models/tiny/versions/7/infer"
    np.testing.assert_allclose(images[0], (1.0 - 0.1) / 0.5, rtol=1e-6)


def test_a_half_precision_input(serving, tmp_path):
    server = serving(means, datatype="FP16")
    spec = at(server, tmp_path, input=InputContract(spatial_shape=[32, 32], dtype="float16"))
    images = pictures(2)
    np.testing.assert_allclose(
        InferenceServer(spec).predict(images).values, expected_of_means(images), atol=1e-3
    )
    assert server.seen[0][2].dtype == np.float16


@pytest.mark.parametrize("shape", [(1, 1, 32, 32), (5, 1, 32, 32)])
def test_a_fixed_number_of_rows_is_kept_to(serving, tmp_path, shape):
    server = serving(means, shape=shape)
    images = pictures(7)
    found = InferenceServer(at(server, tmp_path)).predict(images)
    np.testing.assert_allclose(found.values, expected_of_means(images), atol=1e-5)
    assert {len(rows) for _, _, rows in server.seen} == {shape[0]}


def test_no_more_rows_than_the_server_s_configuration_allows(serving, tmp_path):
    server = serving(means, max_batch=4)
    images = pictures(6)
    np.testing.assert_allclose(
        InferenceServer(at(server, tmp_path)).predict(images).values, expected_of_means(images), atol=1e-5
    )
    assert [len(rows) for _, _, rows in server.seen] == [4, 4]


@pytest.mark.parametrize("binary", [True, False])
def test_labels_as_words(serving, tmp_path, binary):
    words = np.array(["no", "pneumothorax"])
    server = serving(
        lambda rows: {"output": words[(rows.mean(axis=(1, 2, 3)) > 0.5) * 1][:, None]}, binary=binary
    )
    spec = at(server, tmp_path, classes=["no", "pneumothorax"], output="labels")
    dark, light = np.zeros((32, 32), np.uint8), np.full((32, 32), 200, np.uint8)
    assert InferenceServer(spec).predict([dark, light, dark]).values.tolist() == [0, 1, 0]


def test_the_declared_output_of_several_is_the_only_one_asked_for(serving, tmp_path):
    server = serving(lambda rows: means(rows) | {"heat": rows}, outputs=("heat", "output"))
    spec = at(server, tmp_path, output_names={"classification": "output"})
    images = pictures(2)
    np.testing.assert_allclose(
        InferenceServer(spec).predict(images).values, expected_of_means(images), atol=1e-5
    )
    with pytest.raises(
        UsageError, match=r"wants 'outputs', and the server has .*heat, output.*mean 'output'"
    ):
        InferenceServer(changed(spec, output_names={"classification": "outputs"}))


def test_a_server_that_names_no_tensors(serving, tmp_path):
    server = serving(means, named=False)
    images = pictures(2)
    found = InferenceServer(at(server, tmp_path)).predict(images)
    np.testing.assert_allclose(found.values, expected_of_means(images), atol=1e-5)


def test_the_digest_follows_what_the_server_says_of_the_model(serving, tmp_path):
    server = serving(means)
    before = InferenceServer(at(server, tmp_path)).digest
    assert InferenceServer(at(server, tmp_path)).digest == before
    server.version = "2"
    assert InferenceServer(at(server, tmp_path)).digest != before


def test_credentials_are_sent_and_never_shown(serving, tmp_path):
    server = serving(means)
    secret = server.url.replace("//", "//nurse:s3cr%40t@")
    model = InferenceServer(at(server, tmp_path, endpoint=secret))
    model.predict(pictures(1))
    headers = {name.lower(): value for name, value in server.seen[0][1].items()}
    assert headers["authorization"] == "Basic bnVyc2U6czNjckB0"
    assert model.digest == InferenceServer(at(server, tmp_path)).digest
    server.answer = lambda handler, _: handler.say({"error": "no"}, 500)
    with pytest.raises(ModelFailureError) as caught:
        model.predict(pictures(1))
    assert "s3cr" not in str(caught.value) and "nurse" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"shape": (-1, 1, 64, 64)},
            r"model\.yaml: input: spatial_shape.*\[-1, 1, 32, 32\].*\[-1, 1, 64, 64\]",
        ),
        ({"shape": (-1, 3, 32, 32)}, r"'image' has the shape \[-1, 3, 32, 32\]"),
        ({"shape": (-1, 32, 32, 1)}, r"layout give \[-1, 1, 32, 32\]"),
        ({"shape": (1, 32, 32)}, r"has the shape \[1, 32, 32\]"),
        ({"datatype": "UINT8"}, r"dtype is float32 \(FP32\).*is UINT8; declare dtype: uint8"),
        ({"datatype": "BF16"}, r"is BF16; such a model is not read"),
        ({"inputs": 2}, "wants the inputs image, image1, expected one"),
        ({"name": "other"}, r"/v2/models/tiny answers 404 \(Request for unknown model.*is the model loaded"),
    ],
)
def test_what_the_server_and_the_declaration_do_not_share_is_refused_at_once(
    serving, tmp_path, settings, sentence
):
    with pytest.raises(UsageError, match=sentence):
        InferenceServer(at(serving(means, **settings), tmp_path))


@pytest.mark.parametrize(
    ("about", "sentence"),
    [
        (
            lambda handler: handler.send(302, b"", {"Location": "http://127.0.0.1:9/"}),
            "redirects, which is not followed",
        ),
        (lambda handler: handler.send(200, b"<html>hello</html>"), "answers no JSON object"),
        (lambda handler: handler.send(200, b"[" * 100_000), "answers no JSON object"),
        (lambda handler: handler.send(200, b" " * (2 << 20)), "answers more than 1 MiB"),
        (lambda handler: handler.say({"inputs": [{"name": "x"}]}), r"does not know \(KeyError\)"),
        (lambda handler: handler.say({"inputs": 5}), r"does not know \(TypeError\)"),
        (lambda handler: handler.say({"error": "\x1b[31mred"}, 500), r"answers 500 \(\[31mred\)"),
    ],
)
def test_a_strange_description_is_one_sentence(serving, tmp_path, about, sentence):
    with pytest.raises(UsageError, match=sentence):
        InferenceServer(at(serving(means, about=about), tmp_path))


def test_a_description_that_never_ends_is_cut_off(serving, tmp_path, monkeypatch):
    monkeypatch.setattr("radbench.models.adapters.inference_server.SECONDS", 0.4)
    started = time.monotonic()
    with pytest.raises(UsageError, match=r"cannot be asked \(no whole answer within 0\.4 s"):
        InferenceServer(at(serving(means, about=lambda handler: handler.drip(4)), tmp_path))
    assert time.monotonic() - started < 3


def test_no_server_at_all(tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    spec = declared(tmp_path, format="openinference", endpoint=f"http://127.0.0.1:{port}", input=GRAY)
    with pytest.raises(UsageError, match=rf"http://127\.0\.0\.1:{port}/v2 cannot be asked .*refused"):
        InferenceServer(spec)


def test_a_server_cannot_be_pinned(serving, tmp_path):
    with pytest.raises(UsageError, match="cannot be pinned"):
        InferenceServer(at(serving(means), tmp_path, sha256="0" * 64))


def cut_off(handler, _body):
    handler.connection.shutdown(socket.SHUT_RDWR)


def short(handler, _body):
    head = b'{"outputs":[{"name":"output","datatype":"FP32","shape":[16,1],"parameters":{"binary_data_size":64}}]}'
    handler.send(200, head + b"\0" * 8, {"Inference-Header-Content-Length": str(len(head))})


@pytest.mark.parametrize(
    ("answer", "kind", "sentence"),
    [
        (
            lambda handler, _: handler.say({"error": "CUDA\nerror"}, 500),
            "crash",
            r"answered 500 \(CUDA error\)",
        ),
        (
            lambda handler, _: handler.send(307, b"", {"Location": "/x"}),
            "crash",
            "307, a redirect, which is not followed",
        ),
        (cut_off, "crash", "cannot be reached any more"),
        (lambda handler, _: time.sleep(3), "timeout", r"did not answer within 1 s \(limits\.batch_seconds\)"),
        (lambda handler, _: handler.send(200, b"\xff\xfe garbage"), "output", "answered what"),
        (lambda handler, _: handler.say({"outputs": 3}), "output", "not the protocol's"),
        (lambda handler, _: handler.say({}), "output", "not the protocol's"),
        (short, "output", "not the protocol's"),
        (
            lambda handler, _: handler.say(
                {"outputs": [{"name": "output", "datatype": "FP32", "shape": [2], "data": [1, 2]}]}
            ),
            "output",
            r"shape \[2\] for 16 images",
        ),
        (
            lambda handler, _: handler.say(
                {"outputs": [{"name": "logits", "datatype": "FP32", "shape": [16], "data": [1] * 16}]}
            ),
            "output",
            "gave the outputs none",
        ),
    ],
)
def test_each_failure_is_a_sentence_and_a_kind(serving, tmp_path, answer, kind, sentence):
    model = InferenceServer(at(serving(means, answer=answer), tmp_path, limits={"batch_seconds": 1.0}))
    with pytest.raises(ModelFailureError, match=sentence) as caught:
        model.predict(pictures(1))
    assert caught.value.kind == kind
    model.close()


def test_a_server_that_hangs_up_on_idle_connections_is_called_again(serving, tmp_path):
    server = serving(means, patience=0.2)
    model = InferenceServer(at(server, tmp_path))
    images = pictures(1)
    first = model.predict(images).values
    time.sleep(0.6)
    np.testing.assert_array_equal(model.predict(images).values, first)
    assert len(server.seen) == 2


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes a certificate")
def test_over_tls_only_with_a_certificate_that_is_trusted(serving, tmp_path, monkeypatch):
    words = (
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    )
    files = {name: str(tmp_path / f"{name}.pem") for name in ("key", "cert")}
    subprocess.run(
        ["openssl", *words.split(), "-keyout", files["key"], "-out", files["cert"]],
        check=True,
        capture_output=True,
    )
    server = serving(means)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files["cert"], files["key"])
    server.http.socket = context.wrap_socket(server.http.socket, server_side=True)
    spec = at(server, tmp_path, endpoint=server.url.replace("http", "https"))
    with pytest.raises(UsageError, match=r"cannot be asked .*certificate"):
        InferenceServer(spec)
    monkeypatch.setenv("SSL_CERT_FILE", files["cert"])
    images = pictures(2)
    np.testing.assert_allclose(
        InferenceServer(spec).predict(images).values, expected_of_means(images), atol=1e-5
    )


@pytest.mark.slow
def test_from_its_sandbox_the_server_is_reached(serving, tmp_path):
    images = pictures(18)
    with IsolatedModel(at(serving(means), tmp_path)) as model:
        np.testing.assert_allclose(model.predict(images).values, expected_of_means(images), atol=1e-5)


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr("radbench.models.adapters.inference_server._FIRST", 0.01)


def busy(times, status, headers=None):
    """Answer ``status`` a few times, to questions and inferences alike, then as ever."""
    left = [times]

    def answer(handler, *_):
        if left[0]:
            left[0] -= 1
            if status is None:
                handler.close_connection = True
                handler.connection.shutdown(socket.SHUT_RDWR)
            else:
                handler.send(status, b"busy", headers)
            return True
        return False

    return answer


@pytest.mark.parametrize("status", [429, 502, 503, 504, None])
def test_a_busy_server_is_asked_again(serving, tmp_path, impatient, status):
    server, images = serving(means), pictures(2)
    server.first = busy(2, status)
    model = InferenceServer(at(server, tmp_path))
    server.first = busy(2, status, {"Retry-After": "0"})
    np.testing.assert_allclose(model.predict(images).values, expected_of_means(images), atol=1e-5)
    assert len(server.seen) == 1


@pytest.mark.parametrize("status", [400, 404, 500])
def test_what_will_not_pass_is_not_asked_again(serving, tmp_path, status):
    server = serving(means)
    model = InferenceServer(at(server, tmp_path))
    server.first = busy(1, status)
    with pytest.raises(ModelFailureError, match=f"answered {status}"):
        model.predict(pictures(1))


def test_a_server_that_stays_busy_is_given_up_with_a_sentence(serving, tmp_path, impatient):
    server = serving(means)
    model = InferenceServer(at(server, tmp_path))
    server.first = busy(100, 503)
    with pytest.raises(ModelFailureError, match="answered 503") as caught:
        model.predict(pictures(1))
    assert caught.value.kind == "crash"
    with pytest.raises(UsageError, match=r"answers 503 .*it is starting or has too much to do"):
        InferenceServer(at(server, tmp_path))


@pytest.mark.parametrize("binary", [True, False])
def test_half_precision_of_another_kind_is_widened(serving, tmp_path, binary):
    exact = np.array([[-1.5], [0.0], [3.140625]], np.float32)  # all that bfloat16 can hold

    def model(rows):
        return {"output": np.resize(exact, (len(rows), 1))}

    server = serving(model, binary=binary)
    server.output_type = "BF16"
    found = InferenceServer(at(server, tmp_path)).predict(pictures(3)).values
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-exact[:, 0].astype(np.float64))), rtol=1e-12)


@pytest.mark.parametrize("path", ["/v2/models/tiny", "/v2/models/tiny/versions/1/infer", "/v2"])
def test_the_model_s_own_address_is_as_good_as_the_server_s(serving, tmp_path, path):
    server, images = serving(means), pictures(2)
    spec = at(server, tmp_path, endpoint=server.url + path, name="other" if "tiny" in path else "tiny")
    np.testing.assert_allclose(
        InferenceServer(spec).predict(images).values, expected_of_means(images), atol=1e-5
    )


def test_a_redirect_is_not_followed_anywhere(serving, tmp_path):
    other = serving(means)
    server = serving(
        means,
        answer=lambda handler, _: handler.send(307, b"", {"Location": f"{other.url}/v2/models/tiny/infer"}),
    )
    with pytest.raises(ModelFailureError, match="redirect"):
        InferenceServer(at(server, tmp_path)).predict(pictures(1))
    assert other.seen == []
