"""When a server that could not answer just now is asked again, and how long to wait before."""

import time
from dataclasses import dataclass, field
from typing import Final

BUSY: Final = frozenset({429, 502, 503, 504})
"""Answers of a server (or of what stands before it) that is starting, restarting or has too much to do."""

TRIES: Final = 5
"""How often one question is asked at most."""

_FIRST: Final = 0.25
_LONGEST: Final = 30.0


@dataclass
class Patience:
    """The tries that one question has.

    Attributes:
        seconds: within which the last of them begins.
        tried: tries that have failed.
        started: when the first began, by the monotonic clock.
    """

    seconds: float
    tried: int = 0
    started: float = field(default_factory=time.monotonic)

    def wait(self, said: str | None = None) -> bool:
        """Wait after a try that failed; return whether there is another.

        Args:
            said: what the server said of when to come back (``Retry-After``, in seconds), if it did. Of anything else,
                and of a date, nothing is made: 0.25 s are waited, then twice as long each time.
        """
        self.tried += 1
        pause = max(asked_for(said), _FIRST * 2 ** (self.tried - 1))
        left = self.seconds - (time.monotonic() - self.started)
        if self.tried >= TRIES or pause > min(left, _LONGEST):
            return False
        time.sleep(pause)
        return True


def asked_for(said: str | None) -> float:
    """Return the seconds of a ``Retry-After``; 0 where it gives none."""
    words = (said or "").strip()
    return float(words) if words.isascii() and words.isdigit() else 0.0
