"""Routes: what a server answers to, in Flask, FastAPI, Starlette, Django, Express and its kin, and Next.js.

A resource is ``METHOD /path`` with every parameter written ``{}``. A router whose prefix is given in another file has
its routes named ``... on file:router``: they meet within that router only. ``Access.value`` is the application that
answers, where it is known: two applications may have the same routes.
"""

from __future__ import annotations

import ast
import re

import msgspec

from watchkeeper.code.python_source.parsing import parse_source
from watchkeeper.code.resources.page import Page
from watchkeeper.code.resources.python_values import (
    assigned,
    calls_in,
    compact,
    dotted,
    keyword_of,
    nodes_in,
    text_of,
    texts_of,
)
from watchkeeper.code.resources.script_text import SUFFIXES, Script
from watchkeeper.code.tree import SourceTree
from watchkeeper.model.resources import AccessMode, ResourceKind, ResourceReading

_VERBS = frozenset({"get", "post", "put", "patch", "delete", "head", "options"})
_APPS = frozenset({"Flask", "Quart", "FastAPI", "Starlette", "Sanic", "Litestar"})
_ROUTERS = frozenset({"Blueprint", "APIRouter", "Router"})
_HINT = re.compile(
    rb"@[\w.]+\.(?:route|api_route|websocket|get|post|put|patch|delete|head|options)\("
    rb"|urlpatterns|add_url_rule|add_(?:api_)?route"
)
_PARAMETER = re.compile(r"\[\[?\.{0,3}[^\]/]+\]?\]|<[^>]+>|\{[^}]+\}|:[A-Za-z_]\w*(?:\([^)]*\))?\??|\(\?P<\w+>[^)]*\)")
_EXPRESS = re.compile(
    r"\b(?P<owner>app|router|server|api|\w*[rR]outer|\w*[aA]pp)\s*\.\s*(?P<verb>get|post|put|patch|delete|head|options|all)"
    r"\(\s*(?:(?P<quote>['\"`])(?P<path>(?:/|\*)[^'\"`\n]*|)(?P=quote)\s*,|(?P<computed>[A-Za-z_$][\w$.]*)\s*,)"
)
_CREATED = re.compile(
    r"\b(?:const|let|var)\s+(\w+)(?:\s*:\s*[\w.]+)?\s*=\s*(?:new\s+)?(?:(\w+)\.)?(express|fastify|Hono|Koa|Router)\s*\("
)
_MOUNTED = re.compile(r"\.\s*use\(\s*['\"](/[^'\"\n]*)['\"]\s*,\s*(\w+)\s*\)")
_NEXT_APP = re.compile(r"^(?P<root>(?:.*/)?)(?:src/)?app/(?P<path>(?:.*/)?)(?P<what>page|route)\.[jt]sx?$")
_NEXT_PAGES = re.compile(r"^(?P<root>(?:.*/)?)(?:src/)?pages/(?P<path>.+)\.[jt]sx?$")
_NEXT_METHOD = re.compile(r"\bexport\s+(?:(?:async\s+)?function\s+|const\s+)(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS)\b")


class RouteExtractor(msgspec.Struct, frozen=True):
    """See the module."""

    kind: ResourceKind = ResourceKind.ROUTE

    def wants(self, path: str, /) -> bool:
        return path.endswith((".py", *SUFFIXES))

    def extract(self, path: str, source: bytes, tree: SourceTree, /) -> ResourceReading:
        page = Page(self.kind, path, source, tree)
        if path.endswith(".py"):
            if _HINT.search(source) is not None:
                _python(page)
        else:
            _next(page)
            if any(hint in source for hint in (b"xpress", b"Router", b"ono(", b"astify", b"Koa")):
                _express(page)
        return page.reading()


def normal_path(path: str) -> str:
    """The path with every parameter as ``{}``, one slash between parts and none at the end."""
    parts = [part for part in _PARAMETER.sub("{}", path).split("/") if part]
    return "/" + "/".join(parts)


def _python(page: Page) -> None:
    tree = parse_source(page.source).tree
    if tree is None:
        page.miss(0, "the file does not parse")
        return
    if b"urlpatterns" in page.source:
        _django(page, tree)
    owners = _Owners(page, tree)
    for node in nodes_in(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for decorator in node.decorator_list:
                if isinstance(decorator, ast.Call):
                    owners.decorated(decorator)
    for call in calls_in(tree):
        if isinstance(call.func, ast.Attribute) and call.func.attr in ("add_url_rule", "add_api_route", "add_route"):
            owners.take(call, call.func.value, ("GET",))


class _Owners:
    """The applications and routers of one Python file, with the prefixes that the file gives them."""

    def __init__(self, page: Page, tree: ast.Module) -> None:
        self._page = page
        self._prefixes: dict[str, str | None] = {}
        self._apps: dict[str, str] = {}
        self._told: set[str] = set()
        mounted: dict[str, str | None] = {}
        for call in calls_in(tree):
            if isinstance(call.func, ast.Attribute) and call.func.attr in ("include_router", "register_blueprint"):
                node = keyword_of(call, "prefix") or keyword_of(call, "url_prefix")
                if call.args:
                    mounted[dotted(call.args[0])] = text_of(node) if node is not None else ""
        for statement in nodes_in(tree):
            pair = assigned(statement) if isinstance(statement, ast.stmt) else None
            if pair is None or not isinstance(pair[1], ast.Call):
                continue
            what = dotted(pair[1].func).rpartition(".")[2]
            if what in _APPS:
                self._apps[pair[0]] = f"{page.path}:{pair[0]}"
            elif what in _ROUTERS:
                self._prefixes[pair[0]] = self._prefix(pair[1], what, mounted.get(pair[0]), pair[0] in mounted)

    def _prefix(self, call: ast.Call, what: str, mount: str | None, is_mounted: bool) -> str | None:
        own = keyword_of(call, "url_prefix" if what == "Blueprint" else "prefix")
        own_text = text_of(own)
        if own is not None and own_text is None:
            return None
        if what == "Blueprint":  # the prefix of the registration takes the place of its own
            return mount or own_text
        return (mount or "") + (own_text or "") if is_mounted and mount is not None else own_text

    def decorated(self, call: ast.Call) -> None:
        """A decorator that may give a route."""
        if not isinstance(call.func, ast.Attribute):
            return
        if call.func.attr in ("route", "api_route", "websocket"):
            self.take(call, call.func.value, ("GET",) if call.func.attr != "websocket" else ("WS",))
        elif call.func.attr in _VERBS:
            self.take(call, call.func.value, (call.func.attr.upper(),))

    def take(self, call: ast.Call, owner: ast.expr, methods: tuple[str, ...]) -> None:
        """A route of the owner, whatever it is."""
        name = dotted(owner)
        node = call.args[0] if call.args else keyword_of(call, "path") or keyword_of(call, "rule")
        path = text_of(node)
        if not name or node is None:
            return
        if path is None:
            self._page.miss(call.lineno, f"the route's path is computed: {compact(node)}")
            return
        if path and not path.startswith("/"):
            return
        given = keyword_of(call, "methods")
        found = texts_of(given) if given is not None else methods
        if found is None:
            self._page.miss(call.lineno, f"the route's methods are computed: {compact(call)}")
        for method in found or ():
            self._add(call.lineno, method.upper(), path, name)

    def _add(self, line: int, method: str, path: str, owner: str) -> None:
        if owner in self._apps or (owner not in self._prefixes and owner.rpartition(".")[2] in ("app", "application")):
            self._page.add(f"{method} {normal_path(path)}", AccessMode.DEFINE, line, value=self._apps.get(owner, ""))
            return
        prefix = self._prefixes.get(owner)
        if prefix is not None:
            self._page.add(f"{method} {normal_path(prefix + '/' + path)}", AccessMode.DEFINE, line)
            return
        _unmounted(self._page, line, f"{method} {normal_path(path)}", owner, self._told)


def _unmounted(page: Page, line: int, route: str, owner: str, told: set[str]) -> None:
    """A route of a router whose prefix the file does not tell: it meets others of the same router only."""
    if owner not in told:
        told.add(owner)
        page.miss(line, f"where {owner} is mounted is said elsewhere: its routes are compared within the file only")
    page.add(f"{route} on {page.path}:{owner}", AccessMode.DEFINE, line)


def _django(page: Page, tree: ast.Module) -> None:
    folder = page.path.rpartition("/")[0]
    is_root = f"{folder}/settings.py".lstrip("/") in page.tree.index.paths
    for call in calls_in(tree):
        if dotted(call.func).rpartition(".")[2] not in ("path", "re_path", "url") or len(call.args) < 2:
            continue
        view = call.args[1]
        if isinstance(view, ast.Call) and dotted(view.func).rpartition(".")[2] == "include":
            continue
        path = text_of(call.args[0])
        if path is None:
            page.miss(call.lineno, f"the route's path is computed: {compact(call.args[0])}")
            continue
        name = f"ANY {normal_path(path.removeprefix('^').removesuffix('$'))}"
        page.add(name if is_root else f"{name} on {page.path}", AccessMode.DEFINE, call.lineno)


def _express(page: Page) -> None:
    script = Script(page.text)
    created = {match[1]: match[3] for match in script.find(_CREATED)}
    mounts = {match[2]: match[1] for match in script.find(_MOUNTED)}
    told: set[str] = set()
    for match in script.find(_EXPRESS):
        line, owner = page.line_at(match.start()), match["owner"]
        if match["path"] is None:
            if owner in created and not match["computed"].startswith(("req", "async", "function")):
                page.miss(line, f"the route's path is computed: {match['computed']}")
            continue
        method = "ANY" if match["verb"] == "all" else match["verb"].upper()
        path = match["path"]
        if "${" in path:
            page.miss(line, f"the route's path is computed: {path}")
        elif created.get(owner, "") == "Router" or (owner not in created and owner.lower().endswith("router")):
            if owner in mounts:
                page.add(f"{method} {normal_path(mounts[owner] + '/' + path)}", AccessMode.DEFINE, line)
            else:
                _unmounted(page, line, f"{method} {normal_path(path)}", owner, told)
        else:
            value = f"{page.path}:{owner}" if owner in created else ""
            page.add(f"{method} {normal_path(path)}", AccessMode.DEFINE, line, value=value)


def _next(page: Page) -> None:
    found = _NEXT_APP.match(page.path)
    if found is not None:
        folders = [part for part in found["path"].split("/") if part and part[0] not in "(@"]
        route = normal_path("/".join(folders))
        if found["what"] == "page":
            page.add(f"GET {route}", AccessMode.DEFINE, 1, value=found["root"])
            return
        for match in Script(page.text).find(_NEXT_METHOD):
            page.add(f"{match[1]} {route}", AccessMode.DEFINE, page.line_at(match.start()), value=found["root"])
        return
    found = _NEXT_PAGES.match(page.path)
    if found is None or b"export default" not in page.source or found["path"].rpartition("/")[2].startswith("_"):
        return
    method = "ANY" if found["path"].startswith("api/") else "GET"
    route = normal_path(re.sub(r"(^|/)index$", "", found["path"]))
    page.add(f"{method} {route}", AccessMode.DEFINE, 1, value=found["root"])


EXTRACTOR = RouteExtractor()
