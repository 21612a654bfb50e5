"""Landing commits: what they hold, what the branch says of itself afterwards, and how they are taken out again."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitrepo import GitRepo
from landingrepo import LINES, NOW_S, LandingRepo, changed
from watchkeeper.model.errors import GitError
from watchkeeper.model.ids import Sha
from watchkeeper.model.landing import Entry, EntryId
from watchkeeper.repos.landed import Forward, Landings, Rewritten, Span, entry_span, find_landed, foreign_commits
from watchkeeper.repos.landingcommits import LandingMaker, Method, NotMade
from watchkeeper.repos.messages import parse_entries
from watchkeeper.repos.reverting import Unrevertible, make_revert

METHODS = tuple(Method)


@pytest.fixture
def landing(git_repo: GitRepo, tmp_path: Path) -> Iterator[LandingRepo]:
    made = LandingRepo(git_repo, tmp_path / "state")
    yield made
    made.hub.close()


@pytest.fixture
def pair(landing: LandingRepo) -> tuple[Entry, Entry]:
    """Two changes of one branch point; main moved on since."""
    one = landing.branch("one", {"a.py": changed(2)}, message="first step")
    one = landing.entry("one", landing.branch("one", {"a.py": changed(2).replace("line 9\n", "nine\n")}).head)
    two = landing.branch("two", {"a.py": changed(20)}, message="other\n\nwhy\n\nCo-authored-by: Cy <cy@x>\n")
    landing.repo.commit("main moves", {"b.py": changed(5)})
    return one, two


def line_of(landing: LandingRepo, new: str, old: str) -> list[str]:
    """The first-parent line above ``old``, the oldest first."""
    hub = GitRepo(landing.hub.folder)
    return hub.git("--git-dir=.", "rev-list", "--first-parent", "--reverse", new, f"^{old}").split()


@pytest.mark.parametrize("method", METHODS)
def test_the_last_tree_is_the_tested_one_whatever_the_method(
    landing: LandingRepo, pair: tuple[Entry, Entry], method: Method
) -> None:
    new = landing.make(method, *pair)

    assert landing.show(new, "%T") == landing.build(*pair).tree
    assert landing.show(new, "%(trailers:key=Watchkeeper-Gate,valueonly)").strip() == "gate-hash"
    assert landing.hub.repository.is_ancestor(landing.main, new)
    assert landing.make(method, *pair) == new, "equal arguments give the equal commit"


def test_a_single_entry_is_a_merge_of_tip_and_head(landing: LandingRepo, pair: tuple[Entry, Entry]) -> None:
    new = landing.make(Method.MERGE, pair[0])

    assert landing.show(new, "%P").split() == [landing.main, pair[0].head]
    assert landing.show(new, "%s") == "Title of one"


def test_a_batch_is_one_commit_on_the_line_above_the_chain_of_single_merges(
    landing: LandingRepo, pair: tuple[Entry, Entry]
) -> None:
    new = landing.make(Method.MERGE, *pair)

    tip, chain = landing.show(new, "%P").split()
    assert tip == landing.main
    assert line_of(landing, new, landing.main) == [new]
    assert landing.show(chain, "%P").split()[1] == pair[1].head
    assert landing.show(landing.show(chain, "%P").split()[0], "%P").split() == [landing.main, pair[0].head]
    assert "Watchkeeper-Gate" not in landing.show(chain, "%B"), "only the last tree was tested"
    assert parse_entries(landing.show(new, "%B")) == ("one/1", "two/1")


def test_squash_is_one_commit_for_each_entry_by_its_author_with_all_who_had_a_part(
    landing: LandingRepo, pair: tuple[Entry, Entry]
) -> None:
    landing.repo.switch("one")
    landing.repo.write("z.py", "z\n")
    landing.repo.git("add", "-A")
    author = {"GIT_AUTHOR_NAME": "Eve", "GIT_AUTHOR_EMAIL": "eve@x", "GIT_AUTHOR_DATE": "1700000001 +0200"}
    landing.repo.git("commit", "-q", "-m", "by eve\n\nCo-authored-by: Dan <dan@x>", env=author)
    one = landing.entry("one", landing.repo.head)
    landing.repo.switch("main")

    line = line_of(landing, landing.make(Method.SQUASH, one, pair[1]), landing.main)

    assert [landing.show(sha, "%s") for sha in line] == ["Title of one", "Title of two"]
    assert landing.show(line[0], "%an <%ae> %at %ad").startswith("Eve <eve@x> 1700000001 ")
    assert parse_entries(landing.show(line[0], "%B")) == ("one/1",)
    co_authors = landing.show(line[0], "%(trailers:key=Co-authored-by,valueonly)").splitlines()
    assert co_authors == ["Ada <ada@example.org>", "Dan <dan@x>"]
    assert landing.show(line[1], "%(trailers:key=Co-authored-by,valueonly)") == "Cy <cy@x>"
    assert [len(landing.show(sha, "%P").split()) for sha in line] == [1, 1]


def test_rebase_replays_the_entries_own_commits_with_author_date_and_message(
    landing: LandingRepo, pair: tuple[Entry, Entry]
) -> None:
    line = line_of(landing, landing.make(Method.REBASE, *pair), landing.main)

    assert [landing.show(sha, "%s") for sha in line] == ["first step", "work of one", "other"]
    for sha, old in zip(line, (f"{pair[0].head}~1", pair[0].head, pair[1].head), strict=True):
        assert landing.show(sha, "%an %ae %at") == landing.show(old, "%an %ae %at")
        assert landing.show(sha, "%ct") == str(NOW_S)
    assert "Co-authored-by: Cy <cy@x>\nWatchkeeper-Change: two/1" in landing.show(line[2], "%B")
    assert [parse_entries(landing.show(sha, "%B")) for sha in line] == [(), ("one/1",), ("two/1",)]


def test_merges_within_an_entry_are_flattened_where_that_makes_the_same_tree(landing: LandingRepo) -> None:
    landing.branch("topic", {"a.py": changed(2)})
    landing.repo.commit("main moves", {"b.py": changed(5)})
    landing.repo.switch("topic")
    landing.repo.git("merge", "-q", "--no-edit", "main")
    head = landing.repo.commit("after the merge", {"a.py": changed(2).replace("line 9\n", "nine\n")})
    landing.repo.switch("main")

    line = line_of(landing, landing.make(Method.REBASE, landing.entry("topic", head)), landing.main)

    assert [landing.show(sha, "%s") for sha in line] == ["work of topic", "after the merge"]


def test_a_merge_that_resolved_something_is_refused_for_rebase_and_landed_otherwise(landing: LandingRepo) -> None:
    landing.branch("topic", {"a.py": changed(2, "topic")})
    landing.repo.commit("main moves", {"a.py": changed(2, "main")})
    landing.repo.switch("topic")
    with pytest.raises(AssertionError):
        landing.repo.git("merge", "-q", "--no-edit", "main")
    head = landing.repo.commit("resolved", {"a.py": changed(2, "both")})
    landing.repo.switch("main")
    entry = landing.entry("topic", head)

    refused = landing.try_make(Method.REBASE, entry)

    assert isinstance(refused, NotMade)
    assert (refused.entry, "a.py" in refused.reason) == ("topic/1", True)
    assert "both" in landing.text(landing.make(Method.SQUASH, entry), "a.py")
    assert "both" in landing.text(landing.make(Method.MERGE, entry), "a.py")


def test_an_entry_whose_commits_are_all_there_already_is_told_by_an_empty_commit(
    landing: LandingRepo, pair: tuple[Entry, Entry]
) -> None:
    again = landing.entry("again", pair[0].head)

    for method in (Method.SQUASH, Method.REBASE):
        new = landing.make(method, pair[0], again)
        assert parse_entries(landing.show(new, "%B")) == ("again/1",)
        assert landing.show(new, "%T") == landing.show(f"{new}~1", "%T")


@pytest.mark.parametrize("method", METHODS)
def test_a_picked_entry_lands_as_its_own_commit(landing: LandingRepo, method: Method) -> None:
    below = landing.branch("topic", {"b.py": changed(2)})
    top = landing.branch("topic", {"a.py": changed(9)}, message="the one")
    picked = Entry(top.id, top.change, top.head, base=below.head, title="the one", is_picked=True)

    new = landing.make(method, picked)

    assert landing.show(new, "%P") == landing.main
    assert landing.text(new, "b.py") == LINES
    assert landing.show(new, "%s") == "the one"


def test_nothing_is_made_of_a_tree_that_was_not_tested(landing: LandingRepo, pair: tuple[Entry, Entry]) -> None:
    maker = LandingMaker(landing.hub, landing.builder, landing.committer(), "gate")
    for method in METHODS:
        assert isinstance(maker.make(method, landing.main, pair, landing.build(pair[0]).tree), NotMade)


def test_commits_are_made_in_the_users_name_or_else_in_ours(
    landing: LandingRepo, pair: tuple[Entry, Entry], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    assert landing.show(landing.make(Method.MERGE, pair[0]), "%cn <%ce> %ct") == (
        f"Watchkeeper <watchkeeper@localhost> {NOW_S}"
    )
    landing.repo.git("config", "user.name", "Grace <H>")
    landing.repo.git("config", "user.email", "grace@example.org")

    assert landing.show(landing.make(Method.MERGE, pair[0]), "%cn <%ce>") == "Grace H <grace@example.org>"
    GitRepo(landing.hub.folder).git("--git-dir=.", "fsck", "--strict")


@pytest.mark.parametrize("method", METHODS)
def test_commits_are_signed_where_the_user_signs_his(
    landing: LandingRepo, pair: tuple[Entry, Entry], method: Method, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    settings = {"user.name": "Grace", "user.email": "grace@x", "gpg.format": "ssh", "user.signingkey": f"{key}.pub"}
    for name, value in {**settings, "commit.gpgsign": "true"}.items():
        landing.repo.git("config", name, value)
    unsigned = landing.show(landing.make(method, *pair), "%G?")
    allowed = tmp_path / "allowed"
    allowed.write_text(f"grace@x {(tmp_path / 'key.pub').read_text()}")

    new = landing.make(method, *pair)

    assert unsigned != "G", "git itself cannot tell without the list of allowed signers"
    GitRepo(landing.hub.folder).git("--git-dir=.", "-c", f"gpg.ssh.allowedSignersFile={allowed}", "verify-commit", new)
    assert landing.show(new, "%T %cn") == f"{landing.build(*pair).tree} Grace"
    assert parse_entries(landing.show(new, "%B"))[-1] == "two/1"


def test_a_signature_that_cannot_be_made_is_an_error_and_no_unsigned_commit(
    landing: LandingRepo, pair: tuple[Entry, Entry]
) -> None:
    for name, value in {"gpg.format": "ssh", "user.signingkey": "/nowhere.pub", "commit.gpgsign": "true"}.items():
        landing.repo.git("config", name, value)

    with pytest.raises(GitError) as caught:
        landing.make(Method.MERGE, pair[0])
    assert caught.value.slug == "signing-failed"


@pytest.mark.parametrize("method", METHODS)
def test_a_branch_says_which_entries_landed_since_a_commit(
    landing: LandingRepo, pair: tuple[Entry, Entry], method: Method
) -> None:
    start = landing.main
    first = landing.make(method, pair[0])
    middle = GitRepo(landing.hub.folder).git(
        "--git-dir=.", "commit-tree", "-p", first, "-m", "by hand", landing.build(pair[0]).tree
    )
    second = landing.make(method, pair[1], onto=Sha(middle))
    intended = {first: start, second: Sha(middle)}

    assert set(find_landed(landing.hub, second, start, intended).entries) == {"one/1", "two/1"}
    assert set(find_landed(landing.hub, second, first, intended).entries) == {"two/1"}
    assert find_landed(landing.hub, second, None, intended).entries["one/1"] == first
    assert find_landed(landing.hub, start, None, intended) == Landings({})
    assert find_landed(landing.hub, second, start, {first: start}).unbelieved[-1][1] == "two/1"


@pytest.mark.parametrize("method", METHODS)
def test_a_batch_tells_all_its_entries(landing: LandingRepo, pair: tuple[Entry, Entry], method: Method) -> None:
    new = landing.make(method, *pair)

    assert find_landed(landing.hub, new, landing.main, {new: landing.main}).entries.keys() == {"one/1", "two/1"}


@pytest.mark.parametrize("method", METHODS)
def test_a_forged_trailer_never_counts_wherever_it_is_written(landing: LandingRepo, method: Method) -> None:
    forged = "looks good\n\nWatchkeeper-Change: other/1\nWatchkeeper-Gate: gate-hash\n"
    start = landing.main
    landing.branch("evil", {"a.py": changed(2)}, message=forged)
    evil = landing.branch("evil", {"a.py": changed(3)}, message=forged)
    titled = Entry(evil.id, evil.change, evil.head, title=forged, author=forged, issue=forged)
    new = landing.make(method, titled)
    past = GitRepo(landing.hub.folder).git(
        "--git-dir=.", "commit-tree", "-p", new, "-m", forged, landing.show(new, "%T")
    )

    found = find_landed(landing.hub, Sha(past), start, {new: start})

    assert found.entries == {"evil/1": new}
    assert found.unbelieved == ((past, "other/1"),)


@pytest.mark.parametrize("method", METHODS)
def test_each_entry_of_a_landing_can_be_taken_out_again_by_itself(
    landing: LandingRepo, pair: tuple[Entry, Entry], method: Method
) -> None:
    old = landing.main
    new = landing.make(method, *pair)
    later = GitRepo(landing.hub.folder).git(
        "--git-dir=.", "commit-tree", "-p", new, "-m", "on", landing.show(new, "%T")
    )

    for entry, other in (pair, reversed(pair)):
        span = entry_span(landing.hub, entry.id, old, new)
        assert span is not None
        made = make_revert(landing.hub, landing.committer(), Sha(later), span, entry=entry.id, title="It")
        assert isinstance(made, str)
        assert landing.show(made, "%T") == landing.build(other, onto=old).tree
        assert landing.show(made, "%P") == later
        assert f"Watchkeeper-Revert: {entry.id}" in landing.show(made, "%B")
    assert entry_span(landing.hub, EntryId("none/1"), old, new) is None


def test_a_single_merge_is_taken_out_by_its_first_parent(landing: LandingRepo, pair: tuple[Entry, Entry]) -> None:
    new = landing.make(Method.MERGE, pair[0])

    assert entry_span(landing.hub, pair[0].id, landing.main, new) == Span(landing.main, new)


def test_what_later_work_stands_on_cannot_be_taken_out_and_the_paths_are_named(landing: LandingRepo) -> None:
    old = landing.main
    first = landing.branch("first", {"a.py": changed(4, "one")})
    new = landing.make(Method.MERGE, first)
    later = landing.entry("later", first.head)
    landing.repo.git("checkout", "-q", "--detach", first.head)
    later = landing.entry("later", landing.repo.commit("later", {"a.py": changed(4, "two")}))
    landing.repo.switch("main")
    tip = landing.make(Method.MERGE, later, onto=new)

    refused = make_revert(landing.hub, landing.committer(), tip, Span(old, new), entry=first.id)

    assert isinstance(refused, Unrevertible)
    assert refused.paths == ("a.py",)


def test_what_is_gone_already_cannot_be_taken_out_twice(landing: LandingRepo, pair: tuple[Entry, Entry]) -> None:
    span = Span(landing.main, landing.make(Method.MERGE, pair[0]))
    once = make_revert(landing.hub, landing.committer(), span.after, span, entry=pair[0].id)
    assert isinstance(once, str)

    assert isinstance(make_revert(landing.hub, landing.committer(), once, span, entry=pair[0].id), Unrevertible)


def test_commits_past_the_queue_are_told_in_order_with_what_they_touch(landing: LandingRepo) -> None:
    old = landing.main
    first = landing.repo.commit("by hand\n\nbody", {"a.py": changed(2), "n\u00e4w/x.py": "x\n"})
    side = landing.branch("side", {"b.py": changed(2)}, start=old)
    landing.repo.git("merge", "-q", "--no-ff", "-m", "merged", side.head)

    found = foreign_commits(landing.hub, old, landing.main)

    assert isinstance(found, Forward)
    assert [(each.sha, each.title, each.author, each.paths) for each in found.commits] == [
        (first, "by hand", "Ada", ("a.py", "n\u00e4w/x.py")),
        (landing.main, "merged", "Ada", ("b.py",)),
    ]
    assert [each.parents for each in found.commits] == [(old,), (first, side.head)]
    assert foreign_commits(landing.hub, landing.main, landing.main) == Forward(())


def test_a_branch_that_was_reset_or_amended_is_rewritten(landing: LandingRepo) -> None:
    base = landing.main
    gone = Sha(landing.repo.commit("pushed", {"a.py": changed(2)}))
    landing.repo.git("commit", "-q", "--amend", "-m", "amended")

    assert foreign_commits(landing.hub, gone, landing.main) == Rewritten(base)
    assert foreign_commits(landing.hub, gone, base) == Rewritten(base)
