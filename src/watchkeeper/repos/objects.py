"""Read git objects by id, many a second, through one long-lived process."""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from watchkeeper.model.errors import GitError
from watchkeeper.model.ids import Sha
from watchkeeper.repos.coprocess import CoProcess
from watchkeeper.repos.git import encode_path, show_path
from watchkeeper.repos.trees import FOLDER, TreeEntry, parse_tree

MAX_CONTENT = 5 * 1024 * 1024
"""Larger files are known by their id only: no source file that a person wrote is this large."""


class ObjectInfo(msgspec.Struct, frozen=True):
    """What kind of object it is (``blob``, ``tree``, ``commit``, ``tag``) and its size in bytes."""

    kind: str
    size: int


class Objects:
    """The objects of one repository and of those it borrows from. Thread-safe; restarts its process when it dies."""

    def __init__(self, git_dir: Path, *, isolated: bool = False) -> None:
        self._git_dir = git_dir
        self._lock = threading.Lock()
        self._process = CoProcess(git_dir, "--git-dir=.", "cat-file", "--batch-command", isolated=isolated)

    def read(self, sha: Sha) -> bytes | None:
        """The content of an object; None where it is larger than ``MAX_CONTENT``. Blocks.

        Raises: GitError for an object that is not there (never fetched from a remote) or a damaged repository.
        """
        with self._lock:
            info = self._info(sha)
            if info is None:
                raise self._missing(sha)
            return self._content(sha) if info.size <= MAX_CONTENT else None

    def tree_of(self, revision: Sha) -> Sha:
        """The tree of a commit; a tree is its own. Raises: GitError."""
        with self._lock:
            info = self._info(revision)
            if info is None:
                raise self._missing(revision)
            if info.kind != "commit":
                return revision
            content = self._content(revision)
        return Sha(content[5 : content.index(b"\n")].decode("ascii"))

    def tree_entries(self, tree: Sha) -> dict[bytes, TreeEntry]:
        """The files and folders directly in a tree, by name. Raises: GitError."""
        with self._lock:
            info = self._info(tree)
            if info is None or info.kind != "tree":
                raise self._missing(tree)
            content = self._content(tree)
        return parse_tree(content, len(tree) // 2)

    def find_entry(self, revision: Sha, path: str) -> TreeEntry | None:
        """The file or folder at ``path`` of a tree or commit; None where there is none."""
        entry = TreeEntry(FOLDER, self.tree_of(revision))
        for step in encode_path(path).split(b"/"):
            found = self.tree_entries(entry.sha).get(step) if entry.mode == FOLDER else None
            if found is None:
                return None
            entry = found
        return entry

    def find_info(self, sha: Sha) -> ObjectInfo | None:
        """Kind and size of an object; None where it is not there."""
        with self._lock:
            return self._info(sha)

    def close(self) -> None:
        """End the process; a later read starts another."""
        with self._lock:
            self._process.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _info(self, sha: Sha) -> ObjectInfo | None:
        try:
            header = self._ask("info", sha)
        except GitError as error:
            if error.slug == "object-missing":  # a partial clone: git dies rather than fetch it
                return None
            raise
        if header[-1:] == ["missing"] or len(header) != 3:
            return None
        return ObjectInfo(header[1], int(header[2]))

    def _content(self, sha: Sha) -> bytes:
        header = self._ask("contents", sha)
        if len(header) != 3:
            raise self._missing(sha)
        content = self._process.read_exactly(int(header[2]))
        self._process.read_exactly(1)
        return content

    def _ask(self, command: str, sha: Sha) -> list[str]:
        if not sha.isalnum():
            raise GitError(f"{show_path(sha)!r} is no object id", slug="object-missing", hint="give a full object id")
        question = f"{command} {sha}\n".encode()
        try:
            self._process.ask(question)
            header = self._process.read_until(b"\n")
        except GitError:
            # It may have been killed, or have died of the question before: asked afresh, only a real fault fails.
            self._process.close()
            self._process.ask(question)
            header = self._process.read_until(b"\n")
        return header.decode("utf-8", "replace").split(" ")

    def _missing(self, sha: Sha) -> GitError:
        return GitError(
            f"object {sha} is not in {show_path(str(self._git_dir))}",
            slug="object-missing",
            hint="in a partial clone fetch it first: git fetch --refetch --no-filter",
        )
