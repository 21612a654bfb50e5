"""Whatever stops, and however clocks are set: no two hosts drive the same, and somebody leads when all is well."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from hostworld import TIMING, World, endless, memory_world, view_now
from watchkeeper.durable.hosts import Seen, decide, look, observe
from watchkeeper.durable.membership import Membership
from watchkeeper.model.events import Recorded
from watchkeeper.model.hosts import (
    FLEET,
    Host,
    HostEvent,
    HostJoined,
    HostLeft,
    HostLost,
    HostsState,
    HostToken,
    LeaderChosen,
    fold_hosts,
)
from watchkeeper.model.ids import Millis, Seq

TOKENS = [HostToken(each) for each in ("a/1", "a/2", "b/1", "c/1")]
EVENTS = st.one_of(
    st.sampled_from(TOKENS).map(lambda each: HostJoined(Host(each, each[0], 1, Millis(0), "boot"))),
    st.sampled_from(TOKENS).map(HostLeft),
    st.builds(HostLost, st.sampled_from(TOKENS), st.sampled_from(TOKENS), st.booleans()),
    st.builds(LeaderChosen, st.sampled_from(TOKENS), st.integers(0, 5)),
)
CLOCKS = st.tuples(st.integers(-(10**12), 10**12), st.floats(0.9, 1.1))
MOVES = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.one_of(st.integers(0, 300), st.integers(0, 4_000), st.integers(4_000, 20_000)),
        st.sampled_from(["step"] * 12 + ["beat"] * 4 + ["kill"]),
    ),
    max_size=120,
)


def recorded(events: list[HostEvent]) -> list[Recorded]:
    return [Recorded(Seq(number), Millis(number), FLEET, event) for number, event in enumerate(events, 1)]


@dataclass
class Machine:
    """A machine on which the host is started anew when it was killed, or found itself declared lost."""

    world: World
    name: str
    clock: tuple[int, float]
    runs: int = 0
    member: Membership | None = None
    beating: Iterator[None] = field(default_factory=lambda: iter(()))

    def step(self) -> None:
        """One access to the record."""
        if self.member is None:
            self.runs += 1
            self.member = self.world.member(f"{self.name}/{self.runs}", offset=self.clock[0], pace=self.clock[1])
            self.member.join()
            self.beating = endless(self.member)
        elif next(self.beating, "ended") == "ended":
            self.member = None

    def kill(self) -> None:
        if self.member is not None:
            self.world.dead.add(self.member.me.token)
        self.member = None


def require_safe(machines: list[Machine]) -> None:
    members = [each.member for each in machines if each.member is not None]
    sure = {each.me.token for each in members if each.may_act()}
    views = [view_now(each) for each in members]
    for view in views:
        assert not view.gone & sure, f"{view.me} would take the work of one that is sure of itself"
    leading = [view.me for view in views if view.leads and view.me in sure]
    assert len(leading) <= 1, f"{leading} lead"


@given(st.tuples(CLOCKS, CLOCKS, CLOCKS), MOVES)
def test_no_host_that_is_sure_of_itself_loses_its_work_and_at_most_one_leads(
    clocks: tuple[tuple[int, float], ...], moves: list[tuple[int, int, str]]
) -> None:
    """Accesses to the record of several hosts come in any order, with any time between them."""
    world = memory_world()
    machines = [Machine(world, name, clock) for name, clock in zip("abc", clocks, strict=True)]
    for number, passes, what in moves:
        world.time += passes
        require_safe(machines)
        if what == "kill":
            machines[number].kill()
        for _ in range(4 if what == "beat" else 1 if what == "step" else 0):
            machines[number].step()
        require_safe(machines)


@given(st.tuples(CLOCKS, CLOCKS, CLOCKS), MOVES)
def test_once_all_is_well_for_a_while_there_is_one_leader_and_the_dead_are_known(
    clocks: tuple[tuple[int, float], ...], moves: list[tuple[int, int, str]]
) -> None:
    world = memory_world()
    machines = [Machine(world, name, clock) for name, clock in zip("abc", clocks, strict=True)]
    for number, passes, what in moves:
        world.time += passes
        machines[number].kill() if what == "kill" else machines[number].step()
    machines[2].kill()  # and is not started again

    for _ in range(60):
        world.time += 1_000
        for each in machines[:2]:
            for _ in range(6):
                each.step()

    members = [each.member for each in machines[:2]]
    views = [view_now(each) for each in members if each is not None]
    assert len(views) == 2
    assert [view.is_member for view in views] == [True, True]
    assert sum(view.leads for view in views) == 1
    assert all(view.live == {each.me for each in views} for view in views)
    assert all(dead in view.gone for view in views for dead in world.dead if dead.startswith("c/"))
    assert all(each.may_act() for each in members if each is not None)


@given(st.lists(EVENTS, max_size=30), st.integers(0, 30))
def test_the_fold_is_total_and_the_same_in_two_parts(events: list[HostEvent], cut: int) -> None:
    told = recorded(events)
    whole = fold_hosts(told)

    assert fold_hosts(told, fold_hosts(told[:cut])) == whole
    assert fold_hosts(told, whole) == whole
    assert whole.leader is None or whole.is_live(whole.leader)


@given(st.lists(EVENTS, max_size=30))
def test_terms_only_ever_rise_and_a_lost_host_never_comes_back(events: list[HostEvent]) -> None:
    state, lost = HostsState(), set[HostToken]()
    for each in recorded(events):
        after = fold_hosts([each], state)
        lost |= {token for token in state.hosts if state.is_live(token) and not after.is_live(token)}
        assert after.term >= state.term
        assert not any(after.is_live(token) for token in lost)
        state = after


@given(st.lists(EVENTS, max_size=30), st.dictionaries(st.sampled_from(TOKENS), st.integers(0, 30_000)))
def test_what_is_decided_holds_when_it_is_recorded_and_nobody_else_wrote(
    events: list[HostEvent], ages: dict[HostToken, int]
) -> None:
    state = fold_hosts(recorded(events))
    for me in TOKENS:
        seen = {token: Seen(1, 100_000 - age) for token, age in ages.items()}
        decided = decide(state, seen, me, 100_000, TIMING)
        after = fold_hosts([Recorded(Seq(100 + n), Millis(0), FLEET, each) for n, each in enumerate(decided)], state)

        assert after.is_live(me) == state.is_live(me), "nobody declares himself lost"
        assert not decided or after.leader == me
        assert decide(after, seen, me, 100_000, TIMING) == () or state.leader is None
        for each in decided:
            if isinstance(each, HostLost):
                assert ages[each.host] >= TIMING.lost_after_ms


@given(st.lists(EVENTS, max_size=30))
def test_a_host_that_takes_no_part_decides_nothing_and_leads_nobody(events: list[HostEvent]) -> None:
    state = fold_hosts(recorded(events))
    for me in TOKENS:
        if not state.is_live(me):
            assert decide(state, {}, me, 0, TIMING) == ()
            assert not look(state, me, {}, 0, TIMING).leads


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5_000)), max_size=40))
def test_a_counter_that_moves_is_seen_as_of_now_and_one_that_stands_keeps_its_time(
    moves: list[tuple[int, int]],
) -> None:
    seen: dict[HostToken, Seen] = {}
    now, beat, since = 0, 0, None
    for raised, passes in moves:
        now, beat = now + passes, beat + raised
        since = now if raised or since is None else since
        seen = observe(seen, {TOKENS[0]: beat}, [TOKENS[0]], now)
        assert seen == {TOKENS[0]: Seen(beat, since)}
