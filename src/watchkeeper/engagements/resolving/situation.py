"""What the resolver is given, and what it gives: everything that is there for one deliverable. Values."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from watchkeeper.engagements.methodology.contracts import Contract, Playbook
from watchkeeper.model.ids import Millis

CORRECTIONS = "corrections"
"""The paper that a rejected run leaves to the next: always declared, never required."""


class Paper(msgspec.Struct, frozen=True):
    """One thing that was given for an input, as it is pinned. ``digest`` is sha256 of its bytes, hexadecimal.

    ``at`` is when its content was given or last confirmed by a person.
    """

    input: str
    digest: str
    text: str
    at: Millis


class Upstream(msgspec.Struct, frozen=True):
    """A deliverable that is an input of another. ``accepted`` is the digest that its last gate accepted, ``""``: none.

    ``done``: it has been through its whole life. ``stale``: what it was made of has changed since.
    """

    type: str
    done: bool
    accepted: str = ""
    stale: bool = False


class Pinned(msgspec.Struct, frozen=True):
    """A document of the methodology: ``role``, ``guide`` or ``template``, from one commit."""

    kind: str
    path: str
    digest: str
    text: str


class Situation(msgspec.Struct, frozen=True):
    """Everything that decides whether one deliverable can be made now. ``step`` is its step of the playbook.

    ``upstream`` has each deliverable of the commission by its type. ``most_chars`` is what a run may load at most, all
    documents and papers together.
    """

    step: str
    contract: Contract
    playbook: Playbook
    now: Millis
    papers: tuple[Paper, ...] = ()
    documents: tuple[Pinned, ...] = ()
    upstream: Mapping[str, Upstream] = {}
    most_chars: int = 200_000


class Whom(StrEnum):
    """Who can give what is missing."""

    CLIENT = "client"
    OPERATOR = "operator"


class Lack(msgspec.Struct, frozen=True):
    """One reason why it cannot be made yet. ``rule`` is R1 to R11; ``question`` is what a person is asked.

    ``waits``: nobody is asked, since a deliverable before it is not done yet.
    """

    rule: str
    input: str
    what: str
    whom: Whom
    question: str
    waits: bool = False


class Ready(msgspec.Struct, frozen=True):
    """Everything is there; ``pinned`` names each document and paper that goes in, with its digest, in their order.

    Only ``resolve`` makes one, and a run is sealed of nothing else.
    """

    step: str
    atom: str
    pinned: tuple[tuple[str, str], ...]
