"""The harness benchmark measures both ways of the same work, and notices where they are not the same."""

import io
import math
import sys

import pytest
from rich.console import Console

from radbench.bench import harness as bench
from radbench.bench.harness import HarnessTimes, measure_harness, print_harness
from radbench.errors import RadbenchError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="models run in processes of their own")


def test_overheads_are_medians_of_the_turns():
    turns = ((1.0, 0.5, 1.1), (2.0, 1.0, 2.2), (10.0, 4.0, 30.0))
    times = HarnessTimes("tiny", 10, 8, 4, turns, 1.0, 2.0)
    assert math.isclose(times.overhead, 0.1) and math.isclose(times.overhead_kept, 1.2)
    assert (times.bare, times.kept, times.harness) == (2.0, 1.0, 2.2)


@pytest.mark.slow
def test_both_ways_are_measured_and_printed():
    out = io.StringIO()
    found = print_harness(Console(file=out, width=120), count=40, turns=2)
    assert found.images == 40 and len(found.turns) == 2
    assert all(seconds > 0 for turn in found.turns for seconds in turn) and found.harness_start > 0
    for word in ("bare loop", "memory kept", "harness", "Overhead", "target: at most 15%"):
        assert word in out.getvalue()


@pytest.mark.slow
def test_ways_that_disagree_are_an_error(monkeypatch):
    true = bench._through
    monkeypatch.setattr(bench, "_through", lambda *args: (1.0, true(*args)[1] + 1e-3))
    with pytest.raises(RadbenchError, match="differs"):
        measure_harness(16, turns=1)
