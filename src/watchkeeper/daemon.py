"""The composition root of what lives on: the watch, the daemon around it, and the agents that are run."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from watchkeeper.app import (
    Place,
    choose_commands,
    find_socket,
    now,
    open_analysis,
    open_cache,
    open_commands,
    open_log,
)
from watchkeeper.conflicts.standing import State
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.ids import Millis

if TYPE_CHECKING:
    from watchkeeper.agents.port import Adapter
    from watchkeeper.sandbox.keeper import Keeper
    from watchkeeper.watch.engine import LiveWatch
    from watchkeeper.watch.gates import Owners
    from watchkeeper.watch.hosting import Hosting
    from watchkeeper.watch.picture import Parts


@contextmanager
def open_watch(place: Place, clock: Callable[[], Millis] = now) -> Iterator[Parts]:
    """What the live watch is made of, closed at the end. Raises WatchkeeperError."""
    from watchkeeper.probes.aside import ProverAside
    from watchkeeper.record.lock import ProcessLock
    from watchkeeper.repos.hub import open_hub
    from watchkeeper.watch.analyst import Analyst
    from watchkeeper.watch.discovery import Surveyor, Wanted, find_clones
    from watchkeeper.watch.keeper import Keeper
    from watchkeeper.watch.ledger import RECORDER_LOCK, Ledger
    from watchkeeper.watch.lookout import Lookout
    from watchkeeper.watch.merges import Merges
    from watchkeeper.watch.picture import Parts
    from watchkeeper.watch.readings import Readings

    config, folder = place.config, place.home / "projects" / place.project
    clones = find_clones(place.repository, [Path(each) for each in config.clones])
    wanted = Wanted(config.target, config.branches, config.landed_hours)
    with ExitStack() as open_parts:
        hub = open_parts.enter_context(open_hub(place.repository, folder))
        for clone in clones:
            hub.borrow(clone)
        # Read through the hub: it has the objects of all clones, and no configuration of theirs. Worktrees of its own
        # are those of engagements.
        own = folder / "worktrees"
        followed = (*clones, hub.repository) if own.is_dir() else clones
        surveyor = Surveyor(place.repository, hub.repository, followed, wanted, own=own)
        readings = Readings(hub.objects, open_parts.enter_context(open_cache(place.home)))
        merges = Merges(hub)
        analyst = Analyst(hub.repository, hub.objects, readings, merges)
        log = open_parts.enter_context(open_log(place.home))
        lock = ProcessLock(folder / RECORDER_LOCK)
        lock.acquire()
        ledger = Ledger(log, place.project, lock)
        open_parts.callback(ledger.close)
        choose_commands(place)  # a mistake in the configuration is said now
        prover = ProverAside("watchkeeper.daemon:prove_aside", place)
        lookout = Lookout(
            surveyor,
            hub.objects,
            analyst,
            lambda: ledger.state,
            clock=clock,
            ignore=config.ignore,
            prover=prover,
            keeper=Keeper(hub, ledger),
        )
        open_parts.callback(lookout.close)
        version = metadata.version("watchkeeper")
        yield Parts(
            surveyor.repositories, lookout, ledger, readings, clock, version, prover, partial(_explain, place.home)
        )


def _explain(home: Path, error: Exception) -> WatchkeeperError:
    from watchkeeper.record.failures import explain_fault

    return explain_fault(error, home, "watch")


async def keep_memory_still(watch: LiveWatch) -> None:
    """Once everything was looked at: what is known stays, and going through it for garbage would keep a save waiting.

    For a process whose one purpose the watch is.
    """
    import gc

    if await watch.wait_ready():
        gc.collect()
        gc.freeze()


async def serve(live: LiveWatch, parts: Parts, place: Place) -> None:
    """What goes on beside a watch that is a process of its own, until it is cancelled."""
    keeper = make_queue_keeper(place)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(keep_memory_still(live))
        tasks.create_task(make_hosting(live, parts, place, keeper).run())
        tasks.create_task(keeper.run())
        if (databases := make_database_keeper(place)) is not None:
            tasks.create_task(databases.run())


def make_database_keeper(place: Place) -> Keeper | None:
    """Watches the project's database in a process of its own; None where no variable is named for its address.

    It ends with this process, is begun again where it ends, and without the variable says so in its log.
    """
    from watchkeeper.sandbox.keeper import Keeper

    if not place.config.database.dsn_env:
        return None

    async def is_wanted() -> bool:
        return True

    folder = place.repository.found_at or place.repository.common_dir
    command = (sys.executable, "-m", "watchkeeper", "db", "watch", "--kept", "--repo", str(folder))
    return Keeper(command, place.home / "projects" / place.project / "database.log", is_wanted)


def make_queue_keeper(place: Place) -> Keeper:
    """Drives the queue in a process beside the watch, from when something was queued for the first time.

    Not in this one: what it computes would keep a save waiting.
    """
    from watchkeeper.record.codec import LANDING_KINDS
    from watchkeeper.sandbox.keeper import Keeper

    def has_queue() -> bool:
        with open_log(place.home) as log:
            return bool(log.latest(place.project, limit=1, kinds=LANDING_KINDS))

    async def is_wanted() -> bool:
        return await asyncio.to_thread(has_queue)

    folder = place.repository.found_at or place.repository.common_dir
    command = (sys.executable, "-m", "watchkeeper", "land", "--serve", "--repo", str(folder))
    return Keeper(command, place.home / "projects" / place.project / "landing.log", is_wanted)


def make_adapter(agent: str, socket: Path) -> Adapter:
    """What runs an agent by its name, with the user's own environment; what it asks for is judged at ``socket``.

    Raises UsageError for one that nobody knows.
    """
    from watchkeeper.agents.acp import AcpAdapter
    from watchkeeper.agents.codex_server import CodexAdapter
    from watchkeeper.agents.port import Launch
    from watchkeeper.agents.vendors import ACP_VENDORS
    from watchkeeper.model.errors import UsageError
    from watchkeeper.watch.running import gate_of

    gate = gate_of(agent, socket)
    if agent == "codex":
        return CodexAdapter(Launch(("codex", "app-server")), gate=gate)
    if agent not in ACP_VENDORS:
        names = ", ".join(sorted({*ACP_VENDORS, "codex"}))
        raise UsageError(
            f"There is no agent {agent!r}", slug="unknown-agent", hint=f"use one of: {names}", facts={"agent": agent}
        )
    vendor = ACP_VENDORS[agent]
    return AcpAdapter(vendor, Launch(vendor.command), gate=gate)


def find_owners(place: Place) -> Owners:
    """Who may write where, as the configuration says; ``CODEOWNERS`` is read where it stands in this checkout."""
    from watchkeeper.watch.gates import Owners, owners_of, read_owners

    rules: list[tuple[str, tuple[str, ...]]] = []
    for line in place.config.owners:
        if line.strip() == "CODEOWNERS" and place.repository.found_at is not None:
            files = [place.repository.found_at / folder / "CODEOWNERS" for folder in (".github", "", "docs")]
            text = next((file.read_text(errors="replace") for file in files if file.is_file()), "")
            rules += read_owners(text).rules
        else:
            rules += owners_of([line]).rules
    return Owners(tuple(rules))


def make_hosting(live: LiveWatch, parts: Parts, place: Place, keeper: Keeper | None = None) -> Hosting:
    """What lets agents and the command line speak to a watch."""
    from watchkeeper.agents.callers import find_client
    from watchkeeper.agents.hooks import vendor
    from watchkeeper.agents.lineage import find_agent, find_lineage, is_alive
    from watchkeeper.watch.attendance import Attendance, Outside
    from watchkeeper.watch.hosting import Hosting
    from watchkeeper.watch.pages import Pages

    def state() -> State:
        return parts.ledger.state

    outside = Outside(vendor, lambda pid: find_agent(find_lineage(pid)), find_lineage, is_alive, find_client)
    attendance = Attendance(
        live,
        state,
        outside,
        parts.clock,
        least=place.config.notice_severity,
        owners=find_owners(place),
        pages=Pages(parts.ledger),
        explain=parts.explain,
    )
    return Hosting(
        live,
        attendance,
        find_socket(place),
        state=state,
        repository=place.repository.common_dir,
        version=parts.version,
        clock=parts.clock,
        beside=lambda: keeper.problem if keeper is not None else "",
    )


def prove_aside() -> None:
    """The life of the process that proves for a watch; its place is the first thing that it is told."""
    from watchkeeper.probes.aside import serve
    from watchkeeper.probes.live import LiveProver
    from watchkeeper.probes.prover import Prover
    from watchkeeper.probes.sets import SetFinder
    from watchkeeper.probes.static import StaticProver
    from watchkeeper.probes.virtual import VirtualMerges
    from watchkeeper.record.messages import decode_message
    from watchkeeper.sandbox.companion import receive
    from watchkeeper.watch.hubtrees import HubTrees

    introduction = receive(sys.stdin.buffer)
    if introduction is None:
        return
    place = decode_message(introduction, Place)
    with open_analysis(place) as analysis, open_commands(place, analysis) as commands:
        merges = VirtualMerges(analysis.hub)
        reader = HubTrees(analysis.hub.objects, analysis.readings, analysis.analyst)
        prover = LiveProver(
            Prover(merges, reader, StaticProver(reader)),
            merges,
            analysis.hub.repository.is_ancestor,
            commands,
            budget=place.config.project.budget,
            sets=SetFinder(merges, reader, StaticProver(reader), commands),
        )
        serve(prover)
