"""Who is at work: a session belongs to the process that spoke for it first, as long as that lives."""

from __future__ import annotations

import pytest

from watchkeeper.agents.lineage import Process as AgentProcess
from watchkeeper.conflicts.lifecycle import fold_all
from watchkeeper.conflicts.standing import State
from watchkeeper.model.agents import Session
from watchkeeper.model.events import Event, Recorded, SessionBegan, SessionEnded, SessionForged
from watchkeeper.model.ids import Millis, ProjectId, Seq
from watchkeeper.watch.sessions import Sessions


def process(pid: int, started: float = 1.0) -> AgentProcess:
    return AgentProcess(pid, started)


class World:
    """Processes that live or not, and what was recorded."""

    def __init__(self) -> None:
        self.alive: set[AgentProcess] = set()
        self.events: list[Event] = []
        self.sessions = self.restart()

    def restart(self) -> Sessions:
        self.sessions = Sessions(
            self.state, lambda each: each in self.alive, lambda: Millis(10_000),
            lambda pid: next((each for each in self.alive if each.pid == pid), None),
        )  # fmt: skip
        return self.sessions

    @property
    def state(self) -> State:
        numbered = [
            Recorded(Seq(index), Millis(index), ProjectId("p"), event) for index, event in enumerate(self.events, 1)
        ]
        return fold_all(numbered)

    def hear(
        self, vendor_id: str, process: AgentProcess | None, path: str = "/wt", agent: str = "codex"
    ) -> Session | None:
        if process is not None:
            self.alive.add(process)
        session, events = self.sessions.hear(agent, vendor_id, path, process)
        self.events += events
        return session


@pytest.fixture
def world() -> World:
    return World()


def test_the_first_call_makes_a_session_and_further_ones_are_the_same(world: World) -> None:
    first = world.hear("abc", process(1))
    assert first is not None
    assert (first.id, first.agent, first.path, first.guest, first.pid) == ("codex-1", "codex", "/wt", True, 1)
    assert world.hear("abc", process(1)) == first
    assert [type(event) for event in world.events] == [SessionBegan]


def test_sessions_of_one_process_are_several(world: World) -> None:
    one, two = world.hear("abc", process(1)), world.hear("def", process(1))
    assert one is not None
    assert two is not None
    assert [one.id, two.id] == ["codex-1", "codex-2"]
    assert len(world.sessions.live) == 2


def test_the_same_id_of_two_agents_is_two_sessions(world: World) -> None:
    world.hear("1", process(1))
    world.hear("1", process(2), agent="goose")
    assert [each.id for each in world.sessions.live] == ["codex-1", "goose-1"]


def test_another_process_that_speaks_for_a_live_session_is_refused_and_that_is_said_once(world: World) -> None:
    world.hear("abc", process(1))
    assert world.hear("abc", process(66)) is None
    assert world.hear("abc", process(66)) is None
    assert world.hear("abc", None) is None
    forged = [event for event in world.events if isinstance(event, SessionForged)]
    assert [(event.id, event.pid) for event in forged] == [("codex-1", 66), ("codex-1", 0)]


def test_the_same_pid_started_later_is_another_process(world: World) -> None:
    world.hear("abc", process(1))
    assert world.hear("abc", process(1, started=2.0)) is None


def test_a_session_whose_process_has_ended_is_taken_up_by_another(world: World) -> None:
    first = world.hear("abc", process(1))
    world.alive.clear()
    back = world.hear("abc", process(2))
    assert first is not None
    assert back is not None
    assert back.id == first.id
    assert not [event for event in world.events if isinstance(event, SessionForged)]


def test_sessions_without_a_process_any_more_end(world: World) -> None:
    world.hear("abc", process(1))
    world.hear("def", process(2))
    world.alive.remove(process(1))
    world.events += world.sessions.sweep()
    assert [each.id for each in world.sessions.live] == ["codex-2"]
    assert world.events[-1] == SessionEnded(world.state.sessions[world.events[-1].id].session.id, "its process is gone")


def test_a_session_that_goes_elsewhere_is_said_to_be_there(world: World) -> None:
    world.hear("abc", process(1), "/one")
    moved = world.hear("abc", process(1), "/two")
    assert moved is not None
    assert (moved.id, moved.path) == ("codex-1", "/two")
    assert [each.id for each in world.sessions.at("/two")] == ["codex-1"]
    assert world.sessions.at("/one") == ()


def test_after_a_restart_sessions_go_on_and_numbers_are_not_used_again(world: World) -> None:
    world.hear("abc", process(1))
    world.hear("def", process(2))
    world.events += world.sessions.end(world.sessions.live[1].id, "it said so")
    world.restart()
    assert [each.id for each in world.sessions.live] == ["codex-1"]
    third = world.hear("ghi", process(3))
    again = world.hear("def", process(4))
    assert third is not None
    assert again is not None
    assert (third.id, again.id) == ("codex-3", "codex-2")


def test_after_a_restart_a_session_whose_process_went_meanwhile_ends(world: World) -> None:
    world.hear("abc", process(1))
    world.hear("def", process(2))
    world.alive.remove(process(1))
    world.restart()
    world.events += world.sessions.sweep()
    assert [each.id for each in world.sessions.live] == ["codex-2"]


def test_after_a_restart_another_process_with_the_same_id_is_not_the_sessions(world: World) -> None:
    world.hear("abc", process(1))
    world.alive = {process(1, started=99.0)}  # younger than the session
    world.restart()
    world.events += world.sessions.sweep()
    assert world.sessions.live == ()


def test_after_a_restart_a_session_still_belongs_to_its_process(world: World) -> None:
    world.hear("abc", process(1))
    world.restart()
    assert world.hear("abc", process(66)) is None
    assert world.hear("abc", process(1)) is not None


def test_a_child_of_the_sessions_process_speaks_for_it_and_does_not_take_it_over(world: World) -> None:
    world.hear("abc", process(1))
    world.alive |= {process(2), process(3)}
    kin = world.sessions.hear("codex", "abc", "/wt", process(2), is_kin=lambda owner: owner == process(1))
    assert kin[0] is not None
    assert world.hear("abc", process(3)) is None
    assert world.hear("abc", process(1)) is not None
