"""All pages of one tree, ready to be asked which files and symbols speak of something. Pure; changes file by file."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from watchkeeper.fleet.pages import Page
from watchkeeper.fleet.terms import parts_of, terms_of
from watchkeeper.model.ids import SymbolKey

_K1, _B = 1.2, 0.6  # the usual saturation; long files are punished a little less than usual: they are touched more
_PATH_WEIGHT = 4
_MOST_UNPACKED = 200


class Atlas:
    """Which terms stand in which files and symbols of a tree.

    What it answers depends on what it holds, not on the order in which that came. Not safe for threads.
    """

    def __init__(self) -> None:
        self._pages: dict[str, Page] = {}
        self._postings: dict[str, dict[str, int]] = {}
        self._lengths: dict[str, int] = {}
        self._total = 0
        self._in_symbols: Counter[str] = Counter()
        self._symbols = 0
        self._symbol_terms = 0
        self._names: dict[str, dict[SymbolKey, None]] = {}
        self._tails: dict[str, dict[str, None]] = {}
        self._unpacked: dict[str, list[dict[str, int]]] = {}

    @property
    def paths(self) -> Mapping[str, Page]:
        """All files, with their pages."""
        return self._pages

    def put(self, path: str, page: Page) -> None:
        """The file is there, with this content; harmless when repeated."""
        if path in self._pages:
            self.drop(path)
        self._pages[path] = page
        self._count(path, page, +1)
        for entry in page.entries:
            if entry.qualname:
                name = entry.qualname.rpartition(".")[2].lower()
                self._names.setdefault(name, {})[SymbolKey(path, entry.qualname)] = None
        self._tails.setdefault(path.rpartition("/")[2].lower(), {})[path] = None

    def drop(self, path: str) -> None:
        """The file is gone; harmless where it was not there."""
        page = self._pages.pop(path, None)
        if page is None:
            return
        self._unpacked.pop(path, None)
        self._count(path, page, -1)
        for entry in page.entries:
            name = entry.qualname.rpartition(".")[2].lower()
            if entry.qualname and name in self._names:
                self._names[name].pop(SymbolKey(path, entry.qualname), None)
                if not self._names[name]:
                    del self._names[name]
        tail = path.rpartition("/")[2].lower()
        self._tails[tail].pop(path, None)
        if not self._tails[tail]:
            del self._tails[tail]

    def defining(self, name: str) -> Sequence[SymbolKey]:
        """The symbols whose last name it is, in whatever case, sorted."""
        return sorted(self._names.get(name.lower(), ()))

    def with_file_name(self, name: str) -> Sequence[str]:
        """The paths whose last part it is, in whatever case, sorted."""
        return sorted(self._tails.get(name.lower(), ()))

    def rarity(self, term: str) -> float:
        """How much a term says: 0 where every file has it, more the fewer have it; 0 where none has it."""
        having = len(self._postings.get(term, ()))
        return math.log(1 + (len(self._pages) - having + 0.5) / (having + 0.5)) if having else 0.0

    def search_files(self, query: Mapping[str, float]) -> dict[str, float]:
        """Every file that has a term of the query, with its BM25 score."""
        scores: dict[str, float] = {}
        average = max(1.0, self._total / max(1, len(self._pages)))
        for term in sorted(query):
            weight = query[term] * self.rarity(term)
            for path, count in self._postings.get(term, {}).items():
                norm = _K1 * (1 - _B + _B * self._lengths[path] / average)
                scores[path] = scores.get(path, 0.0) + weight * count * (_K1 + 1) / (count + norm)
        return scores

    def search_symbols(self, query: Mapping[str, float], paths: Iterable[str]) -> dict[SymbolKey, float]:
        """Every symbol of these files that has a term of the query, with its BM25 score among all symbols."""
        average = max(1.0, self._symbol_terms / max(1, self._symbols))
        weights = {term: query[term] * self._rarity_in_symbols(term) for term in sorted(query)}
        scores: dict[SymbolKey, float] = {}
        for path in paths:
            page = self._pages.get(path)
            for entry, bag in zip(page.entries, self._bags(path), strict=True) if page is not None else ():
                met = [term for term in weights if term in bag] if entry.qualname else []
                if met:
                    norm = _K1 * (1 - _B + _B * sum(bag.values()) / average)
                    score = sum(weights[term] * bag[term] * (_K1 + 1) / (bag[term] + norm) for term in met)
                    scores[SymbolKey(path, entry.qualname)] = score
        return scores

    def speaks_of(self, path: str, term: str) -> bool:
        """Whether the term stands in the file."""
        return path in self._postings.get(term, ())

    def terms_in(self, key: SymbolKey) -> Mapping[str, int]:
        """How often each term stands in a symbol's own text; nothing for an unknown one."""
        page = self._pages.get(key.path)
        pairs = zip(page.entries, self._bags(key.path), strict=True) if page is not None else ()
        return next((bag for entry, bag in pairs if entry.qualname == key.qualname), {})

    def coverage(self, query: Mapping[str, float], name: str) -> float:
        """How much of what a name or path says the query says too, from 0 to 1, by rarity."""
        parts = {part: max(0.5, self.rarity(part)) for part in parts_of(name)}
        total = sum(parts.values())
        return sum(weight for part, weight in parts.items() if part in query) / total if total else 0.0

    def _bags(self, path: str) -> list[dict[str, int]]:
        """Unpacked, of the files that were asked about last: all of them would take ten times the memory."""
        known = self._unpacked.get(path)
        if known is None:
            while len(self._unpacked) >= _MOST_UNPACKED:
                del self._unpacked[next(iter(self._unpacked))]
            known = self._unpacked[path] = self._pages[path].bags()
        return known

    def _rarity_in_symbols(self, term: str) -> float:
        having = self._in_symbols.get(term, 0)
        return math.log(1 + (self._symbols - having + 0.5) / (having + 0.5)) if having else 0.0

    def _count(self, path: str, page: Page, sign: int) -> None:
        found: Counter[str] = Counter()
        for entry, bag in zip(page.entries, page.bags(), strict=True):
            found.update(bag)
            if entry.qualname:
                self._symbols += sign
                self._symbol_terms += sign * sum(bag.values())
                for term in bag:
                    self._in_symbols[term] += sign
        for term, count in terms_of(path).items():
            found[term] += _PATH_WEIGHT * count
        length = sum(found.values())
        self._total += sign * length
        if sign > 0:
            self._lengths[path] = length
            for term, count in found.items():
                self._postings.setdefault(term, {})[path] = count
            return
        del self._lengths[path]
        for term in found:
            self._postings[term].pop(path, None)
            if not self._postings[term]:
                del self._postings[term]
        for term in [term for term in found if not self._in_symbols.get(term, 1)]:
            del self._in_symbols[term]
