"""Two versions of one file -> what was added, altered, deleted, renamed.

Formatting, comments and docstrings are no change: symbols whose raw text differs are compared again by their
normalised text. Pure; costs what the difference costs.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from difflib import SequenceMatcher

import msgspec

from watchkeeper.code.language import Language
from watchkeeper.code.linediff import hunks as line_hunks
from watchkeeper.model.flow import Flow
from watchkeeper.model.footprint import Aspect, Edit, Hunk, Write
from watchkeeper.model.ids import SymbolKey
from watchkeeper.model.reading import CALLABLES, Import, Reading, Signature, Span, Status, Symbol, SymbolKind

_SIMILAR = 0.6
_MOST_RENAMES = 60
_VALUES = frozenset({SymbolKind.VARIABLE, SymbolKind.FIELD})
_TYPES = frozenset({SymbolKind.CLASS, SymbolKind.INTERFACE, SymbolKind.TYPE, SymbolKind.ENUM})


class FileVersion(msgspec.Struct, frozen=True):
    """One file at one moment: where it is, its bytes, and what they say (with bodies)."""

    path: str
    source: bytes
    reading: Reading


class FileDelta(msgspec.Struct, frozen=True):
    """What happened in one file: the writes (keys in base coordinates) and the changed lines.

    ``texts`` holds the normalised text of each modified symbol, before and after, by qualname.
    """

    writes: tuple[Write, ...]
    hunks: tuple[Hunk, ...]
    texts: dict[str, tuple[str, str]] = {}


class Comparison:
    """Compares one file's base with its present; ``name`` turns a key into a name for people."""

    def __init__(self, language: Language, base: FileVersion | None, now: FileVersion | None) -> None:
        self._language = language
        self._base = base
        self._now = now
        self._old = {s.qualname: s for s in base.reading.symbols} if base else {}
        self._new = {s.qualname: s for s in now.reading.symbols} if now else {}
        self._path = base.path if base else now.path if now else ""
        self._now_path = now.path if now else self._path
        self._hunks = line_hunks(base.source if base else b"", now.source if now else b"")
        self._base_lines = base.source.splitlines() if base else []
        self._now_lines = now.source.splitlines() if now else []
        self._texts: dict[str, tuple[str, str]] = {}
        # Definitions that went, while their name is imported now: they moved, and can still be had from here.
        self._kept = {n: i for n, i in _bindings(now.reading if now else None).items() if n in self._old}

    def delta(self) -> FileDelta:
        """All writes of the file, in source order of the new text, deletions last."""
        deleted = [name for name in self._old if name not in self._new and not self._hidden(name)]
        added = [name for name in self._new if name not in self._old]
        renamed = self._find_renames(deleted, added) if self._base and self._now else {}
        writes: list[Write] = []
        for qualname, symbol in self._new.items():
            if qualname in self._old:
                writes.extend(self._modified(self._old[qualname], symbol))
            elif qualname not in renamed.values():
                writes.append(self._added(symbol))
        writes.extend(self._deleted(self._old[old_name], renamed.get(old_name)) for old_name in deleted)
        writes.extend(
            msgspec.structs.replace(self._added(self._new[new_name]), detail=f"renamed from {old_name}")
            for old_name, new_name in renamed.items()
        )
        writes.extend(self._imports())
        writes.extend(self._exports())
        return FileDelta(writes=tuple(writes), hunks=self._hunks, texts=self._texts)

    def _hidden(self, qualname: str) -> bool:
        """Whether the symbol may merely have become unreadable: then it is not known to be deleted."""
        if self._now is None or self._now.reading.status is Status.PARSED:
            return False
        if self._now.reading.status is Status.UNKNOWN:
            return True
        owner = qualname.partition(".")[0]
        broken = b"\n".join(b"\n".join(self._now_lines[first - 1 : last]) for first, last in self._now.reading.broken)
        return owner.encode() in broken or qualname.rpartition(".")[2].encode() in broken

    # -- single symbols ----------------------------------------------------------------------------------------------

    def _modified(self, old: Symbol, new: Symbol) -> Iterable[Write]:
        contract = _contract_aspects(old, new)
        if old.digest == new.digest and not contract:
            return
        before, after = self._normal(self._base, old), self._normal(self._now, new)
        if before == after and not contract:
            return
        self._texts[new.qualname] = (before, after)
        aspects = set(contract)
        if before != after:
            aspects.add(self._what_differs(old, new))
        if Aspect.ANNOTATIONS in aspects:
            aspects.discard(Aspect.RETURNS)  # it says so in other words, and returns what it returned
        write = self._write(
            new,
            Edit.MODIFIED,
            aspects=frozenset(aspects),
            before=old.spans,
            after=new.spans,
            old_signature=old.signature,
            new_signature=new.signature,
            detail=_describe(old, new, contract),
            digest=_digest(after),
        )
        yield msgspec.structs.replace(write, flow=self._flow(new)) if aspects == {Aspect.BODY} else write

    def _flow(self, new: Symbol) -> Flow | None:
        if new.kind not in CALLABLES or self._base is None or self._now is None:
            return None
        return self._language.find_flow(self._base.source, self._now.source, new.qualname, self._hunks)

    def _what_differs(self, old: Symbol, new: Symbol) -> Aspect:
        before, after = (self._normal(side, s, types=False) for side, s in ((self._base, old), (self._now, new)))
        if before == after and new.kind not in _TYPES:
            return Aspect.ANNOTATIONS
        return Aspect.VALUE if new.kind in _VALUES else Aspect.BODY

    def _added(self, new: Symbol) -> Write:
        return self._write(
            new,
            Edit.ADDED,
            after=new.spans,
            new_signature=new.signature,
            digest=_digest(self._normal(self._now, new)),
            required=_is_required(new, self._new),
        )

    def _deleted(self, old: Symbol, successor: str | None) -> Write:
        new_name = SymbolKey(self._now_path, successor) if successor else None
        kept = self._kept.get(old.qualname.partition(".")[0]) if not successor else None
        return self._write(
            old,
            Edit.RENAMED if successor or kept else Edit.DELETED,
            before=old.spans,
            old_signature=old.signature,
            new_signature=self._new[successor].signature if successor else None,
            successor=new_name,
            detail=f"renamed to {successor}" if successor else f"moved to {kept.module}" if kept else "deleted",
            reachable=kept is not None or self._is_offered_otherwise(old.qualname),
            digest=_digest(self._normal(self._base, old)) if self._base else "",
            gone=True,
        )

    def _write(
        self,
        symbol: Symbol,
        edit: Edit,
        *,
        aspects: frozenset[Aspect] = frozenset(),
        before: tuple[Span, ...] = (),
        after: tuple[Span, ...] = (),
        old_signature: Signature | None = None,
        new_signature: Signature | None = None,
        successor: SymbolKey | None = None,
        detail: str = "",
        digest: str = "",
        required: bool = False,
        reachable: bool = False,
        gone: bool = False,
    ) -> Write:
        own = self._own_spans(symbol, self._old if gone else self._new)
        touched = _touched(self._hunks, own, base=gone)
        base_own = self._own_spans(self._old[symbol.qualname], self._old) if before and not gone else own
        lines = self._base_lines if gone else self._now_lines
        first = touched[0][0] if touched else (own[0][0] if own else 1)
        return Write(
            key=SymbolKey(self._path, symbol.qualname),
            kind=symbol.kind,
            edit=edit,
            name=symbol.qualname,
            path=self._path if gone else self._now_path,
            aspects=aspects,
            before=before,
            after=after,
            hunks=touched,
            base_hunks=_touched(self._hunks, base_own, base=True) if before else (),
            old_signature=old_signature,
            new_signature=new_signature,
            successor=successor,
            detail=detail,
            line=first,
            text=_line(lines, first),
            digest=digest,
            share=_share(touched, own),
            required=required,
            reachable=reachable,
        )

    def _normal(self, version: FileVersion | None, symbol: Symbol, *, types: bool = True) -> str:
        return self._language.normalise(version.source, symbol, types=types) if version else ""

    def _own_spans(self, symbol: Symbol, table: dict[str, Symbol]) -> tuple[Span, ...]:
        """The symbol's lines; for classes and the module without the lines of what is nested in them."""
        if symbol.kind is not SymbolKind.MODULE and symbol.kind not in _TYPES:
            return symbol.spans
        prefix = f"{symbol.qualname}." if symbol.qualname else ""
        inner = [
            span
            for name, other in table.items()
            if name != symbol.qualname and name.startswith(prefix) and other.kind is not SymbolKind.FIELD
            for span in other.spans
        ]
        return subtract_spans(symbol.spans, inner)

    # -- imports -----------------------------------------------------------------------------------------------------

    def _imports(self) -> Iterable[Write]:
        old = _bindings(self._base.reading if self._base else None)
        new = _bindings(self._now.reading if self._now else None)
        for local, item in old.items():
            if local in new or local in self._new or self._now is None or self._hidden(local):
                continue
            yield self._binding(local, item, Edit.DELETED, "import removed", _line(self._base_lines, item.line))
        for local, item in new.items():
            text = _line(self._now_lines, item.line)
            if local not in old and local not in self._old:
                yield self._binding(local, item, Edit.ADDED, "import added", text)
            elif local in old and _meaning(old[local]) != _meaning(item):
                yield self._binding(local, item, Edit.MODIFIED, f"now imported from {item.module or '.'}", text)

    def _exports(self) -> Iterable[Write]:
        """Names that can no longer be imported from here, although they may still be defined."""
        if not self._language.has_exports or self._base is None or self._now is None or self._hidden(""):
            return
        now = {export.public for export in self._now.reading.exports}
        stars = any(export.public == "*" for export in self._now.reading.exports)
        for export in self._base.reading.exports:
            gone = export.public not in now and export.public != "*"
            if not gone or self._is_offered_otherwise(export.public, export.local):
                continue
            if not (stars and export.public != "default") and not self._is_deleted(export.local):
                item = Import(local=export.public, module=export.module, level=0, name=export.local, line=export.line)
                text = _line(self._base_lines, export.line)
                write = self._binding(export.public, item, Edit.DELETED, "no longer exported", text)
                yield msgspec.structs.replace(write, name=export.local if export.public == "default" else export.public)

    def _is_offered_otherwise(self, name: str, local: str = "") -> bool:
        """Whether a CommonJS module spells the same offer in another way: ``module.exports = { f }``, or an object that
        has ``f`` and is exported as a whole."""
        if self._base is None or self._now is None:
            return False
        old, now = self._base.reading.whole, self._now.reading.whole
        if not old or not now:
            return False
        if name == "default" or (name,) == old:  # whoever took the object finds its members on the module
            known = self._old.get(local or name)
            return known is not None and known.kind is SymbolKind.VARIABLE
        owner, _, member = name.rpartition(".")
        if (owner,) == old:
            return any(export.public == member for export in self._now.reading.exports)
        return not owner and len(now) == 1 and f"{now[0]}.{name}" in self._new

    def _is_deleted(self, local: str) -> bool:
        return local in self._old and local not in self._new

    def _binding(self, local: str, item: Import, edit: Edit, detail: str, text: str) -> Write:
        span = ((item.line, item.line),)
        gone = edit is Edit.DELETED
        return Write(
            key=SymbolKey(self._path, local),
            kind=SymbolKind.VARIABLE,
            edit=edit,
            name=local,
            path=self._path if gone else self._now_path,
            aspects=frozenset({Aspect.VALUE}) if edit is Edit.MODIFIED else frozenset(),
            before=span if gone else (),
            after=() if gone else span,
            hunks=span,
            detail=detail,
            line=item.line,
            text=text,
            digest=_digest(repr(_meaning(item))),
            imports=True,
        )

    # -- renames -----------------------------------------------------------------------------------------------------

    def _find_renames(self, deleted: Sequence[str], added: Sequence[str]) -> dict[str, str]:
        """Deleted -> added names that are the same definition under another name, classes with their members."""
        found: dict[str, str] = {}
        if not deleted or not added or len(deleted) * len(added) > _MOST_RENAMES**2:
            return found
        for old_name in sorted(deleted, key=lambda name: name.count(".")):
            owner, _, last = old_name.rpartition(".")
            moved_owner = found.get(owner, owner)
            kept = f"{moved_owner}.{last}" if moved_owner else last
            if moved_owner != owner and kept in self._new:
                found[old_name] = kept
                continue
            best = self._best_match(old_name, moved_owner, [n for n in added if n not in found.values()])
            if best is not None:
                found[old_name] = best
        return found

    def _best_match(self, old_name: str, owner: str, candidates: Sequence[str]) -> str | None:
        old = self._old[old_name]
        if old.kind in _VALUES and old.kind is not SymbolKind.VARIABLE:
            return None
        before = self._comparable(self._base, old)
        best, best_ratio = None, _SIMILAR
        for name in candidates:
            new = self._new[name]
            if new.kind is not old.kind or name.rpartition(".")[0] != owner:
                continue
            ratio = _similarity(before, self._comparable(self._now, new), best_ratio)
            if old.kind in _TYPES:
                ratio = max(ratio, _shared_members(old_name, name, self._old, self._new))
            if ratio > best_ratio or (ratio == 1.0 and best is None):
                best, best_ratio = name, ratio
        return best

    def _comparable(self, version: FileVersion | None, symbol: Symbol) -> str:
        last = symbol.qualname.rpartition(".")[2]
        return self._normal(version, symbol).replace(last, "\0")


def find_moves(writes: Sequence[Write]) -> tuple[Write, ...]:
    """Joins a symbol deleted in one file with its equal added in another: it was moved, not deleted."""
    places: dict[tuple[str, str], list[Write]] = {}
    for write in writes:
        if write.edit is Edit.ADDED and not write.imports and write.digest and write.kind not in _VALUES:
            places.setdefault((write.key.qualname, write.digest), []).append(write)
    bound = {write.key for write in writes if write.edit is Edit.ADDED and write.imports}
    joined = tuple(_moved(write, places, reachable=write.key in bound) for write in writes)
    return _with_members(joined)


def _with_members(writes: Sequence[Write]) -> tuple[Write, ...]:
    """A class that went from one file and came in another, with most of its members, was moved with all of them."""
    added = {write.key for write in writes if write.edit is Edit.ADDED}
    gone = [write for write in writes if write.edit in (Edit.DELETED, Edit.RENAMED)]
    places: dict[SymbolKey, SymbolKey] = {w.key: w.successor for w in gone if w.successor and w.kind in _TYPES}
    for write in gone:
        if write.kind in _TYPES and write.key not in places:
            found = _same_class_elsewhere(write.key, writes)
            if found is not None:
                places[write.key] = found
    return tuple(_following(write, places, added) if write.edit is Edit.DELETED else write for write in writes)


def _same_class_elsewhere(key: SymbolKey, writes: Sequence[Write]) -> SymbolKey | None:
    new = [w.key for w in writes if w.edit is Edit.ADDED and w.kind in _TYPES and w.key.qualname == key.qualname]
    if len(new) != 1:
        return None
    prefix = f"{key.qualname}."
    sides = [
        {w.key.qualname for w in writes if w.key.path == place.path and w.key.qualname.startswith(prefix)}
        for place in (key, new[0])
    ]
    shared = len(sides[0] & sides[1])
    return new[0] if shared * 2 >= len(sides[0] | sides[1]) else None


def _following(write: Write, places: Mapping[SymbolKey, SymbolKey], added: AbstractSet[SymbolKey]) -> Write:
    owner, _, last = write.key.qualname.rpartition(".")
    new_owner = places.get(SymbolKey(write.key.path, owner))
    if new_owner is None:
        return write
    successor = SymbolKey(new_owner.path, f"{new_owner.qualname}.{last}")
    if successor not in added:
        return write
    return msgspec.structs.replace(write, edit=Edit.RENAMED, successor=successor, detail=f"moved to {successor.path}")


def _moved(write: Write, places: Mapping[tuple[str, str], Sequence[Write]], *, reachable: bool) -> Write:
    new = places.get((write.key.qualname, write.digest), ()) if write.edit is Edit.DELETED else ()
    if len(new) != 1 or new[0].key == write.key:
        return write
    return msgspec.structs.replace(
        write, edit=Edit.RENAMED, successor=new[0].key, detail=f"moved to {new[0].path}", reachable=reachable
    )


def drop_mere_renames(
    writes: Sequence[Write], texts: Iterable[tuple[str, Mapping[str, tuple[str, str]]]]
) -> tuple[Write, ...]:
    """Takes back the modifications that only follow a rename of the same change: they keep the behaviour.

    The symbol stays written (its text did change), but nothing that others rely on.
    """
    names = {
        (write.key.qualname.rpartition(".")[2], write.successor.qualname.rpartition(".")[2])
        for write in writes
        if write.successor is not None
    }
    names = {(old, new) for old, new in names if old != new}
    if not names or len(names) > _MOST_RENAMES:
        return tuple(writes)
    following = {
        SymbolKey(path, qualname)
        for path, changed in texts
        for qualname, (before, after) in changed.items()
        if _renamed(before, names) == _renamed(after, names)
    }
    return tuple(
        msgspec.structs.replace(write, aspects=frozenset(), detail="follows a rename")
        if write.edit is Edit.MODIFIED and write.key in following
        else write
        for write in writes
    )


def _renamed(text: str, names: Iterable[tuple[str, str]]) -> str:
    for old, new in sorted(names):
        text = re.sub(rf"\b{re.escape(old)}\b", new, text)
    return text


def subtract_spans(spans: Iterable[Span], cut: Iterable[Span]) -> tuple[Span, ...]:
    """The lines of ``spans`` that are not in ``cut``."""
    left = list(spans)
    for first, last in sorted(cut):
        split: list[Span] = []
        for start, end in left:
            if last < start or first > end:
                split.append((start, end))
                continue
            if start < first:
                split.append((start, first - 1))
            if last < end:
                split.append((last + 1, end))
        left = split
    return tuple(left)


def _contract_aspects(old: Symbol, new: Symbol) -> frozenset[Aspect]:
    aspects: set[Aspect] = set()
    before, after = old.signature, new.signature
    if (before is None) != (after is None):
        aspects.add(Aspect.PARAMETERS)
    elif before is not None and after is not None:
        aspects |= _signature_aspects(before, after)
    if old.bases != new.bases:
        aspects.add(Aspect.BASES)
    if set(old.decorators) != set(new.decorators):
        aspects.add(Aspect.DECORATORS)
    if old.kind is not new.kind or old.static != new.static:
        aspects.add(Aspect.KIND)
    return frozenset(aspects)


def _signature_aspects(before: Signature, after: Signature) -> set[Aspect]:
    aspects: set[Aspect] = set()
    shapes = [[(p.name, p.kind, bool(p.default)) for p in s.parameters] for s in (before, after)]
    if shapes[0] != shapes[1]:
        aspects.add(Aspect.PARAMETERS)
    elif [p.default for p in before.parameters] != [p.default for p in after.parameters]:
        aspects.add(Aspect.DEFAULTS)
    if (before.returns_value, before.arity) != (after.returns_value, after.arity) or (
        before.returns and after.returns and before.returns != after.returns
    ):
        aspects.add(Aspect.RETURNS)
    if set(before.raises) != set(after.raises):
        aspects.add(Aspect.RAISES)
    if before.is_async != after.is_async or before.is_generator != after.is_generator:
        aspects.add(Aspect.ASYNC)
    return aspects


def _describe(old: Symbol, new: Symbol, contract: frozenset[Aspect]) -> str:
    """The contract change as a clause: ``parameter limit removed``."""
    said: list[str] = []
    if old.signature and new.signature:
        before = {p.name: p for p in old.signature.parameters}
        after = {p.name: p for p in new.signature.parameters}
        said += [f"parameter {name} removed" for name in before if name not in after]
        said += [
            f"{'parameter' if after[name].default else 'required parameter'} {name} added"
            for name in after
            if name not in before
        ]
        said += [
            f"default of {name} is now {after[name].default or 'gone'}"
            for name in before
            if name in after and before[name].default != after[name].default
        ]
        if Aspect.ASYNC in contract and new.signature.is_async != old.signature.is_async:
            said.append("now async" if new.signature.is_async else "no longer async")
        if Aspect.RAISES in contract:
            new_raises = sorted(set(new.signature.raises) - set(old.signature.raises))
            old_raises = sorted(set(old.signature.raises) - set(new.signature.raises))
            said += [f"now raises {', '.join(new_raises)}"] if new_raises else []
            said += [f"no longer raises {', '.join(old_raises)}"] if old_raises else []
        if Aspect.RETURNS in contract:
            said.append(_describe_return(old.signature, new.signature))
    if Aspect.BASES in contract:
        said.append("other base classes")
    if Aspect.DECORATORS in contract:
        said.append("other decorators")
    if Aspect.KIND in contract:
        said.append(f"now a {new.kind.value}")
    return "; ".join(said[:3])


def _describe_return(old: Signature, new: Signature) -> str:
    if old.arity != new.arity and new.arity:
        return f"returns {new.arity} values" + (f" instead of {old.arity}" if old.arity else "")
    if old.returns_value != new.returns_value:
        return "returns a value now" if new.returns_value else "returns nothing now"
    return f"returns {new.returns or 'something else'}"


def _is_required(symbol: Symbol, table: dict[str, Symbol]) -> bool:
    """Whether whoever implements the class must provide this member."""
    if any(part.rpartition(".")[2].startswith("abstract") for part in symbol.decorators):
        return True
    owner = table.get(symbol.qualname.rpartition(".")[0])
    return owner is not None and owner.kind is SymbolKind.INTERFACE and "optional" not in symbol.decorators


def _bindings(reading: Reading | None) -> dict[str, Import]:
    if reading is None:
        return {}
    return {item.local: item for item in reading.imports if not item.scope and item.local}


def _meaning(item: Import) -> tuple[str, int, str]:
    return item.module, item.level, item.name


def _touched(hunks: Iterable[Hunk], spans: Sequence[Span], *, base: bool) -> tuple[Span, ...]:
    """The changed lines inside ``spans``; a pure deletion counts as the line it happened at."""
    found: list[Span] = []
    for hunk in hunks:
        start, count = (hunk.base_start, hunk.base_count) if base else (hunk.now_start, hunk.now_count)
        first, last = start, start + max(count, 1) - 1
        for begin, end in spans:
            if first <= end and last >= begin:
                found.append((max(first, begin), min(last, end)))
    return tuple(sorted(set(found)))


def _share(touched: Iterable[Span], own: Iterable[Span]) -> float:
    total = sum(last - first + 1 for first, last in own)
    return min(1.0, sum(last - first + 1 for first, last in touched) / total) if total else 1.0


def _similarity(before: str, after: str, floor: float) -> float:
    if before == after:
        return 1.0
    short, long = sorted((len(before), len(after)))
    if not long or 2 * short / (short + long) <= floor:
        return 0.0
    matcher = SequenceMatcher(None, before.split(), after.split(), autojunk=False)
    return matcher.ratio() if matcher.quick_ratio() > floor else 0.0


def _shared_members(old_name: str, new_name: str, old: dict[str, Symbol], new: dict[str, Symbol]) -> float:
    before = {name[len(old_name) + 1 :] for name in old if name.startswith(f"{old_name}.")}
    after = {name[len(new_name) + 1 :] for name in new if name.startswith(f"{new_name}.")}
    return len(before & after) / len(before | after) if before and after else 0.0


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _line(lines: Sequence[bytes], number: int) -> str:
    if not 0 < number <= len(lines):
        return ""
    return lines[number - 1].decode("utf-8", "replace").strip()[:160]
