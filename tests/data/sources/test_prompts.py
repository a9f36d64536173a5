import random

import pytest

from radbench.data.sources.prompts import clipped, sentences, shuffled, training_prompt

IMPRESSION = (
    "1. No pneumothorax. 2. Small left effusion, 1.5 cm; discussed with Dr. Who at 10 a.m. 3. Stable heart"
)


def tokens(text):
    """Words in pieces of three letters, between two marks."""
    return ["[CLS]", *(word[at : at + 3] for word in text.split() for at in range(0, len(word), 3)), "[SEP]"]


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (
            IMPRESSION,
            [
                "No pneumothorax.",
                "Small left effusion, 1.5 cm; discussed with Dr. Who at 10 a.m.",
                "Stable heart.",
            ],
        ),
        ("Cardiomegaly. Pneumothorax.", ["Cardiomegaly.", "Pneumothorax."]),
        ("No acute cardiopulmonary process", ["No acute cardiopulmonary process."]),
        ("1) Clear lungs\n2) Old rib fractures", ["Clear lungs.", "Old rib fractures."]),
        (
            "Is it new? ___ was called. Dr. J. Doe agreed!",
            ["Is it new?", "___ was called.", "Dr. J. Doe agreed!"],
        ),
        ("Nodule of 2. mm", ["Nodule of 2. mm."]),
        ("  \n ", []),
    ],
)
def test_sentences_end_where_a_reader_would_end_them(report, expected):
    assert sentences(report) == expected


def test_the_order_is_drawn_by_seed_epoch_and_report():
    report = " ".join(f"Sentence {letter}." for letter in "abcdefgh")
    first = shuffled(report, seed=0)
    assert first == shuffled(report, seed=0)
    assert len({shuffled(report, seed=0, epoch=epoch) for epoch in range(20)}) > 15
    assert first != shuffled(report, seed=1)
    assert sorted(sentences(first)) == sorted(sentences(report))
    assert shuffled("", seed=0) == ""
    assert {shuffled("One. Two.", seed=seed) for seed in range(20)} == {"One. Two.", "Two. One."}


def test_what_is_cut_has_as_many_whole_words_as_fit():
    draw = random.Random(0)
    for _ in range(50):
        words = ["x" * draw.randint(1, 9) for _ in range(draw.randint(1, 40))]
        limit = draw.randint(2, 40)
        text = clipped(" ".join(words), tokens, limit)
        kept = len(text.split())
        assert text == " ".join(words[:kept])
        assert len(tokens(text)) <= limit
        assert kept == len(words) or len(tokens(" ".join(words[: kept + 1]))) > limit


def test_a_prompt_is_shuffled_first_so_every_sentence_is_seen_at_some_time():
    seen = {training_prompt(IMPRESSION, tokens, seed=3, epoch=epoch, max_tokens=8) for epoch in range(30)}
    assert all(len(tokens(text)) <= 8 for text in seen)
    assert {text.split()[0] for text in seen} == {"No", "Small", "Stable"}
