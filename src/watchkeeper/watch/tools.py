"""What a session may ask and say by itself: its inbox, who touches something, what it is about to do."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from watchkeeper.conflicts.notice import quote
from watchkeeper.conflicts.standing import State
from watchkeeper.model.agents import Channel, Session
from watchkeeper.model.attention import MessageAsked, Urgency
from watchkeeper.model.events import DecisionRecorded, Event, IntentDeclared, NoticeDelivered
from watchkeeper.model.ids import ChangeId, Millis
from watchkeeper.watch.notices import standing_for, waiting_for
from watchkeeper.watch.questions import Altered, Touch, means

_MOST_SUBJECTS, _MOST_TEXT = 30, 2_000
_MOST_LINE, _MOST_LINES, _MOST_NOTICES = 160, 20, 5

Working = Mapping[ChangeId, Sequence[Session]]


class Answer(NamedTuple):
    """What a tool says, and what is to be recorded once that is on its way."""

    text: str
    events: tuple[Event, ...] = ()


class ToolError(ValueError):
    """What was asked cannot be understood; the message is for the model."""


class Ask(msgspec.Struct, frozen=True):
    """One call of a tool. Nothing of it is trusted.

    ``arguments`` are the model's, ``cwd`` is where the caller works, ``agent`` what its program calls itself.
    ``ports``: it is connected to whoever passes its call on, from the first port to the second.
    """

    tool: str
    arguments: Mapping[str, object] = {}
    cwd: str = ""
    agent: str = ""
    ports: tuple[int, int] | None = None


def inbox(state: State, sessions: Sequence[Session]) -> Answer:
    """Everything that these sessions have to know: what they were not told yet, then what still stands.

    Of several sessions of one process nobody knows which asks: each is still told in its own turn.
    """
    waiting = [notice for session in sessions for notice in waiting_for(state, session.id)]
    standing = [notice for session in sessions for notice in standing_for(state, session.id)]
    if not waiting and not standing:
        return Answer("Nothing: no conflict of your change is known.")
    fresh, again = waiting[:_MOST_NOTICES], standing[-_MOST_NOTICES:]
    parts = [
        *([f"New ({len(waiting)}):"] if fresh else ["Nothing new."]),
        *[notice.text for notice in fresh],
        *([f"{len(waiting) - len(fresh)} more: call inbox again."] if len(waiting) > len(fresh) else []),
        *([f"Told before, and not over ({len(standing)}):"] if again else []),
        *[notice.text for notice in again],
    ]
    told = fresh if len(sessions) == 1 else ()
    return Answer("\n\n".join(parts), tuple(NoticeDelivered(notice.id, Channel.INBOX) for notice in told))


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


def intend(state: State, session: Session, subjects: Sequence[str], note: str, touches: Sequence[Touch]) -> Answer:
    """Record what a session is going to touch, and say who else said the same, or does it already (``touches``)."""
    events = (IntentDeclared(session.id, tuple(subjects), note),)
    others: list[str] = [
        f"- {each.session.id} also intends to touch {quote(other, 80)}"
        for each in state.sessions.values()
        if each.ended_at is None and each.intent is not None and each.session.id != session.id
        for other in each.intent.subjects
        if any(subject == other or means(subject, other, "") or means(other, subject, "") for subject in subjects)
    ]
    others += [
        f"- {_who(each.change, each.sessions)} already {each.how} {quote(each.what, 80)} in {_at(each)}"
        for each in touches
    ]
    if not others:
        return Answer("Noted. Nobody else touches this, or said so.", events)
    return Answer("\n".join(["Noted. You are not alone:", *_cut(others)]), events)


def record_decision(session: Session, title: str, choice: str, why: str) -> Answer:
    """Record a choice that the issue did not settle."""
    return Answer("Recorded.", (DecisionRecorded(session.id, title, choice, why),))


def reach(session: Session, arguments: Mapping[str, object]) -> Answer:
    """Let a person know of something. Raises ToolError. How and when he is told is decided by what he wants."""
    title, body = text_of(arguments, "title"), text_of(arguments, "body", needed=False)
    told = text_of(arguments, "urgency")
    if told not in set(Urgency):
        raise ToolError(f"urgency is one of {', '.join(each.value for each in Urgency)}")
    urgency, due = Urgency(told), _due_of(text_of(arguments, "at", needed=False))
    if urgency is Urgency.SCHEDULED and due is None:
        raise ToolError("what is scheduled needs at: a time with its zone, as in 2026-03-01T09:00:00+01:00")
    is_over = arguments.get("over", False) is True
    digest = hashlib.sha256(" ".join(title.lower().split()).encode("utf-8", "replace")).hexdigest()[:16]
    asked = MessageAsked(f"{session.id}:{digest}", urgency, title, body, session.id, due, is_over)
    if is_over:
        return Answer("Taken back: it is over.", (asked,))
    return Answer(_REACHED[urgency], (asked,))


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


_REACHED: Mapping[Urgency, str] = {
    Urgency.FYI: "Noted on the pages and in the brief; nobody is disturbed.",
    Urgency.TODAY: "Noted: a person reads it with the next brief.",
    Urgency.SCHEDULED: "Noted: a person is told at that time, outside quiet hours.",
    Urgency.NAG: "Noted: a person is told, and again until it is done. Call reach with over=true when it is.",
    Urgency.URGENT: "Noted: a person is told as soon as he wants to be disturbed. Do not wait for an answer here.",
}


def _due_of(text: str) -> Millis | None:
    if not text:
        return None
    try:
        at = dt.datetime.fromisoformat(text)
        moment = round(at.timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise ToolError("at must be a time with its zone, as in 2026-03-01T09:00:00+01:00") from error
    if at.tzinfo is None or moment < 0:
        raise ToolError("at must have a zone, as in 2026-03-01T09:00:00+01:00")
    return Millis(moment)


def _cut(lines: Sequence[str]) -> list[str]:
    left = len(lines) - _MOST_LINES
    return [*lines[:_MOST_LINES], *([f"- and {left} more"] if left > 0 else [])]


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
