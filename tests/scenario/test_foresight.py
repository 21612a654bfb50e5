"""Forecasts of open issues over a real repository: begun, followed, begun anew, within a budget, and from the cache."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from foreseeing import issue
from gitrepo import GitRepo
from watchkeeper.fleet.foresight import Ground, IssueForesight
from watchkeeper.fleet.survey import Survey
from watchkeeper.model.errors import GitError
from watchkeeper.model.fleet import Issue, IssueId
from watchkeeper.model.ids import ProjectId, Sha
from watchkeeper.record.cache import ReadingCache
from watchkeeper.repos.objects import Objects
from watchkeeper.repos.repository import find_repository

PROJECT = ProjectId("p")
STAGES = "def update_stage_field(content):\n    content.save()\n"
MAIL = "def send_mail(to):\n    return to\n"


@pytest.fixture
def objects(git_repo: GitRepo) -> Iterator[Objects]:
    git_repo.commit("begin", {"stages.py": STAGES, "mail.py": MAIL, "README.md": "umbrellas\n", "logo.png": b"\0\1"})
    with Objects(find_repository(git_repo.path).common_dir) as objects:
        yield objects


def test_an_issue_is_answered_and_follows_what_lands(git_repo: GitRepo, objects: Objects) -> None:
    foresight = _foresight(git_repo, objects)
    asked = _issue("p#1", "`update_stage_field` and `write_stage` must write twice")
    before = foresight.forecasts(PROJECT, [asked])[asked.id]

    git_repo.commit("rename the writer", {"stages.py": STAGES.replace("update_stage_field", "write_stage")})
    after = foresight.forecasts(PROJECT, [asked])[asked.id]

    assert [each.name for each in before.symbols][:1] == ["stages:update_stage_field"]
    assert [each.name for each in after.symbols][:1] == ["stages:write_stage"]
    assert "stages:update_stage_field" not in [each.name for each in after.symbols]


def test_following_gives_what_beginning_anew_gives(git_repo: GitRepo, objects: Objects) -> None:
    followed = _survey(git_repo, objects)
    followed.move_to(Sha(git_repo.head))
    git_repo.commit("umbrellas get wet", {"mail.py": MAIL + "\n\ndef umbrella():\n    return 1\n"})
    followed.move_to(Sha(git_repo.head))
    git_repo.remove("stages.py")
    git_repo.commit("a folder of its own", {"engine/stages.py": STAGES})
    _merge(git_repo, "topic", "umbrellas again", {"mail.py": MAIL + "\n\ndef umbrella():\n    return 2\n"})

    followed.move_to(Sha(git_repo.head))
    fresh = _survey(git_repo, objects)
    fresh.move_to(Sha(git_repo.head))

    assert followed.atlas.paths == fresh.atlas.paths
    assert followed.past.alike({"umbrella": 1.0}) == fresh.past.alike({"umbrella": 1.0})
    assert followed.past.newest_symbols() == fresh.past.newest_symbols()
    assert followed.past.share_of_file("engine/stages.py") == fresh.past.share_of_file("engine/stages.py")


def test_the_issue_that_a_commit_resolved_speaks_for_what_it_touched(git_repo: GitRepo, objects: Objects) -> None:
    git_repo.commit("tidy\n\nIssue: p#7\n", {"mail.py": MAIL.replace("return to", "return to + 1")})
    texts = {"p#7": "Customers complain about umbrellas"}
    survey = _survey(git_repo, objects, issue_text=lambda identity: texts.get(identity, ""))
    foresight = IssueForesight(lambda _: Ground(survey, lambda: Sha(git_repo.head)))

    (forecast,) = foresight.forecasts(PROJECT, [_issue("p#8", "Umbrellas: complaints again")]).values()

    assert forecast.symbols[0].name == "mail:send_mail"
    assert forecast.symbols[0].reasons[0] == "like issue p#7, whose change touched it"


def test_a_rewritten_branch_is_read_anew(git_repo: GitRepo, objects: Objects) -> None:
    survey = _survey(git_repo, objects)
    git_repo.commit("umbrellas", {"mail.py": MAIL.replace("return to", "return 2")})
    survey.move_to(Sha(git_repo.head))

    git_repo.git("reset", "-q", "--hard", "HEAD~1")
    git_repo.commit("other", {"other.py": "def other():\n    pass\n"})
    survey.move_to(Sha(git_repo.head))

    assert set(survey.atlas.paths) == {"mail.py", "stages.py", "other.py", "logo.png"}
    assert survey.past.alike({"umbrella": 1.0}) == ()
    assert survey.coverage().changes == 2


def test_the_past_is_read_backwards_within_a_budget_and_ends_the_same(git_repo: GitRepo, objects: Objects) -> None:
    for number in range(6):
        git_repo.commit(f"umbrella {number}", {"mail.py": MAIL.replace("return to", f"return {number}")})
    ticks = count(0, 10)
    slow = _survey(git_repo, objects, clock=lambda: float(next(ticks)), budget_s=15.0)
    slow.move_to(Sha(git_repo.head))
    seen = [slow.coverage()]

    while slow.move_to(Sha(git_repo.head)):
        seen.append(slow.coverage())
    whole = _survey(git_repo, objects)
    whole.move_to(Sha(git_repo.head))

    assert 0 < seen[0].unread < 7
    assert seen[-1].unread == 0
    assert slow.past.alike({"umbrella": 1.0}) == whole.past.alike({"umbrella": 1.0})


def test_what_was_read_once_is_not_read_again(git_repo: GitRepo, objects: Objects, tmp_path: Path) -> None:
    git_repo.commit("umbrellas", {"mail.py": MAIL.replace("return to", "return 2")})
    with ReadingCache(tmp_path / "cache.db") as cache:
        first = _survey(git_repo, objects, cache=cache)
        first.move_to(Sha(git_repo.head))
    with ReadingCache(tmp_path / "cache.db") as cache:
        again = _survey(git_repo, objects, cache=cache)
        again.move_to(Sha(git_repo.head))
        kept = cache.statistics().kept

    assert kept == 0
    assert again.atlas.paths == first.atlas.paths
    assert again.past.alike({"umbrella": 1.0}) == first.past.alike({"umbrella": 1.0})


def test_a_damaged_value_of_the_cache_is_read_anew(git_repo: GitRepo, objects: Objects, tmp_path: Path) -> None:
    with ReadingCache(tmp_path / "cache.db") as cache:
        _survey(git_repo, objects, cache=cache).move_to(Sha(git_repo.head))
        cache._connection.execute("UPDATE readings SET value = x'00', sum = 3523407757")  # as a crash would
        again = _survey(git_repo, objects, cache=cache)
        again.move_to(Sha(git_repo.head))

    assert "update_stage_field" in [e.qualname for e in again.atlas.paths["stages.py"].entries]


def test_where_time_is_short_old_forecasts_stay_and_new_issues_come_first(git_repo: GitRepo, objects: Objects) -> None:
    ticks = count(0, 10)
    survey = _survey(git_repo, objects)
    ground = Ground(survey, lambda: Sha(git_repo.head))
    foresight = IssueForesight(lambda _: ground, clock=lambda: float(next(ticks)), budget_s=5.0)
    old, new = _issue("p#1", "`send_mail` drops letters"), _issue("p#2", "`update_stage_field` hangs")
    foresight.forecasts(PROJECT, [old])
    git_repo.commit("mail", {"mail.py": MAIL.replace("return to", "return 3")})

    found = foresight.forecasts(PROJECT, [old, new])

    assert set(found) == {old.id, new.id}
    assert foresight.statistics().late == 1
    assert found[new.id].symbols[0].name == "stages:update_stage_field"
    foresight.forecasts(PROJECT, [old, new])
    assert foresight.statistics().late == 0


def test_the_same_question_is_answered_from_memory(git_repo: GitRepo, objects: Objects) -> None:
    foresight = _foresight(git_repo, objects)
    asked = _issue("p#1", "`send_mail` drops letters")
    first = foresight.forecasts(PROJECT, [asked])

    again = foresight.forecasts(PROJECT, [asked])

    assert again == first
    assert (foresight.statistics().forecasts, foresight.statistics().remembered) == (1, 1)


def test_the_port_names_rare_symbols_and_leaves_the_others_out(git_repo: GitRepo, objects: Objects) -> None:
    foresight = _foresight(git_repo, objects)
    sure, vague = _issue("p#1", "`send_mail` drops letters", "in mail.py, `send_mail`"), _issue("p#2", "Buy milk")

    assert foresight.likely(PROJECT, [sure, vague]) == {sure.id: ("mail:send_mail",)}


def test_a_project_without_commits_has_no_forecast(tmp_path: Path) -> None:
    empty = GitRepo.create(tmp_path / "empty")
    with Objects(find_repository(empty.path).common_dir) as objects:
        survey = _survey(empty, objects)

        assert IssueForesight(lambda _: Ground(survey, lambda: None)).likely(PROJECT, [_issue("p#1", "x")]) == {}
        assert IssueForesight(lambda _: None).likely(PROJECT, [_issue("p#1", "x")]) == {}


def test_a_commit_that_is_not_there_is_told_and_the_next_call_begins_anew(git_repo: GitRepo, objects: Objects) -> None:
    survey = _survey(git_repo, objects)
    with pytest.raises(GitError):
        survey.move_to(Sha("1" * 40))

    survey.move_to(Sha(git_repo.head))

    assert survey.coverage().files == 3


def _survey(repo: GitRepo, objects: Objects, **options: object) -> Survey:
    return Survey(find_repository(repo.path), objects, **options)  # type: ignore[arg-type]


def _foresight(repo: GitRepo, objects: Objects) -> IssueForesight:
    survey = _survey(repo, objects)
    return IssueForesight(lambda _: Ground(survey, lambda: Sha(repo.head)))


def _issue(identity: str, title: str, body: str = "") -> Issue:
    told = issue(title, body)
    return Issue(IssueId(identity), told.title, told.body)


def _merge(repo: GitRepo, branch: str, message: str, files: dict[str, str]) -> None:
    repo.branch(branch)
    repo.switch(branch)
    repo.commit(message, files)
    repo.switch("main")
    repo.git("merge", "-q", "--no-ff", "-m", f"Merge branch '{branch}'", branch)
