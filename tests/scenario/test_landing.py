"""Finished changes go through the queue to main: real git, real tests."""

from __future__ import annotations

import os
import socket
from contextlib import closing
from itertools import count
from pathlib import Path
from threading import Event

import pytest

from gitrepo import GitRepo
from landingscene import PYTEST, Verbs, begin, finish, first_parents, passes
from lock_variants import ASSIGN, COUNT, HEAD, INSERT, SECOND, application
from watchkeeper.app import find_place, now, open_log
from watchkeeper.landing.driver import Driver
from watchkeeper.landing.workshop import GitWorkshop
from watchkeeper.model.confidence import Confidence
from watchkeeper.model.conflicts import Conflict, Kind, Severity
from watchkeeper.model.events import ConflictOpened, ConflictProbed
from watchkeeper.model.ids import ChangeId, ConflictId, Millis, Sha
from watchkeeper.model.landing import (
    EntryId,
    LandingDone,
    Purpose,
    RevertFailed,
    RevertPrepared,
    RunBegan,
    TargetMoved,
)
from watchkeeper.model.probing import Outcome as Proved
from watchkeeper.model.probing import Proof
from watchkeeper.queueing import open_landing
from watchkeeper.repos.authors import Committer
from watchkeeper.repos.hub import open_hub
from watchkeeper.repos.keeping import keep_change
from watchkeeper.repos.landingcommits import Method
from watchkeeper.repos.moving import LocalBranch, Outcome, TargetBranch, Unknown

PRICES = "RATE = 2\n\n\ndef price(n):\n    return n * RATE\n"
TEST_PRICES = "from prices import price\n\n\ndef test_price():\n    assert price(1) == 2\n"
SHOP = {"prices.py": PRICES, "test_prices.py": TEST_PRICES}
CENTS = {"prices.py": PRICES.replace("RATE = 2", "RATE = 200"), "test_prices.py": TEST_PRICES.replace("== 2", "== 200")}
TOTALS = {
    "totals.py": "from prices import price\n\n\ndef total(numbers):\n    return sum(map(price, numbers))\n",
    "test_totals.py": "from totals import total\n\n\ndef test_total():\n    assert total([1, 2]) == 6\n",
}


def migration(parent: str) -> str:
    after = f'[("shop", "{parent}")]' if parent else "[]"
    head = "from django.db import migrations\n\n\nclass Migration(migrations.Migration):\n"
    return f"{head}    dependencies = {after}\n    operations = []\n"


@pytest.fixture
def verbs(git_repo: GitRepo, capfd: pytest.CaptureFixture[str]) -> Verbs:
    return Verbs(git_repo, capfd)


def stages(*statements: str) -> str:
    body = "".join(f"        {each}\n" for each in statements)
    start = "def update_stage_field(content_id, value):\n    with SessionLocal() as session:\n"
    return f"{HEAD}{start}{body}        session.commit()\n"


def test_changes_that_go_together_land_as_one_commit_on_the_line(
    git_repo: GitRepo, verbs: Verbs, tmp_path: Path
) -> None:
    begin(git_repo, SHOP)
    base = git_repo.git("rev-parse", "main")
    finish(git_repo, "readme", {"README.md": "a shop\n"})
    finish(git_repo, "totals", TOTALS)

    landed = verbs.land("readme", "totals")

    assert {each["state"] for each in landed.values()} == {"landed"}
    assert verbs.code == 0
    (commit,) = first_parents(git_repo, base)
    assert passes(git_repo, commit, tmp_path / "again")
    assert "Watchkeeper-Change: readme/1" in git_repo.git("log", "-1", "--format=%B")
    assert git_repo.git("status", "--porcelain") == ""
    assert (git_repo.path / "totals.py").exists()  # the checkout of main moved along


def test_two_that_break_each_other_are_named_and_the_later_one_goes_back(git_repo: GitRepo, verbs: Verbs) -> None:
    begin(git_repo, SHOP)
    finish(git_repo, "cents", CENTS)
    finish(git_repo, "totals", TOTALS)

    landed = verbs.land("cents", "totals")

    assert landed["cents/1"]["state"] == "landed"
    assert landed["totals/1"]["state"] == "bounced"
    assert landed["totals/1"]["partners"] == ["cents/1"]
    assert landed["totals/1"]["evidence"] == ["test_totals.py::test_total"]
    assert verbs.code == 1
    assert [each["id"] for each in verbs("queue")["returned"]] == ["totals/1"]
    page = verbs("queue", "totals")
    assert (page["own"]["name"], page["own"]["intent"]) == ("totals/1", "work of totals")
    assert "+def total(numbers):" in page["own"]["diff"]
    (side,) = page["sides"]
    assert (side["name"], side["intent"]) == ("cents/1", "work of cents")
    assert "+RATE = 200" in side["diff"]


def test_a_change_that_breaks_with_one_that_landed_before_names_it(git_repo: GitRepo, verbs: Verbs) -> None:
    begin(git_repo, SHOP)
    finish(git_repo, "totals", TOTALS)
    finish(git_repo, "cents", CENTS)
    verbs.land("cents")

    later = verbs.land("totals")

    assert later["totals/1"]["state"] == "bounced"
    assert later["totals/1"]["partners"] == ["cents/1"]


def test_two_that_a_probe_proved_to_be_wrong_together_are_not_run_together(git_repo: GitRepo, verbs: Verbs) -> None:
    begin(git_repo, SHOP)
    finish(git_repo, "cents", CENTS)
    finish(git_repo, "totals", TOTALS)
    sides = (ChangeId("cents"), ChangeId("totals"))
    trees = tuple(Sha(git_repo.git("rev-parse", f"{each}^{{tree}}")) for each in sides)
    suspicion = Conflict(
        id=ConflictId("c-12345678"), kind=Kind.STALE_READ, rule="body", severity=Severity.MAJOR,
        confidence=Confidence.SURE, changes=sides, subjects=("prices:price",), summary="s", why="w", evidence=(),
        next_step="n", fingerprint="f",
    )  # fmt: skip
    proof = Proof(sides, trees, Sha("0" * 40), Proved.PROVED)
    place = find_place(git_repo.path, os.environ)
    with open_log(place.home) as log:
        log.append(place.project, [ConflictOpened(suspicion), ConflictProbed(suspicion.id, proof)], now())

    landed = verbs.land("cents", "totals")

    assert landed["totals/1"]["partners"] == ["cents/1"]
    with open_log(place.home) as log:
        runs = [each.event for each in log.read(place.project, kinds=("run-began",))]
    together = [run for run in runs if isinstance(run, RunBegan) and len(run.candidate.entries) > 1]
    assert {run.purpose for run in together} <= {Purpose.SEARCH, Purpose.CONFIRM}


def test_one_that_is_wrong_alone_goes_back_alone_and_the_others_land(git_repo: GitRepo, verbs: Verbs) -> None:
    begin(git_repo, SHOP)
    finish(git_repo, "readme", {"README.md": "a shop\n"})
    finish(git_repo, "wrong", {"prices.py": PRICES.replace("n * RATE", "n")})
    finish(git_repo, "totals", TOTALS)

    landed = verbs.land("readme", "wrong", "totals")

    assert [landed[each]["state"] for each in ("readme/1", "wrong/1", "totals/1")] == ["landed", "bounced", "landed"]
    assert landed["wrong/1"]["partners"] == []


@pytest.mark.parametrize("together", [True, False], ids=["together", "one after the other"])
def test_of_the_two_dual_writes_one_lands_and_the_other_goes_back_because_they_would_hang(
    git_repo: GitRepo, verbs: Verbs, *, together: bool
) -> None:
    test = {"test_engine.py": "def test_nothing_of_this():\n    assert True\n"}
    begin(git_repo, {**application(stages(INSERT, "session.flush()", COUNT)), **test})
    path = "engine/stages.py"
    finish(git_repo, "dual-write", {path: stages(ASSIGN, INSERT, "session.flush()", COUNT)})
    finish(git_repo, "mirror", {path: stages(INSERT, "session.flush()", COUNT, SECOND)})

    batches = [("dual-write", "mirror")] if together else [("dual-write",), ("mirror",)]
    landed = {name: each for batch in batches for name, each in verbs.land(*batch).items()}

    assert landed["dual-write/1"]["state"] == "landed"
    assert landed["mirror/1"]["state"] == "bounced"
    assert landed["mirror/1"]["partners"] == ["dual-write/1"]
    assert "nested lock: would hang" in landed["mirror/1"]["reason"]


@pytest.mark.parametrize("is_taken_in", [True, False], ids=["merged first", "as it was"])
def test_who_takes_the_target_branch_in_does_not_make_his_own_what_only_both_have(
    git_repo: GitRepo, verbs: Verbs, *, is_taken_in: bool
) -> None:
    test = {"test_engine.py": "def test_nothing_of_this():\n    assert True\n"}
    begin(git_repo, {**application(stages(INSERT, "session.flush()", COUNT)), **test})
    path = "engine/stages.py"
    finish(git_repo, "dual-write", {path: stages(ASSIGN, INSERT, "session.flush()", COUNT)})
    finish(git_repo, "mirror", {path: stages(INSERT, "session.flush()", COUNT, SECOND)})
    verbs.land("dual-write")
    if is_taken_in:
        git_repo.git("checkout", "-q", "mirror")
        git_repo.git("merge", "-q", "--no-edit", "main")
        git_repo.git("checkout", "-q", "main")

    (landed,) = verbs.land("mirror").values()

    assert landed["state"] == "bounced"
    assert "nested lock: would hang" in landed["reason"]


def test_work_that_is_wrong_in_itself_and_took_the_branch_in_is_a_matter_for_its_tests(
    git_repo: GitRepo, verbs: Verbs
) -> None:
    begin(git_repo, SHOP)
    finish(git_repo, "odd", {"odd.py": "def odd():\n    return undefined_name\n"})
    finish(git_repo, "totals", TOTALS)
    verbs.land("totals")
    git_repo.git("checkout", "-q", "odd")
    git_repo.git("merge", "-q", "--no-edit", "main")
    git_repo.git("checkout", "-q", "main")

    (landed,) = verbs.land("odd").values()

    assert landed["state"] == "landed"


@pytest.mark.parametrize("how", ["merge", "rebase"])
def test_two_migrations_after_one_do_not_land_whatever_the_second_took_in(
    git_repo: GitRepo, verbs: Verbs, how: str
) -> None:
    begin(git_repo, {**SHOP, "shop/migrations/__init__.py": "", "shop/migrations/0001_initial.py": migration("")})
    finish(git_repo, "colour", {"shop/migrations/0002_colour.py": migration("0001_initial")})
    finish(git_repo, "size", {"shop/migrations/0002_size.py": migration("0001_initial")})
    verbs.land("colour")
    git_repo.git("checkout", "-q", "size")
    git_repo.git(*(("merge", "-q", "--no-edit", "main") if how == "merge" else ("rebase", "-q", "main")))
    git_repo.git("checkout", "-q", "main")

    (landed,) = verbs.land("size").values()

    assert landed["state"] == "bounced"
    assert "2 heads" in landed["reason"] or "two-heads" in landed["reason"]


def test_a_migration_after_the_newest_lands(git_repo: GitRepo, verbs: Verbs) -> None:
    begin(git_repo, {**SHOP, "shop/migrations/__init__.py": "", "shop/migrations/0001_initial.py": migration("")})
    finish(git_repo, "colour", {"shop/migrations/0002_colour.py": migration("0001_initial")})
    verbs.land("colour")
    finish(git_repo, "size", {"shop/migrations/0003_size.py": migration("0002_colour")})

    (landed,) = verbs.land("size").values()

    assert landed["state"] == "landed"


def test_a_dual_write_and_a_change_that_locks_nothing_both_land(git_repo: GitRepo, verbs: Verbs) -> None:
    test = {"test_engine.py": "def test_nothing_of_this():\n    assert True\n"}
    begin(git_repo, {**application(stages(INSERT, "session.flush()", COUNT)), **test})
    path = "engine/stages.py"
    finish(git_repo, "dual-write", {path: stages(ASSIGN, INSERT, "session.flush()", COUNT)})
    finish(git_repo, "logs", {path: stages(INSERT, "session.flush()", COUNT, "print(content_id)")})

    landed = verbs.land("dual-write", "logs")

    assert [each["state"] for each in landed.values()] == ["landed", "landed"]


def test_what_git_cannot_merge_goes_back_and_its_resolution_tells_what_it_dropped(
    git_repo: GitRepo, verbs: Verbs
) -> None:
    begin(git_repo, {**SHOP, "notes.txt": "one\n"})
    finish(git_repo, "first", {"notes.txt": "one\nfirst line\n"})
    finish(git_repo, "second", {"notes.txt": "one\nsecond line\n"})

    landed = verbs.land("first", "second")
    assert landed["first/1"]["state"] == "landed"
    assert landed["second/1"]["state"] == "bounced"
    assert "notes.txt" in landed["second/1"]["evidence"]

    git_repo.git("checkout", "-q", "second")
    git_repo.git("merge", "-q", "-s", "ours", "main")  # his side, and nothing of the other
    git_repo.git("checkout", "-q", "main")
    again = verbs.land("second")

    assert again["second/2"]["state"] == "held"
    assert [each["text"] for each in again["second/2"]["vanished"]] == ["first line"]
    assert verbs("release", "second")["changed"]
    assert verbs.land("second")["second/2"]["state"] == "landed"


def test_a_resolution_that_keeps_both_sides_lands_by_itself(git_repo: GitRepo, verbs: Verbs) -> None:
    begin(git_repo, {**SHOP, "notes.txt": "one\n"})
    finish(git_repo, "first", {"notes.txt": "one\nfirst line\n"})
    finish(git_repo, "second", {"notes.txt": "one\nsecond line\n"})
    verbs.land("first", "second")

    git_repo.git("checkout", "-q", "second")
    git_repo.git("merge", "-q", "-s", "ours", "--no-commit", "main")
    git_repo.commit("both", {"notes.txt": "one\nfirst line\nsecond line\n"})
    git_repo.git("checkout", "-q", "main")

    assert verbs.land("second")["second/2"]["state"] == "landed"


def test_what_touches_a_path_that_a_person_looks_at_waits_until_it_is_released(git_repo: GitRepo, verbs: Verbs) -> None:
    begin(git_repo, SHOP, landing='wait_paths = ["prices.py"]')
    finish(git_repo, "cents", CENTS)
    finish(git_repo, "readme", {"README.md": "a shop\n"})

    landed = verbs.land("cents", "readme")

    assert (landed["cents/1"]["state"], landed["readme/1"]["state"]) == ("held", "landed")
    assert "prices.py" in landed["cents/1"]["reason"]
    assert verbs.code == 1
    verbs("release", "cents")
    assert verbs.land("cents")["cents/1"]["state"] == "landed"


def test_a_change_of_more_risk_than_a_person_allows_waits_for_him(git_repo: GitRepo, verbs: Verbs) -> None:
    begin(git_repo, SHOP, landing="wait_risk = 3")
    finish(git_repo, "weaker", {"test_prices.py": TEST_PRICES.replace("    assert price(1) == 2", "    price(1)")})
    finish(git_repo, "readme", {"README.md": "a shop\n"})

    landed = verbs.land("weaker", "readme")

    assert (landed["weaker/1"]["state"], landed["readme/1"]["state"]) == ("held", "landed")
    assert "its risk is" in landed["weaker/1"]["reason"]


def test_what_a_landing_changes_of_the_test_command_has_to_hold_for_the_next_ones(
    git_repo: GitRepo, verbs: Verbs
) -> None:
    begin(git_repo, {**SHOP, "strict.py": "RATE = 2\n"})
    text = (git_repo.path / "watchkeeper.toml").read_text()
    strict = text.replace("-p no:cacheprovider", "-p no:cacheprovider && grep -q 'RATE = 2' strict.py")
    finish(git_repo, "strict", {"watchkeeper.toml": strict})
    finish(git_repo, "loose", {"strict.py": "RATE = 3\n"})

    landed = verbs.land("strict", "loose")

    assert landed["strict/1"]["state"] == "landed"
    assert landed["loose/1"]["state"] == "bounced"


def test_one_that_is_refused_keeps_nobody_else_from_landing(git_repo: GitRepo, verbs: Verbs) -> None:
    begin(git_repo, SHOP)
    finish(git_repo, "readme", {"README.md": "a shop\n"})

    document = verbs("land", "main", "readme")

    assert [each["state"] for each in document["entries"]] == ["landed"]
    assert [each["slug"] for each in document["refused"]] == ["nothing-to-land"]
    assert verbs.code == 1


def test_a_worktree_with_uncommitted_work_is_refused(git_repo: GitRepo, verbs: Verbs) -> None:
    begin(git_repo, SHOP)
    tree = git_repo.worktree("work", "work")
    tree.write("prices.py", "RATE = 3\n")

    assert verbs("land", str(tree.path))["error"]["slug"] == "uncommitted-work"
    assert verbs.code == 2


@pytest.mark.parametrize("method", ["squash", "rebase"])
def test_other_methods_leave_a_line_without_merges(git_repo: GitRepo, verbs: Verbs, method: str) -> None:
    begin(git_repo, SHOP, landing=f'method = "{method}"')
    base = git_repo.git("rev-parse", "main")
    finish(git_repo, "readme", {"README.md": "a shop\n"})
    finish(git_repo, "totals", TOTALS)

    verbs.land("readme", "totals")

    assert git_repo.git("rev-list", "--merges", f"{base}..main") == ""
    assert git_repo.git("rev-list", "--count", f"{base}..main") == "2"


def test_a_change_lands_on_a_remote_by_a_push(git_repo: GitRepo, verbs: Verbs, tmp_path: Path) -> None:
    remote = GitRepo.create(tmp_path / "remote.git", bare=True)
    git_repo.git("remote", "add", "origin", str(remote.path))
    begin(git_repo, SHOP, landing='remote = "origin"')
    git_repo.git("push", "-q", "origin", "main")
    finish(git_repo, "totals", TOTALS)

    assert verbs.land("totals")["totals/1"]["state"] == "landed"
    assert remote.git("log", "-1", "--format=%s", "main") == "work of totals"
    assert git_repo.git("rev-parse", "origin/main") == remote.git("rev-parse", "main")


def test_a_test_that_fails_now_and_then_bounces_nobody(git_repo: GitRepo, verbs: Verbs, tmp_path: Path) -> None:
    marker = tmp_path / "failed-once"
    test = (
        "import pathlib\n\n\ndef test_now_and_then():\n"
        "    place = pathlib.Path(__file__).parent / '.venv' / 'seen'\n"
        "    place.parent.mkdir(exist_ok=True)\n"
        "    seen = place.exists()\n"
        "    place.touch()\n"
        "    assert seen\n"
    )
    begin(git_repo, {**SHOP, "test_flaky.py": test})
    finish(git_repo, "readme", {"README.md": f"a shop {marker.name}\n"})

    landed = verbs.land("readme")

    assert landed["readme/1"]["state"] == "landed"


def test_what_went_past_the_queue_and_broke_main_is_named_and_reverted(
    git_repo: GitRepo, verbs: Verbs, tmp_path: Path
) -> None:
    begin(git_repo, SHOP)
    start = git_repo.git("rev-parse", "main")
    git_repo.commit("totals", TOTALS)
    totals = git_repo.git("rev-parse", "main")
    git_repo.commit("cents", CENTS)
    culprit = git_repo.git("rev-parse", "main")

    document = verbs("land", "--from-main", "--since", start)

    assert document["entries"] == []
    assert verbs.code == 1
    assert "test_totals.py::test_total" in verbs("queue")["halted"]
    assert [each.rpartition("-")[2] for each in document["red"]["entries"]] == [
        f"{totals[:10]}/1",
        f"{culprit[:10]}/1",
    ]

    reverted = verbs("land", "--revert", document["red"]["entries"][-1])

    assert "entries" in reverted, reverted
    assert [each["state"] for each in reverted["entries"]] == ["landed"]
    assert passes(git_repo, "main", tmp_path / "again")
    assert verbs("queue")["halted"] == ""


def test_a_branch_that_was_moved_past_the_queue_and_holds_is_said_to(git_repo: GitRepo, verbs: Verbs) -> None:
    begin(git_repo, SHOP)
    start = git_repo.git("rev-parse", "main")
    git_repo.commit("totals", TOTALS)

    document = verbs("land", "--from-main", "--since", start)

    assert document["red"] is None
    assert verbs.code == 0


def test_a_test_command_that_says_itself_where_modules_are_names_the_test_that_fails(
    git_repo: GitRepo, verbs: Verbs
) -> None:
    moved = {f"src/{path}" if path == "prices.py" else path: text for path, text in SHOP.items()}
    begin(git_repo, moved, test=f"PYTHONPATH=src {PYTEST}")
    finish(git_repo, "wrong", {"src/prices.py": PRICES.replace("n * RATE", "n")})
    finish(git_repo, "readme", {"README.md": "a shop\n"})

    landed = verbs.land("wrong", "readme")

    assert landed["wrong/1"]["evidence"] == ["test_prices.py::test_price"]
    assert landed["readme/1"]["state"] == "landed"


def test_a_change_whose_queueing_was_killed_half_way_is_queued_as_it_is_now(git_repo: GitRepo, verbs: Verbs) -> None:
    begin(git_repo, SHOP)
    finish(git_repo, "readme", {"README.md": "a shop\n"})
    place = find_place(git_repo.path, os.environ)
    with open_hub(place.repository, place.home / "projects" / place.project) as hub:
        head, tip = (place.repository.resolve(name) for name in ("readme", "main"))
        keep_change(hub, place.repository, EntryId("readme/1"), head, tip)  # what a kill leaves: nothing is recorded
    git_repo.git("checkout", "-q", "readme")
    git_repo.commit("more", {"README.md": "a shop with prices\n"})
    git_repo.git("checkout", "-q", "main")

    landed = verbs.land("readme")

    assert [each["state"] for each in landed.values()] == ["landed"]
    assert (git_repo.path / "README.md").read_text() == "a shop with prices\n"


def test_a_revert_is_prepared_once_however_often_the_queue_is_taken_up_again(git_repo: GitRepo, verbs: Verbs) -> None:
    begin(git_repo, SHOP)
    start = git_repo.git("rev-parse", "main")
    git_repo.commit("wrong", {"prices.py": PRICES.replace("n * RATE", "n")})
    found = verbs("land", "--from-main", "--since", start)
    verbs("land", "--revert", found["red"]["entries"][-1])

    place = find_place(git_repo.path, os.environ)
    with (
        open_landing(place) as landing,
        closing(Driver(landing.book, landing.workshop, landing.gate, landing.policy, now)) as driver,
    ):
        driver.recover()
        told = [each for each in landing.book.history() if isinstance(each, RevertPrepared | RevertFailed)]

    assert [type(each) for each in told] == [RevertPrepared]


def test_a_squashed_change_is_named_as_partner_after_its_branch_and_its_commits_are_gone(
    git_repo: GitRepo, verbs: Verbs
) -> None:
    begin(git_repo, SHOP, landing='method = "squash"')
    finish(git_repo, "totals", TOTALS)
    finish(git_repo, "cents", CENTS)
    verbs.land("cents")
    git_repo.git("branch", "-D", "cents")
    git_repo.git("reflog", "expire", "--expire=now", "--all")
    git_repo.git("gc", "-q", "--prune=now")
    place = find_place(git_repo.path, os.environ)
    with open_hub(place.repository, place.home / "projects" / place.project) as hub:
        hub.tidy(keep_days=0)

    later = verbs.land("totals")

    assert later["totals/1"]["partners"] == ["cents/1"]


def test_a_remote_that_cannot_be_reached_is_told_as_what_everybody_waits_for(
    git_repo: GitRepo, verbs: Verbs, tmp_path: Path
) -> None:
    begin(git_repo, SHOP, landing='remote = "origin"')
    shared, away = tmp_path / "shared.git", tmp_path / "away.git"
    git_repo.git("clone", "-q", "--bare", str(git_repo.path), str(shared))
    git_repo.git("remote", "add", "origin", str(shared))
    finish(git_repo, "readme", {"README.md": "a shop\n"})
    verbs("land", "readme", "--no-wait")
    shared.rename(away)

    times = (Millis(now() + 1_000 * number) for number in count(1))
    place = find_place(git_repo.path, os.environ)
    with (
        open_landing(place) as landing,
        closing(Driver(landing.book, landing.workshop, landing.gate, landing.policy, lambda: next(times))) as driver,
    ):
        driver.recover()
        for _ in range(10):
            driver.step()
        halted = verbs("queue")["halted"]
        away.rename(shared)
        for _ in range(30):
            driver.step()

    assert "origin" in halted
    assert verbs("queue")["halted"] == ""
    assert verbs.land("readme")["readme/1"]["state"] == "landed"


def test_a_command_that_would_end_at_the_first_failure_tells_of_all(git_repo: GitRepo, verbs: Verbs) -> None:
    suite = {
        "test_a.py": "import shop\n\n\ndef test_name():\n    assert shop.NAME == 'shop'\n",
        "test_b.py": "from shop import PRICE\n",
        "test_c.py": "import shop\n\n\ndef test_rate():\n    assert shop.RATE == 2\n",
    }
    begin(git_repo, {"shop.py": "NAME = 'shop'\nPRICE = 1\nRATE = 2\n", **suite}, test=f"{PYTEST} -x")
    finish(
        git_repo, "wrong", {"shop.py": "NAME = 'house'\nRATE = 3\n\ndef __getattr__(name):\n    raise OSError(name)\n"}
    )

    landed = verbs.land("wrong")

    assert landed["wrong/1"]["evidence"] == ["test_b.py", "test_a.py::test_name", "test_c.py::test_rate"]


def test_a_daemon_that_was_killed_drives_nothing(
    git_repo: GitRepo, verbs: Verbs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    begin(git_repo, SHOP)
    finish(git_repo, "readme", {"README.md": "a shop\n"})
    left = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(left))
    monkeypatch.setattr("watchkeeper.cli.land.find_socket", lambda _place: left)

    landed = verbs.land("readme")

    assert left.exists()
    assert landed["readme/1"]["state"] == "landed"


class LateBranch:
    """A branch whose first move is heard of too late: nobody is answered, and it arrives just before the second one."""

    def __init__(self, branch: TargetBranch) -> None:
        self._branch = branch
        self._first: tuple[Sha, Sha, str] | None = None

    def read_tip(self) -> Sha | None:
        return self._branch.read_tip()

    def move(self, old: Sha, new: Sha, message: str) -> Outcome:
        if self._first is None:
            self._first = (old, new, message)
            return Unknown("no answer")
        self._branch.move(*self._first)
        return self._branch.move(old, new, message)


def test_a_push_that_arrives_after_nobody_waited_for_it_is_the_landing_that_it_was(
    git_repo: GitRepo, verbs: Verbs
) -> None:
    begin(git_repo, SHOP)
    base = git_repo.git("rev-parse", "main")
    finish(git_repo, "readme", {"README.md": "a shop\n"})
    verbs("land", "readme", "--no-wait")
    place = find_place(git_repo.path, os.environ)

    with open_landing(place) as landing:
        hub, ended = landing.analysis.hub, Event()
        branch = LateBranch(LocalBranch(hub, place.repository, "main"))
        late = GitWorkshop(hub, branch, Method.MERGE, lambda: Committer(hub, place.repository, now() // 1000))
        driver = Driver(landing.book, late, landing.gate, landing.policy, now, on_ended=ended.set)
        with closing(driver):
            driver.recover()
            while landing.book.queue.entries[EntryId("readme/1")].landed_in is None:
                if not driver.step():
                    assert ended.wait(60), "nothing goes on"
                    ended.clear()
        events = list(landing.book.history())

    assert len(first_parents(git_repo, base)) == 1
    assert [type(each) for each in events if isinstance(each, LandingDone)] == [LandingDone]
    assert not any(each.adopted for each in events if isinstance(each, TargetMoved))


DYNAMIC = {
    "left.py": "VALUE = 1\n",
    "right.py": "VALUE = 1\n",
    "test_sum.py": (
        "from importlib import import_module\n\n\n"
        "def test_sum():\n    names = ('le' + 'ft', 'ri' + 'ght')\n"
        "    assert sum(import_module(each).VALUE for each in names) < 4\n"
    ),
}


@pytest.mark.parametrize("right", [2, 1])
def test_lanes_that_break_each_other_unseen_stop_alone_and_those_that_do_not_all_land(
    git_repo: GitRepo, verbs: Verbs, right: int
) -> None:
    begin(git_repo, DYNAMIC, landing="lanes = true\nslots = 2")
    finish(git_repo, "left", {"left.py": "VALUE = 2\n"})
    finish(git_repo, "right", {"right.py": f"VALUE = {right}  # changed\n"})

    landed = verbs.land("left", "right")
    finish(git_repo, "other", {"other.py": "OTHER = 1\n"})
    later = verbs.land("other")

    assert {each["state"] for each in (*landed.values(), *later.values())} == {"landed"}
    red = verbs("land", "--from-main")["red"]
    if right == 1:
        assert red is None
        return
    assert sorted(red["entries"]) == ["left/1", "right/1"]
    assert red["tests"] == ["test_sum.py::test_sum"]
    assert red["others_land"]
    assert verbs("queue")["broken"] == [f"{red['entries'][0]} and {red['entries'][1]} break test_sum.py::test_sum"]

    reverted = verbs("land", "--revert", red["entries"][-1])

    assert [each["state"] for each in reverted["entries"]] == ["landed"]
    assert verbs("land", "--from-main")["red"] is None
