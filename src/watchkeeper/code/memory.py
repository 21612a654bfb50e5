"""Answers about trees, given again for every tree that says the same wherever the answer was looked for.

A check asks a tree many small things: this file's text, whether that module exists, which classes derive from a name.
All of it is noted with the answer. In another tree (the next save, the merge with another change, the base) the answer
is the same if each of those small things is, and comparing them is far cheaper than looking again.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import NamedTuple, TypeVar, cast

from watchkeeper.code.index import ProjectIndex
from watchkeeper.code.read_tree import Reads, ReadTree, answers_alike
from watchkeeper.code.tree import SourceTree
from watchkeeper.model.reading import Reading

T = TypeVar("T")
_MOST_WEIGHT = 400_000
_MOST_ALIKE = 8
"""Answers to one question: of the base, of the sides of a pair, of merges with several others."""


class RememberingTree:
    """``below``, with a memory for those who ask it much."""

    def __init__(self, below: SourceTree, memory: Memory) -> None:
        self.below = below
        self.memory = memory

    @property
    def index(self) -> ProjectIndex:
        return self.below.index

    def source(self, path: str) -> bytes | None:
        return self.below.source(path)

    def reading(self, path: str) -> Reading | None:
        return self.below.reading(path)


def recall(tree: SourceTree, question: Hashable, find: Callable[[SourceTree], T], weigh: Callable[[T], int]) -> T:
    """``find(tree)``, or the same from the memory of the tree, where it has one.

    ``find`` may depend on the tree and on ``question`` alone, and gives a value that nobody alters. ``weigh`` says of
    how many parts it is.
    """
    if isinstance(tree, RememberingTree):
        return tree.memory.recall(question, tree.below, find, weigh)
    return find(tree)


class _Answer(NamedTuple):
    answer: object
    reads: Reads
    weight: int


class Memory:
    """Remembers answers and what was read for them, the latest ``most_weight`` of reads and parts of answers.

    Threads may lose what was remembered, and never get a wrong answer.
    """

    def __init__(self, most_weight: int = _MOST_WEIGHT) -> None:
        self._most_weight = most_weight
        self._known: dict[Hashable, tuple[_Answer, ...]] = {}  # what was asked last stands last
        self._weight = 0  # about: threads may miss an addition, until it is counted anew

    def recall(
        self, question: Hashable, tree: SourceTree, find: Callable[[SourceTree], T], weigh: Callable[[T], int]
    ) -> T:
        """``find(tree)``, or what it gave before. ``find`` may depend on the tree and on ``question`` alone."""
        for known in self._known.get(question, ()):
            if answers_alike(tree, known.reads):
                self._keep(question, known)
                return cast("T", known.answer)
        read = ReadTree(tree)
        answer = find(RememberingTree(read, self))
        weight = sum(map(len, read.reads.values())) + weigh(answer)
        self._keep(question, _Answer(answer, read.reads, weight))
        self._weight += weight
        if self._weight > self._most_weight:
            self._forget()
        return answer

    def _keep(self, question: Hashable, now: _Answer) -> None:
        others = (each for each in self._known.pop(question, ()) if each is not now)
        self._known[question] = (now, *others)[:_MOST_ALIKE]

    def _forget(self) -> None:
        """Half goes at once, the oldest questions first. Copies of the dictionary need no lock."""
        kept = [(question, sum(each.weight for each in answers)) for question, answers in list(self._known.items())]
        weight = sum(each for _, each in kept)
        for question, each in kept:
            if weight * 2 <= self._most_weight:
                break
            self._known.pop(question, None)
            weight -= each
        self._weight = weight
