"""Taking what identifies a patient out of a result: studies and patients get running numbers.

The numbers follow the sorted order of the identifiers, without any digest of them, so that nobody who knows a name
can find its case. Two results of one test set therefore pair by their numbers, and numbering twice changes nothing.
"""

import re
from collections.abc import Iterable
from typing import Any, TypeVar

from pydantic import BaseModel

from radbench.harness.result import AuditResult, CaseRow

_Of = TypeVar("_Of", bound=BaseModel)
_TOKEN = re.compile(r"[\w./\\+@-]*\w")
_JOINED = re.compile(r"[\w./\\+@-]+:[\w./\\+@:-]*\w")
"""An id with its cohort's name before it."""
_NAMED = re.compile(
    r"\b(study|patient)([\s'(]{1,2})(?!case-\d|patient-\d)((?=[\w./\\+@:-]*\d)[\w./\\+@:-]*\w)", re.IGNORECASE
)
_BEFORE = re.compile(r"\b(?:study|studies|patient|patients|subject|image|case)\W{0,3}$", re.IGNORECASE)


class Numbers:
    """Names to ``case-0001``; a name that was not announced gets the next number when it is met.

    Args:
        kind: The word before the number.
        names: Every name that is known beforehand, in any order.
    """

    def __init__(self, kind: str, names: Iterable[str]) -> None:
        known = sorted(set(names))
        self._kind, self._width = kind, max(3, len(str(len(known))))
        self._names: dict[str, str] = {}
        for name in known:
            self(name)

    def __call__(self, name: str) -> str:
        """Return the number of a name."""
        if name not in self._names:
            self._names[name] = f"{self._kind}-{len(self._names) + 1:0{self._width}d}"
        return self._names[name]

    def __contains__(self, name: str) -> bool:
        """Whether the name has a number."""
        return name in self._names


class Identities:
    """What stands for each study and each patient of a result, and for those ids in running text."""

    def __init__(self, result: AuditResult, further: Iterable[str] = ()) -> None:
        cases = [*result.cases, *result.originals]
        self.study = Numbers("case", [*(case.study_id for case in cases), *further])
        self.patient = Numbers("patient", (case.patient_id for case in cases))

    def words(self, text: str) -> str:
        """Return a sentence with every study's and patient's id replaced by its number.

        An id is found where it stands as a word of its own with a digit in it and at least four letters, or after a
        word such as "study" or "patient".
        """

        def replaced(found: re.Match[str]) -> str:
            word = found.group()
            before = found.string[: found.start()]
            numbers = self.study if word in self.study else self.patient if word in self.patient else None
            if numbers is None:
                return word
            telling = len(word) >= 4 and any(letter.isdigit() for letter in word) and not word.isdigit()
            named = _BEFORE.search(before) is not None
            return numbers(word) if telling or named else word

        return _TOKEN.sub(replaced, _JOINED.sub(replaced, text))

    def hide(self, result: AuditResult) -> AuditResult:
        """Return the result with numbers for its studies and patients, in its sentences too."""
        return result.model_copy(
            update={
                "cases": [self._numbered(case) for case in result.cases],
                "originals": [self._numbered(case) for case in result.originals],
                "models": [self._hidden(model, "reason", "error", "preflight") for model in result.models],
                "attrition": [self._hidden(row, "rejected") for row in result.attrition],
                "testset": self._hidden(result.testset, "attrition"),
                "cohort": result.cohort.model_copy(
                    update={"warnings": [self._anyone(words) for words in result.cohort.warnings]}
                ),
                "gates": [self._hidden(gate, "reason", "left_out") for gate in result.gates],
            }
        )

    def _numbered(self, case: CaseRow) -> CaseRow:
        return case.model_copy(
            update={"study_id": self.study(case.study_id), "patient_id": self.patient(case.patient_id)}
        )

    def _hidden(self, of: _Of, *fields: str) -> _Of:
        return of.model_copy(update={name: self._walk(getattr(of, name)) for name in fields})

    def _anyone(self, text: str) -> str:
        """Return a sentence about films, without the names of studies and patients that stand in no arm either."""

        def numbered(found: re.Match[str]) -> str:
            kind, gap, name = found.groups()
            numbers = self.patient if kind.lower().startswith("patient") else self.study
            return f"{kind}{gap}{numbers(name)}"

        return _NAMED.sub(numbered, self.words(text))

    def _walk(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.words(value)
        if isinstance(value, BaseModel):
            return type(value).model_validate(self._walk(value.model_dump()))
        if isinstance(value, dict):
            return {self._walk(key): self._walk(part) for key, part in value.items()}
        return [self._walk(part) for part in value] if isinstance(value, list) else value


def deidentified(result: AuditResult) -> AuditResult:
    """Return a result in which no study or patient is named: ``case-0001`` and ``patient-0001`` stand for them.

    Studies of one patient keep a common number. Doing it twice changes nothing.
    """
    return Identities(result).hide(result)
