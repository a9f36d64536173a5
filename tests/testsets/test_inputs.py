import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from testset_world import TinyCohort, scenario

from radbench.data.images import dilate
from radbench.specs.scenario import MaskRule
from radbench.testsets.inputs import draw_mask, edit_inputs

COHORT = TinyCohort(8)
STUDY = COHORT.studies[1]
SHAPE = (24, 32)
PTX, DRAIN = (COHORT.mask(STUDY, name) for name in ("pneumothorax", "drain"))

rules = st.builds(
    MaskRule,
    source=st.sampled_from(["pneumothorax", "drain", "none", ["pneumothorax", "drain"]]),
    dilate=st.floats(0, 80),
)


@settings(max_examples=30, deadline=None)
@given(rules)
def test_a_complement_is_all_that_the_mask_is_not(rule):
    mask = draw_mask(COHORT, STUDY, rule, SHAPE)
    opposite = draw_mask(COHORT, STUDY, rule.model_copy(update={"complement": True}), SHAPE)
    assert (mask ^ opposite).all()


@settings(max_examples=30, deadline=None)
@given(rules, st.floats(0, 5))
def test_growth_only_adds(rule, growth):
    for complement in (False, True):
        whole = rule.model_copy(update={"complement": complement})
        mask = draw_mask(COHORT, STUDY, whole, SHAPE)
        grown = draw_mask(COHORT, STUDY, whole, SHAPE, growth)
        assert not (mask & ~grown).any()


def test_several_masks_are_united_and_none_is_nowhere():
    assert (draw_mask(COHORT, STUDY, MaskRule(source=["drain", "pneumothorax"]), SHAPE) == PTX | DRAIN).all()
    assert not draw_mask(COHORT, STUDY, MaskRule(source="none"), SHAPE).any()
    assert draw_mask(COHORT, STUDY, MaskRule(source="none", complement=True), SHAPE).all()


def test_growth_is_at_512_and_joins_the_rule_s_own_dilation():
    rule = MaskRule(source="pneumothorax", dilate=32.0)
    inputs = edit_inputs(COHORT, scenario(edit_mask=rule), STUDY, growth=16.0)
    np.testing.assert_array_equal(inputs.edit_mask, dilate(PTX, 48 * 24 / 512))
    np.testing.assert_array_equal(inputs.keep_mask, DRAIN)


def test_masks_may_be_another_study_s():
    cohort = TinyCohort(8, empty={"s001"})
    own = edit_inputs(cohort, scenario(), cohort.studies[1])
    borrowed = edit_inputs(cohort, scenario(), cohort.studies[1], masks_of=cohort.studies[3])
    np.testing.assert_array_equal(own.image, borrowed.image)
    assert not own.edit_mask.any()
    assert borrowed.edit_mask.any()


@pytest.mark.parametrize("complement", [False, True])
def test_a_mask_is_never_the_cohort_s_own_array(complement):
    mask = draw_mask(COHORT, STUDY, MaskRule(source="drain", complement=complement), SHAPE)
    mask[:] = True
    assert not COHORT.mask(STUDY, "drain").all()
