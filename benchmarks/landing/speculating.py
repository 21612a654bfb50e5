"""Uber's SubmitQueue (EuroSys 2019), and the oracles that it is measured with."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator

from landing.arm import Arm
from landing.machine import Run, draw_of
from landing.world import Truth

MOST_BATCH = 16


class Foresight(Arm):
    """Knows at once who would land, in the order of arrival."""

    def __init__(self, truth: Truth) -> None:
        super().__init__(truth)
        self.future = self.tip
        self.lands: dict[int, bool] = {}

    def arrived(self, change: int) -> None:
        after = self.history.child(self.future, change)
        self.lands[change] = not after.failing
        if self.lands[change]:
            self.future = after


class Oracle(Foresight):
    """One run for each change and no more, each on the right tree: no queue without batches can be faster."""

    def __init__(self, truth: Truth) -> None:
        super().__init__(truth)
        self.waiting: list[int] = []

    def arrived(self, change: int) -> None:
        super().arrived(change)
        self.waiting.append(change)

    def ended(self, run: Run) -> None:
        for change in run.tag:
            if self.lands[change]:
                self.land([change])
            else:
                self.reject(change)

    def fill(self) -> None:
        while self.waiting and self.machine.free:
            self.machine.start(self.tip, [self.waiting[0]], [self.waiting.pop(0)])


class BatchOracle(Oracle):
    """The same in batches: all who wait are spread over the free slots; who would fail costs nothing."""

    def fill(self) -> None:
        while self.waiting and self.machine.free:
            size = min(MOST_BATCH, math.ceil(len(self.waiting) / self.machine.free))
            batch, self.waiting = self.waiting[:size], self.waiting[size:]
            self.machine.start(self.tip, [each for each in batch if self.lands[each]] or batch, batch)


class SubmitQueue(Foresight):
    """Builds the likeliest outcomes of those ahead that overlap; who overlaps with nobody ahead lands by itself.

    ``accuracy`` None: everyone is taken to land with the same chance; else a predictor is right so often.
    """

    CHANCE = 0.9
    LEAST = 0.01
    """What is less likely is not built, though a slot be free: there are too many such paths."""

    def __init__(self, truth: Truth, accuracy: float | None = None) -> None:
        super().__init__(truth)
        self.accuracy = accuracy
        self.pending: list[int] = []
        self.ahead: dict[int, list[int]] = {}
        self.chance: dict[int, float] = {}
        self.runs: dict[tuple[int, frozenset[int]], Run] = {}
        self.results: dict[tuple[int, frozenset[int]], bool] = {}
        self.again: set[tuple[int, frozenset[int]]] = set()
        self.keys: dict[int, set[tuple[int, frozenset[int]]]] = {}

    def arrived(self, change: int) -> None:
        super().arrived(change)
        areas = self.truth.areas[change]
        self.ahead[change] = [
            each for each in self.pending if self.truth.areas[each] & areas and not self._is_missed(each, change)
        ]
        self.pending.append(change)
        self.keys[change] = set()
        self.chance[change] = self.CHANCE
        if self.accuracy is not None:
            is_right = draw_of(self.truth.seed, change, 1) < self.accuracy
            self.chance[change] = self.accuracy if self.lands[change] == is_right else 1 - self.accuracy

    def _is_missed(self, one: int, other: int) -> bool:
        return draw_of(self.truth.seed, one, other + 2) < self.setting.missed

    def ended(self, run: Run) -> None:
        key: tuple[int, frozenset[int]] = run.tag[0]
        del self.runs[key]
        if run.failing and key not in self.again:
            self.again.add(key)
            self._build(*key)
        else:
            self.results[key] = not run.failing
            self._settle(key[0])

    def _settle(self, change: int) -> None:
        """Decide whoever has nobody undecided ahead and a result of what came true."""
        ready = [change]
        while ready:
            change = ready.pop(0)
            key = (change, frozenset[int]())
            if change not in self.ahead or self.ahead[change] or key not in self.results:
                continue
            passes = self.results[key]
            self.land([change]) if passes else self.reject(change)
            self.pending.remove(change)
            for each in self.keys.pop(change):
                self._forget(each)
            del self.ahead[change], self.chance[change]
            ready += self._tell(change, passes)

    def _tell(self, change: int, passes: bool) -> list[int]:
        """Those behind that waited for it: what assumed otherwise is over."""
        told = [each for each in self.pending if change in self.ahead[each]]
        for each in told:
            self.ahead[each].remove(change)
            wrong = {key for key in self.keys[each] if (change in key[1]) != passes}
            for key in wrong:  # all of them before any is renamed: they may have the same name then
                self._forget(key)
            right = self.keys[each] - wrong
            self.keys[each] = {self._rename(key, (each, key[1] - {change})) for key in right}
        return told

    def _rename(self, old: tuple[int, frozenset[int]], new: tuple[int, frozenset[int]]) -> tuple[int, frozenset[int]]:
        if old != new:
            if old in self.runs:
                self.runs[new] = self.runs.pop(old)
                self.runs[new].tag[0] = new
            if old in self.results:
                self.results[new] = self.results.pop(old)
            if old in self.again:
                self.again.remove(old)
                self.again.add(new)
        return new

    def _forget(self, key: tuple[int, frozenset[int]]) -> None:
        self.results.pop(key, None)
        self.again.discard(key)
        run = self.runs.pop(key, None)
        if run is not None:
            self.machine.stop(run)

    def fill(self) -> None:
        if not self.machine.free:
            return
        reach = max(64, 4 * self.setting.slots)
        paths = {each: self._paths(each) for each in self.pending[:reach]}
        heap = [(*next(path), change) for change, path in paths.items()]
        heap = [(-math.exp(cost), change, assumed) for cost, assumed, change in heap]
        heapq.heapify(heap)
        while heap and self.machine.free:
            chance, change, assumed = heapq.heappop(heap)
            if -chance < self.LEAST:
                return
            key = (change, assumed)
            if key not in self.keys[change]:
                self._build(*key)
            more = next(paths[change], None)
            if more is not None:
                heapq.heappush(heap, (-math.exp(more[0]), change, more[1]))

    def _build(self, change: int, assumed: frozenset[int]) -> None:
        key = (change, assumed)
        self.keys[change].add(key)
        self.runs[key] = self.start(self.tip, sorted(assumed), [change], [key])

    def _paths(self, change: int) -> Iterator[tuple[float, frozenset[int]]]:
        """What may become of those ahead, the likeliest first, with the logarithm of its chance."""
        ahead = self.ahead[change]
        best = frozenset(each for each in ahead if self.chance[each] >= 0.5)
        cost = sum(math.log(max(self.chance[each], 1 - self.chance[each])) for each in ahead)
        flips = sorted((abs(math.log(self.chance[each] / (1 - self.chance[each]))), each) for each in ahead)
        yield cost, best
        heap = [(flips[0][0], 0, (0,))] if flips else []
        while heap:
            extra, last, chosen = heapq.heappop(heap)
            yield cost - extra, best ^ {flips[each][1] for each in chosen}
            if last + 1 < len(flips):
                step = flips[last + 1][0]
                heapq.heappush(heap, (extra + step, last + 1, (*chosen, last + 1)))
                heapq.heappush(heap, (extra + step - flips[last][0], last + 1, (*chosen[:-1], last + 1)))
