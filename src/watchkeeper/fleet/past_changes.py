"""What changed before, and what was said of it: which files and symbols changes of a like text touched. Pure."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from watchkeeper.model.ids import SymbolKey

MOST_CHANGES = 4_000
"""Older ones are forgotten: they speak of code that is no more."""

MOST_TOUCHED = 100
"""A change of more files than this says nothing about any of them."""

_K1, _B = 1.2, 0.5
_HALF_LIFE = 200  # changes; what is worked on now is worked on next
_LN2 = math.log(2)
_MOST_ALIKE = 20


class PastChange(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A change of the target branch: how a person knows it again, what was said of it, and what it touched.

    ``files`` and ``symbols`` are those that were there before it. ``terms`` are of its issue, title and message;
    ``issue`` is the one that it resolves, where it says so; ``moved`` are files with the names that it gave them.
    """

    id: str
    label: str
    terms: dict[str, int]
    files: tuple[str, ...]
    symbols: tuple[SymbolKey, ...] = ()
    issue: str = ""
    moved: tuple[tuple[str, str], ...] = ()


class Alike(msgspec.Struct, frozen=True):
    """A past change whose text is like the query's; ``likeness`` is the share of what the query says, from 0 to 1."""

    likeness: float
    change: PastChange


class PastChanges:
    """The newest changes of a project, in the order in which they landed. Not safe for threads."""

    def __init__(self, changes: Iterable[PastChange] = (), *, most: int = MOST_CHANGES) -> None:
        self._most = most
        self._changes: deque[PastChange] = deque()
        self._first = 0  # the number of the oldest that is held
        self._postings: dict[str, dict[int, int]] = {}
        self._by_file: dict[str, dict[int, None]] = {}
        self._by_symbol: dict[SymbolKey, dict[int, None]] = {}
        self._terms = 0
        for change in changes:
            self.add(change)

    def __len__(self) -> int:
        return len(self._changes)

    def add(self, change: PastChange) -> None:
        """It landed, after all others."""
        for old, new in change.moved:
            self._rename(old, new)
        change = _renamed(change, dict(change.moved))
        number = self._first + len(self._changes)
        self._changes.append(change)
        self._terms += sum(change.terms.values())
        for term, count in change.terms.items():
            self._postings.setdefault(term, {})[number] = count
        if len(change.files) <= MOST_TOUCHED:
            for path in change.files:
                self._by_file.setdefault(path, {})[number] = None
            for key in change.symbols:
                self._by_symbol.setdefault(key, {})[number] = None
        while len(self._changes) > self._most:
            self._forget()

    def alike(self, query: Mapping[str, float]) -> tuple[Alike, ...]:
        """The changes whose text is most like the query's, the most alike first; of equals the newest."""
        scores: dict[int, float] = {}
        average = max(1.0, self._terms / max(1, len(self._changes)))
        most = 0.0
        for term in sorted(query):
            having = self._postings.get(term, {})
            rarity = math.log(1 + (len(self._changes) - len(having) + 0.5) / (len(having) + 0.5))
            weight = query[term] * rarity
            most += weight * (_K1 + 1) / (1 + _K1 * (1 - _B))
            for number, count in having.items():
                length = sum(self._changes[number - self._first].terms.values())
                gain = count * (_K1 + 1) / (count + _K1 * (1 - _B + _B * length / average))
                scores[number] = scores.get(number, 0.0) + weight * gain
        best = sorted(scores.items(), key=lambda item: (-item[1], -item[0]))[:_MOST_ALIKE]
        return tuple(Alike(min(1.0, score / most), self._changes[n - self._first]) for n, score in best)

    def share_of_file(self, path: str) -> float:
        """In which share of the newest changes a file was touched; the newer count more."""
        return self._share(self._by_file.get(path, {}))

    def share_of_symbol(self, key: SymbolKey) -> float:
        """The same of a symbol."""
        return self._share(self._by_symbol.get(key, {}))

    def newest_files(self) -> Sequence[str]:
        """Files by when they were touched last, the newest first; of one change in the order of their names."""
        last = {path: max(numbers) for path, numbers in self._by_file.items() if numbers}
        return sorted(last, key=lambda path: (-last[path], path))

    def newest_symbols(self) -> Sequence[SymbolKey]:
        """The same of symbols."""
        last = {key: max(numbers) for key, numbers in self._by_symbol.items() if numbers}
        return sorted(last, key=lambda key: (-last[key], key))

    def together(self, path: str) -> dict[str, float]:
        """The files that were touched together with one, each with how often that was so, from 0 to 1."""
        numbers = self._by_file.get(path, {})
        counts: Counter[str] = Counter()
        for number in numbers:
            counts.update(self._changes[number - self._first].files)
        del counts[path]
        return {other: count / (len(numbers) + 2) for other, count in counts.items() if count > 1}

    def symbols_of(self, path: str) -> Sequence[SymbolKey]:
        """The symbols of a file that some change touched."""
        return sorted(
            {k for n in self._by_file.get(path, {}) for k in self._changes[n - self._first].symbols if k.path == path}
        )

    def _rename(self, old: str, new: str) -> None:
        """What touched one file touched what is called otherwise now."""
        numbers = self._by_file.pop(old, {})
        for number in numbers:
            self._changes[number - self._first] = _renamed(self._changes[number - self._first], {old: new})
        if numbers:
            self._by_file.setdefault(new, {}).update(numbers)
        for key in [key for key in self._by_symbol if key.path == old] if numbers else ():
            self._by_symbol.setdefault(SymbolKey(new, key.qualname), {}).update(self._by_symbol.pop(key))

    def _share(self, numbers: Iterable[int]) -> float:
        now = self._first + len(self._changes)
        whole = _HALF_LIFE / _LN2 * (1 - math.exp(-_LN2 * len(self._changes) / _HALF_LIFE))
        recent = sum(math.exp(-_LN2 * (now - number) / _HALF_LIFE) for number in numbers)
        return recent / max(1.0, whole)

    def _forget(self) -> None:
        change, number = self._changes.popleft(), self._first
        self._first += 1
        self._terms -= sum(change.terms.values())
        for term in change.terms:
            _remove(self._postings, term, number)
        for path in change.files:
            _remove(self._by_file, path, number)
        for key in change.symbols:
            _remove(self._by_symbol, key, number)


def _renamed(change: PastChange, names: Mapping[str, str]) -> PastChange:
    if not names:
        return change
    files = tuple(names.get(path, path) for path in change.files)
    symbols = tuple(SymbolKey(names.get(key.path, key.path), key.qualname) for key in change.symbols)
    return msgspec.structs.replace(change, files=files, symbols=symbols)


def _remove(table: dict, key: object, number: int) -> None:  # type: ignore[type-arg] # of three tables
    if key in table:
        table[key].pop(number, None)
        if not table[key]:
            del table[key]
