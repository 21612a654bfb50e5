"""A program as a check: run with a fault planted in the tree, and believed only where it reports that.

The tree is a copy of ours. What is planted stands in a folder with a name that nobody can know before, so that no
setting that the project brings can leave it out without leaving out what it should.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath

import msgspec

from watchkeeper.sandbox.job import Cancel, Ending, Network, Outcome
from watchkeeper.scouts.checks.port import Ground, Looked, Raw, Runs, could_not_look, looked, not_applicable
from watchkeeper.scouts.checks.running import find_program

REPORT = "report.json"
_CANARY = "canary_"
_MOST_REPORT = 64 << 20
_WORDS = {
    Ending.TIMED_OUT: "took too long",
    Ending.OUT_OF_MEMORY: "took too much memory",
    Ending.TOO_MANY_PROCESSES: "started too many processes",
    Ending.TOO_MUCH_OUTPUT: "printed too much",
    Ending.CANCELLED: "was ended before it was done",
    Ending.COULD_NOT_START: "could not be started",
    Ending.KILLED: "was killed from elsewhere",
}


class Report(msgspec.Struct, frozen=True):
    """What a program said: places (paths as it wrote them), and the files that it could not read.

    ``seen`` are the files that it says to have read, where it says so: None, where it does not.
    """

    found: tuple[Raw, ...] = ()
    unread: tuple[str, ...] = ()
    seen: tuple[str, ...] | None = None


class ReportUnreadableError(Exception):
    """What a program wrote is not what this version of it should write."""


class Tool(msgspec.Struct, frozen=True):
    """A program, and how it is asked.

    ``command`` gives its words, for the tree's folder, from the report's place and the tree; where ``prints`` is set
    its standard output is the report. ``canary`` are files by name, and ``planted`` the rules that have to be reported
    in them. ``ended`` are the exit codes of a run that came to its end. ``reads`` are the endings of files that it
    reads: without any there is nothing for it. ``is_extra``: it is not installed with Watchkeeper, and needed only
    where ``.scout.toml`` names it.
    """

    name: str
    program: str
    command: Callable[[Path, Ground], Sequence[str]]
    parse: Callable[[bytes], Report]
    canary: Mapping[str, str]
    planted: frozenset[str]
    reads: tuple[str, ...]
    ended: tuple[int, ...] = (0, 1)
    prints: bool = False
    report: str = REPORT
    wall_s: float = 300.0
    variables: Mapping[str, str] = {}
    install: str = "pip install 'watchkeeper[scouts]'"
    is_extra: bool = False
    network: Network = Network.NONE
    complains: Callable[[bytes], tuple[str, ...]] | None = None  # of which files it says that it could not read them


class ToolCheck:
    """``port.Check`` over a program."""

    def __init__(self, tool: Tool, keep: Callable[[Raw, Ground], Raw | None] | None = None) -> None:
        """``keep`` may drop or alter what was found in the tree, where that needs to be looked at."""
        self.tool, self._keep = tool, keep

    @property
    def name(self) -> str:
        return self.tool.name

    def look(self, ground: Ground, runs: Runs, cancel: Cancel) -> Looked:  # noqa: ARG002 the sandbox has it
        """Run it once, over the tree and its canary."""
        tool = self.tool
        if tool.is_extra and tool.name not in ground.config.tools and find_program(tool.program, ground) is None:
            return not_applicable(tool.name, f"{tool.program} is not installed, and .scout.toml does not ask for it")
        files = ground.having(*tool.reads)
        if not files:
            return not_applicable(tool.name, f"there is no file of its kind: {', '.join(tool.reads)}")
        if find_program(tool.program, ground) is None:
            return could_not_look(tool.name, f"{tool.program} is not installed: {tool.install}")
        place = ground.scratch / tool.name
        place.mkdir(parents=True, exist_ok=True)
        report = place / tool.report
        words = tool.command(report, ground)
        canary = plant(ground, tool.canary)
        outcome = runs.run(
            _redirected(words, report) if tool.prints else words,
            ground, wall_s=tool.wall_s, network=tool.network, variables=tool.variables,
        )  # fmt: skip
        return self._judge(ground, outcome, report, canary)

    def _judge(self, ground: Ground, outcome: Outcome, report: Path, canary: str) -> Looked:
        tool = self.tool
        if why := why_not_ended(tool.program, outcome, tool.ended):
            return could_not_look(tool.name, f"{why}; {self._next()}")
        try:
            told = tool.parse(read_report(report))
        except ReportUnreadableError as error:
            return could_not_look(tool.name, f"what {tool.program} wrote cannot be read: {error}; {self._next()}")
        places = [(within(each.path, ground.folder), each) for each in told.found]
        missed = tool.planted - {each.rule for path, each in places if path and path.startswith(f"{canary}/")}
        if missed:
            what = ", ".join(sorted(missed))
            why = f"{tool.program} did not report what was planted for it: {what}"
            return could_not_look(tool.name, f"{why}; {self._next()}")
        known = frozenset(ground.files)
        found = [own for path, each in places if path in known and (own := self._own(path, each, ground)) is not None]
        complaints = tool.complains(outcome.output) if tool.complains is not None else ()
        blind = {within(each, ground.folder) for each in (*told.unread, *complaints)}
        if told.seen is not None:
            blind |= set(ground.having(*tool.reads)) - {within(each, ground.folder) for each in told.seen}
        unread = sorted(path for path in blind if path is not None and path in known)
        if unread:
            some = ", ".join(unread[:3]) + (f" and {len(unread) - 3} more" if len(unread) > 3 else "")
            return could_not_look(tool.name, f"{tool.program} could not read {some}", found)
        proof = f"it reported what was planted for it ({', '.join(sorted(tool.planted))})"
        return looked(tool.name, found, what=f"{len(ground.having(*tool.reads))} files", proof=proof)

    def _next(self) -> str:
        """What to do about it."""
        return f"see that `{self.tool.program} --version` runs, or leave it out by `checks` in .scout.toml"

    def _own(self, path: str, raw: Raw, ground: Ground) -> Raw | None:
        """What it found in a file that is looked at, with the line that is quoted."""
        placed = msgspec.structs.replace(raw, path=path, quote=raw.quote or line_of(ground.read(path), raw.line))
        return placed if self._keep is None else self._keep(placed, ground)


def plant(ground: Ground, files: Mapping[str, str]) -> str:
    """Files in a new folder of the tree, whose name is given; it appears whole, and stays as long as the tree does.

    Others may be walking over the tree at this moment: what vanished under their feet would be a failure of theirs.
    """
    name = f"{_CANARY}{secrets.token_hex(6)}"
    draft = ground.scratch / name
    for each, text in files.items():
        (draft / each).parent.mkdir(parents=True, exist_ok=True)
        (draft / each).write_text(text)
    shutil.move(draft, ground.folder / name)
    return name


def why_not_ended(program: str, outcome: Outcome, ended: Sequence[int]) -> str:
    """Why a run says nothing, in words; ``""``: it came to its end."""
    if outcome.ending is not Ending.EXITED:
        detail = f": {outcome.detail}" if outcome.detail else ""
        return f"{program} {_WORDS[outcome.ending]}{detail}"
    if outcome.exit_code not in ended:
        return f"{program} ended with {outcome.exit_code}: {last_words(outcome.output)}"
    return ""


def last_words(output: bytes) -> str:
    """The last line that says something, at most 200 characters."""
    lines = [line.strip() for line in output.decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1][:200] if lines else "it said nothing"


def read_report(report: Path) -> bytes:
    """Raises ReportUnreadableError where there is none, or it is too large, or is no file."""
    if report.is_symlink() or not report.is_file():
        raise ReportUnreadableError("it wrote no report")
    if report.stat().st_size > _MOST_REPORT:
        raise ReportUnreadableError(f"its report is larger than {_MOST_REPORT >> 20} MB")
    content = report.read_bytes()
    if not content.strip():
        raise ReportUnreadableError("its report is empty")
    return content


def within(path: str, folder: Path) -> str | None:
    """A path as a program wrote it (absolute, or from ``folder``), relative to ``folder``; None: outside."""
    whole = PurePosixPath(path)
    if not whole.is_absolute():
        return str(whole)
    return str(whole.relative_to(folder)) if whole.is_relative_to(folder) else None


def line_of(source: bytes, line: int) -> str:
    """The line, stripped; ``""`` where there is none."""
    lines = source.splitlines()
    return lines[line - 1].decode("utf-8", "replace").strip()[:400] if 0 < line <= len(lines) else ""


def _redirected(words: Sequence[str], report: Path) -> list[str]:
    """What it prints goes into the report, what it complains of to us."""
    return ["sh", "-c", 'report=$1; shift; exec "$@" >"$report"', "sh", str(report), *words]
