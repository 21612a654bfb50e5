"""Real agents that are only run and listened to."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from homes import codex_environment, goose_environment
from scene import AFTER, Scene, Watcher
from scripted_model import ScriptedModel
from watchkeeper.agents.plain import PlainAdapter
from watchkeeper.agents.port import Launch
from watchkeeper.model.agents import Act, Phase


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    scene = Scene(tmp_path)
    scene.let_go()
    return scene


def one_turn(adapter: PlainAdapter, scene: Scene) -> Watcher:
    async def run() -> Watcher:
        await adapter.start(scene.worktree)
        watcher = Watcher(adapter)
        await adapter.prompt("Change mul.")
        await watcher.until_idle()
        await adapter.stop()
        await watcher.until_end()
        return watcher

    return asyncio.run(run())


def test_what_goose_prints_while_it_works_is_read(goose: Path, scene: Scene, model: ScriptedModel) -> None:
    model.script("agent", *scene.script)
    command = (str(goose), "run", "--with-builtin", "developer", "--output-format", "stream-json", "-t", "{prompt}")

    watcher = one_turn(
        PlainAdapter("goose", Launch(command, goose_environment(scene.home, model.base_url("agent")))), scene
    )

    assert scene.file.read_text() == AFTER
    assert [event.path for event in watcher.find(Act.WRITE, Phase.DONE)] == [str(scene.file)]
    assert [edit.new for event in watcher.find(Act.WRITE, Phase.DONE) for edit in event.edits] == ["    return b * a"]
    assert ["sed" in event.command for event in watcher.find(Act.RUN, Phase.DONE)] == [True, False]
    assert {"I read.", "I run.", "I edit.", "I am done."} <= {event.text for event in watcher.find(Act.SAY)}
    assert watcher.find(Act.FAULT) == []


def test_what_codex_prints_while_it_works_is_read_and_its_session_goes_on(
    codex: Path, scene: Scene, model: ScriptedModel
) -> None:
    model.script("agent", *scene.script)
    options = ("--json", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox")
    launch = Launch((str(codex), "exec", *options, "{prompt}"), codex_environment(scene.home, model.base_url("agent")))
    again = (str(codex), "exec", "resume", *options, "{session}", "{prompt}")
    adapter = PlainAdapter("codex", launch, again=again)

    async def run() -> Watcher:
        await adapter.start(scene.worktree)
        watcher = Watcher(adapter)
        await adapter.prompt("Change mul.")
        await watcher.until_idle()
        await adapter.prompt("What did you do?")
        await watcher.until_idle(2)
        await adapter.stop()
        return watcher

    watcher = asyncio.run(run())

    assert scene.file.read_text() == AFTER
    assert [event.path for event in watcher.find(Act.WRITE, Phase.DONE)] == [str(scene.file)]
    assert len(watcher.find(Act.RUN, Phase.DONE)) == 2
    assert watcher.find(Act.FAULT) == []
    later = next(each for each in model.received("agent") if "What did you do?" in each.text)
    assert "Change mul." in later.text, "the second run goes on with the session that the first one told"


def test_who_begins_anew_with_each_turn_is_given_what_it_was_asked_first_too(scene: Scene) -> None:
    adapter = PlainAdapter("cat", Launch(("cat",)))

    async def run() -> Watcher:
        await adapter.start(scene.worktree)
        watcher = Watcher(adapter)
        for number, text in enumerate(("Change mul.", "Somebody else changes it too.", "Be done."), 1):
            await adapter.prompt(text)
            await watcher.until_idle(number)
        await adapter.stop()
        return watcher

    watcher = asyncio.run(run())

    said = [event.text for event in watcher.find(Act.SAY)]
    assert [said.count(text) for text in ("Change mul.", "Somebody else changes it too.", "Be done.")] == [3, 1, 1]
