"""A checkout of several sessions, looked at step by step: what each one's part of it is."""

from __future__ import annotations

import random
from collections.abc import Iterator

import msgspec
import pytest

from gitrepo import GitRepo
from onecheckout import BASE, CLAUDE, CODEX, LINES, Room, opened, with_line
from watchkeeper.model.agents import Phase, SessionId
from watchkeeper.model.ids import Sha
from watchkeeper.watch.attribution import GRACE_MS


@pytest.fixture
def room(git_repo: GitRepo) -> Iterator[Room]:
    git_repo.commit("base", {"a.txt": BASE, "b.txt": "b\n"})
    with opened(git_repo) as room:
        yield room


def test_each_has_his_own_lines_of_a_file_that_both_save(room: Room) -> None:
    first = with_line(BASE, 1, "codex\n")
    room.save(CODEX, "a.txt", first)
    room.save(CLAUDE, "a.txt", with_line(first, 9, "claude\n"))
    assert room.authors == {CODEX, CLAUDE}
    assert room.texts(CODEX) == {"a.txt": first}
    assert room.texts(CLAUDE) == {"a.txt": with_line(BASE, 9, "claude\n")}


def test_two_saves_seen_as_one_are_split_when_both_have_told(room: Room) -> None:
    room.repo.write("a.txt", with_line(with_line(BASE, 1, "codex\n"), 9, "claude\n"))
    room.look()
    room.tell(CODEX, "a.txt", LINES[1], f"{LINES[1]}codex\n")
    assert room.authors == {CODEX}
    room.tell(CLAUDE, "a.txt", LINES[9], f"{LINES[9]}claude\n")
    assert room.texts(CODEX) == {"a.txt": with_line(BASE, 1, "codex\n")}
    assert room.texts(CLAUDE) == {"a.txt": with_line(BASE, 9, "claude\n")}


def test_nobody_is_named_at_once_for_what_nobody_told_of(room: Room) -> None:
    room.repo.write("a.txt", with_line(BASE, 3, "who?\n"))
    room.look()
    assert room.authors == set()
    room.later(GRACE_MS)
    assert room.authors == {"unattributed"}
    room.tell(CODEX, "a.txt", LINES[3], f"{LINES[3]}who?\n")
    assert room.authors == {CODEX}


def test_what_is_settled_stays_and_is_woven_with_what_comes(room: Room) -> None:
    first = with_line(BASE, 1, "codex\n")
    room.save(CODEX, "a.txt", first)
    room.later()
    second = with_line(first, 9, "claude\n")
    room.save(CLAUDE, "a.txt", second)
    room.later()
    room.save(CODEX, "a.txt", with_line(second, 5, "codex too\n"))
    assert room.texts(CODEX) == {"a.txt": with_line(first, 5, "codex too\n")}
    assert room.texts(CLAUDE) == {"a.txt": with_line(BASE, 9, "claude\n")}
    room.save(CLAUDE, "a.txt", with_line(first, 5, "codex too\n"))
    assert room.texts(CLAUDE) == {}


def test_files_come_and_go_by_the_hand_of_one(room: Room) -> None:
    room.run(CODEX, Phase.INTENT)
    room.repo.remove("b.txt")
    room.repo.write("c.txt", "c\n", executable=True)
    room.look()
    room.later()
    room.run(CODEX, Phase.DONE)
    assert room.texts(CODEX) == {"b.txt": None, "c.txt": "c\n"}
    made = room.files(CODEX)["c.txt"].now
    assert made is not None
    assert made.entry.mode == "100755"
    assert room.authors == {CODEX}


def test_a_file_that_one_moved_is_at_its_old_place_for_who_only_edits_it(room: Room) -> None:
    room.save(CLAUDE, "a.txt", with_line(BASE, 2, "before\n"))
    room.later()
    room.run(CODEX, Phase.INTENT)
    room.repo.git("mv", "a.txt", "moved.txt")
    room.look()
    room.later()
    room.run(CODEX, Phase.DONE)
    room.save(CLAUDE, "moved.txt", with_line(with_line(BASE, 2, "before\n"), 9, "after\n"))
    moved = room.files(CODEX)["a.txt"]
    assert (moved.kind.value, moved.now_path) == ("renamed", "moved.txt")
    assert room.texts(CODEX) == {"moved.txt": BASE}
    assert room.texts(CLAUDE) == {"a.txt": with_line(with_line(BASE, 2, "before\n"), 9, "after\n")}
    room.later()
    assert room.texts(CODEX) == {"moved.txt": BASE}
    assert room.texts(CLAUDE) == {"a.txt": with_line(with_line(BASE, 2, "before\n"), 9, "after\n")}


def test_a_binary_a_link_and_a_mode_are_the_last_writers_as_a_whole(room: Room) -> None:
    room.run(CLAUDE, Phase.INTENT)
    room.repo.write("data.bin", b"\0\1")
    (room.repo.path / "link").symlink_to("a.txt")
    room.look()
    room.later()
    assert set(room.files(CLAUDE)) == {"data.bin", "link"}
    (room.repo.path / "b.txt").chmod(0o755)
    room.look()
    assert [file.mode_changed for file in room.files("unattributed").values()] == [True]


def test_a_commit_moves_nothing_and_an_ended_session_keeps_what_is_not_committed(room: Room) -> None:
    room.save(CODEX, "a.txt", with_line(BASE, 1, "codex\n"))
    room.save(CLAUDE, "b.txt", "claude\n")
    before = room.files(CODEX), room.files(CLAUDE)
    room.repo.commit("all of it")
    assert room.look() == ""
    assert (room.texts(CODEX), room.texts(CLAUDE)) == (
        {"a.txt": with_line(BASE, 1, "codex\n")},
        {"b.txt": "claude\n"},
    )
    assert {path: file.digest for part in before for path, file in part.items()} == {
        path: file.digest for author in (CODEX, CLAUDE) for path, file in room.files(author).items()
    }
    room.save(CODEX, "b.txt", "claude\ncodex\n")
    room.enter(CLAUDE, SessionId("gemini-1"))
    assert set(room.files(CODEX)) == {"b.txt"}
    room.repo.git("commit", "-q", "--amend", "-a", "-m", "all of it, better")
    assert room.look() == ""
    assert room.files(CODEX) == {}
    assert set(room.files(CLAUDE)) == {"b.txt"}


def test_saved_and_committed_between_two_looks_is_not_lost(room: Room) -> None:
    room.enter(CODEX)  # alone: the checkout is looked at from its HEAD on
    room.look()
    room.tell(CODEX, "a.txt", LINES[1], f"{LINES[1]}codex\n")
    room.repo.commit("at once", {"a.txt": with_line(BASE, 1, "codex\n")})
    room.look()
    room.enter(CODEX, CLAUDE)
    room.look()
    assert room.texts(CODEX) == {"a.txt": with_line(BASE, 1, "codex\n")}


def test_a_pull_begins_anew_and_keeps_what_is_known_of_files_that_it_does_not_bring(room: Room) -> None:
    room.repo.git("checkout", "-q", "-b", "upstream")
    upstream = room.repo.commit("theirs", {"b.txt": "theirs\n"})
    room.repo.git("checkout", "-q", "main")
    room.look()
    room.save(CODEX, "a.txt", with_line(BASE, 1, "codex\n"))
    room.save(CLAUDE, "a.txt", with_line(with_line(BASE, 1, "codex\n"), 9, "claude\n"))
    room.repo.git("merge", "-q", "--ff-only", "upstream")
    assert room.look() == ""
    assert room.sharing.base_of(room.root) == Sha(upstream)
    assert room.texts(CODEX) == {"a.txt": with_line(BASE, 1, "codex\n")}
    assert room.texts(CLAUDE) == {"a.txt": with_line(BASE, 9, "claude\n")}
    assert room.authors == {CODEX, CLAUDE}


def test_a_rebase_says_of_which_files_nobody_knows_any_more_who_wrote_what(room: Room) -> None:
    room.repo.git("checkout", "-q", "-b", "upstream")
    room.repo.commit("theirs", {"a.txt": with_line(BASE, 6, "theirs\n")})
    room.repo.git("checkout", "-q", "main")
    room.look()
    room.save(CODEX, "a.txt", with_line(BASE, 1, "codex\n"))
    room.repo.git("stash", "-q")
    room.repo.git("rebase", "-q", "upstream")
    room.repo.git("stash", "pop", "-q")
    said = room.look()
    assert "who wrote what in a.txt until then is not known any more" in said
    assert room.texts("unattributed") == {"a.txt": with_line(with_line(BASE, 1, "codex\n"), 6, "theirs\n")}
    assert room.authors == {"unattributed"}


@pytest.mark.parametrize(
    "told",
    ["/etc/passwd", "../outside.txt", "a\0b", "", "/", ".", "x" * 5000, "\udcff", "no/such/folder/../../../../a.txt"],
)
def test_a_path_that_is_not_in_the_checkout_says_nothing(room: Room, told: str) -> None:
    room.repo.write("a.txt", "other\n")
    room.look()
    room.tell(CODEX, told, None, "other\n")
    room.later()
    assert room.authors == {"unattributed"}


def test_a_path_is_found_however_it_is_told(room: Room) -> None:
    alias = room.repo.path.parent / "alias"
    alias.symlink_to(room.repo.path)
    for number, told in enumerate([f"{alias}/a.txt", "./a.txt", f"{room.root}/x/../a.txt", "a.txt"]):
        text = f"version {number}\n"
        room.repo.write("a.txt", text)
        room.look()
        room.tell(CODEX, told, None, text)
        assert room.texts(CODEX) == {"a.txt": text}, told
        assert room.authors == {CODEX}


def test_a_session_that_does_not_work_here_says_nothing(room: Room) -> None:
    room.repo.write("a.txt", "other\n")
    room.look()
    room.tell(SessionId("stranger-1"), "a.txt", None, "other\n")
    room.later()
    assert room.authors == {"unattributed"}


def test_the_same_work_by_one_session_is_one_part(room: Room) -> None:
    first = with_line(BASE, 1, "codex\n")
    room.save(CODEX, "a.txt", first)
    room.save(CODEX, "a.txt", with_line(first, 9, "claude\n"))
    assert room.authors == {CODEX}
    room.enter(CODEX)
    assert room.sharing.parts(room.root, room.whole) is None


@pytest.mark.parametrize("seed", range(6))
def test_random_work_by_two_gives_each_exactly_his_own(room: Room, seed: int) -> None:
    """Each edits his half of three files and tells of it before or after it is seen; they commit, and time passes."""
    dice = random.Random(seed)
    names = ["one.txt", "two.txt", "three.txt"]
    middle = "---\nmiddle\n---\n"
    base = {CODEX: "top\n", CLAUDE: "bottom\n"}
    halves = {name: dict(base) for name in names}

    def text(half: dict[SessionId, str]) -> str:
        return half[CODEX] + middle + half[CLAUDE]

    for name in names:
        room.repo.write(name, text(base))
    room.repo.commit("three files")
    room.enter()
    room.enter(CODEX, CLAUDE)
    room.look()

    for number in range(40):
        name, author = dice.choice(names), dice.choice([CODEX, CLAUDE])
        before, half = text(halves[name]), halves[name]
        lines = half[author].splitlines(keepends=True)
        lines[dice.randrange(len(lines)) :: dice.choice([1, 50])] = [f"{author} {number}\n"]
        if dice.random() < 0.4:
            lines.insert(dice.randrange(len(lines) + 1), f"{author} adds {number}\n")
        old, half[author] = half[author], "".join(lines)
        whole = dice.random() < 0.3
        edit = (None, text(half)) if whole else (old, half[author])
        first = dice.choice([Phase.INTENT, Phase.DONE])
        if first is Phase.INTENT:
            room.tell(author, name, *edit, phase=Phase.INTENT)
        assert before.count(old) == 1 or whole
        room.repo.write(name, text(half))
        if dice.random() < 0.7:
            room.look()
        room.tell(author, name, *edit)
        if dice.random() < 0.1:
            room.look()
            room.later()
        if dice.random() < 0.1:
            room.repo.commit(f"work until {number}")
    room.look()
    for author, other in ((CODEX, CLAUDE), (CLAUDE, CODEX)):
        own = {name: text({author: half[author], other: base[other]}) for name, half in halves.items()}
        assert room.texts(author) == {name: said for name, said in own.items() if said != text(base)}
    assert room.authors <= {CODEX, CLAUDE}


def test_of_who_has_ended_a_move_stands_until_it_is_committed_and_committed_lines_do_not(room: Room) -> None:
    room.save(CODEX, "a.txt", with_line(BASE, 1, "codex\n"))
    room.repo.git("commit", "-q", "-am", "codex's line")
    room.look()
    room.repo.git("mv", "a.txt", "moved.txt")
    room.look()
    room.tell(CLAUDE, "moved.txt", None, with_line(BASE, 1, "codex\n"))
    room.later()
    room.enter()
    room.look()
    assert room.authors == {CLAUDE}
    room.repo.git("commit", "-q", "-am", "the move")
    room.look()
    assert room.sharing.parts(room.root, room.whole) is None


def test_part_of_a_file_that_is_committed_leaves_the_other_authors_part_standing(room: Room) -> None:
    first = with_line(BASE, 1, "codex\n")
    room.save(CODEX, "a.txt", first)
    room.repo.git("commit", "-q", "-am", "codex's line")
    room.look()
    room.save(CLAUDE, "a.txt", with_line(first, 9, "claude\n"))
    room.enter()
    room.look()
    assert room.authors == {CLAUDE}


def test_a_line_that_was_taken_out_stands_as_taken_out_until_that_is_committed(room: Room) -> None:
    room.save(CODEX, "a.txt", BASE.replace(LINES[4], ""))
    room.save(CLAUDE, "b.txt", "b\nof claude\n")
    room.enter(CLAUDE)
    room.look()
    assert room.authors == {CODEX, CLAUDE}
    room.repo.git("commit", "-q", "-m", "without it", "a.txt")
    room.look()
    assert room.sharing.parts(room.root, room.whole) is None, "one is left, and is all of the checkout's change"


def test_a_deleted_file_stands_as_deleted_until_that_is_committed(room: Room) -> None:
    room.run(CODEX, Phase.INTENT)
    (room.root / "b.txt").unlink()
    room.look()
    room.later()
    room.run(CODEX, Phase.DONE)
    room.save(CLAUDE, "a.txt", with_line(BASE, 9, "claude\n"))
    room.enter(CLAUDE)
    room.look()
    assert CODEX in room.authors
    room.repo.git("commit", "-q", "-m", "without it", "b.txt")
    room.look()
    assert room.sharing.parts(room.root, room.whole) is None


def test_a_deleted_file_is_whose_command_ran_just_then_though_another_ran_one_shortly_before(room: Room) -> None:
    room.save(CODEX, "made/new.txt", "made by codex\n")
    room.later()
    room.run(CLAUDE, Phase.INTENT)
    room.run(CLAUDE, Phase.DONE)
    wait_for_a_later_time(room)
    room.run(CODEX, Phase.INTENT)
    (room.root / "made/new.txt").unlink()
    room.run(CODEX, Phase.DONE)
    room.look()
    room.later()

    assert room.authors == set()


def test_a_deleted_file_is_nobodys_where_its_folder_says_only_when_another_file_went(room: Room) -> None:
    for name in ("one.txt", "two.txt"):
        room.save(CODEX, f"made/{name}", f"{name} by codex\n")
    room.later()
    room.run(CODEX, Phase.INTENT)
    (room.root / "made/one.txt").unlink()
    room.run(CODEX, Phase.DONE)
    wait_for_a_later_time(room)
    room.run(CLAUDE, Phase.INTENT)
    (room.root / "made/two.txt").unlink()
    room.run(CLAUDE, Phase.DONE)
    room.look()
    room.later()

    assert "claude-1" not in room.authors
    assert set(room.texts("codex-1")) == {"made/one.txt", "made/two.txt"}


def test_two_are_together_no_more_than_each_is_once_one_has_ended(room: Room) -> None:
    room.save(CODEX, "new.txt", "made by codex\n")
    room.save(CODEX, "a.txt", with_line(BASE, 2, "codex\n"))
    room.save(CLAUDE, "a.txt", with_line(with_line(BASE, 2, "codex\n"), 8, "claude\n"))
    room.later()
    (room.root / "new.txt").unlink()  # by nobody who told of it
    room.look()
    room.later()
    assert set(room.texts("codex-1")) == {"new.txt", "a.txt"} == together(room)

    room.enter(CLAUDE)

    assert set(room.texts("codex-1")) == {"a.txt"} == together(room)


def together(room: Room) -> set[str]:
    """The files that both have together."""
    parts = room.sharing.parts(room.root, msgspec.structs.replace(room.whole, path=str(room.root)))
    assert parts is not None
    one, two = (change for change, _ in parts if change.id != "main@unattributed")
    files = room.sharing.together(one, two)
    assert files is not None
    return {file.path for file in files}


def wait_for_a_later_time(room: Room) -> None:
    """Until what is done from now on is later than what was, as far as the times of files can say."""
    marked = room.clock
    while room.clock - marked < 50:
        pass
