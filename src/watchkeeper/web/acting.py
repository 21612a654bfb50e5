"""What is done on pages: each a plain form that is posted, then the page again with what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from watchkeeper.controlroom.judging import Done, NotAllowedError, Person
from watchkeeper.model.errors import UsageError
from watchkeeper.model.fleet import IssueId
from watchkeeper.model.ids import ConflictId, Millis, Sha
from watchkeeper.model.review import DecisionId
from watchkeeper.model.scouting import FindingId, StandardState, Verdict
from watchkeeper.web.access.places import find_next
from watchkeeper.web.room import Room, Said

Form = Mapping[str, str]
Act = Callable[[Room, Person, Form], Done]

_HOUR_MS = 3_600_000
_MOST_HOURS = 24 * 365
_MOST_TEXT = 4_000


def act_routes(room: Room) -> list[Route]:
    """``POST /act/{what}`` for each act. What is refused for its form alone is said on the page that asked."""
    return [Route(f"/act/{what}", _endpoint(room, act), methods=["POST"]) for what, act in ACTS.items()]


def _endpoint(room: Room, act: Act) -> Callable[[Request], object]:
    def perform(person: Person, form: Form) -> Said:
        try:
            done = act(room, person, form)
        except NotAllowedError:
            raise
        except UsageError as error:
            return Said(f"{error.message}. {error.hint}", is_error=True)
        return Said(done.sentence)

    async def answer(request: Request) -> Response:
        given = await request.form(max_files=0, max_fields=20)
        form = {key: str(value)[:_MOST_TEXT] for key, value in given.items()}
        said = await run_in_threadpool(perform, request.state.person, form)
        back = urlsplit(find_next(form.get("next", "/")))
        name = room.keep_said(said)
        query = f"{back.query}&said={name}" if back.query else f"said={name}"
        return RedirectResponse(f"{back.path}?{query}", 303)

    return answer


def _text(form: Form, name: str) -> str:
    """Raises UsageError (``form-incomplete``) where it is missing or empty."""
    found = form.get(name, "").strip()
    if not found:
        raise UsageError(
            f"The form says nothing for {name!r}, and nothing was done",
            slug="form-incomplete",
            hint="fill it in and send it again",
            facts={"field": name},
        )
    return found


def _number(form: Form, name: str, most: int) -> int:
    text = _text(form, name)
    if not (text.isascii() and text.isdigit() and len(text) < 18 and int(text) <= most):
        raise UsageError(
            f"{name!r} is no number up to {most}, and nothing was done",
            slug="form-incomplete",
            hint="fill it in and send it again",
            facts={"field": name},
        )
    return int(text)


def _because(form: Form, usual: str) -> str:
    return form.get("reason", "").strip() or usual


def _snooze(room: Room, person: Person, form: Form) -> Done:
    until = Millis(room.clock() + _number(form, "hours", _MOST_HOURS) * _HOUR_MS)
    return room.actions.snooze(person, _text(form, "on"), _number(form, "weight", 1 << 53), until)


def _dismiss(room: Room, person: Person, form: Form) -> Done:
    conflict = ConflictId(_text(form, "on"))
    return room.actions.dismiss_conflict(person, _text(form, "project"), conflict, _text(form, "reason"))


def _entry(act: str, usual: str | None = None) -> Act:
    """An act on an entry of the queue: with a reason where it takes one."""

    def perform(room: Room, person: Person, form: Form) -> Done:
        given = (person, _text(form, "project"), _text(form, "on"))
        done: Done = getattr(room.actions, act)(*given, *([] if usual is None else [_because(form, usual)]))
        return done

    return perform


def _decision(act: str) -> Act:
    def perform(room: Room, person: Person, form: Form) -> Done:
        where = room.actions if act == "accept_decision" else room.deciding
        reason = form.get("reason", "").strip()
        done: Done = getattr(where, act)(person, _text(form, "project"), DecisionId(_text(form, "on")), reason)
        return done

    return perform


def _finding(verdict: Verdict) -> Act:
    def perform(room: Room, person: Person, form: Form) -> Done:
        where = _text(form, "project"), FindingId(_text(form, "on"))
        return room.scouting.judge_finding(person, *where, verdict, form.get("reason", "").strip())

    return perform


def _standard(state: StandardState) -> Act:
    return lambda room, who, form: room.scouting.move_standard(
        who, _text(form, "on"), state, form.get("reason", "").strip()
    )


ACTS: Mapping[str, Act] = {
    "ack": lambda room, who, form: room.actions.acknowledge(who, _text(form, "on"), _number(form, "weight", 1 << 53)),
    "snooze": _snooze,
    "dismiss": _dismiss,
    "hold": _entry("hold_entry", "somebody wants to look first"),
    "release": _entry("release_entry"),
    "withdraw": _entry("withdraw_entry", "a person said so"),
    "bounce": _entry("bounce_entry", "a person said so"),
    "jump": _entry("jump_entry"),
    "halt": lambda room, who, form: room.actions.halt_queue(who, _text(form, "project"), _text(form, "reason")),
    "resume": lambda room, who, form: room.actions.resume_queue(who, _text(form, "project")),
    "overrule": lambda room, who, form: room.actions.overrule_issue(
        who, _text(form, "project"), IssueId(_text(form, "on"))
    ),
    "read": lambda room, who, form: room.actions.review_change(
        who, _text(form, "project"), Sha(_text(form, "on")), form.get("reason", "")
    ),
    "wrong": lambda room, who, form: room.actions.find_wrong(
        who, _text(form, "project"), Sha(_text(form, "on")), _text(form, "reason")
    ),
    "accept": _decision("accept_decision"),
    "question": _decision("question"),
    "revert": _decision("revert"),
    "judge-true": _finding(Verdict.TRUE),
    "judge-false": _finding(Verdict.FALSE),
    "judge-left": _finding(Verdict.WONT_FIX),
    "adopt": _standard(StandardState.ADOPTED),
    "enforce": _standard(StandardState.ENFORCED),
    "retire": _standard(StandardState.RETIRED),
    "answer": lambda room, who, form: room.scouting.answer(who, _text(form, "on"), _text(form, "reason")),
    "revert-change": lambda room, who, form: room.deciding.revert_change(
        who, _text(form, "project"), Sha(_text(form, "on"))
    ),
}
"""All that can be done on pages."""
