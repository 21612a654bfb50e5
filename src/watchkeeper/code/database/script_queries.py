"""Chains of calls in TypeScript and JavaScript that name a table: who writes, reads or locks what."""

from __future__ import annotations

import re
from functools import cached_property
from typing import NamedTuple

import msgspec
from tree_sitter import Node

from watchkeeper.code.database.claims import Claim, Lock, Pairs
from watchkeeper.code.database.sql import HOLE, is_key, looks_like_sql, read_sql
from watchkeeper.code.languages import find_language
from watchkeeper.code.languages._typescript_source import Source
from watchkeeper.code.tree import SourceTree
from watchkeeper.model.confidence import Confidence
from watchkeeper.model.resources import AccessMode

_READS = frozenset("findMany findUnique findFirst findUniqueOrThrow findFirstOrThrow count aggregate groupBy".split())
_INSERTS = frozenset("create createMany createManyAndReturn insert upsert".split())
_UPDATES = frozenset("update updateMany upsert increment decrement".split())
_DELETES = frozenset("delete deleteMany del truncate".split())
_PRISMA = _READS | _INSERTS | _UPDATES | frozenset({"delete", "deleteMany"})
_RAW = frozenset(
    "query execute raw unsafe sql $queryRaw $executeRaw $queryRawUnsafe $executeRawUnsafe run all get".split()
)
_DRIZZLE = re.compile(r"\b(\w+)\s*=\s*(?:\w+\.)?(?:pg|mysql|sqlite)Table\(\s*[\"'`](\w+)[\"'`]")
_MODEL = re.compile(r"^model\s+(\w+)\s*\{(.*?)^\}", re.MULTILINE | re.DOTALL)
_MAP = re.compile(r"@@map\(\s*(?:name:\s*)?\"(\w+)\"")


class Link(NamedTuple):
    """One step of a chain: ``name`` is a property, ``()`` for a call of the root itself."""

    name: str
    arguments: Node | None
    line: int


class Tables:
    """The tables that a file can name: Drizzle's by variable, Prisma's by model."""

    def __init__(self, path: str, source: Source, tree: SourceTree) -> None:
        self._path = path
        self._source = source
        self._tree = tree

    @cached_property
    def drizzle(self) -> dict[str, str]:
        """Variable -> table, of this file and of the modules that it imports."""
        found = dict(_DRIZZLE.findall(self._source.latin))
        table, language = self._tree.index.find_table(self._path), find_language(self._path)
        for local, items in table.imports.items() if table is not None and language is not None else ():
            for item in items:
                path = language.find_module(self._path, item.module, item.level, self._tree.index)  # type: ignore[union-attr]
                text = (self._tree.source(path) or b"").decode("utf-8", "replace") if path else ""
                there = dict(_DRIZZLE.findall(text)) if "Table(" in text else {}
                if item.name in there:
                    found[local] = there[item.name]
                elif not item.name:
                    found |= {f"{local}.{name}": value for name, value in there.items()}
        return found

    @cached_property
    def prisma(self) -> dict[str, str]:
        """Client property -> table; empty where the tree has no schema."""
        found: dict[str, str] = {}
        for path in sorted(self._tree.index.paths):
            if path.endswith(".prisma"):
                text = (self._tree.source(path) or b"").decode("utf-8", "replace")
                for name, body in _MODEL.findall(text):
                    mapped = _MAP.search(body)
                    found[name[:1].lower() + name[1:]] = mapped[1] if mapped else name
        return found


def chain_claims(source: Source, tables: Tables, root: Node | None, links: list[Link]) -> tuple[list[Claim], str]:
    """The claims of one chain of calls, and why something in it could not be read."""
    raw = _raw(source, root, links)
    if raw is not None:
        return raw
    names = [link.name for link in links]
    for index, link in enumerate(links):
        if link.name in _PRISMA and index > 0 and links[index - 1].arguments is None:
            table = _prisma_table(source, tables, links, index)
            if table:
                return _claims(source, table, links, (link.name,), Confidence.SURE), ""
        first = _first(link)
        if first is None:
            continue
        if link.name in ("from", "table", "into", "()") and first.type == "string" and root is not None:
            if link.name == "()" and not _is_builder(source.text(root)):
                continue
            if link.name == "from" and source.text(root) in ("Array", "Buffer", "Object", "this"):
                continue
            table = source.text(first).strip("\"'`").partition(" ")[0].lower()
            verbs = tuple(name for name in names if name != link.name)
            if link.name != "from" or set(verbs) & (_INSERTS | _UPDATES | _DELETES | {"select"}):
                return _claims(source, table, links, verbs, Confidence.SURE), ""
        if link.name in ("insert", "update", "delete", "from") and first.type in ("identifier", "member_expression"):
            table = tables.drizzle.get(source.text(first), "")
            if table:
                verbs = (link.name,) if link.name != "from" else ("select",)
                return _claims(source, table, links, verbs, Confidence.SURE), ""
    return [], ""


def _is_builder(name: str) -> bool:
    return name in ("knex", "trx", "db", "tx", "database") or name.endswith(("Knex", "Trx"))


def _prisma_table(source: Source, tables: Tables, links: list[Link], index: int) -> str:
    model, first = links[index - 1].name, _first(links[index])
    keys = {source.field_text(pair, "key") for pair in first.named_children} if first is not None else set()
    if links[index].name not in _READS and not keys & {"data", "where", "create"}:
        return ""  # somebody else's ``update``
    if tables.prisma:
        return tables.prisma.get(model, "")
    named = "prisma" in source.latin[:20_000].lower()
    return model[:1].upper() + model[1:] if named and keys & {"data", "where", "create", "select"} else ""


def _first(link: Link) -> Node | None:
    return next(iter(link.arguments.named_children), None) if link.arguments is not None else None


def _claims(
    source: Source, table: str, links: list[Link], verbs: tuple[str, ...], confidence: Confidence
) -> list[Claim]:
    row, claims = _row(source, links), []
    columns = _columns(source, links)
    if _INSERTS & set(verbs):
        claims.append(Claim(table, Lock.INSERT, AccessMode.WRITE, columns or ("*",)))
    if _UPDATES & set(verbs):
        claims.append(Claim(table, Lock.NO_KEY_UPDATE, AccessMode.WRITE, columns or ("*",), row))
    if _DELETES & set(verbs):
        claims.append(Claim(table, Lock.UPDATE, AccessMode.WRITE, ("*",), row))
    locks = {"forUpdate", "forNoKeyUpdate"} & set(verbs)
    if not claims and locks:
        waits = not {"skipLocked", "noWait"} & {link.name for link in links}
        claims.append(Claim(table, Lock.UPDATE, AccessMode.LOCK, (), row, waits=waits))
    claims = claims or [Claim(table, Lock.READ, AccessMode.READ)]
    return [msgspec.structs.replace(claim, confidence=confidence) for claim in claims]


def _columns(source: Source, links: list[Link]) -> tuple[str, ...]:
    """The keys of what is written: of ``data`` (Prisma), of ``set`` and ``values`` (Drizzle), of the only argument."""
    for link in links:
        if link.name not in _INSERTS | _UPDATES | {"set", "values"}:
            continue
        first = _first(link)
        if first is not None and first.type == "array":
            first = next(iter(first.named_children), None)
        if first is None or first.type != "object":
            continue
        data = next((p for p in first.named_children if source.field_text(p, "key") in ("data", "update")), None)
        inner = data.child_by_field_name("value") if data is not None else first
        if inner is not None and inner.type == "object":
            names = (source.field_text(p, "key") or source.text(p) for p in inner.named_children)
            return tuple(name.strip("\"'") for name in names if re.fullmatch(r"[\"']?\w+[\"']?", name))
    return ()


def _row(source: Source, links: list[Link]) -> Pairs:
    """Key columns that ``where`` and ``eq`` pin to a literal."""
    text = " ".join(source.text(link.arguments) for link in links if link.name in ("where", "eq") and link.arguments)
    if not text:
        first = next((f for link in links if link.name in _PRISMA and (f := _first(link)) is not None), None)
        text = source.text(first) if first is not None else ""
    found = re.findall(r"[\"'.]?(\w+)[\"']?\s*[:,]\s*(\d+|\"[^\"]*\"|'[^']*')", text)
    return tuple((name, f"={value.strip(chr(34) + chr(39))}") for name, value in found if is_key(name))


def _raw(source: Source, root: Node | None, links: list[Link]) -> tuple[list[Claim], str] | None:
    """SQL in a template or a string that is handed to a query; None where there is none."""
    name = links[-1].name if links else ""
    if name == "()":
        name = source.text(root) if root is not None else ""
    arguments = links[-1].arguments if links else None
    if name not in _RAW or arguments is None:
        return None
    text = arguments if arguments.type == "template_string" else _first(links[-1])
    if text is None or text.type not in ("template_string", "string"):
        return None
    parts, position = [], text.start_byte + 1
    for hole in text.named_children:
        if hole.type == "template_substitution":
            parts += [source.between(position, hole.start_byte), " :hole " if arguments is text else f" {HOLE} "]
            position = hole.end_byte
    sql = "".join([*parts, source.between(position, text.end_byte - 1)])
    if not looks_like_sql(sql):
        return None
    statement = read_sql(sql)
    claims = [msgspec.structs.replace(c, row=_literal(c.row), values=_literal(c.values)) for c in statement.claims]
    return claims, statement.reason


def _literal(pairs: Pairs) -> Pairs:
    """Values that the program passes are not compared."""
    return tuple((column, value if value.startswith("=") else "") for column, value in pairs)
