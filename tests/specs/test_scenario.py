import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radbench.errors import UsageError
from radbench.specs.scenario import fill, template_fields


def test_fields_are_replaced_and_capitalised():
    values = {"report": "Small left pneumothorax.", "side": "left", "severity": 0.5}
    assert fill("{report}", values, "x") == "Small left pneumothorax."
    assert fill("{Side} drain, {side} lung: {severity}.", values, "x") == "Left drain, left lung: 0.5."
    assert template_fields("{Side} {report}") == ["Side", "report"]


def test_an_unknown_field_names_what_there_is():
    with pytest.raises(UsageError, match=r"^the prompt has .*'\{sied\}'.*\{report\}, \{side\}.*mean 'side'"):
        fill("{sied}", {"report": "", "side": ""}, "the prompt")


@settings(max_examples=30, deadline=None)
@given(st.text())
def test_text_of_a_study_is_never_read_as_a_template(text):
    assert fill("{report}", {"report": text}, "x") == text


@settings(max_examples=30, deadline=None)
@given(st.text())
def test_any_text_is_filled_or_refused(template):
    try:
        names = template_fields(template)
    except ValueError as error:
        assert "expected" in str(error)
        return
    assert len(fill(template, dict.fromkeys(names, "x"), "y")) <= len(template)
