"""The fleet's daemon, with the installed program, real git, real tests and scripted agents."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fleetscene import FleetScene, fleet_scene


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[FleetScene]:
    with fleet_scene(tmp_path) as found:
        yield found


def double(number: int) -> list[object]:
    return ["edit", f"m{number}.py", "return n\n", f"return n * {number + 2}\n"]


def test_an_issue_is_dispatched_done_landed_and_closed(scene: FleetScene) -> None:
    repo = scene.add("shop")
    scene.configure()
    issue = scene.issue("shop", "doubles", [double(0)])

    pid = scene.up()
    again = scene.call("up", "--fleet", str(scene.file))
    shown = scene.closed("shop", issue)

    assert (again["started"], again["pid"]) == (False, pid)
    assert shown["why"] == "landed"
    assert repo.git("show", "main:m0.py").endswith("return n * 2")
    assert len(scene.marked("doubles", "end")) == 1
    assert scene.fleet()["projects"][0]["engagements"] == []
