"""From the emergent findings of a merge to conflicts: whom a proof upgrades, and what nobody had suspected. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import msgspec

from watchkeeper.conflicts.pair import fingerprint_of
from watchkeeper.model.changes import Change
from watchkeeper.model.conflicts import Conflict, Evidence, Kind, Severity
from watchkeeper.model.findings import Finding
from watchkeeper.model.footprint import Confidence
from watchkeeper.model.ids import ChangeId, ConflictId
from watchkeeper.model.probing import Outcome, Proof

_WORD = re.compile(r"[A-Za-z_$][\w$]*")
_QUOTED = re.compile(r"`[^`]+`|\"[^\"]+\"|(?<!\w)'[^']+'(?!\w)|“[^”]+”|‘[^’]+’")
_TESTS = "tests"
RUN_TIME = "run-time"
"""The rule of a conflict that nobody suspected until it hurt where the code runs. No run of a merge takes it back."""


def attach_proof(conflict: Conflict, proof: Proof) -> Proof:
    """What a pair's proof says of one of its conflicts.

    A static finding proves the suspicions that it is about; a failing test proves all of its pair, since tests name no
    cause. For a suspicion that the findings are not about, the run proves nothing and clears nothing.
    """
    own = msgspec.structs.replace(proof, conflicts=(conflict.id,))
    if proof.outcome is not Outcome.PROVED or conflict.kind is Kind.EMERGENT:
        return own
    about = tuple(finding for finding in proof.findings if is_about(finding, conflict))
    if about:
        return msgspec.structs.replace(own, findings=about)
    return msgspec.structs.replace(
        own, outcome=Outcome.NOT_DISPROVED, findings=(), reason="what was found in the merge is something else"
    )


def is_about(finding: Finding, conflict: Conflict) -> bool:
    """Whether a finding shows what a suspicion warned of."""
    if finding.check == _TESTS:
        return True
    subjects = {subject.rpartition(":")[2] for subject in conflict.subjects}
    names = {name for subject in subjects for name in (subject, subject.rpartition(".")[2]) if name}
    if any(key.qualname in subjects or key.qualname.rpartition(".")[2] in names for key in finding.involved):
        return True
    if any(each.path == finding.path and each.line == finding.line for each in conflict.evidence if finding.line):
        return True
    return bool(names & _names_in(finding))


def _names_in(finding: Finding) -> set[str]:
    """What a finding names. A message that quotes names means those: its other words are just words (``type``)."""
    quoted = " ".join(_QUOTED.findall(finding.message))
    subject = finding.subject if " " not in finding.subject else ""
    return set(_WORD.findall(f"{subject} {quoted or finding.message}"))


def make_emergent(proof: Proof, suspicions: Iterable[Conflict], changes: Sequence[Change]) -> tuple[Conflict, ...]:
    """One conflict for each finding of a proof that no suspicion of the pair had named; the same finding once.

    What was emergent before is no suspicion: found again, it is emergent still.
    """
    told = [conflict for conflict in suspicions if conflict.kind is not Kind.EMERGENT]
    found: dict[ConflictId, Conflict] = {}
    for finding in proof.findings:
        if not any(is_about(finding, conflict) for conflict in told):
            conflict = _emergent(finding, changes)
            found.setdefault(conflict.id, conflict)
    return tuple(found.values())


def _emergent(finding: Finding, changes: Sequence[Change]) -> Conflict:
    names = tuple(sorted(change.id for change in changes))
    labels = " and ".join(change.label for change in sorted(changes, key=lambda change: change.id))
    rule = f"emergent-{finding.check}"
    fingerprint = fingerprint_of(rule, names, finding.key)
    shown = Evidence(ChangeId(""), finding.path, finding.line, finding.text, f"in the merge, by {finding.check}")
    return Conflict(
        id=ConflictId(f"c-{fingerprint[:8]}"),
        kind=Kind.EMERGENT,
        rule=rule,
        severity=Severity.BLOCKING,
        confidence=Confidence.SURE,
        changes=names,
        subjects=(finding.subject,),
        summary=f"{labels} together: {finding.message}",
        why="neither change has it alone; the merge of both does",
        evidence=(shown,),
        next_step=f"land one of them, then mend the other until {finding.check} finds nothing in the merge",
        fingerprint=fingerprint,
    )
