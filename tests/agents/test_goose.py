"""The real Goose over ACP, with a scripted model."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from homes import goose_environment
from scene import AFTER, BEFORE, EDIT_STEP, NOTICE, Scene, Watcher
from scripted_model import ScriptedModel, Step
from watchkeeper.agents.acp import AcpAdapter
from watchkeeper.agents.port import Gate, Launch, Verdict, allow
from watchkeeper.agents.vendors import GOOSE
from watchkeeper.model.agents import Act, AgentEvent, Channel, Phase, TextEdit


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def adapt(program: Path, scene: Scene, model: ScriptedModel, *, gate: Gate = allow, mode: str = "auto") -> AcpAdapter:
    launch = Launch(
        (str(program), "acp", "--with-builtin", "developer"),
        goose_environment(scene.home, model.base_url("goose"), mode=mode),
    )
    return AcpAdapter(GOOSE, launch, gate=gate, serves_files=mode == "auto")


def test_goose_is_told_within_its_turn_and_all_it_does_is_seen(goose: Path, scene: Scene, model: ScriptedModel) -> None:
    model.script("goose", *scene.script)

    async def run() -> Watcher:
        adapter = adapt(goose, scene, model)
        await adapter.start(scene.worktree)
        watcher = Watcher(adapter)
        await adapter.prompt("Change mul.")
        await watcher.until(scene.is_running)
        assert await adapter.advise(NOTICE) is Channel.STEER
        scene.let_go()
        await watcher.until_idle()
        assert await adapter.advise("too late") is None, "no turn runs: nothing is pushed"
        await adapter.stop()
        await watcher.until_end()
        return watcher

    watcher = asyncio.run(run())

    assert NOTICE in model.request_of_step("goose", EDIT_STEP).text, "the model had it when it chose the edit"
    assert NOTICE not in model.request_of_step("goose", EDIT_STEP - 1).text
    assert [event.text for event in watcher.find(Act.HEARD)] == [NOTICE]
    (read,) = watcher.find(Act.READ, Phase.DONE)
    assert (read.path, read.lines) == (str(scene.file), (1, 3))
    (ran,) = watcher.find(Act.RUN, Phase.DONE)
    assert "until" in ran.command
    (written,) = watcher.find(Act.WRITE, Phase.DONE)
    assert written.path == str(scene.file)
    assert written.edits == (TextEdit(BEFORE, AFTER),), "the whole file, where it is served"
    assert [event.call for event in watcher.find(Act.WRITE, Phase.INTENT)] == [written.call]
    assert scene.file.read_text() == AFTER
    assert [watcher.seen[0].act, watcher.seen[-1].act] == [Act.BEGIN, Act.END]
    assert watcher.find(Act.FAULT) == []


def test_a_denied_write_reaches_gooses_model_with_its_reason_and_the_turn_goes_on(
    goose: Path, scene: Scene, model: ScriptedModel
) -> None:
    model.script("goose", *scene.script)
    scene.let_go()
    asked: list[AgentEvent] = []

    async def deny(event: AgentEvent) -> Verdict:
        asked.append(event)
        return Verdict(allow=False, reason="mul belongs to another team")

    async def run() -> Watcher:
        adapter = adapt(goose, scene, model, gate=deny)
        await adapter.start(scene.worktree)
        watcher = Watcher(adapter)
        await adapter.prompt("Change mul.")
        await watcher.until_idle()
        await adapter.stop()
        return watcher

    watcher = asyncio.run(run())

    assert "mul belongs to another team" in model.request_of_step("goose", EDIT_STEP + 1).text
    assert scene.file.read_text() == BEFORE
    assert [(event.path, event.edits) for event in asked] == [(str(scene.file), (TextEdit(BEFORE, AFTER),))]
    assert [event.path for event in watcher.find(Act.WRITE, Phase.FAILED)] == [str(scene.file)]


def test_a_rejected_permission_reaches_gooses_model_with_its_reason(
    goose: Path, scene: Scene, model: ScriptedModel
) -> None:
    model.script("goose", *scene.script)
    scene.let_go()

    async def deny_edits(event: AgentEvent) -> Verdict:
        return Verdict(allow=event.act is not Act.WRITE, reason="mul belongs to another team")

    async def run() -> Watcher:
        adapter = adapt(goose, scene, model, gate=deny_edits, mode="approve")
        await adapter.start(scene.worktree)
        watcher = Watcher(adapter)
        await adapter.prompt("Change mul.")
        await watcher.until_idle()
        await adapter.stop()
        return watcher

    watcher = asyncio.run(run())

    assert "mul belongs to another team" in model.request_of_step("goose", EDIT_STEP + 1).text
    assert scene.file.read_text() == BEFORE
    edits = [event.edits for event in watcher.find(Act.ASK) if event.path == str(scene.file)]
    assert edits == [(TextEdit("    return a * b", "    return b * a"),)], "asked for with its difference"


def test_goose_can_be_cancelled_and_prompted_again_and_resumed(goose: Path, scene: Scene, model: ScriptedModel) -> None:
    model.script("goose", *scene.script[1:2], Step("I go on."), Step("I remember."))

    async def run() -> tuple[list[str], str, str]:
        adapter = adapt(goose, scene, model)
        session = await adapter.start(scene.worktree)
        watcher = Watcher(adapter)
        await adapter.prompt("Run it.")
        await watcher.until(scene.is_running)
        await adapter.cancel()
        await watcher.until_idle()
        await adapter.prompt("Go on.")
        await watcher.until_idle(2)
        await adapter.stop()
        again = adapt(goose, scene, model)
        resumed = await again.start(scene.worktree, resume=session)
        later = Watcher(again)
        await again.prompt("Do you remember?")
        await later.until_idle()
        await again.stop()
        await later.until_end()
        assert [event.act for event in later.seen[:2]] == [Act.BEGIN, Act.PROMPT], "the past is not told again"
        return [event.text for event in watcher.find(Act.IDLE)], session, resumed

    reasons, session, resumed = asyncio.run(run())

    assert reasons == ["cancelled", "end_turn"]
    assert resumed == session
    assert "Go on." in model.request_of_step("goose", 2).text, "the session's past is the model's, too"
