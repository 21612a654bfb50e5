"""Which process of this machine is at the other end of a connection, as the system says."""

from __future__ import annotations

import psutil

from watchkeeper.agents.lineage import Process, find_lineage


def find_client(server: int, client_port: int, server_port: int) -> Process | None:
    """The process that is connected from ``client_port`` to ``server_port`` of the process ``server``.

    None where there is no such connection, where ``server`` does not hold its other end, or where the system does not
    say. So a process can speak only for those who are connected to it.
    """
    ours, theirs = (server_port, client_port), (client_port, server_port)
    try:
        if not any(_ends(each) == ours for each in psutil.Process(server).net_connections("tcp")):
            return None
        pid = _find_holder(theirs)
    except (psutil.Error, ValueError, OSError):
        return None
    lineage = find_lineage(pid) if pid is not None else ()
    return lineage[0] if lineage else None


def _find_holder(ends: tuple[int, int]) -> int | None:
    try:
        return next((each.pid for each in psutil.net_connections("tcp") if _ends(each) == ends and each.pid), None)
    except psutil.AccessDenied:  # macOS tells only the administrator at once: ask of each process that is ours to ask
        return next((each.pid for each in psutil.process_iter() if _holds(each, ends)), None)


def _holds(process: psutil.Process, ends: tuple[int, int]) -> bool:
    try:
        return any(_ends(each) == ends for each in process.net_connections("tcp"))
    except psutil.Error:
        return False


def _ends(connection: object) -> tuple[int, int] | None:
    near, far = getattr(connection, "laddr", None), getattr(connection, "raddr", None)
    return (near.port, far.port) if near and far else None
