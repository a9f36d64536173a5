"""A small inference server that speaks the Open Inference Protocol v2 over HTTP, on loopback, in a thread.

https://github.com/kserve/open-inference-protocol (inference_rest.md) and its extension for binary tensors
(https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md).
"""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

DTYPES = {
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
    "UINT8": "|u1",
    "UINT16": "<u2",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
}


@dataclass
class V2Server:
    """One model.

    Attributes:
        model: float array [N, ...] -> {output name: array}; a string array is sent as BYTES.
        shape: of the input, as the metadata say it.
        binary: whether binary tensors are offered, and asserted to be what comes.
        named: whether the metadata name inputs and outputs.
        answer: replaces the answer to an inference: (handler, body) -> None.
        about: replaces the answer to a question about the model: (handler) -> None.
        first: is asked before every answer and may give it: (handler, ...) -> whether it did.
        output_type: datatype of numbers in answers, "FP32" or "BF16".
        patience: seconds after which an idle connection is closed.
        seen: (path, headers, images) of every inference, in order.
    """

    model: Callable
    shape: tuple = (-1, 1, 32, 32)
    datatype: str = "FP32"
    name: str = "tiny"
    version: str = "1"
    binary: bool = True
    named: bool = True
    max_batch: int = 0
    outputs: tuple = ("output",)
    base: str = ""
    inputs: int = 1
    answer: Callable | None = None
    about: Callable | None = None
    first: Callable | None = None
    output_type: str = "FP32"
    patience: float | None = None
    seen: list = field(default_factory=list)

    def __enter__(self):
        outer = self

        class Handler(_Handler):
            server_of = outer
            timeout = outer.patience

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, args=[0.02], daemon=True).start()
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.http.server_close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.http.server_address[1]}{self.base}"

    def described(self):
        tensors = [
            {"name": f"image{n or ''}", "datatype": self.datatype, "shape": list(self.shape)}
            for n in range(self.inputs)
        ]
        outputs = [{"name": name, "datatype": "FP32", "shape": [-1, -1]} for name in self.outputs]
        return {
            "name": self.name,
            "versions": [self.version],
            "platform": "test",
            "inputs": tensors if self.named else [],
            "outputs": outputs if self.named else [],
        }


def _raw(values, kind):
    return (values.view("<u4") >> 16).astype("<u2").tobytes() if kind == "BF16" else values.tobytes()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_of: V2Server

    def log_message(self, *_):
        pass

    def do_GET(self):
        me = self.server_of
        if me.first is not None and me.first(self):
            return
        path = self.path.removeprefix(me.base)
        model = f"/v2/models/{me.name}"
        if path == "/v2":
            extensions = ["binary_tensor_data"] * me.binary + ["model_configuration"] * bool(me.max_batch)
            self.say({"name": "test", "version": "1", "extensions": extensions})
        elif path in {model, f"{model}/versions/{me.version}"}:
            if me.about is not None:
                me.about(self)
            else:
                self.say(me.described())
        elif path == f"{model}/config":
            self.say({"max_batch_size": me.max_batch})
        else:
            self.say({"error": f"Request for unknown model: {path}"}, 404)

    def do_POST(self):
        me = self.server_of
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if me.first is not None and me.first(self, body):
            return
        if me.answer is not None:
            me.answer(self, body)
            return
        length = int(self.headers.get("Inference-Header-Content-Length", len(body)))
        request, raw = json.loads(body[:length]), body[length:]
        images = self.decoded(request, raw)
        me.seen.append((self.path, dict(self.headers), images))
        if me.max_batch and len(images) > me.max_batch:
            self.say({"error": f"batch-size must be <= {me.max_batch}"}, 400)
            return
        asked = [output["name"] for output in request.get("outputs", [])] or list(me.outputs)
        found = me.model(images.astype(np.float64))
        self.encoded({name: np.asarray(found[name]) for name in asked})

    def decoded(self, request, raw):
        me = self.server_of
        (tensor,) = request["inputs"]
        assert tensor["datatype"] == me.datatype
        if me.binary:
            assert tensor["parameters"]["binary_data_size"] == len(raw)
            values = np.frombuffer(raw, DTYPES[me.datatype])
        else:
            values = np.array(tensor["data"], DTYPES[me.datatype])
        return values.reshape(tensor["shape"])

    def encoded(self, outputs):
        tensors, raws = [], []
        for name, found in outputs.items():
            text = found.dtype.kind in "USO"
            values = found if text else found.astype("<f4")
            kind = self.server_of.output_type
            tensor = {"name": name, "datatype": "BYTES" if text else kind, "shape": list(values.shape)}
            if self.server_of.binary:
                words = [str(word).encode() for word in values.ravel()] if text else []
                raw = (
                    b"".join(len(w).to_bytes(4, "little") + w for w in words) if text else _raw(values, kind)
                )
                tensor["parameters"] = {"binary_data_size": len(raw)}
                raws.append(raw)
            else:
                tensor["data"] = values.ravel().tolist()
            tensors.append(tensor)
        head = json.dumps({"model_name": self.server_of.name, "outputs": tensors}).encode()
        extra = {"Inference-Header-Content-Length": str(len(head))} if raws else {}
        self.send(200, head + b"".join(raws), extra)

    def say(self, value, status=200):
        self.send(status, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def send(self, status, body, headers=None):
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def drip(self, seconds):
        """Send a header, then nothing for a while."""
        self.send_response(200)
        self.send_header("Content-Length", "100")
        self.end_headers()
        for _ in range(int(seconds / 0.05)):
            time.sleep(0.05)
            self.wfile.write(b" ")
            self.wfile.flush()
