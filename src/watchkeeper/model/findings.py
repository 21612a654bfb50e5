"""What a check says of a tree: values with stable identities, so that two trees' findings can be compared."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

import msgspec

from watchkeeper.model.ids import SymbolKey


class FindingKey(NamedTuple):
    """What makes a finding the same one in another tree. No line numbers: other edits move lines."""

    check: str
    rule: str
    path: str
    subject: str


class Finding(msgspec.Struct, frozen=True):
    """One thing that a check finds wrong in a tree.

    ``check`` and ``rule`` say who says it (``names``, ``undefined-name``; ``tests``, ``failed``), ``subject`` what it
    is about, in words that do not change when lines move: a name, a symbol, a test's id, a tool's message without
    numbers. ``message`` is one sentence for people. ``line`` is 1-based, 0 where there is none; it is not part of the
    identity. ``involved`` are the symbols whose text makes the finding, the caller and the called for instance.
    """

    check: str
    rule: str
    path: str
    subject: str
    message: str
    line: int = 0
    text: str = ""  # the line, stripped, at most 160 characters
    involved: tuple[SymbolKey, ...] = ()

    @property
    def key(self) -> FindingKey:
        return FindingKey(self.check, self.rule, self.path, self.subject)


class CheckState(StrEnum):
    DONE = "done"
    COULD_NOT_RUN = "could-not-run"  # never to be taken for "nothing found"


class CheckReport(msgspec.Struct, frozen=True):
    """What one check says of one tree. Findings are a multiset: the same key may come several times."""

    check: str
    findings: tuple[Finding, ...] = ()
    state: CheckState = CheckState.DONE
    reason: str = ""  # why it could not run, or what it did not look at
