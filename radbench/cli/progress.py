"""Progress of a long loop: a bar with rate and remaining time; plain lines where there is no terminal."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from radbench.api.progress import Progress as Said
from radbench.api.progress import Report, StageReport

_LINE_EVERY_SECONDS = 10.0


class _RateColumn(ProgressColumn):
    """Items a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.2f}/s", style="progress.data.speed")


_COLUMNS = (
    TextColumn("{task.description}"),
    BarColumn(),
    MofNCompleteColumn(),
    _RateColumn(),
    TimeElapsedColumn(),
    TextColumn("remaining"),
    TimeRemainingColumn(),
)


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
        yield partial(_lines(console), label)
        return
    with Progress(*_COLUMNS, console=console) as bar:
        task = bar.add_task(label, total=None)

        def report(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield report


class ConsoleProgress(Said):
    """What the work of ``radbench.api`` says, on a console."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def doing(self, what: str) -> Iterator[None]:
        """Show that something is being done."""
        with self._console.status(what):
            yield

    @contextmanager
    def loop(self, what: str) -> Iterator[Report]:
        """Show how far a loop is."""
        with progress(self._console, what) as report:
            yield report

    @contextmanager
    def stages(self) -> Iterator[StageReport]:
        """Show how far a work in stages is."""
        with stages(self._console) as report:
            yield report

    def note(self, line: str) -> None:
        """Print one line as it is, however long."""
        say(self._console, line)


def say(console: Console, line: str) -> None:
    """Print one line as it is, however long."""
    console.print(line, soft_wrap=True, highlight=False, markup=False)


def _lines(console: Console) -> Callable[[str, int, int], None]:
    """Return a function that prints a line now and then, and one at the end."""
    started = last = time.monotonic()
    first: int | None = None

    def report(label: str, done: int, total: int) -> None:
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


@contextmanager
def stages(console: Console) -> Iterator[StageReport]:
    """Show the progress of a work in stages, one bar or one run of lines each.

    Args:
        console: Where to show it.

    Yields:
        The function to call after each step.
    """
    if not console.is_terminal:
        yield _stage_lines(console)
        return
    columns = (*_COLUMNS, TextColumn("{task.fields[loss]}"))
    with Progress(*columns, console=console) as bar:
        tasks: dict[str, TaskID] = {}

        def report(stage: str, done: int, total: int, loss: float) -> None:
            shown = "" if math.isnan(loss) else f"loss {loss:.4f}"
            if stage not in tasks:
                tasks[stage] = bar.add_task(stage, total=total, completed=done, loss=shown)
            bar.update(tasks[stage], completed=done, total=total, loss=shown)

        yield report


def _stage_lines(console: Console) -> StageReport:
    lines: dict[str, Callable[[str, int, int], None]] = {}

    def report(stage: str, done: int, total: int, loss: float) -> None:
        label = stage if math.isnan(loss) else f"{stage}, loss {loss:.4f},"
        lines.setdefault(stage, _lines(console))(label, done, total)

    return report
