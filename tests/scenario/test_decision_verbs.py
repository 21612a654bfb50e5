"""``decisions``, ``worklog``, ``rules --risk`` and ``desk --status`` on a record that is there already."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from gitrepo import GitRepo
from watchkeeper.app import find_place, now, open_log
from watchkeeper.cli.main import run
from watchkeeper.model.events import Event
from watchkeeper.model.ids import ChangeId, Millis, Sha
from watchkeeper.model.review import (
    ChangeFoundWrong,
    ChangeReviewed,
    ChangeSurveyed,
    Day,
    DayClosed,
    Decision,
    DecisionFound,
    DecisionId,
    DecisionKind,
    RolloverFailed,
    SurveyPoint,
    WorkLog,
    WrongHow,
)

ONE, TWO = Sha("1" * 40), Sha("2" * 40)


def decision(name: str, **more: Any) -> DecisionFound:
    title = more.pop("title", "adds the dependency httpx")
    return DecisionFound(Decision(DecisionId(f"d-{name}"), DecisionKind.DEPENDENCY, title, "httpx", "diff", **more))


def survey(commit: Sha) -> ChangeSurveyed:
    return ChangeSurveyed("shop", commit, None, "Cart", points=(SurveyPoint("auth", 9, "alters login"),))


@pytest.fixture
def shop(git_repo: GitRepo) -> GitRepo:
    git_repo.commit("base", {"README.md": "# Shop\n"})
    return git_repo


def tell(repo: GitRepo, *events: Event) -> None:
    place = find_place(repo.path, os.environ)
    with open_log(place.home) as log:
        log.append(place.project, events, now())


def said(repo: GitRepo, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[str]]:
    code = run([*words, "--repo", str(repo.path)])
    return code, capsys.readouterr().out.splitlines()


def test_open_decisions_are_listed_and_those_that_were_asked_for_are_not(
    shop: GitRepo, capsys: pytest.CaptureFixture[str]
) -> None:
    tell(shop, decision("11111111", path="a.toml", line=3, agent="codex", commit=ONE), decision("2222", asked_for=True))

    code, lines = said(shop, capsys, "decisions")

    assert code == 1
    assert [each.split()[0] for each in lines if each.startswith("d-")] == ["d-11111111"]
    assert "    a.toml:3 by codex 1111111111" in lines
    assert lines[-1] == "next: watchkeeper decisions --accept d-11111111"
    assert len([each for each in said(shop, capsys, "decisions", "--all")[1] if each.startswith("d-")]) == 2


def test_what_others_wrote_does_not_act_on_the_terminal(shop: GitRepo, capsys: pytest.CaptureFixture[str]) -> None:
    tell(shop, decision("11111111", title="adds \x1b[2J\u202ehttpx", path="a\x1b.toml", why="\r\nbecause"))

    _, lines = said(shop, capsys, "decisions")

    assert all(each.isprintable() for each in lines)


def test_accepting_closes_it_and_an_ambiguous_id_is_refused(shop: GitRepo, capsys: pytest.CaptureFixture[str]) -> None:
    tell(shop, decision("11111111"), decision("11222222"))

    assert run(["decisions", "--accept", "11", "--repo", str(shop.path), "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["slug"] == "ambiguous-decision"
    assert run(["decisions", "--accept", "d-111", "--accept", "112", "--repo", str(shop.path)]) == 0
    assert said(shop, capsys, "decisions")[0] == 0


def test_a_question_needs_a_reason_and_what_did_not_land_cannot_be_reverted(
    shop: GitRepo, capsys: pytest.CaptureFixture[str]
) -> None:
    tell(shop, decision("11111111"), decision("22222222", commit=ONE, change=ChangeId("a")))

    for words, slug in (
        (("--question", "d-1"), "decision-reason"),
        (("--revert", "d-1"), "nothing-to-revert"),
        (("--accept", "d-9"), "not-there"),
        (("--accept", "d-1", "--revert", "d-1"), "usage"),
    ):
        assert run(["decisions", *words, "--repo", str(shop.path), "--json"]) == 2
        assert json.loads(capsys.readouterr().out)["error"]["slug"] == slug


def test_risk_points_have_a_precision_of_their_own(shop: GitRepo, capsys: pytest.CaptureFixture[str]) -> None:
    tell(shop, survey(ONE), survey(TWO), ChangeFoundWrong(ONE, WrongHow.REVERT, "it", TWO), ChangeReviewed(TWO, "ada"))

    code, lines = said(shop, capsys, "rules", "--risk")

    assert code == 0
    assert lines[1].split() == ["auth", "2", "1", "1", "50%", "of", "2"]
    assert lines[2] == "2 landed changes, 1 found wrong, 0 of these had no point"


def test_the_newest_log_is_shown_and_a_day_that_failed_is_told(
    shop: GitRepo, capsys: pytest.CaptureFixture[str]
) -> None:
    begin, end = Millis(1_774_400_400_000), Millis(1_774_486_800_000)
    log = WorkLog("repo", Day("2026-03-25"), begin, end, "UTC", "0 changes shipped", empty="nothing ran")
    tell(shop, DayClosed(log), RolloverFailed(Day("2026-03-26"), "the disk is full"))

    code, lines = said(shop, capsys, "worklog")
    listed = said(shop, capsys, "worklog", "--list")[1]

    assert code == 1
    assert lines[0] == "# repo, 2026-03-25"
    assert "**Nothing shipped:** nothing ran." in lines
    assert listed[:2] == ["2026-03-25  nothing ran", "2026-03-26  could not be closed: the disk is full"]


def test_where_no_desk_runs_that_is_said(shop: GitRepo, capsys: pytest.CaptureFixture[str]) -> None:
    code, lines = said(shop, capsys, "desk", "--status")

    assert (code, lines[0]) == (1, "no desk runs here")
