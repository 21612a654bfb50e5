"""The second part of ``watchkeeper demo``: who works in its fleet, and how what happens there is told."""

from __future__ import annotations

import sys
import time
import tomllib
from pathlib import Path

import msgspec

from watchkeeper.cli.demo_scene import DATA
from watchkeeper.cli.output import Terminal, say, show_document
from watchkeeper.demo.fleet import Programs, play_fleet
from watchkeeper.demo.happenings import Brief, Crew, Engaged, Finished, FleetHappening, Landed, Returned, Told
from watchkeeper.demo.installing import CODEX, GOOSE, NotInstallableError, install
from watchkeeper.demo.minds import Edit, Work
from watchkeeper.model.printing import printable

_IN_TURN = {"steer", "hook"}
_INDENT = " " * 9
_REPAIR = 1, 0
"""What the repair takes out is this insertion of this editor: the other's does the same for every field."""


def find_programs(cache: Path | None, *, as_json: bool) -> Programs:
    """Goose and Codex of pinned versions in the folder ``cache``, installed where they are not; else why not."""
    names = (f"Goose {GOOSE.version}", f"Codex {CODEX.version}")
    if cache is None:
        return Programs(missing="nothing is installed without --agents FOLDER, which gets Goose and Codex from npm")
    if not all(pin.path(cache).exists() for pin in (GOOSE, CODEX)) and not as_json:
        say(f"installing {' and '.join(names)} from npm into {printable(str(cache))}, once ...")
    try:
        return Programs(install(GOOSE, cache), install(CODEX, cache), names)
    except (NotInstallableError, OSError) as error:
        return Programs(missing=printable(str(error)))


def show_fleet(folder: Path, programs: Programs, terminal: Terminal, *, as_json: bool) -> bool:
    """Play it in ``folder``, which is made, and tell it as it happens. Whether both issues were closed."""
    teller = _Teller(terminal)

    def tell(happening: FleetHappening) -> None:
        if as_json:
            show_document(msgspec.to_builtins(happening))
            return
        sys.stdout.write("".join(f"{line}\n" for line in teller.lines(happening)))
        sys.stdout.flush()

    return play_fleet(folder, DATA / "app", read_works(), programs, tell)


def read_works() -> tuple[Work, ...]:
    """What the two agents do: the same that the two editors type."""
    editors = tomllib.loads((DATA / "edits.toml").read_text(encoding="utf-8"))["editors"]
    repair = msgspec.convert(editors[_REPAIR[0]]["insertions"][_REPAIR[1]], Edit)
    return tuple(
        Work(
            each["issue"],
            each["issue"].partition(":")[0],
            msgspec.convert(each["insertions"], tuple[Edit, ...]),
            repair,
        )
        for each in editors
    )


class _Teller:
    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._began = time.monotonic()
        self._has_quoted = False

    def lines(self, happening: FleetHappening) -> list[str]:
        when = self._terminal.paint("dim", f"{time.monotonic() - self._began:5.1f} s")
        match happening:
            case Crew():
                return _crew(happening)
            case Engaged():
                return [f"{when}  {happening.agent} works on {happening.issue}: {printable(happening.title)}"]
            case Told():
                return self._told(happening, when)
            case Finished():
                what = "has repaired it" if happening.is_repair else "is done"
                return [f"{when}  {happening.agent} {what}: {printable(happening.said)}"]
            case Landed():
                return [f"{when}  {happening.agent} {happening.reason}; {happening.issue} is closed"]
            case Returned():
                together = f"right alone, wrong together with {' and '.join(happening.partners)}"
                reason = printable(happening.reason).partition(" (")[2].removesuffix(")") or printable(happening.reason)
                return [f"{when}  {happening.agent} comes back: {together}:", f"{_INDENT}{reason}"]
            case Brief():
                return ["", _brief(happening)]

    def _told(self, told: Told, when: str) -> list[str]:
        how = "within its turn" if told.channel in _IN_TURN else "with its next turn"
        seen = ", and its program asks its model with it" if told.is_in_request else ""
        if self._has_quoted:
            return [f"{when}  {told.agent} is told {how}, too{seen}"]
        self._has_quoted = True
        return [
            f"{when}  {told.agent} is told {how}{seen}:",
            *(f"{_INDENT}> {each}" for each in told.text.splitlines()),
        ]


def _crew(crew: Crew) -> list[str]:
    opening = ["", "Now a fleet gets the same two issues: watchkeeper up --fleet fleet.toml"]
    if not crew.missing:
        return [*opening, f"{' and '.join(crew.agents)} are the real programs; only their model is scripted.", ""]
    return [
        *opening,
        f"NOT SHOWN: real agents: {crew.missing}.",
        "Two scripts without a model play Goose and Codex: they hear of each other only when a turn ends.",
        "",
    ]


def _brief(brief: Brief) -> str:
    return (
        f"brief: {brief.closed} of {brief.issues} issues closed in {brief.seconds:.0f} s, {brief.told} agents told, "
        f"{brief.returned} change came back and {brief.repaired} was repaired; on main {brief.tests}"
    )
