"""What happens while the demonstration's fleet is at work: values, in the order in which they came."""

from __future__ import annotations

import msgspec


class Crew(msgspec.Struct, frozen=True, tag="crew"):
    """Who works. ``missing`` says why no real agents do; ``""``: they do, and only their model is scripted."""

    agents: tuple[str, ...]
    missing: str = ""


class Engaged(msgspec.Struct, frozen=True, tag="engaged"):
    """An agent begins to work on an issue, on a branch of its own."""

    agent: str
    issue: str
    title: str
    branch: str


class Told(msgspec.Struct, frozen=True, tag="told"):
    """An agent was told of a conflict. ``channel`` is how; ``is_in_request``: its program asked its model with it."""

    agent: str
    text: str
    channel: str
    is_in_request: bool


class Finished(msgspec.Struct, frozen=True, tag="finished"):
    """An agent is done, and its project's tests passed on its change, which is queued. ``said``: by the tests."""

    agent: str
    said: str
    is_repair: bool


class Landed(msgspec.Struct, frozen=True, tag="landed"):
    """The target branch has an agent's change, and its issue is closed."""

    agent: str
    issue: str
    reason: str


class Returned(msgspec.Struct, frozen=True, tag="returned"):
    """A change came back: with whose change it goes wrong, and what shows it."""

    agent: str
    partners: tuple[str, ...]
    reason: str
    evidence: tuple[str, ...]


class Brief(msgspec.Struct, frozen=True, tag="brief"):
    """The whole, when it is over."""

    issues: int
    closed: int
    told: int
    returned: int
    repaired: int
    seconds: float
    tests: str


FleetHappening = Crew | Engaged | Told | Finished | Landed | Returned | Brief
