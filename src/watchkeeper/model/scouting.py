"""What scouts find in a project, what became of it, and what many projects find alike. Values and events."""

from __future__ import annotations

from enum import StrEnum
from typing import NewType

import msgspec

from watchkeeper.model.fleet import EngagementId, IssueId
from watchkeeper.model.ids import Millis, ProjectId, Sha

FindingId = NewType("FindingId", str)
"""A finding, short enough to type: ``f-`` and twelve hexadecimal digits of its key. The same after lines have moved."""

RunId = NewType("RunId", str)
"""One look of a scout at one project, along all its dimensions: ``s-`` and eight hexadecimal digits."""

KindId = NewType("KindId", str)
"""A kind of finding, which many projects can have: ``missing-timeout``; ``cluster-`` and digits where it has none."""

StandardId = NewType("StandardId", str)
"""A standard: ``std-`` and the kind that it came from, or a name that a person gave it."""

SCANS_PROJECT = "scout-scans-project"
"""The atom of an engagement whose deliverable is findings."""

REFUTES_FINDING = "refuter-tries-finding"
"""The atom of an engagement that is told a claim and its code alone, and tries to show that it is false."""


class LookState(StrEnum):
    """How a dimension of a look ended."""

    FOUND = "found"
    CLEAN = "clean"  # what was checked is said
    NOT_APPLICABLE = "not-applicable"  # there is nothing in this project for it to look at
    COULD_NOT_LOOK = "could-not-look"  # in part or in whole: never to be taken for clean


class Checked(msgspec.Struct, frozen=True):
    """One check that looked, proved to have: ``what`` it looked at, in words (``41 files, 12 rules``).

    ``reason`` is why it could not, ``""`` where it did. ``proof`` says how it is known that it really looked: the
    planted fault that it found, the output that was read to its end.
    """

    check: str
    version: str = ""
    what: str = ""
    proof: str = ""
    reason: str = ""


class ScoutFinding(msgspec.Struct, frozen=True):
    """One thing that a scout says is wrong, as it was first seen.

    ``check`` and ``rule`` say who says it (``tree``, ``missing-timeout``; ``agent``, the dimension). ``quote`` is the
    code, at most 400 characters; ``claim`` one sentence; ``evidence`` how it was found (command and what it said);
    ``disprove`` how to show that it is false. ``symbol`` is the definition around it. ``severity`` is 1 (small) to 4
    (grave), ``confidence`` 0 to 1. ``shape`` is a digest of the code without names, by which copies are known.
    """

    id: FindingId
    dimension: str
    check: str
    rule: str
    path: str
    claim: str
    line: int = 0  # 1-based, where it was first seen; not part of its identity
    quote: str = ""
    symbol: str = ""
    evidence: str = ""
    disprove: str = ""
    severity: int = 2
    confidence: float = 0.5
    commit: Sha = Sha("")
    kind: KindId = KindId("")  # where its rule is of one kind for ever; else see KindAssigned
    shape: str = ""
    anchor: str = ""  # what stands for the code in its id, where the code itself does not


class Verdict(StrEnum):
    """What a finding turned out to be, by whoever looked into it."""

    TRUE = "true"
    FALSE = "false"  # a report that nobody wanted: it counts against its rule, and is never filed again
    WONT_FIX = "wont-fix"  # true, and left: it does not count against its rule, and is never filed again
    DUPLICATE = "duplicate"


class ScoutLooked(msgspec.Struct, frozen=True, tag="scout-looked"):
    """A dimension of a run ended. ``told`` are the kinds that whoever looked had been told to look for.

    ``found`` counts all findings that hold now, new and known. ``engagement`` is the agent's, where one looked.
    """

    run: RunId
    dimension: str
    state: LookState
    commit: Sha
    reason: str = ""
    checked: tuple[Checked, ...] = ()
    found: int = 0
    new: int = 0
    told: tuple[KindId, ...] = ()
    engagement: EngagementId | None = None


class FindingFound(msgspec.Struct, frozen=True, tag="finding-found"):
    """Something was found that was not known. Nothing is filed yet, and nobody has tried to refute it."""

    run: RunId
    finding: ScoutFinding


class FindingTried(msgspec.Struct, frozen=True, tag="finding-tried"):
    """A refuter tried it. ``holds`` None: it could not be decided. ``by`` is a rule's name or an engagement's id."""

    id: FindingId
    holds: bool | None
    reason: str
    by: str


class FindingFiled(msgspec.Struct, frozen=True, tag="finding-filed"):
    """It is part of this issue."""

    id: FindingId
    issue: IssueId


class FindingJudged(msgspec.Struct, frozen=True, tag="finding-judged"):
    """Somebody looked into it. The newest counts."""

    id: FindingId
    verdict: Verdict
    reason: str = ""
    by: str = ""


class FindingGone(msgspec.Struct, frozen=True, tag="finding-gone"):
    """The check that found it looked at this commit, in whole, and it is not there any more."""

    id: FindingId
    commit: Sha


class FindingBack(msgspec.Struct, frozen=True, tag="finding-back"):
    """It was gone, and is there again."""

    id: FindingId
    commit: Sha


class KindAssigned(msgspec.Struct, frozen=True, tag="kind-assigned"):
    """What kind a finding is of. ``how``: ``rule``, ``catalogue``, ``cluster``, ``agent`` or ``person``.

    ``near`` are the kinds that came next. A person's word is not changed by a later event of another.
    """

    id: FindingId
    kind: KindId
    how: str
    score: float = 0.0
    near: tuple[KindId, ...] = ()
    by: str = ""


class StandardState(StrEnum):
    """Where a standard is in its life."""

    CANDIDATE = "candidate"  # projects agree, independently
    PROPOSED = "proposed"  # it has a text, a check that can be run, and a census
    ADOPTED = "adopted"  # a person wants it
    ENFORCED = "enforced"  # no new violation lands
    RETIRED = "retired"


class StandardCheck(msgspec.Struct, frozen=True):
    """What tells a violation, run by anybody at any time.

    ``form`` is ``rule`` (``body`` names a rule of a check: ``tree:missing-timeout``) or ``pattern`` (``body`` is a rule
    of ast-grep, as YAML). ``languages`` are those of ``pattern``: ``python``, ``typescript``, ``tsx``.
    """

    form: str
    body: str
    languages: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()  # globs; (): all files of the languages


class Standard(msgspec.Struct, frozen=True):
    """What every project is held to. ``text`` is markdown: the rule, why, and how to do it right.

    ``known`` are findings that its check has to find, ``owner`` the person who answers for it.
    """

    id: StandardId
    kind: KindId
    title: str
    text: str
    check: StandardCheck | None = None
    owner: str = ""
    fix: str = ""  # what an agent is told that mends an old violation
    known: tuple[FindingId, ...] = ()


class StandardWritten(msgspec.Struct, frozen=True, tag="standard-written"):
    """A standard is there, or says something else now: the whole of it. It stays in the state in which it is."""

    standard: Standard
    by: str = ""


class StandardMoved(msgspec.Struct, frozen=True, tag="standard-moved"):
    """It is in another state. ``why`` is evidence in words: which projects, how many findings, who wanted it."""

    id: StandardId
    state: StandardState
    why: str = ""
    by: str = ""


class Violation(msgspec.Struct, frozen=True):
    """A place that does not keep to a standard: ``key`` is the same after lines have moved."""

    key: FindingId
    path: str
    line: int
    quote: str = ""


class CensusTaken(msgspec.Struct, frozen=True, tag="census-taken"):
    """A standard's check looked at the whole of one project. ``reason``: why it could not; then nothing is counted."""

    id: StandardId
    project: ProjectId
    commit: Sha
    files: int
    violations: tuple[Violation, ...] = ()
    reason: str = ""


class ExemptionGranted(msgspec.Struct, frozen=True, tag="exemption-granted"):
    """A person lets a place, or a whole project (``path`` ``""``), be for a while: until ``until``, and no longer."""

    id: StandardId
    project: ProjectId
    path: str
    reason: str
    until: Millis
    by: str = ""


class ExemptionEnded(msgspec.Struct, frozen=True, tag="exemption-ended"):
    """A person ended it before its time."""

    id: StandardId
    project: ProjectId
    path: str
    by: str = ""


class ContradictionFound(msgspec.Struct, frozen=True, tag="contradiction-found"):
    """What one project did as a fix is what another holds for a fault: a person has to say who is right.

    ``commit`` of ``project`` brought it; ``finding`` of ``against`` calls it wrong. ``key`` names the pair.
    """

    key: str
    kind: KindId
    project: ProjectId
    commit: Sha
    against: ProjectId
    finding: FindingId
    text: str


class ContradictionJudged(msgspec.Struct, frozen=True, tag="contradiction-judged"):
    """A person said what holds, in words."""

    key: str
    answer: str
    by: str = ""


ScoutEvent = (
    ScoutLooked
    | FindingFound
    | FindingTried
    | FindingFiled
    | FindingJudged
    | FindingGone
    | FindingBack
    | KindAssigned
    | StandardWritten
    | StandardMoved
    | CensusTaken
    | ExemptionGranted
    | ExemptionEnded
    | ContradictionFound
    | ContradictionJudged
)
