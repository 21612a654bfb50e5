"""What a command line offers: options and commands that code declares, by the strings that stand there."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator

from watchkeeper.code.python_source.nodes import nodes_of
from watchkeeper.code.python_source.parsing import parse_source
from watchkeeper.code.resources.python_values import dotted, text_of
from watchkeeper.code.resources.script_text import SUFFIXES, Script
from watchkeeper.risk.facts import Place
from watchkeeper.risk.points import PointKind

Offer = tuple[PointKind, str]
"""What would be missed: a kind of removal, and the name of the thing."""

_OPTIONS = frozenset({"option", "add_argument", "addoption", "add_option", "_addoption", "Option", "Argument"})
_COMMANDS = frozenset({"command", "group", "add_parser"})
_MAY_OFFER = re.compile(b"|".join(sorted(name.encode() for name in _OPTIONS | _COMMANDS)))
_OPTION = re.compile(r"--?[A-Za-z][\w-]*(/--?[\w-]+)?$")
_SCRIPT_OPTION = re.compile(r"\.(?:option|requiredOption)\(\s*(['\"`])([^'\"`]+)\1")
_SCRIPT_COMMAND = re.compile(r"\.command\(\s*(['\"`])([\w:-]+)[^'\"`]*\1")


def offers_of(path: str, source: bytes) -> dict[Offer, Place]:
    """The options and commands that a file declares."""
    if path.endswith(".py"):
        return dict(_python(path, source))
    if path.endswith(SUFFIXES):
        return dict(_script(path, source))
    return dict(_manifest(path, source)) if path.endswith("pyproject.toml") else {}


def _python(path: str, source: bytes) -> Iterator[tuple[Offer, Place]]:
    tree = parse_source(source).tree if _MAY_OFFER.search(source) else None
    for node in nodes_of(tree) if tree is not None else ():
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else dotted(node.func)
            place = Place(path, node.lineno)
            texts = [text for each in node.args if (text := text_of(each)) is not None]
            if name in _OPTIONS:
                yield from (((PointKind.REMOVED_OPTION, t), place) for t in texts if _OPTION.match(t))
            elif name == "add_parser" and texts:
                yield (PointKind.REMOVED_COMMAND, texts[0]), place
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _command(path, node)


def _command(path: str, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[tuple[Offer, Place]]:
    for mark in node.decorator_list:
        called = mark.func if isinstance(mark, ast.Call) else mark
        if isinstance(called, ast.Attribute) and called.attr in _COMMANDS:
            given = text_of(mark.args[0]) if isinstance(mark, ast.Call) and mark.args else None
            name = given or node.name.replace("_", "-").removesuffix("-command")
            yield (PointKind.REMOVED_COMMAND, name), Place(path, node.lineno)


def _script(path: str, source: bytes) -> Iterator[tuple[Offer, Place]]:
    if b"ption(" not in source and b".command(" not in source:
        return
    script = Script(source.decode("utf-8", "replace"))
    for match in script.find(_SCRIPT_OPTION):
        for word in re.findall(r"--?[A-Za-z][\w-]*", match[2]) or [f"--{match[2]}"]:
            yield (PointKind.REMOVED_OPTION, word), Place(path, script.text.count("\n", 0, match.start()) + 1)
    for match in script.find(_SCRIPT_COMMAND):
        yield (PointKind.REMOVED_COMMAND, match[2]), Place(path, script.text.count("\n", 0, match.start()) + 1)


def _manifest(path: str, source: bytes) -> Iterator[tuple[Offer, Place]]:
    try:
        project = tomllib.loads(source.decode("utf-8", "replace")).get("project", {})
    except (tomllib.TOMLDecodeError, RecursionError):
        return
    for table in ("scripts", "gui-scripts"):
        names = project.get(table, {}) if isinstance(project, dict) else {}
        for name in names if isinstance(names, dict) else ():
            yield (PointKind.REMOVED_COMMAND, str(name)), Place(path)
