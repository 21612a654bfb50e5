"""What the server's log says of a deadlock that it broke: its detail, in three formats. Untrusted, total. Pure."""

from __future__ import annotations

import csv
import json
import re

import msgspec

from watchkeeper.database.identity import Identity
from watchkeeper.database.parties import make_marks
from watchkeeper.database.tags import split_tag
from watchkeeper.model.ids import Millis
from watchkeeper.model.incidents import Edge, Incident, IncidentKind, Party, Role, fingerprint, incident_id

_STATE = "40P01"
_MOST_DETAILS = 50
_MOST_PARTIES = 20
# A statement's further lines begin with a tab, so that nobody's statement can begin a line of the log.
_DETAIL = re.compile(r"^[^\t\n][^\n]*?DETAIL: {1,2}(Process \d+ waits for [^\n]*(?:\n\t[^\n]*)*)\n", re.MULTILINE)
_WAITS = re.compile(r"^\t?Process (\d{1,10}) waits for ([^\n]{1,300}?); blocked by process (\d{1,10})\.$", re.MULTILINE)
_RUNS = re.compile(r"^\t?Process (\d{1,10}): ", re.MULTILINE)
_CSV_STATE, _CSV_DATABASE, _CSV_DETAIL, _CSV_LEAST = 12, 2, 14, 15


class Deadlock(msgspec.Struct, frozen=True):
    """Who waited for whom (with what for), and what each ran. ``database`` only where the format tells it."""

    waits: tuple[tuple[int, str, int], ...]
    statements: tuple[tuple[int, str], ...]
    database: str = ""


def read_deadlocks(text: str, kind: str) -> tuple[Deadlock, ...]:
    """The deadlocks in whole entries of a log; ``kind`` is ``csv``, ``json`` or anything else for plain text."""
    if kind == "csv":
        details = _from_csv(text)
    elif kind == "json":
        details = _from_json(text)
    else:
        details = [(match[1], "") for match in _DETAIL.finditer(text)]
    found = (_read_detail(detail, database) for detail, database in details[:_MOST_DETAILS])
    return tuple(each for each in found if each is not None)


def deadlock_incident(deadlock: Deadlock, database: str, at: Millis) -> Incident:
    """The ring as an incident that is over already."""
    statements = dict(deadlock.statements)
    wants = {waiter: what for waiter, what, _ in deadlock.waits}
    parties, known = list[Party](), dict[int, Identity]()
    for pid in sorted(wants)[:_MOST_PARTIES]:
        tag, statement = split_tag(statements.get(pid, ""))
        known[pid] = Identity(tag.process if tag else 0, tag.task if tag else "", tag=tag, statement=statement)
        process, task = known[pid].process, known[pid].task
        parties.append(
            Party(pid, Role.BOTH, statement=statement[:2_000], process=process, task=task, wants=wants[pid], tag=tag)
        )
    mark = fingerprint(IncidentKind.CYCLE, database, make_marks(tuple(parties), known, ""))
    names = ", ".join(_name(each) for each in parties[:4])
    return Incident(
        id=incident_id(mark),
        fingerprint=mark,
        kind=IncidentKind.CYCLE,
        database=database,
        summary=f"{len(parties)} transactions waited for each other, and the server ended one: {names}",
        since=at,
        seen=at,
        parties=tuple(parties),
        edges=tuple(Edge(waiter, holder, what) for waiter, what, holder in deadlock.waits[:_MOST_PARTIES]),
        stuck=len(wants),
        is_certain=True,
        by="log",
    )


def _read_detail(detail: str, database: str) -> Deadlock | None:
    waits = tuple((int(each[1]), each[2], int(each[3])) for each in _WAITS.finditer(detail))
    begins = list(_RUNS.finditer(detail))
    ends = [each.start() for each in begins[1:]] + [len(detail)]
    statements = tuple(
        (int(begin[1]), detail[begin.end() : end].replace("\n\t", "\n").strip()[:6_000])
        for begin, end in zip(begins, ends, strict=False)  # without any there is one end too many
    )
    is_ring = len(waits) > 1 and {waiter for waiter, _, _ in waits} == {holder for _, _, holder in waits}
    return Deadlock(waits, statements, database) if is_ring else None


def _from_csv(text: str) -> list[tuple[str, str]]:
    found = list[tuple[str, str]]()
    try:
        for row in csv.reader(text.splitlines(keepends=True)):
            if len(row) >= _CSV_LEAST and row[_CSV_STATE] == _STATE and row[_CSV_DETAIL]:
                found.append((row[_CSV_DETAIL], row[_CSV_DATABASE]))
    except csv.Error:
        return found
    return found


def _from_json(text: str) -> list[tuple[str, str]]:
    found = list[tuple[str, str]]()
    for line in text.splitlines():
        if _STATE not in line:
            continue
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(entry, dict) and entry.get("state_code") == _STATE and isinstance(entry.get("detail"), str):
            found.append((entry["detail"], str(entry.get("dbname", ""))))
    return found


def _name(party: Party) -> str:
    return f"{party.tag.symbol} ({party.backend})" if party.tag and party.tag.symbol else f"backend {party.backend}"
