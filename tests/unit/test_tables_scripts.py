"""Tables that TypeScript and JavaScript code reads and writes, and transactions that wait for themselves there."""

from __future__ import annotations

import pytest

from watchkeeper.code.checks.locks import CHECK
from watchkeeper.code.resources.tables import EXTRACTOR
from watchkeeper.code.tree import MemoryTree
from watchkeeper.model.resources import Access

SCHEMA = b'model User {\n  id Int @id\n  name String\n  @@map("users")\n}\n\nmodel Post {\n  id Int @id\n}\n'
TABLES = b'import { pgTable } from "drizzle-orm/pg-core";\nexport const jobs = pgTable("job", {});\n'


def read(line: str) -> list[Access]:
    source = f'import {{ jobs }} from "./tables";\n\nexport async function work(id, value) {{\n  {line}\n}}\n'.encode()
    tree = MemoryTree({"schema.prisma": SCHEMA, "tables.ts": TABLES, "work.ts": source})
    return list(EXTRACTOR.extract("work.ts", source, tree).accesses)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("await prisma.user.update({ where: { id }, data: { name: value } });", ["write users(name)"]),
        ("await this.prisma.post.findMany({ where: { id } });", ["read Post()"]),
        ("await db.insert(jobs).values({ state: value });", ["write job(state)"]),
        ("await db.update(jobs).set({ state: value }).where(eq(jobs.id, id));", ["write job(state)"]),
        ("await db.select().from(jobs);", ["read job()"]),
        ('await supabase.from("posts").update({ title: value }).eq("id", id);', ["write posts(title)"]),
        ('await knex("posts").where({ id }).update({ title: value });', ["write posts(title)"]),
        ("await sql`UPDATE posts SET title = ${value} WHERE id = ${id}`;", ["write posts(title)"]),
        ('await pool.query("DELETE FROM posts WHERE id = $1", [id]);', ["write posts(*)"]),
        ("await prisma.$executeRaw`UPDATE posts SET title = ${value}`;", ["write posts(title)"]),
        ('Array.from("posts").map(String);', []),
        ("state.user.update({ name: value });", []),
        ('await pool.query("hello");', []),
        ("await db.insert(unknown).values({ state: value });", []),
    ],
)
def test_tables_and_columns_are_named(line: str, expected: list[str]) -> None:
    accesses = read(line)
    assert [f"{a.mode} {a.resource.name}({' '.join(a.columns)})" for a in accesses] == expected
    assert {access.symbol for access in accesses} <= {"work"}


NESTED = """export async function rename(id, name) {
  await prisma.$transaction(async (tx) => {
    await tx.user.update({ where: { id }, data: { name } });
    await OWNER.user.update({ where: { id }, data: { name } });
  });
}
"""


def test_a_client_used_beside_its_own_transaction_waits_for_it() -> None:
    def rules(owner: str) -> list[str]:
        files = {"schema.prisma": SCHEMA, "users.ts": NESTED.replace("OWNER", owner).encode()}
        return [found.rule for found in CHECK.find(MemoryTree(files), ["users.ts"])]

    assert rules("prisma") == ["nested-lock"]
    assert rules("tx") == []
