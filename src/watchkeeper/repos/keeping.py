"""Finished work is kept in the hub until it landed: a pin for each entry of the queue, and copies of its objects.

The hub borrows the user's objects, and the user may delete a branch, a worktree and with ``git gc --prune=now`` the
commits too. What an entry has beyond the target branch is therefore copied. What the target branch reaches stays
borrowed: a copy of all history would cost more than it protects.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from urllib.parse import unquote_to_bytes

from watchkeeper.model.errors import GitError, UsageError
from watchkeeper.model.ids import Sha
from watchkeeper.model.landing import EntryId
from watchkeeper.repos.git import decode_path, encode_path, run_git, show_path
from watchkeeper.repos.hub import Hub
from watchkeeper.repos.loose import write_object
from watchkeeper.repos.repository import Repository, Worktree
from watchkeeper.repos.status import STATUS_ARGS, parse_status


def finished_commit(worktree: Worktree, snapshot: Sha | None = None) -> Sha:
    """The commit of a worktree that may be queued: its HEAD, or ``snapshot`` (a commit of the hub) where it is given.

    Raises: UsageError where something is not committed and there is no snapshot, or there is no commit at all.
    """
    if snapshot is not None:
        return snapshot
    status = parse_status(run_git(worktree.path, *STATUS_ARGS, timeout_s=300.0).output)
    where = show_path(str(worktree.path))
    if status.head is None:
        raise UsageError(f"{where} has no commit yet", slug="uncommitted-work", hint=f"git -C {where} commit")
    paths = sorted({*(entry.path for entry in status.tracked), *status.untracked})
    if paths:
        told = ", ".join(show_path(path) for path in paths[:3]) + (f" and {len(paths) - 3} more" * (len(paths) > 3))
        raise UsageError(
            f"{where} has work that is not committed: {told}",
            slug="uncommitted-work",
            hint=f"git -C {where} add -A && git -C {where} commit, or leave files out with .gitignore",
            facts={"paths": "\n".join(show_path(path) for path in paths)},
        )
    return status.head


def keep_change(hub: Hub, source: Repository, entry: EntryId, commit: Sha, onto: Sha) -> None:
    """Keep an entry's commit: afterwards it needs nothing of the user's but what ``onto``, the target branch, reaches.

    Only then it counts as queued. Idempotent; a kill leaves at worst a pin that ``kept_changes`` shows.
    Raises: GitError (an object is missing), WatchkeeperError (a full disk).
    """
    hub.borrow(source)
    name = _pin_name(entry)
    known = hub.pins().get(name)
    if known not in {None, commit}:
        raise GitError(
            f"{show_path(entry)} is kept already, as another commit",
            slug="entry-kept",
            hint="queue the new commit as a new revision",
        )
    hub.pin(name, commit)  # before the copies: tidying deletes none that a pin reaches
    try:
        _copy(hub, [commit, f"^{onto}"])
    except BaseException:
        if known is None:
            hub.unpin(name)
        raise


def release_change(hub: Hub, entry: EntryId) -> None:
    """Let go of an entry that landed or was withdrawn; nothing happens where it is not kept."""
    hub.unpin(_pin_name(entry))


def kept_changes(hub: Hub) -> dict[EntryId, Sha]:
    """All entries that are kept, with their commits."""
    found = {name.removeprefix(_FOLDER): sha for name, sha in hub.pins().items() if name.startswith(_FOLDER)}
    return {_entry_of(name): sha for name, sha in found.items()}


def kept_within(hub: Hub, head: Sha, onto: Sha) -> set[EntryId]:
    """The kept entries whose commits ``head`` has beyond ``onto``: it would land them with it. Raises GitError."""
    listed = hub.repository.git("rev-list", head, f"^{onto}", "--").output.decode("ascii").split()
    own = set(listed)
    return {entry for entry, commit in kept_changes(hub).items() if commit in own}


def kept_above(hub: Hub, commit: Sha) -> set[EntryId]:
    """The kept entries that have ``commit`` in them. Raises GitError."""
    prefix = f"refs/watchkeeper/{_FOLDER}"
    output = hub.repository.git("for-each-ref", f"--contains={commit}", "--format=%(refname)", prefix).output
    return {_entry_of(name.removeprefix(prefix)) for name in decode_path(output).splitlines()}


_FOLDER = "changes/"
_BATCH_BYTES = 32 * 1024 * 1024


def _pin_name(entry: EntryId) -> str:
    """``changes/<change>/<revision>``, with what a ref may not hold as ``%xx``.

    A ``/`` in the change's name as well: ``x/1`` could not be kept beside the change ``x/1``'s own ``x/1/2``.
    """
    change, slash, revision = entry.rpartition("/")
    return _FOLDER + _quote(change) + slash + _quote(revision)


def _entry_of(pin: str) -> EntryId:
    return EntryId(decode_path(unquote_to_bytes(pin)))


def _quote(text: str) -> str:
    quoted = re.sub(rb"[^A-Za-z0-9_.-]", lambda found: b"%%%02X" % found[0][0], encode_path(text)).decode("ascii")
    return re.sub(r"^\.|\.(?=\.|$|lock$)", "%2E", quoted)


def _copy(hub: Hub, revisions: Sequence[str]) -> None:
    """What these revisions reach, as objects of the hub's own. Loose ones: they go with tidying when no pin is left."""
    listed = run_git(
        hub.folder, "--git-dir=.", "rev-list", "--objects", "--no-object-names", "--stdin",
        isolated=True, stdin="\n".join([*revisions, ""]).encode(), timeout_s=600.0,
    ).output  # fmt: skip
    shas = [Sha(line) for line in listed.decode("ascii").split()]
    for batch in _batches(hub, [sha for sha in shas if not _is_own(hub, sha)]):
        content = run_git(
            hub.folder, "--git-dir=.", "cat-file", "--batch", "--buffer",
            isolated=True, stdin="\n".join([*batch, ""]).encode(), timeout_s=600.0, max_output=4 * 1024**3,
        ).output  # fmt: skip
        for kind, body in _objects(content):
            write_object(hub.folder / "objects", kind, body, hub.repository.object_format)


def _is_own(hub: Hub, sha: Sha) -> bool:
    place = hub.folder / "objects" / sha[:2] / sha[2:]
    with suppress(OSError):
        if place.stat().st_size:
            os.utime(place)
            return True
    return False


def _batches(hub: Hub, shas: Iterable[Sha]) -> Iterator[list[Sha]]:
    """Not all at once: a change may hold more than fits in memory."""
    batch: list[Sha] = []
    total = 0
    for sha in shas:
        info = hub.objects.find_info(sha)
        total += info.size if info else 0
        batch.append(sha)
        if total > _BATCH_BYTES:
            yield batch
            batch, total = [], 0
    if batch:
        yield batch


def _objects(output: bytes) -> Iterator[tuple[str, bytes]]:
    """Kind and content of each object that ``git cat-file --batch`` printed. Raises: GitError where one is missing."""
    place = 0
    while place < len(output):
        end = output.index(b"\n", place)
        fields = output[place:end].decode("utf-8", "replace").split(" ")
        if len(fields) != 3:
            raise GitError(
                f"object {fields[0]} is not there", slug="object-missing", hint="fetch it: git fetch --refetch"
            )
        start, size = end + 1, int(fields[2])
        yield fields[1], output[start : start + size]
        place = start + size + 1
