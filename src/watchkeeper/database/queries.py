"""The questions that are asked of PostgreSQL 13 and later, as texts.

Each runs in a transaction of its own that sets its own limits: through a pooler in transaction mode nothing of a
session can be relied on. Numbers are put into the texts, so that one message, without parameters, is a whole
transaction and one round trip.
"""

# ruff: noqa: S608 -- nothing but numbers is put into the texts
from __future__ import annotations

from watchkeeper.database.ports import Ages

APPLICATION = "watchkeeper"
LEAST_VERSION = 130_000
MOST_WAITERS = 200
"""Whom each waits for is asked of so many, the longest waits first: each answer stops the lock tables."""

# Compiling the closer look would take a second, running it takes one millisecond.
_LIMITS = "SET LOCAL statement_timeout = {0}; SET LOCAL lock_timeout = {0}; SET LOCAL jit = off;"
_MS = "(extract(epoch FROM {}) * 1000)::bigint"

FACTS = f"""SELECT current_setting('server_version'), {_MS.format("pg_postmaster_start_time()")}, current_database(),
    current_user, pg_has_role(current_user, 'pg_read_all_stats', 'USAGE'),
    (SELECT setting::int FROM pg_settings WHERE name = 'deadlock_timeout'),
    (SELECT setting::int FROM pg_settings WHERE name = 'track_activity_query_size')"""

LOG_FILE = "SELECT current_setting('data_directory', true), pg_current_logfile()"

_ASKER = "pid <> pg_backend_pid()"
_IDLE = "state LIKE 'idle in transaction%' AND state_change < clock_timestamp() - interval '{} milliseconds'"
_LONG = "xact_start < clock_timestamp() - interval '{} milliseconds'"


def transaction(statement: str, timeout_ms: int) -> str:
    """The text of a transaction that asks ``statement`` and takes at most so long for each of its parts."""
    return f"BEGIN READ ONLY; {_LIMITS.format(timeout_ms)} {statement}; COMMIT"


def glance(ages: Ages, *, sees_all: bool) -> str:
    """The cheap question. A role that may not see the states of others counts what is asked for and not granted."""
    lock = "wait_event_type = 'Lock'"
    waiting = f"count(*) FILTER (WHERE {lock})" if sees_all else "(SELECT count(*) FROM pg_locks WHERE NOT granted)"
    return f"""SELECT {_MS.format("clock_timestamp()")}, {_MS.format("pg_postmaster_start_time()")}, {waiting},
    count(*) FILTER (WHERE {_IDLE.format(ages.resting_ms)}),
    count(*) FILTER (WHERE {_IDLE.format(ages.idle_ms)}),
    count(*) FILTER (WHERE {_LONG.format(ages.long_ms)} AND backend_type = 'client backend')
FROM pg_stat_activity WHERE {_ASKER}"""


def cancel(backend: int, waiting_since: int, *, has_waitstart: bool) -> str:
    """Ends a statement only if it still waits for the lock that it waited for then: the number may be another's now."""
    since = f" AND {_MS.format('waitstart')} = {int(waiting_since)}" if has_waitstart else ""
    return f"""SELECT pg_cancel_backend(pid)
FROM (SELECT DISTINCT pid FROM pg_locks WHERE pid = {int(backend)} AND NOT granted{since}) AS waiting"""


def look(ages: Ages, also: tuple[int, ...], *, has_waitstart: bool) -> str:
    """The graph: all who wait, whom the server names for each, and who is in a transaction for long.

    ``held`` are those of the blockers that have the lock; the others stand before the waiter in the queue. Names of
    tables are only known of the database that the question is asked in.
    """
    since = _MS.format("waitstart") if has_waitstart else "NULL::bigint"
    pids = ", ".join(str(int(each)) for each in also) or "0"
    return f"""WITH here AS MATERIALIZED (SELECT oid FROM pg_database WHERE datname = current_database()),
l AS MATERIALIZED (SELECT locktype, database, relation, page, tuple, virtualxid, transactionid, classid, objid,
  objsubid, coalesce(pid, 0) AS pid, mode, granted, {since} AS waitstart
  FROM pg_locks WHERE pid IS DISTINCT FROM pg_backend_pid()),
w AS MATERIALIZED (SELECT pid, pg_blocking_pids(pid) AS blockers FROM
  (SELECT pid FROM l WHERE NOT granted GROUP BY pid ORDER BY min(waitstart), pid LIMIT {MOST_WAITERS}) x),
a AS MATERIALIZED (SELECT * FROM pg_stat_activity WHERE {_ASKER}),
inv AS (SELECT pid FROM w UNION SELECT unnest(blockers) FROM w
  UNION SELECT pid FROM a WHERE backend_type = 'client backend' AND ({_IDLE.format(ages.resting_ms)})
  UNION SELECT pid FROM a WHERE backend_type = 'client backend' AND ({_LONG.format(ages.long_ms)})
  UNION SELECT x.pid FROM a x WHERE x.state = 'active' AND x.backend_type = 'client backend' AND EXISTS
    (SELECT FROM a y WHERE y.{_IDLE.format(ages.idle_ms).replace("AND ", "AND y.")} AND y.usesysid = x.usesysid
       AND y.application_name = x.application_name)
  UNION SELECT pid FROM a WHERE pid IN ({pids})),
asked AS (SELECT DISTINCT relation FROM l WHERE NOT granted AND relation IS NOT NULL)
SELECT {_MS.format("clock_timestamp()")}, {_MS.format("pg_postmaster_start_time()")}, inv.pid, a.datname, a.usename,
  a.application_name, host(a.client_addr), a.client_port, a.backend_type, a.leader_pid, a.state, a.wait_event_type,
  a.wait_event, {_MS.format("a.xact_start")}, {_MS.format("a.query_start")}, {_MS.format("a.state_change")},
  left(a.query, 6000), w.blockers,
  (SELECT array_agg(DISTINCT coalesce(b.leader_pid, g.pid)) FROM l n JOIN l g ON g.granted AND g.pid <> n.pid
     AND (g.locktype, g.database, g.relation, g.page, g.tuple, g.virtualxid, g.transactionid, g.classid, g.objid,
          g.objsubid) IS NOT DISTINCT FROM
         (n.locktype, n.database, n.relation, n.page, n.tuple, n.virtualxid, n.transactionid, n.classid, n.objid,
          n.objsubid)
     LEFT JOIN a b ON b.pid = g.pid
   WHERE n.pid = inv.pid AND NOT n.granted) AS held,
  (SELECT array[n.locktype, n.mode,
     CASE WHEN n.database = (SELECT oid FROM here) THEN n.relation::regclass::text ELSE n.relation::text END,
     n.transactionid::text, n.virtualxid, n.classid::bigint::text, n.objid::bigint::text, n.objsubid::text,
     n.waitstart::text]
   FROM l n WHERE n.pid = inv.pid AND NOT n.granted LIMIT 1) AS wants,
  (SELECT t.relation::regclass::text FROM l t WHERE t.pid = inv.pid AND t.granted AND t.locktype = 'tuple'
     AND t.database = (SELECT oid FROM here) LIMIT 1) AS row_of,
  (SELECT array_agg(said) FROM (SELECT DISTINCT CASE WHEN h.locktype = 'advisory'
       THEN 'advisory lock ' || h.classid::bigint || ' ' || h.objid::bigint || ' ' || h.objsubid || ' ' || h.mode
       ELSE h.relation::regclass::text || ' ' || h.mode END AS said
     FROM l h LEFT JOIN pg_class c ON c.oid = h.relation
     WHERE h.pid = inv.pid AND h.granted AND h.database = (SELECT oid FROM here)
       AND (h.locktype = 'advisory' OR h.locktype = 'relation' AND c.relkind IN ('r', 'p', 'm') AND h.relation >= 16384
            AND (h.mode <> 'AccessShareLock' OR h.relation IN (SELECT relation FROM asked)))
     ORDER BY 1 LIMIT 20) named) AS holds
FROM inv LEFT JOIN a USING (pid) LEFT JOIN w USING (pid) ORDER BY inv.pid LIMIT 2000"""
