"""The real Codex over its app-server, with a scripted model."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from homes import codex_environment
from scene import AFTER, BEFORE, EDIT_STEP, NOTICE, Scene, Watcher
from scripted_model import ScriptedModel, Step
from watchkeeper.agents.codex_server import CodexAdapter
from watchkeeper.agents.port import Gate, Launch, Verdict, allow
from watchkeeper.model.agents import Act, AgentEvent, Channel, Phase

OPEN = {"approvalPolicy": "never", "sandbox": "danger-full-access"}
ASKING = {"approvalPolicy": "untrusted", "sandbox": "danger-full-access"}


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def adapt(
    program: Path, scene: Scene, model: ScriptedModel, *, gate: Gate = allow, model_name: str = "gpt-5.5"
) -> CodexAdapter:
    environment = codex_environment(scene.home, model.base_url("codex"), model_name=model_name)
    settings = OPEN if gate is allow else ASKING
    return CodexAdapter(Launch((str(program), "app-server"), environment), gate=gate, settings=settings)


@pytest.mark.parametrize("model_name", ["gpt-5.5", "gpt-5.6-sol"])
def test_codex_is_told_within_its_turn_and_all_it_does_is_seen(
    codex: Path, scene: Scene, model: ScriptedModel, model_name: str
) -> None:
    model.script("codex", *scene.script)

    async def run() -> Watcher:
        adapter = adapt(codex, scene, model, model_name=model_name)
        await adapter.start(scene.worktree)
        watcher = Watcher(adapter)
        await adapter.prompt("Change mul.")
        await watcher.until(scene.is_running)
        assert await adapter.advise(NOTICE) is Channel.STEER
        scene.let_go()
        await watcher.until_idle()
        assert await adapter.advise("too late") is None, "no turn runs: nothing is pushed"
        # With a model that writes programs, Codex tells of a command when it pleases, also after the turn.
        await watcher.until(lambda: bool(watcher.find(Act.RUN, Phase.DONE)))
        await adapter.stop()
        await watcher.until_end()
        return watcher

    watcher = asyncio.run(run())

    assert NOTICE in model.request_of_step("codex", EDIT_STEP).text, "the model had it when it chose the edit"
    assert NOTICE not in model.request_of_step("codex", EDIT_STEP - 1).text
    assert [event.text for event in watcher.find(Act.HEARD)] == [NOTICE]
    (read,) = watcher.find(Act.READ, Phase.DONE)
    assert (read.path, read.command) == (str(scene.file), f"sed -n 1,3p {scene.file}")
    (ran,) = watcher.find(Act.RUN, Phase.DONE)
    assert ran.command.startswith("touch")
    (written,) = watcher.find(Act.WRITE, Phase.DONE)
    assert written.path == str(scene.file)
    (edit,) = written.edits
    assert edit.old is not None
    assert BEFORE.replace(edit.old, edit.new) == AFTER
    assert scene.file.read_text() == AFTER
    assert [watcher.seen[0].act, watcher.seen[-1].act] == [Act.BEGIN, Act.END]
    assert watcher.find(Act.FAULT) == []


def test_a_declined_change_reaches_codexs_model_with_its_reason_and_the_turn_goes_on(
    codex: Path, scene: Scene, model: ScriptedModel
) -> None:
    model.script("codex", *scene.script)
    scene.let_go()
    asked: list[AgentEvent] = []

    async def deny_edits(event: AgentEvent) -> Verdict:
        asked.append(event)
        return Verdict(allow=event.act is not Act.WRITE, reason="mul belongs to another team")

    async def run() -> Watcher:
        adapter = adapt(codex, scene, model, gate=deny_edits)
        await adapter.start(scene.worktree)
        watcher = Watcher(adapter)
        await adapter.prompt("Change mul.")
        await watcher.until_idle()
        await adapter.stop()
        return watcher

    watcher = asyncio.run(run())

    told = model.request_of_step("codex", EDIT_STEP + 1).text
    assert "mul belongs to another team" in told
    assert scene.file.read_text() == BEFORE
    (write,) = [event for event in asked if event.act is Act.WRITE]
    assert write.path == str(scene.file)
    assert [edit.new for edit in write.edits] == ["def mul(a, b):\n    return b * a\n"], "the gate sees the difference"
    assert [event.act for event in asked] == [Act.READ, Act.RUN, Act.WRITE], "each is asked for as what it is"
    assert [event.path for event in watcher.find(Act.WRITE, Phase.FAILED)] == [str(scene.file)]
    assert watcher.find(Act.IDLE)[-1].text == "completed"


def test_codex_can_be_cancelled_and_prompted_again_and_resumed(codex: Path, scene: Scene, model: ScriptedModel) -> None:
    model.script("codex", *scene.script[1:2], Step("I go on."), Step("I remember."))

    async def run() -> tuple[list[str], str, str]:
        adapter = adapt(codex, scene, model)
        session = await adapter.start(scene.worktree)
        watcher = Watcher(adapter)
        await adapter.prompt("Run it.")
        await watcher.until(scene.is_running)
        await adapter.cancel()
        await watcher.until_idle()
        await adapter.prompt("Go on.")
        await watcher.until_idle(2)
        await adapter.stop()
        again = adapt(codex, scene, model)
        resumed = await again.start(scene.worktree, resume=session)
        later = Watcher(again)
        await again.prompt("Do you remember?")
        await later.until_idle()
        await again.stop()
        return [event.text for event in watcher.find(Act.IDLE)], session, resumed

    reasons, session, resumed = asyncio.run(run())

    assert reasons == ["interrupted", "completed"]
    assert resumed == session
    assert "Go on." in model.request_of_step("codex", 2).text, "the session's past is the model's, too"
