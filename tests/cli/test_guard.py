import errno

import pytest
import typer

from radbench.cli.guard import guarded
from radbench.errors import RadbenchError, UsageError


def ending(error, *, debug=False):
    with pytest.raises(typer.Exit) as caught, guarded(debug=debug):
        raise error
    return caught.value.exit_code


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (UsageError("shift.yaml, line 3: no."), 2, "Error: shift.yaml, line 3: no."),
        (OSError(errno.ENOSPC, "No space left on device", "/full/x"), 2, "/full/x"),
        (PermissionError(errno.EACCES, "Permission denied", "/locked"), 2, "Permission denied"),
        (RadbenchError("the model failed"), 1, "the model failed"),
        (ZeroDivisionError("division\nby zero"), 1, "(ZeroDivisionError): division by zero"),
        (KeyboardInterrupt(), 130, "repeat the same command"),
        (typer.Exit(4), 4, ""),
    ],
)
def test_an_error_is_one_sentence_and_a_code(capsys, error, code, words):
    assert ending(error) == code
    printed = capsys.readouterr()
    assert words in printed.err
    assert printed.err.count("\n") == (1 if words else 0)
    assert "Traceback" not in printed.err
    assert printed.out == ""


def test_debug_shows_where(capsys):
    ending(ZeroDivisionError("x"), debug=True)
    assert "Traceback" in capsys.readouterr().err


def test_nothing_happens_without_an_error(capsys):
    with guarded(debug=False):
        pass
    assert capsys.readouterr().err == ""
