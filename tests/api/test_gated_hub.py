"""A gated repository without a token, refused by a server as the hub refuses: one sentence, and no 401."""

import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

SENTENCE = (
    "its weights are gated; accept the terms at https://huggingface.co/microsoft/radedit with your account, then run "
    "'hf auth login'"
)


class Gate(BaseHTTPRequestHandler):
    """Answers everything as the hub answers who may not read a gated repository."""

    def _refuse(self):
        self.server.asked.append(self.path)
        self.send_response(401)
        self.send_header("X-Error-Code", "GatedRepo")
        self.send_header("X-Error-Message", "Access to model microsoft/radedit is restricted.")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD = do_POST = _refuse  # noqa: N815

    def log_message(self, *_):
        pass


@pytest.fixture
def gate():
    with ThreadingHTTPServer(("127.0.0.1", 0), Gate) as server:
        server.asked = []
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()


def python(gate, tmp_path, *arguments):
    changed = {
        "HF_ENDPOINT": f"http://127.0.0.1:{gate.server_port}",
        "HF_HOME": str(tmp_path / "hub"),
        "RADBENCH_CACHE": str(tmp_path / "cache"),
        "NO_PROXY": "127.0.0.1",
        **dict.fromkeys(("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "DIFFUSERS_OFFLINE"), "0"),
    }
    env = {name: value for name, value in os.environ.items() if name != "HF_TOKEN"} | changed
    return subprocess.run(
        [sys.executable, *arguments], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )


def test_a_run_with_a_gated_bundle_says_what_to_do(gate, tmp_path):
    done = python(gate, tmp_path, "-m", "radbench", "run", "--shift", "manifestation", "--bundle", "radedit")
    assert gate.asked, "the hub was not asked"
    assert done.returncode == 2, done.stderr
    assert SENTENCE in done.stderr
    assert "401" not in done.stderr and "Traceback" not in done.stderr
    assert done.stderr.strip().count("\n") == 0


def test_a_pipeline_from_a_gated_repository_says_what_to_do(gate, tmp_path):
    code = (
        "from radbench.diffusion.pipeline import RadEditPipeline\n"
        "from radbench.errors import UsageError\n"
        "try:\n"
        "    RadEditPipeline.from_pretrained('microsoft/radedit')\n"
        "except UsageError as error:\n"
        "    print(error)\n"
    )
    done = python(gate, tmp_path, "-c", code)
    assert gate.asked, "the hub was not asked"
    assert done.returncode == 0, done.stderr
    assert SENTENCE in done.stdout
    assert "401" not in done.stdout
