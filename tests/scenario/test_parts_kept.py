"""A shared checkout over a restart of the daemon: whose line it is stays known, and what nobody saw is nobody's."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitrepo import GitRepo
from onecheckout import BASE, CLAUDE, CODEX, LINES, Restarts, Room, with_line
from watchkeeper.model.agents import Phase, SessionId
from watchkeeper.record.store import RECORD_FILE
from watchkeeper.watch.keeper import Keeper

FIRST = with_line(BASE, 1, "codex\n")
BOTH = with_line(FIRST, 9, "claude\n")


@pytest.fixture
def restarts(git_repo: GitRepo, tmp_path: Path) -> Iterator[Restarts]:
    git_repo.commit("base", {"a.txt": BASE, "b.txt": "b\n"})
    restarts = Restarts(git_repo, tmp_path / "state")
    yield restarts
    restarts.kill()


def begun(restarts: Restarts) -> Room:
    """Both have saved one file, and one of them another."""
    room = restarts.room()
    room.save(CODEX, "a.txt", FIRST)
    room.save(CLAUDE, "a.txt", BOTH)
    room.save(CLAUDE, "b.txt", "b\nof claude\n")
    return room


def test_whose_lines_are_whose_is_known_after_a_restart(restarts: Restarts) -> None:
    before = begun(restarts)
    known = {author: before.texts(author) for author in (CODEX, CLAUDE)}
    after = restarts.room()
    assert after.authors == {CODEX, CLAUDE}
    assert {author: after.texts(author) for author in (CODEX, CLAUDE)} == known
    assert after.sharing.seated == {after.root: before.sharing.seated[before.root]}


def test_work_goes_on_after_a_restart_as_if_there_had_been_none(restarts: Restarts) -> None:
    begun(restarts)
    room = restarts.room()
    room.save(CODEX, "a.txt", with_line(BOTH, 5, "codex again\n"))
    restarts.room()
    room = restarts.room()
    assert room.texts(CODEX) == {"a.txt": with_line(FIRST, 5, "codex again\n")}
    assert room.texts(CLAUDE)["a.txt"] == with_line(BASE, 9, "claude\n")


def test_what_changed_while_nobody_watched_is_unattributed_and_the_rest_stays_whose_it_was(restarts: Restarts) -> None:
    begun(restarts)
    restarts.kill()
    restarts.repo.write("a.txt", with_line(BOTH, 5, "who?\n"))
    restarts.repo.write("new.txt", "who?\n")
    room = restarts.room()
    room.later()
    assert room.authors == {CODEX, CLAUDE, "unattributed"}
    assert room.texts("unattributed") == {"a.txt": with_line(BASE, 5, "who?\n"), "new.txt": "who?\n"}
    assert room.texts(CODEX) == {"a.txt": FIRST}


def test_nothing_is_inferred_of_what_nobody_watched_also_where_one_was_at_work_alone(restarts: Restarts) -> None:
    room = begun(restarts)
    room.run(CODEX, Phase.INTENT)
    restarts.kill()
    restarts.repo.write("made.txt", "by a command\n")
    room = restarts.room()
    room.run(CODEX, Phase.DONE)
    room.later()
    assert room.texts("unattributed") == {"made.txt": "by a command\n"}


def test_an_edit_that_its_agent_tells_of_right_after_the_restart_is_its_own(restarts: Restarts) -> None:
    begun(restarts)
    restarts.kill()
    restarts.repo.write("a.txt", with_line(BOTH, 5, "late\n"))
    room = restarts.room()
    room.tell(CODEX, "a.txt", LINES[5], f"{LINES[5]}late\n")
    room.later()
    assert room.authors == {CODEX, CLAUDE}
    assert room.texts(CODEX) == {"a.txt": with_line(FIRST, 5, "late\n")}


def test_who_was_at_work_before_the_restart_may_be_it_too_until_it_is_heard(restarts: Restarts) -> None:
    begun(restarts)
    room = restarts.room()
    room.run(CODEX, Phase.INTENT)
    restarts.repo.write("one.txt", "1\n")
    room.look()
    room.tell(CLAUDE, "b.txt", None, "b\nof claude\n")
    restarts.repo.write("two.txt", "2\n")
    room.look()
    room.later()
    assert room.texts("unattributed") == {"one.txt": "1\n"}
    assert "two.txt" in room.texts(CODEX), "claude was heard, and codex alone runs something"


def test_parts_of_sessions_that_ended_are_kept_too(restarts: Restarts) -> None:
    room = begun(restarts)
    room.enter()
    room.look()
    room.sharing.hold()
    room = restarts.room()
    assert len(restarts.hub.pins()) == 1
    assert room.authors == {CODEX, CLAUDE}
    assert room.sharing.seated == {}
    restarts.repo.git("commit", "-q", "-am", "all of it")
    room.look()
    assert room.sharing.parts(room.root, room.whole) is None
    assert restarts.ledger.kept("parts") == {}, "nothing is kept of a checkout where nothing stands"
    assert restarts.hub.pins() == {}


def test_who_ended_while_the_daemon_was_down_is_past(restarts: Restarts) -> None:
    begun(restarts)
    room = restarts.room()
    room.enter(CLAUDE, SessionId("goose-1"))
    room.look()
    assert room.authors == {CODEX, CLAUDE}
    restarts.repo.git("commit", "-q", "-m", "part of it", "a.txt")
    room.look()
    assert room.authors == {CLAUDE}


def test_a_switch_to_other_work_while_it_was_down_begins_anew(restarts: Restarts) -> None:
    repo = restarts.repo
    repo.git("checkout", "-q", "-b", "other")
    repo.commit("elsewhere", {"a.txt": "all new\n"})
    repo.git("checkout", "-q", "main")
    room = begun(restarts)
    restarts.kill()
    repo.git("checkout", "-q", "-f", "other")
    repo.write("a.txt", "all new\nand more\n")
    room = restarts.room()
    assert room.texts("unattributed") == {"a.txt": "all new\nand more\n"}
    assert room.texts(CODEX) == {}


def test_a_commit_while_it_was_down_moves_nothing(restarts: Restarts) -> None:
    begun(restarts)
    restarts.kill()
    restarts.repo.git("commit", "-q", "-am", "all of it")
    room = restarts.room()
    assert room.texts(CODEX) == {"a.txt": FIRST}
    assert room.authors == {CODEX, CLAUDE}


def test_moved_binary_deleted_and_oddly_named_files_are_kept(restarts: Restarts) -> None:
    room = restarts.room()
    odd = "no \udcff text.txt"
    room.save(CODEX, "a.txt", FIRST)
    room.repo.git("mv", "a.txt", "moved.txt")
    room.look()
    room.tell(CODEX, "moved.txt", None, FIRST)
    (room.root / "pic").write_bytes(b"\0\1\2")
    (room.root / odd).write_text("odd\n")
    (room.root / "b.txt").unlink()
    room.run(CLAUDE, Phase.INTENT)
    room.look()
    room.later()
    known = {author: room.texts(author) for author in room.authors}
    assert known[CLAUDE] | known.get("unattributed", {}) != {}
    room = restarts.room()
    assert {author: room.texts(author) for author in room.authors} == known


def test_a_record_that_another_version_wrote_is_no_crash_and_all_is_unattributed(
    restarts: Restarts, tmp_path: Path
) -> None:
    begun(restarts)
    restarts.kill()
    with sqlite3.connect(tmp_path / "state" / RECORD_FILE) as connection:
        connection.execute("UPDATE kept SET value = ?", (b'{"format": 99}',))
    connection.close()
    room = restarts.room()
    room.enter(CODEX, CLAUDE)
    room.look()
    assert room.authors == {"unattributed"}


def test_a_text_that_is_gone_from_the_hub_is_said_and_its_file_is_unattributed(restarts: Restarts) -> None:
    begun(restarts)
    texts = [file for file in restarts.hub.folder.glob("objects/??/*") if b"of claude" in content_of(restarts, file)]
    restarts.kill()
    for file in texts:
        file.unlink()
    room = restarts.room()
    assert "b.txt" in room.look()
    room.later()
    assert room.texts("unattributed") == {"b.txt": "b\nof claude\n"}
    assert room.texts(CODEX) == {"a.txt": FIRST}


def content_of(restarts: Restarts, file: Path) -> bytes:
    return restarts.repo.git_bytes(
        "--git-dir", str(restarts.hub.folder), "cat-file", "-p", file.parent.name + file.name
    )


def test_what_the_hub_holds_for_it_outlives_its_tidying(restarts: Restarts) -> None:
    room = begun(restarts)
    room.sharing.hold()
    restarts.hub.tidy(keep_days=0)
    known = room.texts(CODEX)
    restarts.kill()
    restarts.repo.write("a.txt", BASE)
    room = restarts.room()
    restarts.repo.write("a.txt", BOTH)
    room.look()
    assert room.texts(CODEX) == known, "all its lines were read from the hub"


def test_who_does_not_record_sees_what_is_kept_and_neither_changes_nor_drops_it(restarts: Restarts) -> None:
    room = begun(restarts)
    room.sharing.hold()
    rows, pins = restarts.ledger.kept("parts"), restarts.hub.pins()
    other = Room(restarts.repo, restarts.hub.objects, Keeper(restarts.hub, restarts.onlooker()), begins=False)
    assert other.texts(CODEX) == room.texts(CODEX)
    other.enter()
    other.look()
    other.sharing.hold()
    other.sharing.forget(other.root)
    other.close()
    assert (restarts.ledger.kept("parts"), restarts.hub.pins()) == (rows, pins)


def test_who_takes_over_the_recording_goes_by_what_the_one_before_it_kept(restarts: Restarts) -> None:
    room = begun(restarts)
    other = Room(restarts.repo, restarts.hub.objects, Keeper(restarts.hub, restarts.onlooker()), begins=False)
    room.save(CODEX, "a.txt", with_line(BOTH, 5, "later\n"))
    other.look()
    assert other.texts(CODEX) == {"a.txt": FIRST}, "nobody told it"
    assert other.sharing.reload() == (other.root,)
    other.look()
    assert other.texts(CODEX) == {"a.txt": with_line(FIRST, 5, "later\n")}
    other.close()


def test_no_line_of_anybody_is_in_the_record(restarts: Restarts, tmp_path: Path) -> None:
    begun(restarts)
    rows = restarts.ledger.kept("parts")
    assert len(rows) == 3
    assert not any(text in value for value in rows.values() for text in (b"of claude", b"line 1"))


@pytest.mark.parametrize("seed", range(6))
def test_random_work_with_restarts_at_random_gives_what_it_gives_without(
    seed: int, git_repo: GitRepo, tmp_path: Path
) -> None:
    git_repo.commit("base", {"a.txt": BASE, "b.txt": "b\n"})
    found = []
    for is_restarted in (False, True):
        rng = random.Random(seed)
        git_repo.write("a.txt", BASE)
        restarts = Restarts(git_repo, tmp_path / f"state {is_restarted}")
        room, text = restarts.room(), BASE
        for number in range(14):
            lines = text.splitlines(keepends=True)
            at = rng.randrange(len(lines) + 1)
            lines[at : at + rng.randrange(2)] = [f"{number}\n"] * rng.randrange(1, 3)
            text = "".join(lines)
            room.save(rng.choice([CODEX, CLAUDE]), "a.txt", text)
            if rng.random() < 0.4 and is_restarted:
                room = restarts.room()
        found.append({author: room.texts(author) for author in (CODEX, CLAUDE)})
        restarts.kill()
    assert found[0] == found[1]
