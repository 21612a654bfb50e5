"""A project's dev server is shown by name, under an origin of its own, and learns and reaches nothing of ours."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx2 as httpx
import pytest

from accessworld import Served, served
from watchkeeper.controlroom.judging import Role
from watchkeeper.fleet.config import WebSection
from watchkeeper.web.devserver import find_named, pass_answer, pass_request


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class DevServer:
    """What agents may have written: says what it was asked, and tries to reach further."""

    ANSWER = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nSet-Cookie: watchkeeper_session=evil; Path=/\r\n"
        b"Set-Cookie: __Host-watchkeeper=evil\r\nSet-Cookie: app=1; Domain=localhost; Path=/\r\n"
        b'Clear-Site-Data: "cookies"\r\nStrict-Transport-Security: max-age=9\r\n'
        b"Cross-Origin-Opener-Policy: unsafe-none\r\n"
        b"Location: http://localhost:PORT/next\r\n"
    )

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.socket.getsockname()[1])
        self.asked: list[bytes] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(10)
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        asked = b""
        while b"\r\n\r\n" not in asked:
            asked += connection.recv(65536)
        head, _, body = asked.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        while length and len(body) < int(length[1]):
            body += connection.recv(65536)
        self.asked.append(head + b"\r\n\r\n" + body)
        if b"upgrade: websocket" in head:
            connection.sendall(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhello"
            )
            while data := connection.recv(65536):
                connection.sendall(data.upper())
            return
        said = body or b"<p>dev</p>"
        sent = self.ANSWER.replace(b"PORT", str(self.port).encode())
        connection.sendall(sent + b"Content-Length: %d\r\n\r\n" % len(said) + said)

    def close(self) -> None:
        if self.socket.fileno() < 0:
            return
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self._thread.join(10)


class Place(NamedTuple):
    room: Served
    dev: DevServer
    port: int

    @property
    def host(self) -> str:
        return f"shop.localhost:{self.port}"

    def client(self) -> httpx.Client:
        """A browser that has `shop.localhost` for this machine."""
        return httpx.Client(base_url=f"http://127.0.0.1:{self.port}", headers={"host": self.host}, timeout=20)

    def enter(self, path: str = "/proxy/shop/") -> str:
        """The address that the control room leads to."""
        with self.room.logged_in() as client:
            answer = client.get(path)
            assert answer.status_code == 303, answer.text
            return str(answer.headers["location"])

    @contextlib.contextmanager
    def entered(self) -> Iterator[httpx.Client]:
        with self.client() as client:
            answer = client.get(self.enter().removeprefix(f"http://{self.host}"))
            assert answer.status_code == 303, answer.text
            given = re.match(r"watchkeeper_dev=([^;]+)", answer.headers["set-cookie"])
            assert given is not None
            client.headers["cookie"] = f"watchkeeper_dev={given[1]}"
            yield client


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    dev, port = DevServer(), free_port()
    ports = {"shop": dev.port, "desk": free_port()}
    try:
        with served(tmp_path, web=WebSection(dev_listen=f"127.0.0.1:{port}"), ports=ports) as room:
            yield Place(room, dev, port)
    finally:
        dev.close()


def test_a_dev_server_is_seen_by_its_name(place: Place) -> None:
    leads = place.enter("/proxy/shop/admin?a=1")
    assert leads.startswith(f"http://{place.host}/.watchkeeper/enter?ticket=")
    assert leads.endswith("&to=%2Fadmin%3Fa%3D1")
    with place.entered() as client:
        answer = client.get("/admin?a=1")
        sent = client.post("/form", content=b"x" * 70_000, headers={"origin": f"http://{place.host}"})

    assert (answer.status_code, answer.text) == (200, "<p>dev</p>")
    assert sent.content == b"x" * 70_000
    assert place.dev.asked[0].startswith(b"GET /admin?a=1 HTTP/1.1\r\nhost: localhost:")
    assert ("open-dev-server", "operator", "shop") in {(each.what, each.who, each.on) for each in place.room.acts()}


def test_it_is_told_nothing_of_who_looks(place: Place) -> None:
    token = place.room.tokens[Role.OPERATOR]
    with place.entered() as client:
        cookie = client.headers["cookie"] + "; watchkeeper_session=SECRET; __Host-watchkeeper=SECRET; app=1"
        more = {"tailscale-user-login": "SECRET", "x-forwarded-for": "SECRET", "x-csrf-token": "SECRET"}
        client.get("/", headers={"cookie": cookie, "authorization": f"Bearer {token}", **more})
        client.get("/", headers={"authorization": "Bearer of-the-app"})

    assert b"SECRET" not in place.dev.asked[0]
    assert b"wk_t_" not in place.dev.asked[0]
    assert b"watchkeeper" not in place.dev.asked[0]
    assert b"cookie: app=1\r\n" in place.dev.asked[0]
    assert b"authorization: Bearer of-the-app" in place.dev.asked[1]


def test_its_answer_reaches_no_cookie_and_no_window_of_ours(place: Place) -> None:
    with place.entered() as client:
        answer = client.get("/")

    assert answer.headers.get_list("set-cookie") == ["app=1; Path=/"]
    assert not {"clear-site-data", "strict-transport-security"} & set(answer.headers)
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["location"] == "/next"


def test_its_pages_cannot_act_in_the_control_room(place: Place) -> None:
    """They are of another origin; on another port of the same host they would at most be of the same site."""
    with place.room.logged_in() as client:
        csrf = place.room.csrf(client)
        for origin in (f"http://{place.host}", f"http://127.0.0.1:{place.port}"):
            for site in ("same-site", "cross-site"):
                headers = {"origin": origin, "sec-fetch-site": site}
                assert client.post("/act", data={"csrf": csrf}, headers=headers).status_code == 403
        assert "access-control-allow-origin" not in client.get("/", headers={"origin": f"http://{place.host}"}).headers


def test_a_ticket_is_good_once_and_for_its_project(place: Place) -> None:
    leads = place.enter().removeprefix(f"http://{place.host}")
    with place.client() as client:
        assert client.get(leads, headers={"host": f"desk.localhost:{place.port}"}).status_code == 401
        assert client.get(leads).status_code == 401  # it was given away already
        again = place.enter().removeprefix(f"http://{place.host}")
        assert client.get(again).status_code == 303
        assert client.get(again).status_code == 401
        assert client.get("/.watchkeeper/enter?ticket=x").status_code == 401
        away = place.enter().removeprefix(f"http://{place.host}").partition("&to=")[0] + "&to=//evil.example"
        assert client.get(away).headers["location"] == "/"


def test_without_a_ticket_there_is_nothing_and_with_the_login_it_ends(place: Place) -> None:
    with place.client() as client:
        assert client.get("/").status_code == 401
        assert client.get("/", headers={"cookie": "watchkeeper_dev=made-up"}).status_code == 401
    with place.entered() as client:
        assert client.get("/").status_code == 200
        assert client.get("/", headers={"host": f"desk.localhost:{place.port}"}).status_code == 401
        for host in ("evil.example", f"127.0.0.1:{place.port}", "shop.localhost"):
            assert client.get("/", headers={"host": host}).status_code == 421
        place.room.access.identities.tokens.revoke("operator")
        assert client.get("/").status_code == 401
    assert len(place.dev.asked) == 1


def test_another_page_does_not_speak_to_it_through_us(place: Place) -> None:
    evil = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    with place.entered() as client:
        assert client.post("/", headers=evil).status_code == 403
        assert client.post("/").status_code == 403
        assert client.get("/", headers=evil).status_code == 403
        assert client.get("/", headers={"sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors"}).status_code == 403
        going = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
        assert client.get("/", headers=going).status_code == 200
        framed = going | {"sec-fetch-dest": "iframe"}
        assert client.get("/", headers=framed).status_code == 403


def test_who_may_only_look_opens_none_nor_does_anybody_one_that_is_not_there(place: Place) -> None:
    with place.room.logged_in(Role.VIEWER) as viewer:
        assert viewer.get("/proxy/shop/").status_code == 403
    with place.room.logged_in() as client:
        assert client.get("/proxy/nothing/").status_code == 400
        for way in (
            "/proxy/shop/..%2f..%2fetc/passwd",
            "/proxy/..%2fshop/",
            "/proxy/127.0.0.1:22/",
            "/proxy/shop/%5c%5cevil",
        ):
            assert client.get(way).status_code in {400, 404}, way


def test_a_server_that_is_not_running_is_said(place: Place) -> None:
    place.dev.close()
    with place.entered() as client:
        answer = client.get("/")

    assert answer.status_code == 502
    assert "is it running?" in answer.text


def test_a_websocket_goes_both_ways_for_pages_of_its_own_origin_alone(place: Place) -> None:
    def open_socket(origin: str) -> bytes:
        head = f"GET /hmr HTTP/1.1\r\nHost: {place.host}\r\nOrigin: {origin}\r\nCookie: {cookie}\r\n"
        head += "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n"
        with socket.create_connection(("127.0.0.1", place.port), timeout=20) as connection:
            connection.sendall(head.encode())
            answer = b""
            while b"hello" not in answer and (part := connection.recv(65536)):
                answer += part
            if b" 101 " not in answer:
                return answer
            connection.sendall(b"ping")
            while b"PING" not in answer and (part := connection.recv(65536)):
                answer += part
            return answer

    with place.entered() as client:
        cookie = client.headers["cookie"]
    own, foreign = open_socket(f"http://{place.host}"), open_socket("https://evil.example")

    assert own.startswith(b"HTTP/1.1 101 ")
    assert own.endswith(b"helloPING")
    assert foreign.startswith(b"HTTP/1.1 403 ")
    assert b"watchkeeper" not in place.dev.asked[0]


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: HOST\r\nHost: HOST\r\n\r\n",
        b"GET http://169.254.169.254/ HTTP/1.1\r\nHost: HOST\r\n\r\n",
        b"CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: HOST\r\n\r\n",
        b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: HOST\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: HOST\r\nX: " + b"a" * 40_000 + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_what_is_no_request_reaches_no_server(place: Place, request_bytes: bytes) -> None:
    with socket.create_connection(("127.0.0.1", place.port), timeout=20) as connection:
        connection.sendall(request_bytes.replace(b"HOST", place.host.encode()))
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        with contextlib.suppress(ConnectionError):
            while part := connection.recv(65536):
                answer += part

    assert answer == b"" or answer.split(b" ")[1] in {b"400", b"401", b"403", b"421"}
    assert place.dev.asked == []


def test_headers_are_passed_by_value() -> None:
    kept = dict(pass_request([(b"Cookie", b"watchkeeper_dev=1"), (b"X-A", b"1"), (b"Connection", b"x")], 5173))
    assert kept == {b"host": b"localhost:5173", b"x-a": b"1"}
    named = pass_answer([(b"Set-Cookie", b"watchkeeper=1"), (b"Location", b"http://127.0.0.1:5173")], 5173)
    assert (b"location", b"/") in named
    assert b"set-cookie" not in dict(named) or dict(named)[b"set-cookie"] == b"watchkeeper=1"


def test_names_are_found_in_hosts() -> None:
    pattern = "http://{name}.localhost:7334"
    assert find_named("http://Shop.localhost:7334", pattern, ("desk", "shop")) == "shop"
    assert find_named("http://shop.localhost:7335", pattern, ("shop",)) is None
    assert find_named("http://evil.shop.localhost:7334", pattern, ("shop",)) is None
    assert find_named("http://box:7334", "http://box:7334", ("shop",)) is None
