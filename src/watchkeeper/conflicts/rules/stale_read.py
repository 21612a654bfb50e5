"""stale-read: one change alters what the other's changed code relies on.

An edge runs from a write to a read. How loud it is follows from the consequence: a name that is gone under a new use
breaks whoever lands second; a contract that no longer fits the call breaks too; a changed behaviour may or may not
matter, the more the newer and nearer the reliance is. Existing uses of what the other side deletes are that side's own
business: its change alone would be broken already.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from watchkeeper.code.call_fit import find_misfit
from watchkeeper.code.languages import find_language
from watchkeeper.conflicts.calls import find_misfit_of
from watchkeeper.conflicts.pair import Pair, Party, make_conflict, short, shown_read, shown_write
from watchkeeper.model.conflicts import Conflict, Evidence, Kind, Severity
from watchkeeper.model.footprint import CONTRACT, Aspect, Confidence, Edit, Read, Write
from watchkeeper.model.ids import SymbolKey
from watchkeeper.model.reading import CallShape, Form, SymbolKind

RULE = "stale-read"
_NEAR_LINES = 3  # what git shows around an edit: further away, the edit is about something else
_HUB_FILES = 60
_MOST_EVIDENCE = 6
_WEAK_FORMS = frozenset({Form.ANNOTATION, Form.IMPORT})
_QUIET = frozenset({Aspect.ANNOTATIONS})
_MEMBER = SymbolKind.FIELD
_GIVES_FUNCTION = re.compile(r"\b(Callable|function|Function)\b|=>")
_CALLABLE = frozenset({SymbolKind.FUNCTION, SymbolKind.METHOD, SymbolKind.PROPERTY})


class Edge(NamedTuple):
    """One reliance that a write upsets: how badly, and in which words."""

    severity: Severity
    confidence: Confidence
    write: Write
    read: Read
    what: str  # "calls", "imports" ...; the symbol follows, or stands where the braces are
    why: str


def find_stale_reads(pair: Pair) -> Iterator[Conflict]:
    """One conflict for each symbol that one side writes and the other's changed code relies on."""
    for writer, reader in pair.directions():
        for edges in _by_class(_told_once(list(find_edges(writer, reader)))):
            yield _conflict(writer, reader, edges)


def _by_class(groups: Iterable[Sequence[Edge]]) -> Iterator[Sequence[Edge]]:
    """Joins what concerns members of one class: who rewrites a class is told of once, not once a method.

    What breaks for certain stays by itself: each of those has to be mended.
    """
    joined: dict[SymbolKey, list[Edge]] = {}
    for edges in groups:
        key = edges[0].write.key
        if edges[0].severity is Severity.BLOCKING or "." not in key.qualname:
            yield edges
        else:
            joined.setdefault(_owner(key), []).extend(edges)
    for edges in joined.values():
        yield sorted(edges, key=_weight, reverse=True)


def _owner(key: SymbolKey) -> SymbolKey:
    return SymbolKey(key.path, key.qualname.rpartition(".")[0])


def _told_once(groups: list[Sequence[Edge]]) -> Iterator[Sequence[Edge]]:
    """Of a definition and the bindings that pass it on (imports, exports) the same readers are told the worst only."""
    ranked = sorted(groups, key=lambda edges: (-edges[0].severity.rank, edges[0].write.imports))
    told: dict[str, set[SymbolKey]] = {}
    for edges in ranked:
        readers = told.setdefault(short(edges[0].write.name), set())
        passes_on = any(
            short(other[0].write.name) == short(edges[0].write.name) for other in groups if other is not edges
        )
        new = {edge.read.by for edge in edges}
        if passes_on and new <= readers:
            continue
        readers |= new
        if not _owner_told(edges[0].write, groups):
            yield edges


def _owner_told(write: Write, groups: Sequence[Sequence[Edge]]) -> bool:
    """Whether the class that the symbol goes with is told to be gone: its members need no telling then."""
    gone = (Edit.DELETED, Edit.RENAMED)
    return write.edit in gone and any(
        edges[0].write.key == _owner(write.key) and edges[0].write.edit in gone for edges in groups
    )


def find_edges(writer: Party, reader: Party) -> Iterator[Sequence[Edge]]:
    """The upset reliances, grouped by what is written, the worst first in each group."""
    touched = writer.writes.keys() & reader.reads.keys()
    for key in sorted(touched):
        write = writer.writes[key]
        edges = [edge for read in reader.reads[key] if (edge := _judge(write, read, reader)) is not None]
        if edges:
            yield sorted(edges, key=_weight, reverse=True)
    yield from _new_duties(writer, reader)
    yield from _new_stores(writer, reader)


def _new_stores(writer: Party, reader: Party) -> Iterator[Sequence[Edge]]:
    """State that one side newly assigns and the other newly looks at, in code that neither shares."""
    for key in sorted((writer.reads.keys() & reader.reads.keys()) - writer.writes.keys()):
        stores = [read for read in writer.reads[key] if read.form is Form.STORE and _counts_as_state(read)]
        makers = {read.by for read in stores}
        uses = [
            read
            for read in reader.reads[key]
            if read.form is not Form.STORE and read.by not in makers and _counts_as_state(read)
        ]
        if not stores or not uses:
            continue
        write = _store_as_write(stores[0])
        why = f"newly assigned in {short(stores[0].by_name)}"
        yield [Edge(Severity.MINOR, Confidence.SURE, write, read, _verb(read), why) for read in uses]


def _counts_as_state(read: Read) -> bool:
    return read.is_new and not read.absent and not read.is_test and read.confidence is Confidence.SURE and not read.via


def _store_as_write(store: Read) -> Write:
    """The assignment as what it does to the field."""
    same_file = store.by.path == store.target.path
    module = store.by_name.partition(":")[0] if same_file else store.target.path
    return Write(
        key=store.target,
        kind=SymbolKind.FIELD,
        edit=Edit.MODIFIED,
        name=f"{module}:{store.target.qualname}",
        path=store.path,
        aspects=frozenset({Aspect.VALUE}),
        line=store.line,
        text=store.text,
        detail=f"newly assigned in {short(store.by_name)}",
    )


def _new_duties(writer: Party, reader: Party) -> Iterator[Sequence[Edge]]:
    """Members that a base class or interface newly demands from a class that the other side newly derives from it."""
    for write in writer.footprint.writes:
        if not write.required or write.edit is not Edit.ADDED:
            continue
        owner, _, name = write.key.qualname.rpartition(".")
        key = SymbolKey(write.key.path, owner)
        for read in (*reader.inherits.get(key, ()), *(_made_to_fit(reader, key) if write.kind is _MEMBER else ())):
            provided = SymbolKey(read.by.path, f"{read.by.qualname}.{name}")
            if provided not in reader.writes:
                severity = Severity.BLOCKING if read.form is Form.INHERIT else Severity.MAJOR
                why = f"{read.by_name} does not provide {name}"
                yield (Edge(severity, read.confidence, write, read, "promises to be what owns", why),)


def _made_to_fit(reader: Party, owner: SymbolKey) -> Iterator[Read]:
    """New values that are declared to be of an interface: they have to have all its members."""
    for read in reader.reads.get(owner, ()):
        made = reader.writes.get(read.by)
        is_value = made is not None and made.edit is Edit.ADDED and made.kind is SymbolKind.VARIABLE
        if read.form is Form.ANNOTATION and read.is_new and is_value:
            yield read


def _judge(write: Write, read: Read, reader: Party) -> Edge | None:
    if read.absent:
        return _judge_appeared(write, read)
    if write.edit is Edit.ADDED:
        return None  # both add it: write-write's; nobody else can rely on it yet
    if _rewritten_alike(write, reader):
        return None
    if write.edit in (Edit.DELETED, Edit.RENAMED):
        return _judge_gone(write, read)
    if read.form is Form.OVERRIDE:
        return _judge_override(write, read)
    return _judge_contract(write, read) or _judge_behaviour(write, read)


def _rewritten_alike(write: Write, reader: Party) -> bool:
    """Whether the reader makes the very same edit itself."""
    own = reader.writes.get(write.key)
    return own is not None and own.edit is write.edit and own.digest == write.digest


def _judge_appeared(write: Write, read: Read) -> Edge | None:
    if write.edit is not Edit.ADDED or write.imports or not read.is_new or read.confidence is Confidence.POSSIBLE:
        return None
    if write.kind not in _CALLABLE:
        return None
    misfit = find_misfit(read.call, write.new_signature) if read.call and write.new_signature else None
    if misfit:
        return _edge(Severity.BLOCKING, write, read, "calls", f"added where there was none; the call {misfit}")
    why = "it did not exist there when the other side looked past it"
    severity = Severity.INFO if _is_constructor(write) else Severity.MINOR
    return _edge(severity, write, read, "reaches past", why)


def _is_constructor(write: Write) -> bool:
    language = find_language(write.path)
    return language is not None and write.key.qualname.endswith(f".{language.constructor}")


def _judge_gone(write: Write, read: Read) -> Edge | None:
    if not read.is_new or write.reachable or _moves_with_its_class(write):
        return None
    if read.form is Form.OVERRIDE:
        why = f"{write.detail or 'deleted'}: the override is never called"
        return _edge(Severity.MAJOR, write, read, "overrides", why)
    if read.via:
        return None
    if _is_constructor(write) and write.edit is Edit.DELETED and read.call is not None:
        severity = Severity.INFO if read.call == CallShape(0) else Severity.MAJOR  # an inherited one may take them
        return _edge(severity, write, read, _verb(read), write.detail)
    severity = Severity.MAJOR if read.form in (Form.ANNOTATION, Form.STORE) else Severity.BLOCKING
    return _edge(severity, write, read, _verb(read), write.detail or "deleted")


def _moves_with_its_class(write: Write) -> bool:
    """A member whose class went elsewhere is still found on its instances."""
    successor = write.successor
    if successor is None or "." not in write.key.qualname:
        return False
    return successor.qualname.rpartition(".")[2] == write.key.qualname.rpartition(".")[2]


def _judge_override(write: Write, read: Read) -> Edge | None:
    broken = write.aspects & {Aspect.PARAMETERS, Aspect.ASYNC, Aspect.KIND}
    if broken:
        severity = Severity.MAJOR if read.is_new else Severity.MINOR
        return _edge(severity, write, read, "overrides", write.detail or "its contract changed")
    return None


def _judge_contract(write: Write, read: Read) -> Edge | None:
    aspects = write.aspects & CONTRACT
    if not aspects or read.via:
        return None
    old, new = write.old_signature, write.new_signature
    if write.kind is SymbolKind.PROPERTY:
        new = None  # what is called is what the property gives
    if read.form is Form.CALL and read.is_new and read.call is not None and old is not None and new is not None:
        misfit = find_misfit(read.call, new)
        if misfit and find_misfit(read.call, old) is None:
            return _edge(Severity.BLOCKING, write, read, "calls", f"{write.detail}; the call {misfit}")
        if new.is_async != old.is_async:
            return _edge(Severity.BLOCKING, write, read, "calls", write.detail)
        if Aspect.RETURNS in aspects and old.arity != new.arity:
            return _edge(Severity.MAJOR, write, read, "calls", write.detail)
        if Aspect.RAISES in aspects and set(old.raises) - set(new.raises):
            return _edge(Severity.MAJOR, write, read, "newly calls", write.detail)
        if aspects & {Aspect.RAISES, Aspect.RETURNS, Aspect.DEFAULTS}:
            return _edge(Severity.MINOR, write, read, "newly calls", write.detail)
        if Aspect.PARAMETERS in aspects:  # the call fits: what changed is explained by the parameters
            only_more = find_misfit_of(old, new) is None
            return _edge(Severity.INFO if only_more else Severity.MINOR, write, read, "newly calls", write.detail)
    if read.is_new and Aspect.KIND in aspects and read.form not in _WEAK_FORMS:
        severity = Severity.BLOCKING if read.form is Form.CALL and not _is_called(write) else Severity.MAJOR
        return _edge(severity, write, read, _verb(read), write.detail)
    return None


def _is_called(write: Write) -> bool:
    """Whether what the symbol has become can still be called: a function, or a property that gives one."""
    if write.kind is SymbolKind.PROPERTY and write.new_signature is not None:
        return _GIVES_FUNCTION.search(write.new_signature.returns) is not None
    return write.kind in (SymbolKind.METHOD, SymbolKind.FUNCTION)


def _judge_behaviour(write: Write, read: Read) -> Edge | None:
    if read.form in _WEAK_FORMS or read.form in (Form.INHERIT, Form.STORE, Form.STRING):
        return None
    if write.imports:
        return _edge(Severity.INFO, write, read, _verb(read), write.detail)
    if write.aspects <= _QUIET or (write.kind not in _CALLABLE and Aspect.VALUE not in write.aspects):
        return None
    if write.is_test and write.kind not in (SymbolKind.FUNCTION, SymbolKind.METHOD):
        return None
    why = write.detail or ("its value changes" if Aspect.VALUE in write.aspects else "its behaviour changes")
    if read.via:
        why += f"; reached through {read.via[0].qualname}"
    if read.is_new:
        return _edge(_hushed(Severity.MAJOR, write, read), write, read, _verb(read), why)
    if read.distance <= _NEAR_LINES:
        return _edge(_hushed(Severity.MINOR, write, read), write, read, _verb(read), why)
    return _edge(Severity.INFO, write, read, _verb(read), why)


def _hushed(severity: Severity, write: Write, read: Read) -> Severity:
    """A behaviour change matters less where half the project relies on the symbol, in a test, and to whoever only
    names the function (registers it, hands it on)."""
    only_named = read.form is Form.LOAD and write.kind in (SymbolKind.FUNCTION, SymbolKind.METHOD)
    if only_named or read.fan_in > _HUB_FILES or read.is_test or Aspect.VALUE in write.aspects:
        return severity.lowered()
    return severity


def _edge(severity: Severity, write: Write, read: Read, what: str, why: str) -> Edge:
    if read.confidence is Confidence.LIKELY:
        severity = severity.lowered()
    elif read.confidence is Confidence.POSSIBLE:
        severity = Severity.INFO if severity.rank < Severity.BLOCKING.rank else Severity.MINOR
    return Edge(severity, read.confidence, write, read, what, why)


def _verb(read: Read) -> str:
    start = "newly " if read.is_new else ""
    verbs = {
        Form.CALL: "calls",
        Form.IMPORT: "imports",
        Form.INHERIT: "derives from",
        Form.DECORATE: "is decorated with",
        Form.PROTOCOL: "relies, through an operator, on",
        Form.ANNOTATION: "is annotated with",
        Form.FIXTURE: "asks for {} as a fixture",
        Form.STRING: "names {} in a string",
        Form.STORE: "assigns to",
    }
    return start + verbs.get(read.form, "uses")


def _say(what: str, named: str) -> str:
    return what.replace("{}", named) if "{}" in what else f"{what} {named}"


def _weight(edge: Edge) -> tuple[int, int, int, int]:
    return edge.severity.rank, edge.confidence.rank, int(edge.read.is_new), -edge.read.distance


def _conflict(writer: Party, reader: Party, edges: Sequence[Edge]) -> Conflict:
    worst = edges[0]
    write = worst.write
    name = short(write.name)
    action = {Edit.DELETED: "deletes", Edit.RENAMED: "renames", Edit.ADDED: "adds"}.get(write.edit, "changes")
    if write.imports and write.edit is Edit.DELETED:
        action = "no longer imports"
    elif write.edit is Edit.RENAMED and write.successor is not None and write.successor.path != write.key.path:
        action = "moves"
    member = "." in write.key.qualname
    others = len({edge.write.key for edge in edges}) - 1
    more = f" and {others} more of {name.rpartition('.')[0]}" if others else ""
    relies = _say(worst.what, name if others else "it")
    summary = f"{writer.label} {action} {name}{more}; {reader.label} {relies} in {short(worst.read.by_name)}"
    return make_conflict(
        kind=Kind.STALE_READ,
        rule=RULE,
        severity=worst.severity,
        confidence=worst.confidence,
        parties=(writer, reader),
        keys=(write.key if worst.severity is Severity.BLOCKING or not member else _owner(write.key), writer.id),
        subjects=(*(edge.write.name for edge in edges), *(edge.read.by_name for edge in edges)),
        summary=summary,
        why=worst.why,
        evidence=tuple(_evidence(writer, reader, edges)),
        next_step=_next_step(writer, reader, worst),
        weight=min(len(edges), 9),
    )


def _evidence(writer: Party, reader: Party, edges: Sequence[Edge]) -> Iterator[Evidence]:
    """The writes, each once, then the reads; a few of both."""
    writes = list({edge.write.key: edge.write for edge in edges}.values())
    yield from (shown_write(writer, write) for write in writes[: _MOST_EVIDENCE // 2])
    yield from (shown_read(reader, edge.read) for edge in edges[:_MOST_EVIDENCE])


def _next_step(writer: Party, reader: Party, edge: Edge) -> str:
    name = short(edge.write.name)
    if edge.write.edit is Edit.RENAMED and edge.write.successor is not None:
        return f"have {reader.label} use {edge.write.successor.qualname} once {writer.label} has landed"
    if edge.write.edit is Edit.DELETED:
        return f"ask {writer.label} to keep {name}, or {reader.label} to do without it"
    if edge.severity is Severity.BLOCKING:
        return f"have {reader.label} adapt its use of {name} to {writer.label}'s version"
    return f"show {reader.label} what {writer.label} changes in {name}"
