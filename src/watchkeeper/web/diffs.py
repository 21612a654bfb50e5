"""Differences as pages show them: git's own words, read into lines; and by symbol, as the risk of a change is told."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from watchkeeper.app import Place, open_analysis
from watchkeeper.code.changed_file import ChangedFile
from watchkeeper.controlroom.landings import LandedEntry
from watchkeeper.controlroom.picture import ProjectPicture
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.fleet_state import EngagementStanding
from watchkeeper.model.footprint import Write
from watchkeeper.model.ids import Sha
from watchkeeper.repos.hub import open_hub
from watchkeeper.review.looking import look_at

MOST_LINES = 3_000
_MOST_WIDTH = 400
_TIMEOUT_S = 20.0
_HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@(.*)")
_COMMIT = re.compile(r"[0-9a-f]{40,64}")


class DiffLine(msgspec.Struct, frozen=True):
    """``kind`` is ``add``, ``cut``, ``same`` or ``hunk``; numbers are 1-based, 0 where a side has no such line."""

    kind: str
    before: int
    after: int
    sign: str
    text: str


class FileDiff(msgspec.Struct, frozen=True):
    """One file of a difference; a renamed one by its new name."""

    path: str
    lines: tuple[DiffLine, ...]
    added: int
    removed: int


class Diff(msgspec.Struct, frozen=True):
    """``left_out`` counts lines that are not shown; ``problem`` says why there is none at all."""

    files: tuple[FileDiff, ...] = ()
    left_out: int = 0
    problem: str = ""


class SymbolDiff(NamedTuple):
    """One symbol that a change wrote: how, and its text before and after."""

    name: str
    edit: str
    detail: str
    path: str
    line: int
    lines: tuple[DiffLine, ...]


def tips_of(standing: EngagementStanding) -> tuple[Sha, Sha] | None:
    """From where to where the work of an engagement goes; None where nothing of it is pinned."""
    made = standing.effect.change if standing.effect is not None else None
    head = made or standing.snapshot
    return (standing.engagement.seal.base, head) if head is not None else None


def read_diff(place: Place, before: Sha, after: Sha) -> Diff:
    """Between two commits that the project's hub has. Never raises for what is missing: it says so instead."""
    if not (_COMMIT.fullmatch(before) and _COMMIT.fullmatch(after)):
        return Diff(problem="these are no commits")
    try:
        with open_hub(place.repository, place.home / "projects" / place.project) as hub:
            output = hub.repository.git(
                "diff", "--no-color", "--no-ext-diff", "--no-textconv", "-U3", "--end-of-options", before, after, "--"
            ).output  # fmt: skip
    except WatchkeeperError as error:
        return Diff(problem=error.message)
    return parse_diff(output.decode("utf-8", "replace"))


def parse_diff(text: str) -> Diff:
    """git's unified diff, read. Total."""
    files: list[FileDiff] = []
    path, lines, left, shown = "", list[DiffLine](), 0, 0
    before = after = 0
    in_hunk = False

    def close() -> None:
        if path:
            count = [each.kind for each in lines]
            files.append(FileDiff(path, tuple(lines), count.count("add"), count.count("cut")))

    for raw in text.split("\n"):
        if raw.startswith("diff --git "):
            close()
            path, lines, in_hunk = raw.rpartition(" b/")[2], [], False
            continue
        if (found := _HUNK.match(raw)) is not None:
            before, after, in_hunk = int(found[1]), int(found[2]), True
            line = DiffLine("hunk", 0, 0, "", found[3].strip())
        elif not in_hunk:
            if raw.startswith("Binary files"):
                lines.append(DiffLine("hunk", 0, 0, "", "a binary file"))
            continue
        elif raw.startswith("+"):
            line, after = DiffLine("add", 0, after, "+", raw[1:][:_MOST_WIDTH]), after + 1
        elif raw.startswith("-"):
            line, before = DiffLine("cut", before, 0, "-", raw[1:][:_MOST_WIDTH]), before + 1
        elif raw.startswith(" "):
            line, before, after = DiffLine("same", before, after, "", raw[1:][:_MOST_WIDTH]), before + 1, after + 1
        else:
            continue
        if shown >= MOST_LINES:
            left += 1
            continue
        lines.append(line)
        shown += 1
    close()
    return Diff(tuple(files), left)


def read_symbols(project: ProjectPicture, landed: LandedEntry) -> tuple[tuple[SymbolDiff, ...], str]:
    """What a landed change wrote, symbol by symbol; and why that cannot be told, ``""`` where it can."""
    place = project.source.place
    try:
        with open_analysis(place) as analysis:
            looked = look_at(place, analysis, project, landed)
            files = {each.path: each for each in looked.assessed.files}
            writes = looked.assessed.gathered.party.footprint.writes
            return tuple(_symbols(writes, files)), ""
    except WatchkeeperError as error:
        return (), error.message


def _symbols(writes: Sequence[Write], files: dict[str, ChangedFile]) -> Iterator[SymbolDiff]:
    left = MOST_LINES
    for each in writes:
        if each.imports or left <= 0:
            continue
        file = files.get(each.path)
        old = _cut(file.base if file is not None else None, each.before)
        new = _cut(file.now if file is not None else None, each.after)
        start = each.before[0][0] if each.before else 1
        lines = tuple(_compare(old, new, start, each.after[0][0] if each.after else 1))[:left]
        left -= len(lines)
        yield SymbolDiff(each.name, each.edit.value, each.detail, each.path, each.line, lines)


def _cut(text: bytes | None, spans: Sequence[tuple[int, int]]) -> list[str]:
    lines = (text or b"").decode("utf-8", "replace").split("\n")
    return [line for first, last in spans for line in lines[first - 1 : last]]


def _compare(old: list[str], new: list[str], before: int, after: int) -> Iterator[DiffLine]:
    matcher = difflib.SequenceMatcher(a=old, b=new, autojunk=False)
    for tag, one, two, three, four in matcher.get_opcodes():
        if tag == "equal":
            for at in range(two - one):
                yield DiffLine("same", before + one + at, after + three + at, "", old[one + at][:_MOST_WIDTH])
            continue
        for at in range(one, two):
            yield DiffLine("cut", before + at, 0, "-", old[at][:_MOST_WIDTH])
        for at in range(three, four):
            yield DiffLine("add", 0, after + at, "+", new[at][:_MOST_WIDTH])
