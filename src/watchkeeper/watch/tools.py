"""What a session may ask and say by itself: its inbox, who touches something, what it is about to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from watchkeeper.conflicts.lifecycle import State
from watchkeeper.conflicts.notice import quote
from watchkeeper.model.agents import Channel, Session
from watchkeeper.model.events import DecisionRecorded, Event, IntentDeclared, NoticeDelivered
from watchkeeper.model.ids import ChangeId
from watchkeeper.watch.notices import standing_for, waiting_for
from watchkeeper.watch.questions import Altered, Touch, means

_MOST_SUBJECTS, _MOST_TEXT = 30, 2_000
_MOST_LINE = 160

Working = Mapping[ChangeId, Sequence[Session]]


class Answer(NamedTuple):
    """What a tool says, and what is to be recorded once that is on its way."""

    text: str
    events: tuple[Event, ...] = ()


class ToolError(ValueError):
    """What was asked cannot be understood; the message is for the model."""


class Ask(msgspec.Struct, frozen=True):
    """One call of a tool. ``cwd`` is where the caller works; arguments are the model's, and not trusted."""

    tool: str
    arguments: Mapping[str, object] = {}
    cwd: str = ""


def inbox(state: State, sessions: Sequence[Session]) -> Answer:
    """Everything that these sessions have to know: what they were not told yet, then what still stands."""
    fresh = [notice for session in sessions for notice in waiting_for(state, session.id)]
    standing = [notice for session in sessions for notice in standing_for(state, session.id)]
    if not fresh and not standing:
        return Answer("Nothing: no conflict of your change is known.")
    text = "\n\n".join(notice.text for notice in (*fresh, *standing))
    return Answer(text, tuple(NoticeDelivered(notice.id, Channel.INBOX) for notice in fresh))


def told_touches(about: str, touches: Sequence[Touch], mine: frozenset[ChangeId]) -> Answer:
    """Who else touches something."""
    others = [touch for touch in touches if touch.change not in mine]
    if not others:
        return Answer(f"Nobody else touches {quote(about, _MOST_LINE)} now.")
    lines = [
        f"- {_who(each.change, each.sessions)} {each.how} {quote(each.what, 80)} in {_at(each)}" for each in others
    ]
    return Answer("\n".join(lines))


def told_changes(symbol: str, changes: Sequence[Altered], mine: frozenset[ChangeId]) -> Answer:
    """What others do to a symbol, with its contract before and after."""
    others = [each for each in changes if each.change not in mine]
    if not others:
        return Answer(f"Nobody else has changed {quote(symbol, _MOST_LINE)}.")
    return Answer("\n".join(_change_lines(each) for each in others))


def intend(state: State, session: Session, subjects: Sequence[str], note: str) -> Answer:
    """Record what a session is going to touch, and say who else said the same."""
    events = (IntentDeclared(session.id, tuple(subjects), note),)
    others = [
        f"- {each.session.id} also intends to touch {quote(other, 80)}"
        for each in state.sessions.values()
        if each.ended_at is None and each.intent is not None and each.session.id != session.id
        for other in each.intent.subjects
        if any(subject == other or means(subject, other, "") or means(other, subject, "") for subject in subjects)
    ]
    return Answer("\n".join(["Noted.", *others]), events)


def record_decision(session: Session, title: str, choice: str, why: str) -> Answer:
    """Record a choice that the issue did not settle."""
    return Answer("Recorded.", (DecisionRecorded(session.id, title, choice, why),))


def text_of(arguments: Mapping[str, object], name: str, *, needed: bool = True) -> str:
    """A text among the arguments. Raises ToolError where it is missing, of another type, or far too long."""
    value = arguments.get(name, "")
    if not isinstance(value, str) or (needed and not value.strip()):
        raise ToolError(f"{name} must be a text")
    if len(value) > _MOST_TEXT:
        raise ToolError(f"{name} is longer than {_MOST_TEXT} characters")
    return value.strip()


def texts_of(arguments: Mapping[str, object], name: str) -> tuple[str, ...]:
    """Some texts among the arguments. Raises ToolError."""
    value = arguments.get(name)
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not values or len(values) > _MOST_SUBJECTS:
        raise ToolError(f"{name} must be a list of 1 to {_MOST_SUBJECTS} texts")
    return tuple(text_of({name: each}, name) for each in values)


def _change_lines(each: Altered) -> str:
    who = _who(each.change, each.sessions) + (" (landed)" if each.is_landed else "")
    lines = [f"- {who}: {each.edit} {quote(each.name, 80)} in {quote(f'{each.path}:{each.line}', 80)}"]
    if each.old != each.new:
        lines.append(f"  contract: {quote(each.old or 'none', _MOST_LINE)} -> {quote(each.new or 'none', _MOST_LINE)}")
    if each.detail:
        lines.append(f"  {quote(each.detail, _MOST_LINE)}")
    if each.text:
        lines.append(f"  {quote(each.text, _MOST_LINE)}")
    return "\n".join(lines)


def _who(change: ChangeId, sessions: Sequence[str]) -> str:
    return f"{', '.join(sessions)} (change {quote(change, 60)})" if sessions else f"change {quote(change, 60)}"


def _at(touch: Touch) -> str:
    return quote(f"{touch.path}:{touch.line}" if touch.line else touch.path, 80)
