"""What a role may not see, and how it is let. Pure."""

from __future__ import annotations

import re

_RUN = (
    "run as root: UPDATE performance_schema.setup_consumers SET ENABLED = 'YES' "
    "WHERE NAME IN ('events_statements_current', 'events_statements_history');"
)
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


def missing_process(user: str) -> str:
    """What a MariaDB server hides from one without ``PROCESS``: everything."""
    return (
        f"user {user} may not see what others do: no wait, no holder and no deadlock is found. Run as root: "
        f"GRANT PROCESS ON *.* TO {mariadb_account(user)};"
    )


def missing_history(what: str, user: str) -> str:
    """Why a holder's earlier statements are hidden: the schema is ``off``, a ``right`` or the ``consumer`` is."""
    match what:
        case "off":
            how = f"performance_schema is OFF; set it ON in the server's settings, start it again, and {_RUN}"
        case "right":
            how = f"run as root: GRANT SELECT ON performance_schema.* TO {mariadb_account(user)};"
        case _:
            how = _RUN
    return f"an idle holder's earlier statements, of which one took the lock, are hidden: {how}"


def missing_metadata_locks() -> str:
    """Why a schema change is seen to wait and not for whom."""
    return "for whom a schema change waits is hidden: run as root INSTALL SONAME 'metadata_lock_info';"


def mariadb_account(user: str) -> str:
    """``watch@%`` as a GRANT takes it."""
    name, _, host = user.rpartition("@")
    return "@".join("'" + each.replace("\\", "\\\\").replace("'", "''") + "'" for each in (name, host))
