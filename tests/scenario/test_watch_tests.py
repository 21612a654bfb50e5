"""Live, with tests configured: a suspicion is cleared or proved by running them, and what is stale is given up."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gitrepo import GitRepo
from proving import CENTS_IN_A, PRICES, PYTEST, REORDERED_IN_A, TOTALS_IN_B, Scene, configured, key
from watching import Watched, watch
from watchkeeper.conflicts.standing import ConflictState, Status
from watchkeeper.model.conflicts import Severity
from watchkeeper.model.events import ConflictChanged, ConflictProbed
from watchkeeper.model.probing import Outcome

NO_CHECKS = "checks = []"


@pytest.fixture
def scene(git_repo: GitRepo) -> Scene:
    return configured(git_repo, key("test", PYTEST) + NO_CHECKS)


def of_outcome(watched: Watched, outcome: Outcome) -> list[ConflictState]:
    """Also what is shown no more because it was cleared."""
    found = watched.picture.state.conflicts.values()
    return [each for each in found if each.proof is not None and each.proof.outcome is outcome]


def outcomes(watched: Watched) -> list[Outcome]:
    return [event.proof.outcome for event in watched.events if isinstance(event, ConflictProbed)]


def seen_changed(watched: Watched) -> int:
    return sum(isinstance(event, ConflictChanged) for event in watched.events)


def test_a_suspicion_turns_cleared_and_steps_down(scene: Scene) -> None:
    async def act(watched: Watched) -> None:
        scene.write(REORDERED_IN_A, {})
        await watched.until(lambda: watched.has_appeared("a"))
        scene.write({}, TOTALS_IN_B)
        await watched.until(lambda: of_outcome(watched, Outcome.CLEARED) != [], "cleared")

    watched = watch(scene.repo.path, act)
    (cleared,) = of_outcome(watched, Outcome.CLEARED)
    assert cleared.status is Status.OPEN
    assert cleared.severity.rank < cleared.conflict.severity.rank
    assert cleared.proof is not None
    assert (cleared.proof.by, cleared.proof.runs) == (("tests",), 1)


def test_a_suspicion_turns_proved_by_a_test_and_goes_when_the_code_is_mended(scene: Scene) -> None:
    async def act(watched: Watched) -> None:
        scene.write(CENTS_IN_A, {})
        await watched.until(lambda: watched.has_appeared("a"))
        scene.write({}, TOTALS_IN_B)
        await watched.until(lambda: of_outcome(watched, Outcome.PROVED) != [], "proved")
        (proved,) = of_outcome(watched, Outcome.PROVED)
        assert proved.severity is Severity.BLOCKING
        assert proved.proof is not None
        assert [each.subject for each in proved.proof.findings] == ["test_totals.py::test_total"]
        scene.a.write("prices.py", PRICES)
        await watched.until(lambda: of_outcome(watched, Outcome.PROVED) == [] or watched.conflicts == (), "mended")

    watch(scene.repo.path, act)


def test_without_a_budget_no_command_is_run(git_repo: GitRepo) -> None:
    scene = configured(git_repo, key("test", PYTEST) + NO_CHECKS + "\nbudget = 0")

    async def act(watched: Watched) -> None:
        scene.write(CENTS_IN_A, TOTALS_IN_B)
        await watched.until(lambda: outcomes(watched) != [], "an outcome")

    watched = watch(scene.repo.path, act)
    assert set(outcomes(watched)) == {Outcome.NOT_DISPROVED}


def test_a_newer_save_cancels_the_run_of_an_older_one(git_repo: GitRepo) -> None:
    """The tests of the older save would hang for as long as nobody ends them; its outcome never comes."""
    command = f"if grep -q HANGS prices.py; then echo > $TMPDIR/hangs; tail -f /dev/null; fi; {PYTEST}"
    scene = configured(git_repo, key("test", command) + NO_CHECKS + "\ntest_timeout = 100")
    jobs = git_repo.path.parent / "state" / "projects"

    def hangs() -> bool:
        return any(jobs.glob("*/jobs/job-*/tmp/hangs"))

    async def act(watched: Watched) -> None:
        scene.write({"prices.py": PRICES.replace("n * RATE", "RATE * n  # HANGS")}, {})
        await watched.until(lambda: watched.has_appeared("a"))
        scene.write({}, TOTALS_IN_B)
        await watched.until(lambda: watched.conflicts != (), "a suspicion")
        await watched.until_below(jobs, hangs, "the run of the older save")
        scene.write(REORDERED_IN_A, {})
        await watched.until(lambda: Outcome.CLEARED in outcomes(watched), "the newer save's outcome")

    watched = watch(scene.repo.path, act)
    assert set(outcomes(watched)) == {Outcome.CLEARED}
    assert not hangs()


def test_saves_that_come_faster_than_the_tests_run_do_not_keep_a_proof_back(git_repo: GitRepo) -> None:
    """The run of the second save is let finish although a third has come; then the third is run."""
    wait = "echo > $TMPDIR/waits; until test -e $TMPDIR/go; do sleep 0.02; done"
    scene = configured(git_repo, key("test", f"{wait}; {PYTEST}") + NO_CHECKS + "\ntest_timeout = 100\nbudget = 2")
    jobs = git_repo.path.parent / "state" / "projects"
    seen: set[Path] = set()

    def has_begun() -> bool:
        """A run that was not there before."""
        fresh = {each.parent for each in jobs.glob("*/jobs/job-*/tmp/waits")} - seen
        seen.update(fresh)
        return bool(fresh)

    async def act(watched: Watched) -> None:
        def all_go() -> bool:
            for each in jobs.glob("*/jobs/job-*/tmp/waits"):
                each.with_name("go").touch()
            return Outcome.CLEARED in outcomes(watched)

        scene.write({"prices.py": PRICES.replace("n * RATE", "RATE * n")}, {})
        await watched.until(lambda: watched.has_appeared("a"))
        scene.write({}, TOTALS_IN_B)
        await watched.until_below(jobs, has_begun, "the run of the first save")
        scene.write({"prices.py": CENTS_IN_A["prices.py"]}, {})
        await watched.until_below(jobs, has_begun, "the run of the second save")
        scene.write(REORDERED_IN_A, {})
        await watched.until(lambda: seen_changed(watched) == 2, "the third save")
        await watched.until_below(jobs, all_go, "the third save's outcome")

    watched = watch(scene.repo.path, act)
    told = [event.proof for event in watched.events if isinstance(event, ConflictProbed)]
    assert [(proof.outcome, proof.is_past) for proof in told] == [(Outcome.PROVED, True), (Outcome.CLEARED, False)]


def test_a_setup_that_fails_is_told_live_too(git_repo: GitRepo) -> None:
    scene = configured(git_repo, key("setup", "exit 3") + key("test", f"{sys.executable} -V") + NO_CHECKS)

    async def act(watched: Watched) -> None:
        scene.write(CENTS_IN_A, TOTALS_IN_B)
        await watched.until(lambda: Outcome.COULD_NOT_RUN in outcomes(watched), "an outcome")

    watched = watch(scene.repo.path, act)
    (found,) = of_outcome(watched, Outcome.COULD_NOT_RUN)
    assert found.severity is found.conflict.severity
    assert found.proof is not None
    assert "setup failed: exit code 3" in found.proof.reason
