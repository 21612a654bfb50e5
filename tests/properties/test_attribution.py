"""Whose a save was: total for whatever agents tell, and never more than what became different."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.model.agents import Act, AgentEvent, How, Phase, SessionId, TextEdit
from watchkeeper.model.ids import Millis
from watchkeeper.watch.attribution import NOBODY, OPEN_MS, PENDING, Attribution, Part, Save

SESSIONS = [SessionId("codex-1"), SessionId("claude-1")]
WORD = st.sampled_from(["", "a\n", "b\n", "a", "\ud800", "\x00", "a\r\n", "a\nb\n", "  x"])
EDIT = st.builds(TextEdit, st.one_of(st.none(), WORD), WORD)
EVENT = st.builds(
    AgentEvent,
    agent=st.just("agent"),
    session=st.just("id"),
    act=st.sampled_from(list(Act)),
    phase=st.sampled_from(list(Phase)),
    edits=st.lists(EDIT, max_size=3).map(tuple),
    call=st.sampled_from(["", "1", "2"]),
    command=st.sampled_from(["", "make"]),
)
TEXT = st.one_of(
    st.none(), st.lists(st.sampled_from([b"a\n", b"b\n", b"a", b"a\r\n", b"\xff"]), max_size=5).map(b"".join)
)
Step = tuple[SessionId, AgentEvent] | bytes | None
STEP = st.one_of(st.tuples(st.sampled_from(SESSIONS), EVENT), TEXT)


@given(TEXT, st.lists(st.tuples(STEP, st.integers(0, OPEN_MS)), max_size=15))
def test_the_parts_of_all_saves_lead_from_the_first_text_to_the_last(
    base: bytes | None, steps: list[tuple[Step, int]]
) -> None:
    attribution, text, now = Attribution(), base, 1_000_000
    settled: list[Part] = []
    for step, pause in steps:
        now += pause
        if isinstance(step, tuple):
            attribution.tell(step[0], step[1], "a.py", Millis(now))
        elif step != text:
            attribution.note(Save("a.py", text, step, Millis(now), Millis(now)))
            text = step
        settled += attribution.settle(Millis(now)).get("a.py", ())
        parts = [*settled, *attribution.parts("a.py", Millis(now))]
        assert (parts[-1].after if parts else base) == text
        assert {part.author for part in parts} <= {*SESSIONS, NOBODY, PENDING}
        assert all(part.author in SESSIONS for part in parts if part.how is not How.UNKNOWN)
    settled += attribution.settle(Millis(now + OPEN_MS)).get("a.py", ())
    assert not attribution.paths
    assert all(part.author != PENDING for part in settled)


@given(TEXT, TEXT)
def test_what_no_session_told_of_is_nobodys(before: bytes | None, after: bytes | None) -> None:
    attribution = Attribution()
    attribution.note(Save("a.py", before, after, Millis(1), Millis(1)))
    parts = attribution.settle(Millis(1 + OPEN_MS)).get("a.py", ())
    assert [part.author for part in parts] == ([NOBODY] if before != after else [])
