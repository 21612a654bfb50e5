"""What the live view says: where there is little to see, and where there is much."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from watchkeeper.cli.folding import Division, Telling, levels_of
from watchkeeper.cli.live_view import event_lines, next_step, problem_lines, render_picture
from watchkeeper.cli.output import Terminal
from watchkeeper.conflicts.lifecycle import fold_all
from watchkeeper.conflicts.standing import State, open_conflicts
from watchkeeper.model.changes import Change, Source
from watchkeeper.model.confidence import Confidence
from watchkeeper.model.conflicts import Conflict, Kind, Severity
from watchkeeper.model.events import (
    CloseReason,
    ConflictChanged,
    ConflictClosed,
    ConflictOpened,
    ConflictProbed,
    Event,
    Recorded,
)
from watchkeeper.model.ids import ChangeId, ConflictId, Millis, ProjectId, Seq, Sha
from watchkeeper.model.probing import Outcome, Proof
from watchkeeper.record.config import load_settings
from watchkeeper.repos.target import Target
from watchkeeper.watch.measures import WatchStatistics
from watchkeeper.watch.picture import Picture

PLAIN = Terminal()
TARGET = Target(name="main", ref="refs/heads/main", commit=Sha("1" * 40), reason="it is checked out")


def picture_of(*names: str, source: Source = Source.WORKTREE) -> Picture:
    changes = tuple(Change(id=ChangeId(name), source=source, label=name) for name in names)
    return Picture(
        at=Millis(1_700_000_000_000),
        target=TARGET,
        changes=changes,
        files={each.id: 1 for each in changes},
        state=State(),
        statistics=WatchStatistics(worktrees=max(1, len(names))),
        is_complete=True,
    )


def screen(picture: Picture) -> str:
    return "\n".join(render_picture(picture, Division(), Path("/srv/shop/.git"), PLAIN))


def test_without_a_live_change_the_screen_says_so_and_offers_replay() -> None:
    picture = picture_of()

    assert "no live change" in screen(picture)
    assert "0 changes in 1 worktree" in screen(picture)
    assert next_step(picture, ()) == "watchkeeper replay"


def test_one_live_change_is_told_that_it_has_nothing_to_collide_with_yet_and_offered_replay() -> None:
    picture = picture_of("agent-a")

    assert "one live change" in screen(picture)
    assert "what lands on main" in screen(picture)
    assert next_step(picture, ()) == "watchkeeper replay"


def test_two_live_changes_are_offered_no_replay() -> None:
    picture = picture_of("agent-a", "agent-b")

    assert "replay" not in screen(picture)
    assert "2 changes in 2 worktrees" in screen(picture)
    assert next_step(picture, ()) == "watchkeeper conflicts"


def test_what_has_landed_is_no_live_change() -> None:
    assert "no live change" in screen(picture_of("agent-a", source=Source.LANDED))


def test_a_problem_is_told_once_and_so_is_its_end() -> None:
    full = "the disk is full"

    assert problem_lines((), (full,), PLAIN) == [f"degraded: {full}"]
    assert problem_lines((full,), (full,), PLAIN) == []
    assert problem_lines((full,), (), PLAIN) == ["no longer degraded"]
    assert problem_lines((), (), PLAIN) == []


def conflict(name: str, severity: Severity) -> Conflict:
    return Conflict(
        id=ConflictId(f"c-{name}"),
        kind=Kind.WRITE_WRITE,
        rule="write-write",
        severity=severity,
        confidence=Confidence.SURE,
        changes=(ChangeId("a"), ChangeId("b")),
        subjects=(name,),
        summary=f"a and b both change {name}",
        why="both",
        evidence=(),
        next_step="look",
        fingerprint=name,
    )


def recorded(*events: Event) -> list[Recorded]:
    moment = 1_700_000_000_000
    return [Recorded(Seq(at), Millis(moment + at), ProjectId("p"), event) for at, event in enumerate(events, start=1)]


def proof(outcome: Outcome) -> Proof:
    return Proof((ChangeId("a"), ChangeId("b")), (Sha("1" * 40), Sha("2" * 40)), Sha("3" * 40), outcome)


def shown(events: list[Recorded], environ: Mapping[str, str]) -> Division:
    return levels_of(load_settings((), environ)).divide(open_conflicts(fold_all(events)))


def lower_half(events: list[Recorded], environ: Mapping[str, str]) -> list[str]:
    lines = render_picture(picture_of("a", "b"), shown(events, environ), Path("/srv/shop/.git"), PLAIN)
    return lines[lines.index("", 3) + 1 :]


SIX = recorded(
    *(ConflictOpened(conflict(f"minor{number}", Severity.MINOR)) for number in range(3)),
    ConflictOpened(conflict("major", Severity.MAJOR)),
    ConflictOpened(conflict("info", Severity.INFO)),
)
BY_CHOICE = {"WATCHKEEPER_MIN_SEVERITY": "minor"}


def test_minor_conflicts_are_counted_in_one_line_under_the_rest() -> None:
    lines = lower_half(SIX, {})

    assert [line for line in lines if "minor" in line] == ["3 minor: watchkeeper conflicts --severity minor"]
    assert lines[-2:] == ["1 conflict: 1 major", "3 minor: watchkeeper conflicts --severity minor"]
    assert "c-major" in lines[0]


def test_whoever_sets_a_threshold_sees_all_from_there_on_in_full() -> None:
    lines = lower_half(SIX, BY_CHOICE)

    assert lines[-1] == "4 conflicts: 1 major, 3 minor"
    assert sum("c-minor" in line for line in lines) == 3
    assert not any("c-info" in line for line in lines)


def test_where_all_is_minor_no_conflict_is_claimed_to_be_absent() -> None:
    assert lower_half(SIX[:1], {}) == [
        "no conflict at major or above",
        "1 minor: watchkeeper conflicts --severity minor",
    ]
    assert lower_half([], {}) == ["no conflicts"]


def test_a_minor_conflict_that_is_proved_steps_up_and_is_shown() -> None:
    proved = ConflictProbed(ConflictId("c-minor0"), proof(Outcome.PROVED))
    cleared = ConflictProbed(ConflictId("c-major"), proof(Outcome.CLEARED))
    events = recorded(*(each.event for each in SIX), proved, cleared)

    division = shown(events, {})

    assert [each.conflict.id for each in division.full] == ["c-minor0"]
    assert [each.conflict.id for each in division.folded] == ["c-minor1", "c-minor2"]


MINOR = conflict("x", Severity.MINOR)
CLOSED = ConflictClosed(MINOR.id, CloseReason.RESOLVED)


@pytest.mark.parametrize(
    ("events", "told"),
    [
        ((ConflictOpened(MINOR), CLOSED), 0),
        ((ConflictOpened(MINOR), ConflictProbed(MINOR.id, proof(Outcome.NOT_DISPROVED)), CLOSED), 0),
        ((ConflictOpened(conflict("x", Severity.MAJOR)), CLOSED), 2),
        ((ConflictOpened(MINOR), ConflictProbed(MINOR.id, proof(Outcome.PROVED)), CLOSED), 2),
        ((ConflictOpened(MINOR), ConflictChanged(conflict("x", Severity.MAJOR)), CLOSED), 2),
        ((ConflictOpened(conflict("x", Severity.MAJOR)), ConflictChanged(MINOR), CLOSED), 3),
    ],
    ids=["minor", "minor and run", "major", "minor and proved", "minor that becomes major", "major that becomes minor"],
)
def test_without_a_screen_nothing_is_told_of_a_minor_conflict_until_it_becomes_grave(
    events: tuple[Event, ...], told: int
) -> None:
    telling = Telling(levels_of(load_settings((), {})))

    assert len(event_lines(recorded(*events), telling, PLAIN)) == told
    assert len(event_lines(recorded(*events), Telling(levels_of(load_settings((), BY_CHOICE))), PLAIN)) == len(events)
