"""Who wrote lines of a revision, and what the commits say of themselves. Reads the history of strangers, in bounds."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Sequence

import msgspec

from watchkeeper.model.errors import GitError, WatchkeeperError
from watchkeeper.model.ids import Millis, Sha
from watchkeeper.repos.authors import OldCommit, read_commit
from watchkeeper.repos.git import decode_path
from watchkeeper.repos.hub import Hub
from watchkeeper.repos.messages import one_line, parse_entries

IGNORED = ".git-blame-ignore-revs"
"""Where a project lists commits that only moved or reformatted; git's own convention."""

_TIMEOUT_S = 20.0
_MOST_LINES = 200
_MOST_OUTPUT = 8 * 1024 * 1024
_MOST_MESSAGE = 64 * 1024
_MOST_CREDITS = 20
_HEADER = re.compile(rb"([0-9a-f]{40}|[0-9a-f]{64}) (\d+) (\d+)(?: \d+)?")
_TRAILER = re.compile(r"^[ \t]*(Agent|Issue|Engagement):[ \t]*(\S[^\n]*)$", re.IGNORECASE | re.MULTILINE)


class Credit(msgspec.Struct, frozen=True):
    """Whose work a commit says it is, by its trailers ``Agent:``, ``Issue:``, ``Engagement:``; ``""``: it does not."""

    agent: str = ""
    issue: str = ""
    engagement: str = ""


class CommitSaid(msgspec.Struct, frozen=True):
    """A commit and what it says of itself. ``credits`` are several where it squashes the work of several.

    ``entries`` are the landings that it names; whether they are to be believed is another question.
    """

    sha: Sha
    subject: str
    author: str
    at: Millis
    parents: tuple[Sha, ...] = ()
    credits: tuple[Credit, ...] = ()
    entries: tuple[str, ...] = ()


class BlamedLine(msgspec.Struct, frozen=True):
    """One line of a revision, and the commit that wrote it."""

    line: int
    commit: Sha
    text: str


def blame_lines(hub: Hub, revision: Sha, path: str, lines: Iterable[int]) -> dict[int, BlamedLine]:
    """Who wrote these lines (1-based) of a file, as it is in ``revision``; lines that it does not have are left out.

    Changes of white space are nobody's, and commits that the revision itself lists in ``.git-blame-ignore-revs``
    are passed over. At most 200 lines are asked for. Blocks. Raises: GitError (no such file, too slow).
    """
    content = _read_file(hub, revision, path)
    if content is None:
        raise GitError(
            f"{one_line(path, 200)} is not in {revision[:12]}", slug="not-in-revision", hint="check what is deployed"
        )
    last = content.count(b"\n") + (not content.endswith(b"\n"))
    asked = sorted({line for line in lines if 0 < line <= last})[:_MOST_LINES]
    if not asked:
        return {}
    ranges = [part for line in asked for part in ("-L", f"{line},{line}")]
    return {each.line: each for each in _parse(_blame(hub, revision, path, ranges))}


def read_said(hub: Hub, commit: Sha) -> CommitSaid:
    """A commit's subject, author and trailers. Raises: GitError where it is not there."""
    found = read_commit(hub, commit)
    message = found.message[:_MOST_MESSAGE]
    return CommitSaid(
        sha=commit,
        subject=one_line(message.lstrip("\n").partition("\n")[0], 120),
        author=one_line(found.who, 120),
        at=_time_of(found),
        parents=found.parents,
        credits=parse_credits(message),
        entries=tuple(parse_entries(message)),
    )


def parse_credits(message: str) -> tuple[Credit, ...]:
    """The work that a message's trailers name, in order, each once. Pure.

    They may stand anywhere: a squash has the messages of all its commits in its own. A key that comes again begins the
    next one's.
    """
    found: list[dict[str, str]] = []
    for match in _TRAILER.finditer(message):
        key, value = match[1].lower(), one_line(match[2], 100)
        if not found or key in found[-1]:
            found.append({})
        found[-1][key] = value
    return tuple(dict.fromkeys(Credit(**each) for each in found))[:_MOST_CREDITS]


def added_lines(hub: Hub, base: Sha, head: Sha, path: str) -> frozenset[str]:
    """The texts of lines that a change has in a file and its base has not, without leading space. Raises: GitError."""
    old = (_read_file(hub, base, path) or b"").splitlines()
    new = (_read_file(hub, head, path) or b"").splitlines()
    return frozenset(_shown(line) for line in set(new) - set(old))


def _read_file(hub: Hub, revision: Sha, path: str) -> bytes | None:
    entry = hub.objects.find_entry(revision, path) if path else None
    return hub.objects.read(entry.sha) if entry is not None and entry.is_text_file else None


def _blame(hub: Hub, revision: Sha, path: str, ranges: Sequence[str]) -> bytes:
    ignored = _ignored(hub, revision)
    if not ignored:
        return _run(hub, revision, path, ranges)
    with tempfile.NamedTemporaryFile("w", prefix="wk-ignore-", suffix=".revs") as listed:
        listed.write("".join(f"{sha}\n" for sha in ignored))
        listed.flush()
        try:
            return _run(hub, revision, path, ["--ignore-revs-file", listed.name, *ranges])
        except WatchkeeperError:  # a list that git refuses takes no answer away
            return _run(hub, revision, path, ranges)


def _run(hub: Hub, revision: Sha, path: str, options: Sequence[str]) -> bytes:
    return hub.repository.git(
        "blame", "--porcelain", "-w", *options, revision, "--", path,
        # A list of the user's own would be looked for in the hub, which has no files.
        config={"blame.ignoreRevsFile": ""}, timeout_s=_TIMEOUT_S, max_output=_MOST_OUTPUT,
    ).output  # fmt: skip


def _ignored(hub: Hub, revision: Sha) -> tuple[str, ...]:
    """Whole ids alone: one that git cannot make out would end the command."""
    content = _read_file(hub, revision, IGNORED) or b""
    found = re.findall(rb"^[ \t]*([0-9a-f]{40}|[0-9a-f]{64})\b", content[:_MOST_MESSAGE], re.MULTILINE)
    return tuple(dict.fromkeys(each.decode("ascii") for each in found))


def _parse(output: bytes) -> Iterable[BlamedLine]:
    commit, line = b"", 0
    for row in output.split(b"\n"):
        if row.startswith(b"\t"):
            if commit:
                yield BlamedLine(line, Sha(commit.decode("ascii")), _shown(row[1:]))
        elif header := _HEADER.fullmatch(row):
            commit, line = header[1], int(header[3])


def _shown(line: bytes) -> str:
    return one_line(decode_path(line.strip()), 200)


def _time_of(commit: OldCommit) -> Millis:
    """When it was written, by its author; 0 where nobody can tell."""
    match = re.search(r"> (\d{1,12}) [+-]\d{4}$", commit.author)
    return Millis(int(match[1]) * 1000 if match else 0)
