"""The fleet's daemon keeps a desk: what its agents landed is surveyed, with the issue that asked for it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleetscene import FleetScene, fleet_scene

pytestmark = pytest.mark.timeout(400)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[FleetScene]:
    with fleet_scene(tmp_path) as found:
        yield found


def test_what_an_agent_landed_is_surveyed_by_the_desk_that_the_daemon_keeps(scene: FleetScene) -> None:
    scene.add("shop")
    scene.configure()
    issue = scene.issue("shop", "doubles", [["edit", "m0.py", "return n\n", "return n * 2\n"]])

    scene.up()
    scene.closed("shop", issue)

    scene.until(lambda: scene.record("shop", ("change-surveyed",)), "the desk has looked at it")
    (survey,) = scene.record("shop", ("change-surveyed",))
    assert survey["issue"] == issue
    assert str(survey["engagement"]).startswith("e-")
    assert survey["agent"] == "script"
    assert "m0.py:f0" in survey["writes"]
    told = scene.call("desk", "--status", "--fleet", str(scene.file))
    assert told["code"] == 0
    assert told["pid"]
    assert scene.call("desk", "--fleet", str(scene.file), expect=None)["error"]["slug"] == "desk-runs-already"


def test_the_desk_ends_with_the_daemon(scene: FleetScene) -> None:
    scene.add("shop")
    scene.configure()
    pid = scene.up()
    scene.until(lambda: scene.call("desk", "--status", "--fleet", str(scene.file))["pid"], "the desk runs")

    os.kill(pid, signal.SIGKILL)

    scene.until(lambda: not scene.call("desk", "--status", "--fleet", str(scene.file))["pid"], "the desk has ended")
