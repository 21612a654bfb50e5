"""What a role may not see, and how it is let. Pure."""

from __future__ import annotations

import re

_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")


def quoted(name: str) -> str:
    """A name as SQL takes it."""
    return name if _PLAIN.fullmatch(name) else '"' + name.replace('"', '""') + '"'


def missing_rights(user: str) -> str:
    """What is hidden from ``user``, and the statement that shows it."""
    return (
        f"role {user} may not see what others do: waits and holders are found, but statements, states and idle "
        f"transactions are hidden. Run as a superuser: GRANT pg_monitor TO {quoted(user)};"
    )
