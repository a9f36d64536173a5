"""The bench of the anchored estimate counts as it says, and the method holds what is asked of it."""

import numpy as np
import pytest

from radbench.bench.anchor_pools import OWN, RIGHT, Pool, phantom_pools
from radbench.bench.anchored import measure_anchored, worst_cases


def pool(rate=0.9, edits=0.9):
    right = np.arange(100) < 100 * rate
    return Pool("p", True, right.astype(float), {RIGHT: (np.arange(100) < 100 * edits).astype(float)})


def test_coverage_width_and_bias_are_of_the_pool():
    (found,) = measure_anchored([pool()], draws=60, replicates=50)
    assert (found.truth, found.bias) == (0.9, 0.0)
    assert found.combined >= 0.9
    assert found.width < found.width_alone
    (wrong,) = measure_anchored([pool(edits=0.2)], draws=60, replicates=50)
    assert wrong.bias == pytest.approx(-0.7)
    assert (wrong.pooled, wrong.disagree) == (0.0, 1.0)
    assert wrong.combined >= 0.9
    assert measure_anchored([pool()], draws=20, replicates=50) == measure_anchored(
        [pool()], draws=20, replicates=50
    )


def test_what_is_asked_of_the_method_holds_exactly():
    for row in worst_cases(np.arange(0.02, 1, 0.02), steps=51):
        assert row.worst >= 0.95 - 1e-3, row  # 0.93 is asked for, whatever the editor's error
        assert row.ratio < 1.0, row  # narrower than the anchors alone where the editor is right
        assert row.widest < 1.15, row


@pytest.mark.slow
def test_the_phantom_s_pools_have_editors_that_are_right_and_wrong():
    pools = phantom_pools(anchors=12, edits=12, radedit=0)
    assert {one.is_share for one in pools} == {True, False}
    for one in pools:
        assert RIGHT in one.editors and OWN not in one.editors
        assert len(one.editors) >= 4
        assert all(0 <= values.min() <= values.max() <= 1 for values in one.editors.values())
