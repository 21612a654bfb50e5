"""The record in a database that several hosts share: the same verbs, the same words."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import sqlalchemy as sa

from gitrepo import GitRepo
from watchkeeper.app import find_place, now, open_log
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.main import run
from watchkeeper.model.conflicts import Conflict, Evidence, Kind, Severity
from watchkeeper.model.events import CloseReason as Why
from watchkeeper.model.events import ConflictClosed, ConflictOpened
from watchkeeper.model.footprint import Confidence
from watchkeeper.model.ids import ChangeId, ConflictId
from watchkeeper.record.config import find_user_file
from watchkeeper.record.store import open_url_store


class Said(NamedTuple):
    code: int
    out: str
    err: str


Watchkeeper = Callable[..., Said]


@pytest.fixture
def watchkeeper(capsys: pytest.CaptureFixture[str]) -> Watchkeeper:
    def say(*argv: str) -> Said:
        return Said(run(list(argv)), *capsys.readouterr())

    return say


@pytest.fixture(autouse=True)
def repo(git_repo: GitRepo, monkeypatch: pytest.MonkeyPatch) -> GitRepo:
    git_repo.commit("first", {"engine/stages.py": "def update_stage_field(): ...\n"})
    monkeypatch.chdir(git_repo.path)
    return git_repo


@pytest.fixture
def shared(new_database: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address, configured."""
    monkeypatch.setenv("WATCHKEEPER_STORE", new_database)
    return new_database


def conflict(name: str, severity: Severity) -> Conflict:
    return Conflict(
        id=ConflictId(name), kind=Kind.WRITE_WRITE, rule="write-write", severity=severity,
        confidence=Confidence.SURE, changes=(ChangeId("agent-a"), ChangeId("agent-b")),
        subjects=("engine.stages:update_stage_field",), summary=f"both change update_stage_field ({name})",
        why="both write to content.status",
        evidence=(Evidence(ChangeId("agent-a"), "engine/stages.py", 12, "write(\x1b[31mstage, 'é\udcff')"),),
        next_step="tell agent-b", fingerprint=name, weight=3,
    )  # fmt: skip


def live_through_a_day(watchkeeper: Watchkeeper) -> list[tuple[int, str, str]]:
    """What the verbs that need no daemon say, without the times."""
    place = find_place(Path(), os.environ)
    said = [watchkeeper("log"), watchkeeper("conflicts"), watchkeeper("lease")]
    with open_log(place.home) as log:
        opened = [
            ConflictOpened(conflict("c-aaaa1111", Severity.MAJOR)),
            ConflictOpened(conflict("c-b", Severity.INFO)),
        ]
        log.append(place.project, [*opened, ConflictClosed(ConflictId("c-b"), Why.RESOLVED)], now())
    said += [
        watchkeeper("lease", "update_stage_field", "--to", "ada", "--note", "moving it"),
        watchkeeper("lease", "update_stage_field", "--to", "bob"),
        watchkeeper("lease", "--json"),
        watchkeeper("conflicts"),
        watchkeeper("conflicts", "c-aaaa1111"),
        watchkeeper("dismiss", "c-aaaa1111", "--reason", "known"),
        watchkeeper("conflicts", "--all", "--json"),
        watchkeeper("lease", "update_stage_field", "--to", "ada", "--release"),
        watchkeeper("rules"),
        watchkeeper("log"),
        watchkeeper("log", "--json"),
    ]
    return [(each.code, _timeless(each.out), _timeless(each.err)) for each in said]


def _timeless(text: str) -> str:
    text = re.sub(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?(Z|[+-]\d\d:?\d\d)?|\d\d:\d\d(:\d\d)?", "TIME", text)
    return re.sub(r"\b\d{13}\b", "TIME", text)


@pytest.mark.postgresql
@pytest.mark.xdist_group("postgresql")
def test_the_verbs_say_the_same_on_a_server_as_on_a_file(
    watchkeeper: Watchkeeper, new_database: str, monkeypatch: pytest.MonkeyPatch, private_home: Path
) -> None:
    on_file = live_through_a_day(watchkeeper)
    assert (private_home / "watchkeeper.db").exists()
    (private_home / "watchkeeper.db").rename(private_home / "away")

    monkeypatch.setenv("WATCHKEEPER_STORE", new_database)
    on_server = live_through_a_day(watchkeeper)

    assert on_server == on_file
    assert [code for code, _, _ in on_file[3:7]] == [Exit.NOTHING, Exit.USAGE, Exit.NOTHING, Exit.FOUND]
    assert not (private_home / "watchkeeper.db").exists(), "nothing is written beside it"


@pytest.mark.postgresql
@pytest.mark.xdist_group("postgresql")
def test_the_users_own_file_says_where_the_record_is_and_the_environment_is_stronger(
    watchkeeper: Watchkeeper, new_database: str, monkeypatch: pytest.MonkeyPatch, private_home: Path
) -> None:
    own = find_user_file(os.environ)
    own.parent.mkdir(parents=True)
    own.write_text(f'store = "{new_database}"\n')
    watchkeeper("lease", "one", "--to", "ada")
    assert not (private_home / "watchkeeper.db").exists()

    monkeypatch.setenv("WATCHKEEPER_STORE", "")
    watchkeeper("lease", "two", "--to", "ada")
    assert (private_home / "watchkeeper.db").exists()
    assert [each["subject"] for each in _leases(watchkeeper)] == ["two"]

    monkeypatch.delenv("WATCHKEEPER_STORE")
    assert [each["subject"] for each in _leases(watchkeeper)] == ["one"]


@pytest.mark.postgresql
@pytest.mark.xdist_group("postgresql")
def test_reading_makes_no_tables_and_doctor_says_where_the_record_is(watchkeeper: Watchkeeper, shared: str) -> None:
    assert watchkeeper("log").code == Exit.NOTHING
    assert "nothing was recorded yet (postgresql://test@/" in watchkeeper("doctor").out
    with _connected(shared) as connection:
        assert sa.inspect(connection).get_table_names() == []

    watchkeeper("lease", "one", "--to", "ada")

    doctor = watchkeeper("doctor")
    assert doctor.code == Exit.NOTHING
    assert re.search(r"record +1 events \(postgresql://test@/", doctor.out)
    aside = watchkeeper("doctor", "--set-aside-record")
    assert (aside.code, "no file" in aside.err) == (Exit.USAGE, True)


@pytest.mark.postgresql
@pytest.mark.xdist_group("postgresql")
def test_a_record_of_a_newer_version_is_refused_by_every_verb_and_by_doctor(
    watchkeeper: Watchkeeper, shared: str
) -> None:
    watchkeeper("lease", "one", "--to", "ada")
    with open_url_store(shared) as store, store.writing() as connection:
        connection.execute(sa.text("UPDATE watchkeeper_schema SET version_num = '9999'"))

    for argv in (["log"], ["lease", "two", "--to", "ada"], ["conflicts"]):
        said = watchkeeper(*argv)
        assert said.code == 5
        assert "was written by a newer Watchkeeper (schema 9999" in said.err
        assert "upgrade Watchkeeper on this host" in said.err
    assert watchkeeper("doctor").code == Exit.FOUND


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://ada:s3cret@127.0.0.1:1/fleet",
        "postgresql://ada@127.0.0.1:1/fleet?password=s3cret",
        "postgresql://ada:s3cret@/fleet?host=/nowhere/at/all",
        "postgresql://ada:s3cret@127.0.0.1:1/fleet?no_such_option=s3cret",
    ],
)
def test_a_server_that_cannot_be_reached_is_said_without_the_password(
    watchkeeper: Watchkeeper, address: str, monkeypatch: pytest.MonkeyPatch, private_home: Path
) -> None:
    pytest.importorskip("psycopg", reason="psycopg is not installed: unreachable servers were NOT checked")
    monkeypatch.setenv("WATCHKEEPER_STORE", address)

    for argv in (["log"], ["lease", "one", "--to", "ada"], ["doctor"], ["doctor", "--json"]):
        said = watchkeeper(*argv)
        assert said.code in (5, Exit.FOUND)
        assert "cannot be reached" in said.out + said.err
        assert "s3cret" not in said.out + said.err
    assert not list(private_home.rglob("*.db")), "and nothing is recorded elsewhere instead"


@pytest.mark.postgresql
@pytest.mark.xdist_group("postgresql")
def test_a_database_that_is_not_there_is_said(
    watchkeeper: Watchkeeper, postgresql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHKEEPER_STORE", f"postgresql://test:s3cret@/never_made?host={postgresql}")

    said = watchkeeper("log")

    assert said.code == 5
    assert 'database "never_made" does not exist' in said.err
    assert "s3cret" not in said.err


@pytest.mark.parametrize(
    "address",
    [
        "sqlite:///s3cret.db", "s3cret", "postgresql://", "postgresql://ada:s3cret@host", "postgresql:/s3cret",
        "postgresql://ada:s3cret@host:port/fleet", "postgresql://ada:s3cret@host:0/fleet", "mysql://ada:s3cret@host/db",
        "postgresql://[::1/s3cret", "postgresql://ada:s3cret@host/fl eet", "postgresql://ada:s3cret@host/\x1b[31m",
        "postgresql://ada:s3cret@host:99999/fleet",
    ],
)  # fmt: skip
def test_an_address_that_means_nothing_is_refused_without_showing_it(
    watchkeeper: Watchkeeper, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHKEEPER_STORE", address)

    said = watchkeeper("log")

    assert said.code == Exit.USAGE
    assert "store" in said.err
    assert 'set store to the address of a database, as in "postgresql://user@host/name"' in said.err
    assert "s3cret" not in said.err


def test_a_project_may_not_say_where_the_record_goes(watchkeeper: Watchkeeper, repo: GitRepo) -> None:
    (repo.path / "watchkeeper.toml").write_text('store = "postgresql://mallory:s3cret@host/fleet"\n')

    said = watchkeeper("log")

    assert said.code == Exit.USAGE
    assert "store is not a project's to say" in said.err
    assert "WATCHKEEPER_STORE" in said.err
    assert "s3cret" not in said.err


def _leases(watchkeeper: Watchkeeper) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(watchkeeper("lease", "--json").out)["leases"]
    return found


def _connected(address: str) -> sa.Connection:
    return sa.create_engine(address.replace("postgresql:", "postgresql+psycopg:"), poolclass=sa.NullPool).connect()
