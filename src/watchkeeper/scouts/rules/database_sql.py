"""Rules of the dimension ``database``: migrations in SQL, of Supabase and others."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from watchkeeper.scouts.rules.project import Project, place_of
from watchkeeper.scouts.rules.rule import Hit, Rule

_PIECES = re.compile(
    r"'(?:[^']|'')*'|\"[^\"]*\"|--[^\n]*|/\*.*?\*/|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$|(?P<end>;)", re.DOTALL
)
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_NAME = r"(?:if\s+(?:not\s+)?exists\s+)?(?:only\s+)?((?:\"?[\w$-]+\"?\.)?\"?[\w$-]+\"?)"
_CREATE = re.compile(rf"^create\s+table\s+{_NAME}", re.IGNORECASE)
_DROP = re.compile(rf"^drop\s+table\s+{_NAME}", re.IGNORECASE)
_SECURE = re.compile(rf"^alter\s+table\s+{_NAME}\s+(?:enable|force)\s+row\s+level\s+security", re.IGNORECASE)
_EXPOSE = re.compile(rf"^alter\s+table\s+{_NAME}\s+disable\s+row\s+level\s+security", re.IGNORECASE)
_POLICY = re.compile(rf"^create\s+policy\s+(\"[^\"]+\"|\w+)\s+on\s+{_NAME}(.*)$", re.IGNORECASE | re.DOTALL)
_INDEX = re.compile(
    rf"^create\s+(?:unique\s+)?index\s+(?!concurrently)(?:if\s+not\s+exists\s+)?(?:\"?[\w$.-]+\"?\s+)?on\s+{_NAME}",
    re.IGNORECASE,
)
_ADD = re.compile(
    r"\badd\s+(?:column\s+)?(?:if\s+not\s+exists\s+)?(?!constraint\b|foreign\b|primary\b|unique\b|check\b)"
    r"(\"?[\w$]+\"?)\s+([^,]*)",
    re.IGNORECASE,
)
_ALTER = re.compile(rf"^alter\s+table\s+{_NAME}", re.IGNORECASE)
_DROP_COLUMN = re.compile(r"\bdrop\s+column\s+(?:if\s+exists\s+)?(\"?[\w$]+\"?)", re.IGNORECASE)
_ALWAYS = re.compile(r"(using|with\s+check)\s*\(\s*(true|1\s*=\s*1)\s*\)", re.IGNORECASE)
_MIGRATION = re.compile(r"(^|/)(migrations?|migrate|drizzle|flyway|db/schema)/.*\.sql$")


class Statement(NamedTuple):
    """One statement without comments, and where it stands."""

    path: str
    line: int
    text: str

    def hit(self, *words: str, confidence: float | None = None) -> Hit:
        quote = "\n".join(line.strip() for line in self.text.split("\n")[:6])[:400]
        return Hit(self.line, quote, words=words, confidence=confidence, path=self.path)


def statements(path: str, text: str) -> Iterator[Statement]:
    """The statements of a file; what stands in texts and bodies of functions ends none."""
    start = 0
    for end in [*(found.end() for found in _PIECES.finditer(text) if found["end"]), len(text)]:
        body = text[start:end]
        bare = _COMMENT.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), body)
        stripped = bare.strip().rstrip(";").strip()
        if stripped:
            lead = len(bare) - len(bare.lstrip())
            yield Statement(path, text.count("\n", 0, start + lead) + 1, stripped)
        start = end


def _migrations(project: Project) -> list[Statement]:
    return [
        each
        for path in sorted(project.paths)
        if _MIGRATION.search(path) and place_of(path) == "code"
        for each in statements(path, project.text(path))
    ]


def _table(name: str) -> str:
    return name.replace('"', "").lower().removeprefix("public.")


def _is_supabase(path: str) -> bool:
    return re.search(r"(^|/)supabase/", path) is not None


def find_missing_row_security(project: Project) -> Iterator[Hit]:
    """Tables that Supabase shows to anybody who has its public key: row security is never enabled."""
    created: dict[str, Statement] = {}
    secured: set[str] = set()
    for each in (one for one in _migrations(project) if _is_supabase(one.path)):
        if re.search(
            r"execute\s+format\(.*row\s+level\s+security|ensure_rls|rls_auto_enable",
            each.text,
            re.IGNORECASE | re.DOTALL,
        ):
            return  # switched on for all of them by a program
        if found := _CREATE.match(each.text):
            created.setdefault(_table(found[1]), each)
        elif found := _DROP.match(each.text):
            created.pop(_table(found[1]), None)
        elif found := _SECURE.match(each.text):
            secured.add(_table(found[1]))
        elif found := _EXPOSE.match(each.text):
            secured.discard(_table(found[1]))
        elif renamed := re.match(rf"^alter\s+table\s+{_NAME}\s+rename\s+to\s+(\"?\w+\"?)", each.text, re.IGNORECASE):
            created[_table(renamed[2])] = created.pop(_table(renamed[1]), each)
            secured |= {_table(renamed[2])} if _table(renamed[1]) in secured else set()
    for table, each in sorted(created.items()):
        if table not in secured and "." not in table and "partition of" not in each.text.lower():
            yield each.hit(table)._replace(anchor=table)


def find_permissive_policy(project: Project) -> Iterator[Hit]:
    """Policies that let anybody write: ``using (true)`` for more than reading."""
    dropped = {
        (_table(found[2]), found[1].strip('"').lower())
        for each in _migrations(project)
        if (
            found := re.match(
                rf"^drop\s+policy\s+(?:if\s+exists\s+)?(\"[^\"]+\"|\w+)\s+on\s+{_NAME}", each.text, re.IGNORECASE
            )
        )
    }
    for each in _migrations(project):
        found = _POLICY.match(each.text)
        if found is None or not _ALWAYS.search(found[3]) or (_table(found[2]), found[1].strip('"').lower()) in dropped:
            continue
        rest = found[3].lower()
        to = re.search(r"\bto\s+([\w\", ]+?)(\s+(using|with|for)\b|$)", rest)
        if re.search(r"\bfor\s+select\b|as\s+restrictive", rest) or (
            to and not re.search(r"anon|public|authenticated", to[1])
        ):
            continue
        if "service" in found[1].lower() and "role" in found[1].lower() and to is not None:
            continue
        yield each.hit(found[1].strip('"'), _table(found[2]))


def _new_tables(project: Project) -> Iterator[tuple[Statement, frozenset[str]]]:
    """Each statement of the newest migrations, and the tables that its own file creates: nobody waits for those.

    What older ones did is done: nobody can mend it.
    """
    here: dict[str, set[str]] = {}
    every = _migrations(project)
    for each in every:
        if found := _CREATE.match(each.text):
            here.setdefault(each.path, set()).add(_table(found[1]))
    newest = _newest(dict.fromkeys(each.path for each in every))
    for each in every:
        if each.path in newest:
            yield each, frozenset(here.get(each.path, ()))


def _newest(paths: Iterable[str]) -> frozenset[str]:
    """The last migration of each folder that has more than one, by its name; tools put one into a folder of its own."""
    folders: dict[str, list[str]] = {}
    for path in paths:
        folder = path.rpartition("/")[0]
        folders.setdefault(folder.rpartition("/")[0] if path.endswith("/migration.sql") else folder, []).append(path)
    return frozenset(max(each, key=_natural) for each in folders.values() if len(each) > 1)


def _natural(path: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", path)]


def find_index_without_concurrently(project: Project) -> Iterator[Hit]:
    """An index that nobody can write to the table beside."""
    for each, new in _new_tables(project):
        found = _INDEX.match(each.text)
        if found and _table(found[1]) not in new and _is_postgres(project, each.path):
            yield each.hit(_table(found[1]))


def _is_postgres(project: Project, path: str) -> bool:
    return (
        _is_supabase(path)
        or re.search(
            r"jsonb|timestamptz|gen_random_uuid|TIMESTAMP\(3\)|serial\b|\bUSING (gin|btree)",
            project.text(path),
            re.IGNORECASE,
        )
        is not None
    )


def find_not_null_without_default(project: Project) -> Iterator[Hit]:
    """A column that old rows cannot have: the migration fails where there are any."""
    for each, new in _new_tables(project):
        table = _ALTER.match(each.text)
        if table is None or _table(table[1]) in new:
            continue
        for found in _ADD.finditer(each.text):
            said = found[2].lower()
            if "not null" in said and not re.search(r"default|generated|serial|identity|auto_increment", said):
                yield each.hit(_table(table[1]), found[1].strip('"'))


def find_dropped_column(project: Project) -> Iterator[Hit]:
    """Columns whose content is gone when the migration has run, while the last version may still ask for them."""
    for each, new in _new_tables(project):
        table = _ALTER.match(each.text)
        if table is not None and _table(table[1]) not in new:
            for found in _DROP_COLUMN.finditer(each.text):
                yield each.hit(_table(table[1]), found[1].strip('"'))


_M = "supabase/migrations/"
_T = "create table notes (id int primary key);\n"

RULES = (
    Rule(
        "missing-row-security", "database", "missing-row-security", 4, 0.9,
        "the table {0} has no row security: whoever has the public key reads and writes all of it",
        "Show where row security is enabled for it, or that the schema is not exposed.",
        {f"{_M}1.sql": _T}, {f"{_M}1.sql": _T, f"{_M}2.sql": "alter table notes enable row level security;\n"},
        project=find_missing_row_security, reads=(".sql",),
    ),
    Rule(
        "permissive-policy", "database", "missing-row-security", 4, 0.85,
        "the policy {0} of {1} lets anybody write any row",
        "Show what else keeps others out: a restrictive policy, a right that is not granted.",
        {f"{_M}1.sql": "create policy p on notes for all using (true);\n"},
        {f"{_M}1.sql": "create policy p on notes for all using (auth.uid() = owner);\n"},
        project=find_permissive_policy, reads=(".sql",),
    ),
    Rule(
        "index-without-concurrently", "database", "unsafe-migration", 1, 0.7,
        "nobody can write to {0} while this index is built",
        "Show that the table is small, or that nobody writes then.",
        {f"{_M}1.sql": _T, f"{_M}2.sql": "create index i on notes (id);\n"},
        {f"{_M}1.sql": _T, f"{_M}2.sql": "create index concurrently i on notes (id);\n"},
        project=find_index_without_concurrently, reads=(".sql",),
    ),
    Rule(
        "not-null-without-default", "database", "unsafe-migration", 3, 0.85,
        "{0} gets the column {1} without a default: the migration fails where there are rows",
        "Show that the table is empty wherever this runs.",
        {f"{_M}1.sql": _T, f"{_M}2.sql": "alter table notes add column a text not null;\n"},
        {f"{_M}1.sql": _T, f"{_M}2.sql": "alter table notes add column a text not null default '';\n"},
        project=find_not_null_without_default, reads=(".sql",),
    ),
    Rule(
        "dropped-column", "database", "unsafe-migration", 2, 0.7,
        "{0} loses the column {1} and what is in it, while the version before may still ask for it",
        "Show that no version that still runs names the column, and that its content is not needed.",
        {f"{_M}1.sql": _T, f"{_M}2.sql": "alter table notes drop column a;\n"},
        {f"{_M}1.sql": _T, f"{_M}2.sql": "alter table notes rename column a to b;\n"},
        project=find_dropped_column, reads=(".sql",),
    ),
)  # fmt: skip
