"""A report's impression as a prompt to train with: its sentences in another order, cut to what a text encoder takes.

Appendix A of the paper (arXiv:2312.12865): "The BioViL-T text encoder has a maximum token length of 128, so sentences
within the impression are shuffled and then clipped to this length." Every sentence of a long impression is then seen at
some time. A list of findings ("Cardiomegaly. Pneumothorax.") is sentences too.
"""

import random
import re
from collections.abc import Callable, Sequence
from typing import Final

from radbench.runtime import canonical_json, sha256_bytes

MAX_TOKENS: Final = 128
"""Tokens that the text encoder of the paper takes, those at both ends among them."""
Tokenize = Callable[[str], Sequence[object]]
_END: Final = re.compile(r"(?<=[.!?])\s+(?=[\"'(]*[A-Z0-9_])")
_SHORT: Final = re.compile(r"(?:\b(?:Dr|Drs|Mr|Mrs|Ms|Prof|vs|approx|cf|e\.g|i\.e)|\b[A-Z])\.$")


def training_prompt(
    report: str, tokenize: Tokenize, *, seed: int, epoch: int = 0, max_tokens: int = MAX_TOKENS
) -> str:
    """Return a report's sentences in a drawn order, cut to a number of tokens.

    Args:
        report: the impression, or a list of findings; "" stays "".
        tokenize: gives the tokens of a text, with those that the encoder adds at its ends.
        seed: of the draw; with ``epoch`` and the report itself it decides the order.
        epoch: another one is another order.
        max_tokens: the most that the result has.
    """
    return clipped(shuffled(report, seed=seed, epoch=epoch), tokenize, max_tokens)


def shuffled(report: str, *, seed: int, epoch: int = 0) -> str:
    """Return a report's sentences in an order drawn by the seed, the epoch and the report."""
    found = sentences(report)
    random.Random(sha256_bytes(canonical_json([seed, epoch, report]))).shuffle(found)  # noqa: S311
    return " ".join(found)


def clipped(text: str, tokenize: Tokenize, max_tokens: int = MAX_TOKENS) -> str:
    """Return as many of a text's first words as have at most ``max_tokens`` tokens; "" where not one fits.

    No word is cut in the middle, so a tokenizer that truncates afterwards has nothing left to do.
    """
    if len(tokenize(text)) <= max_tokens:
        return text
    words = text.split()
    fits, too_many = 0, len(words)
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        if len(tokenize(" ".join(words[:middle]))) <= max_tokens:
            fits = middle
        else:
            too_many = middle
    return " ".join(words[:fits])


def sentences(report: str) -> list[str]:
    """Return a report's sentences, each with a full stop, without the numbers of a list.

    ``"1. No pneumothorax. 2. Small effusion, per Dr. ___"`` is two. Decimals, and initials and short forms before a
    name, end no sentence.
    """
    found: list[str] = []
    for item in _items(" ".join(report.split())):
        pieces: list[str] = []
        for piece in _END.split(item):
            if pieces and _SHORT.search(pieces[-1]):
                pieces[-1] += f" {piece}"
            elif piece:
                pieces.append(piece)
        found.extend(piece if piece[-1] in ".!?" else f"{piece}." for piece in pieces)
    return found


def _items(text: str) -> list[str]:
    """Return the items of a text that is a numbered list (``1.`` or ``1)`` and so on), else the text alone."""
    first = re.match(r"1[.)]\s+", text)
    items: list[str] = []
    rest, number = text[first.end() :] if first else text, 2
    while first and (mark := re.search(rf"\s{number}[.)]\s+", rest)):
        items.append(rest[: mark.start()])
        rest, number = rest[mark.end() :], number + 1
    return [item for item in (*items, rest) if item]
