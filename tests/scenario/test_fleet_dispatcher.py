"""The dispatcher over a real record: what it records and has done, and what becomes of faults and of others."""
# ruff: noqa: ARG002 - the signatures are those of the ports

from __future__ import annotations

import asyncio
import itertools
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetworld import NOON, seal_of
from watchkeeper.fleet.config import AgentEntry, FleetConfig, FleetSection, ProjectEntry
from watchkeeper.fleet.dispatcher import Dispatcher, Ports
from watchkeeper.fleet.hours import parse_quiet
from watchkeeper.fleet.machine import LocalMachine, find_zone, measure_free, measure_tree
from watchkeeper.fleet.plan import Machine, Start
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.events import Recorded
from watchkeeper.model.fleet import (
    RESOLVES_ISSUE,
    Budget,
    Choice,
    Closing,
    DispatchDecided,
    Engagement,
    EngagementId,
    EngagementMoved,
    EngagementSealed,
    EngagementSpent,
    Issue,
    IssueClosed,
    IssueFiled,
    IssueId,
    Spend,
    Stage,
)
from watchkeeper.model.fleet_state import FleetState, fold_fleet
from watchkeeper.model.ids import Millis, ProjectId
from watchkeeper.record.codec import FLEET_KINDS
from watchkeeper.record.log import Log
from watchkeeper.record.store import open_file_store, open_url_store

ids = itertools.count(1)


class Workers:
    """Runs engagements by writing down that they run; an issue whose title says ``broken`` cannot be sealed."""

    def __init__(self) -> None:
        self.started: list[Engagement] = []
        self.stopped: list[EngagementId] = []

    async def seal(self, start: Start, project: ProjectId, issue: Issue) -> Engagement:
        await asyncio.sleep(0)
        if "broken" in issue.title:
            raise WatchkeeperError("its text cannot be read", slug="usage", hint="look")
        if "bug" in issue.title:
            raise KeyError("not what was expected")
        identity = EngagementId(f"e-{next(ids):08x}")
        return Engagement(identity, start.atom, issue.id, start.agent, seal_of(start.budget), start.attempt)

    async def start(self, project: ProjectId, engagement: Engagement) -> None:
        self.started.append(engagement)

    async def stop(self, project: ProjectId, engagement: EngagementId, why: str) -> None:
        self.stopped.append(engagement)

    def processes(self) -> Mapping[EngagementId, int]:
        return {}


class Idle:
    """A machine with nothing to say."""

    def measure(self, leaders: Mapping[EngagementId, int]) -> Machine:
        return Machine()


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> Millis:
        return self.now

    def pass_minutes(self, minutes: int) -> None:
        self.now = Millis(self.now + minutes * 60_000)


class Scene:
    """A record with projects in it, and dispatchers on it."""

    def __init__(self, log: Log, *names: str, section: FleetSection = FleetSection()) -> None:  # noqa: B008 - frozen
        rows = tuple(ProjectEntry(name, Path(name)) for name in names)
        self.config = FleetConfig(Path("fleet.toml"), "", section, rows, (AgentEntry("ada", ("ada",)),))
        self.log, self.clock, self.workers = log, Clock(), Workers()
        self.projects = {name: ProjectId(f"id-{name}") for name in names}

    def dispatcher(self, log: Log | None = None, **ports: object) -> Dispatcher:
        made = Ports(self.workers, Idle(), **ports)  # type: ignore[arg-type]
        zone = find_zone("UTC", {})
        return Dispatcher(log or self.log, self.projects, self.config, made, clock=self.clock, zone=zone)

    def file(self, project: str, number: int, title: str = "do it") -> IssueId:
        issue = Issue(IssueId(f"{project}#{number}"), title, labels=("ready",))
        self.log.append(self.projects[project], [IssueFiled(issue)], self.clock())
        return issue.id

    def events(self, project: str) -> list[Recorded]:
        return list(self.log.read(self.projects[project], kinds=FLEET_KINDS))

    def state(self, project: str) -> FleetState:
        return fold_fleet(self.events(project))

    def reason(self, project: str, issue: IssueId | None = None) -> tuple[Choice, str]:
        found = self.state(project).dispatched[issue]
        return found.choice, found.why


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    with Log(open_file_store(tmp_path / "state")) as opened:
        yield opened


def test_a_start_its_decision_and_the_claim_are_recorded_at_once_and_then_it_is_driven(log: Log) -> None:
    scene = Scene(log, "alpha")
    issue = scene.file("alpha", 1)

    asyncio.run(scene.dispatcher().look())

    recorded = [each.event for each in scene.events("alpha")[1:]]
    assert [type(each) for each in recorded] == [DispatchDecided, DispatchDecided, EngagementSealed]
    assert [each.issue for each in scene.workers.started] == [issue]
    claimed = scene.state("alpha").claims(issue)
    assert claimed is not None
    assert claimed.stage is Stage.QUEUED


def test_a_second_look_records_nothing_and_starts_nothing(log: Log) -> None:
    scene = Scene(log, "alpha")
    scene.file("alpha", 1)
    dispatcher = scene.dispatcher()

    async def twice() -> None:
        await dispatcher.look()
        await dispatcher.look()

    asyncio.run(twice())

    assert len(scene.events("alpha")) == 4
    assert len(scene.workers.started) == 1


def test_a_new_dispatcher_goes_on_from_the_record_alone(log: Log) -> None:
    scene = Scene(log, "alpha")
    scene.file("alpha", 1)
    asyncio.run(scene.dispatcher().look())

    asyncio.run(scene.dispatcher().look())

    assert len(scene.workers.started) == 1


@pytest.mark.parametrize(("title", "told"), [("broken", "its text cannot be read"), ("bug", "KeyError")])
def test_an_issue_that_cannot_be_sealed_is_left_alone_and_others_go_on(log: Log, title: str, told: str) -> None:
    scene = Scene(log, "alpha", "beta", section=FleetSection(concurrency=9))
    bad, good = scene.file("alpha", 1, title), scene.file("alpha", 2)
    other = scene.file("beta", 1)
    dispatcher = scene.dispatcher()

    async def looks() -> None:
        await dispatcher.look()
        await dispatcher.look()

    asyncio.run(looks())

    assert {each.issue for each in scene.workers.started} == {good, other}
    choice, why = scene.reason("alpha", bad)
    assert (choice, told in why) == (Choice.IDLE, True)
    assert bad in dispatcher.troubles()


def test_what_could_not_be_sealed_is_tried_again_after_a_rest_that_grows(log: Log) -> None:
    scene = Scene(log, "alpha")
    bad = scene.file("alpha", 1, "broken")
    dispatcher = scene.dispatcher()
    rests = []

    async def looks() -> None:
        for _ in range(3):
            await dispatcher.look()
            waited = 0
            while bad in dispatcher.troubles():
                scene.clock.now = Millis(scene.clock.now + 10_000)
                waited += 10
            rests.append(waited)

    asyncio.run(looks())

    assert rests == [30, 60, 120]


def test_what_is_recorded_while_inputs_are_fixed_costs_no_start(log: Log) -> None:
    scene = Scene(log, "alpha", "beta")
    issue = scene.file("alpha", 1)

    class Slow(Workers):
        async def seal(self, start: Start, project: ProjectId, issue: Issue) -> Engagement:
            if not self.started:
                scene.file("beta", len(scene.events("beta")) + 1)
            return await super().seal(start, project, issue)

    scene.workers = Slow()

    asyncio.run(scene.dispatcher().look())

    assert [each.issue for each in scene.workers.started] == [issue]


def test_an_issue_that_is_closed_while_its_inputs_are_fixed_is_not_started(log: Log) -> None:
    scene = Scene(log, "alpha")
    issue = scene.file("alpha", 1)

    class Late(Workers):
        async def seal(self, start: Start, project: ProjectId, issue: Issue) -> Engagement:
            log.append(project, [IssueClosed(issue.id, Closing.PERSON)], scene.clock())
            return await super().seal(start, project, issue)

    scene.workers = Late()

    asyncio.run(scene.dispatcher().look())

    assert not scene.workers.started
    assert not scene.state("alpha").issues[issue].attempts


def test_a_dependency_in_a_project_of_another_host_counts(log: Log) -> None:
    scene = Scene(log, "alpha")
    far = Issue(IssueId("far#1"), "t")
    log.append(ProjectId("id-far"), [IssueFiled(far)], scene.clock())
    issue = Issue(IssueId("alpha#1"), "t", labels=("ready",), depends_on=(far.id,))
    log.append(scene.projects["alpha"], [IssueFiled(issue)], scene.clock())

    asyncio.run(scene.dispatcher().look())
    assert scene.reason("alpha", issue.id) == (Choice.BLOCK, "it depends on far#1")
    log.append(ProjectId("id-far"), [IssueClosed(far.id, Closing.PERSON)], scene.clock())
    asyncio.run(scene.dispatcher().look())
    assert [each.issue for each in scene.workers.started] == [issue.id]


def test_what_other_hosts_spend_is_of_the_same_budget(log: Log) -> None:
    scene = Scene(log, "alpha", section=FleetSection(budget=Budget(money=5)))
    issue = scene.file("alpha", 1)
    far = Engagement(EngagementId("e-far"), RESOLVES_ISSUE, IssueId("far#1"), "ada", seal_of())
    log.append(ProjectId("id-far"), [EngagementSealed(far), EngagementSpent(far.id, Spend(money=5))], scene.clock())

    asyncio.run(scene.dispatcher().look())

    assert scene.reason("alpha", issue) == (Choice.IDLE, "the fleet's budget of today is spent: 5.00 money")


class Blind:
    def likely(self, project: ProjectId, issues: Sequence[Issue]) -> Mapping[IssueId, tuple[str, ...]]:
        raise RuntimeError("no index")


class Seer:
    def likely(self, project: ProjectId, issues: Sequence[Issue]) -> Mapping[IssueId, tuple[str, ...]]:
        return {each.id: ("stages.update",) for each in issues}


def test_who_cannot_foresee_stops_nobody(log: Log) -> None:
    scene = Scene(log, "alpha")
    scene.file("alpha", 1)
    dispatcher = scene.dispatcher(foresight=Blind())

    asyncio.run(dispatcher.look())

    assert len(scene.workers.started) == 1
    assert dispatcher.statistics().faults == 1


def test_what_is_foreseen_orders(log: Log) -> None:
    scene = Scene(log, "alpha", section=FleetSection(clashes="order"))
    scene.file("alpha", 1)
    second = scene.file("alpha", 2)

    asyncio.run(scene.dispatcher(foresight=Seer()).look())

    assert len(scene.workers.started) == 1
    assert scene.reason("alpha", second)[0] is Choice.ORDER


def test_a_running_dispatcher_wakes_on_what_others_record_and_by_the_clock(log: Log, tmp_path: Path) -> None:
    windows = "11:00-12:30"
    assert parse_quiet(windows)
    scene = Scene(log, "alpha", section=FleetSection(quiet=windows))

    async def life() -> None:
        dispatcher = scene.dispatcher()
        running = asyncio.create_task(dispatcher.run())
        with Log(open_file_store(tmp_path / "state")) as other:
            issue = Issue(IssueId("alpha#1"), "t", labels=("ready",))
            other.append(scene.projects["alpha"], [IssueFiled(issue)], scene.clock())
            await until(lambda: issue.id in scene.state("alpha").dispatched)
            assert scene.reason("alpha", issue.id) == (Choice.IDLE, "quiet hours until 12:30")
            scene.clock.pass_minutes(31)
            await until(lambda: bool(scene.workers.started))
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running

    asyncio.run(life())


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 another process's record has no event to wait for
            await asyncio.sleep(0.02)


def test_a_record_that_cannot_be_read_does_not_end_the_dispatcher(tmp_path: Path) -> None:
    log = Log(open_file_store(tmp_path / "state"))
    scene = Scene(log, "alpha")
    scene.file("alpha", 1)
    dispatcher = scene.dispatcher()
    database = tmp_path / "state" / "watchkeeper.db"

    async def life() -> None:
        with log._store.writing() as connection:
            connection.exec_driver_sql("ALTER TABLE events RENAME TO away")
        running = asyncio.create_task(dispatcher.run())
        await until(lambda: bool(dispatcher.troubles()))
        with log._store.writing() as connection:
            connection.exec_driver_sql("ALTER TABLE away RENAME TO events")
        scene.clock.pass_minutes(1)
        dispatcher.wake()
        await until(lambda: bool(scene.workers.started))
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running

    assert database.exists()
    asyncio.run(life())
    log.close()


def test_a_project_whose_driver_fails_is_left_alone_and_says_so(log: Log) -> None:
    scene = Scene(log, "alpha", "beta")
    scene.file("alpha", 1)
    other = scene.file("beta", 1)

    class Failing(Workers):
        async def start(self, project: ProjectId, engagement: Engagement) -> None:
            if project == scene.projects["alpha"]:
                raise OSError("no process left")
            await super().start(project, engagement)

    scene.workers = Failing()
    dispatcher = scene.dispatcher()
    scene.file("alpha", 2)

    async def looks() -> None:
        await dispatcher.look()
        await dispatcher.look()

    asyncio.run(looks())

    assert [each.issue for each in scene.workers.started] == [other]
    assert "no process left" in dispatcher.troubles()["alpha"]


class Killed(BaseException):
    """The process ends here."""


@settings(max_examples=25)
@given(deaths=st.lists(st.integers(1, 6), min_size=1, max_size=6), ends=st.integers(0, 2))
def test_killed_at_any_call_the_next_one_goes_on_and_no_issue_has_two(deaths: list[int], ends: int) -> None:
    class Mortal(Workers):
        """Dies at the given call, before or after what it was called for."""

        left = 0

        async def seal(self, start: Start, project: ProjectId, issue: Issue) -> Engagement:
            self._age()
            return await super().seal(start, project, issue)

        async def start(self, project: ProjectId, engagement: Engagement) -> None:
            await super().start(project, engagement)
            self._age()

        def _age(self) -> None:
            self.left -= 1
            if self.left == 0:
                raise Killed

    with tempfile.TemporaryDirectory() as folder, Log(open_file_store(Path(folder) / "state")) as log:
        scene = Scene(log, "alpha", "beta", section=FleetSection(concurrency=3))
        for number in range(4):
            scene.file("alpha", number)
            scene.file("beta", number)
        workers = scene.workers = Mortal()
        for death in [*deaths, 0]:
            workers.left = death
            with suppress(Killed, BaseExceptionGroup):
                asyncio.run(scene.dispatcher().look())
            for name, project in scene.projects.items():
                live = list(scene.state(name).live())
                assert len({each.engagement.issue for each in live}) == len(live)
                for each in live[:ends]:
                    log.append(project, [EngagementMoved(each.engagement.id, Stage.DONE)], scene.clock())

        claimed = [each.engagement.id for name in scene.projects for each in scene.state(name).engagements.values()]
        assert {each.id for each in workers.started} <= set(claimed), "nothing runs that is not in the record"
        assert max(Counter(each.issue for each in workers.started).values()) == 1


def engines() -> list[object]:
    found = [pytest.param("sqlite", id="sqlite")]
    return [*found, pytest.param("postgresql", id="postgresql", marks=pytest.mark.postgresql)]


@pytest.fixture(params=engines())
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Log]]:
    """Opens the same record as often as it is asked, each time anew."""
    if request.param == "sqlite":
        yield lambda: Log(open_file_store(tmp_path / "state"))
        return
    address = request.getfixturevalue("new_database")
    yield lambda: Log(open_url_store(address))


def test_of_two_dispatchers_each_claim_is_made_by_one(opener: Callable[[], Log]) -> None:
    with opener() as log, opener() as one, opener() as other:
        scene = Scene(log, "alpha", "beta", section=FleetSection(concurrency=3))
        for number in range(12):
            scene.file("alpha", number)
            scene.file("beta", number)

        async def day() -> None:
            both = [scene.dispatcher(one), scene.dispatcher(other)]
            for _ in range(40):
                await asyncio.gather(*(each.look() for each in both))
                assert sum(1 for name in scene.projects for _ in scene.state(name).live()) <= 3, "slots are the fleet's"
                for name, project in scene.projects.items():
                    live = [each.engagement.id for each in scene.state(name).live()]
                    assert len(live) <= 2
                    for identity in live[:1]:
                        log.append(project, [EngagementMoved(identity, Stage.DONE)], scene.clock())
            assert sum(each.statistics().lost for each in both) > 0, "they did meet"

        asyncio.run(day())

        claims = Counter(each.issue for each in scene.workers.started)
        assert set(claims.values()) == {1}
        assert len(claims) == 24
        for name in scene.projects:
            sealed = [
                each.event.engagement.issue for each in scene.events(name) if isinstance(each.event, EngagementSealed)
            ]
            assert max(Counter(sealed).values()) == 1


def test_this_machine_says_what_it_has_and_which_agents_are_missing(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "ada"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    agents = (AgentEntry("ada", ("ada",)), AgentEntry("own", ("./bin/ada",)), AgentEntry("gone", ("gone",)))

    found = LocalMachine(agents, str(program.parent), tmp_path).measure({EngagementId("e-1"): 1 << 30})

    assert found.absent == {"gone": "gone is not on PATH"}
    assert found.used_mb == {}, "a process that is gone takes nothing that anybody knows of"
    assert (found.free_mb or 0) > 0


def test_the_memory_of_a_process_that_lives_is_seen_and_of_another_nothing() -> None:
    assert (measure_tree(os.getpid()) or 0) > 10
    assert measure_tree(1 << 30) is None
    assert (measure_free() or 0) > 0
