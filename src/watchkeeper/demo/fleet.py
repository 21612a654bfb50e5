"""Plays the main job, end to end: ``watchkeeper up --fleet`` with two agents, in a folder of its own, offline."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

from watchkeeper.app import find_log, find_place
from watchkeeper.demo.following import Follower
from watchkeeper.demo.happenings import Brief, Crew, FleetHappening
from watchkeeper.demo.minds import TESTS, Work, mind_of
from watchkeeper.demo.scene import CODEX, GOOSE, Scene, make_scene, write_plain_fleet, write_real_fleet
from watchkeeper.demo.scripted_model import ScriptedModel
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.repos.git import run_git
from watchkeeper.sandbox.guarding import guard_command

Tell = Callable[[FleetHappening], None]

_PATIENCE_S = 90.0
_LOOK_S = 0.1
_TURN_S = 8.0
_VERB_S = 60.0


class Programs(NamedTuple):
    """Both agents' programs, and what they are called; ``missing`` says why there are none."""

    goose: Path | None = None
    codex: Path | None = None
    names: tuple[str, ...] = ()
    missing: str = ""


def play_fleet(folder: Path, application: Path, works: Sequence[Work], programs: Programs, tell: Tell) -> bool:
    """Whether both issues were closed. ``works`` are what Goose and Codex are to do; ``folder`` is made.

    Ends everything that it started. Raises WatchkeeperError.
    """
    scene = make_scene(folder, application)
    by_name = dict(zip((GOOSE, CODEX), works, strict=True))
    began = time.monotonic()
    with ScriptedModel() as model:
        is_real = programs.goose is not None and programs.codex is not None
        models = {name: model.base_url(name) for name in by_name} if is_real else {}
        if programs.goose is not None and programs.codex is not None:
            write_real_fleet(scene, programs.goose, programs.codex, models[CODEX])
        else:
            write_plain_fleet(scene, by_name)
        tell(Crew(programs.names if is_real else tuple(by_name), programs.missing))
        environment = scene.environment(models)
        follower = _follower(scene, environment, model, tell)
        for name, work in by_name.items():
            model.follow(name, mind_of(work, partial(follower.worktree_of, name), partial(_hold, follower, name)))
            _verb(scene, environment, "issue", "new", work.name, "--label", "ready-for-dev", "--label", f"agent-{name}",
                  "--repo", str(scene.repository))  # fmt: skip
        with _running(scene, environment) as process:
            _follow(scene, environment, follower, len(works), process)
            seconds = time.monotonic() - began
        tell(_brief(scene, follower, len(works), seconds))
    return len(follower.closed) == len(works)


def _brief(scene: Scene, follower: Follower, issues: int, seconds: float) -> Brief:
    returned, closed = len(set(follower.returned)), len(follower.closed)
    return Brief(issues, closed, follower.told, returned, returned if closed == issues else 0, seconds, _test(scene))


def _follower(scene: Scene, environment: Mapping[str, str], model: ScriptedModel, tell: Tell) -> Follower:
    place = find_place(scene.repository, environment)

    def asks(agent: str, text: str) -> bool:
        wanted = json.dumps(text.splitlines()[0], ensure_ascii=False)[1:-1]
        return any(wanted in each.text for each in model.received(agent))

    return Follower(place.project, scene.state / "projects" / place.project / "worktrees", tell, asks)


def _hold(follower: Follower, agent: str) -> bool:
    """The model takes its time, as models do, until its agent was told; the second agent is the later one to finish."""
    is_told = follower.wait_told(agent, _TURN_S)
    if agent == CODEX:
        follower.wait_done(GOOSE, _TURN_S)
    return is_told


def _follow(
    scene: Scene, environment: Mapping[str, str], follower: Follower, issues: int, process: subprocess.Popen[bytes]
) -> None:
    ends = time.monotonic() + _PATIENCE_S
    log = find_log(scene.state, environment)
    if log is None:
        raise _failed(scene, "nothing was recorded")
    with log:
        while len(follower.closed) < issues:
            follower.look(log)
            if follower.trouble or process.poll() is not None or time.monotonic() > ends:
                raise _failed(scene, follower.trouble or "the fleet ended, or took too long")
            time.sleep(_LOOK_S)


@contextmanager
def _running(scene: Scene, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """The fleet's daemon, under a guardian: it ends with us, whatever ends us."""
    words = (sys.executable, "-m", "watchkeeper", "up", "--foreground", "--fleet", str(scene.fleet_file))
    with (scene.folder / "fleet.log").open("wb") as output:
        process = subprocess.Popen(
            guard_command(words, environment),
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=dict(environment), cwd=scene.folder,
        )  # fmt: skip
    try:
        yield process
    finally:
        with suppress(WatchkeeperError):
            _verb(scene, environment, "down", "--fleet", str(scene.fleet_file))
        process.terminate()
        try:
            process.wait(_VERB_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _verb(scene: Scene, environment: Mapping[str, str], *words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "watchkeeper", *words],
        stdin=subprocess.DEVNULL, capture_output=True, env=dict(environment), cwd=scene.folder, timeout=_VERB_S,
        check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise _failed(scene, f"watchkeeper {words[0]}: {done.stderr.decode(errors='replace').strip()[-500:]}")


def _test(scene: Scene) -> str:
    """What the project's tests say of the target branch, when all is over."""
    landed = scene.folder / "landed"
    run_git(scene.repository, "worktree", "add", "-q", "--detach", str(landed), "main", isolated=True)
    done = subprocess.run(
        [sys.executable, *TESTS.split()[1:]], cwd=landed, capture_output=True, timeout=_VERB_S, check=False
    )
    count = re.search(rb"Ran (\d+) tests?", done.stderr)
    said = f"all {int(count[1])} tests pass" if count else "the tests pass"
    return said if done.returncode == 0 else "THE TESTS FAIL"


def _failed(scene: Scene, why: str) -> WatchkeeperError:
    said = ""
    with suppress(OSError):
        said = (scene.folder / "fleet.log").read_text(errors="replace").strip()[-500:]
    return WatchkeeperError(
        f"The demo's fleet did not come to its end: {why}{f' ({said})' if said else ''}",
        slug="demo-failed",
        hint="see what is wrong with this machine: watchkeeper doctor",
    )
