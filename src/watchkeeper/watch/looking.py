"""Symbols of a worktree's files as they stand on disk, whether the change touches them or not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from watchkeeper.code.comparison.sides import digest_of
from watchkeeper.code.languages import find_language
from watchkeeper.model.ids import SymbolKey
from watchkeeper.model.reading import Reading, Span, Symbol
from watchkeeper.repos.working import read_working_path
from watchkeeper.watch.questions import contract_text
from watchkeeper.watch.seen import Version

Read = Callable[[str, bytes], Reading | None]
"""What a file of this name and content says; None where no language reads it."""


def symbols_with(root: Path, path: str, texts: Sequence[str], read: Read) -> Mapping[SymbolKey, Version]:
    """The symbols of a file in which one of these texts stands; those in which the text of several lines begins."""
    content, reading = _load(root, path, read)
    if reading is None:
        return {}
    whole = content.decode("utf-8", "replace")
    spans = []
    for text in texts:
        at = whole.find(text)
        if at >= 0:
            first = whole.count("\n", 0, at) + 1
            spans.append((first, first + text.rstrip("\n").count("\n")))
    return _versions(path, content, _around(reading.symbols, spans))


def symbols_at(root: Path, path: str, lines: Span | None, read: Read) -> Mapping[SymbolKey, Version]:
    """The symbols of a file that these lines touch, None: all."""
    content, reading = _load(root, path, read)
    if reading is None:
        return {}
    return _versions(path, content, reading.symbols if lines is None else _around(reading.symbols, [lines]))


def versions_of(root: Path, keys: Iterable[SymbolKey], read: Read) -> Mapping[SymbolKey, Version]:
    """The symbols that are there now, by key; each file is read once."""
    wanted = frozenset(keys)
    found: dict[SymbolKey, Version] = {}
    for path in {key.path for key in wanted}:
        found |= {key: version for key, version in symbols_at(root, path, None, read).items() if key in wanted}
    return found


def _load(root: Path, path: str, read: Read) -> tuple[bytes, Reading | None]:
    file = read_working_path(root, path)
    if file is None or file.content is None or file.unknown or file.is_binary:
        return b"", None
    return file.content, read(path, file.content)


def _around(symbols: Sequence[Symbol], spans: Sequence[Span]) -> list[Symbol]:
    """The symbols that hold any line of the spans, a class as well as its method; not the module itself."""
    return [
        symbol
        for symbol in symbols
        if symbol.qualname and any(a <= last and first <= b for a, b in symbol.spans for first, last in spans)
    ]


def _versions(path: str, content: bytes, symbols: Iterable[Symbol]) -> dict[SymbolKey, Version]:
    """By what they say, not how: comments and formatting make no other version."""
    language = find_language(path)
    if language is None:
        return {}
    return {
        SymbolKey(path, symbol.qualname): Version(
            digest_of(language.normalise(content, symbol)), contract_text(symbol.qualname, symbol.signature)
        )
        for symbol in symbols
        if symbol.qualname
    }
