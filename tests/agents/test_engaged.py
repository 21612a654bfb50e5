"""Engagements of real agents with a scripted model: done, resumed after an interruption, spoken to within the turn."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread

import pytest

from engaging import FILES, FIXED, IDENTITY, Scene, open_scene
from gitrepo import GitRepo
from homes import codex_environment, goose_environment
from scripted_model import ScriptedModel, Step
from watchkeeper.agents.acp import AcpAdapter
from watchkeeper.agents.codex_server import CodexAdapter
from watchkeeper.agents.port import Launch
from watchkeeper.agents.vendors import GOOSE
from watchkeeper.engagements.driver import Driver
from watchkeeper.engagements.life import Rules
from watchkeeper.engagements.ports import AgentRun
from watchkeeper.model.fleet import Engagement, EngagementNudged, Push, Stage
from watchkeeper.sandbox.guarding import guard_command

OPEN = {"approvalPolicy": "never", "sandbox": "danger-full-access"}
CALM = Rules(stuck_s=60.0)


@pytest.fixture
def scene(git_repo: GitRepo, tmp_path: Path) -> Iterator[Scene]:
    git_repo.commit("prices", FILES)
    with open_scene(git_repo.path, tmp_path / "plan") as found:
        found.engage()
        yield found


@pytest.fixture(params=["codex", "goose"])
def agent(request: pytest.FixtureRequest, scene: Scene, model: ScriptedModel, tmp_path: Path) -> str:
    """The scene's agent is a real one, under its guardian; gives its name."""
    name: str = request.param
    program: Path = request.getfixturevalue(name)

    def launch(environment: Mapping[str, str], given: dict[str, str], *words: str) -> Launch:
        everything = {**environment, **given}
        return Launch(guard_command((str(program), *words), everything), everything)

    def make_codex(_engagement: Engagement, given: dict[str, str]) -> AgentRun:
        environment = codex_environment(tmp_path / "home", model.base_url("agent"))
        return CodexAdapter(launch(environment, given, "app-server"), settings=OPEN)

    def make_goose(_engagement: Engagement, given: dict[str, str]) -> AgentRun:
        environment = goose_environment(tmp_path / "home", model.base_url("agent"))
        return AcpAdapter(GOOSE, launch(environment, given, "acp"))

    scene.make = make_codex if name == "codex" else make_goose
    return name


def edit(scene: Scene) -> Step:
    given = {"path": str(scene.worktree / "prices.py"), "old": "    return n", "new": "    return 2 * n"}
    return Step("I double it.", [("edit", given)])


def waits(scene: Scene) -> Step:
    """A command that hangs for as long as nobody ends it, and says that it began."""
    return Step("I run.", [("bash", {"command": f"touch {scene.plan}.began; sleep 600"})])


def until_began(scene: Scene) -> None:
    began = Path(f"{scene.plan}.began")
    for _ in range(6_000):
        if began.exists():
            return
        Event().wait(0.01)
    raise AssertionError("the command never began")


def test_a_real_agent_resolves_an_issue(scene: Scene, agent: str, model: ScriptedModel) -> None:
    model.script("agent", edit(scene), Step("It is doubled."))

    done = scene.drive(rules=CALM)

    assert done.stage is Stage.DONE, done.reason
    assert done.effect is not None
    assert done.effect.change is not None
    assert scene.files_of(done.effect.change)["prices.py"].decode() == FIXED
    assert "Prices must be doubled" in model.request_of_step("agent", 0).text
    assert done.spend.tokens > 0, f"{agent} tells what it used"


def test_a_real_agent_goes_on_with_its_own_session_after_an_interruption(
    scene: Scene, agent: str, model: ScriptedModel
) -> None:
    model.script("agent", waits(scene), edit(scene), Step("It is doubled."))

    async def interrupted() -> None:
        driving = asyncio.create_task(Driver(scene.parts(rules=CALM), IDENTITY).drive())
        await asyncio.to_thread(until_began, scene)
        driving.cancel()
        await asyncio.gather(driving, return_exceptions=True)

    asyncio.run(interrupted())
    before = scene.standing
    assert (before.stage, before.by) == (Stage.RUNNING, "")
    assert before.session, agent

    done = scene.drive(rules=CALM)

    assert done.stage is Stage.DONE, done.reason
    assert done.session == before.session
    asked = model.request_of_step("agent", 1).text
    assert "Your process was interrupted" in asked
    assert "Prices must be doubled" in asked, "it is the same conversation"


def test_a_real_agent_that_hangs_is_spoken_to_within_its_turn(scene: Scene, agent: str, model: ScriptedModel) -> None:
    """It hangs until it was spoken to, however long that takes on a busy machine: its command, and then its model."""
    spoken = Path(f"{scene.plan}.spoken")
    command = f"until [ -e {spoken} ]; do sleep 1; done"
    model.script(
        "agent",
        Step("I run.", [("bash", {"command": command})]),
        replace(edit(scene), wait_file=str(spoken)),
        Step("It is doubled."),
    )

    def let_go() -> None:
        while not over.wait(0.1):
            if any(isinstance(each.event, EngagementNudged) for each in scene.events):
                spoken.touch()
                return

    over = Event()
    watching = Thread(target=let_go)
    watching.start()
    try:
        done = scene.drive(rules=Rules(stuck_s=3.0, nudges=9))
    finally:
        over.set()
        watching.join()

    assert done.stage is Stage.DONE, (agent, done.reason)
    pushes = [each.event.what for each in scene.events if isinstance(each.event, EngagementNudged)]
    assert set(pushes) == {Push.SPOKEN}
    assert "Nothing was seen of you" in model.request_of_step("agent", 2).text
