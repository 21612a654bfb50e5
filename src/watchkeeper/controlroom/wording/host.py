"""What happened to the hosts that share a fleet, in words."""

from __future__ import annotations

from watchkeeper.model.hosts import HostEvent, HostJoined, HostLeft, HostLost, LeaderChosen
from watchkeeper.model.printing import printable


def describe_hosts(event: HostEvent) -> str:
    """What happened, in one clause."""
    match event:
        case HostJoined(host):
            at = f" at {printable(host.address)}" if host.address else ""
            return f"host {printable(host.token)} joined (process {host.pid}{at})"
        case HostLeft():
            return f"host {printable(event.host)} left"
        case HostLost():
            return f"host {printable(event.host)} is lost, says {printable(event.by)}: {printable(event.reason)}"
        case LeaderChosen():
            return f"host {printable(event.host)} leads (term {event.term})"
