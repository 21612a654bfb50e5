"""Errors of production, from a server that answers as the published API does: pages, limits, refusals, silence."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from scouting import Tree
from watchkeeper.scouts.checks.production import ProductionErrors
from watchkeeper.scouts.config import Production, ScoutConfig

TOKEN = "sntrys_not-a-real-token"
Reply = tuple[int, object, dict[str, str]]


def error(number: int, **other: Any) -> dict[str, Any]:
    told = {
        "id": str(number), "title": f"TypeError: x is None ({number})", "culprit": "shop.views in order", "count": "7",
        "userCount": 2, "firstSeen": f"2026-11-2{number % 10}T10:00:00Z", "lastSeen": "2026-11-27T10:00:00Z",
        "level": "error", "permalink": f"https://sentry.example/issues/{number}/", "status": "unresolved",
        "metadata": {"filename": "shop/views.py", "function": "order", "type": "TypeError", "value": "x is None"},
    }  # fmt: skip
    return {**told, **other}


class Service:
    """Answers with what ``answer`` gives; ``asked`` has each request's method, path and body."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, bytes]] = []
        self.answer: Callable[[int, str], Reply] = lambda _number, _path: (200, [], {})
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer()

            def do_PUT(self) -> None:
                self._answer()

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                    code, told, headers = 401, {"detail": "Invalid token"}, {}
                else:
                    service.asked.append((self.command, self.path, body))
                    code, told, headers = service.answer(len(service.asked), self.path)
                content = told if isinstance(told, bytes) else json.dumps(told).encode()
                self.send_response(code)
                for name, value in {"Content-Length": str(len(content)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.02,))
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


@pytest.fixture
def tree(service: Service, tmp_path: Path) -> Tree:
    made = Tree(tmp_path, {"shop/views.py": "def order(): ...\n"})
    made.config = ScoutConfig(production=Production(service.url, "acme", "shop"))
    made.environ = {"SENTRY_AUTH_TOKEN": TOKEN}
    return made


class Slept(list[float]):
    """How long was waited."""


def check() -> tuple[ProductionErrors, Slept]:
    slept = Slept()
    return ProductionErrors(slept.append), slept


def test_all_pages_of_unresolved_errors_are_found_and_known_by_their_ids(service: Service, tree: Tree) -> None:
    def answer(number: int, path: str) -> Reply:
        more, here = str(number < 3).lower(), path.split("&cursor", maxsplit=1)[0]
        link = f'<{service.url}{here}&cursor={number}>; rel="next"; results="{more}"'
        return 200, [error(number)], {"Link": f'<x>; rel="previous"; results="false", {link}'}

    service.answer = answer
    found = tree.look(check()[0])

    assert found.is_whole
    assert [each.anchor for each in found.found] == ["1", "2", "3"]
    assert all("query=is%3Aunresolved" in path for _, path, _ in service.asked)
    (first, *_) = found.found
    assert (first.path, first.symbol) == ("shop/views.py", "order")


def test_none_is_clean_and_says_who_answered(tree: Tree) -> None:
    found = tree.look(check()[0])
    assert found.is_whole
    assert not found.found
    assert "0 unresolved errors" in found.checked.what


def test_what_one_hiccup_made_within_a_minute_is_one(service: Service, tree: Tree) -> None:
    down = {"type": "OperationalError", "filename": "", "function": "", "value": "connection refused"}
    burst = [error(n, firstSeen=f"2026-11-26T10:00:{n:02}Z", metadata=down, culprit=f"c{n}") for n in range(7)]
    later = error(9, firstSeen="2026-11-26T12:00:00Z", metadata=down)
    service.answer = lambda _number, _path: (200, [*burst, later, error(8)], {})

    found = tree.look(check()[0]).found

    assert sorted(len(each.anchor.split("+")) for each in found) == [1, 1, 7]


def test_the_title_may_drift(service: Service, tree: Tree) -> None:
    from watchkeeper.model.ids import ProjectId
    from watchkeeper.scouts.looking import Where, judge_look

    ids = []
    for title in ("TypeError: a", "TypeError: b, now with more"):
        service.answer = lambda _number, _path, title=title: (200, [error(1, title=title)], {})  # type: ignore[misc]
        look = judge_look("production", [tree.look(check()[0])], Where(ProjectId("p"), "c" * 40))  # type: ignore[arg-type]
        ids += [each.id for each in look.findings]
    assert len(set(ids)) == 1


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ((401, {}, {}), "refuses the token"),
        ((403, {}, {}), "refuses the token"),
        ((404, {}, {}), "answers 404"),
        ((500, {}, {}), "answers 500"),
        ((302, {}, {"Location": "http://evil.example/"}), "answers 302"),
        ((200, b"<html>", {}), "cannot be read"),
        ((200, {"detail": "no"}, {}), "cannot be read"),
        ((200, b"", {}), "cannot be read"),
        ((429, {}, {"Retry-After": "3600"}), "answers 429"),
        ((200, [], {"Link": '<http://evil.example/>; rel="next"; results="true"'}), "another service"),
    ],
)
def test_a_service_that_does_not_tell_is_never_clean_and_no_token_is_told(
    service: Service, tree: Tree, reply: Reply, said: str
) -> None:
    service.answer = lambda _number, _path: reply
    found = tree.look(check()[0])

    assert said in found.checked.reason
    assert TOKEN not in repr(found)


def test_it_waits_as_long_as_it_is_asked_to_and_asks_again(service: Service, tree: Tree) -> None:
    service.answer = lambda number, _path: (429, {}, {"Retry-After": "3"}) if number == 1 else (200, [error(1)], {})
    asking, slept = check()

    assert len(tree.look(asking).found) == 1
    assert slept == [3.0]


def test_nobody_there_and_no_token_and_no_service(service: Service, tree: Tree) -> None:
    tree.environ = {}
    assert "SENTRY_AUTH_TOKEN" in tree.look(check()[0]).checked.reason
    tree.environ = {"SENTRY_AUTH_TOKEN": TOKEN}
    tree.config = ScoutConfig(production=Production("http://127.0.0.1:1", "acme", "shop"))
    assert "does not answer" in tree.look(check()[0]).checked.reason
    tree.config = ScoutConfig()
    assert tree.look(check()[0]).absent


def test_what_is_mended_is_resolved_at_its_source(service: Service, tree: Tree) -> None:
    asking, _ = check()
    service.answer = lambda _number, _path: (200, {"status": "resolved"}, {})
    assert asking.resolve(tree.config.production, TOKEN, "12") == ""
    assert service.asked == [("PUT", "/api/0/organizations/acme/issues/12/", b'{"status":"resolved"}')]

    service.answer = lambda _number, _path: (403, {}, {})
    assert "refuses the token" in asking.resolve(tree.config.production, TOKEN, "12")
