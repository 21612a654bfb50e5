"""locks: a function that waits for its own transaction, two that lock tables crosswise, a second connection while one
is held. None of them can be seen by the database: the wait that closes the circle is in the application."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from watchkeeper.code.database.claims import Lock, are_distinct, conflicts
from watchkeeper.code.database.files import open_database, read_database
from watchkeeper.code.database.replay import Hang, Order, Outcome, Place, Second, replay
from watchkeeper.code.database.steps import Procedure
from watchkeeper.code.memory import recall
from watchkeeper.code.tree import SourceTree
from watchkeeper.model.findings import Finding
from watchkeeper.model.ids import SymbolKey

NAME = "locks"
_SHOWN_TEXT = 160
_VERBS = {Lock.KEY_SHARE: "relies on a row of", Lock.SHARE: "locks rows of"}


class _Locks:
    """The check of locks over the files of ``roots``, and the functions that these call."""

    name = NAME

    def find(self, tree: SourceTree, roots: Sequence[str]) -> Iterable[Finding]:
        """Nested locks, opposite orders and second connections. Pure; equal trees give equal findings."""
        outcomes: dict[SymbolKey, Outcome] = {}
        for path in sorted(set(roots)):
            replayed = recall(tree, (self.name, path), partial(_replayed, path), _weigh)
            outcomes.update(replayed)
        found: dict[tuple[str, str, str], Finding] = {}
        for key, outcome in outcomes.items():
            for finding in (*_hangs(key, outcome, outcomes, tree), *_seconds(key, outcome, outcomes, tree)):
                found.setdefault((finding.rule, finding.path, finding.subject), finding)
        for finding in _crosswise(outcomes, tree):
            found.setdefault((finding.rule, finding.path, finding.subject), finding)
        return tuple(found.values())


CHECK = _Locks()


def _replayed(path: str, tree: SourceTree) -> dict[SymbolKey, Outcome]:
    """What each function of a file does, alone and through what it calls."""
    source = tree.source(path)
    own = read_database(path, source, tree).procedures if source is not None else {}
    known: dict[SymbolKey, Procedure | None] = {}

    def look_up(key: SymbolKey) -> Procedure | None:
        if key.path == path:
            return own.get(key.qualname)
        if key not in known:
            known[key] = recall(tree, (NAME, key), partial(_procedure, key), _weigh_procedure)
        return known[key]

    return {(key := SymbolKey(path, name)): replay(key, own[name], look_up) for name in sorted(own)}


def _weigh(outcomes: dict[SymbolKey, Outcome]) -> int:
    return sum(1 + len(each.hangs) + len(each.seconds) + len(each.orders) for each in outcomes.values())


def _procedure(key: SymbolKey, tree: SourceTree) -> Procedure | None:
    """One function of a file that is only called into: the others of the file are not looked at."""
    source = tree.source(key.path)
    return open_database(key.path, source, tree)(key.qualname) if source is not None else None


def _weigh_procedure(procedure: Procedure | None) -> int:
    return len(procedure.steps) if procedure is not None else 0


def _hangs(key: SymbolKey, outcome: Outcome, roots: dict[SymbolKey, Outcome], tree: SourceTree) -> Iterator[Finding]:
    for hang in outcome.hangs:
        if _is_told_below(hang.held.place, hang.wanted.place, roots):
            continue
        subject = f"{_short(key)}: {hang.held.claim.table}: {hang.holder.shown} then {hang.link.shown}"
        yield _finding("nested-lock", key, subject, _told(key, hang), tree, at=hang.wanted.place, other=hang.held.place)


def _told(key: SymbolKey, hang: Hang) -> str:
    """``update_stage_field writes content in session (line 11), and again over engine.begin() (line 20) ...``."""
    held, wanted = hang.held, hang.wanted
    table = held.claim.table
    verb, verb_then = (_VERBS.get(each.claim.lock, each.claim.lock.value) for each in (held, wanted))
    first = f"{_short(key)} {verb} {table} in {hang.holder.shown} ({_where(key, held.place)})"
    verb = "again" if wanted.claim.lock is held.claim.lock else f"then {verb_then} it"
    second = f"{verb} over {hang.link.shown} ({_where(key, wanted.place)}) while that is open"
    return f"nested lock: would hang: {first}, and {second}"


def _seconds(key: SymbolKey, outcome: Outcome, roots: dict[SymbolKey, Outcome], tree: SourceTree) -> Iterator[Finding]:
    for second in outcome.seconds:
        below = bool(second.place.calls) and _is_told_below(second.place, second.place, roots)
        if below and not _is_outer(second):
            continue
        subject = f"{_short(key)}: {second.link.shown} while {second.holder.shown} is held"
        message = (
            f"second connection: {_short(key)} takes {second.link.shown} ({_where(key, second.place)}) while it holds "
            f"{second.holder.shown}: as many callers as the pool has connections stand still together"
        )
        yield _finding("second-connection", key, subject, message, tree, at=second.place)


def _is_outer(second: Second) -> bool:
    """Whether the connection that is held belongs to the function that is replayed, not to one it calls."""
    return "/" not in second.holder.name


def _crosswise(outcomes: dict[SymbolKey, Outcome], tree: SourceTree) -> Iterator[Finding]:
    table: dict[tuple[str, str], list[tuple[SymbolKey, Order]]] = {}
    for key, outcome in outcomes.items():
        for order in outcome.orders:
            if not _is_told_below(order.first.place, order.then.place, outcomes):
                table.setdefault((order.first.claim.table, order.then.claim.table), []).append((key, order))
    for (first, then), ours in table.items():
        for key, order in ours if first < then else ():
            for other, against in table.get((then, first), ()):
                if key != other and _meet(order, against):
                    yield _crossed(key, order, other, against, tree)


def _meet(one: Order, other: Order) -> bool:
    """Whether each can hold what the other waits for."""
    pairs = ((one.first.claim, other.then.claim), (one.then.claim, other.first.claim))
    return all(
        conflicts(a.lock, b.lock) and Lock.INSERT not in (a.lock, b.lock) and not _literally_distinct(a.row, b.row)
        for a, b in pairs
    ) and all(claim.waits for claim in (one.then.claim, other.then.claim))


def _literally_distinct(one: tuple[tuple[str, str], ...], other: tuple[tuple[str, str], ...]) -> bool:
    """Two functions' parameters may be the same row whatever they are called; two literals are not."""
    literal = [tuple(pair for pair in pairs if pair[1].startswith("=")) for pairs in (one, other)]
    return are_distinct(literal[0], literal[1])


def _crossed(key: SymbolKey, order: Order, other: SymbolKey, against: Order, tree: SourceTree) -> Finding:
    tables = f"{order.first.claim.table} and {order.then.claim.table}"
    subject = f"{tables}: {_short(key)} and {_short(other)}"
    message = (
        f"opposite order: {_short(key)} locks {order.first.claim.table}, then {order.then.claim.table} "
        f"({_where(key, order.first.place)}, {_where(key, order.then.place)}); {_short(other)} locks them the other "
        f"way round ({_where(key, against.first.place)}, {_where(key, against.then.place)}): each can hold what the "
        "other waits for"
    )
    return _finding("opposite-order", key, subject, message, tree, at=order.then.place, other=against.then.place)


def _is_told_below(one: Place, other: Place, roots: dict[SymbolKey, Outcome]) -> bool:
    """Whether one called function makes both: it is told there, where that is looked at."""
    shared = one.calls[:1] if one.calls[:1] == other.calls[:1] else ()
    return bool(shared) and shared[0] in roots


def _finding(
    rule: str, key: SymbolKey, subject: str, message: str, tree: SourceTree, *, at: Place, other: Place | None = None
) -> Finding:
    involved = dict.fromkeys((key, *at.calls, *((other.symbol, *other.calls) if other else ())))
    return Finding(
        NAME,
        rule,
        key.path,
        subject,
        message,
        at.line if at.symbol.path == key.path else 0,
        _line(tree, at),
        tuple(involved),
    )


def _line(tree: SourceTree, place: Place) -> str:
    lines = (tree.source(place.symbol.path) or b"").split(b"\n")
    text = lines[place.line - 1] if 0 < place.line <= len(lines) else b""
    return text.decode("utf-8", "replace").strip()[:_SHOWN_TEXT]


def _where(key: SymbolKey, place: Place) -> str:
    if place.symbol.path != key.path:
        return f"{place.symbol.path}:{place.line}"
    called = f" in {_short(place.symbol)}" if place.symbol != key else ""
    return f"line {place.line}{called}"


def _short(key: SymbolKey) -> str:
    return key.qualname or f"the module {key.path}"
