"""write-write: both changes write the same symbol, also where git merges the text cleanly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from watchkeeper.conflicts.independence import are_independent
from watchkeeper.conflicts.pair import Pair, Party, make_conflict, short, shown_write
from watchkeeper.model.conflicts import Conflict, Kind, Severity
from watchkeeper.model.footprint import CONTRACT, Aspect, Confidence, Edit, Write
from watchkeeper.model.ids import SymbolKey
from watchkeeper.model.reading import CALLABLES, Span, SymbolKind

RULE = "write-write"
_NEAR_LINES = 40
_GONE = frozenset({Edit.DELETED, Edit.RENAMED})


class _Judgement(NamedTuple):
    severity: Severity
    summary: str
    why: str
    next_step: str


def find_write_write(pair: Pair) -> Iterator[Conflict]:
    """One conflict for each symbol that both write in ways that do not simply coincide."""
    for key in pair.shared_keys():
        one, two = pair.first.writes[key], pair.second.writes[key]
        if one.digest and one.digest == two.digest and one.edit is two.edit:
            continue
        judgement = _judge(pair, key, one, two)
        if judgement is None:
            continue
        yield make_conflict(
            kind=Kind.WRITE_WRITE,
            rule=RULE,
            severity=judgement.severity,
            confidence=Confidence.SURE,
            parties=(pair.first, pair.second),
            keys=(key,),
            subjects=(one.name,),
            summary=judgement.summary,
            why=judgement.why,
            evidence=(shown_write(pair.first, one), shown_write(pair.second, two)),
            next_step=judgement.next_step,
        )


def _judge(pair: Pair, key: SymbolKey, one: Write, two: Write) -> _Judgement | None:
    first, second = pair.first, pair.second
    if one.imports or two.imports:
        return _judge_bindings(pair, one, two)
    if one.edit in _GONE or two.edit in _GONE:
        return _judge_gone(first, second, one, two)
    if one.edit is Edit.ADDED and two.edit is Edit.ADDED:
        return _judge_added(pair, key, one, two)
    if one.kind is SymbolKind.MODULE:
        return None  # unnamed statements: whether they touch is git's question
    if one.kind in CALLABLES:
        return _judge_callables(pair, one, two)
    return _judge_others(first, second, one, two)


def _judge_bindings(pair: Pair, one: Write, two: Write) -> _Judgement | None:
    edits = {one.edit, two.edit}
    if one.imports != two.imports and edits == {Edit.ADDED}:
        summary = f"{_both(pair)} give the name {short(one.name)} two meanings: one imports it, the other defines it"
        return _Judgement(Severity.MAJOR, summary, "the later binding silently wins", "rename one of the two")
    if edits <= {Edit.ADDED, Edit.MODIFIED}:
        summary = f"{_both(pair)} import {short(one.name)} from different places"
        return _Judgement(Severity.MINOR, summary, "the later import silently wins", "agree on one import")
    return None


def _judge_gone(first: Party, second: Party, one: Write, two: Write) -> _Judgement | None:
    if one.edit in _GONE and two.edit in _GONE:
        if one.edit is Edit.DELETED or two.edit is Edit.DELETED or one.successor == two.successor:
            return None
        summary = f"{first.label} and {second.label} rename {short(one.name)} to different names"
        return _Judgement(Severity.MAJOR, summary, f"{one.detail}; {two.detail}", "agree on one name")
    if one.edit in _GONE:
        goner, gone, editor, edited = first, one, second, two
    else:
        goner, gone, editor, edited = second, two, first, one
    if edited.edit is Edit.ADDED or edited.kind is SymbolKind.MODULE:
        return None
    where = gone.detail or "deleted"
    if gone.edit is Edit.RENAMED and gone.successor is not None and gone.successor.path == gone.key.path:
        summary = f"{goner.label} renames {short(gone.name)} while {editor.label} edits it"
        return _Judgement(Severity.INFO, summary, where, "check the edit under its new name after the merge")
    if edited.kind not in CALLABLES and edited.kind is not SymbolKind.CLASS:
        severity = Severity.MINOR
    else:
        severity = Severity.MINOR if edited.is_test else Severity.MAJOR
    verb = "moves" if gone.edit is Edit.RENAMED else "deletes"
    summary = f"{goner.label} {verb} {short(gone.name)}, which {editor.label} edits"
    return _Judgement(severity, summary, f"{where}; the edit would be lost", f"tell {editor.label} before it goes on")


def _judge_added(pair: Pair, key: SymbolKey, one: Write, two: Write) -> _Judgement | None:
    owner = SymbolKey(key.path, key.qualname.rpartition(".")[0])
    if owner.qualname and _adds(pair.first, owner) and _adds(pair.second, owner):
        return None  # the class itself is added by both: told once, for the class
    if key.path in pair.first.files and pair.first.files[key.path].kind.value == "added":
        return None  # the whole file is added by both: the text rule's
    if one.kind is SymbolKind.MODULE:
        return None
    summary = f"{_both(pair)} add {short(one.name)}, each in its own way"
    why = "two definitions of one name merge cleanly when they stand apart, and the last silently wins"
    step = "keep one definition, or rename one"
    if one.kind in (SymbolKind.VARIABLE, SymbolKind.FIELD):
        return _Judgement(Severity.MINOR, summary, why, step)
    return _Judgement(Severity.MINOR if one.is_test and two.is_test else Severity.MAJOR, summary, why, step)


def _judge_callables(pair: Pair, one: Write, two: Write) -> _Judgement | None:
    summary = f"{_both(pair)} both change {short(one.name)}"
    step = "let one of them go first and have the other re-read the result"
    quiet = frozenset({Aspect.ANNOTATIONS})
    if one.aspects <= quiet or two.aspects <= quiet:
        return _Judgement(Severity.INFO, summary, "one of them leaves its behaviour as it is", step)
    gap = _gap(one.base_hunks, two.base_hunks)
    if one.is_test and two.is_test:
        return _Judgement(Severity.MINOR, summary, "both edit the same test", step)
    contracts = bool(one.aspects & CONTRACT) or bool(two.aspects & CONTRACT)
    if gap > _NEAR_LINES and not contracts:
        return _Judgement(Severity.MINOR, summary, f"their edits are {gap} lines apart in one function", step)
    if not contracts and are_independent(pair, one, two):
        return _Judgement(Severity.MINOR, summary, "their edits share no variable, branch or resource", step)
    why = "each was written against the version without the other; git sees only whether the lines touch"
    return _Judgement(Severity.MAJOR, summary, why, step)


def _judge_others(first: Party, second: Party, one: Write, two: Write) -> _Judgement | None:
    own_text = frozenset({Aspect.BODY, Aspect.VALUE})
    if not (one.aspects & own_text and two.aspects & own_text):
        return None
    both = one.aspects & two.aspects
    summary = f"{first.label} and {second.label} both change {short(one.name)}"
    step = "look at both edits side by side"
    if both & {Aspect.BASES, Aspect.DECORATORS, Aspect.KIND}:
        return _Judgement(Severity.MAJOR, summary, "both change what the class is", step)
    lines = sum(last - start + 1 for start, last in one.before)
    if one.kind in (SymbolKind.VARIABLE, SymbolKind.FIELD) and lines <= 3:
        return _Judgement(Severity.MINOR, summary, "both give it another value", step)
    return _Judgement(Severity.INFO, summary, "both edit different parts of it", step)


def _adds(party: Party, key: SymbolKey) -> bool:
    write = party.writes.get(key)
    return write is not None and write.edit is Edit.ADDED


def _both(pair: Pair) -> str:
    return f"{pair.first.label} and {pair.second.label}"


def _gap(one: tuple[Span, ...], two: tuple[Span, ...]) -> int:
    """Unchanged base lines between the nearest edits of the two sides."""
    return min(
        (max(b[0] - a[1], a[0] - b[1], 0) for a in one for b in two),
        default=0,
    )
