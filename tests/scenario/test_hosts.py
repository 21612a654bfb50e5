"""Several hosts on one PostgreSQL: real processes, killed and stopped; what they drove goes on elsewhere."""

from __future__ import annotations

import os
import signal
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest

from durablehost import FENCED, Child, Effects, running, wait_until
from watchkeeper.durable.port import Work, WorkId
from watchkeeper.model.hosts import FLEET, HOST_KINDS, HostLeft, HostLost, LeaderChosen, fold_hosts
from watchkeeper.record.log import Log
from watchkeeper.record.store import open_url_store

pytestmark = [pytest.mark.postgresql, pytest.mark.xdist_group("postgresql")]


@pytest.fixture
def effects(tmp_path: Path) -> Effects:
    return Effects(tmp_path / "effects")


def host_in(effects: Effects, work: str, step: str) -> str:
    """Who has begun this step of this work first, as soon as somebody has."""
    found = wait_until(
        lambda: [line[2] for line in effects.lines() if line[:2] == (work, step)], f"{work} is in step {step}"
    )
    return str(found[0])


def of(children: list[Child], token: str) -> Child:
    return next(each for each in children if each.view().me == token)


def test_a_killed_hosts_work_goes_on_elsewhere_and_each_result_is_there_once(
    new_database: str, effects: Effects
) -> None:
    """Twelve pieces of work on two hosts; half of them are in their third step when one host dies."""
    with ExitStack() as stack:
        children = [stack.enter_context(running(new_database, name, effects, "fleet")) for name in ("a", "b")]
        names = [f"w{number}" for number in range(12)]
        for number, name in enumerate(names):
            children[number % 2].enqueue(Work(WorkId(name), "six", f"{name} 2" if number % 2 else name))
        waiting = names[1::2]
        for name in waiting:
            host_in(effects, name, "2")
        for name in names[::2]:
            children[0].wait_for(name, "done")
        victim = host_in(effects, waiting[0], "2")
        dead = of(children, victim)
        (other,) = [each for each in children if each is not dead]
        theirs = {line[0] for line in effects.lines() if line[2] == victim and line[0] in waiting}
        dead.kill()
        effects.gate.touch()
        done = {name: other.wait_for(name, "done") for name in names}

        assert victim in other.view().gone
        assert {each.result for each in done.values()} == {"15"}
        assert {name for name, each in done.items() if each.tries > 1} == theirs
        assert other.ask("list") == []
    steps = Counter(line[:2] for line in effects.lines())
    assert {key for key, count in steps.items() if count > 1} == {(name, "2") for name in theirs}
    assert all(steps[name, str(number)] for name in names for number in range(6))


def test_a_host_that_stood_still_notices_that_it_was_declared_lost_and_does_not_go_on(
    new_database: str, effects: Effects
) -> None:
    with ExitStack() as stack:
        children = [stack.enter_context(running(new_database, name, effects, "fleet")) for name in ("a", "b")]
        children[0].enqueue(Work(WorkId("w"), "six", "w 2"))
        victim = host_in(effects, "w", "2")
        frozen = of(children, victim)
        (other,) = [each for each in children if each is not frozen]
        os.kill(frozen.process.pid, signal.SIGSTOP)
        wait_until(lambda: len(effects.steps_of("w")) == 4, "the other has begun the third step")
        effects.gate.touch()
        done = other.wait_for("w", "done")
        os.kill(frozen.process.pid, signal.SIGCONT)
        code = frozen.process.wait(timeout=30)

        assert code == FENCED
        assert (done.result, done.host) == ("15", other.view().me)
        assert other.standing("w").result == "15"
    assert effects.steps_of("w") == list("0122345"), "the one that came back began no step"
    assert [line[2] for line in effects.lines()].count(victim) == 3


def test_the_leader_dies_and_another_leads_in_the_next_term(new_database: str, effects: Effects) -> None:
    with ExitStack() as stack:
        children = [stack.enter_context(running(new_database, name, effects, "fleet")) for name in ("a", "b", "c")]
        assert [each.view().leads for each in children] == [True, False, False]
        first = children[0].view().me
        children[0].kill()
        leader = wait_until(lambda: [each for each in children[1:] if each.view().leads], "another leads")[0]

        assert leader.view().term == 2
        assert leader.view().gone == {first}
        leader.ask("leave")
        left = next(each for each in children[1:] if each is not leader)
        wait_until(lambda: left.view().leads, "the last one leads")
        assert left.view().term == 3
    with Log(open_url_store(new_database)) as log:
        events = [each.event for each in log.read(FLEET, kinds=HOST_KINDS)]
        assert [each.host for each in events if isinstance(each, HostLost)] == [first]
        assert len([each for each in events if isinstance(each, HostLeft)]) == 1
        assert [each.term for each in events if isinstance(each, LeaderChosen)] == [1, 2, 3]


def test_a_host_that_is_started_anew_takes_over_what_it_left_behind_at_once(
    new_database: str, effects: Effects
) -> None:
    with running(new_database, "a", effects, "fleet") as child:
        child.enqueue(Work(WorkId("w"), "six", "w 2"))
        victim = host_in(effects, "w", "2")
        child.kill()
    effects.gate.touch()

    with running(new_database, "a", effects, "fleet") as child:
        assert victim in child.view().gone, "its process is seen to be gone: nothing is waited for"
        assert child.wait_for("w", "done").result == "15"

    with Log(open_url_store(new_database)) as log:
        state = fold_hosts(log.read(FLEET, kinds=HOST_KINDS))
    assert [each.is_certain for each in state.hosts.values() if each.host.token == victim] == [True]


def test_both_die_and_one_comes_back_to_do_all(new_database: str, effects: Effects) -> None:
    with ExitStack() as stack:
        children = [stack.enter_context(running(new_database, name, effects, "fleet")) for name in ("a", "b")]
        for number in range(6):
            children[0].enqueue(Work(WorkId(f"w{number}"), "six", f"w{number} 2"))
        for number in range(6):
            host_in(effects, f"w{number}", "2")
        for each in children:
            each.kill()
    effects.gate.touch()

    with running(new_database, "a", effects, "fleet") as child:
        assert [child.wait_for(f"w{number}", "done").result for number in range(6)] == ["15"] * 6
