"""The check ``coverage``: what the project's own tests do not execute, by the report that they left."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

import msgspec

from watchkeeper.model.scouting import KindId
from watchkeeper.sandbox.job import Cancel
from watchkeeper.scouts.checks.port import Ground, Looked, Raw, Runs, could_not_look, looked, not_applicable
from watchkeeper.scouts.checks.tooling import why_not_ended

LEAST = 0.4
"""The share of a file's lines below which it counts as hardly tested."""

_LEAST_LINES = 20
_WALL_S = 1_200.0
_DISPROVE = "Is it executed by tests that were not measured (a browser's, another language's, in another process)?"


class _Summary(msgspec.Struct):
    covered_lines: int
    num_statements: int


class _File(msgspec.Struct):
    summary: _Summary
    missing_lines: list[int] = []


class _Coverage(msgspec.Struct):
    files: dict[str, _File]


class Covered(msgspec.Struct, frozen=True):
    """Of one file: lines that could be executed, and those that were."""

    lines: int
    executed: int


class Coverage:
    """Reads coverage.py's JSON, or lcov, from the path in ``.scout.toml``, after ``measure`` has written it."""

    name = "coverage"

    def look(self, ground: Ground, runs: Runs, cancel: Cancel) -> Looked:  # noqa: ARG002 the sandbox has it
        """Files of which the tests execute little or nothing. A report that does not fit the tree is none."""
        path = ground.config.coverage
        if not path:
            return not_applicable(self.name, ".scout.toml names no report of what the tests execute")
        if measure := ground.config.measure:
            (ground.folder / path).unlink(missing_ok=True)  # what is committed is of another state
            outcome = runs.run(["sh", "-c", measure], ground, wall_s=_WALL_S)
            if why := why_not_ended("the command of measure", outcome, (0, 1)):
                return could_not_look(self.name, why)
        content = ground.read(path)
        if not content.strip():
            return could_not_look(self.name, f"{path}, which .scout.toml names as coverage, is not there or is empty")
        try:
            told = parse_coverage(content)
        except ValueError as error:
            return could_not_look(self.name, f"{path} cannot be read: {str(error)[:200]}")
        found = {own: each for name, each in told.items() if (own := _find(name, ground.files)) is not None}
        sources = [each for each in ground.having(".py", ".ts", ".tsx", ".js", ".jsx") if not _is_test(each)]
        if not found:
            return could_not_look(self.name, f"{path} tells of no file of this tree: it is of another one")
        stale = sorted(own for own, each in found.items() if each.lines > _count_lines(ground.read(own)))
        if stale:
            return could_not_look(self.name, f"{path} is of another state: {stale[0]} has fewer lines than it says")
        raws = list(_judge(found))
        what = f"{len(found)} of {len(sources)} source files, by {path}"
        executed = sum(each.executed for each in found.values())
        return looked(self.name, raws, what=what, proof=f"it tells of {executed} executed lines")


CHECK = Coverage()


def parse_coverage(content: bytes) -> Mapping[str, Covered]:
    """coverage.py's JSON, or lcov; by path, as it is written there. Raises ValueError."""
    if content.lstrip().startswith(b"{"):
        told = msgspec.convert(json.loads(content), _Coverage)
        return {
            path: Covered(each.summary.num_statements, each.summary.covered_lines) for path, each in told.files.items()
        }
    return dict(_lcov(content.decode("utf-8", "replace")))


def _lcov(text: str) -> Iterator[tuple[str, Covered]]:
    path, lines, executed, ended = "", 0, 0, True
    for number, line in enumerate(text.splitlines(), 1):
        key, _, value = line.strip().partition(":")
        if key == "SF":
            path, lines, executed, ended = value, 0, 0, False
        elif key == "DA" and value.count(",") >= 1:
            count = value.split(",")[1]
            if not count.lstrip("-").isdigit():
                raise ValueError(f"line {number} is no line of lcov")
            lines, executed = lines + 1, executed + (int(count) > 0)
        elif line.strip() == "end_of_record":
            ended = True
            yield path, Covered(lines, executed)
        elif not line.strip() or key in ("TN", "FN", "FNDA", "FNF", "FNH", "BRDA", "BRF", "BRH", "LF", "LH", "VER"):
            continue
        else:
            raise ValueError(f"line {number} is no line of lcov")
    if not ended:
        raise ValueError("it ends in the middle of a record")


def _judge(found: Mapping[str, Covered]) -> Iterator[Raw]:
    for path, each in sorted(found.items()):
        if _is_test(path) or each.lines < _LEAST_LINES or each.executed >= LEAST * each.lines:
            continue
        nothing = each.executed == 0
        said = "nothing" if nothing else f"{each.executed} of {each.lines} lines"
        yield Raw(
            "hardly-tested", path, f"The tests execute {said} of {path}", 1, disprove=_DISPROVE,
            evidence=f"{each.executed} of {each.lines}", severity=3 if nothing else 2, confidence=0.8,
            kind=KindId("missing-tests"), anchor="hardly-tested",
        )  # fmt: skip


def _find(name: str, files: tuple[str, ...]) -> str | None:
    """The file of the tree that a report means: as it is written, or the only one that ends so."""
    own = name.replace("\\", "/").removeprefix("./")
    if own in files:
        return own
    parts = PurePosixPath(own).parts
    for start in range(1, len(parts)):
        end = "/".join(parts[start:])
        if end in files:
            return end
    return None


def _count_lines(content: bytes) -> int:
    return content.count(b"\n") + 1


def _is_test(path: str) -> bool:
    name = PurePosixPath(path).name
    return "tests" in PurePosixPath(path).parts or name.startswith("test_") or ".test." in name or ".spec." in name
