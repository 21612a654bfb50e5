"""What the first screen says where there is little to see."""

from __future__ import annotations

from pathlib import Path

from watchkeeper.cli.live_view import next_step, problem_lines, render_picture
from watchkeeper.cli.output import Terminal
from watchkeeper.conflicts.lifecycle import State
from watchkeeper.model.changes import Change, Source
from watchkeeper.model.ids import ChangeId, Millis, Sha
from watchkeeper.repos.target import Target
from watchkeeper.watch.engine import Picture
from watchkeeper.watch.measures import WatchStatistics

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
    return "\n".join(render_picture(picture, (), Path("/srv/shop/.git"), PLAIN))


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
