import io

import pytest
from rich.console import Console

from radbench.bench.inversion import Timing, print_bench, run_bench
from radbench.diffusion.rows import ROWS


def test_the_benchmark_times_both_ways_and_prints_them(bundle):
    result = run_bench(bundle, steps=5, images=(1, 2), repeats=1, growth=(2, 4), memory=False)
    assert [(row.images, row.steps) for row in result.timings] == [(1, 5), (2, 5)]
    assert all(row.speedup == pytest.approx(row.sequential / row.batched) for row in result.timings)
    assert result.second.first > 0
    assert [steps for steps, _ in result.growth] == [2, 4]
    assert result.rows_independent
    text = io.StringIO()
    print_bench(result, Console(file=text, width=120))
    assert "times faster" in text.getvalue()
    assert "A second prompt on the same 4 images costs" in text.getvalue()
    assert "same bits" in text.getvalue()


@pytest.mark.slow
def test_peak_memory_follows_the_rows_not_the_steps(bundle):
    few, many, wide = run_bench(bundle, steps=2, images=(1,), repeats=1, growth=(), memory=True).peaks
    assert (few.rows, many.rows, wide.rows) == (ROWS, ROWS, 16)
    assert many.mebibytes < 4 * max(few.mebibytes, 1)


def test_the_median_over_the_turns_counts():
    timing = Timing(1, 50, ((1.0, 0.5), (4.0, 1.0), (3.0, 1.5)))
    assert (timing.sequential, timing.batched, timing.speedup) == (3.0, 1.0, 2.0)
