"""The rendered edits that the encoder is measured on."""

import numpy as np
import pytest

from radbench.reference.encoder_check import KINDS, rendered_edits, score_table, summary


@pytest.mark.parametrize("kind", KINDS)
def test_an_edit_changes_the_film_and_has_other_words(kind):
    first, again = rendered_edits(kind, 2), rendered_edits(kind, 2)
    assert first == again and first[0].patient != first[1].patient
    for edit in first:
        before, after = edit.films()
        assert before.shape == after.shape == (128, 128) and not np.array_equal(before, after)
        assert edit.report != edit.prompt


def test_wrong_edits_ask_for_what_they_do_not_show():
    edit = rendered_edits("wrong: consolidation right, asked left", 1)[0]
    assert edit.after[0].side == "right" and "left" in edit.prompt
    edit = rendered_edits("wrong: pneumothorax moved to the other side", 1)[0]
    assert {edit.before[0].side, edit.after[0].side} == {"left", "right"}
    edit = rendered_edits("wrong: drain removed, pneumothorax kept", 1)[0]
    assert [finding.name for finding in edit.after] == ["pneumothorax"]


def test_summary_is_quantiles_and_the_share_at_the_threshold():
    row = summary(np.array([0.2, 0.1999, 1.0, -1.0]))
    assert row["n"] == 4 and row["kept"] == 0.5 and row["low"] < row["mean"] == 0.1 < row["high"]


class Brightness:
    """Calls brighter films more diseased."""

    name = digest = "brightness"

    def embed_images(self, images):
        return np.array([[image.mean() / 255, 1] for image in images], np.float32)

    def embed_texts(self, texts):
        return np.array([[not text.startswith(("No", "Normal")), 1] for text in texts], np.float32)


def test_table_has_a_row_for_each_kind_and_each_decoded_true_edit():
    plain = score_table(Brightness(), 2)
    assert set(plain) == set(KINDS) and plain["true: oedema added"]["mean"] == 1
    table = score_table(Brightness(), 2, lambda film: film // 2)
    extra = set(table) - set(KINDS)
    assert len(extra) == 12 and {name.split(":")[0] for name in extra} == {"decoded", "undone"}
    assert table["undone: oedema added, only decoded"]["mean"] == -1
