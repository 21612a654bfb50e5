"""What one file's text speaks of, symbol by symbol: a page. Depends on the bytes alone, so it is kept by blob. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from watchkeeper.fleet.terms import terms_of
from watchkeeper.model.reading import CALLABLES, CLASS_KINDS, Reading, Symbol, SymbolKind

VERSION = 1
"""Raise it when ``read_page`` gives other values for the same bytes."""

MOST_BYTES = 1_500_000
"""Of a larger file nothing but its path is known: nobody wrote it."""

NAMED = CALLABLES | CLASS_KINDS | {SymbolKind.VARIABLE}
"""What has an entry of its own."""

_MOST_ENTRIES = 4_000
_MOST_TERMS = 300
_NAME_WEIGHT = 3  # a word of the name says more than one of the body


class Entry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One symbol: its name, first line, number of lines, and the digest of its own text.

    ``qualname`` ``""`` is what stands outside all symbols. Fields are part of what assigns them.
    """

    qualname: str
    line: int
    lines: int
    digest: str


class Page(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A file's symbols, and packed for each of them how often each term stands in its own text."""

    entries: tuple[Entry, ...]
    packed: bytes

    def bags(self) -> list[dict[str, int]]:
        """The terms of each entry, in the order of the entries."""
        return msgspec.msgpack.decode(self.packed, type=list[dict[str, int]])


def read_page(source: bytes, reading: Reading | None) -> Page:
    """The page of a text, with its outline where a language reads it. Never raises, whatever the bytes.

    A binary or very large file has an empty page.
    """
    if len(source) > MOST_BYTES or b"\0" in source[:8_000]:
        return Page((), msgspec.msgpack.encode([]))
    lines = source.decode("utf-8", "replace").split("\n")
    symbols = [each for each in reading.symbols if each.kind in NAMED] if reading is not None else []
    symbols = sorted(symbols, key=lambda each: (each.spans[0][0], each.qualname))[:_MOST_ENTRIES]
    owners = _owners(symbols, len(lines))
    texts: list[list[str]] = [[] for _ in range(len(symbols) + 1)]
    for owner, line in zip(owners, lines, strict=True):
        texts[owner].append(line)
    whole = next((each for each in reading.symbols if not each.qualname), None) if reading is not None else None
    entries = [Entry("", 1, len(texts[0]), _short(whole.digest) if whole is not None else "")]
    entries += [Entry(e.qualname, e.spans[0][0], _length(e), _short(e.digest)) for e in symbols]
    bags = [_bag(entry.qualname, text) for entry, text in zip(entries, texts, strict=True)]
    return Page(tuple(entries), msgspec.msgpack.encode(bags))


def written_between(before: Page | None, now: Page | None) -> tuple[str, ...]:
    """The symbols of ``before`` whose own text is another ``now``, or that are gone; new ones are nobody's yet."""
    if before is None:
        return ()
    after = {each.qualname: each.digest for each in now.entries} if now is not None else {}
    return tuple(e.qualname for e in before.entries if e.qualname and after.get(e.qualname) != e.digest)


def _owners(symbols: Sequence[Symbol], count: int) -> list[int]:
    """For each line the innermost symbol that it belongs to, by its place plus one; 0 for none."""
    owners = [0] * count
    spans = [(last - first, first, last, i + 1) for i, each in enumerate(symbols) for first, last in each.spans]
    for _, first, last, owner in sorted(spans, reverse=True):
        start, stop = max(0, first - 1), min(count, last)
        owners[start:stop] = [owner] * max(0, stop - start)
    return owners


def _bag(qualname: str, text: Sequence[str]) -> Mapping[str, int]:
    found = terms_of("\n".join(text))
    for term, count in terms_of(qualname).items():
        found[term] += _NAME_WEIGHT * count
    if len(found) > _MOST_TERMS:
        found = Counter(dict(sorted(found.items(), key=lambda item: (-item[1], item[0]))[:_MOST_TERMS]))
    return found


def _length(symbol: Symbol) -> int:
    return sum(last - first + 1 for first, last in symbol.spans)


def _short(digest: str) -> str:
    return digest[:12]
