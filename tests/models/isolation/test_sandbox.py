"""What hostile code cannot do in the sandbox, tried by hostile code; each with what it could do outside."""

import os
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from hostile import declare, found_in, sandboxed

from radbench.models.isolation.permits import environment as permitted
from radbench.models.isolation.process import EndedError, LateError
from radbench.models.isolation.wire import WireError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is Linux's")


def needs(sandbox, layer, word):
    if word not in sandbox[layer]:
        pytest.skip(f"this system does not permit the layer: {layer} is '{sandbox[layer]}'")


NO_NAMESPACES = "launch.namespaces.leave = lambda network: set()"
NO_LANDLOCK = """
def refuse(*_, **__):
    raise OSError("not here")
launch.landlock.restrict = refuse
"""


CONNECT = """
    import socket
    def connect(family, address):
        with socket.socket(family) as made:
            made.settimeout(5)
            made.connect(address)
        return "connected"
    tell([attempt(lambda: connect(socket.AF_INET, ("127.0.0.1", {port}))),
          attempt(lambda: connect(socket.AF_UNIX, {path!r}))])
"""


@pytest.fixture
def listening(tmp_path):
    path = str(tmp_path / "daemon.sock")
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as daemon:
        daemon.bind(path)
        daemon.listen()
        yield CONNECT.format(port=server.getsockname()[1], path=path)


def test_no_connection_to_a_port_or_to_a_daemons_socket(listening):
    found, sandbox = found_in(listening)
    needs(sandbox, "calls", "seccomp")
    assert found == ["PermissionError"] * 2
    assert sandbox["network"] in {"namespace", "seccomp"}


def test_without_namespaces_the_filter_holds_the_network(listening):
    found, sandbox = found_in(listening, before=NO_NAMESPACES)
    needs(sandbox, "calls", "seccomp")
    assert found == ["PermissionError"] * 2
    assert sandbox["network"] == "seccomp" and sandbox["processes"] == "not held"


def test_without_any_layer_the_sandbox_says_so(listening):
    before = NO_NAMESPACES + NO_LANDLOCK + "launch.seccomp.restrict = refuse"
    found, sandbox = found_in(listening, before=before)
    assert found == ["connected"] * 2, "what the test tries works where nothing holds it"
    assert sandbox["network"] == "not blocked"
    assert {sandbox[layer] for layer in ("files", "processes", "calls")} == {"not held"}


def test_an_inference_server_can_be_reached(listening):
    spec = declare(path=None, format="openinference", endpoint="http://127.0.0.1:1", folder=Path("/nowhere"))
    found, sandbox = found_in(listening, spec)
    assert found[0] == "connected"
    assert sandbox["network"] == "needed, and open"


def test_secrets_in_the_environment_are_invisible(monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    monkeypatch.setenv("HTTP_PROXY", "http://user:hunter2@proxy")
    found, _ = found_in("tell([dict(os.environ), os.getcwd(), open('/proc/self/environ').read()])")
    environment, folder, raw = found
    assert "hunter2" not in str(environment) + raw
    assert environment["HOME"] == environment["TMPDIR"] == folder != str(Path.home())
    assert not Path(folder).exists()
    known = set(permitted("/own", "cpu", network=False)) | {"LC_CTYPE"}  # Python sets this one itself
    assert set(environment) <= known


FILES = """
    def write(path):
        with open(path, "w") as file:
            file.write("x")
        return "written"
    secret, own, beside = {secret!r}, {own!r}, {beside!r}
    tell([
        attempt(lambda: open(own).read()),
        attempt(lambda: open(secret).read()),
        attempt(lambda: os.listdir(os.path.dirname(secret))),
        attempt(lambda: write(own)),
        attempt(lambda: write(beside)),
        attempt(lambda: os.chmod(secret, 0o777)),
        attempt(lambda: os.symlink(secret, "link") or open("link").read()),
        attempt(lambda: write("note") and open("note").read()),
    ])
"""


def test_files_that_are_not_its_own_are_out_of_reach(tmp_path):
    own, secret = tmp_path / "model" / "model.bin", tmp_path / "secret" / "key"
    for path, text in ((own, "weights"), (secret, "hunter2")):
        path.parent.mkdir()
        path.write_text(text)
    secret.chmod(0o600)
    body = FILES.format(secret=str(secret), own=str(own), beside=str(tmp_path / "new"))
    found, sandbox = found_in(body, declare(str(own), tmp_path))
    needs(sandbox, "files", "Landlock")
    assert found[0] == "weights" and found[7] == "x"
    assert set(found[1:5]) <= {"PermissionError", "OSError"} and found[6] == "PermissionError"
    assert own.read_text() == "weights" and not (tmp_path / "new").exists()
    if sandbox["processes"] == "namespace":
        assert found[5] == "OSError" and secret.stat().st_mode & 0o777 == 0o600


def test_without_landlock_nothing_is_written_but_in_its_own_folder(tmp_path):
    own, secret = tmp_path / "model.bin", tmp_path / "key"
    for path in (own, secret):
        path.write_text("x")
    body = FILES.format(secret=str(secret), own=str(own), beside=str(tmp_path / "new"))
    found, sandbox = found_in(body, declare(str(own), tmp_path), before=NO_LANDLOCK)
    needs(sandbox, "files", "read-only mounts")
    assert found[1] == "x", "reading is held by Landlock alone, and the sandbox says so"
    assert found[3:6] == ["OSError"] * 3 and found[7] == "x"
    assert not (tmp_path / "new").exists()


def test_the_harness_and_other_processes_are_out_of_sight():
    body = f"""
    parent = {os.getpid()}
    tell([
        sorted(int(name) for name in os.listdir("/proc") if name.isdigit()),
        attempt(lambda: os.kill(parent, 0)),
        attempt(lambda: open(f"/proc/{{parent}}/environ").read()),
        attempt(lambda: open("/proc/1/environ").read()),
        attempt(lambda: open("/proc/1/mem", "rb").read()),
        attempt(lambda: os.kill(1, 9)),
    ])
    """
    found, sandbox = found_in(body)
    needs(sandbox, "processes", "namespace")
    assert len(found[0]) <= 3 and max(found[0]) < 10
    assert found[1] == "ProcessLookupError" or os.getpid() < 10
    assert found[2] in {"FileNotFoundError", "PermissionError"}
    assert found[3] == found[4] == "PermissionError"


def test_no_capability_no_new_one_and_no_way_round_the_filter():
    body = """
    import ctypes
    library = ctypes.CDLL(None, use_errno=True)
    def refused(number, *arguments):
        return library.syscall(number, *arguments) == -1 and ctypes.get_errno() in (1, 38)
    status = dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines())
    numbers = {"x86_64": (101, 272, 165, 310), "aarch64": (117, 97, 40, 270)}[os.uname().machine]
    setup = ctypes.create_string_buffer(120)
    tell([
        {name: status[name].strip() for name in ("CapEff", "CapPrm", "CapBnd", "NoNewPrivs", "Seccomp")},
        [refused(numbers[0], 0, 0, 0, 0), refused(numbers[1], 0x10000000), refused(numbers[2], 0, 0, 0, 0, 0)],
        [refused(numbers[3], 1, 0, 0, 0, 0, 0), refused(425, 4, setup), refused(435, 0, 0)],
        attempt(lambda: __import__("resource").getrlimit(4)),
    ])
    """
    found, sandbox = found_in(body)
    needs(sandbox, "calls", "seccomp")
    assert found[0] == {
        "CapEff": "0" * 16,
        "CapPrm": "0" * 16,
        "CapBnd": found[0]["CapBnd"],
        "NoNewPrivs": "1",
        "Seccomp": "2",
    }
    assert all(found[1]) and all(found[2])
    assert found[3] == "(0, 0)"


def test_threads_and_children_still_work():
    body = """
    import subprocess, threading
    done = []
    thread = threading.Thread(target=done.append, args=(1,))
    thread.start(); thread.join()
    tell([done, subprocess.run(["/bin/sh", "-c", "echo hello"], capture_output=True, text=True).stdout])
    """
    assert found_in(body)[0] == [[1], "hello\n"]


ESCAPE = """
    import subprocess, sys
    def hide():
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.execv(sys.executable, [sys.executable, "-I", "-c", "import time; time.sleep(300)", {marker!r}])
            os._exit(0)
    hide()
    import time
    time.sleep(1)
    tell("hidden")
    time.sleep(300)
"""


def alive(marker):
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if marker.encode() in path.read_bytes().split(b"\0"):
                found.append(path.parent.name)
        except OSError:
            continue
    return found


def gone(marker, seconds=10.0):
    end = time.monotonic() + seconds
    while alive(marker) and time.monotonic() < end:
        time.sleep(0.05)
    return not alive(marker)


@pytest.mark.parametrize("before", ["", NO_NAMESPACES])
def test_nothing_survives_the_end_also_not_in_another_session(tmp_path, before):
    marker = f"marker-{tmp_path.name}-{os.getpid()}-{len(before)}"
    with sandboxed(ESCAPE.format(marker=marker), before=before) as process:
        assert process.receive(30, 0).head["found"] == "hidden"
        assert alive(marker)
    assert gone(marker)


def test_nothing_survives_the_harness(tmp_path):
    marker = f"marker-{tmp_path.name}-{os.getpid()}-harness"
    code = f"""
    import os, sys
    sys.path.insert(0, {str(Path(__file__).parent)!r})
    from hostile import sandboxed
    with sandboxed({ESCAPE.format(marker=marker)!r}) as process:
        process.receive(30, 0)
        print("hidden", flush=True)
        os.kill(os.getpid(), 9)
    """
    ended = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, check=False)
    assert ended.returncode == -9 and ended.stdout == b"hidden\n"
    assert gone(marker)


MANY = """
    import mmap, time
    held = []
    def take():
        part = mmap.mmap(-1, 200 << 20)  # shared memory: no limit of one process counts it
        for start in range(0, len(part), 4096):
            part[start] = 1
        return part
    for _ in range(6):
        if os.fork() == 0:
            held.append(take())
            time.sleep(60)
            os._exit(0)
    time.sleep(60)
"""


@pytest.mark.slow
@pytest.mark.parametrize("before", ["", NO_NAMESPACES])
def test_memory_is_held_for_all_processes_together(before):
    with sandboxed(MANY, memory=0.5, before=before) as process:
        with pytest.raises(EndedError):
            process.receive(60, 0)
        assert process.told()["memory"] > 0.5 * 2**30


def test_memory_is_held_for_one_process():
    found, sandbox = found_in("tell(attempt(lambda: len(bytearray(3 << 30))))", memory=1.0)
    assert found == "MemoryError"
    assert sandbox["memory"].startswith("1 GiB by RLIMIT_DATA")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("send(b'x' * 100_000)", WireError),
        ("send(b'RBW1' + bytes([255] * 4))", WireError),
        (
            """send(b'RBW1' + (60).to_bytes(4, 'little') +
             b'{"arrays": [{"name": "x", "dtype": "int8", "shape": [1000]}]}'[:60])""",
            WireError,
        ),
        ("os._exit(0)", EndedError),
        ("os.close(replies); __import__('time').sleep(60)", EndedError),
        ("__import__('time').sleep(60)", LateError),
        ("send(b'RB'); __import__('time').sleep(60)", LateError),
        ("while True: pass", LateError),
        ("while True: os.write(2, b'words ' * 1000)", LateError),
    ],
)
def test_garbage_silence_and_endings(body, error):
    begin = time.monotonic()
    with sandboxed(body) as process:
        with pytest.raises(error):
            process.receive(3.0 if error is LateError else 60.0, 100)
        assert len(process.log()) <= 8000
    assert time.monotonic() - begin < 30


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("os._exit(7)", {"status": 7}),
        ("import ctypes; ctypes.string_at(0)", {"signal": 11}),
        ("os.abort()", {"signal": 6}),
        ("os.kill(os.getpid(), 9)", {"signal": 9}),
    ],
)
def test_how_it_ended_is_told(body, told):
    with sandboxed(body) as process:
        with pytest.raises(EndedError):
            process.receive(30, 0)
        found = process.told()
    assert {name: found.get(name) for name in told} == told


def test_the_last_words_are_kept():
    with sandboxed("print('x' * 20_000); print('the end'); os._exit(1)") as process:
        with pytest.raises(EndedError):
            process.receive(30, 0)
        assert process.log().endswith("the end\n")


def test_a_large_question_and_a_large_answer_do_not_wait_for_each_other():
    body = """
    total = 0
    send(b"RBW1" + (70).to_bytes(4, "little") +
         (b'{"arrays": [{"name": "x", "dtype": "uint8", "shape": [30000000]}]}').ljust(70))
    send(bytes(30_000_000))
    while True:
        total += len(os.read(requests, 1 << 20))
        if total > 30_000_000:
            tell("all read")
    """
    import numpy as np

    from radbench.models.isolation.wire import Message

    with sandboxed(body) as process:
        process.send(Message({}, {"x": np.zeros(30_000_000, np.uint8)}))
        assert process.receive(60, 30_000_000).arrays["x"].shape == (30_000_000,)
        assert process.receive(60, 0).head["found"] == "all read"
