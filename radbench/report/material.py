"""All that a page is made of: the result, and the few images that are shown; patients are named only if asked for."""

from bisect import insort
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import zip_longest

from radbench.harness.result import AuditResult
from radbench.report.cases import Answered, Gallery, choose_cases, named
from radbench.report.choice import Chosen
from radbench.report.config import GallerySettings
from radbench.report.gallery import RejectedItem, kind_of
from radbench.report.identity import Identities


@dataclass(frozen=True)
class Material:
    """What a page shows; ``size`` and ``rejected_size`` count the images among which were chosen."""

    result: AuditResult
    chosen: list[Chosen]
    size: int
    rejected: list[RejectedItem]
    rejected_size: int


def gather(
    result: AuditResult,
    gallery: Gallery,
    rejected: Iterable[RejectedItem],
    settings: GallerySettings,
    identities: Identities | None = None,
) -> Material:
    """Choose the images, holding none but the chosen; with ``identities``, numbers stand for all names."""
    chosen, size = choose_cases(Answered(result), gallery, settings)
    refused, refused_size = choose_rejected(rejected, settings.rejected)
    if identities is None:
        return Material(result, chosen, size, refused, refused_size)
    names = sorted({one.candidate.study_id for one in chosen} | {item.study_id for item in refused})
    numbers = {name: identities.study(name) for name in names}
    refused = [
        replace(item, study_id=numbers[item.study_id], reason=identities.words(item.reason))
        for item in refused
    ]
    return Material(identities.hide(result), named(chosen, numbers), size, refused, refused_size)


def choose_rejected(items: Iterable[RejectedItem], cases: int) -> tuple[list[RejectedItem], int]:
    """Choose at most ``cases`` items so that every kind of reason is seen; returns them and how many there were.

    Reasons that differ in their numbers only are of one kind; the kinds take turns. The order given does not
    matter, and of each kind no more than ``cases`` items are held.
    """
    kinds: dict[str, list[RejectedItem]] = {}
    total = 0
    for item in items:
        total += 1
        found = kinds.setdefault(kind_of(item.reason), [])
        insort(found, item, key=_order)
        del found[cases:]
    turns = zip_longest(*(kinds[kind] for kind in sorted(kinds)))
    return [item for turn in turns for item in turn if item is not None][:cases], total


def _order(item: RejectedItem) -> tuple[str, str, str]:
    return item.scenario, item.study_id, item.reason
