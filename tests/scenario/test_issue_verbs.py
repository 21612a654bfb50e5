"""The verbs of issues on a real repository and record: what they print, what they record, what they end with."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from githubserver import TOKEN, Fault, GitHubServer, serving
from gitrepo import GitRepo
from watchkeeper.app import find_place, now, open_log
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.issue import VERBS, find_verb
from watchkeeper.cli.main import run
from watchkeeper.model.fleet import (
    RESOLVES_ISSUE,
    Budget,
    Choice,
    Dispatch,
    DispatchDecided,
    Engagement,
    EngagementId,
    EngagementMoved,
    EngagementSealed,
    FleetEvent,
    IssueId,
    Seal,
    Stage,
)
from watchkeeper.model.ids import Sha
from watchkeeper.tracking import open_sync, open_tracking, read_fleet

COMMAND = [sys.executable, "-m", "watchkeeper"]


class Said(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found


Issue = Callable[..., Said]


@pytest.fixture
def issue(capsys: pytest.CaptureFixture[str]) -> Issue:
    """Runs ``watchkeeper issue ...`` as the program does, in this process."""

    def say(*argv: str | Path) -> Said:
        code = run(["issue", *(str(each) for each in argv)])
        return Said(code, *capsys.readouterr())

    return say


@pytest.fixture
def repo(git_repo: GitRepo, monkeypatch: pytest.MonkeyPatch) -> GitRepo:
    """A repository with a commit, in a folder called ``repo``; the process is in it."""
    git_repo.commit("first", {"a.py": "x = 1\n"})
    monkeypatch.chdir(git_repo.path)
    monkeypatch.setenv("USER", "ada")
    return git_repo


@pytest.fixture
def github(repo: GitRepo, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHubServer]:
    """A GitHub with ``octo-org/shop``, configured, and a token for it."""
    with serving() as server:
        server.repo("octo-org/shop")
        monkeypatch.setenv("WATCHKEEPER_TRACKER_API", server.url)
        monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
        repo.write("watchkeeper.toml", '[tracker]\ngithub = "octo-org/shop"\n')
        yield server


def record(*events: FleetEvent) -> None:
    place = find_place(Path(), os.environ)
    with open_log(place.home) as log:
        log.append(place.project, events, now())


def sealed(issue: str, identity: str = "e-1a2b3c4d") -> EngagementSealed:
    seal = Seal(Sha("0" * 40), (), Budget(), "d")
    return EngagementSealed(Engagement(EngagementId(identity), RESOLVES_ISSUE, IssueId(issue), "codex", seal))


def moved(stage: Stage, reason: str = "", identity: str = "e-1a2b3c4d") -> EngagementMoved:
    return EngagementMoved(EngagementId(identity), stage, reason)


def test_every_verb_of_issues_is_there_and_says_what_the_list_says() -> None:
    for name, said in VERBS.items():
        assert (find_verb(name).help or "").partition("\n\n")[0] == said


def test_before_anything_was_filed_there_is_nothing_and_nothing_is_created(
    repo: GitRepo, issue: Issue, private_home: Path
) -> None:
    assert issue("list").out == "no issue was filed yet\nnext: watchkeeper issue new TITLE\n"
    assert issue("list", "--json").document["issues"] == []
    assert issue("show", "1").code == Exit.USAGE
    assert not private_home.exists()


def test_an_issue_is_filed_shown_changed_and_closed_without_a_daemon(repo: GitRepo, issue: Issue) -> None:
    said = issue("new", "Retry uploads", "--body", "They *fail*.\n\n- twice", "--label", "bug", "--priority", "1")
    assert said.out == "filed: repo#1  Retry uploads\nnext: watchkeeper issue show repo#1\n"
    issue("new", "Second", "--depends", "1", "--label", "ready")
    issue("comment", "#1", "it hangs")
    issue("edit", "1", "--title", "Uploads are retried", "--label", "ready", "--unlabel", "bug", "--priority", "0")

    shown = issue("show", "repo#1").out
    assert shown.splitlines()[0] == "repo#1  Uploads are retried"
    assert "open · priority 0 · ready · filed just now by ada" in shown
    assert "  They *fail*.\n\n  - twice\n" in shown
    assert "  it hangs\n" in shown
    assert issue("list").out.splitlines()[:3] == [
        "repo#1  p0  Uploads are retried  [ready]",
        "repo#2  Second  [ready]",
        "        waits for repo#1",
    ]

    assert issue("close", "1", "--reason", "done by hand").out.startswith("closed: repo#1\n")
    assert issue("close", "1").out.startswith("it is closed already; nothing was changed: repo#1\n")
    assert issue("list", "--state", "closed").out.splitlines()[1].strip() == "closed: person, done by hand"
    assert issue("list", "--json").document["issues"][0]["waits_for"] == ""
    assert issue("reopen", "1").out.startswith("open again: repo#1\n")
    assert [each.issue.author for each in read_fleet(find_place(Path(), os.environ)).issues.values()] == ["ada", "ada"]


def test_labels_filter_and_what_is_urgent_and_old_comes_first(repo: GitRepo, issue: Issue) -> None:
    issue("new", "one", "--label", "a")
    issue("new", "two", "--label", "a", "--label", "b", "--priority", "0")
    issue("new", "three", "--priority", "4")

    titles = [each["title"] for each in issue("list", "--json").document["issues"]]
    both = [each["title"] for each in issue("list", "--label", "a", "--label", "b", "--json").document["issues"]]

    assert (titles, both) == (["two", "one", "three"], ["two"])
    assert issue("list", "--label", "none").out.startswith("no issue fits\n")


def test_the_list_says_who_has_an_issue_and_what_the_others_wait_for(repo: GitRepo, issue: Issue) -> None:
    for title in ("claimed", "labelled", "failed", "ordered", "done", "free"):
        issue("new", title, *(["--label", "blocked"] if title == "labelled" else []))
    record(sealed("repo#1"), moved(Stage.RUNNING))
    record(sealed("repo#3", "e-00000003"), moved(Stage.FAILED, "tests fail", "e-00000003"))
    record(DispatchDecided(Dispatch(Choice.ORDER, "repo#1 will probably touch stages.py too", IssueId("repo#4"))))
    record(sealed("repo#5", "e-00000005"), moved(Stage.DONE, "", "e-00000005"))

    found = {each["title"]: each for each in issue("list", "--json").document["issues"]}

    assert found["claimed"]["claimed_by"] == "e-1a2b3c4d"
    assert "codex has it: e-1a2b3c4d is running (just now)" in issue("list").out
    assert {title: each["waits_for"] for title, each in found.items()} == {
        "claimed": "",
        "labelled": "a person: it is labelled blocked",
        "failed": "a person: e-00000003 ended as failed, tests fail",
        "ordered": "repo#1 will probably touch stages.py too",
        "done": "the landing of e-00000005",
        "free": "",
    }
    assert "e-1a2b3c4d still works on it" in issue("close", "1").err


@pytest.mark.parametrize(
    ("argv", "slug", "said"),
    [
        (["show", "7"], "unknown-issue", "There is no issue '7'"),
        (["show", "rpo#1"], "unknown-issue", "did you mean repo#1, repo#2?"),
        (["new", " "], "issue-title", "needs a title"),
        (["new", "x", "--depends", "9"], "unknown-issue", "'9'"),
        (["edit", "1", "--depends", "1"], "issue-cycle", "repo#1 -> repo#1"),
        (["edit", "1", "--depends", "2"], "issue-cycle", "repo#1 -> repo#2 -> repo#1"),
        (["edit", "1"], "usage", "Nothing is to be changed"),
        (["new", "x", "--body", "a", "--body-file", "b"], "usage", "twice"),
        (["new", "x", "--body-file", "missing.md"], "issue-file", "missing.md cannot be read"),
        (["new", "x", "--priority", "5"], "usage", "5 is not in the range"),
        (["comment", "1"], "issue-comment", "empty"),
        (["clsoe", "1"], "usage", "did you mean 'close'?"),
        (["import", "missing.jsonl"], "issue-file", "missing.jsonl cannot be read"),
        (["import", "."], "issue-file", "cannot be read"),
        (["sync"], "tracker-missing", "No tracker is configured"),
    ],
)
def test_a_mistake_is_an_error_that_says_what_to_do_and_changes_nothing(
    repo: GitRepo, issue: Issue, argv: list[str], slug: str, said: str
) -> None:
    issue("new", "one")
    issue("new", "two", "--depends", "1")
    before = read_fleet(find_place(Path(), os.environ))

    document = issue(*argv, "--json")

    assert document.code == Exit.USAGE
    assert document.document["error"]["slug"] == slug
    assert said in document.document["error"]["message"]
    assert document.document["error"]["hint"]
    assert read_fleet(find_place(Path(), os.environ)) == before


def test_a_text_may_come_from_a_file_or_from_standard_input(
    repo: GitRepo, issue: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.write("body.md", "# What\r\nDo it.\n")
    issue("new", "one", "--body-file", "body.md")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"piped \xff")))
    issue("comment", "1", "--body-file", "-")

    shown = issue("show", "1", "--json").document["issue"]

    assert shown["body"] == "# What\nDo it.\n"
    assert shown["comments"][0]["text"] == "piped \ufffd"


def test_hostile_text_acts_on_no_terminal(repo: GitRepo, issue: Issue) -> None:
    issue("new", "a\x1b[2J\nnext: rm -rf /", "--body", "b\x1b]0;x\x07\u202e", "--label", "c\x1b[1m\nd")
    issue("comment", "1", "\x9b2J\rhidden")

    for argv in (["list"], ["show", "1"], ["list", "--json"], ["show", "1", "--json"]):
        out = issue(*argv).out
        assert not {"\x1b", "\x9b", "\x07", "\r", "\u202e"} & set(out)
        assert sum(line.startswith("next: ") for line in out.splitlines()) <= 1


def test_files_are_imported_whole_once_and_their_changes_are_taken_over(repo: GitRepo, issue: Issue) -> None:
    lines = [
        {"id": "a", "title": "A", "labels": ["bug"]},
        {"id": "b", "title": "B", "depends_on": ["a"], "priority": 0, "state": "closed"},
    ]
    repo.write("issues.jsonl", "\n".join(map(json.dumps, lines)))

    assert issue("import", "issues.jsonl").out == "2 filed\nnext: watchkeeper issue list\n"
    state = read_fleet(find_place(Path(), os.environ))
    assert state.issues[IssueId("repo#2")].issue.depends_on == ("repo#1",)
    issue("edit", "1", "--title", "mine", "--label", "ready")
    issue("close", "1")
    before = read_fleet(find_place(Path(), os.environ))
    assert issue("import", "issues.jsonl", "--json").document["issues"] == [
        {"id": "repo#1", "outcome": "unchanged"},
        {"id": "repo#2", "outcome": "unchanged"},
    ]
    assert read_fleet(find_place(Path(), os.environ)) == before

    lines[0] = {**lines[0], "body": "more"}
    repo.write("issues.jsonl", "\n".join(map(json.dumps, [*lines, {"title": "C", "prioriti": 1}])))
    said = issue("import", "issues.jsonl")
    assert (said.code, read_fleet(find_place(Path(), os.environ))) == (Exit.USAGE, before)
    assert "issues.jsonl:3: there is no 'prioriti'; did you mean 'priority'?" in said.err
    repo.write("issues.jsonl", "\n".join(map(json.dumps, [*lines, {"title": "C", "depends_on": ["b"]}])))
    assert issue("import", "issues.jsonl").out.startswith("1 filed, 1 unchanged, 1 closed here, and left so\n")

    first = read_fleet(find_place(Path(), os.environ)).issues[IssueId("repo#1")].issue
    assert (first.title, first.body, first.labels) == ("mine", "more", ("bug", "ready"))


def test_processes_that_file_at_once_get_numbers_of_their_own(repo: GitRepo) -> None:
    script = (
        "import sys; from watchkeeper.cli.main import run\n"
        "for n in range(5): run(['issue', 'new', f'{sys.argv[1]}{n}'])"
    )
    filers = [subprocess.Popen([sys.executable, "-c", script, name], stdout=subprocess.DEVNULL) for name in "abcd"]
    assert [filer.wait(60) for filer in filers] == [0] * 4

    issues = read_fleet(find_place(Path(), os.environ)).issues

    assert list(issues) == [f"repo#{number}" for number in range(1, 21)]
    assert {each.issue.title for each in issues.values()} == {f"{name}{n}" for name in "abcd" for n in range(5)}


def test_ids_stay_when_the_folder_is_called_otherwise(repo: GitRepo, issue: Issue, tmp_path: Path) -> None:
    issue("new", "one")
    linked = repo.worktree("elsewhere", "topic")

    assert issue("new", "two", "--repo", linked.path).out.startswith("filed: repo#2  two\n")


def test_a_sync_takes_issues_in_and_closes_them_there(repo: GitRepo, issue: Issue, github: GitHubServer) -> None:
    there = github.repos[0]
    github.issue(there, "Retry uploads", "They fail.", ["ready"])

    assert issue("sync").out == "octo-org/shop: 1 filed\nnext: watchkeeper issue list\n"
    assert issue("list").out.startswith("github:octo-org/shop#1  Retry uploads  [ready]\n")
    closed = issue("close", "1", "--why", "landed", "--reason", "as 1a2b3c4")
    assert closed.out.endswith("next: watchkeeper issue sync\n")
    said = issue("sync", "--json").document
    assert (said["repository"], said["done_there"], said["waiting"]) == ("octo-org/shop", ["github:octo-org/shop#1"], 0)
    assert there.issues[1]["state"] == "closed"
    assert issue("sync").out.startswith("octo-org/shop: nothing new\n")


def test_an_issue_can_be_filed_there(repo: GitRepo, issue: Issue, github: GitHubServer) -> None:
    said = issue("new", "Retry uploads", "--github", "--label", "bug")

    assert said.out.startswith("filed: github:octo-org/shop#1  Retry uploads\n")
    assert github.repos[0].issues[1]["title"] == "Retry uploads"
    assert issue("new", "x", "--github", "--priority", "1").code == Exit.USAGE
    assert issue("sync").out.startswith("octo-org/shop: nothing new\n")


def test_without_a_token_the_sync_says_what_it_could_not_do(
    repo: GitRepo, issue: Issue, github: GitHubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    github.issue(github.repos[0], "Retry uploads")
    monkeypatch.delenv("GITHUB_TOKEN")
    issue("sync")
    issue("close", "1")

    assert issue("sync").out == (
        "octo-org/shop: nothing new\n1 to be done there: no token is in GITHUB_TOKEN\nnext: watchkeeper issue list\n"
    )
    assert issue("new", "x", "--github", "--json").document["error"]["slug"] == "tracker-no-token"
    monkeypatch.setenv("GITHUB_TOKEN", f"{TOKEN} and more")
    refused = issue("sync")
    assert "[tracker-token]" in refused.err
    assert TOKEN not in refused.err + refused.out


def test_what_could_not_be_read_ends_with_one_and_is_said(repo: GitRepo, issue: Issue, github: GitHubServer) -> None:
    github.fail(Fault(200, body=b'[{"number": 9, "title": null}]'), when=lambda _method, path: path.endswith("/issues"))

    said = issue("sync")

    assert said.code == Exit.FOUND
    assert "could not be read or done: #9 has no title" in said.out


def test_two_syncs_at_once_are_one_and_an_error(repo: GitRepo, issue: Issue, github: GitHubServer) -> None:
    place = find_place(Path(), os.environ)
    with open_tracking(place, "") as tracking, open_sync(place, tracking, os.environ, print):
        said = issue("sync", "--json").document["error"]

    assert said["slug"] == "tracker-busy"
    assert str(os.getpid()) in said["message"]
    assert issue("sync").code == Exit.NOTHING


def test_a_renamed_repository_keeps_its_issues_also_under_its_new_name(
    repo: GitRepo, issue: Issue, github: GitHubServer
) -> None:
    github.issue(github.repos[0], "Retry uploads")
    issue("sync")
    github.rename(github.repos[0], "new-org/store")

    said = issue("sync")
    assert "octo-org/shop is called new-org/store now: change [tracker] github" in said.err
    repo.write("watchkeeper.toml", '[tracker]\ngithub = "New-Org/store"\n')
    github.issue(github.repos[0], "second")

    assert issue("sync").out.startswith("new-org/store: 1 filed")
    ids = [each["id"] for each in issue("list", "--json").document["issues"]]
    assert ids == ["github:octo-org/shop#1", "github:octo-org/shop#2"]


@pytest.mark.parametrize("line", ['api = "https://evil.example.org"', 'token_env = "AWS_SECRET_ACCESS_KEY"'])
def test_a_projects_file_may_not_say_where_a_token_goes(
    repo: GitRepo, issue: Issue, github: GitHubServer, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    monkeypatch.delenv("WATCHKEEPER_TRACKER_API")
    repo.write("watchkeeper.toml", f'[tracker]\ngithub = "octo-org/shop"\n{line}\n')

    said = issue("sync", "--json").document["error"]

    assert said["slug"] == "tracker-config"
    assert github.asked == []


def test_the_users_own_file_may_say_where_a_token_goes(
    repo: GitRepo, issue: Issue, github: GitHubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WATCHKEEPER_TRACKER_API")
    folder = Path(os.environ["XDG_CONFIG_HOME"]) / "watchkeeper"
    folder.mkdir(parents=True)
    (folder / "watchkeeper.toml").write_text(f'[tracker]\napi = "{github.url}"\n')

    assert issue("sync").out.startswith("octo-org/shop: nothing new\n")
