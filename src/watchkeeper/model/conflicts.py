"""A conflict is a value with identity, evidence and a life."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from watchkeeper.model.footprint import Confidence
from watchkeeper.model.ids import ChangeId, ConflictId


class Severity(StrEnum):
    """By consequence: ``info`` stays out of the way; ``blocking`` breaks whoever lands second."""

    INFO = "info"
    MINOR = "minor"
    MAJOR = "major"
    BLOCKING = "blocking"

    @property
    def rank(self) -> int:
        return _SEVERITIES.index(self.value)

    def lowered(self, steps: int = 1) -> Severity:
        return Severity(_SEVERITIES[max(0, self.rank - steps)])

    def raised(self, steps: int = 1) -> Severity:
        return Severity(_SEVERITIES[min(len(_SEVERITIES) - 1, self.rank + steps)])


_SEVERITIES = ("info", "minor", "major", "blocking")


class Kind(StrEnum):
    TEXT = "text"
    WRITE_WRITE = "write-write"
    STALE_READ = "stale-read"
    WRITE_SKEW = "write-skew"
    RESOURCE = "resource"
    EMERGENT = "emergent"


class Evidence(msgspec.Struct, frozen=True):
    """One line of one side that shows the conflict: ``path`` and 1-based ``line`` in that change's text.

    ``change`` is ``""`` where it is a line of the merge of all sides.
    """

    change: ChangeId
    path: str
    line: int
    text: str
    note: str = ""


class Conflict(msgspec.Struct, frozen=True):
    """Two changes that do not go together, or may not.

    ``changes`` are sorted; ``subjects`` name the symbols (``module:Class.method``) or paths, the main one first.
    ``summary`` is one sentence, ``next_step`` one action. ``fingerprint`` survives line shifts and reformatting: it is
    made of rule, changes and subjects' keys. ``weight`` grows when the conflict gets worse (a dismissed conflict
    returns then).
    """

    id: ConflictId
    kind: Kind
    rule: str
    severity: Severity
    confidence: Confidence
    changes: tuple[ChangeId, ...]
    subjects: tuple[str, ...]
    summary: str
    why: str
    evidence: tuple[Evidence, ...]
    next_step: str
    fingerprint: str
    weight: int = 0
