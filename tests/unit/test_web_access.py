"""The parts of access: tokens, logins, bounds, names and places, each by itself."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from watchkeeper.controlroom.judging import Role
from watchkeeper.fleet.config import WebSection
from watchkeeper.model.errors import UsageError, WatchkeeperError
from watchkeeper.model.ids import Millis
from watchkeeper.web.access.limits import Limiter, Rate
from watchkeeper.web.access.peers import find_uid, is_users
from watchkeeper.web.access.places import find_next, find_places, is_loopback, parse_listen, require_listen
from watchkeeper.web.access.sessions import Sessions
from watchkeeper.web.access.tokens import Tokens

HOUR = 3_600_000


class Clock:
    def __init__(self) -> None:
        self.now = 1_767_268_800_000

    def __call__(self) -> Millis:
        return Millis(self.now)


@pytest.fixture
def clock() -> Clock:
    return Clock()


# -- tokens -----------------------------------------------------------------------------------------------------------


def test_a_token_is_known_again_and_nothing_of_it_is_kept(tmp_path: Path, clock: Clock) -> None:
    tokens = Tokens(tmp_path, clock)
    made = tokens.make("phone", Role.VIEWER)
    kept = (tmp_path / "tokens.json").read_bytes()

    for asked in (tokens, Tokens(tmp_path, clock)):
        found = asked.verify(made)
        assert found is not None
        assert (found.name, found.role) == ("phone", Role.VIEWER)
        assert asked.verify(f" {made}\n") == found
    assert made[18:].encode() not in kept
    assert (tmp_path / "tokens.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "spoil",
    [lambda made: made[:-1] + ("A" if made[-1] != "A" else "B"), lambda made: made + "A", str.upper, lambda _: ""],
)
def test_what_is_nearly_a_token_is_none(tmp_path: Path, clock: Clock, spoil: Callable[[str], str]) -> None:
    tokens = Tokens(tmp_path, clock)
    made = tokens.make("phone", Role.OPERATOR)
    assert tokens.verify(made) is not None
    assert tokens.verify(spoil(made)) is None


def test_a_token_that_another_process_revokes_is_no_longer_one(tmp_path: Path, clock: Clock) -> None:
    ours, theirs = Tokens(tmp_path, clock), Tokens(tmp_path, clock)
    made = ours.make("phone", Role.OPERATOR)
    assert ours.verify(made) is not None
    theirs.revoke("phone")
    assert ours.verify(made) is None
    assert ours.list() == ()


def test_the_first_token_is_made_once(tmp_path: Path, clock: Clock) -> None:
    assert Tokens(tmp_path, clock).make_first() is not None
    assert Tokens(tmp_path, clock).make_first() is None


def test_names_of_tokens_are_unlike_and_plain(tmp_path: Path, clock: Clock) -> None:
    tokens = Tokens(tmp_path, clock)
    tokens.make("phone", Role.VIEWER)
    for name, slug in (("phone", "web-token-twice"), ("a b", "web-bad-token-name"), ("<b>", "web-bad-token-name")):
        with pytest.raises(UsageError) as raised:
            tokens.make(name, Role.VIEWER)
        assert raised.value.slug == slug
    with pytest.raises(UsageError) as raised:
        tokens.revoke("desk")
    assert raised.value.slug == "web-no-token"


@pytest.mark.parametrize("spoil", ["mode", "content", "link"])
def test_a_file_that_others_could_have_written_is_not_believed(tmp_path: Path, clock: Clock, spoil: str) -> None:
    Tokens(tmp_path, clock).make("phone", Role.OPERATOR)
    path = tmp_path / "tokens.json"
    if spoil == "mode":
        path.chmod(0o644)
    elif spoil == "content":
        path.write_bytes(b"[{}]")
    else:
        path.rename(tmp_path / "elsewhere")
        path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(WatchkeeperError) as raised:
        Tokens(tmp_path, clock).list()
    assert raised.value.slug == "web-state-unreadable"


# -- logins ----------------------------------------------------------------------------------------------------


@pytest.fixture
def sessions(tmp_path: Path, clock: Clock) -> Sessions:
    return Sessions(tmp_path, clock, life=Millis(10 * HOUR), idle=Millis(2 * HOUR))


def test_a_login_ends_unused_and_after_its_time(sessions: Sessions, clock: Clock) -> None:
    used, unused = (sessions.begin("ada", Role.OPERATOR, "t") for _ in range(2))
    for _ in range(6):
        clock.now += HOUR * 3 // 2
        assert sessions.find(used) is not None
    assert sessions.find(unused) is None
    clock.now += HOUR
    assert sessions.find(used) is None  # ten hours are over


def test_a_login_outlives_the_server_and_nothing_of_its_id_is_kept(tmp_path: Path, clock: Clock) -> None:
    first = Sessions(tmp_path, clock, life=Millis(HOUR), idle=Millis(HOUR))
    made = first.begin("ada", Role.VIEWER, "t")
    second = Sessions(tmp_path, clock, life=Millis(HOUR), idle=Millis(HOUR))

    assert second.find(made) == first.find(made)
    assert second.csrf(made) == first.csrf(made)
    assert made.encode() not in (tmp_path / "sessions.json").read_bytes()
    second.end(made)
    assert first.find(made) is None


def test_each_login_has_a_token_of_its_own_for_forms(sessions: Sessions) -> None:
    one, other = (sessions.begin("ada", Role.OPERATOR, "t") for _ in range(2))
    assert sessions.csrf(one) != sessions.csrf(other)
    assert one not in sessions.csrf(one)


def test_a_clock_that_goes_back_lets_nobody_in_longer(sessions: Sessions, clock: Clock) -> None:
    made = sessions.begin("ada", Role.OPERATOR, "t")
    clock.now -= HOUR
    assert sessions.find(made) is None


def test_so_many_logins_are_kept_and_the_newest_stay(sessions: Sessions, clock: Clock) -> None:
    first = sessions.begin("ada", Role.OPERATOR, "t")
    for _ in range(3):
        clock.now += 1
        last = sessions.begin("ada", Role.OPERATOR, "t", before=first)
    assert sessions.find(first) is None
    assert sessions.find(last) is not None


# -- bounds, names, places ---------------------------------------------------------------------------------------------


def test_a_bound_lets_through_so_many_at_once_and_then_as_time_goes(clock: Clock) -> None:
    limiter = Limiter(Rate(3, 6), clock)
    assert [limiter.take("a") for _ in range(4)] == [0, 0, 0, 10]
    assert limiter.take("b") == 0
    assert limiter.look("a") == 10
    clock.now += 10_000
    assert limiter.take("a") == 0
    assert limiter.take("a") == 10
    clock.now -= 100_000
    assert limiter.take("a") > 0


def test_a_bound_remembers_no_more_clients_than_it_can(clock: Clock) -> None:
    limiter = Limiter(Rate(1, 1), clock, most=10)
    for number in range(1_000):
        limiter.take(str(number))
    assert limiter.take("999") > 0
    assert limiter.take("0") == 0


@pytest.mark.parametrize("given", ["/", "/conflicts/c-1?x=1&y=%2F", "/queue/fix/2", "/log?day=2026-11-26#x"])
def test_a_page_of_ours_is_where_the_login_leads(given: str) -> None:
    assert find_next(given) == given


@pytest.mark.parametrize(
    "given", ["", "x", "//x", "/\\x", "/x\n", "http://x", "/login", "/login?next=/", "/é", "/" + "a" * 3000]
)
def test_what_leads_elsewhere_leads_home(given: str) -> None:
    assert find_next(given) == "/"


def test_other_machines_are_not_let_near_without_being_told_what_that_means() -> None:
    assert require_listen(WebSection()) == ("127.0.0.1", 7333)
    assert require_listen(WebSection(listen="[::1]:80")) == ("::1", 80)
    assert require_listen(WebSection(exposed=True), "0.0.0.0:80") == ("0.0.0.0", 80)
    for text in ("0.0.0.0:80", "192.168.1.2:7333", "[::]:80", "box:80"):
        with pytest.raises(UsageError) as raised:
            require_listen(WebSection(), text)
        assert raised.value.slug == "web-exposed"
        assert "reads the login" in raised.value.message
    for text in ("127.0.0.1", "x:y", "127.0.0.1:99999", ":-1"):
        with pytest.raises(UsageError) as raised:
            parse_listen(text)
        assert raised.value.slug == "web-bad-listen"
    assert is_loopback("127.9.9.9")
    assert not is_loopback("127.0.0.1.evil.example")


def test_only_configured_names_are_ours_and_https_where_it_is_said() -> None:
    places = find_places(WebSection(origin="https://Box.example.ts.net", hosts=("box.lan:7333",)))
    assert places.hosts == {
        "127.0.0.1:7333", "localhost:7333", "[::1]:7333", "box.example.ts.net", "box.lan:7333",
    }  # fmt: skip
    assert places.secure == {"box.example.ts.net"}
    assert "https://box.example.ts.net" in places.origins
    assert "http://box.example.ts.net" not in places.origins
    assert "http://127.0.0.1:7333" in places.origins
    assert "0.0.0.0:80" not in find_places(WebSection(listen="0.0.0.0:8080")).hosts


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="this system does not say whose a connection is")
def test_whose_program_is_at_the_other_end_is_known_while_it_is_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        peer, own = client.getsockname(), client.getpeername()
        accepted, _ = server.accept()
        with accepted:
            assert find_uid(peer, own) == os.geteuid()
            assert is_users(str(os.geteuid()), peer, own)
            assert is_users("no-such-user", peer, own) is False
            assert find_uid((peer[0], 1), own) is None
            client.close()
            assert find_uid(peer, own) is None  # what is closed is shown as root's
