"""Virtual time, slots, and the runs in them."""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass
from typing import Any

from landing.world import FLAKY_TESTS, GROWTH, MINUTES, Setting, Tree, Truth

_PRIME = 2305843009213693951


@dataclass(eq=False)
class Run:
    """One run: of everything, or of ``tests`` only. ``tag`` is the arm's own."""

    tree: Tree
    tests: frozenset[str] | None
    tag: Any
    began: float
    work: float
    failing: frozenset[str] = frozenset()
    is_over: bool = False


@dataclass
class Spent:
    """What was asked of the machine. A run of some tests counts by its cost."""

    runs: float = 0.0
    started: int = 0
    stopped: int = 0
    minutes: float = 0.0
    most: int = 0


class Machine:
    """``slots`` runs at once, at full speed as far as the setting's ``sharing`` goes."""

    def __init__(self, truth: Truth) -> None:
        self._truth = truth
        self._setting: Setting = truth.setting
        self.now = 0.0
        self.running: dict[int, Run] = {}
        self.spent = Spent()
        self._done = 0.0  # work that a run could have done since the beginning
        self._ends: list[tuple[float, int]] = []
        self._asked: Counter[tuple[int, bool]] = Counter()
        self._next = 0
        self._keys: dict[Run, int] = {}

    @property
    def free(self) -> int:
        return self._setting.slots - len(self.running)

    def start(self, tree: Tree, own: list[int], tag: Any, tests: frozenset[str] | None = None) -> Run:
        """Begin a run. ``own`` are the changes that it has beyond what is running already: they make it long."""
        assert self.free > 0, "more runs than slots"
        share = 1.0 if tests is None else self._setting.partial
        longest = max((self._truth.minutes[each] for each in own), default=MINUTES)
        run = Run(tree, tests, tag, self.now, share * longest * (1 + GROWTH * len(own)))
        run.failing = self._result(tree, tests)
        self.spent.runs += share
        self.spent.started += 1
        self._next += 1
        self.running[self._next] = run
        self._keys[run] = self._next
        self.spent.most = max(self.spent.most, len(self.running))
        heapq.heappush(self._ends, (self._done + run.work, self._next))
        return run

    def stop(self, run: Run) -> None:
        """Nobody needs it any more."""
        self._leave(self._keys[run])
        self.spent.stopped += 1

    def next_end(self) -> float | None:
        """When the first run ends if nothing else happens."""
        while self._ends and self._ends[0][1] not in self.running:
            heapq.heappop(self._ends)
        if not self._ends:
            return None
        return self.now + max(0.0, self._ends[0][0] - self._done) / self._speed()

    def advance(self, now: float) -> None:
        if self.running:
            self._done += (now - self.now) * self._speed()
        self.now = now

    def end_first(self) -> Run:
        """The run that ends now."""
        end, key = heapq.heappop(self._ends)
        self._done = max(self._done, end)
        return self._leave(key)

    def _leave(self, key: int) -> Run:
        run = self.running.pop(key)
        del self._keys[run]
        run.is_over = True
        self.spent.minutes += self.now - run.began
        return run

    def _speed(self) -> float:
        sharing = self._setting.sharing
        return min(1.0, sharing / len(self.running)) if sharing else 1.0

    def _result(self, tree: Tree, tests: frozenset[str] | None) -> frozenset[str]:
        """What fails truly, and now and then a flaky test: the same for the n-th run of the same changes in any arm."""
        kind = (tree.mask, tests is None)
        self._asked[kind] += 1
        draw, which = _draws(self._truth.seed, *kind, self._asked[kind])
        if tests is None:
            flaky = {f"flaky::test_{which % FLAKY_TESTS}"} if draw < self._setting.flake else set()
            return tree.failing | flaky
        asked = {test for test in tests if test.startswith("flaky")}
        return (tree.failing & tests) | (asked if draw < self._setting.flake else set())


def _draws(seed: int, mask: int, is_whole: bool, count: int) -> tuple[float, int]:
    mixed = hash((seed, mask % _PRIME, is_whole, count)) & (1 << 64) - 1
    for _ in range(2):
        mixed = (mixed ^ mixed >> 31) * 0x9E3779B97F4A7C15 & (1 << 64) - 1
    mixed ^= mixed >> 29
    return (mixed >> 11) / (1 << 53), mixed & 0x7FF


def draw_of(seed: int, one: int, other: int) -> float:
    """A number between 0 and 1 that belongs to two others."""
    return _draws(seed, one, False, other)[0]
