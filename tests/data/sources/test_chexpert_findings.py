import random

import pytest

from radbench.data.sources.chexpert_findings import (
    COLUMNS,
    FINDINGS,
    columns_in,
    labels_of,
    pack,
    prefixed,
    unpack,
)
from radbench.errors import UsageError


def test_labels_come_out_of_their_bytes_as_they_went_in():
    draw = random.Random(0)
    for _ in range(200):
        labels = {finding: draw.choice([-1, 0, 1]) for finding in FINDINGS if draw.random() < 0.5}
        assert unpack(pack(labels)) == labels
        assert set(unpack(pack(labels), "negbio_")) <= set(prefixed("negbio_"))


def test_other_names_of_columns_are_known_and_no_finding_may_lack(tmp_path):
    names = [found[-1] for finding, found in COLUMNS.items() if finding != "no_finding"]
    columns = columns_in(tmp_path / "t.csv", names)
    assert columns["lung_opacity"] == "Airspace Opacity"
    assert "no_finding" not in columns
    with pytest.raises(UsageError, match="has no column 'Edema'"):
        columns_in(tmp_path / "t.csv", [name for name in names if name != "Edema"])


def test_a_cell_is_one_zero_minus_one_or_blank(tmp_path):
    columns = {"edema": "Edema"}
    for cell, expected in (("1.0", 1), ("0", 0), ("-1", -1), ("-1.0", -1)):
        assert labels_of(tmp_path, 2, {"Edema": cell}, columns) == {"edema": expected}
    assert labels_of(tmp_path, 2, {"Edema": ""}, columns) == {}
    for cell in ("2", "nan", "yes", "0.5"):
        with pytest.raises(UsageError, match=f"row 2: 'Edema' is '{cell}', expected 1, 0, -1"):
            labels_of(tmp_path, 2, {"Edema": cell}, columns)
