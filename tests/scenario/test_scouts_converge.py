"""What follows from several projects together: what contradicts, what one has solved and another has, what drifts."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from gitrepo import GitRepo
from scouting import Tree
from watchkeeper.app import find_place, now, open_log
from watchkeeper.forge.builtin import Builtin
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.fleet import Closing
from watchkeeper.model.hosts import FLEET
from watchkeeper.model.ids import Millis, ProjectId
from watchkeeper.model.scouting import (
    ExemptionGranted,
    FindingId,
    FindingJudged,
    KindAssigned,
    KindId,
    Standard,
    StandardCheck,
    StandardId,
    StandardMoved,
    StandardState,
    StandardWritten,
    Verdict,
)
from watchkeeper.model.scouting_state import StandardsState
from watchkeeper.record.log import Log
from watchkeeper.scoutdeck.converging import converge, describe_solutions
from watchkeeper.scoutdeck.hands import make_hands
from watchkeeper.scoutdeck.place import Subject, open_subject
from watchkeeper.scoutdeck.resolving import resolve_mended
from watchkeeper.scoutdeck.scouting import Report, Wanted, scout
from watchkeeper.scoutdeck.standards import Held, StandardsDesk
from watchkeeper.scouts.checks.drift import StandardsCheck
from watchkeeper.scouts.config import Production
from watchkeeper.tracking import FleetLedger

PERFORMANCE = '[dimensions.performance]\nchecks = ["tree"]\n'
BAD = "import requests\n\n\ndef load(url):\n    return requests.get(url)\n"
OTHER = "import requests\n\n\ndef send(url, data):\n    return requests.post(url, json=data)\n"


class World:
    """Projects with one record."""

    def __init__(self, root: Path, log: Log, stack: ExitStack) -> None:
        self.root, self.log, self._stack = root, log, stack
        self.repos: dict[str, GitRepo] = {}
        self.subjects: dict[str, Subject] = {}
        self.held: list[Held] = []

    def add(self, name: str, files: Mapping[str, str]) -> Subject:
        repo = self.repos[name] = GitRepo.create(self.root / name)
        repo.commit("begin", {".scout.toml": PERFORMANCE, **files})
        place = find_place(repo.path, os.environ)
        self.held.append(Held(name, place))
        self.subjects[name] = self._stack.enter_context(open_subject(place, self.log, name))
        return self.subjects[name]

    def scout(self, name: str) -> Report:
        cancel = threading.Event()

        def solve() -> Mapping[FindingId, str]:
            return describe_solutions(self.log, self.held)

        hands = make_hands(self.subjects[name], os.environ, now, cancel, (), solve)
        report = scout(self.subjects[name], Wanted(("performance",)), hands, cancel)
        assert report is not None
        return report

    def tracker(self, name: str) -> Builtin:
        return Builtin(FleetLedger(self.log, self.subjects[name].project), name, by="ada", clock=now)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with ExitStack() as stack:
        log = stack.enter_context(open_log(tmp_path / "home"))
        yield World(tmp_path, log, stack)


def test_what_one_project_solved_is_in_the_issue_of_the_other_with_the_diff(world: World) -> None:
    shop = world.add("shop", {"api.py": BAD})
    world.scout("shop")
    (issue,) = FleetLedger(world.log, shop.project).state().issues
    mended = BAD.replace("get(url)", "get(url, timeout=10)")
    commit = world.repos["shop"].commit("Give it a timeout", {"api.py": mended})
    world.tracker("shop").close(issue, Closing.LANDED, f"landed as {commit[:10]}")
    world.scout("shop")

    news = world.add("news", {"feed.py": OTHER})
    (filing,) = world.scout("news").filed

    assert "## How another project solved it" in filing.body
    assert f"in {commit[:10]}" in filing.body
    assert "+    return requests.get(url, timeout=10)" in filing.body
    assert not describe_solutions(world.log, [Held("news", news.place)]), "alone it has nobody to learn from"


def test_a_fix_that_is_a_finding_elsewhere_is_told_once_with_both_sides(world: World) -> None:
    news = world.add("news", {"feed.py": OTHER})
    world.scout("news")
    shop = world.add("shop", {"api.py": "x = 1\n"})
    assert converge(world.log, world.held, now).contradictions == ()

    commit = world.repos["shop"].commit(
        "Fix the price feed: ask it by post", {"price.py": OTHER.replace("send", "ask")}
    )
    (found,) = converge(world.log, world.held, now).contradictions

    assert (found.project, found.commit, found.against) == (shop.project, commit, news.project)
    assert found.kind == "missing-timeout"
    assert converge(world.log, world.held, now).contradictions == (), "once"
    assert found.key in StandardsDesk(world.log, world.held, now).state().contradictions


def test_a_change_that_adds_what_nobody_holds_for_a_fault_contradicts_nobody(world: World) -> None:
    world.add("news", {"feed.py": OTHER})
    world.scout("news")
    world.add("shop", {"api.py": "x = 1\n"})
    converge(world.log, world.held, now)
    right = OTHER.replace("json=data", "json=data, timeout=3")
    world.repos["shop"].commit("Fix the price feed", {"price.py": right})
    assert converge(world.log, world.held, now).contradictions == ()


def test_three_projects_are_needed_and_being_told_counts_for_nothing(world: World) -> None:
    for name in ("shop", "news"):
        world.add(name, {"api.py": BAD.replace("load", f"load_{name}").replace("url", f"{name}_url")})
        world.scout(name)
    assert converge(world.log, world.held, now).candidates == ()

    world.add("blog", {"pull.py": OTHER})
    world.scout("blog")
    assert converge(world.log, world.held, now).candidates == ("std-missing-timeout",)
    assert converge(world.log, world.held, now).candidates == (), "noted once"


def test_a_copied_file_is_one_origin_however_many_projects_have_it(world: World) -> None:
    for name in ("shop", "news", "blog"):
        world.add(name, {"api.py": BAD})
        world.scout(name)
    assert converge(world.log, world.held, now).candidates == ()


def held(state: StandardState, *more: object) -> StandardsState:
    from watchkeeper.model.events import Recorded
    from watchkeeper.model.ids import Seq
    from watchkeeper.model.scouting_state import fold_standards

    identity = StandardId("std-t")
    check = StandardCheck("rule", "tree:missing-timeout")
    standard = Standard(identity, KindId("missing-timeout"), "Requests end", "Give a timeout.", check, "ada")
    events = [StandardWritten(standard), StandardMoved(identity, state), *more]
    return fold_standards(Recorded(Seq(n), Millis(n), FLEET, each) for n, each in enumerate(events, 1))  # type: ignore[arg-type]


def test_drift_is_what_does_not_keep_to_an_adopted_standard_and_is_not_exempt(tmp_path: Path) -> None:
    tree, project, at = Tree(tmp_path, {"api.py": BAD}), ProjectId("p"), Millis(100)

    (found,) = tree.look(StandardsCheck(project, held(StandardState.ADOPTED), at)).found
    assert (found.rule, found.path, found.line, found.kind) == ("std-t", "api.py", 5, "missing-timeout")
    assert tree.look(StandardsCheck(project, held(StandardState.CANDIDATE), at)).absent
    exempt = ExemptionGranted(StandardId("std-t"), project, "api.py", "a probe", Millis(200), "ada")
    assert tree.look(StandardsCheck(project, held(StandardState.ENFORCED, exempt), at)).found == ()
    assert tree.look(StandardsCheck(project, held(StandardState.ENFORCED, exempt), Millis(300))).found, "it is over"

    tree.write("broken.py", "import requests\ndef f(:\n")
    look = tree.look(StandardsCheck(project, held(StandardState.ENFORCED), at))
    assert "broken.py" in look.checked.reason
    assert look.found


def test_a_persons_word_on_a_kind_stands_against_the_catalogue(world: World) -> None:
    shop = world.add("shop", {"api.py": BAD})
    world.scout("shop")
    (identity,) = shop.state().findings
    world.log.append(shop.project, [KindAssigned(identity, KindId("resource-leak"), "person", 1.0, by="ada")], now())
    world.scout("shop")
    assert shop.state().findings[identity].kind_id == "resource-leak"


def test_an_error_of_production_whose_fix_landed_is_resolved_at_its_source(world: World) -> None:
    from watchkeeper.model.scouting import FindingFound, RunId, ScoutFinding

    source = '[production]\nurl = "https://sentry.example"\norganization = "acme"\nproject = "shop"\n'
    shop = world.add("shop", {"api.py": "x = 1\n", ".scout.toml": source})
    one = ScoutFinding(FindingId("f-1"), "production", "production", "unresolved-error", "", "boom", anchor="12+13")
    other = ScoutFinding(FindingId("f-2"), "production", "production", "unresolved-error", "", "bang", anchor="14")
    world.log.append(shop.project, [FindingFound(RunId("s-1"), one), FindingFound(RunId("s-1"), other)], now())
    asked: list[tuple[str, str]] = []
    resolve: Callable[[Production, str, str], str] = lambda where, _token, own: asked.append((where.project, own)) or ""  # noqa: E731

    assert resolve_mended(shop, {"SENTRY_AUTH_TOKEN": "t"}, resolve) == ()
    assert asked == []
    world.log.append(shop.project, [FindingJudged(one.id, Verdict.TRUE, "landed", "the end of shop#1")], now())
    assert resolve_mended(shop, {}, resolve) == ()
    assert asked == [], "without a token nobody is asked"
    resolve_mended(shop, {"SENTRY_AUTH_TOKEN": "t"}, resolve)
    assert asked == [("shop", "12"), ("shop", "13")]
    assert resolve_mended(shop, {"SENTRY_AUTH_TOKEN": "t"}, lambda *_: "it refuses") == ("it refuses", "it refuses")


def test_a_look_that_is_ended_by_hand_is_not_recorded_as_one_that_could_not_look(world: World) -> None:
    shop = world.add("shop", {"api.py": BAD})
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(WatchkeeperError) as caught:
        scout(shop, Wanted(("performance",)), make_hands(shop, os.environ, now, cancel), cancel)
    assert caught.value.slug == "scout-ended"
    assert shop.state().looks == {}
