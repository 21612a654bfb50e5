"""Hosts that share one fleet, on one machine: each has a state folder, a name, a clone, and one record for all."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from gitrepo import GitRepo
from watchkeeper.model.events import Recorded
from watchkeeper.model.fleet_state import FleetState, fold_fleet
from watchkeeper.model.hosts import shared_project
from watchkeeper.record.codec import FLEET_KINDS
from watchkeeper.record.log import Log
from watchkeeper.record.store import open_url_store

AGENT = r"""
import os, pathlib, re, sys, time
prompt = sys.stdin.read()
before, is_again, news = prompt.partition("Now there is this:")
if is_again:
    with open(os.environ["TALLY"] + ".told", "a") as told:
        told.write(f"{os.environ['WHERE']}: {news.strip()}\n\n")
    sys.exit()
number = re.search(r"make file (\w+)", prompt)[1]
if number == "rename":
    pathlib.Path("prices.py").write_text("def cost(n):\n    return n\n")
if number == "use":
    pathlib.Path("basket.py").write_text("from prices import price\n\n\ndef total(n):\n    return price(n)\n")
pathlib.Path(f"begun{number}.txt").write_text(number)
with open(os.environ["TALLY"], "a") as tally:
    tally.write(f"{number} {os.environ['WHERE']} {os.getpid()}\n")
pathlib.Path(f"f{number}.py").write_text(f"value = {number!r}\n")
gate = pathlib.Path(os.environ["GATES"]) / os.environ["WHERE"]
while gate.exists():
    time.sleep(0.05)
pathlib.Path(f"begun{number}.txt").unlink(missing_ok=True)
pathlib.Path(f"done{number}.py").write_text("done = True\n")
"""
"""Works on ``make file N``; while its host's gate is shut it has a file written, and goes no further."""


class HostProcess:
    """One host: ``up`` starts its fleet's daemon, ``kill`` ends it as a power cut would."""

    def __init__(self, world: World, name: str) -> None:
        self.world, self.name = world, name
        self.home, self.clone = world.root / name / "home", world.root / name / "shop"
        self.log = world.root / f"{name}.log"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def environ(self) -> dict[str, str]:
        told = {
            "WATCHKEEPER_HOME": str(self.home), "WATCHKEEPER_HOST": self.name, "WATCHKEEPER_STORE": self.world.store,
            "TALLY": str(self.world.tally), "GATES": str(self.world.gates), "WHERE": self.name,
        }  # fmt: skip
        return {**os.environ, **told}

    def up(self) -> None:
        """Start it in a session of its own."""
        file = self.world.root / self.name / "fleet.toml"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "watchkeeper", "up", "--foreground", "--fleet", str(file)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environ,
                start_new_session=True, cwd=file.parent,
            )  # fmt: skip

    @property
    def is_up(self) -> bool:
        """It takes part, and others can push to it."""
        return (self.home / "inbox" / "shop.git" / "HEAD").exists()

    def kill(self) -> None:
        """kill -9 of the daemon alone: what it started is left to itself."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(timeout=30)
        self.process = None

    def signal(self, number: int) -> None:
        """To the daemon."""
        assert self.process is not None
        self.process.send_signal(number)

    def end(self) -> None:
        """In order; it may be gone already."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        try:
            self.process.wait(timeout=40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(timeout=30)
        self.process = None

    def said(self) -> str:
        """All that its daemon said."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def run(self, *argv: str) -> str:
        """A verb in its clone."""
        done = subprocess.run(
            [sys.executable, "-m", "watchkeeper", *argv],
            cwd=self.clone, env=self.environ, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode in {0, 1}, done.stderr
        return done.stdout


class World:
    """Everything in ``root``. ``only`` of a host's name: [[project]] entries beside the shared ``shop``."""

    def __init__(self, root: Path, store: str, hosts: Mapping[str, str], concurrency: int = 4) -> None:
        """``hosts``: what stands in each [host.NAME] table."""
        self.root, self.store = root, store
        self.tally, self.gates = root / "tally", root / "gates"
        self.tally.touch()
        self.gates.mkdir()
        self.origin = root / "origin.git"
        self._seed()
        script = root / "agent.py"
        script.write_text(AGENT)
        self.hosts: dict[str, HostProcess] = {}
        tables = "".join(f"[host.{name}]\n{body}\n" for name, body in hosts.items())
        for name in hosts:
            host = self.hosts[name] = HostProcess(self, name)
            host.home.mkdir(parents=True)
            subprocess.run(["git", "clone", "-q", str(self.origin), str(host.clone)], check=True)
            (host.home.parent / "fleet.toml").write_text(
                f"store = {json.dumps(store)}\n[fleet]\nconcurrency = {concurrency}\nkeep_free_mb = 0\n"
                "pin_seconds = 2\n"
                f'clashes = "tell"\n{tables}'
                f"[[project]]\nname = 'shop'\npath = 'shop'\nconcurrency = {concurrency}\n"
                f"test = {json.dumps(sys.executable + ' -c pass')}\n"
                f"[agent.script]\ncommand = {json.dumps([sys.executable, str(script)])}\nprotocol = 'plain'\n"
                "memory_mb = 1\nenv = ['TALLY', 'GATES', 'WHERE']\n"
            )

    def _seed(self) -> None:
        seed = GitRepo.create(self.root / "seed")
        seed.write("prices.py", "def price(n):\n    return n\n")
        seed.write("watchkeeper.toml", "[landing]\nremote = 'origin'\n")
        seed.commit("begin")
        subprocess.run(["git", "clone", "-q", "--bare", str(seed.path), str(self.origin)], check=True)

    def shut(self, host: str) -> None:
        """From now on its agents stop in the middle."""
        (self.gates / host).touch()

    def open(self, host: str) -> None:
        """They go on."""
        (self.gates / host).unlink(missing_ok=True)

    def runs(self) -> list[tuple[str, str]]:
        """Which issue's agent was started where, in order."""
        return [(row.split()[0], row.split()[1]) for row in self.tally.read_text().splitlines()]

    def heard(self) -> str:
        """What agents were told, each after the host where it works."""
        told = self.tally.with_name(f"{self.tally.name}.told")
        return told.read_text() if told.exists() else ""

    def events(self) -> list[Recorded]:
        """All that is recorded of the shared project."""
        with Log(open_url_store(self.store)) as log:
            return list(log.read(shared_project("shop"), kinds=FLEET_KINDS))

    def state(self) -> FleetState:
        """Its fold."""
        return fold_fleet(self.events())

    def wait(self, what: str, is_so: Callable[[], bool], seconds: float = 90.0) -> None:
        """Until it is so; what the hosts said where it does not become so."""
        ends = time.monotonic() + seconds
        while not is_so():
            assert time.monotonic() < ends, f"not within {seconds:.0f} s: {what}\n{self.told()}"
            time.sleep(0.2)

    def told(self) -> str:
        """What everybody said, and how all stands: for a failed test."""
        said = [f"--- {host.name}\n{host.said()[-3000:]}" for host in self.hosts.values()]
        rows = [
            f"{e.engagement.id} {e.engagement.issue} {e.stage} by={e.by} {e.reason} {e.fault}"
            for e in self.state().engagements.values()
        ]
        rows += [f"{d.issue}: {d.choice} {d.why}" for d in self.state().dispatched.values()]
        return "\n".join([*said, *rows])


@contextmanager
def world(root: Path, store: str, hosts: Mapping[str, str], concurrency: int = 4) -> Iterator[World]:
    """Hosts that are ended at the end, with everything that they started."""
    made = World(root, store, hosts, concurrency)
    try:
        yield made
    finally:
        for name in made.hosts:
            made.open(name)
        for host in made.hosts.values():
            host.end()
