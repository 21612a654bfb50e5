"""Pins what stands in an agent's worktree, uncommitted work included, and commits it in the agent's name.

With an index of our own: a conflicted, locked or broken one of the agent's changes nothing. Files go into the hub as
git would store them, but through no filter program: what an agent configures is not run by us.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from watchkeeper.model.errors import GitError
from watchkeeper.model.ids import Sha
from watchkeeper.repos.git import GitResult, Special, decode_path, encode_path, local_path, run_git, show_path
from watchkeeper.repos.hub import IDENTITY, Hub
from watchkeeper.repos.hubworktrees import UNTRUSTED, HubWorktree, HubWorktrees, Standing, neutral_filters
from watchkeeper.repos.treediff import tree_difference

MOST_FILE = 100 * 1024 * 1024
"""Bytes of one file; a larger one is left out, and said to be."""

MOST_ALL = 1024 * 1024 * 1024
"""Bytes of all files that one snapshot takes in."""

_IGNORED = re.compile(r"^Ignoring path (.*)$", re.MULTILINE)
_MOST_TOLD = 50
_MOST_COUNTED = 100_000
_TIMEOUT_S = 900.0


class WorkSnapshot(msgspec.Struct, frozen=True):
    """A worktree as it was: ``commit`` holds ``tree`` on top of ``head``; ``name`` is the pin.

    ``files`` counts those that differ from the base (0: there is no work). ``left_out`` says what is not in it, and
    why.
    """

    commit: Sha
    tree: Sha
    head: Sha
    name: str
    files: int
    left_out: tuple[str, ...] = ()


class Snapshots:
    """The snapshots of worktrees. ``most_file``, ``most_all``: bytes that are taken in."""

    def __init__(self, trees: HubWorktrees, *, most_file: int = MOST_FILE, most_all: int = MOST_ALL) -> None:
        self.trees = trees
        self.hub = trees.hub
        self._most_file = most_file
        self._most_all = most_all

    @property
    def folder(self) -> Path:
        """Where the worktrees are."""
        return self.trees.folder

    def take(self, tree: HubWorktree, standing: Standing, at_s: int) -> WorkSnapshot | None:
        """Pin it as it is now, under a new number where it differs from the newest one. None: there is nothing to pin.

        A worktree whose files are gone gives None, and the last snapshot stays. Raises: GitError, WatchkeeperError.
        """
        head = standing.head or tree.base
        if not standing.is_present:
            return None
        written, left_out = self._write(tree, head)
        if self._is_emptied(head, written):
            return None
        pins = snapshot_pins(self.hub, tree.name)
        files = sum(1 for _, _ in zip(range(_MOST_COUNTED), self._differing(tree.base, written), strict=False))
        newest = pins[max(pins)] if pins else None
        if newest is not None and self._holds(newest, written, head):
            return WorkSnapshot(newest, written, head, _pin(tree.name, max(pins)), files, left_out)
        commit = self.hub.commit(written, [head], f"snapshot of {tree.name}", at_s)
        name = _pin(tree.name, max(pins, default=0) + 1)
        self.hub.pin(name, commit)
        return WorkSnapshot(commit, written, head, name, files, left_out)

    def newest(self, tree: HubWorktree) -> Sha | None:
        """The last one that is pinned."""
        pins = snapshot_pins(self.hub, tree.name)
        return pins[max(pins)] if pins else None

    def commit(self, tree: HubWorktree, snapshot: WorkSnapshot, author: str, message: str, at_s: int) -> Sha:
        """Commit what a snapshot holds beyond its head, and put the worktree's branch there; gives the branch's commit.

        No hook is run and nothing is signed. Where nothing is uncommitted the head itself is it. Idempotent.
        Raises: GitError.
        """
        commit = snapshot.head
        if self.hub.objects.tree_of(snapshot.head) != snapshot.tree:
            # Nothing differs from the head: what is being merged is not in there, and would be dropped in silence.
            parents = [f"parent {each}" for each in (snapshot.head, *self._merging(tree, snapshot.head))]
            headers = [
                f"tree {snapshot.tree}", *parents, f"author {_who(author)} {at_s} +0000",
                f"committer {IDENTITY} {at_s} +0000",
            ]  # fmt: skip
            content = encode_path("\n".join([*headers, "", message])).replace(b"\0", b"")
            commit = self.hub.write_commit(content)
        self.hub.pin(f"engagements/{tree.name}/head", commit)
        self.trees.settle(tree, commit)
        self.hub.unpin(_merging_pin(tree.name))
        return commit

    def take_up(self, tree: HubWorktree, other: Sha) -> tuple[str, ...] | None:
        """Merge a commit into a worktree; the paths that git could not merge, in which its marks stand.

        The next ``commit`` has it as its second parent. None: nothing is being merged, since the commit is in its
        history already, or something is not committed. Again, also after a kill, it is the same merge that goes on.
        Raises: GitError.
        """
        standing = self.trees.look(tree)
        head, taken = standing.head, self.take(tree, standing, 0)
        if head is None or taken is None or self.hub.repository.is_ancestor(other, head):
            return None
        going_on, is_clean = self._merging(tree, head), self.hub.objects.tree_of(head) == taken.tree
        if not going_on and not is_clean:
            return None
        (outcome,) = self.hub.merge_histories([head], *(going_on or (other,)))
        if outcome.failed:
            raise GitError(
                f"{other[:10]} cannot be merged into {show_path(str(tree.path))}: {outcome.failed}",
                slug="merge-failed",
                hint="look at both with git log",
            )
        if is_clean:
            self.hub.pin(_merging_pin(tree.name), *(going_on or (other,)))
            self.trees.fill(tree, outcome.tree)
        return tuple(dict.fromkeys(clash.path for clash in outcome.clashes))

    def _merging(self, tree: HubWorktree, head: Sha) -> tuple[Sha, ...]:
        """What is being merged into it, and is not in its history yet."""
        other = self.hub.pins(f"engagements/{tree.name}").get(_merging_pin(tree.name))
        return () if other is None or self.hub.repository.is_ancestor(other, head) else (other,)

    def remove(self, tree: HubWorktree, at_s: int) -> None:
        """Delete a worktree, once all that stands in it is pinned. Raises: GitError where not all of it can be."""
        taken = self.take(tree, self.trees.look(tree), at_s)
        if taken is not None and taken.left_out:
            raise GitError(
                f"{show_path(str(tree.path))} is not deleted: not pinned is {'; '.join(taken.left_out[:5])}",
                slug="worktree-not-pinned",
                hint="look at what is left out, and delete the folder by hand",
            )
        pinned = taken.commit if taken is not None else self.newest(tree)
        self.trees.remove(tree, pinned=pinned)

    def thin(self, tree: HubWorktree) -> None:
        """Let go of all snapshots but the newest: of work that has landed the way there need not be kept."""
        pins = snapshot_pins(self.hub, tree.name)
        for number in sorted(pins)[:-1]:
            self.hub.unpin(_pin(tree.name, number))

    def _write(self, tree: HubWorktree, head: Sha) -> tuple[Sha, tuple[str, ...]]:
        """The tree of everything that is there and not ignored, and what had to be left out."""
        index = self.trees.index(tree)
        config = {**UNTRUSTED, **neutral_filters(self.hub), "core.excludesFile": str(self.trees.excludes or os.devnull)}

        def git(*args: str, stdin: bytes = b"") -> GitResult:
            options = (f"--git-dir={self.hub.folder}", f"--work-tree={tree.path}")
            return run_git(
                tree.path, *options, *args, config=config, isolated=True, stdin=stdin, timeout_s=_TIMEOUT_S,
                special=Special(variables={"GIT_INDEX_FILE": str(index)}),
            )  # fmt: skip

        index.with_name(f"{index.name}.lock").unlink(missing_ok=True)  # of one of ours that was killed
        try:
            git("read-tree", "--reset", head)
        except GitError:
            index.unlink(missing_ok=True)
            git("read-tree", head)
        listed = git("ls-files", "-z", "--modified", "--deleted", "--others", "--exclude-standard").output
        paths = dict.fromkeys(decode_path(path) for path in listed.split(b"\0") if path)
        gone, there, left_out = self._sort(tree.path, paths)
        git("update-index", "-z", "--force-remove", "--stdin", stdin=_joined(gone))
        added = git("update-index", "-z", "--add", "--remove", "--replace", "--stdin", stdin=_joined(there))
        left_out += [(path, "a name that git does not take") for path in _IGNORED.findall(added.errors)]
        return Sha(git("write-tree").output.decode("ascii").strip()), _told(left_out)

    def _sort(self, root: Path, paths: Iterable[str]) -> tuple[list[str], list[str], list[tuple[str, str]]]:
        """Those that are gone, those to take in, and those left out with the reason."""
        gone, there, left_out = [], [], []
        left = self._most_all
        for path in paths:
            place = local_path(root, path.rstrip("/"))
            info = _find(place, root)
            if info is None:
                gone.append(path)
                continue
            why = self._reason(path, place, info, left)
            if why:
                left_out.append((path, why))
            else:
                there.append(path)
                left -= info.st_size if stat.S_ISREG(info.st_mode) else 0
        return gone, there, left_out

    def _reason(self, path: str, place: Path, info: os.stat_result, left: int) -> str:
        if path.endswith("/"):
            return "a repository of its own"
        if stat.S_ISDIR(info.st_mode):
            return "" if (place / ".git").exists() else "a submodule that is not there"
        if stat.S_ISLNK(info.st_mode):
            return ""
        if not stat.S_ISREG(info.st_mode):
            return "no plain file"
        if info.st_size > self._most_file:
            return f"larger than {self._most_file // 1024 // 1024} MB"
        if info.st_size > left:
            return f"beyond the {self._most_all // 1024 // 1024} MB that are taken in"
        return "" if os.access(place, os.R_OK) else "may not be read"

    def _differing(self, base: Sha, tree: Sha) -> Iterable[tuple[str, object]]:
        return tree_difference(self.hub.objects, self.hub.objects.tree_of(base), tree)

    def _is_emptied(self, head: Sha, written: Sha) -> bool:
        """All files are gone, where there were some: no work does that."""
        objects = self.hub.objects
        return not objects.tree_entries(written) and bool(objects.tree_entries(objects.tree_of(head)))

    def _holds(self, commit: Sha, tree: Sha, head: Sha) -> bool:
        content = self.hub.objects.read(commit) or b""
        return content.startswith(f"tree {tree}\nparent {head}\n".encode())


def _merging_pin(name: str) -> str:
    return f"engagements/{name}/merging"


def snapshot_pins(hub: Hub, name: str) -> dict[int, Sha]:
    """The snapshots that are pinned of a worktree, by their number."""
    prefix = f"engagements/{name}"
    found = {pin.removeprefix(f"{prefix}/"): sha for pin, sha in hub.pins(prefix).items()}
    return {int(number): sha for number, sha in found.items() if number.isdecimal()}


def trailed(subject: str, body: str, trailers: Sequence[tuple[str, str]]) -> str:
    """A commit's message: one line, words, and trailers that nobody's text can forge."""
    lines = [_line(subject)[:120] or "work", *(["", _body(body)] if body.strip() else [])]
    return "\n".join([*lines, "", *(f"{key}: {_line(value)}" for key, value in trailers), ""])


def _line(text: str) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _body(text: str) -> str:
    """Words of others: indented, so that none of it reads as a trailer."""
    return "\n".join(f"  {_line(line)}".rstrip() for line in text.splitlines()[:200])


def _who(author: str) -> str:
    name = _line("".join(" " if char in "<>" else char for char in author)) or "agent"
    address = "".join(char if char.isascii() and (char.isalnum() or char in ".-_") else "-" for char in name)
    return f"{name} <{address.strip('-.') or 'agent'}@agents.watchkeeper.localhost>"


def _pin(name: str, number: int) -> str:
    return f"engagements/{name}/{number}"


def _find(place: Path, root: Path) -> os.stat_result | None:
    """The file itself; None where it is gone, or behind a symbolic link."""
    try:
        info = place.lstat()
        behind = os.path.realpath(place.parent) != str(root / place.parent.relative_to(root))
    except (OSError, ValueError):
        return None
    return None if behind else info


def _joined(paths: Iterable[str]) -> bytes:
    return b"".join(encode_path(path) + b"\0" for path in paths)


def _told(left_out: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    told = [f"{show_path(path)[:300]}: {why}" for path, why in left_out[:_MOST_TOLD]]
    more = len(left_out) - len(told)
    return (*told, f"{more} more") if more else tuple(told)
