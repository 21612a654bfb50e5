"""Two versions of one file -> what was added, altered, deleted, renamed.

Formatting, comments and docstrings are no change: symbols whose raw text differs are compared again by their
normalised text. Pure; costs what the difference costs.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from watchkeeper.code.comparison.contract import contract_aspects, describe_contract
from watchkeeper.code.comparison.offers import compare_exports, compare_imports, is_offered_otherwise
from watchkeeper.code.comparison.renames import find_renames
from watchkeeper.code.comparison.sides import FileVersion, Sides, bindings, digest_of
from watchkeeper.code.comparison.spans import share_of, subtract_spans, touched_spans
from watchkeeper.code.language import Language
from watchkeeper.model.flow import Flow
from watchkeeper.model.footprint import Aspect, Edit, Hunk, Write
from watchkeeper.model.ids import SymbolKey
from watchkeeper.model.reading import CALLABLES, CLASS_KINDS, VALUE_KINDS, Signature, Span, Symbol, SymbolKind


class FileDelta(msgspec.Struct, frozen=True):
    """What happened in one file: the writes (keys in base coordinates) and the changed lines.

    ``texts`` holds the normalised text of each modified symbol, before and after, by qualname.
    """

    writes: tuple[Write, ...]
    hunks: tuple[Hunk, ...]
    texts: dict[str, tuple[str, str]] = {}


class Comparison:
    """Compares one file's base with its present."""

    def __init__(self, language: Language, base: FileVersion | None, now: FileVersion | None) -> None:
        self._sides = Sides(language, base, now)
        self._texts: dict[str, tuple[str, str]] = {}
        # Definitions that went, while their name is imported now: they moved, and can still be had from here.
        self._kept = {n: i for n, i in bindings(now).items() if n in self._sides.old}

    def delta(self) -> FileDelta:
        """All writes of the file, in source order of the new text, deletions last."""
        sides = self._sides
        deleted = [name for name in sides.old if name not in sides.new and not sides.is_hidden(name)]
        added = [name for name in sides.new if name not in sides.old]
        renamed = find_renames(sides, deleted, added) if sides.base and sides.now else {}
        writes: list[Write] = []
        for qualname, symbol in sides.new.items():
            if qualname in sides.old:
                writes.extend(self._modified(sides.old[qualname], symbol))
            elif qualname not in renamed.values():
                writes.append(self._added(symbol))
        writes.extend(self._deleted(sides.old[old_name], renamed.get(old_name)) for old_name in deleted)
        writes.extend(
            msgspec.structs.replace(self._added(sides.new[new_name]), detail=f"renamed from {old_name}")
            for old_name, new_name in renamed.items()
        )
        writes.extend(compare_imports(sides))
        writes.extend(compare_exports(sides))
        return FileDelta(writes=tuple(writes), hunks=sides.hunks, texts=self._texts)

    def _modified(self, old: Symbol, new: Symbol) -> Iterable[Write]:
        contract = contract_aspects(old, new)
        if old.digest == new.digest and not contract:
            return
        before, after = self._sides.normal_before(old), self._sides.normal_now(new)
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
            detail=describe_contract(old, new, contract),
            digest=digest_of(after),
        )
        yield msgspec.structs.replace(write, flow=self._flow(new)) if aspects == {Aspect.BODY} else write

    def _flow(self, new: Symbol) -> Flow | None:
        base, now = self._sides.base, self._sides.now
        if new.kind not in CALLABLES or base is None or now is None:
            return None
        return self._sides.language.find_flow(base.source, now.source, new.qualname, self._sides.hunks)

    def _what_differs(self, old: Symbol, new: Symbol) -> Aspect:
        before = self._sides.normal_before(old, types=False)
        after = self._sides.normal_now(new, types=False)
        if before == after and new.kind not in CLASS_KINDS:
            return Aspect.ANNOTATIONS
        return Aspect.VALUE if new.kind in VALUE_KINDS else Aspect.BODY

    def _added(self, new: Symbol) -> Write:
        return self._write(
            new,
            Edit.ADDED,
            after=new.spans,
            new_signature=new.signature,
            digest=digest_of(self._sides.normal_now(new)),
            required=_is_required(new, self._sides.new),
        )

    def _deleted(self, old: Symbol, successor: str | None) -> Write:
        new_name = SymbolKey(self._sides.now_path, successor) if successor else None
        kept = self._kept.get(old.qualname.partition(".")[0]) if not successor else None
        return self._write(
            old,
            Edit.RENAMED if successor or kept else Edit.DELETED,
            before=old.spans,
            old_signature=old.signature,
            new_signature=self._sides.new[successor].signature if successor else None,
            successor=new_name,
            detail=f"renamed to {successor}" if successor else f"moved to {kept.module}" if kept else "deleted",
            reachable=kept is not None or is_offered_otherwise(self._sides, old.qualname),
            digest=digest_of(self._sides.normal_before(old)) if self._sides.base else "",
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
        own = self._own_spans(symbol, self._sides.old if gone else self._sides.new)
        touched = touched_spans(self._sides.hunks, own, base=gone)
        base_own = self._own_spans(self._sides.old[symbol.qualname], self._sides.old) if before and not gone else own
        first = touched[0][0] if touched else (own[0][0] if own else 1)
        return Write(
            key=SymbolKey(self._sides.path, symbol.qualname),
            kind=symbol.kind,
            edit=edit,
            name=symbol.qualname,
            path=self._sides.path if gone else self._sides.now_path,
            aspects=aspects,
            before=before,
            after=after,
            hunks=touched,
            base_hunks=touched_spans(self._sides.hunks, base_own, base=True) if before else (),
            old_signature=old_signature,
            new_signature=new_signature,
            successor=successor,
            detail=detail,
            line=first,
            text=self._sides.base_line(first) if gone else self._sides.now_line(first),
            digest=digest,
            share=share_of(touched, own),
            required=required,
            reachable=reachable,
        )

    def _own_spans(self, symbol: Symbol, table: dict[str, Symbol]) -> tuple[Span, ...]:
        """The symbol's lines; for classes and the module without the lines of what is nested in them."""
        if symbol.kind is not SymbolKind.MODULE and symbol.kind not in CLASS_KINDS:
            return symbol.spans
        prefix = f"{symbol.qualname}." if symbol.qualname else ""
        inner = [
            span
            for name, other in table.items()
            if name != symbol.qualname and name.startswith(prefix) and other.kind is not SymbolKind.FIELD
            for span in other.spans
        ]
        return subtract_spans(symbol.spans, inner)


def _is_required(symbol: Symbol, table: dict[str, Symbol]) -> bool:
    """Whether whoever implements the class must provide this member."""
    if any(part.rpartition(".")[2].startswith("abstract") for part in symbol.decorators):
        return True
    owner = table.get(symbol.qualname.rpartition(".")[0])
    return owner is not None and owner.kind is SymbolKind.INTERFACE and "optional" not in symbol.decorators
