"""The verbs on real repositories: what they print, what they record, what they end with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from gitrepo import GitRepo
from watchkeeper.app import find_place, now, open_log
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.main import VERBS, run
from watchkeeper.model.conflicts import Conflict, Evidence, Kind, Severity
from watchkeeper.model.events import CloseReason, ConflictChanged, ConflictClosed, ConflictOpened, Event
from watchkeeper.model.footprint import Confidence
from watchkeeper.model.ids import ChangeId, ConflictId
from watchkeeper.record.config import load_settings

COMMAND = [sys.executable, "-m", "watchkeeper"]


class Said(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found

    @property
    def last(self) -> str:
        return (self.out or self.err).splitlines()[-1]


Watchkeeper = Callable[..., Said]


@pytest.fixture
def watchkeeper(capsys: pytest.CaptureFixture[str]) -> Watchkeeper:
    """Runs a command line as the program does, in this process."""

    def say(*argv: str | Path) -> Said:
        code = run([str(each) for each in argv])
        return Said(code, *capsys.readouterr())

    return say


@pytest.fixture
def repo(git_repo: GitRepo, monkeypatch: pytest.MonkeyPatch) -> GitRepo:
    """A repository with a commit; the process is in it."""
    git_repo.commit("first", {"engine/stages.py": "def update_stage_field(): ...\n"})
    monkeypatch.chdir(git_repo.path)
    return git_repo


def conflict(name: str, severity: Severity, weight: int = 1) -> Conflict:
    return Conflict(
        id=ConflictId(name),
        kind=Kind.WRITE_WRITE,
        rule="write-write",
        severity=severity,
        confidence=Confidence.SURE,
        changes=(ChangeId("agent-a"), ChangeId("agent-b")),
        subjects=("engine.stages:update_stage_field",),
        summary=f"agent-a and agent-b both change update_stage_field ({name})",
        why="both write to content.status",
        evidence=(
            Evidence(ChangeId("agent-a"), "engine/stages.py", 12, "    mirror.execute(sql)"),
            Evidence(ChangeId("agent-b"), "engine/stages.py", 19, "    replica.write(\x1b[31mstage)", "new"),
        ),
        next_step="tell agent-b to rebase on agent-a",
        fingerprint=name,
        weight=weight,
    )


WORST, MIDDLE, LEAST = (
    conflict("c-aaaa1111", Severity.BLOCKING),
    conflict("c-bbbb2222", Severity.MINOR),
    conflict("c-cccc3333", Severity.INFO),
)


def record(*events: Event) -> None:
    place = find_place(Path(), os.environ)
    with open_log(place.home) as log:
        log.append(place.project, events, now())


def test_without_anything_recorded_there_is_nothing_and_nothing_is_created(
    repo: GitRepo, watchkeeper: Watchkeeper, private_home: Path
) -> None:
    for argv in (["conflicts"], ["log"]):
        said = watchkeeper(*argv)

        assert said.code == Exit.NOTHING
        assert said.last.startswith("next: watchkeeper watch")
    assert watchkeeper("conflicts", "--json").document["conflicts"] == []
    assert watchkeeper("log", "--json").out == ""
    assert watchkeeper("dismiss", "c-1").code == Exit.USAGE
    assert watchkeeper("doctor").code == Exit.NOTHING
    assert not private_home.exists()
    assert repo.git("status", "--porcelain") == ""


def test_open_conflicts_are_listed_the_worst_first_and_info_stays_out_of_the_way(
    repo: GitRepo, watchkeeper: Watchkeeper
) -> None:
    record(ConflictOpened(LEAST), ConflictOpened(MIDDLE), ConflictOpened(WORST))

    said = watchkeeper("conflicts")

    assert said.code == Exit.FOUND
    assert said.out.index("c-aaaa1111") < said.out.index("c-bbbb2222")
    assert "c-cccc3333" not in said.out
    assert "open conflicts: 1 blocking, 1 minor (not shown: 1 info)" in said.out
    assert said.last == "next: watchkeeper conflicts c-aaaa1111"
    assert "c-cccc3333" in watchkeeper("conflicts", "--all").out
    listed = watchkeeper("conflicts", "--severity", "major", "--json").document["conflicts"]
    assert [each["id"] for each in listed] == ["c-aaaa1111"]


def test_when_only_info_is_open_nothing_was_found(repo: GitRepo, watchkeeper: Watchkeeper) -> None:
    record(ConflictOpened(LEAST))

    said = watchkeeper("conflicts")

    assert said.code == Exit.NOTHING
    assert said.last == "next: watchkeeper conflicts --all"


def test_one_conflict_is_shown_with_both_sides_why_history_and_its_own_next_step(
    repo: GitRepo, watchkeeper: Watchkeeper
) -> None:
    record(ConflictOpened(conflict("c-aaaa1111", Severity.MINOR)))
    record(ConflictChanged(WORST))

    said = watchkeeper("conflicts", "aaaa")

    assert said.code == Exit.FOUND
    for part in ("engine/stages.py:12  mirror.execute(sql)", "engine/stages.py:19", "(new)", "both write to", "opened"):
        assert part in said.out
    assert "\x1b" not in said.out, "text of others never acts on the terminal"
    assert said.last == "next: tell agent-b to rebase on agent-a"
    document = watchkeeper("conflicts", "c-aaaa1111", "--json").document
    assert [each["kind"] for each in document["conflict"]["history"]] == ["conflict-opened", "conflict-changed"]
    assert document["conflict"]["status"] == "open"


def test_a_dismissed_conflict_is_gone_until_it_gets_worse(repo: GitRepo, watchkeeper: Watchkeeper) -> None:
    record(ConflictOpened(MIDDLE))

    said = watchkeeper("dismiss", "bbbb", "--reason", "reverted anyway")

    assert (said.code, said.last) == (Exit.NOTHING, "next: watchkeeper conflicts")
    assert watchkeeper("conflicts").code == Exit.NOTHING
    assert "dismissed" in watchkeeper("conflicts", "--all").out
    assert "already" in watchkeeper("dismiss", "bbbb").out
    record(ConflictChanged(MIDDLE))
    assert watchkeeper("conflicts").code == Exit.NOTHING, "it is no worse"
    record(ConflictChanged(conflict("c-bbbb2222", Severity.MINOR, weight=2)))
    assert watchkeeper("conflicts").code == Exit.FOUND
    assert "reverted anyway" in watchkeeper("log", "--conflict", "bbbb").out


def test_a_closed_conflict_cannot_be_dismissed_and_can_still_be_looked_at(
    repo: GitRepo, watchkeeper: Watchkeeper
) -> None:
    record(ConflictOpened(MIDDLE), ConflictClosed(MIDDLE.id, CloseReason.RESOLVED))

    assert "closed already" in watchkeeper("dismiss", "bbbb").out
    said = watchkeeper("conflicts", "bbbb")
    assert said.code == Exit.NOTHING
    assert "the code no longer shows it" in said.out


def test_an_unknown_conflict_is_an_error_with_near_ids(repo: GitRepo, watchkeeper: Watchkeeper) -> None:
    record(ConflictOpened(MIDDLE))

    said = watchkeeper("dismiss", "c-bbbb2223", "--json")

    assert said.code == Exit.USAGE
    assert said.document["error"]["slug"] == "unknown-conflict"
    assert "c-bbbb2222" in said.document["error"]["message"]


def test_the_log_gives_the_newest_events_in_their_order(repo: GitRepo, watchkeeper: Watchkeeper) -> None:
    record(ConflictOpened(LEAST), ConflictOpened(MIDDLE), ConflictOpened(WORST))

    lines = [json.loads(line) for line in watchkeeper("log", "--limit", "2", "--json").out.splitlines()]

    assert [line["seq"] for line in lines] == [2, 3]
    assert all(line["version"] == 1 and line["kind"] == "conflict-opened" for line in lines)
    assert len(watchkeeper("log", "--since", "1h").out.splitlines()) == 4
    assert "nothing was recorded that fits" in watchkeeper("log", "--since", "2100-01-01").out


def test_following_the_log_prints_what_another_process_records(repo: GitRepo) -> None:
    record(ConflictOpened(LEAST))
    with subprocess.Popen([*COMMAND, "log", "--follow", "--json"], stdout=subprocess.PIPE, text=True) as follower:
        assert follower.stdout is not None
        first = json.loads(follower.stdout.readline())
        record(ConflictOpened(WORST))
        second = json.loads(follower.stdout.readline())
        follower.send_signal(signal.SIGINT)

    assert [first["seq"], second["seq"]] == [1, 2]
    assert follower.returncode == Exit.INTERRUPTED


def test_a_reader_that_leaves_early_is_no_error(repo: GitRepo) -> None:
    record(*[ConflictOpened(WORST)] * 500)
    with subprocess.Popen(
        [*COMMAND, "log", "--limit", "500", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        program.stdout.readline()
        program.stdout.close()
        complaint = program.stderr.read()

    assert complaint == ""
    assert program.returncode == Exit.NOTHING


def test_init_writes_a_valid_file_with_the_found_target_and_never_overwrites(
    repo: GitRepo, watchkeeper: Watchkeeper
) -> None:
    path = repo.path / "watchkeeper.toml"

    assert watchkeeper("init", "--json").document["written"] is True
    assert load_settings([path], {}).config.target == "main"
    assert len(path.read_text().splitlines()) <= 20

    path.write_text('target = "main"  # mine\n')
    said = watchkeeper("init")
    assert said.code == Exit.NOTHING
    assert "left as it is" in said.out
    assert path.read_text().endswith("# mine\n")


def test_init_in_a_bare_repository_says_where_to_go(tmp_path: Path, watchkeeper: Watchkeeper) -> None:
    bare = GitRepo.create(tmp_path / "bare.git", bare=True)

    said = watchkeeper("init", "--repo", bare.path)

    assert said.code == Exit.NO_REPOSITORY
    assert "[no-worktree]" in said.err


def test_a_worktrees_own_configuration_wins_over_the_main_worktrees(repo: GitRepo) -> None:
    repo.write("watchkeeper.toml", 'landed_hours = 1\nmin_severity = "major"\n')
    tree = repo.worktree("side", "side")
    tree.write("watchkeeper.toml", "landed_hours = 2\n")

    config = find_place(tree.path, os.environ).config

    assert (config.landed_hours, config.min_severity) == (2, Severity.MAJOR)


def test_doctor_checks_everything_and_names_the_first_fix(
    repo: GitRepo, watchkeeper: Watchkeeper, private_home: Path
) -> None:
    checks = {each["name"]: each for each in watchkeeper("doctor", "--json").document["checks"]}
    assert {"git", "watches", "watchers", "state folder", "disk", "clock", "locale", "record"} <= set(checks)
    assert {"repository", "target", "worktrees", "history", "configuration"} <= set(checks)
    assert checks["record"]["health"] == "ok"

    record(ConflictOpened(WORST))
    (private_home / "watchkeeper.db").write_bytes(b"damaged" * 1000)
    said = watchkeeper("doctor")
    assert said.code == Exit.FOUND
    assert said.last == "next: watchkeeper doctor --set-aside-record"


def test_a_damaged_record_is_moved_aside_only_by_the_command_that_says_so(
    repo: GitRepo, watchkeeper: Watchkeeper, private_home: Path
) -> None:
    record(ConflictOpened(WORST))
    sound = watchkeeper("doctor", "--set-aside-record", "--json")
    assert sound.document["error"]["slug"] == "record-sound"

    (private_home / "watchkeeper.db").write_bytes(b"damaged" * 1000)
    assert "[record-corrupt]" in watchkeeper("conflicts").err
    moved = watchkeeper("doctor", "--set-aside-record", "--json").document["moved"]

    assert [Path(path).read_bytes()[:7] for path in moved if path.endswith(("wal", "shm")) is False] == [b"damaged"]
    assert watchkeeper("conflicts").code == Exit.NOTHING


def test_outside_a_repository_verbs_end_with_3_and_doctor_only_warns(tmp_path: Path, watchkeeper: Watchkeeper) -> None:
    for argv in (["conflicts"], ["log"], ["init"], ["dismiss", "c-1"], ["check", "a", "b"], ["replay"]):
        said = watchkeeper(*argv, "--repo", tmp_path)
        assert said.code == Exit.NO_REPOSITORY, argv
        assert "[not-a-repository]" in said.err
        document = watchkeeper(*argv, "--repo", tmp_path, "--json").document
        assert document["version"] == 1
        assert document["error"]["slug"] == "not-a-repository"
    assert watchkeeper("doctor", "--repo", tmp_path).code == Exit.NOTHING


@pytest.mark.parametrize(
    "argv",
    [["conflict"], ["--nonsense"], ["log", "--limit", "0"], ["log", "--since", "x"], ["check"], ["check", "one"],
     ["conflicts", "--severity", "loud"], ["dismiss"]],
)  # fmt: skip
def test_a_mistake_in_the_command_line_ends_with_2_and_a_way_to_the_help(
    argv: list[str], repo: GitRepo, watchkeeper: Watchkeeper
) -> None:
    said = watchkeeper(*argv)

    assert said.code == Exit.USAGE
    assert said.out == ""
    assert said.last.startswith("next: watchkeeper")
    assert "--help" in said.last
    assert watchkeeper(*argv, "--json").document["error"]["slug"] == "usage"


def test_a_mistake_in_the_configuration_ends_with_2_whatever_the_verb(repo: GitRepo, watchkeeper: Watchkeeper) -> None:
    repo.write("watchkeeper.toml", 'targte = "main"\n')

    said = watchkeeper("conflicts")

    assert said.code == Exit.USAGE
    assert "did you mean 'target'" in said.err
    assert watchkeeper("doctor").code == Exit.FOUND


def test_an_internal_fault_is_a_sentence_and_a_file_with_the_traceback(
    repo: GitRepo, watchkeeper: Watchkeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(*_: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("watchkeeper.cli.conflicts.find_place", break_down)

    said = watchkeeper("conflicts", "--json")

    assert said.code == Exit.INTERNAL
    error = said.document["error"]
    assert error["slug"] == "internal"
    assert "break_down" in Path(error["facts"]["traceback"]).read_text()


def test_help_and_version_import_nothing_heavy() -> None:
    script = (
        "import sys; from watchkeeper.cli.main import run; code = run(sys.argv[1:]);"
        "heavy = {'sqlalchemy', 'alembic', 'tree_sitter', 'msgspec', 'watchfiles', 'asyncio'} & set(sys.modules);"
        "assert code == 0 and not heavy, heavy"
    )
    for argument in ("--help", "--version"):
        subprocess.run([sys.executable, "-c", script, argument], check=True, capture_output=True, timeout=60)


def test_without_a_verb_the_help_is_shown(watchkeeper: Watchkeeper) -> None:
    said = watchkeeper()

    assert said.code == Exit.NOTHING
    assert all(name in said.out for name in VERBS)
