"""What every vendor's hooks have in common: a moment in an agent's work, and what it may be told there."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol

import msgspec

from watchkeeper.agents.hooks.setup import Setup
from watchkeeper.agents.untrusted import NotAnObjectError, read_object
from watchkeeper.model.agents import AgentEvent
from watchkeeper.model.errors import WatchkeeperError

MAX_PAYLOAD = 32 * 1024 * 1024
"""Bytes. A payload with a whole conversation of a million tokens is a fifth of it."""

_MAX_BRACKETS = 1_000_000
"""Millions of objects take seconds, in which no other agent is answered."""


class Point(StrEnum):
    """The moment at which a hook runs."""

    BEGIN = "begin"  # of a session
    END = "end"
    PROMPT = "prompt"  # somebody asked for something: a turn begins
    BEFORE_TOOL = "before-tool"
    AFTER_TOOL = "after-tool"
    BEFORE_MODEL = "before-model"
    STOP = "stop"  # the turn is about to end
    OTHER = "other"  # nothing that is known: tell nothing, conclude nothing


class HookCall(msgspec.Struct, frozen=True):
    """One call of a hook, read from what the vendor gave it: untrusted.

    ``session`` is the vendor's own id, ``""`` where none was told; ``cwd`` is where the session works. ``can_advise``,
    ``can_deny`` and ``can_hold`` say what an answer here reaches: what is said besides is lost. ``is_fleeting``: advice
    given here is seen by one model call only and is in no history; it must be repeated to last. ``was_held``: the
    vendor says that the session was held back from stopping already. ``is_deaf``: this vendor's agents hear nothing
    during a turn but why something was denied. ``echo`` is what the answer repeats of the
    payload.
    """

    point: Point
    session: str
    cwd: str
    event: str = ""
    events: tuple[AgentEvent, ...] = ()
    can_advise: bool = False
    can_deny: bool = False
    can_hold: bool = False
    is_fleeting: bool = False
    was_held: bool = False
    is_deaf: bool = False
    echo: Mapping[str, object] = {}


class Said(msgspec.Struct, frozen=True):
    """What the agent is to hear. ``deny``: do not do this, because; ``hold``: at STOP, go on, because."""

    advice: str = ""
    deny: str = ""
    hold: str = ""


class HookVendor(Protocol):
    """One vendor's hooks. Neither call raises, whatever the payload holds."""

    @property
    def name(self) -> str:
        """As in ``watchkeeper hooks install NAME``, and in the first line of a request."""

    @property
    def setup(self) -> Setup:
        """Where the vendor's configuration lies and what is put there."""

    def read(self, payload: Mapping[str, object], cwd: str) -> HookCall:
        """What the payload means; ``Point.OTHER`` without events where it means nothing that is known."""

    def answer(self, call: HookCall, said: Said) -> bytes:
        """What the hook prints; ``b""`` where nothing is said, or nothing of it can be heard here."""


class PayloadError(WatchkeeperError):
    """What a hook was given is no JSON object, or too large."""


def decode_payload(raw: bytes) -> Mapping[str, object]:
    """The JSON object in ``raw``. Broken UTF-8 and half surrogate pairs are replaced, not refused.

    Raises PayloadError, and nothing else.
    """
    if len(raw) > MAX_PAYLOAD:
        raise _refused(f"it has {len(raw)} bytes, {MAX_PAYLOAD} are read")
    if raw.count(b"{") + raw.count(b"[") > _MAX_BRACKETS:
        raise _refused("it holds too many objects")
    try:
        return read_object(raw)
    except NotAnObjectError as error:
        raise _refused(str(error)) from error


def _refused(reason: str) -> PayloadError:
    return PayloadError(
        f"What an agent's hook was given cannot be read: {reason}",
        slug="hook-payload",
        hint="watchkeeper hooks status",
        facts={"reason": reason},
    )
