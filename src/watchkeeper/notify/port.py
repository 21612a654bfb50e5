"""What every way to a person has to offer."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from watchkeeper.model.ids import Millis
from watchkeeper.notify.messages import Message
from watchkeeper.notify.rendering import Inert, Rendered


class Sent(NamedTuple):
    """The channel has it; ``reference`` is how it can be changed, ``""`` where it cannot."""

    reference: str = ""


class NotSent(NamedTuple):
    """It was not taken. ``again_s`` None: it never will be, as it is.

    ``is_unknown``: it may have been all the same; ``is_dead``: nothing will get through until somebody does something;
    ``is_limit``: the channel is well, and had enough for now.
    """

    reason: str
    again_s: float | None = 0.0
    is_unknown: bool = False
    is_dead: bool = False
    is_limit: bool = False


Outcome = Sent | NotSent


class Port(Protocol):
    """One channel. Nothing it says names a secret. Its methods never raise for what the other side does."""

    @property
    def inert(self) -> Inert:
        """How it quotes what is not trusted."""
        ...

    def ready_in(self, message: Message) -> float:
        """Seconds until its limits have room for this message."""
        ...

    async def send(self, message: Message, words: Rendered) -> Outcome:
        """Post, edit or reply, once."""
        ...

    async def find(self, token: str, since: Millis) -> Sent | NotSent | None:
        """Look for a delivery whose answer was lost; None: it is not there. NotSent: that cannot be told now."""
        ...

    async def probe(self) -> str | None:
        """``""``: it would take messages; else why not; None: that cannot be asked."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class NoPort:
    """A channel that cannot be used as it is configured."""

    def __init__(self, reason: str, inert: Inert) -> None:
        self.reason, self.inert = reason, inert

    def ready_in(self, message: Message) -> float:  # noqa: ARG002 it has no limits
        return 0.0

    async def send(self, message: Message, words: Rendered) -> Outcome:  # noqa: ARG002 nobody reads it
        return NotSent(self.reason, 60.0, is_dead=True)

    async def find(self, token: str, since: Millis) -> Outcome | None:  # noqa: ARG002 there is no place to look
        return NotSent(self.reason, 60.0, is_dead=True)

    async def probe(self) -> str | None:
        return self.reason

    async def close(self) -> None:
        return None
