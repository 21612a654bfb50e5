"""An incident's sentence: both sides, with line, commit, agent and issue. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from watchkeeper.model.incidents import Attribution, Incident, IncidentKind, Origin, Party, Role, Tier

_MOST_LINES = 3
_LIKELY = 0.5
_ENDS = {
    IncidentKind.SELF_DEADLOCK: "one program does both and waits for itself, so nobody will end this",
    IncidentKind.IDLE_HOLDER: "the holder does nothing meanwhile: it may wait for the same task",
    IncidentKind.CYCLE: "each waits for the other",
    IncidentKind.DDL_QUEUE: "everybody behind the schema change waits as well",
    IncidentKind.POOL: "every connection of the pool is held by one who waits for another",
}


def render_summary(incident: Incident) -> str:
    """One sentence of who holds what and who waits for it, without a full stop."""
    held = _named(incident, (Role.HOLDER, Role.BOTH))
    waiting = _named(incident, (Role.WAITER,))
    what = incident.relation or "what others wait for"
    if incident.kind is IncidentKind.CYCLE:
        sentence = f"{' and '.join(held or waiting)} wait for each other"
    elif incident.kind is IncidentKind.POOL:
        sentence = f"{' and '.join(held or waiting)} asks for another connection while it holds one"
    elif incident.kind is IncidentKind.LOST_UPDATE:
        lost = f"{' and '.join(waiting)} wrote no row of {what}" if waiting else incident.summary
        sentence = f"{lost}: {' and '.join(held)} has it uncommitted" if waiting and held else lost
    else:
        parts = [f"{' and '.join(held)} holds {what}"] if held else []
        parts += [f"{' and '.join(waiting)} waits for it"] if waiting else []
        sentence = ", ".join(parts) or incident.summary
    end = _ENDS.get(incident.kind, "")
    stuck = f" ({incident.stuck} stand still)" if incident.stuck > 1 else ""
    return f"{sentence}{stuck}{f': {end}' if end else ''}"


def render_origin(origin: Origin) -> str:
    """``update_stage_field (engine/stages.py:21, 1a2b3c4d5e, agent-a, issue 101)``."""
    parts = [f"{origin.path}:{origin.line}"]
    parts += [origin.commit[:10]] if origin.commit is not None else []
    parts += [origin.agent or origin.author.partition(" <")[0]] if origin.agent or origin.author else []
    parts += [f"issue {origin.issue}"] if origin.issue else []
    return f"{origin.symbol or 'the module'} ({', '.join(parts)})"


def render_side(attribution: Attribution) -> str:
    """The likeliest origin, with the other lines of the same commit, and how sure that is where it is not."""
    best = attribution.origins[0]
    same = [
        each.line
        for each in attribution.origins[1:]
        if (each.path, each.symbol, each.commit, each.agent) == (best.path, best.symbol, best.commit, best.agent)
        and each.confidence == best.confidence
    ]
    text = render_origin(best)
    if same:
        lines = ",".join(str(line) for line in sorted({best.line, *same})[:_MOST_LINES])
        text = text.replace(f"{best.path}:{best.line}", f"{best.path}:{lines}", 1)
    if best.confidence >= 0.995:
        return text
    return f"{'probably' if best.confidence >= _LIKELY else 'perhaps'} {text} ({best.confidence:.0%})"


def _named(incident: Incident, roles: Iterable[Role]) -> list[str]:
    parties = [party for party in incident.parties if party.role in roles]
    return list(dict.fromkeys(map(_side, parties)))[:4]


def _side(party: Party) -> str:
    if party.attribution.tier is not Tier.UNATTRIBUTED and party.attribution.origins:
        return render_side(party.attribution)
    process = f"process {party.process}" if party.process else f"backend {party.backend}"
    return f"{process} ({party.application}, unattributed)" if party.application else f"{process} (unattributed)"
