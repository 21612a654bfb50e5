"""What real agents let be seen, and how they let themselves be told: every vendor that installs here, one script.

    python benchmarks/conformance.py [AGENT ...]

Pinned versions from npm and PyPI, in homes of their own, on loopback, with a scripted model. A turn reads a file, runs
a command and edits; a notice comes while it runs. Then: the same edit denied by the gate; a turn cancelled, and
another one after it; the session taken up by a new process.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from figures import record_figures, render_table
from scratch import ROOT
from watchkeeper.agents.acp import AcpAdapter
from watchkeeper.agents.codex_server import CodexAdapter
from watchkeeper.agents.opencode_server import OpenCodeAdapter
from watchkeeper.agents.port import Adapter, AgentError, Gate, Launch, Limits, Verdict, allow
from watchkeeper.agents.vendors import ACP_VENDORS
from watchkeeper.model.agents import Act, AgentEvent, Channel, Phase

sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "agents")]
import homes
import installed
from installed import NotInstallableError, install
from scene import AFTER, BEFORE, EDIT_STEP, NOTICE, Scene, Watcher
from scripted_model import ScriptedModel, Step

LIMITS = Limits(start_s=120, answer_s=60)
TURN_S = 120
HEARD_S = 3
REASON = "mul belongs to another team"
COLUMNS = ("agent", "version", "start", "read", "write", "difference", "run", "advise", "gate", "cancel", "resume")


@dataclass(frozen=True)
class Candidate:
    """An agent: its version, what installs it, and what makes an adapter of the program, a home, a model and a gate."""

    name: str
    version: str
    install: Callable[[], Path]
    adapt: Callable[[Path, Path, str, Gate], Adapter]


def adapt_goose(program: Path, home: Path, model: str, gate: Gate) -> Adapter:
    environment = homes.goose_environment(home, model)
    launch = Launch((str(program), "acp", "--with-builtin", "developer"), environment)
    return AcpAdapter(ACP_VENDORS["goose"], launch, gate=gate, limits=LIMITS, serves_files=True)


def adapt_codex(program: Path, home: Path, model: str, gate: Gate) -> Adapter:
    settings = {"approvalPolicy": "never" if gate is allow else "untrusted", "sandbox": "danger-full-access"}
    launch = Launch((str(program), "app-server"), homes.codex_environment(home, model))
    return CodexAdapter(launch, gate=gate, limits=LIMITS, settings=settings)


def adapt_codex_acp(program: Path, home: Path, model: str, gate: Gate) -> Adapter:
    vendor = ACP_VENDORS["codex-acp"]
    mode = "agent-full-access" if gate is allow else "read-only"
    launch = Launch((str(program),), {**homes.codex_environment(home, model), "OPENAI_API_KEY": "none"})
    return AcpAdapter(msgspec.structs.replace(vendor, mode=mode), launch, gate=gate, limits=LIMITS)


def adapt_opencode(program: Path, home: Path, model: str, gate: Gate) -> Adapter:
    launch = Launch((str(program), "acp"), homes.opencode_environment(home, model, asks=gate is not allow))
    return AcpAdapter(ACP_VENDORS["opencode"], launch, gate=gate, limits=LIMITS)


def adapt_opencode_server(program: Path, home: Path, model: str, gate: Gate) -> Adapter:
    command = (str(program), "serve", "--hostname", "127.0.0.1", "--port", "0")
    launch = Launch(command, homes.opencode_environment(home, model, asks=gate is not allow))
    return OpenCodeAdapter(launch, gate=gate, limits=LIMITS)


def adapt_gemini(program: Path, home: Path, model: str, gate: Gate) -> Adapter:
    mode = ("--approval-mode", "yolo" if gate is allow else "default")
    launch = Launch((str(program), "--acp", "--skip-trust", *mode), homes.gemini_environment(home, model))
    return AcpAdapter(ACP_VENDORS["gemini"], launch, gate=gate, limits=LIMITS)


def adapt_copilot(program: Path, home: Path, model: str, gate: Gate) -> Adapter:
    allowed = ("--allow-all",) if gate is allow else ()
    launch = Launch((str(program), "--acp", "--no-auto-update", *allowed), homes.copilot_environment(home, model))
    return AcpAdapter(ACP_VENDORS["copilot"], launch, gate=gate, limits=LIMITS)


def adapt_openhands(program: Path, home: Path, model: str, gate: Gate) -> Adapter:
    allowed = ("--always-approve",) if gate is allow else ()
    environment = homes.openhands_environment(home, model, program)
    return AcpAdapter(
        ACP_VENDORS["openhands"], Launch((str(program), "acp", *allowed), environment), gate=gate, limits=LIMITS
    )


CANDIDATES = (
    Candidate("goose", installed.GOOSE.version, lambda: install(installed.GOOSE), adapt_goose),
    Candidate("codex", installed.CODEX.version, lambda: install(installed.CODEX), adapt_codex),
    Candidate("codex-acp", installed.CODEX_ACP.version, lambda: install(installed.CODEX_ACP), adapt_codex_acp),
    Candidate("opencode", installed.OPENCODE.version, lambda: install(installed.OPENCODE), adapt_opencode),
    Candidate(
        "opencode-server", installed.OPENCODE.version, lambda: install(installed.OPENCODE), adapt_opencode_server
    ),
    Candidate("gemini", installed.GEMINI.version, lambda: install(installed.GEMINI), adapt_gemini),
    Candidate("copilot", installed.COPILOT.version, lambda: install(installed.COPILOT), adapt_copilot),
    Candidate("openhands", installed.OPENHANDS_VERSION, installed.install_openhands, adapt_openhands),
)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("agents", nargs="*", metavar="AGENT", help="only these; the figures are not written then")
    chosen = parser.parse_args(arguments).agents
    rows = [examine(each) for each in CANDIDATES if not chosen or each.name in chosen]
    print(render_table(COLUMNS, [[row.get(column, "-") for column in COLUMNS] for row in rows if "why" not in row]))
    for row in rows:
        if "why" in row:
            print(f"NOT EXAMINED: {row['agent']} {row['version']}: {row['why']}")
    if not chosen:
        record_figures("conformance", {"agents": rows})
    return 0


def examine(candidate: Candidate) -> dict[str, Any]:
    """One agent's row; ``why`` where there is none."""
    row: dict[str, Any] = {"agent": candidate.name, "version": candidate.version}
    try:
        program = candidate.install()
    except NotInstallableError as error:
        return {**row, "why": str(error)}
    print(f"{candidate.name} {candidate.version}", file=sys.stderr, flush=True)
    for check, names in CHECKS.items():
        folder = Path(tempfile.mkdtemp(prefix="wk-agent-"))
        try:
            with ScriptedModel() as model:
                row |= asyncio.run(look(check, candidate, program, folder, model))
        except AgentError as error:
            row["start"] = f"no: {error.message}"
            print(f"  {error.message}", file=sys.stderr)
        except TimeoutError:
            row |= dict.fromkeys(names, "no answer")
            print(f"  {check.__name__}: no answer in {TURN_S} s", file=sys.stderr)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return row


async def look(
    check: Callable[..., Any], candidate: Candidate, program: Path, folder: Path, model: ScriptedModel
) -> dict[str, Any]:
    scene = Scene(folder)

    def make(gate: Gate = allow) -> Adapter:
        return candidate.adapt(program, scene.home, model.base_url("agent"), gate)

    return await asyncio.wait_for(check(scene, model, make), 2 * TURN_S)


async def look_at_turn(scene: Scene, model: ScriptedModel, make: Callable[..., Adapter]) -> dict[str, Any]:
    """A turn that reads, runs and edits, with a notice while it runs."""
    model.script("agent", *scene.script)
    adapter = make()
    began = time.monotonic()
    await adapter.start(scene.worktree)
    started_s = time.monotonic() - began
    watcher = Watcher(adapter)
    try:
        await adapter.prompt("Change mul.")
        await watcher.until(scene.is_running)
        channel = await adapter.advise(NOTICE)
        if channel is not None:
            await until_heard(watcher)
        scene.let_go()
        await watcher.until_idle()
    finally:
        await adapter.stop()
    show(watcher)
    reads = [each for each in watcher.find(Act.READ, Phase.DONE) if each.path.endswith("calc.py")]
    writes = [each for each in watcher.find(Act.WRITE, Phase.DONE) if each.path.endswith("calc.py")]
    is_told = model.find_request(NOTICE) == EDIT_STEP
    return {
        "start": f"{started_s:.1f} s",
        "read": "lines" if any(each.lines for each in reads) else "path" if reads else "no",
        "write": "yes" if writes and scene.file.read_text() == AFTER else "no",
        "difference": "yes" if any(is_difference(each) for each in writes) else "no",
        "run": "yes" if any("until" in each.command for each in watcher.find(Act.RUN)) else "no",
        "advise": "no way in"
        if channel is None
        else channel.value
        if is_told
        else f"{channel.value}, not before the edit",
    }


def _say_advised(channel: Channel | None, *, is_told: bool) -> str:
    if channel is None:
        return "no way in"
    return channel.value if is_told else f"{channel.value}, not before the edit"


async def look_at_gate(scene: Scene, model: ScriptedModel, make: Callable[..., Adapter]) -> dict[str, Any]:
    """The same turn, with edits denied."""
    model.script("agent", *scene.script)
    scene.let_go()
    asked: list[AgentEvent] = []

    async def deny_edits(event: AgentEvent) -> Verdict:
        asked.append(event)
        return Verdict(allow=event.act is not Act.WRITE, reason=REASON)

    adapter = make(deny_edits)
    await adapter.start(scene.worktree)
    watcher = Watcher(adapter)
    try:
        await adapter.prompt("Change mul.")
        idle = await watcher.until_idle()
    finally:
        await adapter.stop()
    show(watcher)
    if not any(each.act is Act.WRITE for each in asked):
        return {"gate": "not asked"}
    if scene.file.read_text() != BEFORE:
        return {"gate": "asked, and edited all the same"}
    goes_on = len([each for each in model.received("agent") if each.step is not None]) > EDIT_STEP + 1
    told = ", reason told" if model.find_request(REASON) is not None else ""
    return {"gate": f"held{told}" if goes_on else f"held, turn ends ({idle.text})"}


async def look_at_cancel(scene: Scene, model: ScriptedModel, make: Callable[..., Adapter]) -> dict[str, Any]:
    """A turn cancelled while its command runs, a turn after it, and another process that takes the session up."""
    model.script("agent", scene.script[1], Step("I go on."), Step("I remember."))
    adapter = make()
    session = await adapter.start(scene.worktree)
    watcher = Watcher(adapter)
    try:
        await adapter.prompt("Run it.")
        await watcher.until(scene.is_running)
        await adapter.cancel()
        idle = await watcher.until_idle()
        found = {"cancel": f"{idle.text}, goes on"}
        await adapter.prompt("Please go on with FIRST.")
        await watcher.until_idle(2)
        if model.find_request("FIRST") is None:
            found["cancel"] = f"{idle.text}, next prompt is lost"
    finally:
        scene.let_go()
        await adapter.stop()
    show(watcher)
    again = make()
    try:
        await again.start(scene.worktree, resume=session)
        later = Watcher(again)
        await again.prompt("Do you remember SECOND?")
        await later.until_idle()
    except (AgentError, TimeoutError) as error:
        return {**found, "resume": f"no ({' '.join(str(error).split())[:160]})"}
    finally:
        await again.stop()
    request = next((each for each in model.received("agent") if "SECOND" in each.text), None)
    return {**found, "resume": "yes" if request and "FIRST" in request.text else "the past is lost"}


async def until_heard(watcher: Watcher) -> None:
    """Some merge a second prompt without a word: they get as long as a short command takes."""
    try:
        await asyncio.wait_for(watcher.until(lambda: bool(watcher.find(Act.HEARD))), HEARD_S)
    except TimeoutError:
        return


def is_difference(event: AgentEvent) -> bool:
    """Whether the edits of an event lead from the text before to the one after."""
    text = BEFORE
    for edit in event.edits:
        text = edit.new if edit.old is None else text.replace(edit.old, edit.new)
    return text == AFTER


def show(watcher: Watcher) -> None:
    """With CONFORMANCE_VERBOSE, everything that was seen."""
    if os.environ.get("CONFORMANCE_VERBOSE"):
        for each in watcher.seen:
            print("   ", each.act.value, each.phase.value, repr(each)[:300], file=sys.stderr)


CHECKS = {
    look_at_turn: ("read", "write", "difference", "run", "advise"),
    look_at_gate: ("gate",),
    look_at_cancel: ("cancel", "resume"),
}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
