"""Worktrees for agents, linked to the hub: nothing of theirs is ever written into the user's repository.

What an agent does to its worktree is input: it may delete the ``.git`` in it, all files, the folder, switch branches or
rewrite them. All of it is looked at from the hub's side, and mended from there.
"""

from __future__ import annotations

import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

import msgspec

from watchkeeper.model.errors import GitError, WatchkeeperError
from watchkeeper.model.ids import Sha
from watchkeeper.repos.git import GitResult, decode_path, run_git, show_path
from watchkeeper.repos.hub import Hub
from watchkeeper.repos.loose import explain_write, write_file

UNTRUSTED: dict[str, str] = {
    "core.attributesFile": os.devnull,
    "core.autocrlf": "false",
    "core.checkStat": "default",
    "core.fileMode": "true",
    "core.ignoreStat": "false",
    "core.sparseCheckout": "false",
    "core.splitIndex": "false",
    "core.symlinks": "true",
    "core.trustctime": "true",
    "core.untrackedCache": "false",
    "index.sparse": "false",
}
"""What an agent could have set in the hub's own configuration to hide something from us."""

_TIMEOUT_S = 600.0


class HubWorktree(msgspec.Struct, frozen=True):
    """A checkout of the hub. ``name`` is that of its folder; ``base`` the commit that its work began from."""

    name: str
    path: Path
    branch: str
    base: Sha


class Standing(msgspec.Struct, frozen=True):
    """How a worktree is now. ``head`` None: nobody can tell. ``on_branch`` is its own name, another, or ``""``.

    ``why`` says what an agent did to it that no work does; ``""`` where all is well. ``is_rewritten``: its base is no
    ancestor of its head any more.
    """

    head: Sha | None
    on_branch: str
    is_present: bool
    is_linked: bool
    is_rewritten: bool = False
    why: str = ""


def branch_name(issue: str, title: str, attempt: int = 1) -> str:
    """``agent/<issue>-<slug>``, as git takes it, whatever the two say; a later attempt is told by its number."""
    number = re.sub(r"[^A-Za-z0-9_-]+", "-", issue).strip("-")[-60:].strip("-") or "issue"
    slug = re.sub(r"[^a-z0-9]+", "-", title.lower())[:40].strip("-")
    name = f"agent/{number}-{slug}" if slug else f"agent/{number}"
    return name if attempt <= 1 else f"{name}-{attempt}"


class HubWorktrees:
    """The worktrees of one hub, in ``folder``. Every call is idempotent; a kill at any point is mended by the next.

    Not for several processes on one worktree at a time. ``excludes`` is the user's own file of ignored names.
    """

    def __init__(self, hub: Hub, folder: Path, excludes: Path | None = None) -> None:
        self.hub = hub
        self.folder = Path(os.path.realpath(folder))
        self.excludes = excludes

    def place(self, name: str, branch: str, base: Sha) -> HubWorktree:
        """The value that says where a worktree is; makes nothing."""
        return HubWorktree(name, self.folder / name, branch, base)

    def make(self, tree: HubWorktree) -> None:
        """Make it, on its branch, or mend it where it is there. What an agent left in it stays.

        Raises: GitError, WatchkeeperError (a full disk).
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise explain_write(self.folder / "x", error) from error
        if not self._mark(tree).exists():  # it was never handed to anybody: half of one is thrown away
            self._forget(tree)
            self._begin_branch(tree)
            self._link(tree)
            self._inside(tree, "reset", "-q", "--hard")
            write_file(self._mark(tree), f"{tree.base}\n".encode())
        elif not tree.path.is_dir() or not self._is_linked(tree):
            self._relink(tree)

    def look(self, tree: HubWorktree) -> Standing:
        """How it is. Raises: GitError where the hub itself is damaged."""
        is_present = tree.path.is_dir() and any(name != ".git" for name in _names(tree.path))
        is_linked = self._is_linked(tree)
        on_branch, head = self._head(tree) if is_linked else (tree.branch, self._tip(f"refs/heads/{tree.branch}"))
        if head is None:
            return Standing(None, on_branch, is_present, is_linked, why="its branch is gone")
        if head != tree.base and not self.hub.repository.is_ancestor(tree.base, head):
            why = f"{tree.base[:10]}, which it began from, is not in the history of {head[:10]} any more"
            return Standing(head, on_branch, is_present, is_linked, is_rewritten=True, why=why)
        why = ""
        if not is_present:
            why = "its files are gone"
        elif not is_linked:
            why = "its .git is gone"
        elif on_branch != tree.branch:
            where = f"the branch {show_path(on_branch)}" if on_branch else "no branch"
            why = f"it is on {where}, not on {tree.branch}"
        return Standing(head, on_branch, is_present, is_linked, why=why)

    def restore(self, tree: HubWorktree, snapshot: Sha) -> None:
        """Give it the files of a snapshot (a commit on top of the head it had), uncommitted again. Raises: GitError.

        What is not in the snapshot and not ignored is deleted: it is for a worktree whose files were lost.
        """
        self.make(tree)
        parents = self.hub.objects.read(snapshot) or b""
        parent = next((line[7:] for line in parents.split(b"\n") if line.startswith(b"parent ")), None)
        head = Sha(parent.decode("ascii")) if parent else tree.base
        self._inside(tree, "checkout", "-q", "--force", "-B", tree.branch, head)
        self._inside(tree, "read-tree", "--reset", "-u", snapshot)
        self._inside(tree, "reset", "-q", "--mixed", head)

    def fill(self, tree: HubWorktree, content: Sha) -> None:
        """Give it the files of a tree, as uncommitted work on its head. What is not ignored and not in it is deleted.

        Raises: GitError.
        """
        self._inside(tree, "read-tree", "--reset", "-u", content)
        self._inside(tree, "reset", "-q", "--mixed")

    def settle(self, tree: HubWorktree, commit: Sha) -> None:
        """Its branch is at ``commit``, whose files it holds, and it is on its branch. Its files are not touched.

        Raises: GitError.
        """
        self._run("update-ref", f"refs/heads/{tree.branch}", commit)
        if self._is_linked(tree):
            self._inside(tree, "symbolic-ref", "HEAD", f"refs/heads/{tree.branch}")
            with suppress(GitError):  # an index of the agent's that is broken: ours does not need it
                (self._admin(tree) / "index.lock").unlink(missing_ok=True)
                self._inside(tree, "reset", "-q", "--mixed")

    def remove(self, tree: HubWorktree, *, pinned: Sha | None) -> None:
        """Delete it. ``pinned`` is a commit of the hub that holds what stands in it; None: nothing stands in it.

        Raises: GitError (``worktree-not-pinned``) where that is not so.
        """
        is_kept = not _names(tree.path) if pinned is None else pinned in self.hub.pins().values()
        if not is_kept:
            what = f"{pinned[:10]} is not pinned" if pinned is not None else "nothing of it is pinned"
            raise GitError(
                f"{show_path(str(tree.path))} is not deleted: {what}, so its work could be lost",
                slug="worktree-not-pinned",
                hint="look at its work, commit it, and delete the folder by hand",
            )
        self._forget(tree)
        for rest in (self._mark(tree), self.index(tree)):
            rest.unlink(missing_ok=True)

    def index(self, tree: HubWorktree) -> Path:
        """Where our own index of it is, which no agent's git uses."""
        return self.folder / f".{tree.name}.index"

    def _mark(self, tree: HubWorktree) -> Path:
        """The file that says: it was made whole, and somebody may have worked in it."""
        return self.folder / f".{tree.name}.made"

    def _admin(self, tree: HubWorktree) -> Path:
        return self.hub.folder / "worktrees" / tree.name

    def _is_linked(self, tree: HubWorktree) -> bool:
        """Both sides know of each other."""
        link, back = tree.path / ".git", self._admin(tree) / "gitdir"
        try:
            ours = b"gitdir: " + os.fsencode(os.path.realpath(self._admin(tree)))
            is_ours = not link.is_symlink() and link.is_file() and link.read_bytes().strip() == ours
            return is_ours and back.read_bytes().strip() == os.fsencode(link) and (self._admin(tree) / "HEAD").is_file()
        except OSError:
            return False

    def _head(self, tree: HubWorktree) -> tuple[str, Sha | None]:
        """The branch that it is on (``""``: none) and the commit."""
        try:
            text = decode_path((self._admin(tree) / "HEAD").read_bytes()[:4096].strip())
        except OSError:
            return "", None
        if text.startswith("ref: "):
            return text[5:].removeprefix("refs/heads/"), self._tip(text[5:])
        return "", self._tip(text)

    def _tip(self, revision: str) -> Sha | None:
        return self.hub.repository.find_commit(revision) if not revision.startswith("-") else None

    def _begin_branch(self, tree: HubWorktree) -> None:
        """At its base. What somebody else left under the name is pinned first, and not gone on with."""
        tip = self._tip(f"refs/heads/{tree.branch}")
        if tip == tree.base:
            return
        if tip is not None and self._is_taken(tree):
            raise GitError(
                f"the branch {show_path(tree.branch)} is worked on in another worktree",
                slug="branch-taken",
                hint="end the engagement that works on it, or wait until it is over",
            )
        if tip is not None:
            self.hub.pin(f"engagements/{tree.name}/before", tip)
        self._run("update-ref", f"refs/heads/{tree.branch}", tree.base)

    def _is_taken(self, tree: HubWorktree) -> bool:
        """Another worktree is on the branch."""
        return any(each.branch == tree.branch and each.path != tree.path for each in self.hub.repository.worktrees())

    def _ensure_branch(self, tree: HubWorktree) -> None:
        if self._tip(f"refs/heads/{tree.branch}") is None:
            self._run("update-ref", f"refs/heads/{tree.branch}", tree.base)

    def _forget(self, tree: HubWorktree) -> None:
        """The folder and the hub's side of it go; the branch stays.

        The folder goes at once, and is emptied elsewhere: whoever watches it sees no work that deletes everything.
        """
        gone = self.folder / f".{tree.name}.gone"
        try:
            if gone.exists():  # somebody was killed here
                _delete(gone)
            if tree.path.is_symlink():
                tree.path.unlink()
            elif tree.path.exists():
                tree.path.rename(gone)
            if self._admin(tree).exists():
                _delete(self._admin(tree))
            if gone.exists():
                _delete(gone)
        except OSError as error:
            raise explain_write(tree.path, error) from error

    def _relink(self, tree: HubWorktree) -> None:
        """Make the link anew around the files that are there."""
        self._ensure_branch(tree)
        if tree.path.is_symlink():
            tree.path.unlink()
        tree.path.mkdir(parents=True, exist_ok=True)
        was_empty = not any(name != ".git" for name in _names(tree.path))
        link = tree.path / ".git"
        if link.is_symlink() or link.is_file():
            link.unlink()
        elif link.exists():  # the agent made a repository of its own there: it is kept, out of the way
            link.rename(self.folder / f".{tree.name}.git-{os.getpid()}-{link.stat().st_ino}")
        self._link(tree)
        self._inside(tree, "reset", "-q", "--hard" if was_empty else "--mixed")

    def _link(self, tree: HubWorktree) -> None:
        """Both sides of the link, each written whole.

        Not by ``git worktree add``: while that one is at work, every other git that looks at the hub's worktrees fails
        at the half of one.
        """
        draft = self.hub.folder / f"worktree-{tree.name}.tmp"
        for old in (draft, self._admin(tree)):
            if old.exists():
                _delete(old)
        write_file(draft / "commondir", b"../..\n")
        write_file(draft / "gitdir", os.fsencode(tree.path / ".git") + b"\n")
        write_file(draft / "HEAD", f"ref: refs/heads/{tree.branch}\n".encode())
        try:
            self._admin(tree).parent.mkdir(exist_ok=True)
            draft.rename(self._admin(tree))
            tree.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise explain_write(tree.path, error) from error
        write_file(tree.path / ".git", b"gitdir: " + os.fsencode(os.path.realpath(self._admin(tree))) + b"\n")

    def _run(self, *args: str) -> GitResult:
        return run_git(
            self.hub.folder, "--git-dir=.", *args, config=UNTRUSTED | neutral_filters(self.hub), isolated=True,
            timeout_s=_TIMEOUT_S,
        )  # fmt: skip

    def _inside(self, tree: HubWorktree, *args: str) -> GitResult:
        options = (f"--git-dir={self._admin(tree)}", f"--work-tree={tree.path}")
        return run_git(
            tree.path, *options, *args, config=UNTRUSTED | neutral_filters(self.hub), isolated=True,
            timeout_s=_TIMEOUT_S,
        )  # fmt: skip


def neutral_filters(hub: Hub) -> dict[str, str]:
    """Programs that the hub's configuration names as filters, taken out: only an agent can have put them there."""
    result = run_git(
        hub.folder, "--git-dir=.", "config", "-z", "--name-only", "--get-regexp", r"^(filter|diff|merge)\.",
        isolated=True, allowed=(0, 1),
    )  # fmt: skip
    names = [decode_path(name) for name in result.output.split(b"\0") if name]
    return {name: "false" if name.endswith((".required", ".cachetextconv")) else "" for name in names}


def find_excludes(source: Path) -> Path | None:
    """The user's own file of names that git ignores everywhere; None where there is none. Raises: GitError."""
    try:
        said = run_git(source, "config", "--type=path", "--get", "core.excludesFile", allowed=(0, 1)).output
    except WatchkeeperError:
        return None
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    place = Path(decode_path(said.rstrip(b"\n"))) if said.strip() else home / "git" / "ignore"
    return place if place.is_file() else None


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 names only
    except OSError:
        return []


def _delete(folder: Path) -> None:
    """Also what the agent made unwritable."""
    for root, folders, _ in os.walk(folder):
        for name in folders:
            with suppress(OSError):
                os.chmod(os.path.join(root, name), 0o700, follow_symlinks=False)  # noqa: PTH101, PTH118 walks text
    shutil.rmtree(folder)
