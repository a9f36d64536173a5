"""Progress of a long loop: a bar with rate and remaining time; plain lines where there is no terminal."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

Report = Callable[[int, int], None]
"""Called with the number of items done and the number of all items."""

_LINE_EVERY_SECONDS = 10.0


class _RateColumn(ProgressColumn):
    """Items a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.2f}/s", style="progress.data.speed")


@contextmanager
def progress(console: Console, label: str) -> Iterator[Report]:
    """Show the progress of one loop.

    Args:
        console: Where to show it.
        label: What is being done, as in "Editing".

    Yields:
        The function to call after each step.
    """
    if not console.is_terminal:
        yield _lines(console, label)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _RateColumn(),
        TimeElapsedColumn(),
        TextColumn("remaining"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(label, total=None)

        def report(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield report


def _lines(console: Console, label: str) -> Report:
    started = last = time.monotonic()
    first: int | None = None

    def report(done: int, total: int) -> None:
        nonlocal last, first
        now = time.monotonic()
        first = done if first is None else first
        if done < total and now - last < _LINE_EVERY_SECONDS:
            return
        last = now
        rate = (done - first) / (now - started) if now > started else 0.0
        line = f"{label} {done}/{total}"
        if rate > 0 and done < total:
            line += f", {rate:.2f}/s, about {(total - done) / rate:.0f} s remaining"
        console.print(line, highlight=False)

    return report
