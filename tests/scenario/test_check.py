"""``check`` and ``replay`` on real repositories."""

from __future__ import annotations

import json

import pytest

from gitrepo import GitRepo, contents_of
from watchkeeper.app import check, find_place, replay
from watchkeeper.cli.main import run
from watchkeeper.model.changes import WorkNotCounted
from watchkeeper.model.conflicts import Severity
from watchkeeper.model.errors import UsageError
from watchkeeper.model.ids import ChangeId

STAGES = '''\
import store


def update_stage_field(content_id, field, value):
    """Write one field of a stage."""
    row = store.load(content_id)
    if row is None:
        raise KeyError(content_id)

    previous = row.get(field)
    if previous == value:
        return row

    row[field] = value
    store.save(content_id, row)

    store.note(content_id, field, previous, value)
    return row


def read_stage_field(content_id, field):
    return store.load(content_id)[field]
'''
ON_TOP = STAGES.replace("    previous = row", "    store.mirror(content_id, field, value)\n    previous = row")
AT_THE_END = STAGES.replace(
    "    return row\n\n\ndef", "    store.write_status(content_id, field, value)\n    return row\n\n\ndef"
)


@pytest.fixture
def stages(git_repo: GitRepo) -> GitRepo:
    git_repo.commit("stages", {"engine/stages.py": STAGES, "README.md": "# Engine\n"})
    return git_repo


def test_two_writes_of_one_function_are_found_where_git_merges_cleanly(stages: GitRepo) -> None:
    one, two = stages.worktree("agent-a", "agent-a"), stages.worktree("agent-b", "agent-b")
    one.write("engine/stages.py", ON_TOP)
    two.write("engine/stages.py", AT_THE_END)
    report = check(stages.path, [str(one.path), str(two.path)])
    assert [(c.severity, c.kind.value, c.subjects[0]) for c in report.conflicts] == [
        (Severity.MAJOR, "write-write", "engine.stages:update_stage_field")
    ]


def test_the_same_worktrees_without_their_edits_are_silent(stages: GitRepo) -> None:
    one, two = stages.worktree("agent-a", "agent-a"), stages.worktree("agent-b", "agent-b")
    one.write("engine/stages.py", ON_TOP)
    report = check(stages.path, [str(one.path), str(two.path)])
    assert report.conflicts == ()


def test_a_branch_counts_with_its_commits_and_not_with_what_lies_uncommitted_in_its_worktree(stages: GitRepo) -> None:
    one = stages.worktree("agent-a", "agent-a")
    one.commit("on top", {"engine/stages.py": ON_TOP})
    two = stages.worktree("agent-b", "agent-b")
    two.write("engine/stages.py", AT_THE_END)
    report = check(stages.path, ["agent-a", "agent-b"])
    assert (report.conflicts, report.not_counted) == ((), (WorkNotCounted(ChangeId("agent-b"), str(two.path)),))
    two.commit("at the end")
    assert check(stages.path, ["agent-a", "agent-b"]).not_counted == ()
    assert [c.kind.value for c in check(stages.path, ["agent-a", "agent-b"]).conflicts] == ["write-write"]


def test_a_worktree_that_cannot_be_read_is_said_to_be_so_and_its_branch_is_compared(
    stages: GitRepo, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, text in (("agent-a", ON_TOP), ("agent-b", AT_THE_END)):
        stages.worktree(name, name).commit(name, {"engine/stages.py": text})
    (stages.path / ".git" / "worktrees" / "agent-b" / "index").write_bytes(b"no index")

    assert run(["check", "agent-a", "agent-b", "--repo", str(stages.path), "--json"]) == 1
    (work,) = json.loads(capsys.readouterr().out)["not_counted"]
    assert (work["change"], bool(work["reason"])) == ("agent-b", True)
    run(["check", "agent-a", "agent-b", "--repo", str(stages.path)])
    assert "whether agent-b has uncommitted work in" in capsys.readouterr().err


def test_git_judges_overlapping_uncommitted_work(stages: GitRepo) -> None:
    one, two = stages.worktree("agent-a", "agent-a"), stages.worktree("agent-b", "agent-b")
    one.write("README.md", "# Engine of A\n")
    two.write("README.md", "# Engine of B\n")
    (conflict,) = check(stages.path, [str(one.path), str(two.path)]).conflicts
    assert (conflict.kind.value, conflict.severity, conflict.subjects) == ("text", Severity.MINOR, ("README.md",))


def test_changes_that_landed_are_compared_from_where_they_met(stages: GitRepo) -> None:
    stages.switch("a")
    first = stages.commit("on top", {"engine/stages.py": ON_TOP})
    stages.switch("main")
    stages.switch("b")
    second = stages.commit("at the end", {"engine/stages.py": AT_THE_END})
    stages.switch("main")
    stages.git("merge", "-q", "--no-ff", "-m", "merge a", "a")
    stages.git("merge", "-q", "--no-ff", "-m", "merge b", "b")
    assert [c.kind.value for c in check(stages.path, [first, second]).conflicts] == ["write-write"]


def test_a_stale_base_raises_no_phantom(stages: GitRepo) -> None:
    old = stages.worktree("old", "old")
    old.commit("prose", {"README.md": "# Engine, old\n"})
    stages.commit("prose on main", {"README.md": "# Engine, main\n"})
    new = stages.worktree("new", "new")
    new.write("NOTES.md", "new\n")
    assert check(stages.path, [str(old.path), str(new.path)]).conflicts == ()


def test_a_file_that_does_not_parse_is_said_to_be_unread(stages: GitRepo) -> None:
    one, two = stages.worktree("agent-a", "agent-a"), stages.worktree("agent-b", "agent-b")
    one.write("engine/stages.py", b"\x00\x01 not python" * 50)
    two.write("engine/stages.py", AT_THE_END)
    report = check(stages.path, [str(one.path), str(two.path)])
    assert report.conflicts
    assert {c.severity for c in report.conflicts} != {Severity.INFO}


def test_two_migrations_after_one_are_told_and_what_cannot_be_named_is_said(stages: GitRepo) -> None:
    head = "from django.db import migrations\n\n\nclass Migration(migrations.Migration):\n"
    after = '    dependencies = [("engine", "0001_initial")]\n'
    stages.commit("a first migration", {"engine/migrations/0001_initial.py": head + "    dependencies = []\n"})
    one, two = stages.worktree("agent-a", "agent-a"), stages.worktree("agent-b", "agent-b")
    one.write("engine/migrations/0002_one.py", head + after)
    two.write("engine/migrations/0002_two.py", head + after)
    two.write("engine/names.py", "import os\n\n\ndef find(name):\n    return os.environ[name]\n")

    report = check(stages.path, [str(one.path), str(two.path)])

    assert [(c.rule, c.severity) for c in report.conflicts] == [("migrations-heads", Severity.BLOCKING)]
    assert [(p.change, p.path, p.line, p.kind.value) for p in report.not_analysed] == [
        ("agent-b", "engine/names.py", 5, "environment")
    ]


def test_an_unknown_name_is_a_usage_error_with_a_hint(stages: GitRepo) -> None:
    stages.branch("agent-a")
    with pytest.raises(UsageError) as caught:
        check(stages.path, ["agent-a", "agent-aa"])
    assert "agent-a" in caught.value.hint


def test_a_folder_that_is_no_worktree_is_a_usage_error(stages: GitRepo) -> None:
    stages.branch("agent-a")
    with pytest.raises(UsageError, match="no worktree"):
        check(stages.path, ["agent-a", str(stages.path / "engine")])


def test_the_repository_stays_byte_identical(stages: GitRepo) -> None:
    one, two = stages.worktree("agent-a", "agent-a"), stages.worktree("agent-b", "agent-b")
    one.write("engine/stages.py", ON_TOP)
    two.write("engine/stages.py", AT_THE_END)
    before = contents_of(stages.path.parent)
    check(stages.path, [str(one.path), str(two.path)])
    assert contents_of(stages.path.parent) == before


def test_the_document_has_the_agreed_shape(stages: GitRepo, capsys: pytest.CaptureFixture[str]) -> None:
    stages.worktree("agent-a", "agent-a").commit("on top", {"engine/stages.py": ON_TOP})
    stages.worktree("agent-b", "agent-b").commit("at the end", {"engine/stages.py": AT_THE_END})
    code = run(["check", "agent-a", "agent-b", "--repo", str(stages.path), "--json"])
    document = json.loads(capsys.readouterr().out)
    (conflict,) = document["conflicts"]
    assert (code, document["version"], [change["id"] for change in document["changes"]]) == (
        1,
        1,
        ["agent-a", "agent-b"],
    )
    assert set(conflict) >= {
        "id", "kind", "rule", "severity", "confidence", "changes", "subjects", "summary", "evidence", "next_step",
    }  # fmt: skip
    assert {(item["change"], item["path"]) for item in conflict["evidence"]} == {
        ("agent-a", "engine/stages.py"),
        ("agent-b", "engine/stages.py"),
    }
    assert all(item["line"] > 0 and item["text"] for item in conflict["evidence"])


def test_one_change_alone_is_a_usage_error(stages: GitRepo, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "main", "--repo", str(stages.path)]) == 2
    assert "next:" in capsys.readouterr().err


def test_replay_finds_what_two_merged_branches_did_to_each_other(stages: GitRepo) -> None:
    for name, text in (("a", ON_TOP), ("b", AT_THE_END)):
        stages.switch("main")
        stages.switch(name)
        stages.commit(name, {"engine/stages.py": text})
    stages.switch("main")
    for name in ("a", "b"):
        stages.git("merge", "-q", "--no-ff", "-m", f"merge {name}", name)
    report = replay(find_place(stages.path, {}), merges=10)
    assert (len(report.pairs), report.count_same_file(), report.count_at(Severity.MAJOR)) == (1, 1, 1)


def test_replay_of_unrelated_branches_is_silent(stages: GitRepo) -> None:
    for name in ("a", "b"):
        stages.switch("main")
        stages.switch(name)
        stages.commit(name, {f"engine/{name}.py": f"def {name}():\n    return 1\n"})
    stages.switch("main")
    for name in ("a", "b"):
        stages.git("merge", "-q", "--no-ff", "-m", f"merge {name}", name)
    report = replay(find_place(stages.path, {}), merges=10)
    assert (len(report.pairs), report.count_same_file(), report.count_at(Severity.INFO)) == (1, 0, 0)


def test_replay_without_commits_says_so(git_repo: GitRepo, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["replay", "--repo", str(git_repo.path)]) == 3
    assert "no commits" in capsys.readouterr().err
