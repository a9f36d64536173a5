"""How often the anchored estimate's interval holds the truth, and how wide it is, however wrong the editor.

Samples of anchors and edits are drawn with replacement from what the reference models answer on the phantom
(``anchor_pools``), each image as a patient of its own. Beside the anchored estimate stand the anchors alone, and both
pooled as if they were one set, which is what must not be done.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from radbench.bench.anchor_pools import RIGHT, Pool, phantom_pools
from radbench.metrics.anchored import BELIEF, anchored, share_limits
from radbench.metrics.bootstrap import Draws, Floats, draw_patients
from radbench.metrics.equivalence import verdict_of
from radbench.metrics.intervals import UNIT, Interval, Mean, agresti_coull, mean, share

if TYPE_CHECKING:
    from rich.console import Console

ANCHORS: Final = 16
EDITS: Final = 64
MARGIN: Final = 0.1
DRAWS: Final = 1000
REPLICATES: Final = 1000
_REDRAWN: Final = 50
_LEAST: Final = 1e-9


class Held(NamedTuple):
    """One population under one editor.

    Attributes:
        pool: name of the population.
        editor: name of the editor.
        truth: mean over all anchors.
        bias: mean over the editor's edits less ``truth``.
        alone: coverage of the anchors' own interval, ``combined`` of the anchored one, ``pooled`` of both as one set.
        width_alone: mean width, likewise ``width``.
        belief: mean belief in the synthetic images after the anchors.
        disagree: share of samples in which anchors and edits are found to disagree.
    """

    pool: str
    editor: str
    truth: float
    bias: float
    alone: float
    combined: float
    pooled: float
    width_alone: float
    width: float
    belief: float
    disagree: float


def measure_anchored(
    pools: Sequence[Pool],
    *,
    anchors: int = ANCHORS,
    edits: int = EDITS,
    draws: int = DRAWS,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> list[Held]:
    """Draw every population ``draws`` times under each of its editors; see ``Held``."""
    found: list[Held] = []
    for pool in pools:
        for editor, values in pool.editors.items():
            rng = np.random.default_rng([seed, len(found)])
            found.append(_held(pool, editor, values, (anchors, edits), rng, (draws, replicates)))
    return found


def _held(
    pool: Pool,
    editor: str,
    values: Floats,
    size: tuple[int, int],
    rng: np.random.Generator,
    effort: tuple[int, int],
) -> Held:
    ids = [f"{number:04d}" for number in range(sum(size))]
    truth = float(pool.anchors.mean())
    rows = []
    for number in range(effort[0]):
        if number % _REDRAWN == 0:
            draws = draw_patients(ids, replicates=effort[1], seed=number)
        real, edited = rng.choice(pool.anchors, size[0]), rng.choice(values, size[1])
        own, more, both = (
            _mean(pool, draws, places, some)
            for places, some in (
                (ids[: size[0]], real),
                (ids[size[0] :], edited),
                (ids, np.concatenate([real, edited])),
            )
        )
        together = anchored(own, more)
        alone = own.interval()
        if alone.low is None or together.low is None:
            continue
        kinds = (alone, together.interval, both.interval())
        disagree = verdict_of(more, own, MARGIN) == "disagree"
        rows.append(
            [
                *(_holds(one, truth) for one in kinds),
                _width(alone),
                _width(kinds[1]),
                together.belief,
                disagree,
            ]
        )
    means = np.array(rows, np.float64).mean(axis=0) if rows else np.full(7, np.nan)
    return Held(pool.name, editor, truth, float(values.mean()) - truth, *map(float, means))


def _mean(pool: Pool, draws: Draws, ids: Sequence[str], values: Floats) -> Mean:
    places = draws.places(ids)
    return share(draws, places, values == 1) if pool.is_share else mean(draws, places, values, UNIT)


def _holds(one: Interval, truth: float) -> bool:
    return one.low is not None and one.high is not None and one.low - _LEAST <= truth <= one.high + _LEAST


def _width(one: Interval) -> float:
    return (one.high or 0.0) - (one.low or 0.0)


class Worst(NamedTuple):
    """A true share, and what its interval does for every share that the edits may have.

    Attributes:
        share: the true one.
        right: coverage where the edits have it too; ``worst`` the least for any share of theirs.
        at: the bias of that worst one.
        ratio: mean width, as part of the anchors' own, where the edits are right.
        widest: the largest such ratio for any share of theirs.
    """

    share: float
    right: float
    worst: float
    at: float
    ratio: float
    widest: float


def worst_cases(
    shares: Sequence[float], *, anchors: int = ANCHORS, edits: int = EDITS, steps: int = 201
) -> list[Worst]:
    """Return coverage and width for independent images, summed over all outcomes: nothing is drawn.

    Args:
        shares: true ones.
        anchors: how many.
        edits: how many.
        steps: shares of the edits that are tried, from 0 to 1.
    """
    from scipy.stats import binom

    hits, more = np.arange(anchors + 1), np.arange(edits + 1)
    limits = np.array([share_limits(anchors, 1.0 + one, 1.0 + edits - one, BELIEF) for one in more])
    low, high = limits[:, 0], limits[:, 1]  # [edits + 1, anchors + 1]
    trials = np.where(
        (hits > 0) & (hits < anchors), max(anchors - 1, 1), anchors
    )  # as ``Mean.trials`` has them
    usual = np.array([agresti_coull(hit / anchors, n) for hit, n in zip(hits, trials, strict=True)])
    tried = np.linspace(0, 1, steps)
    found = []
    for truth in shares:
        chance = binom.pmf(hits, anchors, truth)
        holds = ((low <= truth + _LEAST) & (truth - _LEAST <= high)) @ chance
        width = (high - low) @ chance / float(chance @ (usual[:, 1] - usual[:, 0]))
        by_bias = binom.pmf(more[None], edits, tried[:, None])
        coverage, ratios = by_bias @ holds, by_bias @ width
        right = binom.pmf(more, edits, truth)
        worst = int(coverage.argmin())
        found.append(
            Worst(
                truth,
                float(right @ holds),
                float(coverage[worst]),
                float(tried[worst] - truth),
                float(right @ width),
                float(ratios.max()),
            )
        )
    return found


def print_anchored(console: "Console", *, draws: int = DRAWS) -> None:
    """Measure and print: every population under every editor, and the worst case for any error of the editor."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    found = measure_anchored(phantom_pools(), draws=draws)
    table = Table(
        title=f"Anchored estimate on the phantom: {ANCHORS} anchors, {EDITS} edits, {draws} samples",
        title_justify="left",
        box=SIMPLE_HEAD,
    )
    table.add_column("population: editor", min_width=20, overflow="fold")
    for header in ("truth", "bias", "alone", "anchored", "pooled", "width", "differ"):
        table.add_column(header, justify="right", no_wrap=True)
    for one in found:
        told = (
            one.truth,
            one.bias,
            one.alone,
            one.combined,
            one.pooled,
            one.width / one.width_alone,
            one.disagree,
        )
        table.add_row(f"{one.pool}: {one.editor}", *(f"{value:.3f}" for value in told))
    console.print(table)
    console.print(
        "Coverage of the anchors alone, of the anchored estimate and of plain pooling; width: the anchored interval's "
        "beside that of the anchors alone; differ: how often the two are found to disagree.",
        highlight=False,
    )
    right = [one for one in found if one.editor == RIGHT]
    console.print(
        f"Least coverage: {min(one.combined for one in right):.3f} where the editor is right, "
        f"{min(one.combined for one in found):.3f} under any editor. Width beside the anchors alone where it is right: "
        f"{np.mean([one.width / one.width_alone for one in right]):.3f} on average, "
        f"{max(one.width / one.width_alone for one in right):.3f} at most."
    )
    exact = Table(
        title="Shares of independent images, exactly: any error of the editor", title_justify="left"
    )
    for header in ("share", "right", "worst", "at a bias of", "width, right", "width, widest"):
        exact.add_column(header, justify="right")
    for row in worst_cases([0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98]):
        exact.add_row(*(f"{value:.3f}" for value in row))
    console.print(exact)
