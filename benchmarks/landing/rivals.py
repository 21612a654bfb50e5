"""Queues that others use, from their documents and sources. Each gets one more run before it rejects anybody."""

from __future__ import annotations

from collections.abc import Sequence

from landing.arm import Arm
from landing.machine import Run
from landing.world import Truth


class Serial(Arm):
    """One at a time, in the order of arrival; further slots stay empty."""

    def __init__(self, truth: Truth) -> None:
        super().__init__(truth)
        self.waiting: list[int] = []
        self.is_again = False

    def arrived(self, change: int) -> None:
        self.waiting.append(change)

    def ended(self, run: Run) -> None:
        change = self.waiting[0]
        if run.failing and not self.is_again:
            self.is_again = True
            return
        self.is_again = False
        self.waiting.pop(0)
        if run.failing:
            self.reject(change)
        else:
            self.land([change])

    def fill(self) -> None:
        if self.waiting and not self.machine.running:
            self.start(self.tip, (), self.waiting[:1])


class Bors(Arm):
    """One staging branch: a batch of all who wait, at most ``size``; a failing one is halved, halves go first."""

    def __init__(self, truth: Truth, size: int) -> None:
        super().__init__(truth)
        self.size = size
        self.waiting: list[int] = []
        self.halves: list[list[int]] = []
        self.again: list[int] | None = None

    def arrived(self, change: int) -> None:
        self.waiting.append(change)

    def ended(self, run: Run) -> None:
        batch: list[int] = run.tag
        if not run.failing:
            self.land(batch)
        elif len(batch) > 1:
            middle = (len(batch) + 1) // 2
            self.halves[:0] = [batch[:middle], batch[middle:]]
        elif self.again == batch:
            self.reject(batch[0])
        else:
            self.again = batch
            self.halves.insert(0, batch)
            return
        self.again = None

    def fill(self) -> None:
        if self.machine.running:
            return
        if self.halves:
            batch = self.halves.pop(0)
        else:
            batch, self.waiting = self.waiting[: self.size], self.waiting[self.size :]
        if batch:
            self.start(self.tip, (), batch, batch)


class Prefix(Arm):
    """GitHub's: everyone is tested on all ahead; who fails at the head is removed, and all behind are tested anew."""

    def __init__(self, truth: Truth) -> None:
        super().__init__(truth)
        self.line: list[int] = []
        self.runs: dict[int, Run] = {}
        self.results: dict[int, bool] = {}
        self.has_failed: set[int] = set()

    def arrived(self, change: int) -> None:
        self.line.append(change)

    def ended(self, run: Run) -> None:
        change: int = run.tag
        del self.runs[change]
        if run.failing and change not in self.has_failed:
            self.has_failed.add(change)  # asked once more, on the same tree
        else:
            self.decided(change, not run.failing)
        self.settle()

    def decided(self, change: int, passes: bool) -> None:
        """The run of a change says something final about it and all ahead."""
        self.results[change] = passes

    def settle(self) -> None:
        """Land or remove at the head as far as is known."""
        while self.line and self.line[0] in self.results:
            change = self.line.pop(0)
            self.has_failed.discard(change)
            if self.results.pop(change):
                self.land([change])
            else:
                self.reject(change)
                self.reset(self.line)

    def reset(self, changes: Sequence[int]) -> None:
        """What was asked of them is worth nothing: something ahead is gone."""
        for each in changes:
            self.results.pop(each, None)
            self.has_failed.discard(each)
            run = self.runs.pop(each, None)
            if run is not None:
                self.machine.stop(run)

    def ahead(self, at: int) -> list[int]:
        """Who is assumed to land before the one at this place."""
        return self.line[:at]

    def reach(self) -> int:
        """How deep the line is tested."""
        return len(self.line)

    def fill(self) -> None:
        for at in range(min(self.reach(), len(self.line))):
            if self.machine.free == 0:
                return
            change = self.line[at]
            if change not in self.runs and change not in self.results:
                self.runs[change] = self.start(self.tip, self.ahead(at), [change], change)


class Zuul(Prefix):
    """Who fails is left out at once by all behind. The window grows by one with each success and halves on failure."""

    FLOOR, FIRST = 3, 20

    def __init__(self, truth: Truth) -> None:
        super().__init__(truth)
        self.window = self.FIRST

    def decided(self, change: int, passes: bool) -> None:
        super().decided(change, passes)
        if not passes:
            self.reset(self.line[self.line.index(change) + 1 :])

    def land(self, changes: Sequence[int]) -> None:
        super().land(changes)
        self.window += 1

    def reject(self, change: int, partners: Sequence[int] = (), tests: Sequence[str] = (), cost: float = 0.0) -> None:
        super().reject(change, partners, tests, cost)
        self.window = max(self.FLOOR, self.window // 2)

    def settle(self) -> None:
        while self.line and self.line[0] in self.results:
            change = self.line.pop(0)
            self.has_failed.discard(change)
            if self.results.pop(change):
                self.land([change])
            else:
                self.reject(change)  # all behind were tested without it already

    def ahead(self, at: int) -> list[int]:
        return [each for each in self.line[:at] if self.results.get(each, True)]

    def reach(self) -> int:
        return self.window
