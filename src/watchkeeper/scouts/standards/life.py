"""Which moves a standard may make, and what is missing where it may not. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from watchkeeper.model.errors import UsageError, WatchkeeperError
from watchkeeper.model.ids import ProjectId
from watchkeeper.model.scouting import FindingId, StandardMoved, StandardState
from watchkeeper.model.scouting_state import StandardStanding

_S = StandardState

MOVES: dict[StandardState, frozenset[StandardState]] = {
    _S.CANDIDATE: frozenset({_S.PROPOSED, _S.RETIRED}),
    _S.PROPOSED: frozenset({_S.ADOPTED, _S.CANDIDATE, _S.RETIRED}),
    _S.ADOPTED: frozenset({_S.ENFORCED, _S.PROPOSED, _S.RETIRED}),
    _S.ENFORCED: frozenset({_S.ADOPTED, _S.RETIRED}),
    _S.RETIRED: frozenset({_S.CANDIDATE}),
}
"""From each state the next one, the one before it, and retirement. A retired one starts again as a candidate."""

_ORDER = (_S.CANDIDATE, _S.PROPOSED, _S.ADOPTED, _S.ENFORCED)
_MOST_NAMED = 5


class Asked(msgspec.Struct, frozen=True):
    """Who asks for a move, and what is known at that moment.

    ``person`` is "" where a program asks. ``projects`` are all that are watched now, ``found`` those of the standard's
    known cases that its check finds where it is run today.
    """

    person: str = ""
    why: str = ""
    projects: frozenset[ProjectId] = frozenset()
    found: frozenset[FindingId] = frozenset()


def move(standing: StandardStanding, to: StandardState, asked: Asked) -> StandardMoved:
    """The event of a move that is allowed.

    Forward, everything that was needed before is needed still: who enforces has a text, a check that finds every known
    case, a census of every project, and an owner. Back and out, a person gives a reason.
    Raises WatchkeeperError that says what is missing.
    """
    for error in find_missing(standing, to, asked):
        raise error
    return StandardMoved(standing.standard.id, to, asked.why, asked.person)


def find_missing(standing: StandardStanding, to: StandardState, asked: Asked) -> Iterator[WatchkeeperError]:
    """All that stands against a move, in the order in which it is best mended. Nothing: it is allowed."""
    name, state = standing.standard.id, standing.state
    if to not in MOVES[state]:
        ways = ", ".join(sorted(MOVES[state]))
        yield UsageError(
            f"standard {name} is {state.value} and cannot become {to.value}", slug="standard-no-such-move",
            hint=f"from {state.value} it can become {ways}", facts={"standard": name, "state": state.value},
        )  # fmt: skip
        return
    if to is _S.RETIRED or state is _S.RETIRED or _ORDER.index(to) < _ORDER.index(state):
        yield from _missing_person(standing, to, asked)
        if not asked.why.strip():
            yield UsageError(
                f"standard {name} does not become {to.value} without a reason", slug="standard-no-reason",
                hint="say why, in a sentence that somebody understands in a year", facts={"standard": name},
            )  # fmt: skip
        return
    yield from _missing_proposal(standing, asked)
    if to in (_S.ADOPTED, _S.ENFORCED):
        yield from _missing_person(standing, to, asked)
        if not standing.standard.owner:
            yield UsageError(
                f"standard {name} has no owner", slug="standard-no-owner",
                hint="name the person who answers for it", facts={"standard": name},
            )  # fmt: skip


def _missing_person(standing: StandardStanding, to: StandardState, asked: Asked) -> Iterator[WatchkeeperError]:
    name = standing.standard.id
    if not asked.person:
        yield UsageError(
            f"standard {name} becomes {to.value} by a person's word alone", slug="standard-no-person",
            hint="a person has to do this", facts={"standard": name},
        )  # fmt: skip


def _missing_proposal(standing: StandardStanding, asked: Asked) -> Iterator[WatchkeeperError]:
    standard = standing.standard
    facts = {"standard": standard.id}
    if not (standard.title.strip() and standard.text.strip()):
        yield UsageError(
            f"standard {standard.id} has no title or no text", slug="standard-no-text",
            hint="write the rule, why it is one, and how to do it right", facts=facts,
        )  # fmt: skip
    if standard.check is None:
        yield UsageError(
            f"standard {standard.id} has no check that can be run", slug="standard-no-check",
            hint="give a rule of a check (tree:missing-timeout) or a pattern of ast-grep", facts=facts,
        )  # fmt: skip
        return
    missed = [each for each in standard.known if each not in asked.found]
    if missed or not standard.known:
        said = f"misses {len(missed)} of {len(standard.known)}: {_named(missed)}" if missed else "has none to find"
        yield UsageError(
            f"the check of standard {standard.id} has to find its known cases, and {said}", slug="standard-recall",
            hint="widen the check, or take out of the known cases what the standard does not mean", facts=facts,
        )  # fmt: skip
    uncounted = [each for each in sorted(asked.projects) if not _has_census(standing, each)]
    if uncounted or not asked.projects:
        said = f"of {_named(uncounted)}" if uncounted else "of any project"
        yield UsageError(
            f"standard {standard.id} has no census {said}", slug="standard-no-census",
            hint="run its check over every project; where it could not look, its census says why", facts=facts,
        )  # fmt: skip


def _has_census(standing: StandardStanding, project: ProjectId) -> bool:
    """The newest one counts, and only if it looked."""
    taken = standing.censuses.get(project, ())
    return bool(taken) and not taken[-1][1].reason


def _named(names: list[FindingId] | list[ProjectId]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more
