"""One contract for every kind of target branch: checked out or not, bare, on a remote."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from gitrepo import GitRepo
from landingrepo import LandingRepo, changed
from watchkeeper.model.errors import GitError, WatchkeeperError
from watchkeeper.model.ids import Sha
from watchkeeper.repos.hub import open_hub
from watchkeeper.repos.landingcommits import Method
from watchkeeper.repos.moving import LocalBranch, LostRace, Moved, Outcome, Refused, TargetBranch, Unknown
from watchkeeper.repos.remotebranch import RemoteBranch
from watchkeeper.repos.repository import find_repository
from watchkeeper.repos.trees import FILE, TreeEntry

KINDS = ("local", "checked-out", "bare", "remote")


class Target:
    """A target branch of some kind, and the repository that holds it in the end."""

    def __init__(self, kind: str, landing: LandingRepo, holder: GitRepo) -> None:
        self.kind = kind
        self.landing = landing
        self.holder = holder
        self.hubs = [landing.hub]
        self.branch = self.open(landing.state)

    def open(self, state: Path) -> TargetBranch:
        """The branch as another process sees it, with a state folder of its own."""
        repository = self.landing.repository
        hub = open_hub(repository, state)
        self.hubs.append(hub)
        if self.kind == "remote":
            return RemoteBranch(hub, repository, "origin", "main")
        return LocalBranch(hub, repository, "main")

    @property
    def tip(self) -> str:
        return self.holder.git("rev-parse", "refs/heads/main")

    def landing_commit(self, name: str, line: int, onto: Sha | None = None) -> Sha:
        """A commit of the hub above the tip, which the branch's repository does not have yet."""
        tree = self.landing.hub.objects.tree_of(onto or Sha(self.tip))
        blob = self.landing.hub.store(changed(line, name).encode())
        made = self.landing.hub.write_tree(
            tree, {"b.py": TreeEntry(FILE, blob), f"new/{name}.py": TreeEntry(FILE, blob)}
        )
        return self.landing.hub.commit(made, [onto or Sha(self.tip)], name)


@pytest.fixture(params=KINDS)
def target(request: pytest.FixtureRequest, git_repo: GitRepo, tmp_path: Path) -> Iterator[Target]:
    landing = LandingRepo(git_repo, tmp_path / "state")
    holder = git_repo
    if request.param == "local":
        git_repo.switch("elsewhere")
    if request.param in {"bare", "remote"}:
        git_repo.git("clone", "-q", "--bare", str(git_repo.path), str(tmp_path / "holder.git"))
        holder = GitRepo(tmp_path / "holder.git")
    if request.param == "bare":
        landing.repository = find_repository(holder.path)
        landing.hub.borrow(landing.repository)
    if request.param == "remote":
        git_repo.git("remote", "add", "origin", str(holder.path))
        git_repo.git("fetch", "-q", "origin")
    made = Target(request.param, landing, holder)
    yield made
    for hub in made.hubs:
        hub.close()


def test_a_branch_moves_to_the_new_commit_with_all_its_objects(target: Target) -> None:
    old = target.branch.read_tip()
    assert old == target.tip
    new = target.landing_commit("one", 3)

    assert target.branch.move(Sha(old), new, "land one") == Moved(new)

    assert target.tip == new == target.branch.read_tip()
    target.holder.git("fsck", "--connectivity-only", "--no-dangling")
    assert target.holder.git("show", "main:new/one.py") == changed(3, "one").strip()


def test_what_was_moved_once_is_moved_again_without_harm(target: Target) -> None:
    old = Sha(target.tip)
    new = target.landing_commit("one", 3)
    target.branch.move(old, new, "land one")
    after = target.landing_commit("two", 5)

    assert target.branch.move(old, new, "land one") == Moved(new)
    target.branch.move(new, after, "land two")

    assert target.branch.move(old, new, "land one") == Moved(after), "it holds the commit, below a later one"
    assert target.tip == after


def test_who_comes_second_has_lost_and_is_told_to_whom(target: Target) -> None:
    old = Sha(target.tip)
    first, second = target.landing_commit("one", 3), target.landing_commit("two", 5)
    target.branch.move(old, first, "land one")

    assert target.branch.move(old, second, "land two") == LostRace(first)
    assert target.tip == first


def test_no_commit_is_ever_taken_out_of_a_branch(target: Target) -> None:
    old = Sha(target.tip)
    new = target.landing_commit("one", 3)
    target.branch.move(old, new, "land one")

    refused = target.branch.move(new, old, "back")

    assert isinstance(refused, Refused)
    assert refused.slug == "not-above-tip"
    assert target.tip == new


def test_a_commit_that_is_not_there_is_an_error_and_nothing_moves(target: Target) -> None:
    old = Sha(target.tip)
    with pytest.raises(GitError):
        target.branch.move(old, Sha("1" * 40), "land nothing")
    assert target.tip == old


def test_a_branch_that_does_not_exist_is_none(target: Target) -> None:
    target.holder.git("update-ref", "-d", "refs/heads/main")

    assert target.branch.read_tip() is None
    assert target.branch.move(target.landing.base, target.landing.base, "x") == LostRace(None)


def test_of_eight_writers_exactly_one_wins_each_of_twenty_rounds(target: Target, tmp_path: Path) -> None:
    # Each with a state folder of its own: what decides is git's compare-and-swap, not a lock of ours.
    writers = [target.open(tmp_path / f"writer{number}") for number in range(8)]
    for writer in writers:
        assert isinstance(writer, LocalBranch | RemoteBranch)
        writer._hub.borrow(find_repository(target.landing.hub.folder))
    rounds = 20 if target.kind == "local" else 4
    with ThreadPoolExecutor(8) as pool:
        for number in range(rounds):
            old = Sha(target.tip)
            commits = [target.landing_commit(f"r{number}w{each}", each + 1) for each in range(8)]
            start = threading.Barrier(8)

            def race(writer: TargetBranch, new: Sha, old: Sha = old, start: threading.Barrier = start) -> Outcome:
                start.wait()
                return writer.move(old, new, "race")

            outcomes = list(pool.map(race, writers, commits))

            winners = [new for new, outcome in zip(commits, outcomes, strict=True) if isinstance(outcome, Moved)]
            assert winners == [target.tip]
            assert all(isinstance(each, Moved | LostRace | Refused) for each in outcomes)
    target.holder.git("fsck", "--connectivity-only", "--no-dangling")
    if target.kind == "checked-out":
        assert target.holder.git("status", "--porcelain") == ""


@pytest.mark.parametrize("target", ["remote"], indirect=True)
def test_a_remote_that_refuses_is_quoted_and_nothing_is_forced(target: Target) -> None:
    hook = target.holder.path / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'main is protected: \033[31mask Ada'\nexit 1\n")
    hook.chmod(0o755)
    old = Sha(target.tip)

    refused = target.branch.move(old, target.landing_commit("one", 3), "land one")

    assert isinstance(refused, Refused)
    assert refused.slug == "push-refused"
    assert "main is protected: [31mask Ada" in refused.words
    assert "pre-receive hook declined" in refused.words
    assert target.tip == old


@pytest.mark.parametrize("target", ["remote"], indirect=True)
def test_a_push_that_overtakes_ours_at_the_remote_wins(target: Target) -> None:
    """Between our look and our push somebody else pushes: the lease holds."""
    other = target.holder.git("commit-tree", "-p", "main", "-m", "other", "main^{tree}")
    hook = target.holder.path / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\nunset GIT_QUARANTINE_PATH\ngit update-ref refs/heads/main {other}\n")
    hook.chmod(0o755)

    outcome = target.branch.move(Sha(target.tip), target.landing_commit("one", 3), "land one")

    assert outcome == LostRace(other)
    assert target.tip == other
    assert target.landing.repo.git("cat-file", "-t", other) == "commit", "what is there now can be built on"


@pytest.mark.parametrize("target", ["remote"], indirect=True)
def test_a_remote_that_does_not_answer_moves_nothing(target: Target) -> None:
    old, new = Sha(target.tip), target.landing_commit("one", 3)
    target.landing.repo.git("remote", "set-url", "origin", "/nowhere/at/all.git")

    refused = target.branch.move(old, new, "land one")

    assert isinstance(refused, Refused)
    assert refused.slug == "remote-unreachable"
    with pytest.raises(GitError):
        target.branch.read_tip()


@pytest.mark.parametrize("target", ["remote"], indirect=True)
def test_a_remote_over_ssh_is_reached_as_the_users_git_reaches_it(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program in place of ssh runs the command here; git speaks to it as to any ssh."""
    ssh = tmp_path / "ssh.sh"
    ssh.write_text('#!/bin/sh\nwhile [ "$1" != host.example ]; do shift; done\nshift\nexec sh -c "$*"\n')
    ssh.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(ssh))
    target.landing.repo.git("remote", "set-url", "origin", f"host.example:{target.holder.path}")
    new = target.landing_commit("one", 3)

    assert target.branch.move(Sha(target.tip), new, "land one") == Moved(new)
    assert target.tip == new


@pytest.mark.parametrize("target", ["remote"], indirect=True)
def test_a_remote_that_hangs_is_given_up_and_nothing_of_it_runs_on(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ssh = tmp_path / "ssh.sh"
    ssh.write_text(f'#!/bin/sh\necho $$ > "{tmp_path}/pid"\nexec sleep 600\n')
    ssh.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(ssh))
    target.landing.repo.git("remote", "set-url", "origin", "host.example:/x")
    branch = RemoteBranch(target.landing.hub, target.landing.repository, "origin", "main", timeout_s=2.0)

    refused = branch.move(Sha(target.tip), target.landing_commit("one", 3), "land one")

    assert isinstance(refused, Refused)
    assert refused.slug == "remote-unreachable"
    assert not is_running(int((tmp_path / "pid").read_text()))


def is_running(process: int) -> bool:
    """Killed and not yet buried by init counts as ended; so does one whose end is a moment away."""
    try:
        psutil.Process(process).wait(10)
    except psutil.NoSuchProcess:
        return False
    except psutil.TimeoutExpired:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    return False


@pytest.mark.parametrize("target", ["remote"], indirect=True)
def test_a_remote_that_goes_away_after_the_push_leaves_the_outcome_open_until_it_answers(target: Target) -> None:
    hidden = target.holder.path.with_name("hidden.git")
    hook = target.holder.path / "hooks" / "post-update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\nmv '{target.holder.path}' '{hidden}'\n")
    hook.chmod(0o755)
    old, new = Sha(target.tip), target.landing_commit("one", 3)

    assert isinstance(target.branch.move(old, new, "land one"), Unknown)

    hidden.rename(target.holder.path)
    assert target.branch.read_tip() == new


@pytest.mark.parametrize("target", ["remote"], indirect=True)
def test_the_users_view_of_the_remote_follows_a_push(target: Target) -> None:
    new = target.landing_commit("one", 3)
    before = target.landing.repo.git("rev-parse", "main")

    target.branch.move(Sha(target.tip), new, "land one")

    assert target.landing.repo.git("rev-parse", "origin/main") == new
    assert target.landing.repo.git("rev-parse", "main") == before, "his own branch is his to move"
    target.landing.repo.git("fsck", "--connectivity-only", "--no-dangling")


@pytest.mark.parametrize("target", ["remote"], indirect=True)
def test_a_remote_nobody_configured_is_refused_with_the_known_ones(target: Target) -> None:
    with pytest.raises(WatchkeeperError, match="no remote '--upload-pack=x'") as caught:
        RemoteBranch(target.landing.hub, target.landing.repository, "--upload-pack=x", "main")
    assert (caught.value.slug, caught.value.hint) == ("unknown-remote", "known are: origin")


@pytest.mark.parametrize("target", ["local", "checked-out", "bare"], indirect=True)
def test_the_reflog_says_what_landed_in_one_line(target: Target) -> None:
    target.holder.git("config", "core.logAllRefUpdates", "always")

    target.branch.move(Sha(target.tip), target.landing_commit("one", 3), "watchkeeper: land\none \x1b[2J")

    logged = target.holder.git("reflog", "-1", "--format=%gs", "main")
    assert logged == "watchkeeper: land one [2J"


@pytest.mark.parametrize("target", ["local", "checked-out", "bare"], indirect=True)
def test_a_ref_that_another_git_has_locked_is_refused(target: Target) -> None:
    common = target.landing.repository.common_dir
    (common / "refs/heads/main.lock").write_text("")
    old = Sha(target.tip)

    refused = target.branch.move(old, target.landing_commit("one", 3), "land one")

    assert isinstance(refused, Refused)
    assert refused.slug == "branch-locked"
    assert target.tip == old
    if target.kind == "checked-out":
        assert target.holder.git("status", "--porcelain") == ""


@pytest.mark.parametrize("target", ["local", "checked-out", "bare"], indirect=True)
def test_more_objects_than_a_few_arrive_as_one_pack(target: Target) -> None:
    entries = {f"many/{each}.py": TreeEntry(FILE, target.landing.hub.store(b"%d\n" % each)) for each in range(150)}
    tree = target.landing.hub.write_tree(target.landing.hub.objects.tree_of(Sha(target.tip)), entries)
    new = target.landing.hub.commit(tree, [Sha(target.tip)], "many")

    assert target.branch.move(Sha(target.tip), new, "many") == Moved(new)
    assert len(target.holder.git("ls-tree", "-r", "--name-only", "main", "many/").splitlines()) == 150


@pytest.mark.parametrize("method", list(Method))
def test_landing_commits_of_every_method_can_be_moved_to(target: Target, method: Method) -> None:
    repo = target.landing.repo
    repo.git("checkout", "-q", "--detach", target.landing.base)
    entry = target.landing.entry("change", repo.commit("work", {"a.py": changed(2)}))
    repo.git("checkout", "-q", "elsewhere" if target.kind == "local" else "main")
    target.landing.hub.borrow(find_repository(repo.path))
    target.branch.move(Sha(target.tip), target.landing_commit("before", 3), "land before")
    new = target.landing.make(method, entry, onto=Sha(target.tip))

    assert target.branch.move(Sha(target.tip), new, "land") == Moved(new)
    target.holder.git("fsck", "--connectivity-only", "--no-dangling")


@pytest.mark.parametrize("target", ["remote"], indirect=True)
def test_who_looks_while_another_fetches_the_same_is_told_all_the_same(target: Target, tmp_path: Path) -> None:
    """Both move one remote-tracking branch, and git refuses the one that comes second."""
    readers = [target.open(tmp_path / f"reader-{number}") for number in range(3)]
    elsewhere = target.holder.path.parent / "elsewhere"
    target.holder.git("clone", "-q", str(target.holder.path), str(elsewhere))
    other = GitRepo(elsewhere)
    with ThreadPoolExecutor(len(readers)) as pool:
        for number in range(8):
            other.git(
                "-c", "user.name=x", "-c", "user.email=x@invalid", "commit", "-q", "--allow-empty", "-m", f"{number}"
            )
            other.git("push", "-q", "origin", "HEAD:main")
            tips = list(pool.map(lambda reader: reader.read_tip(), readers))
            assert tips == [target.tip] * len(readers)
