"""Environment variables: read in Python and JavaScript, defined in ``.env`` files and Dockerfiles."""

from __future__ import annotations

import ast
import hashlib
import re

import msgspec

from watchkeeper.code.python_source.parsing import parse_source
from watchkeeper.code.resources.page import Page
from watchkeeper.code.resources.python_values import calls_in, compact, dotted, nodes_in, text_of
from watchkeeper.code.resources.script_text import SUFFIXES, Script
from watchkeeper.code.tree import SourceTree
from watchkeeper.model.resources import AccessMode, ResourceKind, ResourceReading

_FILE = re.compile(r"(^|/)(\.env(\.[\w.-]+)?|[\w-]+\.env|\.envrc)$")
_DOCKER = re.compile(r"(^|/)([\w-]+\.)?Dockerfile(\.[\w-]+)?$")
_LINE = re.compile(r"^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*?)\s*$")
_ENV = re.compile(r"^\s*(?:ENV|env)\s+([A-Za-z_]\w*)(?:\s*=\s*|\s+)(.+?)\s*$")
_SCRIPT = re.compile(
    r"(?:process\.env|import\.meta\.env|(?:Deno|Bun)\.env)\s*"
    r"(?:\??\.\s*(?:get\(\s*['\"](?P<got>\w+)['\"]\s*\)|(?P<name>[A-Za-z_$][\w$]*))"
    r"|(?:\?\.)?\[\s*(?:['\"](?P<key>\w+)['\"]|(?P<computed>[^\]\n]+))\s*\])"
    r"(?:\s*(?:\?\?|\|\|)\s*(?P<default>['\"][^'\"\n]*['\"]|[\w.]+))?"
)
_GETTERS = frozenset({"os.getenv", "getenv", "os.environ.get", "environ.get", "os.environ.setdefault"})
_PLACES = frozenset({"os.environ", "environ"})
_VITE = frozenset({"MODE", "DEV", "PROD", "SSR", "BASE_URL", "get", "toObject"})


class EnvironmentExtractor(msgspec.Struct, frozen=True):
    """A read has its default as value, a definition what it sets (a digest: values may be secrets)."""

    kind: ResourceKind = ResourceKind.ENVIRONMENT

    def wants(self, path: str, /) -> bool:
        return path.endswith((".py", *SUFFIXES)) or bool(_FILE.search(path) or _DOCKER.search(path))

    def extract(self, path: str, source: bytes, tree: SourceTree, /) -> ResourceReading:
        page = Page(self.kind, path, source, tree)
        if path.endswith(".py"):
            if b"environ" in source or b"getenv" in source:
                _python(page)
        elif path.endswith(SUFFIXES):
            if b".env" in source:
                _script(page)
        else:
            _lines(page, _ENV if _DOCKER.search(path) else _LINE)
        return page.reading()


def _lines(page: Page, pattern: re.Pattern[str]) -> None:
    for number, line in enumerate(page.lines, 1):
        found = pattern.match(line)
        if found is not None:
            value = found.group(2).strip("\"'")
            page.add(found.group(1), AccessMode.DEFINE, number, value=_digest(value))


def _digest(value: str) -> str:
    return hashlib.blake2b(value.encode("utf-8", "replace"), digest_size=6).hexdigest() if value else ""


def _python(page: Page) -> None:
    tree = parse_source(page.source).tree
    if tree is None:
        page.miss(0, "the file does not parse")
        return
    for call in calls_in(tree):
        if dotted(call.func) in _GETTERS and call.args:
            default = compact(call.args[1]) if len(call.args) > 1 else ""
            _named(page, call.args[0], call.lineno, AccessMode.READ, default)
    for node in nodes_in(tree):
        if isinstance(node, ast.Subscript) and dotted(node.value) in _PLACES:
            mode = AccessMode.READ if isinstance(node.ctx, ast.Load) else AccessMode.WRITE
            _named(page, node.slice, node.lineno, mode, "")


def _named(page: Page, name: ast.expr, line: int, mode: AccessMode, default: str) -> None:
    text = text_of(name)
    if text is None:
        page.miss(line, f"the variable's name is computed: {compact(name)}")
    else:
        page.add(text, mode, line, value=default)


def _script(page: Page) -> None:
    script = Script(page.text)
    for match in script.find(_SCRIPT):
        line = page.line_at(match.start())
        name = match["name"] or match["key"] or match["got"]
        if name is None:
            page.miss(line, f"the variable's name is computed: {match['computed'].strip()}")
        elif name not in _VITE:
            default = (match["default"] or "").replace('"', "'")
            page.add(name, AccessMode.READ, line, value=default)


EXTRACTOR = EnvironmentExtractor()
