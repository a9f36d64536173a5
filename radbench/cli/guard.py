"""What ends a command: one sentence on stderr and the exit code that the README promises."""

import errno
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from radbench.errors import RadbenchError, UsageError

INTERNAL, USAGE, INTERRUPTED = 1, 2, 130
_UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS}


@contextmanager
def guarded(*, debug: bool) -> Iterator[None]:
    """Turn whatever a command raises into a sentence and an exit code.

    Args:
        debug: Also print the traceback.

    Raises:
        typer.Exit: 1 internal error, 2 something the user can mend, 130 interrupted.
    """
    try:
        yield
    except typer.Exit:
        raise
    except KeyboardInterrupt:
        say("Interrupted. What is done so far is kept: repeat the same command and it goes on from there.")
        raise typer.Exit(INTERRUPTED) from None
    except Exception as error:
        if debug:
            traceback.print_exc()
        code, sentence = explain(error)
        say(sentence)
        raise typer.Exit(code) from error


def explain(error: Exception) -> tuple[int, str]:
    """Return the exit code and the sentence for an error."""
    if isinstance(error, UsageError):
        return USAGE, f"Error: {error}"
    if isinstance(error, OSError) and error.errno in _UNWRITABLE:
        place = f" '{error.filename}'" if error.filename else ""
        return USAGE, f"Error: cannot use{place}: {error.strerror}; expected a place that can be written to."
    if isinstance(error, RadbenchError):
        return INTERNAL, f"Error: {error}"
    what = " ".join(str(error).split())[:300]
    kind = type(error).__name__
    return INTERNAL, f"Internal error ({kind}): {what} [radbench --debug COMMAND ... shows where]"


def say(sentence: str) -> None:
    """Print one sentence on stderr."""
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()
