"""A landed change, or an agent's own words -> the decisions in them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from watchkeeper.code.changed_file import ChangedFile
from watchkeeper.model.agents import SessionId
from watchkeeper.model.events import DecisionRecorded
from watchkeeper.model.footprint import Footprint
from watchkeeper.model.ids import ChangeId
from watchkeeper.model.review import Decision, DecisionKind
from watchkeeper.repos.messages import one_line
from watchkeeper.review.decisions.defaults import find_changed_defaults
from watchkeeper.review.decisions.found import Found, decision_id, names_it
from watchkeeper.review.decisions.moved import Moves
from watchkeeper.review.decisions.of_diff import Seen, find_in_access, find_in_surface, find_offered
from watchkeeper.review.decisions.stated import find_in_message, find_in_records
from watchkeeper.review.looking import Looked
from watchkeeper.risk.facts import RiskFacts

MOST_DECISIONS = 40
"""So many of one change are told; what has more is a project that was taken in whole."""
_MOST_TEXT = 400


def find_decisions(project: str, looked: Looked) -> tuple[Decision, ...]:
    """All decisions of a landed change, those of the diff first. The same change gives the same ids."""
    files, facts = looked.assessed.files, looked.assessed.facts
    footprint = looked.assessed.gathered.party.footprint
    entry, asked = looked.landed.entry, looked.asked
    found = [
        *find_in_change(files, footprint, facts),
        *(each for commit in looked.commits for each in find_in_message(commit.message)),
    ]
    mark = entry.head if looked.landed.past_queue else entry.id
    told: dict[str, Decision] = {}
    for each in found:
        identity = decision_id(project, each, mark)
        told.setdefault(
            identity,
            Decision(
                identity,
                each.kind,
                one_line(each.title, _MOST_TEXT),
                one_line(each.choice, _MOST_TEXT),
                each.origin,
                each.subject,
                each.why,
                looked.commit,
                entry.change,
                asked.issue,
                asked.engagement,
                asked.agent,
                each.path,
                each.line,
                is_asked_for(each, asked.text),
            ),
        )
    return tuple(told.values())[:MOST_DECISIONS]


def find_in_change(files: Sequence[ChangedFile], footprint: Footprint, facts: RiskFacts) -> Iterator[Found]:
    """What the change itself holds, without what its author wrote about it."""
    seen = Seen(files, footprint, facts, Moves(files))
    yield from find_in_access(seen)
    yield from find_in_surface(seen)
    yield from find_offered(seen)
    yield from find_changed_defaults(files, footprint)
    yield from find_in_records(files)


def find_recorded(project: str, event: DecisionRecorded, agents: Mapping[SessionId, str], change: str = "") -> Decision:
    """A decision that an agent told of by itself."""
    title, choice = one_line(event.title, _MOST_TEXT), one_line(event.choice, _MOST_TEXT)
    found = Found(DecisionKind.STATED, title, choice, f"stated:{title.lower()}", "agent")
    return Decision(
        decision_id(project, found, event.session),
        found.kind,
        title,
        choice,
        found.origin,
        found.subject,
        one_line(event.why, _MOST_TEXT),
        change=ChangeId(change),
        agent=agents.get(event.session, ""),
    )


def is_asked_for(found: Found, text: str) -> bool:
    """Whether the issue's text names what was chosen: of several names told together, each of them."""
    return bool(found.names) and all(names_it(name, text) for name in found.names)
