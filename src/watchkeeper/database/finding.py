"""Where each party of an incident is in the code: from journals, tags, or the index of what is deployed. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from watchkeeper.code.database.claims import Claim
from watchkeeper.database.codeindex import CodeIndex, Made
from watchkeeper.database.ports import JournalEntry, JournalWrite
from watchkeeper.database.ranking import (
    Candidate,
    Line,
    Seen,
    rank_locks,
    rank_pair,
    rank_seconds,
    rank_statement,
    short_symbol,
)
from watchkeeper.database.statements import may_block, read_waiting, tables_in, wanted_claims
from watchkeeper.model.incidents import Incident, IncidentKind, Party, Role, Tag, Tier


class Found(NamedTuple):
    """What a party is traced to, before anybody was asked who wrote it."""

    tier: Tier
    candidates: tuple[Candidate, ...] = ()
    reason: str = ""


class Case:
    """An incident and what is known beside it. ``code`` is asked for only where nothing better says who is where."""

    def __init__(
        self,
        incident: Incident,
        journals: Mapping[int, JournalEntry],
        load: Callable[[], CodeIndex | None] = lambda: None,
        lack: str = "",
    ) -> None:
        self.incident, self.journals, self.lack, self._load = incident, journals, lack, load

    @cached_property
    def code(self) -> CodeIndex | None:
        """The index of what runs; None where that is not known, for the reason ``lack``."""
        return self._load()


def find_all(case: Case) -> dict[int, Found]:
    """Every party's place, by backend. A party whose place cannot be told is unattributed, with the reason."""
    found: dict[int, Found] = {}
    for party in case.incident.parties:
        entry = case.journals.get(party.backend)
        if case.incident.kind is IncidentKind.POOL and entry is not None and (asks := _find_asking(entry)) is not None:
            found[party.backend] = _join(asks, _find_kept(entry) or _find_holder(case, party))
            continue
        match party.role:
            case Role.WAITER | Role.QUEUED:
                found[party.backend] = _find_waiter(case, party)
            case Role.HOLDER:
                found[party.backend] = _find_holder(case, party)
            case Role.BOTH:
                found[party.backend] = _join(_find_waiter(case, party), _find_holder(case, party))
    return found


def parse_site(text: str, symbol: str = "") -> Line | None:
    """``path:line`` as a line; None where it is none. What it says comes from a running program."""
    path, colon, number = text.rpartition(":")
    if not colon or not number.isascii() or not number.isdigit() or len(number) > 7 or not 0 < len(path) <= 400:
        return None
    if path.startswith("/") or ".." in path.split("/"):
        return None
    return Line(path, int(number), symbol)


def _find_waiter(case: Case, party: Party) -> Found:
    tag = party.tag
    if tag is not None and (line := parse_site(tag.set, tag.symbol) or parse_site(tag.site, tag.symbol)) is not None:
        where = "assigned" if parse_site(tag.set) else "sent"
        return Found(Tier.TAG, (_only(line),), f"its statement bears where it is {where}")
    entry = case.journals.get(party.backend)
    if entry is not None and (last := entry.last) is not None:
        line = parse_site(last.site, last.symbol)
        if line is not None:
            return Found(Tier.JOURNAL, (_only(line),), "its process says what it has sent last")
    if case.code is None:
        return Found(Tier.UNATTRIBUTED, (), case.lack)
    seen, holder = _seen(case, party), _counterpart(case, party, waits=True)
    if holder is None:
        return _of_index(rank_statement(case.code, seen), party, "its statement fits")
    pair = rank_pair(
        case.code, seen, _seen(case, holder), _wanted(case, party), nested=_may_be_one_task(case, holder, party)
    )
    return _of_index(pair.waiter, party, "its statement fits")


def _find_asking(entry: JournalEntry) -> Found | None:
    """Where a pool's connection is waited for by the task that keeps this one; None where it waits for none."""
    lines = [line for each in entry.waits if (line := parse_site(each.site, each.symbol)) is not None]
    candidates = tuple(_only(line) for line in dict.fromkeys(lines))
    return Found(Tier.JOURNAL, candidates, "its process says where it asks for another one") if candidates else None


def _find_kept(entry: JournalEntry) -> Found | None:
    """Where the connection that is kept meanwhile was used: what its transaction wrote last, else what it ran last."""
    used = max(entry.writes, key=lambda write: write.at, default=entry.last)
    if used is None:
        return None
    line = parse_site(used.set, used.symbol) or parse_site(used.site, used.symbol)
    return Found(Tier.JOURNAL, (_only(line),), "what it did on the one that it keeps") if line is not None else None


def _find_holder(case: Case, party: Party) -> Found:
    waiter = _counterpart(case, party, waits=False)
    wanted = _wanted(case, waiter) if waiter is not None else ()
    entry = case.journals.get(party.backend) if case.incident.kind is not IncidentKind.POOL else None
    journal = _of_journal(case, entry, wanted) if entry is not None else None
    if journal is not None and not _is_flush(case, entry, journal):
        return journal
    found = _of_code(case, party, waiter, wanted)
    if journal is None:
        return found
    if found.candidates and {line.symbol for line in found.candidates[0].lines} & _symbols(journal):
        return found._replace(tier=Tier.JOURNAL, reason=f"{journal.reason}, by objects that were changed before")
    return journal


def _of_code(case: Case, party: Party, waiter: Party | None, wanted: Sequence[Claim]) -> Found:
    """The holder's place by what it ran last and what it holds."""
    if (tag := party.tag) is not None and party.is_taking:
        line = parse_site(tag.set, tag.symbol) or parse_site(tag.site, tag.symbol)
        if line is not None:
            return Found(Tier.TAG, (_only(line),), "the server remembers the statement of it that took the lock")
    if case.code is None:
        return Found(Tier.UNATTRIBUTED, (), _without_code(case, party))
    seen = _seen(case, party)
    if case.incident.kind is IncidentKind.POOL:
        return _of_holder(rank_seconds(case.code, seen), party, seen, "takes another connection while this is held")
    if waiter is None:
        return _of_holder(rank_locks(case.code, seen), party, seen, "took the locks that it holds")
    nested = _may_be_one_task(case, party, waiter)
    pair = rank_pair(case.code, _seen(case, waiter), seen, wanted, nested=nested)
    table = case.incident.relation or next((each.table for each in wanted), "")
    return _of_holder(pair.holder, party, seen, f"locked what is waited for{f' ({table})' if table else ''}")


def _is_flush(case: Case, entry: JournalEntry | None, found: Found) -> bool:
    """Whether the lines only send what others changed: new objects bear no line at which they were assigned."""
    if entry is None or case.code is None:
        return False
    sets = {(line.path, line.line) for write in entry.writes if (line := parse_site(write.set)) is not None}
    if sets & {(line.path, line.line) for each in found.candidates for line in each.lines}:
        return False
    places = {made.place for routine in case.code.routines for sent in routine.sent for made in sent.made}
    return all((line.path, line.line) not in places for each in found.candidates for line in each.lines)


def _symbols(found: Found) -> set[str]:
    return {line.symbol for candidate in found.candidates for line in candidate.lines}


def _of_journal(case: Case, entry: JournalEntry, wanted: Sequence[Claim]) -> Found | None:
    """The writes of a transaction that others wait for; None where it wrote nothing."""
    tables = {each.table for each in wanted}
    if not entry.writes:
        return None
    own = [write for write in entry.writes if write.table in tables]
    reason = f"its process says where its transaction wrote {', '.join(sorted(tables & {w.table for w in own}))}"
    if not own and tables and case.code is not None:
        own = [write for write in entry.writes if _is_in_the_way(case.code, write, wanted)]
        reason = "its process says what its transaction wrote, and that write locks what is waited for"
    if not own:
        own = [max(entry.writes, key=lambda write: write.at)]
        reason = "its process says what its transaction wrote last"
    found = (parse_site(_assigned(write, entry.writes), write.symbol) or _sent_at(write) for write in own)
    lines = [line for line in found if line is not None]
    if not lines:
        return None
    return Found(Tier.JOURNAL, (Candidate(tuple(dict.fromkeys(lines)), 1.0),), reason)


def _assigned(write: JournalWrite, writes: Sequence[JournalWrite]) -> str:
    """Where a write's value was assigned; of what a statement locks beside its own table, where that table's was."""
    if write.set or not write.statement:
        return write.set
    together = (each.set for each in writes if (each.statement, each.at) == (write.statement, write.at) and each.set)
    return next(together, "")


def _sent_at(write: JournalWrite) -> Line | None:
    return parse_site(write.site, write.symbol)


def _is_in_the_way(index: CodeIndex, write: JournalWrite, wanted: Sequence[Claim]) -> bool:
    """Whether the code at a write's line also locks what is waited for: a child's insert locks its parent's key."""
    lines = [line for text in (write.set, write.site) if (line := parse_site(text)) is not None]
    places = {(line.path, line.line) for line in lines}
    made: list[Made] = [
        each for routine in index.routines for sent in routine.sent for each in sent.made if each.place in places
    ]
    claims = [*made, *(each for each in _sharing(index, write))]
    return any(may_block(claim, each) for claim in wanted for each in claims)


def _sharing(index: CodeIndex, write: JournalWrite) -> list[Made]:
    """What statements that write the same table in the same function claim beside it."""
    name = short_symbol(write.symbol)
    return [
        each
        for routine in index.of_tables([write.table])
        for sent in routine.sent
        if any(made.table == write.table and short_symbol(made.symbol) == name for made in sent.made)
        for each in sent.made
    ]


def _of_index(candidates: tuple[Candidate, ...], party: Party, why: str) -> Found:
    if not candidates:
        return Found(Tier.UNATTRIBUTED, (), f"no code of the revision that runs fits {_name(party)}")
    more = f"; {len(candidates)} places fit" if len(candidates) > 1 else ""
    return Found(Tier.INDEX, candidates, f"{why} code of the revision that runs{more}")


def _of_holder(candidates: tuple[Candidate, ...], party: Party, seen: Seen, what: str) -> Found:
    if not candidates:
        return Found(Tier.UNATTRIBUTED, (), f"no code of the revision that runs fits {_name(party)}")
    more = f"; {len(candidates)} places fit" if len(candidates) > 1 else ""
    if seen.symbol:
        return Found(Tier.TAG, candidates, f"its newest statement is {seen.symbol}'s, and there it {what}{more}")
    return Found(Tier.INDEX, candidates, f"its newest statement and its locks fit code that {what}{more}")


def _without_code(case: Case, party: Party) -> str:
    tag = party.tag
    if tag is None or not tag.symbol:
        return case.lack
    return f"its newest statement is {tag.symbol}'s ({tag.site}), which need not be what locked; {case.lack}"


def _join(waiting: Found, holding: Found) -> Found:
    """Of one in a ring: what it waits with, and what it holds meanwhile."""
    tiers = list(Tier)
    best = min((waiting, holding), key=lambda each: tiers.index(each.tier))
    candidates = (*waiting.candidates, *(each for each in holding.candidates if each not in waiting.candidates))
    candidates = tuple(sorted(candidates, key=lambda each: -each.share))
    reasons = [each.reason for each in (waiting, holding) if each.reason]
    return Found(best.tier, candidates, "; and ".join(dict.fromkeys(reasons)))


def _counterpart(case: Case, party: Party, *, waits: bool) -> Party | None:
    """The one that it waits for, or the first that waits for it; where no edge says so, the one that can only be it."""
    edges = case.incident.edges
    if waits:
        named = [edge.holder for edge in edges if edge.waiter == party.backend and not edge.in_application]
    else:
        named = [edge.waiter for edge in edges if edge.holder == party.backend and not edge.in_application]
    others = [each for each in case.incident.parties if each.backend != party.backend]
    found = [each for backend in named for each in others if each.backend == backend]
    if found or named:
        return found[0] if found else None
    wanted = Role.HOLDER if waits else Role.WAITER
    return next((each for each in others if each.role in (wanted, Role.BOTH)), None)


def _wanted(case: Case, waiter: Party) -> tuple[Claim, ...]:
    told = (tables_in([each]) for each in (case.incident.relation, waiter.wants))
    relation = next((table for tables in told for table in tables), "")
    return wanted_claims(read_waiting(waiter.statement, waiter.wants), relation)


def _seen(case: Case, party: Party) -> Seen:
    """What is known of a party beside its line: a journal's newest statement says as much as a tag does."""
    entry = case.journals.get(party.backend)
    tag = party.tag
    if (tag is None or not tag.symbol) and entry is not None and entry.last is not None:
        tag = Tag(symbol=entry.last.symbol, site=entry.last.site)
    site = parse_site(tag.site) if tag is not None else None
    locking = tables_in(each for each in party.holds if not each.endswith(" AccessShareLock"))
    return Seen(
        claims=read_waiting(party.statement, party.wants),
        held=locking if party.holds or party.statement else None,
        symbol=tag.symbol if tag is not None else "",
        path=site.path if site is not None else "",
        line=site.line if site is not None else 0,
    )


def _may_be_one_task(case: Case, holder: Party, waiter: Party) -> bool:
    """Whether the holder may be waiting for the waiter within one task: nothing that is known speaks against it."""
    if case.incident.kind in (IncidentKind.CYCLE, IncidentKind.LOCK_WAIT) or holder.state.startswith("active"):
        return False
    apart = holder.process and waiter.process and holder.process != waiter.process
    return not apart


def _only(line: Line) -> Candidate:
    return Candidate((line,), 1.0, line.symbol)


def _name(party: Party) -> str:
    process = f"process {party.process}" if party.process else f"backend {party.backend}"
    return f"{process} ({party.application})" if party.application else process
