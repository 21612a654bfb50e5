"""Migrations in SQL: tables that anybody reads, and changes that stop or break what runs."""

from __future__ import annotations

import pytest

from scout_rules import say

M = "supabase/migrations/"
NOTES = "create table if not exists public.notes (\n  id int primary key\n);\n"
RLS, POLICY = "missing-row-security", "permissive-policy"


def told(rule: str, *migrations: str) -> list[tuple[str, int]]:
    files = {f"{M}{number:03}.sql": text for number, text in enumerate(migrations, start=1)}
    return [(raw.path.removeprefix(M), raw.line) for raw in say(rule, files)]


@pytest.mark.parametrize(
    "text", [NOTES, '-- notes\n\n/* all */ CREATE TABLE "notes" (id int);\n', "create table notes (id int)"]
)
def test_a_table_that_is_never_secured_is_found_where_it_is_created(text: str) -> None:
    line = text.lower()[: text.lower().index("create table")].count("\n") + 1
    assert told(RLS, text) == [("001.sql", line)]


@pytest.mark.parametrize(
    "texts",
    [
        (NOTES, "alter table notes enable row level security;\n"),
        (NOTES + 'ALTER TABLE "public"."notes" ENABLE ROW LEVEL SECURITY;\n',),
        (NOTES, "drop table if exists notes;\n"),
        (NOTES, "do $$ begin execute format('alter table %I enable row level security', t); end $$;\n"),
        (NOTES, "alter table notes rename to papers;\nalter table papers enable row level security;\n"),
        ("create table internal.notes (id int);\n",),
        ("-- create table notes (id int);\nselect 'create table notes (id int);';\n",),
    ],
)
def test_a_table_that_is_secured_gone_or_hidden_is_let_be(texts: tuple[str, ...]) -> None:
    assert told(RLS, *texts) == []


def test_a_table_whose_row_security_is_switched_off_again_is_found() -> None:
    on, off = (f"alter table notes {word} row level security;\n" for word in ("enable", "disable"))
    assert told(RLS, NOTES + on, off) == [("001.sql", 1)]
    assert told(RLS, NOTES + off, on) == []


def test_other_databases_show_their_tables_to_nobody() -> None:
    assert say(RLS, {"db/migrations/1.sql": NOTES}) == []


@pytest.mark.parametrize(
    "text",
    [
        "create policy p on notes for all using (true);\n",
        'create policy "all may" on public.notes for insert with check (true);\n',
        "create policy p on notes for delete to authenticated using ( true );\n",
        "create policy p on notes using (true);\n",
    ],
)
def test_a_policy_that_lets_anybody_write_is_found(text: str) -> None:
    assert told(POLICY, text) == [("001.sql", 1)]


@pytest.mark.parametrize(
    "texts",
    [
        ("create policy p on notes for select using (true);\n",),
        ("create policy p on notes for all using (auth.uid() = owner);\n",),
        ("create policy p on notes for all to service_role using (true);\n",),
        ("create policy p on notes as restrictive for all using (true);\n",),
        ("create policy p on notes for all using (true);\n", 'drop policy if exists "p" on notes;\n'),
    ],
)
def test_a_policy_that_reads_restricts_or_is_gone_is_let_be(texts: tuple[str, ...]) -> None:
    assert told(POLICY, *texts) == []


BAD = [
    ("index-without-concurrently", "create index i on notes (a);\n"),
    ("index-without-concurrently", "create unique index if not exists i on public.notes (a);\n"),
    ("not-null-without-default", "alter table notes add column a text not null;\n"),
    ("not-null-without-default", "alter table notes add a text not null, add b text;\n"),
    ("dropped-column", "alter table only notes drop column if exists a;\n"),
]
GOOD = [
    ("index-without-concurrently", "create index concurrently i on notes (a);\n"),
    ("index-without-concurrently", "create table papers (a int);\ncreate index i on papers (a);\n"),
    ("not-null-without-default", "alter table notes add column a text not null default '';\n"),
    ("not-null-without-default", "alter table notes add column a int generated always as identity not null;\n"),
    ("not-null-without-default", "alter table notes add column a text;\n"),
    ("not-null-without-default", "create table papers (a int);\nalter table papers add column b int not null;\n"),
    ("not-null-without-default", "alter table notes add constraint c check (a is not null);\n"),
    ("dropped-column", "alter table notes rename column a to b;\n"),
    ("dropped-column", "alter table notes drop constraint c;\n"),
]


@pytest.mark.parametrize(("rule", "text"), BAD)
def test_a_migration_that_stops_or_breaks_what_runs_is_found(rule: str, text: str) -> None:
    assert told(rule, NOTES, text) == [("002.sql", 1)]


@pytest.mark.parametrize(("rule", "text"), GOOD)
def test_a_migration_that_nobody_waits_for_is_let_be(rule: str, text: str) -> None:
    assert told(rule, NOTES, text) == []


@pytest.mark.parametrize(("rule", "text"), BAD)
def test_what_ran_long_ago_cannot_be_mended(rule: str, text: str) -> None:
    assert told(rule, NOTES, text, "select 1;\n") == []


def test_the_newest_migration_is_that_of_the_highest_number() -> None:
    drop = "alter table notes drop column a;\n"
    files = {f"{M}9_a.sql": drop, f"{M}10_b.sql": drop, f"{M}1_c.sql": NOTES}
    assert [raw.path for raw in say("dropped-column", files)] == [f"{M}10_b.sql"]
