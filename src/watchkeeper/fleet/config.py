"""What ``fleet.toml`` can say: projects, agents, trackers, and the bounds of the whole. Values."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from watchkeeper.model.attention import MatterKind, Urgency
from watchkeeper.model.fleet import Budget
from watchkeeper.notify.policy import TOLD

FLEET_FILE = "fleet.toml"

Protocol = Literal["acp", "codex", "plain"]


class FleetSection(msgspec.Struct, frozen=True):
    """The bounds of the whole fleet. ``budget`` is for a day, ``engagement_budget`` for each engagement."""

    concurrency: int = 4  # how many engagements may go on at once
    memory_mb: int = 0  # the most memory that all agents together may take; 0: what the machine has free
    keep_free_mb: int = 1024  # memory that is left to everything else
    budget: Budget = Budget()
    engagement_budget: Budget = Budget()
    quiet: str = ""  # when nothing is started: "22:00-07:00"
    time_zone: str = ""  # of quiet hours, of days and of the day that a budget is for; "": the system's
    day_begins: str = "04:00"  # when a project's day ends, its work log is written, and the next one begins
    max_attempts: int = 3  # so often an issue is tried before a person is needed
    retry_minutes: int = 5  # how long a failed issue rests; each failure doubles it
    stuck_minutes: float = 10.0  # for so long nothing may be seen of an agent
    pin_seconds: int = 60  # what an agent has written is pinned when no file was written for so long
    clashes: Literal["order", "tell"] = "tell"  # what becomes of issues that will probably touch the same
    stale_days: int = 14  # an issue without a label that nobody touched for so long is asked about


class ProjectEntry(msgspec.Struct, frozen=True):
    """One project. ``setup``, ``test`` and ``target`` stand above what its own ``watchkeeper.toml`` says."""

    name: str
    path: Path
    target: str = ""
    host: str = ""  # the machine that works on it; "": any
    port: int = 0  # of its dev server; 0: none
    remote: str = ""  # the address that its checkout has to have as a remote
    setup: str = ""
    test: str = ""
    agents: tuple[str, ...] = ()  # in order of preference; the next try is made by the next one; (): all
    concurrency: int = 2
    budget: Budget = Budget()
    quiet: str | None = None  # None: as the fleet
    day_begins: str | None = None  # None: as the fleet
    time_zone: str | None = None  # of its days; None: as the fleet
    focus: bool = False  # it gets at least every second start
    tracker: str = ""  # "": the built-in one


class AgentEntry(msgspec.Struct, frozen=True):
    """One kind of worker. ``env`` lists all variables that it gets beside the harmless ones: see ``variables_of``."""

    name: str
    command: tuple[str, ...]
    protocol: Protocol = "acp"
    env: tuple[str, ...] = ()
    model: str = ""
    cost: float = 0.0  # money for a million tokens, where the agent tells only tokens
    memory_mb: int = 800  # what it will probably take, until it is measured


class TrackerEntry(msgspec.Struct, frozen=True):
    """Where issues come from beside the built-in tracker. ``token`` names the variable that holds the secret."""

    name: str
    repository: str
    kind: Literal["github"] = "github"
    url: str = ""
    token: str = "GITHUB_TOKEN"  # noqa: S105 the name of a variable
    label: str = ""  # only issues that have it
    poll_minutes: int = 5


class HostEntry(msgspec.Struct, frozen=True):
    """One of the hosts that share the record. ``hub`` is how the others reach what it pins."""

    name: str
    hub: str = ""  # an address for git, or a folder; a project's hub is <hub>/<project>.git. "": nobody reaches it
    concurrency: int = 0  # how many engagements may go on there at once; 0: as the fleet


class WebSection(msgspec.Struct, frozen=True):
    """Where the control room listens, under which names it is known, and who may come in by which door."""

    listen: str = ""  # "": 127.0.0.1:7333, and the fleet's daemon does not keep it
    exposed: bool = False  # it may listen beyond this machine; see docs/access.md before
    origin: str = ""  # as a browser sees it, "https://box.example.ts.net"; "": as it listens
    hosts: tuple[str, ...] = ()  # further names under which it answers
    trusted_proxy: str = ""  # the address from which Tailscale's identity headers are believed; "": from none
    proxy_user: str = "root"  # whose program the one at that address is, where it is this machine; "*": anybody's
    operators: tuple[str, ...] = ()  # Tailscale logins that may act
    viewers: tuple[str, ...] = ()  # Tailscale logins that may look; "*": all of the tailnet
    session_hours: float = 168.0  # so long a login holds at most
    idle_hours: float = 24.0  # so long a login holds unused
    dev_listen: str = ""  # where the projects' dev servers are shown, another port; "": nowhere
    dev_origin: str = ""  # as a browser sees that one; "{name}" is the project's


class NotifySection(msgspec.Struct, frozen=True):
    """When people are told. What it is about says how urgent it is; each channel says what it takes."""

    brief: str = "08:00"  # when the brief is sent; "": never
    quiet: str = "22:00-07:00"  # when only ``wakes`` are told, and only what is urgent of them
    wakes: tuple[MatterKind, ...] = (MatterKind.INCIDENT,)
    time_zone: str = ""  # "": the fleet's
    today: Literal["brief", "at-once"] = "brief"
    nag_hours: float = 4.0
    settle_seconds: int = 60  # what is over before is not told
    wait_seconds: int = 30  # for so long others may join a message
    interval_minutes: float = 5.0  # between two messages of one project, but for what is urgent
    budget: int = 12  # messages an hour and channel, edits not counted
    page: str = ""  # the address of the dashboard, for links


class ChannelEntry(msgspec.Struct, frozen=True):
    """One way to a person. ``address`` names the variable that holds the webhook, the bot's token, or Apprise's URL."""

    name: str
    address: str
    kind: Literal["discord", "discord-bot", "apprise"] = "discord"
    room: str = ""  # of a bot: the id of the channel on Discord
    urgencies: tuple[Urgency, ...] = TOLD
    projects: tuple[str, ...] = ()  # (): all; "fleet" is what is about none
    operators: tuple[str, ...] = ()  # of a bot: ids of users, or "role:ID", who may act
    viewers: tuple[str, ...] = ()  # of a bot: who may ask


class FleetConfig(msgspec.Struct, frozen=True):
    """A whole ``fleet.toml``. ``store`` is a folder or an address; ``""``: the user's state folder."""

    origin: Path
    store: str = ""
    fleet: FleetSection = FleetSection()
    projects: tuple[ProjectEntry, ...] = ()
    agents: tuple[AgentEntry, ...] = ()
    trackers: tuple[TrackerEntry, ...] = ()
    hosts: tuple[HostEntry, ...] = ()
    web: WebSection = WebSection()
    notify: NotifySection = NotifySection()
    channels: tuple[ChannelEntry, ...] = ()

    @property
    def is_shared(self) -> bool:
        """Several hosts may share its record."""
        return "://" in self.store

    def find_host(self, name: str) -> HostEntry:
        """What is said of a host; nothing in particular where it is not named."""
        return next((each for each in self.hosts if each.name.lower() == name.lower()), HostEntry(name))

    def agents_of(self, project: ProjectEntry) -> tuple[AgentEntry, ...]:
        """Who may work on the project, in order of preference."""
        known = {each.name: each for each in self.agents}
        return tuple(known[name] for name in project.agents) if project.agents else self.agents

    def quiet_of(self, project: ProjectEntry) -> str:
        """Its quiet hours, else the fleet's."""
        return self.fleet.quiet if project.quiet is None else project.quiet

    def day_begins_of(self, project: ProjectEntry) -> str:
        """When its day begins, else the fleet's."""
        return self.fleet.day_begins if project.day_begins is None else project.day_begins

    def time_zone_of(self, project: ProjectEntry) -> str:
        """The zone of its days, else the fleet's."""
        return self.fleet.time_zone if project.time_zone is None else project.time_zone

    def tracker_of(self, project: ProjectEntry) -> TrackerEntry | None:
        """Where its issues come from; None: from the built-in tracker alone."""
        return next((each for each in self.trackers if each.name == project.tracker), None)


SECTIONS: dict[str, type[msgspec.Struct]] = {
    "fleet": FleetSection,
    "project": ProjectEntry,
    "agent": AgentEntry,
    "tracker": TrackerEntry,
    "host": HostEntry,
    "web": WebSection,
    "notify": NotifySection,
    "channel": ChannelEntry,
}
"""The tables of the file, and what each row holds."""

FLEET_KEYS: tuple[str, ...] = (
    "store",
    *(
        f"{table}.{key}"
        for table, kind in SECTIONS.items()
        for key in kind.__struct_fields__
        if not (key == "name" and table in {"agent", "tracker", "host", "channel"})
    ),
)
"""All keys; ``agent.command`` stands in ``[agent.NAME]``, ``project.path`` in each ``[[project]]``."""


def watch_flags(project: ProjectEntry) -> dict[str, object]:
    """What the file says above the project's own configuration, as flags of ``record.config.load_settings``."""
    told = {"target": project.target, "project.setup": project.setup, "project.test": project.test}
    return {key: value or None for key, value in told.items()}
