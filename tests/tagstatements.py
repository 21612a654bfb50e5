"""Statements with what they lock, and pairs of them of which one waits for the other, or does not."""

from __future__ import annotations

import json
from pathlib import Path

from watchkeeper_tag.statements import Lock

_WRITTEN = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
SERVED: tuple[str, ...] = tuple(_WRITTEN["served"])
"""Statements that a server can be asked about, over the tables ``content`` and ``stage``."""
READ: tuple[tuple[str, list[object]], ...] = tuple((text, values) for text, values in _WRITTEN["read"])
"""Statements with the values of ``$1`` and so on, that every reader has to read alike."""

LOCKED = [
    ("INSERT INTO content_stage (content_id, stage) VALUES ($1, $2)", "content_stage", Lock.INSERT),
    ('insert into "Content" values (1)', "Content", Lock.INSERT),
    ("UPDATE content SET a = 1 WHERE id = 3", "content", Lock.NO_KEY_UPDATE),
    ("update only public.content c set a = lower(b, c), d = 2 where c.id = %(id)s", "content", Lock.NO_KEY_UPDATE),
    ("DELETE FROM content WHERE id = ?", "content", Lock.UPDATE),
    ("SELECT id FROM content WHERE id = :id FOR UPDATE", "content", Lock.UPDATE),
    ("SELECT id FROM content JOIN x ON true FOR NO KEY UPDATE OF content", "content", Lock.NO_KEY_UPDATE),
    ("SELECT 1 FROM content FOR KEY SHARE", "content", Lock.KEY_SHARE),
    ("WITH a AS (SELECT 1) UPDATE content SET a = 1", "content", Lock.NO_KEY_UPDATE),
    ("WITH a AS (DELETE FROM content RETURNING id) SELECT * FROM a", "content", Lock.UPDATE),
    ("/* by x */ -- y\n MERGE INTO content USING y ON true WHEN MATCHED THEN DELETE", "content", Lock.NO_KEY_UPDATE),
    ("ALTER TABLE IF EXISTS content ADD COLUMN x int", "content", Lock.TABLE),
    ("TRUNCATE content", "content", Lock.TABLE),
    ("LOCK TABLE content IN ACCESS EXCLUSIVE MODE", "content", Lock.TABLE),
    ("COPY content (a, b) FROM STDIN", "content", Lock.INSERT),
    ("SELECT pg_advisory_xact_lock(%(k)s::INTEGER)", "", Lock.ADVISORY),
    ('SELECT 1 FROM "Content" JOIN x ON true FOR UPDATE OF "Content"', "Content", Lock.UPDATE),
    ('UPDATE täble AS "t" SET a = 1 WHERE "t".id = 1', "täble", Lock.NO_KEY_UPDATE),
]
HARMLESS = [
    "SELECT * FROM content WHERE a = 'update content set b = 1'",
    "SELECT 'x' -- for update",
    "SELECT $q$ FROM content FOR UPDATE$q$ FROM x",
    "LOCK TABLE content IN ROW SHARE MODE",
    "COPY content TO STDOUT",
    "BEGIN",
    "",
]

WAITS = [
    ("UPDATE a SET x = 1 WHERE id = $1", (1,), "UPDATE a SET y = 2 WHERE id = $1", (1,)),
    ("UPDATE a SET x = 1", (), "UPDATE a SET y = 2 WHERE id = %s", (1,)),
    ("SELECT 1 FROM a WHERE id = %s FOR UPDATE", (1,), "SELECT 1 FROM a WHERE id = 1 FOR KEY SHARE", ()),
    ("UPDATE a SET x = %s WHERE id = %s", (5, 7), "DELETE FROM a WHERE id = '7'", ()),
    ("INSERT INTO a (n) VALUES (%s) ON CONFLICT DO NOTHING", ("x",), "INSERT INTO a (n) VALUES ('x')", ()),
    ("INSERT INTO a (id) VALUES (%s)", (1,), "DELETE FROM a WHERE id = 1", ()),
    (
        "INSERT INTO a (n, b) VALUES (1, 2) ON CONFLICT (n) DO UPDATE SET b = 2",
        (),
        "UPDATE a SET b = 3 WHERE n = 1",
        (),
    ),
    ("CREATE INDEX ON a (b)", (), "INSERT INTO a (n) VALUES (1)", ()),
    ("UPDATE a SET x = 1 WHERE id = 1 + 1", (), "UPDATE a SET y = 2 WHERE id = 2", ()),
    ("UPDATE a SET x = 1 WHERE 2 * id = 2", (), "UPDATE a SET y = 2 WHERE id = 1", ()),
    ("UPDATE a SET x = 1 WHERE t LIKE 'id = 1'", (), "UPDATE a SET y = 2 WHERE id = 2", ()),
    ("UPDATE a SET x = 1 FROM b WHERE a.id = 1 AND b.id = 5", (), "UPDATE a SET y = 2 WHERE id = 1", ()),
    ("UPDATE a SET x = 1 WHERE n = 'it''s'", (), "UPDATE a SET y = 2 WHERE n = %s", ("it's",)),
    ("UPDATE a SET x = 1 WHERE is_open = 'true'", (), "UPDATE a SET y = 2 WHERE is_open = %s", (True,)),
    ("ALTER TABLE a ADD b int", (), "UPDATE a SET x = 1", ()),
    ("SELECT pg_advisory_lock(%s)", (3,), "SELECT pg_advisory_xact_lock(3)", ()),
]
GOES_ON = [
    ("UPDATE a SET x = 1 WHERE id = $1", (1,), "UPDATE a SET y = 2 WHERE id = $1", (2,)),
    ("UPDATE a SET x = 1", (), "UPDATE b SET x = 1", ()),
    ("SELECT 1 FROM a FOR UPDATE SKIP LOCKED", (), "UPDATE a SET x = 1", ()),
    ("SELECT 1 FROM a FOR UPDATE NOWAIT", (), "UPDATE a SET x = 1", ()),
    ("UPDATE a SET x = 1", (), "SELECT 1 FROM a FOR KEY SHARE", ()),
    ("INSERT INTO a (n) VALUES (%s) ON CONFLICT DO NOTHING", ("x",), "INSERT INTO a (n) VALUES ('y')", ()),
    ("INSERT INTO log (text) VALUES ('saved')", (), "INSERT INTO log (text) VALUES ('saved')", ()),
    ("INSERT INTO a (id) VALUES (1)", (), "SELECT 1 FROM a WHERE id = 1 FOR UPDATE", ()),
    ("CREATE INDEX ON a (b)", (), "SELECT 1 FROM a WHERE id = 1 FOR UPDATE", ()),
    ("UPDATE a SET x = '--' WHERE id = 1", (), "UPDATE a SET x = '--' WHERE id = 2", ()),
    ("INSERT INTO a (id) VALUES (1.5)", (), "INSERT INTO a (id) VALUES (1.7)", ()),
    ("UPDATE a SET x = 1 WHERE id = %s::int", (1,), "UPDATE a SET y = 2 WHERE id = %s", (2,)),
    ("UPDATE a SET b = 1 WHERE id = (SELECT id FROM a FOR UPDATE SKIP LOCKED LIMIT 1)", (), "DELETE FROM a", ()),
    ("UPDATE a SET x = 1 WHERE id = %s", (1,), "INSERT INTO a (id) VALUES (1)", ()),
    ("SELECT pg_advisory_lock(%s)", (3,), "SELECT pg_advisory_lock(4)", ()),
    ("SELECT pg_try_advisory_lock(3)", (), "SELECT pg_advisory_lock(3)", ()),
]
