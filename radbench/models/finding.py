"""One thing that a preflight declared and observed, as the rooms below the audit hand it on."""

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "note", "warning", "failure"]
"""How grave: "note" is worth knowing and nothing wrong, "failure" breaks the model's own contract."""


@dataclass(frozen=True)
class Finding:
    """One check of a model against its declaration; the fields are those of ``radbench.harness.result.Finding``.

    Attributes:
        check: name of the check, such as "output range" or "inverted film".
        level: how grave it is.
        declared: what the declaration says.
        observed: what was seen.
        meaning: what follows, and how to mend it; "" for ok.
    """

    check: str
    level: Level
    declared: str
    observed: str
    meaning: str = ""
