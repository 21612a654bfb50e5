"""What a stranger, a hostile page, and a program on the same machine try at the door; each is refused."""

from __future__ import annotations

import logging
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2 as httpx
import pytest
from starlette.routing import BaseRoute, Mount, Route

from accessworld import Served, served
from watchkeeper.controlroom.judging import Role
from watchkeeper.fleet.config import WebSection
from watchkeeper.web.access import guard, serving
from watchkeeper.web.access.answers import HEADERS
from watchkeeper.web.access.guard import PUBLIC_FOLDERS, PUBLIC_PATHS, Guard
from watchkeeper.web.access.limits import Rate

NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a program of another user")


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(guard, "STRANGERS", Rate(1_000_000, 60))  # all of these tests are one client
        with served(tmp_path_factory.mktemp("attacks")) as running:
            yield running


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Served]:
    """One whose counters nobody has touched."""
    with served(tmp_path) as running:
        yield running


def ask(room: Served, request: bytes) -> bytes:
    """Send bytes as they are, and give all that comes back."""
    host, port = room.host.split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(request)
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


def raw(room: Served, target: str, *headers: str, method: str = "GET", body: bytes = b"") -> bytes:
    lines = [f"{method} {target} HTTP/1.1", f"Host: {room.host}", "Connection: close", *headers]
    return ask(room, "\r\n".join([*lines, "", ""]).encode("latin-1") + body)


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def routes_of(routes: list[BaseRoute], prefix: str = "") -> Iterator[tuple[str, set[str]]]:
    """Every path that the app answers, with its methods; placeholders are filled."""
    for each in routes:
        if isinstance(each, Mount):
            yield from routes_of(list(each.routes or []), prefix + each.path)
            yield f"{prefix}{each.path}/anything", {"GET"}
        elif isinstance(each, Route):
            yield prefix + re.sub(r"\{[^}]*\}", "x", each.path), set(each.methods or {"GET", "POST", "PUT", "DELETE"})


# -- nobody ------------------------------------------------------------------------------------------------------------


def test_every_route_refuses_strangers_but_the_login(room: Served) -> None:
    answered = set()
    with room.client(headers={"origin": room.url, "accept": "text/html"}) as client:
        for path, methods in routes_of(room.app.routes):
            for method in methods:
                answer = client.request(method, path)
                to_login = answer.headers.get("location", "").startswith("/login?next=")
                if not (answer.status_code == 401 or (answer.status_code == 303 and to_login)):
                    answered.add(path)

    assert answered <= {*PUBLIC_PATHS, *(f"{each}anything" for each in PUBLIC_FOLDERS)}
    assert "/login" in answered


def test_the_guard_stands_before_everything_that_is_the_apps_own(room: Served) -> None:
    assert room.app.user_middleware[0].cls is Guard


@pytest.mark.parametrize("given", ["", "x", "wk_t_" + "0" * 12 + "_" + "A" * 43, "\udcff", "A" * 5000])
def test_a_wrong_token_lets_nobody_in(fresh: Served, given: str) -> None:
    raw_given = given.encode("utf-8", "replace").decode()
    with fresh.client(headers={"origin": fresh.url}) as client:
        assert client.post("/login", data={"token": raw_given}).status_code == 401
        assert "set-cookie" not in client.post("/login", data={"token": raw_given}).headers
    bearer = raw_given.encode("ascii", "replace").decode() or "-"
    with fresh.client(headers={"authorization": f"Bearer {bearer}"}) as program:
        assert program.get("/api/v1/fleet").status_code == 401


def test_a_token_is_no_login_for_pages_and_a_cookie_that_was_made_up_is_none(room: Served) -> None:
    with room.program() as client:
        assert client.get("/").status_code == 303
    with room.client(cookies={"watchkeeper_session": "A" * 43}) as client:
        assert client.get("/").status_code == 303


def test_after_some_wrong_tokens_the_right_one_is_not_heard_either_for_a_while(fresh: Served) -> None:
    with fresh.client(headers={"origin": fresh.url}) as client:
        found = [client.post("/login", data={"token": "no"}).status_code for _ in range(12)]
        right = client.post(
            "/login", data={"token": fresh.tokens[Role.OPERATOR]}, headers={"x-forwarded-for": "9.9.9.9"}
        )

    assert found == [401] * 10 + [429] * 2
    assert right.status_code == 429
    assert int(right.headers["retry-after"]) > 0
    assert len([each for each in fresh.acts() if each.what == "login" and not each.allowed]) == 10


def test_a_stranger_cannot_ask_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "STRANGERS", Rate(5, 0.001))
    with served(tmp_path) as room, room.client() as client:
        found = [client.get("/") for _ in range(7)]

    assert [each.status_code for each in found] == [303] * 5 + [429] * 2
    assert int(found[-1].headers["retry-after"]) > 60


# -- other people's pages ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "form", "slug"),
    [
        ({}, {}, "web-wrong-csrf"),
        ({}, {"csrf": "0" * 64}, "web-wrong-csrf"),
        ({}, {"csrf": "RIGHT", "more": "x" * 10}, None),
        ({"origin": "https://evil.example"}, {"csrf": "RIGHT"}, "web-wrong-origin"),
        ({"origin": "null"}, {"csrf": "RIGHT"}, "web-wrong-origin"),
        ({"sec-fetch-site": "cross-site"}, {"csrf": "RIGHT"}, "web-wrong-origin"),
        ({"sec-fetch-site": "same-site"}, {"csrf": "RIGHT"}, "web-wrong-origin"),
        ({"content-type": "text/plain"}, {"csrf": "RIGHT"}, "web-wrong-csrf"),
    ],
)
def test_only_a_page_of_ours_acts(
    room: Served, headers: dict[str, str], form: dict[str, str], slug: str | None
) -> None:
    with room.logged_in() as client:
        right = room.csrf(client)
        sent = {key: right if value == "RIGHT" else value for key, value in form.items()}
        answer = client.post("/act", data=sent, headers=headers)

    assert answer.status_code == (403 if slug else 200)
    assert slug is None or slug in answer.text


def test_the_token_of_another_login_does_not_act_nor_one_that_stands_twice(room: Served) -> None:
    with room.logged_in() as mine, room.logged_in() as other:
        foreign, own = room.csrf(other), room.csrf(mine)
        assert mine.post("/act", data={"csrf": foreign}).status_code == 403
        twice = f"csrf={own}&csrf={own}".encode()
        kind = {"content-type": "application/x-www-form-urlencoded"}
        assert mine.post("/act", content=twice, headers=kind).status_code == 403
        assert mine.post("/act", headers={"x-csrf-token": own}).status_code == 200


def test_the_api_does_not_act_for_a_cookie_alone(room: Served) -> None:
    body = {"fingerprint": "ab" * 32}
    with room.logged_in() as client:
        assert client.post("/api/v1/matters/acknowledge", json=body).status_code == 403
        right = {"x-csrf-token": room.csrf(client)}
        assert client.post("/api/v1/matters/acknowledge", json=body, headers=right).status_code == 200
        evil = right | {"origin": "http://evil.example"}
        assert client.post("/api/v1/matters/acknowledge", json=body, headers=evil).status_code == 403


@pytest.mark.parametrize("origin", ["https://evil.example", "null", None])
def test_another_page_cannot_log_somebody_in(room: Served, origin: str | None) -> None:
    with room.client(headers={"origin": origin} if origin else {}) as client:
        answer = client.post("/login", data={"token": room.tokens[Role.OPERATOR]})

    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_a_link_in_a_message_leads_through_a_page_of_ours_and_then_to_the_login(room: Served) -> None:
    came = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "accept": "text/html"}
    with room.client(headers=came) as client:
        first = client.get("/conflicts/c-1?a=%22%3E%3Cscript%3E&b='")
    with room.client(headers=came | {"sec-fetch-site": "same-origin"}) as client:
        second = client.get("/conflicts/c-1")

    assert first.status_code == 200
    assert '<meta http-equiv="refresh" content="0; url=/conflicts/c-1?a=%22%3E%3Cscript%3E&amp;b=%27">' in first.text
    assert "<script" not in first.text
    assert second.headers["location"] == "/login?next=/conflicts/c-1"


def test_a_page_cannot_be_framed_and_runs_nothing_of_others_whatever_the_answer(room: Served) -> None:
    with room.logged_in() as client:
        answers = [client.get("/"), client.get("/nowhere"), client.get("/fail"), client.get("/login")]
        answers += [client.post("/act"), client.get("/api/v1/fleet"), client.get("/api/v1/nowhere")]
        answers += [client.get("/", headers={"host": "evil.example"}), client.request("TRACE", "/")]
    with room.client() as stranger:
        answers += [stranger.get("/"), stranger.get("/login"), stranger.get("/api/v1/fleet")]

    assert {each.status_code for each in answers} == {200, 303, 401, 403, 404, 405, 421, 500}
    for answer in answers:
        for name, value in HEADERS.items():
            assert answer.headers.get_list(name.decode()) == [value.decode()], answer.url
        assert answer.headers["cache-control"] == "no-store"
    policy = HEADERS[b"content-security-policy"].decode()
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


@pytest.mark.parametrize(
    "wanted",
    ["https://evil.example", "//evil.example", "/\\evil.example", "\\\\evil", "/%0d%0aSet-Cookie:x=1",
     "javascript:alert(1)", "/\tevil", "http:evil", "///evil.example", " /x", "/login?next=/login", "/é",
     "/x\r\nLocation: https://evil"],
)  # fmt: skip
def test_the_login_leads_to_pages_of_ours_alone(room: Served, wanted: str) -> None:
    with room.client(headers={"origin": room.url}) as client:
        form = client.get("/login", params={"next": wanted})
        answer = client.post("/login", data={"token": room.tokens[Role.OPERATOR], "next": wanted})

    leads = urlsplit(answer.headers["location"])
    assert answer.status_code == 303
    assert (leads.scheme, leads.netloc) == ("", "")
    assert re.match(r"/(?![/\\])", answer.headers["location"])
    field = re.search(r'name="next" value="([^"]*)"', form.text)
    assert field is not None
    assert re.match(r"/(?![/\\])", field[1])


def test_what_is_asked_comes_back_as_text(room: Served) -> None:
    payload = "/x?\"><img src=x onerror=alert(1)>'"
    with room.client(headers={"origin": room.url}) as client:
        pages = [client.get("/login", params={"next": payload}).text, client.get(f"/{payload}").text]
        pages += [client.post("/login", data={"token": payload, "next": payload}).text]

    assert all("<img" not in page for page in pages)


# -- logins ------------------------------------------------------------------------------------------------------------


def test_an_id_that_somebody_planted_is_worth_nothing_after_the_login(room: Served) -> None:
    with room.client(headers={"origin": room.url}, cookies={"watchkeeper_session": "planted"}) as client:
        answer = client.post("/login", data={"token": room.tokens[Role.OPERATOR]})
    given = re.search(r"watchkeeper_session=([^;]+);(.*)", answer.headers["set-cookie"])

    assert given is not None
    assert given[1] != "planted"
    assert {"httponly", "samesite=strict", "path=/"} <= {each.strip().lower() for each in given[2].split(";")}
    with room.client(cookies={"watchkeeper_session": "planted"}) as client:
        assert client.get("/").status_code == 303


def test_a_login_ends_the_one_before_in_the_same_browser_and_the_logout_ends_it_for_all(room: Served) -> None:
    with room.logged_in() as client:
        before = next(each.value for each in client.cookies.jar)
        client.post("/login", data={"token": room.tokens[Role.VIEWER]})
        after = next(each.value for each in client.cookies.jar)
        assert before != after
        csrf = room.csrf(client)
        assert client.post("/logout", data={"csrf": "0" * 64}).status_code == 403
        assert client.post("/logout", data={"csrf": csrf}).status_code == 303
    for each in (before, after):
        with room.client(cookies={"watchkeeper_session": str(each)}) as client:
            assert client.get("/").status_code == 303


def test_a_second_cookie_of_another_port_does_not_lock_out(room: Served) -> None:
    with room.logged_in() as client:
        own = next(each.value for each in client.cookies.jar)
    tossed = raw(room, "/", f"Cookie: watchkeeper_session=junk; watchkeeper_session={own}", "Accept: text/html")

    assert status(tossed) == 200


def test_revoking_a_token_ends_its_logins_at_once(fresh: Served) -> None:
    with fresh.logged_in() as client:
        assert client.get("/").status_code == 200
        fresh.access.identities.tokens.revoke("operator")
        assert client.get("/").status_code == 303
    with fresh.program() as program:
        assert program.get("/api/v1/fleet").status_code == 401


def test_a_viewer_looks_and_cannot_act_whatever_a_route_forgets(room: Served) -> None:
    with room.logged_in(Role.VIEWER) as client:
        assert client.get("/").status_code == 200
        answer = client.post("/act", data={"csrf": room.csrf(client)})

    assert answer.status_code == 403
    assert "not-allowed" in answer.text
    assert any(each.who == "viewer" and each.on == "POST /act" and not each.allowed for each in room.acts())


# -- forms, sizes, times -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", ["/static", "/api/v1/projects", "/log", "/proxy"])
@pytest.mark.parametrize(
    "way",
    ["../../../../etc/passwd", "%2e%2e/%2e%2e/etc/passwd", "..%2f..%2fetc%2fpasswd", "..%5c..%5cetc%5cpasswd",
     "....//....//etc/passwd", "%2fetc%2fpasswd", "/etc/passwd", "..;/etc/passwd", "x%00.css",
     "%252e%252e/etc/passwd"],
)  # fmt: skip
def test_no_path_leads_out(room: Served, folder: str, way: str) -> None:
    with room.logged_in() as client:
        own = next(each.value for each in client.cookies.jar)
    answer = raw(room, f"{folder}/{way}", f"Cookie: watchkeeper_session={own}")

    assert status(answer) in {400, 404}
    assert b"root:" not in answer


@pytest.mark.parametrize(
    ("target", "headers", "body", "expected"),
    [
        ("/" + "a" * 3_000, (), b"", {414}),
        ("/?" + "a" * 9_000, (), b"", {414}),
        ("/", ("X-Long: " + "a" * 30_000,), b"", {431}),
        ("/", tuple(f"X-{number}: a" for number in range(80)), b"", {431}),
        ("/", ("X-Long: " + "a" * 100_000,), b"", {400, 431}),
        ("/login", ("Content-Length: 300000",), b"", {413}),
        ("/login", ("Content-Length: 99999999999999999999",), b"", {413, 400}),
        ("/login", ("Content-Length: -1",), b"", {400}),
        ("/login", ("Content-Length: 5", "Content-Length: 6"), b"abcdef", {400}),
    ],
    ids=["path", "query", "header", "headers", "head", "length", "longest", "negative", "twice"],
)
def test_what_is_too_large_is_refused(
    room: Served, target: str, headers: tuple[str, ...], body: bytes, expected: set[int]
) -> None:
    answer = raw(room, target, *headers, method="POST" if target == "/login" else "GET", body=body)

    assert status(answer) in expected


def test_a_body_that_does_not_say_its_length_is_bounded_too(room: Served) -> None:
    chunk = b"10000\r\n" + b"a" * 0x10000 + b"\r\n"
    origin = (f"Origin: {room.url}", "Transfer-Encoding: chunked")
    try:
        answer = raw(room, "/login", *origin, method="POST", body=chunk * 6 + b"0\r\n\r\n")
    except ConnectionError:  # it was closed while we still sent
        return
    assert status(answer) == 413


def test_a_form_with_thousands_of_fields_is_refused(room: Served) -> None:
    with room.logged_in() as client:
        kind = {"content-type": "application/x-www-form-urlencoded"}
        content = b"&".join(b"a=1" for _ in range(5_000)) + f"&csrf={room.csrf(client)}".encode()
        assert client.post("/act", content=content, headers=kind).status_code == 403


def test_who_does_not_finish_his_head_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving.PatientProtocol, "head_s", 0.3)
    with served(tmp_path) as room:
        assert ask(room, b"GET / HTTP/1.1\r\nHost: ") == b""
        assert ask(room, b"") == b""
        whole = f"GET /login HTTP/1.1\r\nHost: {room.host}\r\n\r\nGET / HT".encode()
        assert status(ask(room, whole)) == 200  # and then the second one is given up


def test_who_does_not_finish_his_body_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "BODY_S", 0.3)
    with served(tmp_path) as room:
        answer = raw(room, "/login", f"Origin: {room.url}", "Content-Length: 10", method="POST", body=b"abc")

    assert status(answer) == 408


@pytest.mark.parametrize("method", ["TRACE", "OPTIONS", "CONNECT", "PROPFIND", "get", "XPOST"])
def test_a_method_that_nobody_needs_is_refused(room: Served, method: str) -> None:
    assert status(raw(room, "/", method=method)) in {400, 405}


@pytest.mark.parametrize("name", ["X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"])
def test_a_look_stays_a_look_whatever_it_says_of_its_method(room: Served, name: str) -> None:
    with room.logged_in() as client:
        assert client.get("/act", headers={name: "POST"}).status_code == 405
        assert client.get("/act?_method=POST").status_code == 405


def test_a_name_cannot_become_a_header(room: Served) -> None:
    with room.logged_in() as client:
        answer = client.get("/split", params={"name": "a\r\nSet-Cookie: x=1\r\n\r\n<script>"})

    assert "set-cookie" not in answer.headers
    assert answer.headers["x-name"] == "aSet-Cookie: x=1<script>"


def test_a_websocket_is_not_opened(room: Served) -> None:
    key = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==")
    answer = raw(room, "/", *key, "Sec-WebSocket-Version: 13")

    assert status(answer) in {303, 400, 401}


# -- who it says it is -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:PORT", "127.0.0.1", "localhost:1", "", "127.0.0.1:PORT@evil"]
)
def test_a_name_that_is_not_ours_is_not_answered(room: Served, host: str) -> None:
    """A page whose own name leads to this machine is of the same origin as we are, if we answer to its name."""
    name = host.replace("PORT", room.host.split(":")[1])
    answer = ask(room, f"GET /login HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())

    assert status(answer) in {400, 421}
    assert b"token" not in answer.split(b"\r\n\r\n", 1)[1]


def test_other_headers_that_name_a_host_change_nothing(room: Served) -> None:
    said = {"x-forwarded-host": "evil.example", "x-forwarded-proto": "https", "forwarded": "host=evil.example"}
    with room.client(headers=said) as client:
        answer = client.get("/x")

    assert answer.headers["location"] == "/login?next=/x"


def test_two_hosts_are_no_host(room: Served) -> None:
    assert status(raw(room, "/login", "Host: evil.example")) == 400


IDENTITY = {"tailscale-user-login": "ada@example.org", "accept": "text/html"}


def test_an_identity_that_nobody_asked_for_is_dropped_and_recorded_once(fresh: Served) -> None:
    with fresh.client(headers=IDENTITY) as client:
        assert [client.get("/").status_code for _ in range(5)] == [303] * 5

    tried = [each for each in fresh.acts() if each.what == "identity"]
    assert [(each.who, each.allowed) for each in tried] == [("ada@example.org", False)]


def trusting(**more: Any) -> WebSection:
    return WebSection(trusted_proxy="127.0.0.1", operators=("ada@example.org",), **more)


def own_name() -> str:
    import pwd

    return pwd.getpwuid(os.geteuid()).pw_name


def test_an_identity_of_the_proxy_is_believed_and_its_form_has_a_token(tmp_path: Path) -> None:
    with served(tmp_path, web=trusting(proxy_user=own_name(), viewers=("*",))) as room:
        more = {"origin": room.url, "sec-fetch-site": "same-origin"}
        with room.client(headers=IDENTITY | more) as client:
            page = client.get("/")
            csrf = re.search(r"value=([0-9a-f]{64})", page.text)
            assert csrf is not None
            assert "ada@example.org" in page.text
            assert client.post("/act").status_code == 403
            assert client.post("/act", data={"csrf": csrf[1]}).status_code == 200
            other = {"tailscale-user-login": "bob@example.org"}
            assert "bob@example.org" in client.get("/", headers=other).text
            assert client.post("/act", data={"csrf": csrf[1]}, headers=other).status_code == 403
        for wrong in ("", "ada@example.org,bob@example.org"):
            answer = raw(room, "/", f"Tailscale-User-Login: {wrong}", "Accept: text/html")
            assert b"ada@example.org</p>" not in answer
        both = raw(room, "/", "Tailscale-User-Login: bob@x", "Tailscale-User-Login: ada@example.org")
        assert status(both) == 403


def test_an_identity_that_is_not_in_the_file_comes_in_by_token_alone(tmp_path: Path) -> None:
    with served(tmp_path, web=trusting(proxy_user=own_name())) as room:
        with room.client(headers=IDENTITY | {"tailscale-user-login": "eve@example.org"}) as client:
            assert client.get("/").status_code == 403
            assert client.get("/login").status_code == 200
        assert any(each.who == "eve@example.org" and not each.allowed for each in room.acts())


def test_an_identity_from_elsewhere_than_the_proxy_is_refused_and_recorded(tmp_path: Path) -> None:
    with served(tmp_path, web=WebSection(trusted_proxy="100.100.100.100", operators=("ada@example.org",))) as room:
        with room.client(headers=IDENTITY) as client:
            answer = client.get("/")
        assert answer.status_code == 403
        assert "web-wrong-identity" in answer.text
        assert any(each.what == "refused" and "web-wrong-identity" in each.detail for each in room.acts())


def test_an_identity_from_another_users_program_at_the_same_address_is_refused(tmp_path: Path) -> None:
    """An agent on this machine reaches loopback as the proxy does, and can write any header."""
    other = "nobody" if own_name() != "nobody" else "root"
    with served(tmp_path, web=trusting(proxy_user=other)) as room, room.client(headers=IDENTITY) as client:
        assert client.get("/").status_code == 403


@NEEDS_ROOT
def test_a_program_of_another_user_cannot_say_that_it_is_the_proxy_not_even_when_it_hangs_up(tmp_path: Path) -> None:
    script = """
import encodings.idna, os, socket, sys
os.setgid(65534); os.setuid(65534)
for hangs_up in (False, True):
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    s.sendall(b"GET / HTTP/1.1\\r\\nHost: 127.0.0.1:" + sys.argv[1].encode() + b"\\r\\nConnection: close\\r\\n"
              b"Accept: text/html\\r\\nTailscale-User-Login: ada@example.org\\r\\n\\r\\n")
    if hangs_up: s.shutdown(socket.SHUT_WR)
    print((s.recv(4096) or b"- nothing").split(b" ")[1].decode())
"""
    with served(tmp_path, web=trusting(proxy_user="root")) as room:
        port = room.host.split(":")[1]
        said = subprocess.run(
            [sys.executable, "-c", script, port], capture_output=True, text=True, timeout=60, check=True
        )
        with room.client(headers=IDENTITY) as client:
            assert client.get("/").status_code == 200  # it is root's, as we are

    assert said.stdout.split()[0] == "403"
    assert said.stdout.split()[1] in {"403", "nothing"}


# -- what is kept and said --------------------------------------------------------------------------------------------


def test_no_token_and_no_login_is_in_files_logs_record_or_pages(
    fresh: Served, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    token = fresh.tokens[Role.OPERATOR]
    secret = token.rpartition("_")[2] if token.count("_") == 3 else token[18:]
    with fresh.logged_in() as client:
        session = str(next(each.value for each in client.cookies.jar))
        pages = [client.get(f"/fail?token={token}"), client.get(f"/{token}"), client.get("/"), client.post("/act")]
        pages += [client.post("/login", data={"token": token[:-1]}), client.get(f"/login?next=/{token}")]
    with fresh.program() as program:
        pages += [program.get("/api/v1/fleet"), program.get(f"/api/v1/{token}")]
    kept = b"".join(path.read_bytes() for path in fresh.home.rglob("*") if path.is_file())
    ours = [each.getMessage() for each in caplog.records if not each.name.startswith(("httpx", "httpcore"))]
    told = "".join(ours) + "".join(capfd.readouterr()) + "".join(str(each) for each in fresh.log.read(None))

    assert pages[0].status_code == 500
    assert "RuntimeError" in told
    assert len(secret) > 20
    for hidden in (secret, session, "correcthorse"):
        assert hidden.encode() not in kept
        assert hidden not in told
        assert all(hidden not in page.text for page in pages[:-3] + pages[-2:])


def test_what_is_kept_is_its_users_alone(room: Served) -> None:
    with room.logged_in():
        kept = {path.name: path.stat().st_mode & 0o777 for path in (room.home / "web").iterdir()}

    assert kept["tokens.json"] == kept["sessions.json"] == 0o600
    assert (room.home / "web").stat().st_mode & 0o077 == 0


def test_a_fault_tells_nobody_its_words(room: Served, caplog: pytest.LogCaptureFixture) -> None:
    with room.logged_in() as client:
        answer = client.get("/fail")

    assert answer.status_code == 500
    assert "web-failed" in answer.text
    assert "correcthorse" not in answer.text + caplog.text
    assert "accessworld.py, line" in caplog.text


def test_refusals_that_are_recorded_are_bounded(fresh: Served) -> None:
    with fresh.client(headers={"host": "evil.example"}) as client:
        answers: list[httpx.Response] = [client.get("/") for _ in range(60)]

    assert {each.status_code for each in answers} == {421}
    assert 20 <= len([each for each in fresh.acts() if each.what == "refused"]) <= 35
