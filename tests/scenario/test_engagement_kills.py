"""The driver of an engagement is killed, in each stage and at random: nothing is lost, and there are never two."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import psutil
import pytest

import engaging
from engaging import FILES, FIXED, IDENTITY, Scene, open_scene
from gitrepo import GitRepo
from watchkeeper.engagements.driver import Driver
from watchkeeper.engagements.holding import is_alive, my_mark
from watchkeeper.engagements.life import Rules
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.fleet import EngagementMoved, EngagementNudged, EngagementSnapped, Push, Stage

FIX = ["write", "prices.py", FIXED]
PATIENCE_S = 40.0


@pytest.fixture
def scene(git_repo: GitRepo, tmp_path: Path) -> Iterator[Scene]:
    git_repo.commit("prices", FILES)
    with open_scene(git_repo.path, tmp_path / "plan.json") as found:
        yield found


def plan(scene: Scene, *turns: list[list[Any]]) -> None:
    scene.plan.write_text(json.dumps(turns))
    scene.engage()


@contextmanager
def driver_of(scene: Scene, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that drives it, killed at the end with its children left alone."""
    folder = str(scene.place.repository.found_at)
    source = str(Path(engaging.__file__).parents[1] / "src")
    process = subprocess.Popen(
        [sys.executable, engaging.__file__, folder, str(scene.plan), IDENTITY, *options],
        env={**os.environ, "PYTHONPATH": source}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "it never came to be"
        Event().wait(0.01)


def test_killed_while_the_worktree_is_made_it_is_made_by_the_next(scene: Scene) -> None:
    plan(scene, [FIX])
    with driver_of(scene):
        until(lambda: scene.standing.stage is not Stage.QUEUED)

    assert scene.drive().stage is Stage.DONE
    assert scene.told("two") == []


def test_killed_with_its_driver_an_agent_ends_by_itself(scene: Scene) -> None:
    plan(scene, [["fork", 2], ["write", f"{scene.plan}.half", ""], ["wait", "/nowhere"]])
    with driver_of(scene):
        until(Path(f"{scene.plan}.half").exists)
        (asked,) = scene.told("asked")
        family = [psutil.Process(asked["pid"]), *psutil.Process(asked["pid"]).children()]
        assert len(family) == 3

    until(lambda: not any(each.is_running() for each in family))


def test_killed_with_the_agent_at_work_its_agent_is_ended_and_its_work_pinned_first(scene: Scene) -> None:
    """Also one that nobody guards, and that does not mind that nobody listens."""
    plan(scene, [["write", "half.py", "half = 1\n"], ["write", f"{scene.plan}.half", ""], ["wait", "/nowhere"]], [FIX])
    with driver_of(scene, "unguarded"):
        until(Path(f"{scene.plan}.half").exists)
        until(lambda: scene.standing.session)
    (asked,) = scene.told("asked")
    assert psutil.pid_exists(asked["pid"]), "it goes on without its driver"

    done = scene.drive()

    assert done.stage is Stage.DONE
    assert not psutil.pid_exists(asked["pid"])
    assert scene.told("two") == [], "two agents were at work at once"
    assert (done.takeovers, scene.standing.by) == (1, "")
    events = [each.event for each in scene.events]
    taken = next(n for n, each in enumerate(events) if isinstance(each, EngagementNudged) and each.what is Push.TAKEN)
    after = [each for each in events[taken:] if isinstance(each, EngagementSnapped | EngagementMoved)]
    assert isinstance(after[1], EngagementSnapped), "the work was pinned before anything else was done"
    assert "half.py" in scene.files_of(after[1].commit)
    assert done.effect is not None
    assert done.effect.change is not None
    assert {"half.py", "prices.py"} <= scene.files_of(done.effect.change).keys()
    assert "1 file differs" in scene.told("asked")[1]["prompt"]


def test_killed_while_the_tests_run_they_are_run_again(scene: Scene) -> None:
    slow = FILES["test_prices.py"].replace(
        "def test_price", "def test_slow(self):\n        import time; time.sleep(1)\n\n    def test_price"
    )
    plan(scene, [FIX, ["write", "test_prices.py", slow]])
    with driver_of(scene):
        until(lambda: scene.standing.stage is Stage.CHECKING)

    done = scene.drive()

    assert (done.stage, done.effect and done.effect.tests) == (Stage.DONE, "1 tests pass")
    assert len(scene.told("asked")) == 1, "who was done is not asked again"


def test_killed_while_it_is_checked_a_reason_for_nothing_is_still_known(scene: Scene) -> None:
    plan(scene, [["say", "NOTHING TO DO: it is doubled"]])
    with driver_of(scene):
        until(lambda: scene.standing.stage in (Stage.CHECKING, Stage.DONE))

    done = scene.drive()

    assert (done.stage, done.effect and done.effect.reason) == (Stage.DONE, "it is doubled")


def test_who_was_interrupted_too_often_needs_a_person(scene: Scene) -> None:
    plan(scene, [FIX, ["wait", "/nowhere"]])
    for number in (1, 2):
        with driver_of(scene):
            until(lambda number=number: len(scene.told("asked")) >= number)

    over = scene.drive(rules=Rules(takeovers=1))

    assert over.stage is Stage.NEEDS_PERSON
    assert "interrupted" in over.reason
    assert over.snapshot is not None
    assert scene.files_of(over.snapshot)["prices.py"].decode() == FIXED


def test_a_second_driver_is_refused_while_the_first_one_lives(scene: Scene) -> None:
    plan(scene, [FIX, ["wait", f"{scene.plan}.go"]])
    with driver_of(scene) as first:
        until(lambda: scene.told("asked"))
        with pytest.raises(WatchkeeperError, match="is driven by") as refused:
            scene.drive()
        Path(f"{scene.plan}.go").touch()
        assert first.wait(PATIENCE_S) == 0

    assert refused.value.slug == "engagement-driven"
    assert scene.standing.stage is Stage.DONE
    assert scene.told("two") == []


def test_let_go_of_in_order_it_is_free_and_goes_on_without_being_counted(scene: Scene) -> None:
    plan(scene, [FIX, ["wait", "/nowhere"]], [["say", "done"]])

    async def run() -> None:
        driving = asyncio.create_task(Driver(scene.parts(), IDENTITY).drive())
        await asyncio.to_thread(until, lambda: scene.told("asked"))
        driving.cancel()
        await asyncio.gather(driving, return_exceptions=True)

    asyncio.run(run())
    let_go = scene.standing
    assert (let_go.stage, let_go.by) == (Stage.RUNNING, "")
    assert let_go.snapshot is not None
    assert not psutil.pid_exists(scene.told("asked")[0]["pid"])

    done = scene.drive()

    assert (done.stage, done.takeovers) == (Stage.DONE, 0)


def test_a_person_ends_it_with_its_work_pinned(scene: Scene) -> None:
    plan(scene, [FIX, ["wait", "/nowhere"]])

    written = scene.worktree / "prices.py"

    async def run() -> None:
        driver = Driver(scene.parts(rules=Rules(stuck_s=60.0)), IDENTITY)
        driving = asyncio.create_task(driver.drive())
        await asyncio.to_thread(until, lambda: written.is_file() and written.read_text() == FIXED)
        driver.interrupt("it is no longer wanted")
        await driving

    asyncio.run(run())

    assert (scene.standing.stage, scene.standing.reason) == (Stage.INTERRUPTED, "it is no longer wanted")
    assert scene.standing.snapshot is not None
    assert scene.files_of(scene.standing.snapshot)["prices.py"].decode() == FIXED


def test_a_person_ends_it_while_its_tests_run_and_does_not_wait_for_them(scene: Scene) -> None:
    slow = FILES["test_prices.py"].replace("self.assertIn", "import time; time.sleep(600); self.assertIn")
    plan(scene, [["write", "test_prices.py", slow]])

    async def run() -> None:
        driver = Driver(scene.parts(), IDENTITY)
        driving = asyncio.create_task(driver.drive())
        await asyncio.to_thread(until, lambda: scene.standing.stage is Stage.CHECKING)
        driver.interrupt("it is no longer wanted")
        async with asyncio.timeout(PATIENCE_S):
            await driving

    asyncio.run(run())

    assert (scene.standing.stage, scene.standing.reason) == (Stage.INTERRUPTED, "it is no longer wanted")


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_random_again_and_again_it_comes_to_its_end_once(scene: Scene, seed: int) -> None:
    chance = random.Random(seed)
    plan(scene, [["write", "a.py", "a = 1\n"], ["spin", 1.5], FIX, ["spin", 1.5], ["say", "I am done."]])
    kills = 0
    while not scene.standing.is_over:
        with driver_of(scene) as process:
            try:
                process.wait(chance.uniform(0.3, 3.0) if kills < 6 else PATIENCE_S)
            except subprocess.TimeoutExpired:
                kills += 1
                os.kill(process.pid, signal.SIGKILL)

    over = scene.standing
    assert over.stage is Stage.DONE, over.reason
    assert kills
    assert scene.told("two") == []
    assert over.effect is not None
    assert over.effect.change is not None
    assert {"a.py", "prices.py"} <= scene.files_of(over.effect.change).keys()
    ends = [each.event for each in scene.events if isinstance(each.event, EngagementMoved)]
    assert [each.stage for each in ends if each.stage is Stage.DONE] == [Stage.DONE]


def test_a_process_is_known_by_its_mark_and_no_other_is() -> None:
    host, pid, began = my_mark().rsplit(":", 2)

    assert is_alive(my_mark()) is True
    assert is_alive(f"{host}:{pid}:{float(began) - 100}") is False, "another process had this id before"
    assert is_alive(f"{host}:{2**22 + 5}:{began}") is False
    assert is_alive(f"another-host:{pid}:{began}") is None
    assert is_alive("nonsense") is None
