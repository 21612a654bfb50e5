"""Whatever the bytes, the extractor of tables and the locks check answer."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from lock_variants import VARIANTS, application
from watchkeeper.code.checks.locks import CHECK
from watchkeeper.code.resources.tables import EXTRACTOR
from watchkeeper.code.tree import MemoryTree

SCRIPT = b"await prisma.$transaction(async (tx) => { await tx.user.update({ where: { id: 1 }, data: { a } }); });\n"
SQL = b"CREATE TABLE a (id int);\nUPDATE a SET b = 'x' WHERE id = $1;\n"
SOURCES = [("engine/stages.py", variant.source.encode()) for variant in VARIANTS] + [("a.ts", SCRIPT), ("a.sql", SQL)]


@st.composite
def garbled(draw: st.DrawFn) -> tuple[str, bytes]:
    path, source = draw(st.sampled_from(SOURCES))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(source)))
        length = draw(st.integers(0, 40))
        source = source[:start] + draw(st.binary(max_size=12)) + source[start + length :]
    return path, source


@settings(max_examples=150, deadline=None)
@given(garbled())
def test_no_source_is_too_garbled(case: tuple[str, bytes]) -> None:
    path, source = case
    tree = MemoryTree({**application(""), path: source})
    reading = EXTRACTOR.extract(path, source, tree)
    assert all(access.line >= 1 for access in reading.accesses)
    assert list(CHECK.find(tree, [path])) == list(CHECK.find(tree, [path]))


@settings(max_examples=150, deadline=None)
@given(
    st.text(max_size=80), st.sampled_from(["UPDATE a SET {}", "SELECT {} FROM b", "INSERT INTO c {}", "ALTER TABLE {}"])
)
def test_no_sql_is_too_garbled(noise: str, frame: str) -> None:
    source = frame.format(noise).encode("utf-8", "surrogatepass")
    reading = EXTRACTOR.extract("a.sql", source, MemoryTree({}))
    assert all(access.line >= 1 for access in reading.accesses)
