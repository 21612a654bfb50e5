"""This host among those that share the fleet's record: who lives, who leads, and whose an engagement is."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

from watchkeeper.app import now
from watchkeeper.durable.hosts import Timing
from watchkeeper.durable.membership import Membership
from watchkeeper.durable.pulse import Pulse
from watchkeeper.durable.thishost import find_host_name, find_this_host, is_running, sleepless_clock
from watchkeeper.engagements.holding import is_alive, my_mark
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.fleet_state import EngagementStanding
from watchkeeper.model.hosts import FLEET, Host, HostToken
from watchkeeper.record.log import Log

_SHELF = "projects"


class Company(Protocol):
    """Who else drives engagements of this record. Everything may be asked from any thread; nothing blocks."""

    name: str
    mark: str

    def leads(self) -> bool:
        """This host speaks for the fleet."""

    def may_act(self) -> bool:
        """Nobody can have declared this host lost without its knowing."""

    def is_alive(self, mark: str) -> bool | None:
        """Whether the process of a mark lives; None where nobody can tell."""

    def is_mine(self, standing: EngagementStanding) -> bool:
        """It is driven here: this host sealed it, or has it now, and was not declared lost meanwhile."""


class Alone:
    """One host, one record."""

    name = ""
    mark = ""

    def leads(self) -> bool:
        """Nobody else could."""
        return True

    def may_act(self) -> bool:
        """Nobody else is there."""
        return True

    def is_alive(self, mark: str) -> bool | None:
        """Asks this machine."""
        return is_alive(mark)

    def is_mine(self, standing: EngagementStanding) -> bool:  # noqa: ARG002
        """All are."""
        return True


class Together:
    """One of several. ``pulse`` says what is known of the others."""

    def __init__(self, me: Host, pulse: Pulse, membership: Membership, log: Log) -> None:
        self.me, self.pulse, self.membership = me, pulse, membership
        self.name = me.name
        self.mark = f"{me.token}:{my_mark().split(':', 1)[1]}"
        self._shelf = log.shelf(FLEET, _SHELF)

    def leads(self) -> bool:
        """It was chosen, and no earlier leader may still think that it leads."""
        return self.pulse.view.leads and self.membership.may_act()

    def may_act(self) -> bool:
        """Its counter was raised within its lease."""
        return self.membership.may_act()

    def is_alive(self, mark: str) -> bool | None:
        """By the hosts' counters: a process of a host that was declared lost, long enough ago, counts as gone."""
        token = HostToken(mark.rpartition(":")[0].rpartition(":")[0])
        if "/" not in token:
            return is_alive(mark)
        view = self.pulse.view
        return False if token in view.gone else True if token in view.live else None

    def is_mine(self, standing: EngagementStanding) -> bool:
        """Where it stands under this host's name; one of a run of before, too: its worktree is here."""
        return standing.host.lower() == self.name.lower()

    def is_orphan(self, standing: EngagementStanding) -> bool:
        """Its host is gone for good: no run of it lives, and none may think that it does."""
        view, name = self.pulse.view, standing.host.lower()
        runs = [token for token in (*view.live, *self.membership.known()) if _name(token) == name]
        return bool(runs) and all(token in view.gone for token in runs)

    def tell_projects(self, names: Collection[str]) -> None:
        """Say which projects are worked on here, for others to know who may take over. Raises WatchkeeperError."""
        gone = dict.fromkeys((str(each) for each in self.pulse.view.gone), None)
        self._shelf.put({**gone, str(self.me.token): "\n".join(sorted(names)).encode()})

    def takes(self, project: str) -> bool:
        """Of the hosts that live and work on the project this one comes first: what is orphaned there is its own.

        Blocks. Raises WatchkeeperError.
        """
        live = self.pulse.view.live
        able = [
            token for token, names in self._shelf.read().items()
            if token in live and project.lower() in names.decode("utf-8", "replace").lower().split("\n")
        ]  # fmt: skip
        return bool(able) and min(able) == self.me.token


@contextmanager
def keep_company(
    address: str, log: Log, fenced: Callable[[WatchkeeperError], None], tell: Callable[[str], None]
) -> Iterator[Together]:
    """Take part from here to the end, under this host's name. ``address`` is how others reach it.

    Raises WatchkeeperError where the record cannot be used.
    ``fenced`` is called once others have declared this host lost: from then on its work is theirs.
    """
    me = find_this_host(find_host_name(os.environ), address)
    timing = Timing()
    membership = Membership(
        log, log.shelf(FLEET, "beats"), me,
        clock=sleepless_clock, now=now, is_running=is_running, timing=timing,
    )  # fmt: skip
    lost = WatchkeeperError(
        f"This host ({me.name}) was declared lost: others go on with its work",
        slug="host-lost",
        hint="see that it reaches the record, and start it again: watchkeeper up",
        facts={"host": me.token},
    )
    pulse = Pulse(membership, timing, on_fenced=lambda: fenced(lost), on_trouble=tell)
    pulse.start()
    try:
        yield Together(me, pulse, membership, log)
    finally:
        with suppress(WatchkeeperError):
            pulse.stop()


def _name(token: HostToken) -> str:
    return token.partition("/")[0].lower()
