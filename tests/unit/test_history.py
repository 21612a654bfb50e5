"""Which past changes were open together."""

from __future__ import annotations

from watchkeeper.model.ids import Millis, Sha
from watchkeeper.repos.history import Commit
from watchkeeper.watch.history import pairs_open_together, read_history, read_pull_requests


def commit(name: str, *parents: str, at: int, authored: int | None = None) -> Commit:
    return Commit(
        sha=Sha(name),
        parents=tuple(Sha(parent) for parent in parents),
        tree=Sha(f"tree-{name}"),
        author="someone",
        authored_at=Millis(authored if authored is not None else at),
        committed_at=Millis(at),
        subject=name,
    )


ROOT = commit("root", at=0)


def titles(commits: list[Commit], head: str) -> list[tuple[str, str]]:
    history = read_history(commits, Sha(head))
    return [(pair.earlier.title, pair.later.title) for pair in pairs_open_together(history.changes)]


def test_two_branches_forked_from_one_commit_were_open_together() -> None:
    commits = [
        ROOT,
        commit("a", "root", at=1),
        commit("b", "root", at=2),
        commit("merge-a", "root", "a", at=3),
        commit("merge-b", "merge-a", "b", at=4),
    ]
    assert titles(commits, "merge-b") == [("merge-a", "merge-b")]


def test_a_branch_forked_after_the_other_landed_was_not_open_with_it() -> None:
    commits = [
        ROOT,
        commit("a", "root", at=1),
        commit("merge-a", "root", "a", at=2),
        commit("b", "merge-a", at=3),
        commit("merge-b", "merge-a", "b", at=4),
    ]
    assert titles(commits, "merge-b") == []


def test_a_branch_that_took_the_other_in_by_itself_is_no_longer_compared_with_it() -> None:
    commits = [
        ROOT,
        commit("a", "root", at=1),
        commit("b", "root", at=1),
        commit("merge-a", "root", "a", at=2),
        commit("b-takes-a", "b", "merge-a", at=3),
        commit("merge-b", "merge-a", "b-takes-a", at=4),
    ]
    assert titles(commits, "merge-b") == []


def test_a_branch_begun_on_an_old_checkout_after_the_other_landed_was_not_open_with_it() -> None:
    commits = [
        ROOT,
        commit("a", "root", at=1),
        commit("merge-a", "root", "a", at=2),
        commit("b", "root", at=3),
        commit("merge-b", "merge-a", "b", at=4),
    ]
    assert titles(commits, "merge-b") == []


def test_the_base_of_a_past_change_is_where_its_branch_last_met_the_target() -> None:
    commits = [ROOT, commit("a", "root", at=1), commit("merge-a", "root", "a", at=2)]
    (change,) = read_history(commits, Sha("merge-a")).changes
    assert (change.base, change.head, change.forked_at, change.position) == ("root", "a", 0, 1)


def test_on_a_linear_branch_changes_are_open_from_author_date_to_commit_date() -> None:
    commits = [
        ROOT,
        commit("one", "root", at=10, authored=1),
        commit("two", "one", at=20, authored=5),
        commit("three", "two", at=30, authored=25),
    ]
    history = read_history(commits, Sha("three"))
    assert not history.is_exact
    assert titles(commits, "three") == [("one", "two")]


def test_a_change_is_the_later_one_in_no_more_pairs_than_allowed() -> None:
    commits = [ROOT, commit("old", "root", at=0)]
    tip = "root"
    for number in range(6):
        commits += [commit(f"c{number}", tip, at=number), commit(f"m{number}", tip, f"c{number}", at=number)]
        tip = f"m{number}"
    commits.append(commit("m-old", tip, "old", at=99))
    history = read_history(commits, Sha("m-old"))
    assert len([p for p in pairs_open_together(history.changes, most_per_change=4) if p.later.title == "m-old"]) == 4


def test_a_repository_with_one_commit_has_no_past_changes() -> None:
    assert read_history([ROOT], Sha("root")).changes == ()


def test_pull_requests_stand_in_where_the_branch_is_linear() -> None:
    commits = [
        ROOT,
        commit("a", "root", at=5, authored=1),
        commit("b", "root", at=6, authored=2),
        commit("squashed-a", "root", at=7),
        commit("squashed-b", "squashed-a", at=8),
    ]
    history = read_pull_requests(commits, Sha("squashed-b"), {"pull/1": Sha("a"), "pull/2": Sha("b")})
    assert [(p.earlier.head, p.later.head) for p in pairs_open_together(history.changes)] == [("a", "b")]


def test_a_stacked_pull_request_is_left_out() -> None:
    commits = [ROOT, commit("a", "root", at=1), commit("b", "a", at=2), commit("squashed", "root", at=3)]
    history = read_pull_requests(commits, Sha("squashed"), {"pull/1": Sha("a"), "pull/2": Sha("b")})
    assert [change.head for change in history.changes] == ["a"]


def test_pull_requests_of_different_times_were_not_open_together() -> None:
    commits = [
        ROOT,
        commit("a", "root", at=1),
        commit("later", "root", at=5),
        commit("b", "root", at=9),
    ]
    history = read_pull_requests(commits, Sha("later"), {"pull/1": Sha("a"), "pull/2": Sha("b")})
    assert list(pairs_open_together(history.changes)) == []
