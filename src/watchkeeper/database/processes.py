"""Which process of this machine is at the other end of a connection over TCP. Over a unix socket nobody can tell."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Collection, Mapping

import psutil

_MOST_KEPT = 1_000


class LocalProcesses:
    """Asks the kernel's tables of connections; what was found is kept, as the answer takes tens of milliseconds."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], int] = {}

    async def find(self, clients: Collection[tuple[str, int]]) -> Mapping[tuple[str, int], int]:
        """Address and port of a client to its process; those on other machines, or of other users, are missing."""
        wanted = {each for each in clients if each[0] and each[1] > 0}
        if wanted - self._known.keys():
            if len(self._known) > _MOST_KEPT:
                self._known.clear()
            self._known |= await asyncio.to_thread(_find_all, frozenset(wanted))
        return {each: self._known[each] for each in wanted if each in self._known}

    def forget(self) -> None:
        """Ports are given again: what was known is not true for ever."""
        self._known.clear()


def _find_all(wanted: frozenset[tuple[str, int]]) -> dict[tuple[str, int], int]:
    addresses = {(_plain(address), port): (address, port) for address, port in wanted}
    found = dict[tuple[str, int], int]()
    try:
        connections = psutil.net_connections(kind="tcp")
    except (psutil.Error, OSError):
        return found  # macOS lets only root ask for others' connections
    for each in connections:
        if each.laddr and each.raddr and each.pid:
            client = addresses.get((_plain(each.laddr.ip), each.laddr.port))
            if client is not None:
                found[client] = each.pid
    return found


def _plain(address: str) -> str:
    """One name for one address: IPv4 within IPv6 is IPv4."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)
