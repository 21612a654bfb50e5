"""Where one project's fix is another's fault: both sides, for a person to say who is right. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

import msgspec

from watchkeeper.model.ids import ProjectId, Sha
from watchkeeper.model.printing import printable
from watchkeeper.model.scouting import ContradictionFound, KindId
from watchkeeper.model.scouting_state import FindingStanding, ScoutState
from watchkeeper.scouts.checks.port import Raw
from watchkeeper.scouts.convergence.direction import direction_of
from watchkeeper.scouts.convergence.words import stems

Rules = Callable[[str, str], Iterable[Raw]]
"""Runs all rules of the programs that look over one file: path and text give what they say of it."""

Near = Callable[[str], Collection[KindId]]
"""The kinds that a sentence may be of: the three that the catalogue proposes."""

LEAST_WORDS = 2
LEAST_SHARE = 0.75
_MOST_CLAIM = 200


class AddedTo(msgspec.Struct, frozen=True):
    """One file after a change: all of its text, and the numbers (1-based) of the lines that the change added."""

    path: str
    text: str
    lines: frozenset[int]

    @property
    def added(self) -> str:
        return "\n".join(line for number, line in enumerate(self.text.splitlines(), 1) if number in self.lines)


class LandedFix(msgspec.Struct, frozen=True):
    """A change that landed because of an issue. ``says`` are the issue's title and the first line of its commit."""

    project: ProjectId
    commit: Sha
    says: tuple[str, ...]
    files: tuple[AddedTo, ...] = ()


def find_contradictions(
    fixes: Iterable[LandedFix], states: Mapping[ProjectId, ScoutState], rules: Rules, near: Near
) -> tuple[ContradictionFound, ...]:
    """What landed as a fix, and is what a finding that holds in another project is about.

    Either a rule sees in the added lines what the same rule found there; or the fix says that it adds what the finding
    says is to go, by words that both share and a kind that both may be of. At most one of a fix, project and kind, the
    surest; ordered by their keys. What is refuted, settled or gone contradicts nobody.
    """
    found: dict[str, ContradictionFound] = {}
    for fix in fixes:
        others = [(project, state) for project, state in sorted(states.items()) if project != fix.project]
        seen = tuple(_see(fix, rules))
        for project, state in others:
            for standing in state.holding():
                if standing.refuted is None and (why := _why(fix, seen, standing, near)):
                    made = _contradiction(fix, project, standing, why)
                    found.setdefault(made.key, made)
    return tuple(each for _, each in sorted(found.items()))


def contradiction_key(project: ProjectId, commit: Sha, against: ProjectId, kind: str) -> str:
    """The name of a pair: the same however often it is looked for."""
    told = json.dumps([project, commit, against, kind])
    return f"x-{hashlib.sha256(told.encode()).hexdigest()[:12]}"


def _see(fix: LandedFix, rules: Rules) -> Iterator[Raw]:
    for file in fix.files:
        if file.lines:
            yield from (each for each in rules(file.path, file.text) if each.line in file.lines)


def _why(fix: LandedFix, seen: tuple[Raw, ...], standing: FindingStanding, near: Near) -> str:
    """Why they contradict each other, in words; "" where they do not, or where it is not sure."""
    finding = standing.finding
    if finding.check != "agent":
        for raw in seen:
            if raw.rule == finding.rule:
                return f"{raw.path}:{raw.line} is what the rule {raw.rule} finds"
    claimed = direction_of(finding.claim)
    unwanted = claimed.removes
    if len(unwanted) < LEAST_WORDS:
        return ""
    kind = standing.kind_id
    for line in fix.says:
        told = direction_of(line)
        shared = unwanted & told.adds
        in_code = {stem for file in fix.files for stem in stems(file.added)} if len(shared) >= LEAST_WORDS else set()
        covered = (unwanted & (told.adds | in_code)) - told.removes
        is_same = claimed.fault <= covered and len(covered) >= LEAST_SHARE * len(unwanted)
        if len(shared) >= LEAST_WORDS and is_same:
            if unwanted & told.removes or not kind or KindId(kind) not in near(line):
                continue
            return f'it says "{printable(line)[:_MOST_CLAIM]}"'
    return ""


def _contradiction(fix: LandedFix, against: ProjectId, standing: FindingStanding, why: str) -> ContradictionFound:
    finding = standing.finding
    kind = KindId(standing.kind_id)
    claim = printable(finding.claim)[:_MOST_CLAIM]
    text = (
        f"{fix.project} landed {fix.commit[:12]} as a fix, and {why}; "
        f'{against} holds that for a fault ({finding.id}: "{claim}")'
    )
    key = contradiction_key(fix.project, fix.commit, against, kind or finding.id)
    return ContradictionFound(key, kind, fix.project, fix.commit, against, finding.id, text)
