"""Agents as scouts and as refuters: sealed, on a copy of the tree, with one file as the answer."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from watchkeeper.engagements.asking import Answer, Asked, ask
from watchkeeper.engagements.sealing import Input, seal
from watchkeeper.fleet.config import AgentEntry
from watchkeeper.fleet.variables import variables_of
from watchkeeper.fleetdeck.crew import make_reader
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.fleet import Budget, EngagementId, EngagementSpent
from watchkeeper.model.ids import Millis, Sha
from watchkeeper.model.scouting import REFUTES_FINDING, SCANS_PROJECT, FindingTried, KindId, ScoutFinding
from watchkeeper.repos.scratch import ScratchPool
from watchkeeper.sandbox.job import Cancel
from watchkeeper.scoutdeck.looking import Asked as AskedLook
from watchkeeper.scoutdeck.place import Subject
from watchkeeper.scouts.asking import CHECK, FINDINGS, VERDICT, read_report, read_verdict, render_refuter, render_scout
from watchkeeper.scouts.checks.port import Ground, could_not_look
from watchkeeper.scouts.config import ScoutConfig
from watchkeeper.scouts.dimension import Dimension

WALL_S = 1_800.0
REFUTE_S = 600.0
_TREES = 2
_LOOK_S = 0.5


class Settled(NamedTuple):
    """Kinds that checks find already, and the sentence for each: an agent is told to leave them out."""

    kinds: tuple[KindId, ...] = ()
    sentences: tuple[str, ...] = ()


class AgentScouts:
    """Asks agents of ``fleet.toml``. Each question is an engagement: its inputs are sealed and pinned before it runs.

    Not for two threads at once on one tree; several may ask at once.
    """

    def __init__(  # noqa: PLR0917 parts, each of its own kind
        self,
        subject: Subject,
        agents: Iterable[AgentEntry],
        environ: Mapping[str, str],
        clock: Callable[[], Millis],
        cancel: Cancel,
        settled: Settled = Settled(),  # noqa: B008 - frozen
    ) -> None:
        self._subject, self._environ, self._clock, self._settled = subject, environ, clock, settled
        self._cancel = cancel
        self._agents = {each.name: each for each in agents}
        self._pool = ScratchPool(subject.hub, subject.folder / "asked", _TREES)

    def look(self, dimension: Dimension, ground: Ground) -> Sequence[AskedLook]:
        """Ask the agent that ``.scout.toml`` names for a dimension; nobody where it names none. Blocks."""
        name = ground.config.of(dimension.id).agent
        if not name:
            return ()
        agent = self._agents.get(name)
        if agent is None:
            why = f"fleet.toml has no agent {name!r}, which .scout.toml asks to look along {dimension.id}"
            return (AskedLook(could_not_look(CHECK, why)),)
        vision = ground.read(ground.config.vision).decode("utf-8", "replace") if ground.config.vision else ""
        prompt = render_scout(dimension, ground.config, vision, self._settled.sentences)
        identity, answer, seen = self._ask(agent, SCANS_PROJECT, ground.commit, prompt, FINDINGS, WALL_S)
        if answer.fault:
            looked = could_not_look(CHECK, f"{name}: {answer.fault}")
        elif answer.changed:
            looked = could_not_look(CHECK, f"{name} changed {', '.join(answer.changed[:5])}: it was to read alone")
        else:
            looked = read_report(answer.content, ground.read, seen, name)
        return (AskedLook(looked, self._settled.kinds, identity),)

    def refuter(self, config: ScoutConfig, commit: Sha) -> Callable[[ScoutFinding, str], FindingTried] | None:
        """Who tries findings at a commit: the agent that ``.scout.toml`` names; None where there is none."""
        entry = self._agents.get(config.refuter)
        if entry is None:
            return None

        def refute(finding: ScoutFinding, source: str) -> FindingTried:
            prompt = render_refuter(finding, source)
            identity, answer, _ = self._ask(entry, REFUTES_FINDING, commit, prompt, VERDICT, REFUTE_S)
            if answer.fault:
                return FindingTried(finding.id, None, f"{entry.name}: {answer.fault}", identity)
            return read_verdict(finding, answer.content, identity)

        return refute

    def _ask(  # noqa: PLR0917 one question
        self, entry: AgentEntry, atom: str, commit: Sha, prompt: str, answer: str, wall_s: float
    ) -> tuple[EngagementId, Answer, tuple[str, ...]]:
        """The engagement, what came of it, and which files of the tree it told to have read."""
        identity = EngagementId(f"e-{secrets.token_hex(4)}")
        seal(self._subject.hub, identity, commit, [Input("question", atom, prompt)], Budget(minutes=wall_s / 60))
        try:
            with self._pool.checkout(commit) as tree, tree.one_run() as ended:
                agent = self._make(entry, identity, tree.path)
                asking = ask(agent, tree.path, prompt, answer, wall_s, time.monotonic)
                answered = asyncio.run(_until_cancelled(asking, self._cancel))
                seen = tuple(path for path in answered.read if (tree.path / path).is_file() and path != answer)
                ended()
        except WatchkeeperError as error:
            return identity, Answer(fault=error.message), ()
        self._subject.log.append(self._subject.project, [EngagementSpent(identity, answered.spend)], self._clock())
        return identity, answered, seen

    def _make(self, entry: AgentEntry, identity: EngagementId, root: Path) -> Asked:
        given = {"WK_ENGAGEMENT": f"{identity}@{root}"}
        return make_reader(entry, {**variables_of(entry, self._environ).values, **given}, (FINDINGS, VERDICT))


async def _until_cancelled(asking: Coroutine[Any, Any, Answer], cancel: Cancel) -> Answer:
    """What came of it; where it is cancelled first the agent is ended, and there is no answer."""
    task = asyncio.create_task(asking)
    while not task.done():
        await asyncio.wait({task}, timeout=_LOOK_S)
        if cancel.is_set():
            task.cancel()
            await asyncio.wait({task})
    return Answer(fault="it was ended before it was done") if task.cancelled() else task.result()
