"""The sessions of one repository at work, and what happens to them: ends, crashes, new ones, strangers, no daemon."""

from __future__ import annotations

import random
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import notice_plans as plans_of
from measured_daemon import MeasuredDaemon
from notice_plans import ANCHOR, FIRST, Expected, Plan
from notice_planter import Planter
from notice_strangers import Stranger
from scratch import commit_all, create_repository, git
from scripted_agent import VENDORS, Agent, Step
from watchkeeper.app import find_place, open_log
from watchkeeper.model.agents import SessionId
from watchkeeper.model.events import Recorded, SessionBegan, SessionEnded
from watchkeeper.model.ids import Seq

Span = tuple[float, float]


class Pace(NamedTuple):
    """Seconds, least and most: between two tool calls of a session (a real one thinks longer), between two plans, until
    the next session ends, between two strangers. ``within`` is how long a session may wait to be told."""

    call: Span = (0.8, 4.0)
    plan: Span = (0.5, 3.0)
    turnover: Span = (8.0, 20.0)
    stranger: Span = (3.0, 8.0)
    within: float = 10.0


_A_MINUTE = 20
"""So many plans a minute there are numbers for."""


class Crew:
    """One repository with its daemon and its sessions."""

    def __init__(
        self, root: Path, number: int, *, shared: int, worktrees: int, minutes: float, pace: Pace, shim: Path,
        env: dict[str, str], dice: random.Random,
    ) -> None:  # fmt: skip
        self.number, self.shared, self.worktrees = number, shared, worktrees
        self.repo = root / f"r{number}"
        self.plans: list[Plan] = []
        self.agents: list[Agent] = []
        self.counts: Counter[str] = Counter()
        self.failures: list[str] = []
        self.leaked = 0
        self.is_dry = False
        self.pace = pace
        self._root, self._shim, self._env, self.dice = root, shim, env, dice
        self.guard = threading.RLock()
        self._working: list[threading.Thread] = []
        self._stop, self._rest_of_work = threading.Event(), threading.Event()
        self.is_up = threading.Event()
        self._trees = 0
        self._split: set[Path] = set()  # worktrees in which one session began before another was known to be over
        self._read_to = Seq(0)
        self._at_work: dict[SessionId, str] = {}
        count = 5 * (10 + round(minutes * _A_MINUTE / pace.plan[0] / 4))
        create_repository(self.repo)
        plans_of.write_project(self.repo, count)
        commit_all(self.repo, "base")
        numbers = range(FIRST, FIRST + count)
        self._functions = iter([each for each in numbers if plans_of.is_function(each)])
        self._sequences = iter([each for each in numbers if plans_of.is_sequence(each)])
        self.daemon = MeasuredDaemon(self.repo, env)

    @property
    def live(self) -> list[Agent]:
        return [each for each in self.agents if not each.is_over]

    def start(self) -> None:
        """The daemon, the worktrees, and a first session in each place."""
        trees = [self._new_tree() for _ in range(self.worktrees)]
        self.daemon.start(1 + len(trees))
        self.is_up.set()
        for tree in [self.repo] * self.shared + trees:
            self._come(tree)

    def threads(self, stop: threading.Event) -> Iterator[Callable[[], None]]:
        """What goes on beside each other until ``stop``."""
        self._stop = stop
        for each in self.live:
            self._let_work(each)
        yield lambda: self._again(Planter(self).plant, self.pace.plan)
        yield lambda: self._again(self._turn_over, self.pace.turnover)
        yield lambda: self._again(self._let_strangers_speak, self.pace.stranger)

    def join(self) -> None:
        """Nothing more is planned: the sessions end their work."""
        self._rest_of_work.set()
        for each in self._working:
            each.join(60)

    def restart(self, *, kill: bool) -> None:
        """End the daemon, with all sessions at work, and start it anew after a moment without.

        A kill comes between two calls: who was just being told may be told again after one, by design. So does any
        end for those whose worktree was split once: what is saved there while no daemon runs is nobody's, by design.
        """
        self.is_up.clear()
        with ExitStack() as silent:
            for each in [each for each in self.live if each.tree in self._split]:
                silent.enter_context(each.lock)
            with ExitStack() as held:
                for each in self.live if kill else ():
                    held.enter_context(each.lock)
                self.daemon.end(kill=kill)
            self.counts["daemon killed" if kill else "daemon restarted"] += 1
            time.sleep(1.0)
            self.daemon.start(1)
        now = time.monotonic()
        for plan in self.plans:
            for each in plan.expected:
                if not plan.over and plan.told(each.agent) is None:
                    each.due, each.is_timed = max(now, each.due), False
        self.is_up.set()

    def end_sessions(self) -> None:
        """All are done. Those in one checkout die together: the last of them would no longer be one of several."""
        for agent in self.live:
            if not agent.is_sharing:
                self._note_end(agent)
                agent.end()
        for agent in self.live:
            self._note_end(agent)
        for agent in self.live:
            agent.kill()

    def wait_settled(self, within_s: float) -> None:
        """Until all sessions have ended for the daemon, and what it was told last is recorded."""
        ends = time.monotonic() + within_s
        while time.monotonic() < ends and (standing := self.daemon.standing) is not None and standing.sessions:
            time.sleep(0.2)
        time.sleep(1.0)

    def stop(self) -> None:
        self.daemon.end()

    def close(self) -> None:
        """Nothing that was started is left."""
        self._stop.set()
        self._rest_of_work.set()
        for agent in self.live:
            agent.kill()
        self.daemon.close()

    def read_log(self) -> tuple[Recorded, ...]:
        place = find_place(self.repo, self._env)
        with open_log(place.home) as log:
            return tuple(log.read(place.project))

    # Sessions

    def _come(self, tree: Path) -> Agent:
        number = len(self.agents)
        vendor = VENDORS[(number + self.number) % len(VENDORS)]
        is_sharing = tree == self.repo
        agent = Agent(f"r{self.number}x{number}", vendor, tree, self._shim, self._env, is_sharing=is_sharing)
        agent.is_busy = True  # until it has begun
        with self.guard:
            self.agents.append(agent)
            self._succeed(agent)
        self._until(lambda: self._is_followed(agent), f"{agent.name} is heard of")
        agent.edit(Step(agent.own, "", f'"""What {agent.name} makes."""\n\nSTEPS = 0\n\n\n{ANCHOR}'))
        agent.is_busy = False
        return agent

    def _is_followed(self, agent: Agent) -> bool:
        """Of a new worktree the daemon may not know yet: who works there says so until he is heard."""
        agent.hook("SessionStart", source="startup")
        return self._is_at_work(agent)

    def _is_at_work(self, agent: Agent) -> bool:
        """Whether it is, for the daemon."""
        place = find_place(self.repo, self._env)
        with self.guard, open_log(place.home) as log:
            for each in log.read(place.project, after=self._read_to):
                self._read_to = each.seq
                if isinstance(each.event, SessionBegan):
                    self._at_work[each.event.session.id] = each.event.session.vendor_id
                elif isinstance(each.event, SessionEnded):
                    self._at_work.pop(each.event.id, None)
            return agent.name in self._at_work.values()

    def _succeed(self, agent: Agent) -> None:
        """Who comes to a worktree has to hear of what stands there."""
        if agent.is_sharing:
            return
        for plan in self.plans:
            if plan.is_meeting and not plan.over and agent.tree in plan.seats:
                mine = next((each for each in plan.expected if each.agent.tree == agent.tree), None)
                if mine is not None:
                    now = time.monotonic()
                    plan.expected.append(Expected(agent, mine.others, now, now, is_timed=False))
                    for each in plan.expected:
                        if mine.agent in each.others:
                            each.others.append(agent)
                            break

    def _let_work(self, agent: Agent) -> None:
        thread = threading.Thread(target=lambda: self._again(lambda: self._act(agent), self.pace.call, agent))
        self._working.append(thread)
        thread.start()

    def _act(self, agent: Agent) -> None:
        """One of the many things that concern nobody else."""
        if agent.is_silent:
            return
        with agent.lock:
            match self.dice.randrange(10):
                case 0 | 1 | 2:
                    agent.read(plans_of.area_of(FIRST + self.dice.randrange(40)))
                case 3 | 4:
                    agent.run()
                case 5 if not agent.is_sharing and self.dice.random() < 0.5:
                    with agent.tool("run", {"command": "git commit -qam work"}):
                        commit_all(agent.tree, "work")
                    self.counts["commit"] += 1
                case 5:
                    agent.hook("Stop")
                    agent.hook("UserPromptSubmit", prompt="go on")
                case _:
                    line = next(each for each in _read(agent).splitlines(True) if each.startswith("STEPS"))
                    agent.edit(Step(agent.own, line, f"STEPS = {int(line.split('=')[1]) + 1}\n"))

    # What happens to sessions

    def _turn_over(self) -> None:
        """A session ends or dies, and another comes: to the same place, or to a new worktree."""
        if not self.is_up.is_set():
            return
        with self.taken(1) as found:
            if not found:
                return
            agent = found[0]
            is_kill, is_fresh = self.dice.random() < 0.4, not agent.is_sharing and self.dice.random() < 0.5
            with self.guard, agent.lock:
                self._note_end(agent)
                if is_kill:
                    agent.kill()
                else:
                    agent.end()
            self.counts["session killed" if is_kill else "session ended"] += 1
            if is_kill and not is_fresh and self.dice.random() < 0.3:
                self.counts["session started anew at once"] += 1
                self._split.add(agent.tree)
            elif self.is_up.is_set():
                self._until(lambda: not self._is_at_work(agent), f"{agent.name} is over")
        tree = agent.tree
        if is_fresh:
            tree = self._new_tree()
            self._remove_tree(agent.tree)
            self.counts["worktree removed, another made"] += 1
        self._let_work(self._come(tree))

    def _note_end(self, agent: Agent) -> None:
        """Of what stands and it was told, nothing came before it was done."""
        for plan in self.plans:
            if plan.is_meeting and not plan.over and plan.told(agent) is not None:
                plan.heed[agent] = "unanswered"

    def _remove_tree(self, tree: Path) -> None:
        git(self.repo, "worktree", "remove", "--force", str(tree))
        git(self.repo, "branch", "-q", "-D", tree.name)
        with self.guard:
            for plan in self.plans:
                if plan.is_meeting and not plan.over and tree in plan.seats:
                    plan.end(time.monotonic())

    def _new_tree(self) -> Path:
        self._trees += 1
        tree = self._root / f"r{self.number}-w{self._trees}"
        git(self.repo, "worktree", "add", "-q", "-b", tree.name, str(tree), "main")
        return tree

    def _let_strangers_speak(self) -> None:
        with self.taken(1) as found:  # one whose process is alive all the time: else its session may be taken up
            for victim in found:
                with Stranger(self._shim, self._env, victim, self.daemon.socket) as stranger:
                    self.counts["garbage calls"] += stranger.send_garbage(self.dice)
                    self.counts["forged calls"] += stranger.speak_as_victim()
                    self.leaked += stranger.heard

    # In general

    @contextmanager
    def taken(self, count: int, *, sharing: bool | None = None) -> Iterator[list[Agent]]:
        """So many sessions that nothing else is done with meanwhile; none where there are too few.

        ``sharing``: of those in the main checkout alone, or of the others.
        """
        with self.guard:
            free = [each for each in self.live if not each.is_busy and sharing in (None, each.is_sharing)]
            taken = self.dice.sample(free, count) if len(free) >= count else []
            for each in taken:
                each.is_busy = True
        try:
            yield taken
        finally:
            for each in taken:
                each.is_busy = False

    def number_for(self, rule: str) -> int | None:
        """One that no plan had yet; None where all are used up, which is a fault of the soak's own."""
        found = next(self._sequences if rule == "resource" else self._functions, None)
        self.is_dry |= found is None
        return found

    def sharers(self) -> list[Agent]:
        """Those at work in the main checkout, in an order in which nobody waits for another."""
        return sorted((each for each in self.live if each.is_sharing), key=lambda each: each.name)

    def rest(self, least: float, most: float) -> None:
        self._stop.wait(self.dice.uniform(least, most))

    def _again(self, work: Callable[[], None], pause: tuple[float, float], agent: Agent | None = None) -> None:
        stop = self._stop if agent is None else self._rest_of_work
        while not stop.wait(self.dice.uniform(*pause)) and not (agent is not None and agent.is_over):
            try:
                work()
            except Exception:  # noqa: BLE001 - a script that fails is counted, and the others go on
                self.failures.append(traceback.format_exc())
                print(self.failures[-1], flush=True)

    def _until(self, condition: Callable[[], bool], what: str) -> None:
        ends = time.monotonic() + 40.0
        while not condition():
            if time.monotonic() > ends:
                raise RuntimeError(f"never: {what}")
            time.sleep(0.1)


def _read(agent: Agent) -> str:
    return (agent.tree / agent.own).read_text()
