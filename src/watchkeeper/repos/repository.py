"""Find a repository and read it: worktrees, revisions, trees, differences. Nothing is ever written."""

from __future__ import annotations

import difflib
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from watchkeeper.model.errors import NotARepositoryError, UsageError
from watchkeeper.model.ids import ProjectId, Sha
from watchkeeper.repos.git import GitResult, decode_path, get_git_version, run_git, show_path
from watchkeeper.repos.trees import PathChange, TreeEntry, parse_raw_diff, parse_tree_listing


class Worktree(msgspec.Struct, frozen=True):
    """One checkout. ``head`` is None before the first commit; ``branch`` is short, ``""`` when detached.

    A worktree in the middle of a rebase is detached but keeps the ``branch`` that is being rebased. ``prunable`` and
    ``locked`` hold git's reason, ``""`` where it is neither. ``git_dir`` holds its HEAD and index.
    """

    path: Path
    git_dir: Path
    head: Sha | None
    branch: str
    is_main: bool = False
    is_bare: bool = False
    is_detached: bool = False
    locked: str = ""
    prunable: str = ""

    @property
    def is_present(self) -> bool:
        """Its folder and its link to the repository are there: there is something to read."""
        return not self.is_bare and not self.prunable and self.path.is_dir() and self.git_dir.is_dir()


class Repository(msgspec.Struct, frozen=True):
    """A repository, found once. ``common_dir`` is the real path of the git directory that its worktrees share.

    ``found_at`` is the top folder of the checkout that it was found from, None in a bare repository.
    """

    project: ProjectId
    common_dir: Path
    object_format: str = "sha1"
    is_bare: bool = False
    found_at: Path | None = None

    @property
    def id_bytes(self) -> int:
        """Length of an object id: 20, or 32 in a SHA-256 repository."""
        return hashlib.new(self.object_format).digest_size

    def git(self, *args: str, **limits: object) -> GitResult:
        """Run a reading git command on the repository as a whole; see ``run_git``."""
        return run_git(self.common_dir, "--git-dir=.", *args, **limits)  # type: ignore[arg-type]

    def worktrees(self) -> tuple[Worktree, ...]:
        """All checkouts, the main one first (of a bare repository: itself), as they are now."""
        output = self.git("worktree", "list", "--porcelain", "-z").output
        records = [record for record in output.split(b"\0\0") if record.strip(b"\0")]
        found = [self._worktree(record, is_main=index == 0) for index, record in enumerate(records)]
        return tuple(found)

    def resolve(self, revision: str) -> Sha:
        """The commit that a branch, tag, id or expression names. Raises: UsageError, which lists near names."""
        found = self.find_commit(revision)
        if found is not None:
            return found
        near = difflib.get_close_matches(revision, self.ref_names(), n=3)
        raise UsageError(
            f"there is no branch or commit {show_path(revision)!r} in {show_path(str(self.common_dir))}",
            slug="unknown-revision",
            hint=f"did you mean {' or '.join(near)}?" if near else "list the branches: git branch --all",
            facts={"near": " ".join(near)},
        )

    def find_commit(self, revision: str) -> Sha | None:
        """The commit that ``revision`` names, None where there is none."""
        if not revision or "\0" in revision or "\n" in revision:
            return None
        result = self.git(
            "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}", allowed=(0, 1, 128)
        )
        return Sha(result.output.decode("ascii").strip()) if result.code == 0 else None

    def ref_names(self) -> tuple[str, ...]:
        """The short names of all branches and tags."""
        output = self.git("for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/remotes", "refs/tags").output
        return tuple(decode_path(output).splitlines())

    def merge_base(self, one: Sha, other: Sha) -> Sha | None:
        """The best common ancestor; None for unrelated histories."""
        result = self.git("merge-base", one, other, allowed=(0, 1))
        return Sha(result.output.decode("ascii").split()[0]) if result.code == 0 else None

    def is_ancestor(self, old: Sha, new: Sha) -> bool:
        """``old`` is ``new`` or in its history."""
        return self.git("merge-base", "--is-ancestor", old, new, allowed=(0, 1)).code == 0

    def find_fork(self, head: Sha, base: Sha) -> Sha | None:
        """Where the line of ``head`` first parted from ``base``'s history; None: it has nothing of its own.

        Another commit than the merge base where the branch took ``base``'s in meanwhile.
        """
        lines = self.git("rev-list", "--first-parent", "--parents", head, f"^{base}", "--").output.split(b"\n")
        oldest = next((line.split() for line in reversed(lines) if line), None)
        return Sha(oldest[1].decode("ascii")) if oldest is not None and len(oldest) > 1 else None

    def tree_files(self, revision: Sha) -> dict[str, TreeEntry]:
        """All files of a commit or tree, submodules among them, by path."""
        return parse_tree_listing(self.git("ls-tree", "-r", "-z", "--full-tree", revision).output)

    def diff(self, old: Sha, new: Sha, *, renames: bool = True) -> tuple[PathChange, ...]:
        """The files that differ between two commits or trees, renames found as ``git merge`` finds them."""
        found = self.git(
            "diff-tree", "-r", "-z", "--raw", "--no-abbrev", "--no-ext-diff", "--no-textconv",
            *(["-M", "-l1000"] if renames else ["--no-renames"]), "--end-of-options", old, new,
        )  # fmt: skip
        return parse_raw_diff(found.output)

    def _worktree(self, record: bytes, *, is_main: bool) -> Worktree:
        fields = _fields(record)
        path = Path(fields["worktree"])
        head = fields.get("HEAD", "")
        if is_main and "bare" not in fields:
            path = self._main_path(path)
        git_dir = self.common_dir if is_main else _find_git_dir(path)
        return Worktree(
            path=path,
            git_dir=git_dir,
            head=Sha(head) if head.strip("0") else None,
            branch=fields.get("branch", "").removeprefix("refs/heads/") or _rebased_branch(git_dir),
            is_main=is_main,
            is_bare="bare" in fields,
            is_detached="detached" in fields,
            locked=fields["locked"] or "locked" if "locked" in fields else "",
            prunable=fields["prunable"] or "prunable" if "prunable" in fields else "",
        )

    def _main_path(self, listed: Path) -> Path:
        """Where the main checkout is: git guesses, wrongly for submodules and separate git directories."""
        if (listed / ".git").exists():
            return listed
        set_path = self.git("config", "--get", "core.worktree", allowed=(0, 1)).output.rstrip(b"\n")
        if set_path:
            return Path(os.path.realpath(self.common_dir / decode_path(set_path)))
        if self.found_at is not None and _find_git_dir(self.found_at) == self.common_dir:
            return self.found_at
        return listed


def find_repository(path: Path) -> Repository:
    """The repository that holds ``path``: a checkout or a folder in it, a linked worktree, a bare repository.

    A submodule is a repository of its own. Raises: NotARepositoryError, GitError (git missing, too old, not trusted).
    """
    get_git_version()
    folder = path if path.is_dir() else path.parent
    if not path.exists():
        raise NotARepositoryError(
            f"there is no folder {show_path(str(path))}", slug="no-such-folder", hint="check the path"
        )
    output = run_git(
        folder, "rev-parse", "--is-bare-repository", "--is-inside-work-tree", "--show-object-format",
        "--path-format=absolute", "--git-common-dir",
    ).output  # fmt: skip
    bare, inside, object_format, common = output.split(b"\n", 3)
    common_dir = Path(os.path.realpath(decode_path(common.removesuffix(b"\n"))))
    return Repository(
        project=ProjectId(hashlib.sha256(os.fsencode(common_dir)).hexdigest()[:16]),
        common_dir=common_dir,
        object_format=object_format.decode("ascii"),
        is_bare=bare == b"true",
        found_at=_top_folder(folder) if inside == b"true" else None,
    )


def _top_folder(folder: Path) -> Path:
    output = run_git(folder, "rev-parse", "--show-toplevel").output
    return Path(os.path.realpath(decode_path(output.removesuffix(b"\n"))))


def _fields(record: bytes) -> Mapping[str, str]:
    """``key value`` lines of one worktree; a key without value gives ``""``."""
    pairs = (decode_path(line).partition(" ") for line in record.strip(b"\0").split(b"\0"))
    return {key: value for key, _, value in pairs}


def _find_git_dir(worktree: Path) -> Path:
    """The git directory of a checkout, by its ``.git``; the ``.git`` path itself where that leads nowhere."""
    link = worktree / ".git"
    try:
        text = link.read_bytes() if link.is_file() else b""
    except OSError:
        return link
    if not text.startswith(b"gitdir: "):
        return Path(os.path.realpath(link))
    return Path(os.path.realpath(worktree / decode_path(text[8:].rstrip(b"\n"))))


def _rebased_branch(git_dir: Path) -> str:
    """The branch that is being rebased in a worktree, ``""`` where none is."""
    for folder in ("rebase-merge", "rebase-apply"):
        try:
            name = (git_dir / folder / "head-name").read_bytes()
        except OSError:
            continue
        text = decode_path(name.strip())
        return text.removeprefix("refs/heads/") if text.startswith("refs/heads/") else ""
    return ""
