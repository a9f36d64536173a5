import sys
import time

import numpy as np
import pytest
from conformance import AdapterConformance, Case, changed, declared, pictures

from radbench.errors import UsageError
from radbench.models.adapters import program as surroundings
from radbench.models.adapters.program import Program
from radbench.models.base import ModelFailureError
from radbench.models.cache import image_sha256, remembered
from radbench.models.isolation.model import IsolatedModel
from radbench.models.preflight.run import pinned

HEAD = """
import csv, os, sys
given, output = sys.argv[1:3]
with open(os.path.join(given, "index.csv"), newline="") as file:
    rows = list(csv.DictReader(file))
"""
SCORES = """
with open(output, "w") as file:
    print("image_sha256,score", file=file)
    for row in rows:
        assert os.path.getsize(os.path.join(given, row["file"])) > 0
        print(row["image_sha256"], int(row["image_sha256"][:4], 16) / 65535, sep=",", file=file)
"""


def program(folder, body, name="predict.py", **settings):
    (folder / name).write_text(HEAD + body)
    command = [sys.executable, "-I", "-S", name, "{input}", "{output}"]
    return declared(
        folder, **({"format": "program", "command": command, "output": "probabilities"} | settings)
    )


def by_hash(images):
    return np.array([int(image_sha256(image)[:4], 16) / 65535 for image in images])


class TestProgram(AdapterConformance):
    on_disk = False

    @pytest.fixture
    def case(self, tmp_path):
        return Case(program(tmp_path, SCORES), pictures(18), by_hash)

    @pytest.fixture
    def silent(self, tmp_path):
        return program(tmp_path, 'open(output, "w").write("image_sha256,score\\n")', "silent.py")

    @pytest.fixture
    def miscounted(self):
        return None

    def test_the_digest_follows_the_program_and_not_its_place(self, case, tmp_path_factory):
        elsewhere = tmp_path_factory.mktemp("elsewhere")
        (elsewhere / "predict.py").write_text(HEAD + SCORES)
        moved = changed(case.spec).read_from(elsewhere / "model.yaml")
        assert self.made(moved).digest == self.made(case.spec).digest
        (elsewhere / "predict.py").write_text(HEAD + SCORES + "#")
        assert self.made(moved).digest != self.made(case.spec).digest

    def test_the_digest_follows_a_file_named_behind_an_option(self, case, tmp_path):
        (tmp_path / "weights.bin").write_bytes(b"1")
        spec = changed(case.spec, command=[*case.spec.command, "--weights=weights.bin"])
        before = self.made(spec).digest
        (tmp_path / "weights.bin").write_bytes(b"2")
        assert self.made(spec).digest != before

    def test_the_digest_follows_what_lies_beside_the_program(self, case, tmp_path):
        inner = tmp_path / "parts"
        inner.mkdir()
        (inner / "weights.json").write_text("1")
        before = self.made(case.spec).digest
        (inner / "__pycache__").mkdir()
        (inner / "__pycache__" / "x.pyc").write_bytes(b"bytecode")
        assert self.made(case.spec).digest == before
        (inner / "weights.json").write_text("2")
        assert self.made(case.spec).digest != before

    def test_the_digest_follows_a_folder_named_in_an_argument(self, case, tmp_path_factory):
        folder = tmp_path_factory.mktemp("outside")
        (folder / "weights.bin").write_bytes(b"1")
        for word in (str(folder), f"--weights={folder}"):
            spec = changed(case.spec, command=[*case.spec.command, word])
            before = self.made(spec).digest
            (folder / "weights.bin").write_bytes((folder / "weights.bin").read_bytes() + b"2")
            assert self.made(spec).digest != before

    def test_too_much_to_read_is_asked_anew_and_said(self, case, tmp_path, monkeypatch):
        assert self.made(case.spec).asked_anew() == ""
        monkeypatch.setattr(surroundings, "MOST_FILES", 2)
        for number in range(3):
            (tmp_path / f"{number}.txt").write_text("x")
        model = self.made(case.spec)
        assert "more than 2 files" in model.asked_anew()
        assert remembered(model, tmp_path / "cache") is model
        assert "asked anew" in pinned(model).observed

    def test_a_trusted_program_is_asked_anew(self, case):
        assert "trusted" in Program(case.spec, trust=True).asked_anew()


def test_new_weights_beside_a_program_are_asked_for_new_answers(tmp_path, tmp_path_factory):
    body = """
import json
score = json.load(open("weights.json"))
with open(output, "w") as file:
    file.write("image_sha256,score\\n" + "".join(f"{row['image_sha256']},{score}\\n" for row in rows))
"""
    spec, cache = program(tmp_path, body), tmp_path_factory.mktemp("cache")
    found = []
    for score in (0.25, 0.75):
        (tmp_path / "weights.json").write_text(str(score))
        found.append(remembered(Program(spec), cache).predict(pictures(2)).values.tolist())
    assert found == [[0.25, 0.25], [0.75, 0.75]]


DRAW = """
from PIL import Image
for row in rows:
    picture = Image.open(os.path.join(given, row["file"]))
    assert picture.mode == "L" and picture.size == (int(row["width"]), int(row["height"]))
    picture.point(lambda value: 255 * (value > 127)).save(os.path.join(output, row["file"]))
"""


def test_a_program_sees_the_pixels_and_draws_masks(tmp_path):
    spec = program(tmp_path, DRAW, task="segmentation", target="lungs", output="labels")
    spec = changed(spec, command=[word for word in spec.command if word != "-S"])
    images = pictures(3, (20, 30))
    found = Program(spec).predict(images)
    assert found.kind == "masks"
    np.testing.assert_array_equal(found.values, np.array(images) > 127)
    with pytest.raises(UsageError, match="2 sizes"):
        Program(spec).predict([*images, *pictures(1)])


def test_what_it_leaves_out_has_no_answer(tmp_path):
    images = pictures(3)
    found = Program(program(tmp_path, "rows = rows[:1]" + SCORES)).predict(images)
    assert found.decisions(0.0).tolist() == [1, -1, -1]


def test_labels(tmp_path):
    body = """
with open(output, "w") as file:
    file.write("image_sha256,label\\n" + "".join(f"{row['image_sha256']},{n}\\n" for n, row in enumerate(rows)))
"""
    spec = program(tmp_path, body, output="labels", classes=["no", "pneumothorax", "?"], indeterminate=["?"])
    assert Program(spec).predict(pictures(3)).values.tolist() == [0, 1, -1]


@pytest.mark.parametrize(
    ("body", "kind", "sentence"),
    [
        (
            "print('no GPU\\x1b[2J here'); sys.exit(3)",
            "crash",
            r"ended with status 3; it said last: no GPU\[2J here$",
        ),
        ("raise ValueError('bad weights')", "crash", "status 1; .*ValueError: bad weights"),
        ("raise MemoryError", "memory", r'status 1; it said last: Traceback .* File "predict\.py"'),
        ("os.kill(os.getpid(), 11)", "crash", "was ended by signal 11"),
        ("", "output", r"wrote: answers\.csv cannot be read"),
        ("open(output, 'w').write('nothing of use')", "output", r"wrote: answers\.csv has the columns"),
        ("open(output, 'w').write('image_sha256,score\\nx,1\\n')", "output", r"wrote: answers\.csv, line 2"),
        (
            "open(output, 'w').write('image_sha256,score\\n' + '0' * 64 + ',1\\n')",
            "output",
            r"answers\.csv, line 2: an image that it was not given",
        ),
        ("os.symlink('/etc/passwd', output)", "output", "is a link"),
        ("os.mkfifo(output)", "output", "is a link, a folder or a device"),
    ],
)
def test_each_failure_is_a_sentence_and_a_kind(tmp_path, body, kind, sentence):
    with pytest.raises(ModelFailureError, match=sentence) as caught:
        Program(program(tmp_path, body)).predict(pictures(2))
    assert caught.value.kind == kind
    assert "/" not in str(caught.value)  # neither where the program lies nor a temporary folder's name


def test_a_missing_mask_is_told(tmp_path):
    spec = program(tmp_path, "", task="segmentation", target="lungs", output="labels")
    with pytest.raises(ModelFailureError, match="no mask for 2 of 2 images") as caught:
        Program(spec).predict(pictures(2))
    assert caught.value.kind == "output"


def test_one_that_never_ends_is_stopped_with_what_it_started(tmp_path):
    body = f"""
import subprocess, time
subprocess.Popen(["/bin/sh", "-c", "sleep 3; echo alive > {tmp_path}/alive"])
time.sleep(600)
"""
    started = time.monotonic()
    with pytest.raises(ModelFailureError, match=r"within 1 s \(limits\.batch_seconds\)") as caught:
        Program(program(tmp_path, body, limits={"batch_seconds": 1.0})).predict(pictures(1))
    assert caught.value.kind == "timeout"
    time.sleep(max(0.0, 4.5 - (time.monotonic() - started)))
    assert not (tmp_path / "alive").exists()


def test_one_that_prints_without_end_fills_no_memory_and_blocks_nothing(tmp_path):
    spec = program(tmp_path, "for _ in range(2000): print('x' * 10_000)\nsys.exit('the end')")
    with pytest.raises(ModelFailureError, match=r"the end$") as caught:
        Program(spec).predict(pictures(1))
    assert len(str(caught.value)) < 500


@pytest.mark.slow
def test_in_its_sandbox_it_answers_the_same(tmp_path):
    images = pictures(3)
    with IsolatedModel(program(tmp_path, SCORES)) as model:
        np.testing.assert_array_equal(model.predict(images).values, by_hash(images))
    drawing = program(tmp_path, DRAW, "draw.py", task="segmentation", target="lungs", output="labels")
    with IsolatedModel(changed(drawing, command=[word for word in drawing.command if word != "-S"])) as model:
        np.testing.assert_array_equal(model.predict(images).values, np.array(images) > 127)


def test_no_shell_reads_the_command(tmp_path):
    spec = program(tmp_path, SCORES)
    touched = changed(spec, command=[*spec.command, f"; touch {tmp_path}/touched", "$(touch x)"])
    Program(touched).predict(pictures(1))
    assert {path.name for path in tmp_path.iterdir()} == {"predict.py"}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"command": [sys.executable, "{input}"]}, r"command lacks \{output\}"),
        ({"command": [sys.executable, "{output}"]}, r"command lacks \{input\}"),
        ({"command": ["no-such-program-here", "{input}", "{output}"]}, "not there or may not be run"),
        (
            {"command": ["./predict.py", "{input}", "{output}"]},
            r"'\./predict\.py', which is not there or may not",
        ),
        ({"sha256": "0" * 64}, "cannot be pinned"),
        ({"task": "segmentation", "output": "logits"}, "a PNG cannot hold"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_runs(tmp_path, changes, sentence):
    with pytest.raises(UsageError, match=sentence):
        Program(changed(program(tmp_path, SCORES), **changes))


def test_a_program_beside_the_yaml_file_is_started_in_its_folder(tmp_path):
    (tmp_path / "answer").write_text(f"#!{sys.executable} -IS\n{HEAD}{SCORES}open('seen', 'w')\n")
    (tmp_path / "answer").chmod(0o755)
    spec = changed(program(tmp_path, SCORES), command=["./answer", "{input}", "{output}"])
    images = pictures(2)
    np.testing.assert_array_equal(Program(spec).predict(images).values, by_hash(images))
    assert (tmp_path / "seen").exists()
