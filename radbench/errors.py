"""Errors that a user can mend, and the nearest valid name for a misspelt one."""

import difflib
from collections.abc import Iterable


class RadbenchError(Exception):
    """Base class of every error raised on purpose by radbench."""


class UsageError(RadbenchError):
    """Bad input, in one sentence: what was found, what was expected, how to mend it (exit code 2)."""


def did_you_mean(word: str, options: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the option nearest to ``word``, or an empty string."""
    nearest = difflib.get_close_matches(word, list(options), n=1, cutoff=0.5)
    return f" Did you mean '{nearest[0]}'?" if nearest else ""
