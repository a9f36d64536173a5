"""The pytest plugin; it imports nothing heavy, because every test run that has radbench installed loads it."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from radbench.harness.result import AuditResult

_REPORTS = pytest.StashKey[list[Path]]()
_MARKER = (
    "radbench(**arguments): an audit of a model; the arguments are defaults of the fixture 'assert_robust', such as "
    "shift='acquisition', limit=32"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--radbench-report``."""
    group = parser.getgroup("radbench", "robustness of models")
    group.addoption(
        "--radbench-report",
        metavar="DIR",
        default=None,
        help="Write the report of every audit by the fixture 'assert_robust' into a folder of its own in DIR.",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker, so that ``pytest -m radbench`` chooses the audits and ``--strict-markers`` knows it."""
    config.addinivalue_line("markers", _MARKER)
    config.stash[_REPORTS] = []


@pytest.fixture
def assert_robust(request: pytest.FixtureRequest) -> "Callable[..., AuditResult]":
    """Return ``radbench.testing.assert_robust`` with the marker's arguments and the report's folder filled in."""
    __tracebackhide__ = True
    marker = request.node.get_closest_marker("radbench")
    defaults = {} if marker is None else dict(marker.kwargs)
    top, reports = request.config.getoption("--radbench-report"), request.config.stash[_REPORTS]

    def check(model: Any, *shift: Any, **arguments: Any) -> "AuditResult":
        __tracebackhide__ = True
        from radbench.testing.robust import assert_robust as check_robust

        if shift:
            arguments["shift"], *_ = shift
        chosen = defaults | arguments
        if top is not None and chosen.get("report") is None:
            chosen["report"] = _folder(Path(top), request.node.nodeid, reports)
            reports.append(chosen["report"])
        return check_robust(model, **chosen)

    return check


def pytest_terminal_summary(terminalreporter: "pytest.TerminalReporter", config: pytest.Config) -> None:
    """Say where the reports lie."""  # the type is quoted: pytest before 8.4 does not name it
    written = [folder / "report.html" for folder in config.stash[_REPORTS]]
    found = [page for page in written if page.is_file()]
    if found:
        terminalreporter.section("radbench")
        for page in found:
            terminalreporter.line(str(page))


def _folder(top: Path, nodeid: str, taken: list[Path]) -> Path:
    """Return a folder for one more audit: named after the test, and numbered from the second audit on."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", nodeid).strip("-.")[-150:] or "audit"
    found, number = top / name, 1
    while found in taken:
        number += 1
        found = top / f"{name}-{number}"
    return found
