"""Any file's database code as steps, by its language; and files of plain SQL, statement by statement."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from watchkeeper.code.database.python_file import open_python, read_python
from watchkeeper.code.database.script_walk import read_script
from watchkeeper.code.database.sql import Statement, read_sql
from watchkeeper.code.database.steps import EMPTY, FileSteps, Procedure
from watchkeeper.code.tree import SourceTree

SQL_HINT = re.compile(rb"(?i)\b(?:select|insert|update|delete|merge|create|alter|drop|truncate|lock)\b")
_SCRIPTS = (".ts", ".tsx", ".js", ".jsx", ".mjs", ".cjs", ".mts", ".cts")
_MOST_STATEMENTS = 500
_PIECES = re.compile(
    r"'(?:[^']|'')*'|\"[^\"]*\"|--[^\n]*|/\*.*?\*/|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$|(?P<end>;)", re.DOTALL
)
_LEADING = re.compile(r"\A(?:\s|--[^\n]*(?:\n|\Z)|/\*.*?\*/)+", re.DOTALL)


def read_database(path: str, source: bytes, tree: SourceTree) -> FileSteps:
    """What the functions of a file do with databases; nothing for a language that nobody reads. Never raises."""
    if path.endswith((".py", ".pyi")):
        return read_python(path, source, tree)
    if path.endswith(_SCRIPTS):
        return read_script(path, source, tree)
    return EMPTY


def open_database(path: str, source: bytes, tree: SourceTree) -> Callable[[str], Procedure | None]:
    """Gives single functions of a file, by qualname, without reading the others where that can be. Never raises."""
    if path.endswith((".py", ".pyi")):
        file = open_python(path, source, tree)
        return file.find if file is not None else EMPTY.procedures.get
    return read_database(path, source, tree).procedures.get


def read_sql_file(text: str) -> Iterator[tuple[int, Statement]]:
    """The statements of a file and the 1-based lines on which they begin."""
    start = 0
    ends = [match.end() for match in _PIECES.finditer(text) if match["end"]]
    for count, end in enumerate([*ends, len(text)]):
        body = _LEADING.sub("", text[start:end])
        if count >= _MOST_STATEMENTS:
            yield text.count("\n", 0, start) + 1, Statement((), f"statements after the {_MOST_STATEMENTS}th")
            return
        if body.strip(" \n;"):
            yield text.count("\n", 0, end - len(body)) + 1, read_sql(body.rstrip(";"))
        start = end
