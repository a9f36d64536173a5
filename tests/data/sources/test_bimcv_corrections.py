import re

from radbench.data.sources.bimcv_corrections import (
    AS_STORED,
    FRONTAL,
    LATERAL,
    UNUSABLE,
    UPSIDE_DOWN,
    corrections,
    needs,
)

NAME = re.compile(r"sub-S\d{5}_ses-E\d{5}_(acq-\d_)?run-\d_bp-chest_(vp-(pa|ap)_)?(cr|dx)\.png")


def test_the_lists_are_as_long_as_they_were_published():
    found = corrections()
    assert {kind: len(names) for kind, names in found.items()} == {
        LATERAL: 345, FRONTAL: 98, UNUSABLE: 25, AS_STORED: 8, UPSIDE_DOWN: 4,
    }  # fmt: skip
    assert all(NAME.fullmatch(name) for names in found.values() for name in names)
    assert not found[LATERAL] & found[FRONTAL]


def test_a_film_of_each_list_is_found():
    assert needs("sub-S04538_ses-E09003_acq-2_run-1_bp-chest_vp-pa_dx.png", LATERAL)
    assert needs("sub-S03582_ses-E07281_run-1_bp-chest_vp-ap_cr.png", LATERAL)
    assert needs("sub-S03497_ses-E07034_run-1_bp-chest_cr.png", FRONTAL)
    assert needs("sub-S06576_ses-E11736_run-2_bp-chest_dx.png", UNUSABLE)
    assert needs("sub-S03169_ses-E07193_run-1_bp-chest_vp-ap_dx.png", AS_STORED)
    assert needs("sub-S03068_ses-E06592_run-1_bp-chest_vp-ap_cr.png", UPSIDE_DOWN)
    assert not needs("sub-S03068_ses-E06592_run-1_bp-chest_vp-ap_cr.png", LATERAL)
