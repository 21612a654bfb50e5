"""Who wrote a line of a revision, on real repositories: blame, trailers, squashes, landings, what is ignored."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gitrepo import GitRepo
from landingrepo import LandingRepo, changed
from watchkeeper.app import now, open_log
from watchkeeper.lockwatch.ledger import Ledger
from watchkeeper.model.errors import GitError
from watchkeeper.model.fleet import Budget, Engagement, EngagementId, EngagementSealed, IssueId, Seal
from watchkeeper.model.ids import ProjectId, Sha
from watchkeeper.model.landing import Entry, EntryQueued, LandingDone, LandingIntended
from watchkeeper.record.log import Log
from watchkeeper.repos.blame import IGNORED, Credit, blame_lines, parse_credits, read_said
from watchkeeper.repos.hub import Hub, open_hub
from watchkeeper.repos.landingcommits import Method
from watchkeeper.repos.repository import find_repository

P = ProjectId("p")


@pytest.fixture
def hub(git_repo: GitRepo, tmp_path: Path) -> Iterator[Hub]:
    git_repo.commit("base", {"a.py": "one\ntwo\nthree\n"})
    with open_hub(find_repository(git_repo.path), tmp_path / "state") as found:
        yield found


def test_each_line_is_its_own_commits_at_the_revision_that_is_asked_for(hub: Hub, git_repo: GitRepo) -> None:
    base = git_repo.head
    ours = git_repo.commit("b: two\n\nAgent: claude\nIssue: 7\n", {"a.py": "one\nTWO\nthree\n"})
    later = git_repo.commit("c: all moves down", {"a.py": "zero\none\nTWO\nTHREE\n"})

    found = blame_lines(hub, Sha(ours), "a.py", [1, 2, 3])
    assert [(n, each.commit, each.text) for n, each in sorted(found.items())] == [
        (1, base, "one"), (2, ours, "TWO"), (3, base, "three"),
    ]  # fmt: skip
    assert blame_lines(hub, Sha(later), "a.py", [4])[4].commit == later
    assert read_said(hub, Sha(ours)).credits == (Credit("claude", "7"),)


def test_a_line_beyond_the_end_is_left_out_and_a_missing_file_is_an_error(hub: Hub, git_repo: GitRepo) -> None:
    assert blame_lines(hub, Sha(git_repo.head), "a.py", [0, 99]) == {}
    with pytest.raises(GitError) as told:
        blame_lines(hub, Sha(git_repo.head), "b.py", [1])
    assert told.value.slug == "not-in-revision"


def test_who_only_indents_a_line_has_not_written_it(hub: Hub, git_repo: GitRepo) -> None:
    base = git_repo.head
    git_repo.commit("wrap", {"a.py": "if x:\n    one\n    two\nthree\n"})

    found = blame_lines(hub, Sha(git_repo.head), "a.py", [1, 2])
    assert [found[2].commit == base, found[1].commit == base] == [True, False]


def test_commits_that_the_revision_itself_lists_are_passed_over(hub: Hub, git_repo: GitRepo) -> None:
    base = git_repo.head
    quotes = git_repo.commit("style", {"a.py": "one\ntwo;\nthree\n"})
    assert blame_lines(hub, Sha(quotes), "a.py", [2])[2].commit == quotes
    git_repo.commit("list it", {IGNORED: f"# style\n{quotes}\nnonsense\n{'f' * 40}\n"})

    assert blame_lines(hub, Sha(git_repo.head), "a.py", [2])[2].commit == base


def test_hostile_names_and_messages_stay_on_one_line(hub: Hub, git_repo: GitRepo) -> None:
    name = "-L1,9 --output=x.py"
    git_repo.commit("\x1b[31mred\n\nAgent: a\x1b[2J\nIssue: \u202e7", {name: "x\x1b[0m\n"})

    said = read_said(hub, Sha(git_repo.head))
    line = blame_lines(hub, Sha(git_repo.head), name, [1])[1]
    assert all(text.isprintable() for text in (said.subject, line.text, *(c.agent + c.issue for c in said.credits)))


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("fix: x\n\nAgent: a\nIssue: 1\nEngagement: e-1\n", [Credit("a", "1", "e-1")]),
        (
            "squash\n\n* one\n\nAgent: a\nIssue: 1\n\n* two\n\nAgent: b\nIssue: 2\n",
            [Credit("a", "1"), Credit("b", "2")],
        ),
        ("squash\n\nAgent: a\nIssue: 1\n\nAgent: a\nIssue: 1\n", [Credit("a", "1")]),
        ("no trailer: Agent a did it", []),
        ("agent: lower case counts\n", [Credit("lower case counts")]),
    ],
)
def test_trailers_of_squashed_commits_are_several_works(message: str, expected: list[Credit]) -> None:
    assert list(parse_credits(message)) == expected


@pytest.fixture
def landings(git_repo: GitRepo, tmp_path: Path) -> Iterator[LandingRepo]:
    made = LandingRepo(git_repo, tmp_path / "state")
    yield made
    made.hub.close()


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    with open_log(tmp_path / "home", {}) as made:
        yield made


def land(log: Log, landings: LandingRepo, new: Sha, *entries: Entry) -> None:
    """What the record says after two engagements' changes landed at once."""
    seal = Seal(landings.base, (), Budget(), "d")
    sealed = [
        Engagement(
            EngagementId(f"e-{each.change}"), "engineer-resolves-issue", IssueId(f"issue-{each.change}"),
            f"agent-{each.change}", seal, branch=each.change,
        )
        for each in entries
    ]  # fmt: skip
    names = tuple(each.id for each in entries)
    events = [
        *map(EngagementSealed, sealed), *map(EntryQueued, entries),
        LandingIntended(names, landings.base, new, new, "gate"), LandingDone(new),
    ]  # fmt: skip
    log.append(P, events, now())


@pytest.mark.parametrize("method", list(Method))
def test_of_a_landed_batch_each_line_is_its_own_entrys_by_the_ledger(
    landings: LandingRepo, log: Log, method: Method
) -> None:
    """No commit has a trailer of an agent; squashed or replayed ones are no longer those that the agents made."""
    ours = landings.branch("ours", {"a.py": changed(5, "ours = 1")})
    theirs = landings.branch("theirs", {"a.py": changed(20, "theirs = 2"), "b.py": changed(3, "theirs = 3")})
    entries = [Entry(e.id, e.change, e.head, landings.base, e.title) for e in (ours, theirs)]
    new = landings.make(method, *entries)
    blame = Ledger(landings.hub, log, P, P)
    assert blame.written(new, "a.py", [5])[5].works == (), "nothing was recorded yet"
    land(log, landings, new, *entries)

    found = blame.written(new, "a.py", [5, 20, 1])

    assert [[(work.agent, work.issue, work.change) for work in found[line].works] for line in (5, 20, 1)] == [
        [("agent-ours", "issue-ours", "ours")],
        [("agent-theirs", "issue-theirs", "theirs")],
        [],
    ]


def test_a_squash_of_two_whose_trailers_say_no_line_gives_two_candidates(git_repo: GitRepo, hub: Hub, log: Log) -> None:
    git_repo.commit("two at once\n\nAgent: a\nIssue: 1\n\nAgent: b\nIssue: 2\n", {"a.py": "one\nTWO\nthree\n"})
    blame = Ledger(hub, log, P, P)

    found = blame.written(Sha(git_repo.head), "a.py", [2])

    assert [(work.agent, work.issue) for work in found[2].works] == [("a", "1"), ("b", "2")]


def test_a_trailer_of_ours_outside_a_landing_of_ours_is_not_believed(git_repo: GitRepo, hub: Hub, log: Log) -> None:
    git_repo.commit("mine\n\nWatchkeeper-Change: ours/1\n", {"a.py": "one\nTWO\nthree\n"})
    entry = Entry("ours/1", "ours", Sha(git_repo.head))  # type: ignore[arg-type]
    log.append(P, [EntryQueued(entry)], now())
    blame = Ledger(hub, log, P, P)

    assert blame.written(Sha(git_repo.head), "a.py", [2])[2].works == ()
