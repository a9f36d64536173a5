import os
import subprocess
import sys

import pytest

from radbench.cli import main
from radbench.errors import UsageError

LIGHT = ("diffusers", "matplotlib", "pandas", "scipy", "torch", "transformers", "numpy", "pydantic")


def radbench(*arguments, cwd=None):
    command = [sys.executable, "-m", "radbench", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, env=os.environ, check=False)


def test_help_and_version_need_no_heavy_library():
    code = (
        "import sys, radbench.cli.app; "
        f"heavy = [name for name in {LIGHT!r} if name in sys.modules]; sys.exit(' '.join(heavy) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_help_names_every_command():
    done = radbench("--help")
    assert done.returncode == 0
    for command in ("run", "train", "gates", "bench"):
        assert command in done.stdout


def test_version():
    from radbench.version import __version__

    assert radbench("--version").stdout == f"radbench {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "--shift", "manifestaton"], "Did you mean 'manifestation'"),
        (["run", "--shift", "manifestation", "--model", "pneumothorax-robst"], "mean 'pneumothorax-robust'"),
        (["run", "--shift", "nowhere/shift.yaml"], "does not exist"),
        (["run", "--shift", "manifestation", "--bundle", "nowhere"], "no bundle named 'nowhere'"),
    ],
)
def test_a_wrong_name_is_one_sentence_and_code_2(tmp_path, arguments, words):
    done = radbench(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments", [["run"], ["run", "--shift", "x", "--limit", "0"], ["rum"], ["run", "--nope"]]
)
def test_wrong_options_are_code_2(arguments):
    done = radbench(*arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("outcome", "code", "words"),
    [
        (0, 0, ""),
        (3, 3, ""),
        (4, 4, ""),
        (KeyboardInterrupt(), 130, "repeat the same command"),
        (UsageError("No."), 2, "Error: No."),
        (RuntimeError("odd"), 1, "Internal error (RuntimeError): odd"),
    ],
)
def test_the_exit_code_is_the_promised_one(monkeypatch, capsys, outcome, code, words):
    def run_shift(options):
        assert options.shift == "x"
        assert options.max_drop == 0.1
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    monkeypatch.setattr("radbench.cli.run.run_shift", run_shift)
    monkeypatch.setattr(sys, "argv", ["radbench", "run", "--shift", "x", "--max-drop", "0.1"])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == code
    printed = capsys.readouterr().err
    assert words in printed
    assert "Traceback" not in printed
