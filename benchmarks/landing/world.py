"""The world that every arm meets: what arrives when, what breaks with what, how long a run takes. Known to no arm.

All of it follows from the seed and the setting, so that all arms meet the same world. Only what a change was begun on
depends on the arm, because that is what had landed by then.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

AREAS = 30
TESTS_OF_AREA = 12
FLAKY_TESTS = 20
MINUTES = 10.0
"""The median of a whole run."""
GROWTH = 0.01
"""What each further change adds to a run of several."""


@dataclass(frozen=True)
class Setting:
    """One world: ``rate`` changes arrive in an hour, ``slots`` runs go on at once. Shares are of 1.

    ``sharing`` runs go at full speed, more share the machine (0: any number). ``partial`` is what a run of failing
    tests alone costs of a whole one. ``missed`` is the share of overlaps that an analysis of footprints does not see.
    """

    rate: float
    slots: int
    flake: float = 0.0
    bad: float = 0.03
    pair: float = 0.035
    durations: str = "lognormal"
    burst: int = 0
    sharing: int = 0
    partial: float = 0.15
    missed: float = 0.0
    staleness: float = 60.0
    changes: int = 300


@dataclass(frozen=True)
class Group:
    """Changes that break tests together and not without each of them; a single one is a bad change."""

    members: tuple[int, ...]
    mask: int
    tests: tuple[str, ...]


@dataclass
class Truth:
    """Change ``i`` arrives at ``at[i]``, was begun ``age[i]`` minutes before and takes ``minutes[i]``."""

    setting: Setting
    seed: int
    at: list[float] = field(default_factory=list)
    age: list[float] = field(default_factory=list)
    minutes: list[float] = field(default_factory=list)
    areas: list[frozenset[int]] = field(default_factory=list)
    groups: list[list[Group]] = field(default_factory=list)
    """Of each change, those that it is a member of: they count where its members were begun without each other."""

    def is_bad(self, change: int) -> bool:
        """It breaks a test by itself."""
        return any(len(group.members) == 1 for group in self.groups[change])


def make_truth(setting: Setting, seed: int) -> Truth:
    """The world of a seed; settings that differ only in slots, flakes and costs have the same changes."""
    truth = Truth(setting, seed)
    arrivals, sizes, kinds = (Random(f"{seed} {name}") for name in ("arrivals", "sizes", "kinds"))
    now = 0.0
    weights = [1 / (rank + 1) for rank in range(AREAS)]
    for index in range(setting.changes):
        burst = max(1, setting.burst)
        if index % burst == 0:
            now += arrivals.expovariate(setting.rate / 60 / burst)
        truth.at.append(now)
        truth.age.append(sizes.uniform(0, setting.staleness))
        truth.minutes.append(_duration(setting.durations, sizes))
        count = 1 if kinds.random() < 0.8 else kinds.choice((2, 3))
        truth.areas.append(frozenset(kinds.choices(range(AREAS), weights, k=count)))
        truth.groups.append([])
        if kinds.random() < setting.bad:
            _add_group(truth, (index,), kinds)
    _plant(truth, Random(f"{seed} sets"))
    return truth


def _duration(kind: str, random: Random) -> float:
    draw = random.gauss(0, 1)
    match kind:
        case "const":
            return MINUTES
        case "lognormal":
            return MINUTES * math.exp(0.4 * draw)
        case "bimodal":
            return 60.0 if draw > 1.0364 else 2.0  # 15 % are long
        case _:
            raise ValueError(kind)


def _plant(truth: Truth, random: Random) -> None:
    """Pairs among changes of one area, and triples a tenth as often."""
    seen: set[tuple[int, ...]] = set()
    for area in range(AREAS):
        within = [index for index, areas in enumerate(truth.areas) if area in areas]
        for size, share in ((2, truth.setting.pair), (3, truth.setting.pair / 10)):
            for at in _hits(math.comb(len(within), size), share, random):
                members = tuple(sorted(within[each] for each in _combination(at, size)))
                if members not in seen:
                    seen.add(members)
                    _add_group(truth, members, random)


def _hits(total: int, share: float, random: Random) -> Iterator[int]:
    """Which of ``total`` things happen, each with the same chance: by the gaps between them, as there are millions."""
    if share <= 0:
        return
    at = -1
    while True:
        at += 1 + int(math.log(1 - random.random()) / math.log(1 - share))
        if at >= total:
            return
        yield at


def _combination(rank: int, size: int) -> tuple[int, ...]:
    """The ``rank``-th set of ``size`` numbers, in the order of the largest member."""
    found = []
    for left in range(size, 0, -1):
        top = left - 1
        step = 1
        while math.comb(top + step, left) <= rank:
            top, step = top + step, step * 2
        while step > 1:
            step //= 2
            if math.comb(top + step, left) <= rank:
                top += step
        found.append(top)
        rank -= math.comb(top, left)
    return tuple(found)


def _add_group(truth: Truth, members: tuple[int, ...], random: Random) -> None:
    area = random.choice(sorted(frozenset.intersection(*(truth.areas[each] for each in members)) or {0}))
    tests = {f"area{area}::test_{random.randrange(TESTS_OF_AREA)}" for _ in range(random.choice((1, 1, 1, 2)))}
    group = Group(members, sum(1 << each for each in members), tuple(sorted(tests)))
    for each in members:
        truth.groups[each].append(group)


class Tree:
    """What main would hold: the changes on it and the tests that they truly break."""

    __slots__ = ("children", "entry", "failing", "key", "mask", "parent")

    def __init__(self, key: int, parent: Tree | None, entry: int, mask: int, failing: frozenset[str]) -> None:
        self.key, self.parent, self.entry, self.mask, self.failing = key, parent, entry, mask, failing
        self.children: dict[int, Tree] = {}


class History:
    """What landed in one arm, and with it the truth about every tree that the arm could ask for."""

    def __init__(self, truth: Truth) -> None:
        self.truth = truth
        self.tip = Tree(0, None, -1, 0, frozenset())
        self._trees = 1
        self._moves: list[tuple[float, Tree]] = [(-math.inf, self.tip)]
        self.bases: dict[int, Tree] = {}
        self._excused: set[Group] = set()
        self.reds = 0

    def arrive(self, change: int) -> None:
        """It was begun on main as it was some time ago."""
        began = self.truth.at[change] - self.truth.age[change]
        self.bases[change] = next(tree for at, tree in reversed(self._moves) if at <= began)

    def child(self, tree: Tree, change: int) -> Tree:
        """A tree with one more change on top."""
        found = tree.children.get(change)
        if found is None:
            mask = tree.mask | 1 << change
            new = [test for group in self._completed(mask, change) for test in group.tests]
            failing = tree.failing | frozenset(new) if new else tree.failing
            found = tree.children[change] = Tree(self._trees, tree, change, mask, failing)
            self._trees += 1
        return found

    def over(self, tree: Tree, changes: Sequence[int]) -> Tree:
        """A tree with several more, in their order."""
        for each in changes:
            tree = self.child(tree, each)
        return tree

    def land(self, changes: Sequence[int], now: float) -> None:
        """Main moves. Where it turns red that is counted, and repaired at once so that the rest can be measured."""
        for each in changes:
            after = self.child(self.tip, each)
            broken = list(self._completed(after.mask, each))
            if broken:
                self.reds += 1
                self._excused.update(broken)
                after = Tree(self._trees, self.tip, each, after.mask, self.tip.failing)
                self.tip.children[each] = after
                self._trees += 1
            self.tip = after
        self._moves.append((now, self.tip))

    def explains(self, change: int, mask: int) -> bool:
        """The change breaks something together with some of those in ``mask``, or by itself."""
        return any(True for _ in self._completed(mask | 1 << change, change))

    def is_minimal(self, members: Sequence[int], tests: Sequence[str]) -> bool:
        """They break some of ``tests`` together, and fewer of them break none of these."""
        mask = sum(1 << each for each in members)
        whole = {group for each in members for group in self._completed(mask, each)}
        inside = [group for group in whole if not set(tests).isdisjoint(group.tests)]
        return bool(inside) and all(group.mask == mask for group in inside)

    def _completed(self, mask: int, change: int) -> Iterator[Group]:
        """The groups of a change that are whole in ``mask``, of members that did not know each other."""
        for group in self.truth.groups[change]:
            if group.mask & mask == group.mask and group not in self._excused and self._is_concurrent(group):
                yield group

    def _is_concurrent(self, group: Group) -> bool:
        return all(not self.bases[each].mask & group.mask for each in group.members)
