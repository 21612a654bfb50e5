"""Ports that are listened on: published by Compose files, and by servers that code or commands start.

``EXPOSE`` of a Dockerfile publishes nothing: every container has ports of its own, so it is left out. ``Access.value``
says who listens.
"""

from __future__ import annotations

import re

import msgspec

from watchkeeper.code.python_source.parsing import parse_source
from watchkeeper.code.resources.keyed_text import read_keys
from watchkeeper.code.resources.page import Page
from watchkeeper.code.resources.python_values import calls_in, compact, dotted, keyword_of, number_of
from watchkeeper.code.resources.script_text import SUFFIXES, Script
from watchkeeper.code.tree import SourceTree
from watchkeeper.model.confidence import Confidence
from watchkeeper.model.resources import AccessMode, ResourceKind, ResourceReading

_COMPOSE = re.compile(r"(^|/)(docker-)?compose[\w.-]*\.ya?ml$")
_COMMANDS = re.compile(r"(^|/)(Procfile[\w.]*|Makefile|[\w-]+\.sh)$")
_PORTS = re.compile(r"^services\.(.+)\.ports$")
_ITEM = re.compile(r"-\s+[\"']?((?:\[[^\]]+\]:|\d+\.\d+\.\d+\.\d+:)?([^\s:\"']+|\$\{[^}]+\}):(\d+)[^\s\"']*)")
_LISTEN = re.compile(r"\.\s*listen\(\s*(?:\{\s*port\s*:\s*)?(?:(\d{2,5})\b|([A-Za-z_$][\w$.]*))")
_FLAG = re.compile(r"--(?:port|bind|http)[ =](?:[\w.]*:)?(\d{2,5})\b")
_SERVERS = frozenset({"run", "run_app", "serve", "make_server", "create_server", "start_server", "run_server"})


class PortExtractor(msgspec.Struct, frozen=True):
    """See the module."""

    kind: ResourceKind = ResourceKind.PORT

    def wants(self, path: str, /) -> bool:
        return path.endswith((".py", *SUFFIXES)) or bool(_COMPOSE.search(path) or _COMMANDS.search(path))

    def extract(self, path: str, source: bytes, tree: SourceTree, /) -> ResourceReading:
        page = Page(self.kind, path, source, tree)
        if _COMPOSE.search(path):
            _compose(page)
        elif path.endswith(".py"):
            if b"port=" in source or b"port =" in source:
                _python(page)
        elif path.endswith(SUFFIXES):
            if b"listen(" in source:
                _script(page)
        else:
            for number, line in enumerate(page.lines, 1):
                for match in _FLAG.finditer(line.partition("#")[0]):
                    _listens(page, match[1], number, f"{path}:{line.strip()[:60]}")
        return page.reading()


def _compose(page: Page) -> None:
    for key in read_keys(page.path, page.text):
        service = _PORTS.match(key.name)
        if service is None:
            continue
        for offset, line in enumerate(page.lines[key.line :], key.line + 1):
            if line.strip() and not line.strip().startswith(("-", "#")):
                break
            item = _ITEM.search(line)
            if item is None:
                continue
            if item[2].isdigit():
                page.add(item[2], AccessMode.DEFINE, offset, value=f"{page.path}:{service[1]}")
            else:
                page.miss(offset, f"the published port is computed: {item[2]}")


def _listens(page: Page, port: str, line: int, owner: str) -> None:
    page.add(port, AccessMode.DEFINE, line, value=owner, confidence=Confidence.LIKELY)


def _python(page: Page) -> None:
    tree = parse_source(page.source).tree
    if tree is None:
        page.miss(0, "the file does not parse")
        return
    for call in calls_in(tree):
        node = keyword_of(call, "port")
        if dotted(call.func).rpartition(".")[2] not in _SERVERS or node is None:
            continue
        number = number_of(node)
        if number is None:
            page.miss(call.lineno, f"the port is computed: {compact(node)}")
        elif number:
            _listens(page, str(number), call.lineno, page.path)


def _script(page: Page) -> None:
    for match in Script(page.text).find(_LISTEN):
        line = page.line_at(match.start())
        if match[1] is None:
            page.miss(line, f"the port is computed: {match[2]}")
        else:
            _listens(page, match[1], line, page.path)


EXTRACTOR = PortExtractor()
