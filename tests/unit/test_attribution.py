"""Whose save it was, as far as anybody told."""

from __future__ import annotations

import pytest

from watchkeeper.model.agents import Act, AgentEvent, How, Phase, SessionId, TextEdit
from watchkeeper.model.ids import Millis
from watchkeeper.watch.attribution import (
    GRACE_MS,
    MOST_TOLD_CHARS,
    MOST_TOLD_CHARS_OF_ALL,
    NOBODY,
    OPEN_MS,
    PENDING,
    Attribution,
    Part,
    Save,
)

CODEX, CLAUDE = SessionId("codex-1"), SessionId("claude-1")
PATH = "app.py"
BASE = b"def f():\n    one()\n    two()\n    three()\n"
LATER = Millis(100_000 + GRACE_MS)


class Room:
    """Two sessions in one checkout, and a clock that stands at 100 seconds."""

    def __init__(self) -> None:
        self.attribution = Attribution()

    def write(
        self,
        session: SessionId,
        *edits: tuple[str | None, str],
        at: int = 99_900,
        phase: Phase = Phase.DONE,
        call: str = "",
        path: str = PATH,
    ) -> None:
        told = tuple(TextEdit(old, new) for old, new in edits)
        event = AgentEvent("agent", session, Act.WRITE, phase, path=path, edits=told, call=call)
        self.attribution.tell(session, event, path, Millis(at))

    def run(self, session: SessionId, at: int, phase: Phase, call: str = "", command: str = "make") -> None:
        event = AgentEvent("agent", session, Act.RUN, phase, command=command, call=call)
        self.attribution.tell(session, event, "", Millis(at))

    def turn_ends(self, session: SessionId, at: int) -> None:
        self.attribution.tell(session, AgentEvent("agent", session, Act.IDLE), "", Millis(at))

    def save(self, after: bytes | None, before: bytes | None = BASE, at: int = 100_000) -> None:
        self.attribution.note(Save(PATH, before, after, Millis(at), Millis(at)))

    def parts(self, now: int = LATER) -> tuple[Part, ...]:
        return self.attribution.parts(PATH, Millis(now))

    def authors(self, now: int = LATER) -> list[tuple[str, str]]:
        return [(part.author, part.how.value) for part in self.parts(now)]


@pytest.fixture
def room() -> Room:
    return Room()


def test_an_edit_whose_old_text_gave_way_to_its_new_text_is_its_sessions(room: Room) -> None:
    room.write(CODEX, ("    two()", "    two(2)"))
    room.write(CLAUDE, ("    three()", "    three(3)"))
    room.save(BASE.replace(b"two()", b"two(2)"))
    assert room.authors() == [(CODEX, "declared")]


def test_an_edit_that_is_only_meant_counts_and_one_that_failed_does_not(room: Room) -> None:
    room.write(CODEX, ("two()", "two(2)"), phase=Phase.INTENT, call="1")
    room.save(BASE.replace(b"two()", b"two(2)"))
    assert room.authors() == [(CODEX, "declared")]
    room.write(CODEX, ("two()", "two(2)"), phase=Phase.FAILED, call="1", at=100_100)
    assert room.authors() == [(NOBODY, "unknown")]


def test_a_whole_file_is_its_writers_give_or_take_the_last_line_end(room: Room) -> None:
    room.write(CLAUDE, (None, "new = 1"))
    room.save(b"new = 1\n", before=None)
    assert room.authors() == [(CLAUDE, "declared")]


def test_another_text_than_the_one_told_is_nobodys(room: Room) -> None:
    room.write(CLAUDE, (None, "new = 1"), at=60_000)
    room.save(b"other = 2\n", before=None)
    assert room.authors() == [(NOBODY, "unknown")]


def test_an_edit_in_a_file_with_other_line_ends_is_recognised(room: Room) -> None:
    base = BASE.replace(b"\n", b"\r\n")
    room.write(CODEX, ("one()\n    two()", "one()\n    half()\n    two()"))
    room.save(base.replace(b"    two()", b"    half()\r\n    two()"), before=base)
    assert room.authors() == [(CODEX, "declared")]


def test_of_several_places_where_the_old_text_stands_the_one_that_changed_counts(room: Room) -> None:
    base = b"a()\nb()\na()\na()\n"
    room.write(CODEX, ("a()", "c()"))
    room.save(b"a()\nb()\nc()\na()\n", before=base)
    assert room.authors() == [(CODEX, "declared")]


def test_several_edits_of_one_call_are_one_work(room: Room) -> None:
    room.write(CODEX, ("one()", "uno()"), ("three()", "tre()"))
    room.save(BASE.replace(b"one()", b"uno()").replace(b"three()", b"tre()"))
    assert room.authors() == [(CODEX, "declared")]


def test_two_edits_of_one_place_that_were_seen_as_one_save_are_recognised(room: Room) -> None:
    room.write(CODEX, ("two()", "due()"), at=99_800)
    room.write(CODEX, ("due()", "deux()"), at=99_900)
    room.save(BASE.replace(b"two()", b"deux()"))
    assert room.authors() == [(CODEX, "declared")]


def test_two_saves_that_were_seen_as_one_are_split(room: Room) -> None:
    room.write(CODEX, ("one()", "uno()"))
    room.write(CLAUDE, ("three()", "tre()"), at=99_950)
    both = BASE.replace(b"one()", b"uno()").replace(b"three()", b"tre()")
    room.save(both)
    assert [(part.author, part.after) for part in room.parts()] == [
        (CODEX, BASE.replace(b"one()", b"uno()")),
        (CLAUDE, both),
    ]


def test_a_whole_file_is_written_on_top_of_what_another_told_before_it_was_seen(room: Room) -> None:
    first = BASE.replace(b"one()", b"uno()")
    both = first.replace(b"three()", b"tre()")
    room.write(CODEX, ("one()", "uno()"))
    room.write(CLAUDE, (None, both.decode()), at=99_950)
    room.save(both)
    assert [(part.author, part.after) for part in room.parts()] == [(CODEX, first), (CLAUDE, both)]


def test_a_whole_file_without_what_another_only_meant_to_write_is_its_writers_alone(room: Room) -> None:
    room.write(CODEX, ("one()", "uno()"), phase=Phase.INTENT)
    room.write(CLAUDE, (None, BASE.replace(b"three()", b"tre()").decode()), at=99_950)
    room.save(BASE.replace(b"three()", b"tre()"))
    assert room.authors() == [(CLAUDE, "declared")]


def test_what_nobody_told_of_is_split_from_what_was_told(room: Room) -> None:
    room.write(CODEX, ("one()", "uno()"))
    room.save(BASE.replace(b"one()", b"uno()").replace(b"three()", b"tre()"))
    assert room.authors() == [(CODEX, "declared"), (NOBODY, "unknown")]


def test_an_event_that_comes_after_the_save_says_whose_it_was(room: Room) -> None:
    room.save(BASE.replace(b"two()", b"two(2)"))
    assert room.authors(now=100_010) == [(PENDING, "unknown")]
    room.write(CODEX, ("two()", "two(2)"), at=100_300)
    assert room.authors(now=100_300) == [(CODEX, "declared")]


def test_an_event_that_comes_much_later_says_nothing_of_a_save_that_is_settled(room: Room) -> None:
    room.save(BASE.replace(b"two()", b"two(2)"))
    late = Millis(100_000 + OPEN_MS + 1)
    (part,) = room.attribution.settle(late)[PATH]
    assert (part.author, part.how) == (NOBODY, How.UNKNOWN)
    assert room.attribution.paths == frozenset()
    room.write(CODEX, ("two()", "two(2)"), at=late)
    assert room.parts(late) == ()


def test_the_only_command_that_ran_at_that_moment_is_taken_to_have_done_it(room: Room) -> None:
    room.run(CODEX, 99_000, Phase.INTENT, call="1")
    room.run(CODEX, 100_200, Phase.DONE, call="1")
    room.run(CLAUDE, 101_000, Phase.INTENT, call="2")
    room.save(BASE.replace(b"two()", b"two(2)"))
    assert room.authors(now=100_100) == [(PENDING, "unknown")]
    assert room.authors() == [(CODEX, "inferred")]


def test_where_two_ran_commands_nobody_can_tell(room: Room) -> None:
    room.run(CODEX, 99_000, Phase.INTENT)
    room.run(CLAUDE, 99_500, Phase.INTENT)
    room.save(BASE.replace(b"two()", b"two(2)"))
    assert room.authors() == [(NOBODY, "unknown")]
    assert "claude-1 and codex-1" in room.parts()[0].why


def test_a_command_of_which_only_the_end_is_told_ran_since_the_session_was_last_heard_of(room: Room) -> None:
    room.run(CODEX, 98_000, Phase.DONE, call="1")
    room.save(BASE.replace(b"two()", b"two(2)"))
    assert room.authors() == [(NOBODY, "unknown")]
    room.run(CODEX, 100_500, Phase.DONE, call="2")
    assert room.authors() == [(CODEX, "inferred")]


def test_a_turn_that_ended_runs_no_command(room: Room) -> None:
    room.run(CODEX, 90_000, Phase.INTENT)
    room.turn_ends(CODEX, 95_000)
    room.save(BASE.replace(b"two()", b"two(2)"))
    assert room.authors() == [(NOBODY, "unknown")]


def test_what_happens_while_a_write_is_under_way_is_its_sessions(room: Room) -> None:
    """As a formatter does that the agent's tool calls."""
    room.write(CODEX, ("two()", "two( 2)"), phase=Phase.INTENT, call="1")
    room.save(BASE.replace(b"two()", b"two(2)"))
    assert room.authors() == [(CODEX, "inferred")]
    room.run(CLAUDE, 99_000, Phase.INTENT)
    assert room.authors() == [(NOBODY, "unknown")]


def test_a_write_of_which_only_the_path_is_told_is_its_sessions_where_no_other_was_at_work(room: Room) -> None:
    room.write(CODEX, at=100_200)
    room.save(BASE.replace(b"two()", b"two(2)"))
    assert room.authors() == [(CODEX, "inferred")]
    room.write(CLAUDE, at=100_300)
    assert room.authors() == [(NOBODY, "unknown")]


def test_a_told_edit_explains_one_save(room: Room) -> None:
    room.write(CODEX, ("two()", "two(2)"), at=99_000)
    changed = BASE.replace(b"two()", b"two(2)")
    room.save(changed)
    room.save(BASE, before=changed, at=101_000)
    room.save(changed, at=102_000)
    assert room.authors(now=110_000) == [(CODEX, "declared"), (NOBODY, "unknown"), (NOBODY, "unknown")]


def test_a_file_seen_while_it_was_half_written_is_taken_together(room: Room) -> None:
    room.write(CODEX, ("two()", "two(2)"))
    room.save(b"")
    room.save(BASE.replace(b"two()", b"two(2)"), before=b"", at=100_020)
    assert room.authors() == [(CODEX, "declared")]


def test_the_same_call_told_over_two_channels_is_one_edit(room: Room) -> None:
    room.write(CODEX, ("a()", "b()"), phase=Phase.INTENT, call="7")
    room.write(CODEX, ("a()", "b()"), phase=Phase.DONE, call="7")
    room.save(b"b()\na()\n", before=b"a()\na()\n")
    room.save(b"b()\nb()\n", before=b"b()\na()\n", at=100_100)
    assert room.authors(now=102_000) == [(CODEX, "declared"), (NOBODY, "unknown")]


def test_a_deleted_file_is_who_ran_a_command_or_told_that_nothing_is_left(room: Room) -> None:
    room.write(CLAUDE, (BASE.decode(), ""))
    room.save(None)
    assert room.authors() == [(CLAUDE, "declared")]


def test_an_edit_that_does_not_apply_deletes_nothing(room: Room) -> None:
    room.write(CLAUDE, ("never there", "x"), at=60_000)
    room.save(None)
    assert room.authors() == [(NOBODY, "unknown")]


def test_text_that_is_no_text_and_floods_of_events_do_no_harm(room: Room) -> None:
    for number in range(1_000):
        room.write(CODEX, ("\udcff", f"{number}\ud800"), (None, ""), ("", ""), call=str(number))
        room.run(CODEX, 90_000 + number, Phase.INTENT, call=str(number))
    room.save(BASE + b"\xff\n")
    assert room.authors() == [(CODEX, "inferred")]


def again(room: Room, at: int) -> tuple[bytes, bytes]:
    """Saved through a shell, undone two seconds and more before ``at``, and announced again then."""
    before, after = BASE, BASE.replace(b"two()", b"two(2)")
    room.run(CODEX, 99_900, Phase.INTENT)
    room.save(after, at=100_000)
    room.run(CODEX, 100_100, Phase.DONE)
    room.write(CODEX, ("    two(2)", "    two()"), at=102_000, phase=Phase.INTENT, call="1")
    room.save(before, after, at=102_010)
    room.write(CODEX, ("    two(2)", "    two()"), at=102_020, call="1")
    room.write(CODEX, ("    two()", "    two(2)"), at=at, phase=Phase.INTENT, call="2")
    return before, after


def test_an_edit_that_is_announced_later_did_not_make_an_earlier_save_like_it(room: Room) -> None:
    before, after = again(room, 104_000)
    room.save(after, before, at=104_010)
    room.write(CODEX, ("    two()", "    two(2)"), at=104_020, call="2")
    assert room.authors(106_000) == [(CODEX, "inferred"), (CODEX, "declared"), (CODEX, "declared")]


def test_an_edit_that_is_told_late_when_it_is_done_explains_the_save(room: Room) -> None:
    room.save(BASE.replace(b"two()", b"two(2)"))
    room.write(CODEX, ("    two()", "    two(2)"), at=104_000)
    assert room.authors(106_000) == [(CODEX, "declared")]


def test_a_session_that_floods_with_edits_is_kept_within_its_bound_and_its_newest_edit_still_counts(room: Room) -> None:
    for number in range(30):
        room.write(CODEX, (None, f"{number}" * 500_000), path=f"flood{number}.py")
    room.write(CODEX, ("    two()", "    two(2)"))

    room.save(BASE.replace(b"two()", b"two(2)"))

    assert 0 < room.attribution.told_chars <= MOST_TOLD_CHARS
    assert room.authors() == [(CODEX, "declared")]


def test_many_floods_are_bounded_together_and_cost_a_quiet_session_nothing(room: Room) -> None:
    room.write(CLAUDE, ("    two()", "    two(2)"))
    for number in range(12):
        room.write(SessionId(f"flood-{number}"), (None, "x" * (MOST_TOLD_CHARS - 1)), path="other.py")

    room.save(BASE.replace(b"two()", b"two(2)"))

    assert 0 < room.attribution.told_chars <= MOST_TOLD_CHARS_OF_ALL
    assert room.authors() == [(CLAUDE, "declared")]


def test_edits_that_are_let_go_no_longer_count(room: Room) -> None:
    room.write(CODEX, ("    two()", "    two(2)"))

    room.attribution.settle(Millis(10_000_000))

    assert room.attribution.told_chars == 0
