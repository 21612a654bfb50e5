"""Findings are tried before anybody is given work by them: by code, and what code cannot decide by an agent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from watchkeeper.model.events import Event
from watchkeeper.model.ids import Sha
from watchkeeper.model.scouting import FindingTried, KindId, ScoutFinding
from watchkeeper.model.scouting_state import FindingStanding, ScoutState
from watchkeeper.scoutdeck.place import Subject
from watchkeeper.scouts.config import ScoutConfig
from watchkeeper.scouts.filing import impact_of
from watchkeeper.scouts.precision import Precision, rule_of
from watchkeeper.scouts.refuting import BY, Place, try_finding

RulesOf = Callable[[str, bytes], frozenset[tuple[str, int]] | None]
"""What our own rules find in a file: (rule, line); None where none reads it."""

AskRefuter = Callable[[ScoutFinding, str], FindingTried]
"""An agent that sees the claim and the file alone; ``holds`` None where it could not say."""

MOST_ASKED = 5
"""Findings of one run that an agent is asked about: those that would be filed first."""

_UNKNOWN = Precision(0, 0)


def _nobody(_config: ScoutConfig, _commit: Sha) -> AskRefuter | None:
    return None


class Trying(NamedTuple):
    """By what findings are tried. ``decisive`` has, for a kind, the rules of ours that settle it."""

    rules_of: RulesOf
    decisive: Mapping[str, Iterable[str]]
    find_refuter: Callable[[ScoutConfig, Sha], AskRefuter | None] = _nobody


def try_by_code(subject: Subject, state: ScoutState, commit: Sha, trying: Trying) -> list[Event]:
    """A second look at each finding that holds, and that code has not tried yet."""
    waiting = [each for each in state.holding() if all(tried.by != BY for tried in each.tried)]
    files = frozenset(subject.paths(commit)) if waiting else frozenset()
    sources = dict(_sources(subject, commit, waiting))
    events: list[Event] = []
    for each in waiting:
        source = sources.get(each.finding.path)
        rules = trying.rules_of(each.finding.path, source) if source is not None else None
        finding = msgspec.structs.replace(each.finding, kind=KindId(each.kind_id))
        events.append(try_finding(finding, Place(source, files, rules), trying.decisive))
    return events


def try_by_agent(
    subject: Subject, state: ScoutState, seen: tuple[Sha, ScoutConfig], trying: Trying, rates: Mapping[str, Precision]
) -> Iterator[FindingTried]:
    """What code could not decide, the gravest first, asked of an agent one by one; none where none is configured."""
    commit, config = seen
    refute = trying.find_refuter(config, commit)
    if refute is None:
        return
    undecided = [each for each in state.holding() if _is_undecided(each, rates)]
    undecided.sort(key=lambda each: (-impact_of(each.finding, _precision(each, rates)), each.finding.id))
    for each in undecided[:MOST_ASKED]:
        yield refute(each.finding, subject.text(commit, each.finding.path))


def _is_undecided(standing: FindingStanding, rates: Mapping[str, Precision]) -> bool:
    if standing.issue is not None or standing.judged is not None or standing.refuted is not None:
        return False
    is_asked = any(tried.by != BY for tried in standing.tried)
    is_known = _precision(standing, rates)
    return not (is_asked or is_known.is_trusted or is_known.is_muted or any(tried.holds for tried in standing.tried))


def _precision(standing: FindingStanding, rates: Mapping[str, Precision]) -> Precision:
    return rates.get(rule_of(standing), _UNKNOWN)


def _sources(subject: Subject, commit: Sha, standings: Sequence[FindingStanding]) -> Iterator[tuple[str, bytes]]:
    objects = subject.hub.objects
    for path in dict.fromkeys(each.finding.path for each in standings):
        entry = objects.find_entry(commit, path)
        content = objects.read(entry.sha) if entry is not None and entry.is_text_file else None
        if content is not None:
            yield path, content
