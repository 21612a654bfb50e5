"""What all vendors share: from what a payload tells to a call, by tables of moments and tools."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import msgspec

from watchkeeper.agents.hooks.deeds import Tool, as_events
from watchkeeper.agents.hooks.vendor import HookCall, Point, Said
from watchkeeper.agents.untrusted import Fields
from watchkeeper.model.agents import Act, AgentEvent, Phase

_MAX_SAID = 16_000
"""Characters. Goose reads 32 KB of what a hook prints."""


class Spot(msgspec.Struct, frozen=True):
    """What an event of a vendor means, and what it can be told there."""

    point: Point
    phase: Phase = Phase.DONE
    advises: bool = False
    denies: bool = False
    holds: bool = False
    is_fleeting: bool = False


class Told(msgspec.Struct, frozen=True):
    """What a payload tells, out of the vendor's words."""

    event: str
    session: str
    cwd: str
    tool: str = ""
    fields: Fields = {}
    call: str = ""
    prompt: str = ""
    was_held: bool = False
    failed: bool = False


def understand(agent: str, told: Told, spots: Mapping[str, Spot], tools: Mapping[str, Tool]) -> HookCall:
    """The call that was told; ``Point.OTHER`` without events where the event is in no table."""
    spot = spots.get(told.event)
    if spot is None:
        return HookCall(Point.OTHER, told.session, told.cwd, told.event)
    return HookCall(
        point=spot.point,
        session=told.session,
        cwd=told.cwd,
        event=told.event,
        events=tuple(_events(agent, told, spot, tools)),
        can_advise=spot.advises,
        can_deny=spot.denies,
        can_hold=spot.holds,
        is_fleeting=spot.is_fleeting,
        was_held=told.was_held,
        is_deaf=not any(each.advises for each in spots.values() if each.point in _DURING),
    )


def reason_of(said: Said) -> str:
    """Why the agent may not do it; with what else it is to hear, for there is no other place here."""
    return _cut("\n\n".join(text for text in (said.deny, said.advice) if text))


def hold_of(said: Said) -> str:
    """Why the agent is to go on; with what else it is to hear."""
    return _cut("\n\n".join(text for text in (said.hold, said.advice) if text))


def advice_of(said: Said) -> str:
    """What the agent is to hear."""
    return _cut(said.advice)


def printed(answer: Mapping[str, object]) -> bytes:
    """The answer as JSON in ASCII, which every vendor reads."""
    return json.dumps(answer).encode("ascii")


_DURING = frozenset({Point.BEFORE_TOOL, Point.AFTER_TOOL, Point.BEFORE_MODEL})
_ACTS = {Point.BEGIN: Act.BEGIN, Point.END: Act.END, Point.PROMPT: Act.PROMPT, Point.STOP: Act.IDLE}


def _events(agent: str, told: Told, spot: Spot, tools: Mapping[str, Tool]) -> Iterator[AgentEvent]:
    act = _ACTS.get(spot.point)
    if act is not None:
        text = told.prompt if act is Act.PROMPT else ""
        yield AgentEvent(agent=agent, session=told.session, act=act, text=text, cwd=told.cwd)
    elif spot.point in {Point.BEFORE_TOOL, Point.AFTER_TOOL} and told.tool in tools:
        phase = Phase.FAILED if told.failed else spot.phase
        deeds = tools[told.tool](told.fields)
        yield from as_events(
            deeds, agent=agent, session=told.session, cwd=told.cwd, phase=phase, tool=told.tool, call=told.call
        )


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_SAID else text[:_MAX_SAID] + " ..."
