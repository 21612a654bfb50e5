"""What is asked of a MariaDB server: nothing that takes a lock of a table. Pure."""

from __future__ import annotations

from collections.abc import Collection

from watchkeeper.database.ports import Ages

STATEMENT_S = 2
CUT = 4_096  # of a statement, in characters
DENIED = frozenset({1044, 1045, 1142, 1143, 1227})
"""Error numbers that say that a right is missing."""

_MOST = 2_000
_UPTIME = "(SELECT variable_value FROM information_schema.global_status WHERE variable_name = 'UPTIME')"
_AT = "unix_timestamp(now(6))"

FACTS = f"""SELECT version(), coalesce(database(), ''), current_user(), @@performance_schema, {_AT}, {_UPTIME},
  (SELECT count(*) FROM information_schema.plugins
    WHERE plugin_name = 'METADATA_LOCK_INFO' AND plugin_status = 'ACTIVE')
"""  # noqa: S608 no part of it comes from outside

MAY_SEE = "SELECT count(*) FROM information_schema.innodb_trx WHERE trx_id = 0"
"""Refused without ``PROCESS``."""

HISTORY_ON = """SELECT count(*) FROM performance_schema.setup_consumers WHERE enabled = 'YES'
  AND name IN ('events_statements_history', 'events_statements_current', 'thread_instrumentation',
    'global_instrumentation')"""
"""Four where the history of statements is kept; without an instrument for statements it is empty all the same."""

DEADLOCK = "SHOW ENGINE INNODB STATUS"

BLIND_GLANCE = f"SELECT {_AT}, {_UPTIME}, 0, 0, 0, 0, 0, 0"
"""The cheap question of one who may see nothing: whether the server is the same."""


def glance(ages: Ages) -> str:
    """The cheap question: time, seconds since the server was started, deadlocks, who waits, rests, idles, is long."""
    return f"""SELECT {_AT}, s.uptime, s.deadlocks, t.waiting, p.queued, t.resting, t.idle, t.longer FROM
 (SELECT max(if(variable_name = 'UPTIME', 0 + variable_value, 0)) AS uptime,
    max(if(variable_name = 'INNODB_DEADLOCKS', 0 + variable_value, 0)) AS deadlocks
  FROM information_schema.global_status WHERE variable_name IN ('UPTIME', 'INNODB_DEADLOCKS')) s,
 (SELECT coalesce(sum(x.trx_state = 'LOCK WAIT'), 0) AS waiting,
    coalesce(sum(c.command = 'Sleep' AND c.time_ms >= {ages.resting_ms:d}), 0) AS resting,
    coalesce(sum(c.command = 'Sleep' AND x.trx_started <= now() - INTERVAL {ages.idle_ms // 1000:d} SECOND), 0) AS idle,
    coalesce(sum(x.trx_started <= now() - INTERVAL {ages.long_ms // 1000:d} SECOND), 0) AS longer
  FROM information_schema.innodb_trx x LEFT JOIN information_schema.processlist c ON c.id = x.trx_mysql_thread_id
  WHERE x.trx_mysql_thread_id <> connection_id()) t,
 (SELECT count(*) AS queued FROM information_schema.processlist WHERE state LIKE 'Waiting for%lock') p"""  # noqa: S608


# The tables of InnoDB are one snapshot: the server takes it for the first of them and keeps it for the others.
TRANSACTIONS = f"""SELECT trx_id, trx_state, unix_timestamp(trx_started), unix_timestamp(trx_wait_started),
  trx_requested_lock_id, trx_mysql_thread_id FROM information_schema.innodb_trx
  WHERE trx_mysql_thread_id <> connection_id() ORDER BY trx_state = 'LOCK WAIT' DESC, trx_started LIMIT {_MOST}
"""  # noqa: S608

LOCKS = f"""SELECT lock_id, lock_trx_id, lock_mode, lock_type, lock_table
  FROM information_schema.innodb_locks LIMIT {_MOST}"""  # noqa: S608

WAITS = f"""SELECT requesting_trx_id, blocking_trx_id, blocking_lock_id
  FROM information_schema.innodb_lock_waits LIMIT {2 * _MOST}"""  # noqa: S608

PROCESSES = f"""SELECT id, user, host, coalesce(db, ''), command, coalesce(state, ''), time_ms,
  left(coalesce(info, ''), {CUT}), query_id, {_AT} FROM information_schema.processlist
  WHERE id <> connection_id() AND command <> 'Daemon' ORDER BY state LIKE 'Waiting for%lock' DESC, id
  LIMIT {2 * _MOST}"""  # noqa: S608

METADATA_LOCKS = f"""SELECT thread_id, lock_mode, table_schema, table_name
  FROM information_schema.metadata_lock_info WHERE lock_type = 'Table metadata lock' LIMIT {_MOST}"""  # noqa: S608


def history(connections: Collection[int]) -> str:
    """The last statements of connections, the oldest first."""
    wanted = ", ".join(f"{each:d}" for each in sorted(connections))
    return f"""SELECT t.processlist_id, h.event_name, left(coalesce(h.sql_text, ''), {CUT})
  FROM performance_schema.threads t JOIN performance_schema.events_statements_history h USING (thread_id)
  WHERE t.processlist_id IN ({wanted}) ORDER BY h.event_id LIMIT {_MOST}"""  # noqa: S608 numbers only


def cancel(query: int) -> str:
    """Ends one statement; what its connection runs by then is another, and goes on."""
    return f"KILL QUERY ID {query:d}"


def bounded(statement: str) -> str:
    """With an end: a watch must not add to what hangs."""
    return f"SET STATEMENT max_statement_time = {STATEMENT_S} FOR {statement}"
