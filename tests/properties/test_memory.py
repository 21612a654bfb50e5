"""What a memory gives for a tree is what a fresh look at it gives, whatever it was asked before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from lock_variants import VARIANTS
from watchkeeper.code.checks import run_static
from watchkeeper.code.memory import Memory
from watchkeeper.code.tree import MemoryTree, OverlaidTree, SourceTree

ABSENT = None
CALLER = """
from app.store import Store, load
from app import api, {taken}

class Cached(Store):
    {method}

def run(store: Store):
    load({arguments})
    store.{attribute}({arguments})
    Cached().get(1)
    return api.{offered}
"""
CALLERS = [
    CALLER.format(taken=taken, method=method, arguments=arguments, attribute=attribute, offered=offered).encode()
    for taken, method, arguments, attribute, offered in (
        ("plain", "pass", "1", "get", "load"),
        ("other", "def get(self, key, kind): return key", "1, 2", "put", "gone"),
        ("api", "name = 1", "key=1", "name", "plain"),
    )
]
LOCKER = b"""
from engine.stages import set_status, update_stage_field
from engine.database import SessionLocal, engine
from sqlalchemy import text

def first(content_id):
    with engine.begin() as conn:
        conn.execute(text("UPDATE slot SET name = 'x' WHERE id = :id"))
        conn.execute(text("UPDATE content SET current_stage = 'x' WHERE id = :id"))

def then(content_id):
    with SessionLocal() as session:
        session.execute(text("UPDATE content SET current_stage = 'y' WHERE id = :id"))
        %s
        session.commit()
"""
MIGRATION = b"""
from django.db import migrations
class Migration(migrations.Migration):
    dependencies = [("shop", "%s")]
    operations = []
"""
PAGE = b'import { %s } from "./lib";\nimport { Deep } from "@/deep";\nexport const page = () => %s(1);\n'
STORES = (
    b"class Store:\n    def get(self, key): return key\n\ndef load(key): return key\n",
    (
        b"class Store:\n    def get(self, key, kind): return key\n    def put(self, key, kind): return key\n\n"
        b"def load(key, kind): return key\n"
    ),
    b"from app.base import *\n\nclass Store(Base):\n    name = 1\n\nasync def load(key): return key\n",
    b"class Store:\n    def __getattr__(self, name): return name\n\ndef load(**options): pass\ndef load(key): pass\n",
    b"def broken(:\n    pass\n\nclass Store:\n    pass\n",
)
FILES: Mapping[str, tuple[bytes | None, ...]] = {
    "app/__init__.py": (b"", b"from app.plain import *\n", b"__all__ = ['other']\nother = 1\ndel other\n", ABSENT),
    "app/api.py": (b"from app.store import load\n", b"from app.plain import *\n", b"globals()['gone'] = 1\n", ABSENT),
    "app/plain.py": (b"plain = 1\n", b"def plain(): pass\n", b"def __getattr__(name): return name\n", ABSENT),
    "app/base.py": (b"class Base:\n    def get(self, key): return key\n", b"class Base: pass\n", ABSENT),
    "app/store.py": STORES,
    "app/heir.py": (ABSENT, b"from app.store import Store\n\nclass Heir(Store):\n    def put(self): pass\n"),
    "app/caller.py": CALLERS,
    "app/user.py": (b"from app.plain import *\nfrom app import *\nused = plain, other\n", ABSENT),
    "engine/stages.py": tuple(variant.files["engine/stages.py"] for variant in VARIANTS),
    "engine/models.py": (VARIANTS[0].files["engine/models.py"], b"class Content: pass\n", ABSENT),
    "engine/database.py": (VARIANTS[0].files["engine/database.py"], b"engine = SessionLocal = None\n"),
    "engine/locker.py": tuple(
        LOCKER % each
        for each in (
            b"session.execute(text(\"UPDATE slot SET name = 'y' WHERE id = :id\"))",
            b"set_status(content_id, 1)",
            b"update_stage_field(content_id, 1)",
        )
    ),
    "shop/migrations/0002_a.py": (MIGRATION % b"0001_a", ABSENT),
    "shop/migrations/0002_b.py": (ABSENT, MIGRATION % b"0001_a", MIGRATION % b"0002_a"),
    "web/page.ts": (PAGE % (b"one", b"one"), PAGE % (b"two", b"two")),
    "web/lib.ts": (b"export const one = 1;\n", b'export * from "./more";\nexport const two = 2;\n', ABSENT),
    "web/more.ts": (ABSENT, b"export const two = 2;\n"),
    "lib/deep.ts": (b"export type Deep = string;\n", b"export type Other = string;\n", ABSENT),
    "tsconfig.json": (b'{"compilerOptions": {"paths": {"@/*": ["./lib/*"]}}}', b"{}"),
}
Contents = dict[str, bytes]
EDITS = st.one_of(
    [st.tuples(st.just(path), st.sampled_from(texts)) for path, texts in FILES.items()]
    + [st.tuples(st.sampled_from(sorted(FILES)), st.just(None))]
)


def edited(contents: Contents, edits: Iterable[tuple[str, bytes | None]]) -> Contents:
    now = dict(contents)
    for path, text in edits:
        if text is None:
            now.pop(path, None)
        else:
            now[path] = text
    return now


def overlaid(base: MemoryTree, before: Contents, now: Contents) -> SourceTree:
    """The tree ``now`` as a change's is: full readings of its own files over the outlines of the base's."""
    fresh = MemoryTree(now)
    there = {path: fresh.reading(path) for path in now if before.get(path) != now[path]}
    gone = before.keys() - now.keys()
    files = {path: (now.get(path), there.get(path)) for path in (*there, *gone)}
    return OverlaidTree(base.index.overlay(there, gone), files, base.source, base.reading)


def same_aliases(one: Contents, other: Contents) -> bool:
    """An overlay keeps the aliases of its base."""
    return one.get("tsconfig.json") == other.get("tsconfig.json")


FIRST = edited({}, ((path, texts[0]) for path, texts in FILES.items()))


@given(st.lists(st.lists(EDITS, min_size=1, max_size=3), min_size=1, max_size=8), st.data())
@settings(max_examples=150, deadline=None)
def test_remembered_reports_are_those_of_a_fresh_look(
    saves: list[list[tuple[str, bytes | None]]], data: st.DataObject
) -> None:
    memory = Memory()
    base = MemoryTree(FIRST)
    seen = [FIRST]
    for edits in saves:
        seen.append(edited(data.draw(st.sampled_from(seen)), edits))
        roots = sorted(data.draw(st.sets(st.sampled_from(sorted(FILES)), min_size=1, max_size=8)) & seen[-1].keys())
        trees: list[SourceTree] = [MemoryTree(seen[-1])]
        if same_aliases(FIRST, seen[-1]):
            trees.append(overlaid(base, FIRST, seen[-1]))
        for tree in trees:
            assert run_static(tree, roots, memory=memory) == run_static(tree, roots, memory=Memory()), roots


def test_the_edits_meet_every_kind_of_finding() -> None:
    """Else the property would hold of reports that are empty."""
    rules = set()
    for path, texts in FILES.items():
        for text in texts:
            now = edited(FIRST, [(path, text)])
            rules |= {found.rule for report in run_static(MemoryTree(now), sorted(now)) for found in report.findings}
    assert rules >= {
        "misfit", "missing-attribute", "missing-import", "missing-module", "nested-lock", "not-awaited",
        "opposite-order", "redefined", "second-connection", "syntax", "two-heads", "undefined-export", "undefined-name",
    }  # fmt: skip
