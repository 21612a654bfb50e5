"""What doctor's measurements mean: measured values in, checks out; pure."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import assert_never

import msgspec

from watchkeeper.agents.standing import HookState, Standing
from watchkeeper.cli.output import Terminal
from watchkeeper.model.printing import printable

_WATCHES_WANTED = 20_000  # directories of a large repository in ten worktrees
_INSTANCES_WANTED = 8
_FREE_WANTED = 1024**3
_FREE_NEEDED = 64 * 1024**2
_EARLIEST = 1_767_225_600  # 2026-01-01: a clock before this program was written is wrong
_SKEW_S = 10.0


class Health(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Check(msgspec.Struct, frozen=True):
    """One thing that was looked at. ``fix`` is a command or a thing to do, ``""`` where nothing is to be done."""

    name: str
    health: Health
    text: str
    fix: str = ""


_MARKS = {Health.OK: ("✔", "+", "green"), Health.WARN: ("▲", "!", "yellow"), Health.FAIL: ("✖", "x", "red")}


def render_check(check: Check, terminal: Terminal) -> list[str]:
    """Shape, word, name and what was found; the fix below."""
    fancy, plain, colour = _MARKS[check.health]
    shape = terminal.paint(colour, f"{terminal.symbol(fancy, plain)} {check.health.value:<4}")
    lines = [f"{shape}  {check.name:<15}{printable(check.text)}"]
    return [*lines, f"{'':<23}fix: {printable(check.fix)}"] if check.fix else lines


def judge_proof(*, test: str, checks: Sequence[str], missing: Sequence[str], budget: float) -> Check:
    """The commands that run on virtual merges."""
    if missing:
        return Check("proof", Health.WARN, f"{', '.join(missing)} cannot be found", "install it where PATH finds it")
    if budget == 0:
        return Check("proof", Health.OK, "built-in checks only: the budget for commands is 0")
    said = f"built-in checks, {', '.join(checks) or 'no analyser'}, {f'tests: {test}' if test else 'no tests'}"
    if test and checks:
        return Check("proof", Health.OK, said)
    fix = "set [project] test: watchkeeper init proposes it" if not test else "pip install 'watchkeeper[proof]'"
    return Check("proof", Health.WARN, said, fix)


def judge_sandbox(level: str, missing: Sequence[str], fault: str | None) -> Check:
    """How well commands are walled in: ``full``, ``partial`` or ``none``; ``fault`` is why it does not work at all."""
    if fault:
        return Check("sandbox", Health.FAIL, fault, "run `watchkeeper prove --static` until it works")
    if level == "full":
        return Check("sandbox", Health.OK, "full: commands see no network and none of your files")
    return Check(
        "sandbox", Health.WARN, f"{level}: without {', '.join(missing)}", "install bubblewrap, or allow user namespaces"
    )


def judge_watches(limit: int | None) -> Check:
    """``fs.inotify.max_user_watches``; None where the system has no such limit."""
    if limit is None:
        return Check("watches", Health.OK, "this system has no limit of watched folders")
    if limit >= _WATCHES_WANTED:
        return Check("watches", Health.OK, f"{limit} folders may be watched")
    return Check(
        "watches",
        Health.WARN,
        f"only {limit} folders may be watched; the rest is looked at in turns, seconds later",
        "sudo sysctl fs.inotify.max_user_watches=524288",
    )


def judge_instances(limit: int | None, used: int) -> Check:
    """``fs.inotify.max_user_instances``, and how many of them this user's processes hold."""
    if limit is None:
        return Check("watchers", Health.OK, "this system has no limit of watching programs")
    text, fix = f"{used} of {limit} inotify instances are in use", "sudo sysctl fs.inotify.max_user_instances=1024"
    if limit - used < 1:
        return Check("watchers", Health.FAIL, f"{text}: no program can begin to watch", fix)
    if limit - used < _INSTANCES_WANTED:
        return Check("watchers", Health.WARN, text, fix)
    return Check("watchers", Health.OK, text)


def judge_disk(place: str, free: int) -> Check:
    """Free bytes where the state lives."""
    text, fix = f"{_size(free)} free at {place}", "free disk space: df -h"
    if free < _FREE_NEEDED:
        return Check("disk", Health.FAIL, f"{text}: too little to record anything", fix)
    return Check("disk", Health.WARN, text, fix) if free < _FREE_WANTED else Check("disk", Health.OK, text)


def judge_clock(seconds: float, file_seconds: float | None) -> Check:
    """The time, beside the time that a file written just now got (None: none could be written)."""
    if seconds < _EARLIEST:
        return Check("clock", Health.FAIL, "the clock is years behind", "timedatectl set-ntp true")
    if file_seconds is not None and abs(seconds - file_seconds) > _SKEW_S:
        skew = abs(seconds - file_seconds)
        text = f"the state folder's clock differs by {skew:.0f} s (a network disk?)"
        return Check("clock", Health.WARN, text, "synchronise both clocks")
    return Check("clock", Health.OK, "plausible")


def judge_locale(stream: str, files: str) -> Check:
    """The encodings of the output and of file names."""
    if "utf" in stream.lower().replace("-", "") and "utf" in files.lower():
        return Check("locale", Health.OK, f"{stream}, file names {files}")
    text = f"{stream}, file names {files}: other characters are escaped"
    return Check("locale", Health.WARN, text, "export LANG=C.UTF-8 PYTHONUTF8=1")


def judge_record(place: str, *, exists: bool, damage: str, size: int, events: int) -> Check:
    """The event log: a file, or a database on a server."""
    if damage:
        return Check("record", Health.FAIL, f"{place} is damaged: {damage}", "watchkeeper doctor --set-aside-record")
    if not exists:
        return Check("record", Health.OK, f"nothing was recorded yet ({place})")
    held = f"{events} events, {_size(size)}" if size else f"{events} events"
    return Check("record", Health.OK, f"{held} ({place})")


def judge_history(*, is_shallow: bool, is_partial: bool) -> Check:
    """Whether all objects that merges need are there."""
    if is_shallow:
        return Check("history", Health.WARN, "shallow clone: merge bases may be missing", "git fetch --unshallow")
    if is_partial:
        text = "partial clone: what was never fetched is unknown, and nothing is fetched for you"
        return Check("history", Health.WARN, text, "git fetch --refetch --no-filter")
    return Check("history", Health.OK, "complete")


def judge_worktrees(present: int, gone: int) -> Check:
    """How many worktrees can be read, and how many git still lists although they are gone."""
    if gone:
        return Check("worktrees", Health.WARN, f"{present} present, {gone} gone but still listed", "git worktree prune")
    return Check("worktrees", Health.OK, f"{present} present")


def judge_daemon(pid: int | None, sessions: int, problems: Sequence[str], *, has_hooks: bool) -> Check:
    """Hooks that nobody listens to are what a person would not notice: the agents go on as if there were none."""
    if pid is None and has_hooks:
        return Check("daemon", Health.WARN, "none runs here: the installed hooks tell agents nothing", "watchkeeper up")
    if pid is None:
        return Check("daemon", Health.OK, "none runs here")
    text = f"process {pid}, {sessions} session{'' if sessions == 1 else 's'} at work"
    if problems:
        return Check("daemon", Health.WARN, f"{text}: {'; '.join(problems)}", "watchkeeper status")
    return Check("daemon", Health.OK, text)


def judge_hook(state: HookState) -> Check:
    """A hook in an agent's configuration: one that does not run is a failure, for nobody else says so."""
    name = f"hook {state.agent}"
    text = f"{state.detail} ({state.path})"
    again = f"watchkeeper hooks install {state.agent}{' --project' if state.project else ''}"
    match state.standing:
        case Standing.GOOD:
            return Check(name, Health.OK, text)
        case Standing.UNTRUSTED:
            return Check(name, Health.FAIL, text, "start codex, run /hooks in it and trust Watchkeeper's")
        case Standing.UNSURE:
            return Check(name, Health.WARN, text, "start codex, run /hooks in it and look whether it is trusted")
        case Standing.OFF:
            return Check(name, Health.FAIL, text, f"switch hooks on again in {state.path}")
        case Standing.UNREADABLE:
            return Check(name, Health.FAIL, text, f"correct {state.path}")
        case Standing.GONE | Standing.OUTDATED:
            return Check(name, Health.FAIL, text, again)
        case _:
            assert_never(state.standing)


def _size(count: int) -> str:
    amount, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    return f"{amount:.0f} {unit}" if amount >= 10 or unit == "B" else f"{amount:.1f} {unit}"
