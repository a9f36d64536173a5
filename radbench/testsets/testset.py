"""A finished test set: its records, its verified pixels, and where it comes from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from radbench.data.cohort import GrayImage, Mask
from radbench.data.images import decode_png
from radbench.errors import UsageError
from radbench.testsets.records import EDITED_WHERE, IMAGE, KEPT_WHERE, RECONSTRUCTED, Record
from radbench.testsets.store import DamagedError, check_file
from radbench.testsets.task import TaskArm


@dataclass(frozen=True)
class TestSet:
    """The folder ``path``, which anyone can read without radbench, and its rows.

    Attributes:
        key: SHA-256 of everything that decides the folder.
        records: one a task of every arm, in the plan's order.
        attrition: the funnel from the cohort to the stress edits that are ``ok``, ``rejected`` and ``failed``.
        provenance: the content of ``datasheet.json``.
        repaired: files of the cache that were found damaged by this build, and rebuilt.
        attrition_by_scenario: the funnel of each scenario alone.
    """

    __test__ = False  # for pytest: no test class

    key: str
    path: Path
    records: list[Record]
    attrition: Mapping[str, int]
    provenance: Mapping[str, Any]
    repaired: list[str] = field(default_factory=list)
    attrition_by_scenario: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def of(self, arm: TaskArm) -> list[Record]:
        """The records of one arm, usable or not."""
        return [record for record in self.records if record.arm == arm]

    @property
    def usable(self) -> list[Record]:
        """The records to measure on: stress edits of status ``ok``."""
        return [record for record in self.of("stress") if record.status == "ok"]

    def image(self, record: Record) -> GrayImage:
        """The edited image, ``uint8 [H, W]``."""
        return self._read(record, IMAGE)

    def reconstruction(self, record: Record) -> GrayImage:
        """The source after encode and decode without an edit, ``uint8 [H, W]``."""
        return self._read(record, RECONSTRUCTED)

    def edit_mask(self, record: Record) -> Mask:
        """Where the prompt acted, ``bool [H, W]``."""
        return self._read(record, EDITED_WHERE) >= 128

    def keep_mask(self, record: Record) -> Mask:
        """Where nothing may change, ``bool [H, W]``; nowhere if the scenario has no keep mask."""
        if KEPT_WHERE not in record.files:
            return self.edit_mask(record) & False
        return self._read(record, KEPT_WHERE) >= 128

    def _read(self, record: Record, role: str) -> GrayImage:
        if role not in record.files:
            raise UsageError(
                f"Study {record.study_id!r} of scenario {record.scenario!r} has no {role.replace('_', ' ')}: "
                f"it is {record.status} ({record.reason})."
            )
        stored = record.files[role]
        try:
            return decode_png(check_file(self.path / stored.path, stored.sha256))
        except DamagedError as error:
            raise UsageError(f"{error}, after it was verified; run again to rebuild it.") from None
