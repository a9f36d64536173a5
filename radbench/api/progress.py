"""How long work says how far it is: not at all, by a callback, or by a bar in a terminal or a notebook."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from radbench.errors import UsageError

Report: TypeAlias = Callable[[int, int], None]
"""Called with the number of items done and the number of all items."""
StageReport: TypeAlias = Callable[[str, int, int, float], None]
"""Called with the stage, the steps done, the steps in all, and the loss (NaN where there is none)."""
Callback: TypeAlias = Callable[[str, int, int], None]
"""Called with what is being done, the number of items done and the number of all items."""


def _nothing(done: int, total: int) -> None:
    """Say nothing."""


def _no_stage(stage: str, done: int, total: int, loss: float) -> None:
    """Say nothing."""


class Progress:
    """What work says while it goes on; this one is silent, and the others say more of it."""

    @contextmanager
    def doing(self, what: str) -> Iterator[None]:
        """Say that something is being done whose end is not known, for as long as the block lasts."""
        del what
        yield

    @contextmanager
    def loop(self, what: str) -> Iterator[Report]:
        """Yield the function to call after each item of a loop."""
        del what
        yield _nothing

    @contextmanager
    def stages(self) -> Iterator[StageReport]:
        """Yield the function to call after each step of a work in stages."""
        yield _no_stage

    def note(self, line: str) -> None:
        """Say one sentence that a person should read."""


class Called(Progress):
    """Progress by a callback, which is called after each item as ``callback(what, done, total)``."""

    def __init__(self, callback: Callback) -> None:
        self._callback = callback

    @contextmanager
    def loop(self, what: str) -> Iterator[Report]:
        """Yield the function to call after each item of a loop."""
        yield lambda done, total: self._callback(what, done, total)

    @contextmanager
    def stages(self) -> Iterator[StageReport]:
        """Yield the function to call after each step of a work in stages; a stage is what is being done."""
        yield lambda stage, done, total, _: self._callback(stage, done, total)


class Bars(Progress):
    """A bar for each loop, in a notebook a widget where ``ipywidgets`` is there; nothing where nobody looks on."""

    @contextmanager
    def loop(self, what: str) -> Iterator[Report]:
        """Yield the function to call after each item of a loop."""
        from tqdm.auto import tqdm

        with tqdm(desc=what, unit="image", disable=None) as bar:

            def report(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            yield report

    @contextmanager
    def stages(self) -> Iterator[StageReport]:
        """Yield the function to call after each step of a work in stages."""
        from tqdm.auto import tqdm

        with tqdm(unit="step", disable=None) as bar:

            def report(stage: str, done: int, total: int, loss: float) -> None:
                bar.set_description(stage, refresh=False)
                bar.set_postfix({} if math.isnan(loss) else {"loss": f"{loss:.4f}"}, refresh=False)
                bar.total = total
                bar.update(done - bar.n)

            yield report


def progress_of(asked: "bool | Callback | Progress") -> Progress:
    """Return what an argument ``progress`` means: True a bar, False nothing, a function the callback.

    Raises:
        UsageError: It is none of these.
    """
    if isinstance(asked, Progress):
        return asked
    if isinstance(asked, bool):
        return Bars() if asked else Progress()
    if callable(asked):
        return Called(asked)
    raise UsageError(
        f"progress is a {type(asked).__name__}, expected True, False or a function of what, done and total."
    )
