"""Reports: every sentence is in the corpus, the paper's prompts are there verbatim."""

import pytest

from radbench.phantom.canvas import Stream
from radbench.phantom.prompts import every_text, report
from radbench.phantom.recipes import RECIPES, recipe

PAPER = [
    "No acute cardiopulmonary process",
    "Moderate pulmonary oedema. The heart size is normal.",
    (
        "Left pectoral pacemaker in place. The position of the leads is as expected. "
        "Otherwise unremarkable chest radiographic examination."
    ),
    "New left upper lobe consolidation.",
    "New right upper lobe consolidation.",
]


@pytest.mark.parametrize("prompt", PAPER)
def test_the_papers_prompts_are_in_the_corpus(prompt: str) -> None:
    assert prompt in every_text()


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_every_report_is_in_the_corpus_and_names_the_right_side(name: str) -> None:
    corpus = set(every_text())
    for patient in range(200):
        drawn = recipe(name)(Stream(patient, 1))
        text = report(drawn.findings, Stream(patient, 2))
        assert text in corpus
        sides = {finding.side for finding in drawn.findings} - {""}
        wrong = {"left": "right", "right": "left"}
        assert not any(wrong[side] in text.lower() for side in sides)
