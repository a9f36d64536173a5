"""Processes in the sandbox that run a test's own code in place of a model, as hostile native code could."""

import contextlib
import textwrap
from pathlib import Path

from radbench.models.isolation.permits import permits
from radbench.models.isolation.process import EndedError, ModelProcess
from radbench.specs import InputContract, ModelSpec
from radbench.specs.model import Limits

_CODE = """
import sys
sys.path += [root for root in sys.argv[2:] if root not in sys.path]
from radbench.models.isolation import launch, worker

def serve(requests, replies):
    import json, os
    found = {{}}
    def send(data):
        while data:
            data = data[os.write(replies, data):]
    def tell(found):
        head = json.dumps({{"found": found, "arrays": []}}).encode()
        send(b"RBW1" + len(head).to_bytes(4, "little") + head)
    def attempt(work):
        try:
            return str(work())
        except BaseException as error:
            return type(error).__name__
{body}

worker.serve = serve
{before}
launch.main(sys.argv[1])
"""


def declare(path="model.bin", folder=None, **changes):
    settings = {
        "name": "tiny",
        "title": "Tiny",
        "format": "torchscript",
        "path": path,
        "target": "pneumothorax",
        "input": InputContract(spatial_shape=[32, 32], mean=[0.5], std=[0.25]),
    }
    spec = ModelSpec(**(settings | changes))
    return spec if folder is None else spec.read_from(folder / "model.yaml")


@contextlib.contextmanager
def sandboxed(body, spec=None, *, memory=2.0, trust=False, before=""):
    """Run ``body`` (it has ``send``, ``tell`` and ``attempt``) in the sandbox that ``spec`` would get.

    ``before`` runs before the sandbox is made, to take away what another system would not permit.
    """
    spec = spec or declare(folder=Path("/nowhere"))
    origin = spec.origin
    spec = spec.model_copy(update={"limits": Limits(memory_gib=memory)}).read_from(origin)
    code = _CODE.format(body=textwrap.indent(textwrap.dedent(body), "    "), before=before)
    process = ModelProcess(permits(spec, "cpu", trust=trust), "cpu", code=code)
    try:
        yield process
    finally:
        process.stop()


def found_in(body, spec=None, *, seconds=60.0, **changes):
    """What ``body`` tells (``tell(value)``), and what the sandbox says that it achieved."""
    with sandboxed(body, spec, **changes) as process:
        try:
            answer = process.receive(seconds, 0)
        except EndedError as error:
            raise AssertionError(process.log()) from error
        return answer.head["found"], process.told()["sandbox"]
