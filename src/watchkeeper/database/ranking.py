"""Which lines of a revision fit what two parties of an incident do: candidates with shares, the likeliest first. Pure.

A party's last statement need not be what locked: it says which function the party is in, the tables that are held say
which statements of that function locked, and the lines are those of these statements alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from watchkeeper.code.database.claims import Claim, Lock
from watchkeeper.database.codeindex import CodeIndex, Made, Routine, Statement, table_of
from watchkeeper.database.statements import fit, main_claims, may_block

MOST = 24
"""So many candidates are looked at for who wrote them: of those that fit alike the newer ones come first then."""

_LEAST = 0.15
"""Of the likeliest one's share: what fits so much worse is no candidate."""
_STRUCTURE = 8.0
"""How much more a pair weighs of which the code says that one waits for the other."""
_OFF_TAG = 0.02
_EARLIER = 0.3
_MOST_CALLERS = 12
_UNSEEN = 0.08


class Line(NamedTuple):
    """One line of a candidate, and the function that it stands in."""

    path: str
    line: int
    symbol: str


class Candidate(NamedTuple):
    """Lines that together are what a party did; ``share`` of the weight of all that fit. ``route`` made them run."""

    lines: tuple[Line, ...]
    share: float
    route: str = ""


class Seen(NamedTuple):
    """What is known of a party: its newest statement, the tables that it holds locks on, and what its tag says.

    ``held`` None: nobody could see the locks. ``symbol`` and ``line`` are of the newest statement, ``""`` and 0 where
    no tag says them.
    """

    claims: tuple[Claim, ...] = ()
    held: frozenset[str] | None = None
    symbol: str = ""
    path: str = ""
    line: int = 0


class Pair(NamedTuple):
    """Who waits and who holds, ranked apart; their heads belong together where the code has both in one function."""

    waiter: tuple[Candidate, ...]
    holder: tuple[Candidate, ...]


_Weights = dict[tuple[Line, ...], tuple[float, str]]


def rank_pair(index: CodeIndex, waiter: Seen, holder: Seen, wanted: Sequence[Claim], *, nested: bool) -> Pair:
    """The candidates for both sides of one wait. ``nested``: one task may do both, so code that does so is likely."""
    waits: _Weights = {}
    holds: _Weights = {}
    for routine in index.of_tables(_tables(waiter.claims, wanted, holder.claims)):
        fitting = {number: fit(waiter.claims, sent) for number, sent in enumerate(routine.sent)}
        fitting = {number: _sent_by(routine, number, waiter, found) for number, found in fitting.items() if found}
        links = {link: _held_on(routine, link, holder, wanted) for link in _links(routine)}
        for number, weight in fitting.items():
            _add(waits, _lines(main_claims(routine.sent[number].made)), weight, routine)
        for weight, lines, _ in links.values():
            _add(holds, lines, weight, routine)
        if nested:
            _couple(routine, fitting, links, waits, holds)
    return Pair(_ranked(waits), _ranked(holds))


def rank_statement(index: CodeIndex, seen: Seen) -> tuple[Candidate, ...]:
    """The lines that send a statement."""
    weights: _Weights = {}
    for routine in index.of_tables(_tables(seen.claims)):
        for number, sent in enumerate(routine.sent):
            if found := fit(seen.claims, sent):
                _add(weights, _lines(main_claims(sent.made)), _sent_by(routine, number, seen, found), routine)
    return _ranked(weights)


def rank_locks(index: CodeIndex, seen: Seen) -> tuple[Candidate, ...]:
    """The lines that took the locks of a party for which nobody in particular waits."""
    weights: _Weights = {}
    for routine in index.of_tables(_tables(seen.claims, held=seen.held or frozenset())):
        for link in _links(routine):
            locking = [made for sent in _over(routine, link) for made in sent.made if made.lock is not Lock.READ]
            _add(weights, _lines(locking), _weight(routine, link, seen), routine)
    return _ranked(weights)


def rank_seconds(index: CodeIndex, seen: Seen) -> tuple[Candidate, ...]:
    """The lines that take another connection while the party's is held: no lock tells, only what it ran last."""
    weights: _Weights = {}
    for routine in index.of_tables(_tables(seen.claims, held=seen.held or frozenset())):
        for second in routine.seconds:
            weight = _weight(routine, second.link, seen)
            _add(weights, (Line(second.path, second.line, second.symbol),), weight, routine)
    return _ranked(weights)


def callers_of(index: CodeIndex, lines: Collection[tuple[str, int]], beside: Collection[tuple[str, int]]) -> list[Line]:
    """The lines that call the functions in which ``lines`` stand, the nearest first.

    Of functions that also have a line of the other side (``beside``) alone, where there are such: what is called from
    everywhere is called here.
    """
    ways: dict[bool, dict[Line, None]] = {True: {}, False: {}}
    for routine in index.routines:
        made = [each for sent in routine.sent for each in sent.made]
        is_both = any(each.place in beside for each in made)
        for each in made:
            if each.via and each.place in lines:
                ways[is_both].update(dict.fromkeys(Line(s.path, s.line, s.symbol) for s in reversed(each.via)))
    return list(ways[True] or ways[False])[:_MOST_CALLERS]


def _couple(
    routine: Routine,
    fitting: Mapping[int, float],
    links: Mapping[str, tuple[float, tuple[Line, ...], frozenset[int]]],
    waits: _Weights,
    holds: _Weights,
) -> None:
    """Where the code itself says that one statement waits for another of the same thread, both are likelier."""
    for held, waiting in routine.hangs:
        link = routine.sent[held].link
        weight, lines, blocking = links[link]
        if waiting not in fitting or held not in blocking or routine.sent[waiting].link == link:
            continue
        together = _STRUCTURE * fitting[waiting] * weight
        _add(waits, _lines(main_claims(routine.sent[waiting].made)), together, routine)
        _add(holds, lines, together, routine)


def _held_on(
    routine: Routine, link: str, holder: Seen, wanted: Sequence[Claim]
) -> tuple[float, tuple[Line, ...], frozenset[int]]:
    """How likely a connection of a routine is the holder's, and the lines on it that others have to wait for."""
    blocking: dict[int, list[Made]] = {}
    for number, sent in enumerate(routine.sent):
        if sent.link == link:
            found = [made for made in sent.made if any(may_block(claim, made) for claim in wanted)]
            if found:
                blocking[number] = found
    if not blocking:
        return 0.0, (), frozenset()
    gravest = _gravest(made for found in blocking.values() for made in found)
    return _weight(routine, link, holder, since=min(blocking)), _lines(gravest), frozenset(blocking)


def _gravest(found: Iterable[Made]) -> list[Made]:
    """A row that was read, or whose key a child shares, is no cause where the same row was written."""
    made = list(found)
    for weak in ({Lock.READ}, {Lock.READ, Lock.KEY_SHARE}):
        strong = [each for each in made if each.lock not in weak]
        made = strong or made
    return made


def _weight(routine: Routine, link: str, seen: Seen, *, since: int = 0) -> float:
    """How well what was seen of a party fits a connection: its newest statement, its tag, and the tables it locks.

    What is before the statement ``since`` can only be the newest if that is sent again, in a loop.
    """
    sent = list(_over(routine, link))
    newest = max(
        (
            _tagged(seen, each, fit(seen.claims, each)) * (1.0 if number >= since else _EARLIER)
            for number, each in enumerate(routine.sent)
            if each.link == link
        ),
        default=0.0,
    )
    weight = _UNSEEN + (1 - _UNSEEN) * newest
    if seen.symbol and not any(_is_at(seen, made) for each in sent for made in each.made):
        weight *= _OFF_TAG
    return weight * _as_held(sent, seen)


def _sent_by(routine: Routine, number: int, seen: Seen, found: float) -> float:
    """How likely a statement that fits is the party's: what else its connection has locked by then tells too."""
    sent = routine.sent[number]
    before = [each for each in routine.sent[: number + 1] if each.link == sent.link]
    return _tagged(seen, sent, found) * _as_held(before, seen)


def _as_held(sent: Iterable[Statement], seen: Seen) -> float:
    """How well the tables that statements lock are those that a party holds."""
    if seen.held is None:
        return 1.0
    locked = {table_of(made) for each in sent for made in each.made if made.lock is not Lock.READ}
    locked.discard("")
    return 0.1 + 0.9 * _share(locked, set(seen.held))


def _tagged(seen: Seen, sent: Statement, found: float) -> float:
    if not seen.symbol or any(_is_at(seen, made) for made in sent.made):
        return found
    return found * _OFF_TAG


def _is_at(seen: Seen, made: Made) -> bool:
    if seen.path and made.path != seen.path:
        return False
    return short_symbol(made.symbol) == short_symbol(seen.symbol) or (seen.line == made.line and bool(seen.path))


def short_symbol(name: str) -> str:
    """``module:Class.method`` and ``Class.method`` alike, without what only a runtime says of a name."""
    return name.rpartition(":")[2].replace(".<locals>", "").removeprefix("<module>")


def _links(routine: Routine) -> dict[str, None]:
    return dict.fromkeys(sent.link for sent in routine.sent)


def _over(routine: Routine, link: str) -> Iterator[Statement]:
    return (sent for sent in routine.sent if sent.link == link)


def _tables(*claims: Sequence[Claim], held: frozenset[str] = frozenset()) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*(table_of(claim) for each in claims for claim in each), *sorted(held))))


def _lines(made: Iterable[Made]) -> tuple[Line, ...]:
    return tuple(dict.fromkeys(Line(each.path, each.line, each.symbol) for each in made))


def _add(weights: _Weights, lines: tuple[Line, ...], weight: float, routine: Routine) -> None:
    """The same lines may be reached from several functions: the best of them counts."""
    if lines and weight > 0 and weight > weights.get(lines, (0.0, ""))[0]:
        weights[lines] = (weight, routine.symbol)


def _ranked(weights: _Weights) -> tuple[Candidate, ...]:
    """Shares are of squares: a fit that is half as good is much less than half as likely."""
    squares = {lines: weight**2 for lines, (weight, _) in weights.items()}
    best = max(squares.values(), default=0.0)
    likely = {lines: square for lines, square in squares.items() if square >= _LEAST * best > 0}
    total = sum(likely.values())
    found = [Candidate(lines, round(square / total, 3), weights[lines][1]) for lines, square in likely.items()]
    return tuple(sorted(found, key=lambda each: (-each.share, each.lines))[:MOST])


def _share(ours: set[str], theirs: set[str]) -> float:
    return len(ours & theirs) / len(ours | theirs) if ours | theirs else 1.0
