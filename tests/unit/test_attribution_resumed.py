"""Whose save it was, where the watch was not there all the time."""

from __future__ import annotations

import pytest

from watchkeeper.model.agents import Act, AgentEvent, How, Phase, SessionId, TextEdit
from watchkeeper.model.ids import Millis
from watchkeeper.watch.attribution import GRACE_MS, NOBODY, OPEN_MS, PENDING, Attribution, Save

CODEX, CLAUDE = SessionId("codex-1"), SessionId("claude-1")
NOON = 100_000
LATER = Millis(NOON + GRACE_MS)


@pytest.fixture
def attribution() -> Attribution:
    return Attribution()


def save(attribution: Attribution, *, is_unwatched: bool = False, at: int = NOON) -> None:
    attribution.note(Save("a", b"one\n", b"two\n", Millis(at), Millis(at), is_unwatched))


def run(attribution: Attribution, session: SessionId, at: int, phase: Phase = Phase.INTENT) -> None:
    attribution.tell(session, AgentEvent("agent", session, Act.RUN, phase, command="make", call="1"), "", Millis(at))


def author(attribution: Attribution, now: int = LATER) -> tuple[str, How]:
    (part,) = attribution.parts("a", Millis(now))
    return part.author, part.how


def test_nobody_is_named_for_having_been_at_work_alone_when_nobody_watched(attribution: Attribution) -> None:
    run(attribution, CODEX, NOON - 10)
    save(attribution, is_unwatched=True)
    assert author(attribution) == (NOBODY, How.UNKNOWN)


def test_the_same_save_that_was_watched_is_inferred(attribution: Attribution) -> None:
    run(attribution, CODEX, NOON - 10)
    save(attribution)
    assert author(attribution) == (CODEX, How.INFERRED)


def test_an_edit_that_is_told_of_explains_also_what_nobody_watched(attribution: Attribution) -> None:
    save(attribution, is_unwatched=True)
    assert author(attribution, NOON + 1) == (PENDING, How.UNKNOWN)
    told = AgentEvent("agent", CODEX, Act.WRITE, path="a", edits=(TextEdit("one", "two"),))
    attribution.tell(CODEX, told, "a", Millis(NOON + 5_000))
    assert author(attribution) == (CODEX, How.DECLARED)


def test_an_edit_that_is_told_of_long_after_does_not(attribution: Attribution) -> None:
    save(attribution, is_unwatched=True)
    told = AgentEvent("agent", CODEX, Act.WRITE, path="a", edits=(TextEdit("one", "two"),))
    attribution.tell(CODEX, told, "a", Millis(NOON + OPEN_MS + 1))
    assert author(attribution) == (NOBODY, How.UNKNOWN)


def test_who_was_at_work_before_the_watch_may_have_done_it_as_well(attribution: Attribution) -> None:
    attribution.resume([CODEX, CLAUDE])
    run(attribution, CODEX, NOON - 10)
    save(attribution)
    assert author(attribution) == (NOBODY, How.UNKNOWN)
    (part,) = attribution.parts("a", LATER)
    assert CLAUDE in part.why


@pytest.mark.parametrize("ends", [False, True])
def test_once_it_was_heard_or_has_ended_it_is_known_what_it_does(attribution: Attribution, ends: bool) -> None:
    attribution.resume([CODEX, CLAUDE])
    if ends:
        attribution.end(CLAUDE, Millis(NOON - 20))
    else:
        run(attribution, CLAUDE, NOON - 20, Phase.DONE)
    run(attribution, CODEX, NOON - 10)
    save(attribution)
    assert author(attribution) == (CODEX, How.INFERRED)


def test_what_was_saved_before_it_was_heard_stays_in_doubt(attribution: Attribution) -> None:
    attribution.resume([CODEX, CLAUDE])
    run(attribution, CODEX, NOON - 10)
    save(attribution)
    attribution.tell(CLAUDE, AgentEvent("agent", CLAUDE, Act.READ), "", Millis(NOON + 10))
    assert author(attribution) == (NOBODY, How.UNKNOWN)
