"""Who is at the other end of a connection from this machine: the user whose program it is, as the kernel says."""

from __future__ import annotations

import ipaddress
import pwd
import struct
import sys
from pathlib import Path

_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
_ESTABLISHED = "01"


def is_users(user: str, peer: tuple[str, int], own: tuple[str, int]) -> bool | None:
    """Whether the program at ``peer`` runs as ``user``. None: this system does not say (other than Linux)."""
    uid = find_uid(peer, own)
    if uid is None:
        return None
    try:
        return pwd.getpwnam(user).pw_uid == uid
    except KeyError:
        return user.isdigit() and int(user) == uid


def find_uid(peer: tuple[str, int], own: tuple[str, int]) -> int | None:
    """The user id of the socket that is connected from ``peer`` to ``own``; None where none is seen.

    One that its program has closed already counts as none: the kernel shows it as root's.
    """
    wanted = {(_written(*peer, is_mapped=mapped), _written(*own, is_mapped=mapped)) for mapped in (False, True)}
    for table in _TABLES:
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            cells = line.split()
            is_open = len(cells) > 9 and cells[3] == _ESTABLISHED and cells[9] != "0"
            if is_open and (cells[1], cells[2]) in wanted:
                return int(cells[7])
    return None


def _written(host: str, port: int, *, is_mapped: bool) -> str:
    """An address as the kernel's tables have it: words in the machine's own order."""
    address = ipaddress.ip_address(host)
    if is_mapped and address.version == 4:
        address = ipaddress.ip_address(f"::ffff:{host}")
    packed = address.packed
    words = struct.unpack(f"{'<' if sys.byteorder == 'little' else '>'}{len(packed) // 4}I", packed)
    return f"{''.join(f'{word:08X}' for word in words)}:{port:04X}"
