"""Two footprints laid over each other, and the values that rules make of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import msgspec

from watchkeeper.model.changes import Change, Source
from watchkeeper.model.conflicts import Conflict, Evidence, Kind, Severity
from watchkeeper.model.footprint import Confidence, FileTouch, Footprint, Read, Write
from watchkeeper.model.ids import ChangeId, ConflictId, SymbolKey
from watchkeeper.model.reading import Span

OVERWRITTEN = "overwritten"
"""The kind of a clash of two who share a checkout: one took out lines of the other's. git was not asked."""


class TextClash(msgspec.Struct, frozen=True):
    """What git says of one path when both trees are merged: its kind of conflict, and the lines on either side."""

    path: str
    kind: str
    ours: tuple[Span, ...] = ()
    theirs: tuple[Span, ...] = ()
    our_text: str = ""  # the first clashing line of either side
    their_text: str = ""


class Party:
    """One side: the change and its footprint, by key."""

    def __init__(self, change: Change, footprint: Footprint) -> None:
        self.change = change
        self.footprint = footprint

    @property
    def id(self) -> ChangeId:
        return self.change.id

    @property
    def label(self) -> str:
        return self.change.label

    @property
    def is_landed(self) -> bool:
        return self.change.source is Source.LANDED

    @cached_property
    def writes(self) -> Mapping[SymbolKey, Write]:
        """By key; where a file both drops and gains an import binding, the binding that is there now."""
        return {write.key: write for write in self.footprint.writes}

    @cached_property
    def reads(self) -> Mapping[SymbolKey, Sequence[Read]]:
        table: dict[SymbolKey, list[Read]] = {}
        for read in self.footprint.reads:
            table.setdefault(read.target, []).append(read)
        return table

    @cached_property
    def files(self) -> Mapping[str, FileTouch]:
        return {touch.path: touch for touch in self.footprint.files}

    @cached_property
    def inherits(self) -> Mapping[SymbolKey, Sequence[Read]]:
        """Classes that the change's code newly derives from or implements."""
        return {
            key: [read for read in reads if read.form.value == "inherit" and read.is_new]
            for key, reads in self.reads.items()
            if any(read.form.value == "inherit" and read.is_new for read in reads)
        }


@dataclass(frozen=True)
class Pair:
    """Two parties, and what git says of merging them. ``merge_known`` is False while git has not been asked."""

    first: Party
    second: Party
    clashes: tuple[TextClash, ...] = ()
    merge_known: bool = True
    popular: frozenset[str] = frozenset()  # files that many of the live changes touch: not worth much alone

    def directions(self) -> Iterator[tuple[Party, Party]]:
        """(writer, reader) both ways."""
        yield self.first, self.second
        yield self.second, self.first

    def shared_keys(self) -> Iterator[SymbolKey]:
        """Symbols that both write, in a stable order."""
        yield from sorted(self.first.writes.keys() & self.second.writes.keys())


def make_conflict(
    *,
    kind: Kind,
    rule: str,
    severity: Severity,
    confidence: Confidence,
    parties: Sequence[Party],
    keys: Sequence[SymbolKey | str],
    subjects: Sequence[str],
    summary: str,
    why: str,
    evidence: Iterable[Evidence],
    next_step: str,
    weight: int = 0,
) -> Conflict:
    """A conflict with its identity: rule, parties and the main key, so that it survives line shifts."""
    changes = tuple(sorted(party.id for party in parties))
    fingerprint = fingerprint_of(rule, changes, keys)
    return Conflict(
        id=ConflictId(f"c-{fingerprint[:8]}"),
        kind=kind,
        rule=rule,
        severity=severity,
        confidence=confidence,
        changes=changes,
        subjects=tuple(dict.fromkeys(subjects)),
        summary=summary,
        why=why,
        evidence=tuple(evidence),
        next_step=next_step,
        fingerprint=fingerprint,
        weight=weight,
    )


def fingerprint_of(rule: str, changes: Sequence[ChangeId], keys: Sequence[SymbolKey | str]) -> str:
    """Sixteen hexadecimal digits that name this conflict however its lines shift."""
    parts = [rule, *changes, *(key if isinstance(key, str) else "\0".join(key) for key in keys)]
    return hashlib.blake2b("\1".join(parts).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def shown_write(party: Party, write: Write, note: str = "") -> Evidence:
    """The write as a line of evidence."""
    return Evidence(
        change=party.id,
        path=write.path,
        line=write.line,
        text=write.text,
        note=note or write.detail or write.edit.value,
    )


def shown_read(party: Party, read: Read, note: str = "") -> Evidence:
    """The read as a line of evidence."""
    return Evidence(change=party.id, path=read.path, line=read.line, text=read.text, note=note or read.form.value)


def short(name: str) -> str:
    """The part of a symbol's name that people say: ``Context.close``."""
    return name.rpartition(":")[2] or name
