"""An incident as a block of lines: what stands still, who is in it, who waits for whom, what to do."""

from __future__ import annotations

import datetime as dt

from watchkeeper.cli.output import Terminal
from watchkeeper.database.wait_graph import render_lines
from watchkeeper.model.incidents import Incident, IncidentChanged, IncidentOpened, Origin, Party, Role
from watchkeeper.model.printing import printable

_MOST_STATEMENT = 160
_MOST_PARTIES = 12


def incident_block(event: IncidentOpened | IncidentChanged, terminal: Terminal) -> list[str]:
    """The whole incident. Everything in it that others wrote is printable, and cut."""
    incident = event.incident
    again = "changed: " if isinstance(event, IncidentChanged) else ""
    head = f"{again}{incident.kind.value} {incident.id} in {printable(incident.database)}"
    lines = [terminal.paint("red", head), f"  {printable(incident.summary)}", f"  since {_since(incident)}"]
    for party in incident.parties[:_MOST_PARTIES]:
        lines += _party_lines(party)
    if len(incident.parties) > _MOST_PARTIES:
        lines.append(f"  and {len(incident.parties) - _MOST_PARTIES} more")
    lines += [f"  {printable(each)}" for each in render_lines(incident) if each.startswith("  waits for")]
    lines += [f"  {'do' if number == 0 else 'or'}: {printable(each)}" for number, each in enumerate(incident.advice)]
    if incident.missed:
        lines.append(f"  missed by: {printable(', '.join(incident.missed))}")
    return lines


def _since(incident: Incident) -> str:
    when = dt.datetime.fromtimestamp(incident.since / 1000).astimezone().isoformat(" ", "milliseconds")
    certain = ", certain" if incident.is_certain else ""
    return f"{when}, seen after {max(0, incident.seen - incident.since)} ms by {incident.by}{certain}"


def _party_lines(party: Party) -> list[str]:
    program = party.application or party.user
    where = f", process {party.process}" if party.process else ""
    state = party.state or ("waits" if party.role is Role.WAITER else "")
    lines = [printable(f"  {party.role.value} {party.backend} {program} ({state}{where})")]
    origins = party.attribution.origins
    lines += [f"    {_origin_line(each)}" for each in origins[:3]]
    if not origins and party.tag is not None and (party.tag.symbol or party.tag.site):
        at = f", assigned at {party.tag.set}" if party.tag.set else ""
        lines.append(printable(f"    {party.tag.symbol} at {party.tag.site}{at}"))
    if party.attribution.reason:
        lines.append(printable(f"    {party.attribution.reason}"))
    if party.statement:
        what = "last statement: " if party.role is Role.HOLDER and not party.is_taking else ""
        lines.append(f"    {what}{printable(' '.join(party.statement.split()))[:_MOST_STATEMENT]}")
    return lines


def _origin_line(origin: Origin) -> str:
    who = [each for each in (origin.agent or origin.author, f"issue {origin.issue}" if origin.issue else "") if each]
    commit = f" {origin.commit[:10]}" if origin.commit else ""
    share = f" ({origin.confidence:.0%})" if origin.confidence < 1 else ""
    text = f"{origin.symbol} {origin.path}:{origin.line}{commit} {', '.join(who)}{share}"
    return printable(text.strip()) + (f": {printable(origin.code.strip())[:100]}" if origin.code else "")
