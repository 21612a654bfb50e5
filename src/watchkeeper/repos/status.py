"""What ``git status --porcelain=v2`` says, as values. Pure."""

from __future__ import annotations

import msgspec

from watchkeeper.model.ids import Sha
from watchkeeper.repos.git import decode_path
from watchkeeper.repos.trees import TreeEntry

STATUS_ARGS = (
    "status", "--porcelain=v2", "-z", "--branch", "--no-ahead-behind", "--untracked-files=all", "--no-renames",
    "--ignore-submodules=dirty",
)  # fmt: skip
"""``dirty``: git would otherwise start itself inside each submodule, under the submodule's own configuration."""


class StatusEntry(msgspec.Struct, frozen=True):
    """A tracked file that differs from HEAD or from the index.

    ``index`` is what is staged, None where nothing is; ``on_disk`` says whether the file is there, ``same_on_disk``
    that it equals what is staged (also where sparse checkout leaves it out).
    """

    path: str
    head: TreeEntry | None
    index: TreeEntry | None
    on_disk: bool
    same_on_disk: bool
    is_unmerged: bool = False
    is_submodule: bool = False


class Status(msgspec.Struct, frozen=True):
    """``head`` is None before the first commit; ``untracked`` leaves out ignored files and nested repositories."""

    head: Sha | None
    branch: str
    tracked: tuple[StatusEntry, ...]
    untracked: tuple[str, ...]


def parse_status(output: bytes) -> Status:
    """The values of ``git status`` with ``STATUS_ARGS``."""
    head, branch = "", ""
    tracked: list[StatusEntry] = []
    untracked: list[str] = []
    for record in output.split(b"\0")[:-1]:
        kind, _, rest = record.partition(b" ")
        if kind == b"1":
            tracked.append(_ordinary(rest))
        elif kind == b"u":
            tracked.append(_unmerged(rest))
        elif kind == b"?":
            if not rest.endswith(b"/"):  # a nested repository
                untracked.append(decode_path(rest))
        elif rest.startswith(b"branch.oid "):
            head = decode_path(rest[11:])
        elif rest.startswith(b"branch.head "):
            branch = decode_path(rest[12:])
    return Status(
        head=Sha(head) if head and head != "(initial)" else None,
        branch="" if branch == "(detached)" else branch,
        tracked=tuple(tracked),
        untracked=tuple(untracked),
    )


def _ordinary(rest: bytes) -> StatusEntry:
    letters, submodule, head_mode, index_mode, disk_mode, head_sha, index_sha, path = rest.split(b" ", 7)
    return StatusEntry(
        path=decode_path(path),
        head=_entry(head_mode, head_sha),
        index=_entry(index_mode, index_sha),
        on_disk=disk_mode != b"000000",
        same_on_disk=letters[1:] == b".",
        is_submodule=submodule.startswith(b"S"),
    )


def _unmerged(rest: bytes) -> StatusEntry:
    _, submodule, _, ours_mode, _, disk_mode, _, ours_sha, _, path = rest.split(b" ", 9)
    return StatusEntry(
        path=decode_path(path),
        head=_entry(ours_mode, ours_sha),
        index=None,
        on_disk=disk_mode != b"000000",
        same_on_disk=False,
        is_unmerged=True,
        is_submodule=submodule.startswith(b"S"),
    )


def _entry(mode: bytes, sha: bytes) -> TreeEntry | None:
    return None if mode == b"000000" else TreeEntry(mode.decode("ascii"), Sha(sha.decode("ascii")))
