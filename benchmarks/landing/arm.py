"""What all arms have in common: time goes on, changes arrive, runs end, changes land or go back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from landing.machine import Machine, Run, Spent
from landing.world import History, Tree, Truth


@dataclass
class Outcome:
    """What became of one change. ``named``: it went back with partners; ``is_right``: they are a true minimal set."""

    at: float
    has_landed: bool
    named: tuple[int, ...] = ()
    is_false: bool = False
    is_right: bool = False
    needs_partner: bool = False
    cost: float = 0.0


@dataclass
class Played:
    """One arm in one world."""

    truth: Truth
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    spent: Spent = field(default_factory=Spent)
    reds: int = 0
    starved: int = 0
    notes: dict[str, float] = field(default_factory=dict)


class Arm(ABC):
    """A queue. Subclasses say what to do on arrival, at the end of a run, and with free slots."""

    def __init__(self, truth: Truth) -> None:
        self.truth = truth
        self.setting = truth.setting
        self.history = History(truth)
        self.machine = Machine(truth)
        self.played = Played(truth)
        self._passed: dict[int, int] = {}

    @abstractmethod
    def arrived(self, change: int) -> None:
        """A change wants to land."""

    @abstractmethod
    def ended(self, run: Run) -> None:
        """A run is over, and what it found is known."""

    @abstractmethod
    def fill(self) -> None:
        """Use the free slots."""

    def play(self) -> Played:
        """Until every change is decided."""
        at = 0
        arrivals = self.truth.at
        while True:
            end = self.machine.next_end()
            if at < len(arrivals) and (end is None or arrivals[at] <= end):
                self.machine.advance(arrivals[at])
                at = self._arrive(at)
            elif end is not None:
                self.machine.advance(end)
                self.ended(self.machine.end_first())
            else:
                break
            self.fill()
        self.played.spent, self.played.reds = self.machine.spent, self.history.reds
        missing = [each for each in range(len(arrivals)) if each not in self.played.outcomes]
        assert not missing, f"{type(self).__name__} never decided {missing[:5]} of {len(missing)}"
        return self.played

    def _arrive(self, at: int) -> int:
        """All who come at the same moment."""
        while at < len(self.truth.at) and self.truth.at[at] <= self.now:
            self._passed[at] = 0
            self.history.arrive(at)
            self.arrived(at)
            at += 1
        return at

    @property
    def now(self) -> float:
        return self.machine.now

    @property
    def tip(self) -> Tree:
        return self.history.tip

    def start(self, onto: Tree, ahead: Sequence[int], own: Sequence[int], tag: Any = None) -> Run:
        """Run everything on ``onto`` with ``ahead``, which others are testing, and ``own`` on top."""
        return self.machine.start(self.history.over(self.history.over(onto, ahead), own), list(own), tag)

    def land(self, changes: Sequence[int]) -> None:
        """Main gets them, in this order."""
        self.history.land(changes, self.now)
        for each in changes:
            assert each not in self.played.outcomes, "a change is decided once"
            self.played.outcomes[each] = Outcome(self.now, True)
            self._passed.pop(each)
        if changes:
            last = max(changes)
            for each in self._passed:
                if each < last:
                    self._passed[each] += 1
                    self.played.starved = max(self.played.starved, self._passed[each])

    def reject(self, change: int, partners: Sequence[int] = (), tests: Sequence[str] = (), cost: float = 0.0) -> None:
        """It goes back to who made it, with the partners and the tests that the arm names."""
        assert change not in self.played.outcomes, "a change is decided once"
        self._passed.pop(change)
        mask = self.tip.mask | sum(1 << each for each in partners)
        is_false = not self.history.explains(change, mask)
        is_bad = self.truth.is_bad(change)
        self.played.outcomes[change] = Outcome(
            self.now,
            False,
            tuple(partners),
            is_false,
            self.history.is_minimal((*partners, change), tests),
            not is_false and not is_bad,
            cost,
        )
