"""Real hangs of two agents' merged changes, traced to both: by journal, by tag and by nothing but the server's view."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbwatching import OwnServer, own_server, wait_until
from lock_variants import VARIANTS, Variant
from tracingscene import STAGES, Deployed, Seen, deploy, hanging, record, split
from watchkeeper.app import Place, find_place, now, open_log
from watchkeeper.lockwatch.tracing import open_tracing
from watchkeeper.model.events import Event
from watchkeeper.model.ids import Sha
from watchkeeper.model.incidents import Attribution, Incident, IncidentKind, Party, RevisionDeployed, Role, Tier

pytestmark = pytest.mark.postgresql
BY_NAME = {each.name: each for each in VARIANTS}
INCIDENT = BY_NAME["V3"]
"""The seed case: an unrelated SELECT sends the assignment, then the second connection waits for its row."""


@pytest.fixture(scope="module")
def server() -> Iterator[OwnServer]:
    pytest.importorskip("psycopg", reason="psycopg is not installed: attribution was NOT checked on a real server")
    with own_server() as made:
        yield made


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHKEEPER_HOME", str(tmp_path / "home"))


def tell(place: Place, *events: Event) -> None:
    with open_log(place.home) as log:
        log.append(place.project, list(events), now())


def place_of(deployed: Deployed) -> Place:
    return find_place(deployed.repo.path, os.environ)


def say_deployed(deployed: Deployed) -> Place:
    place = place_of(deployed)
    tell(place, RevisionDeployed("production", Sha(deployed.revision), "ada"))
    return place


def trace(place: Place, seen: Seen) -> Incident:
    """As the watch does it: again, while the code still has to be read."""
    with open_log(place.home) as log, open_tracing(place, log) as tracing:
        return wait_until(lambda: known(asyncio.run(tracing.trace(seen.incident, seen.journals))), "an index")


def known(incident: Incident) -> Incident | None:
    return None if any("not known yet" in each.attribution.reason for each in incident.parties) else incident


def side(incident: Incident, role: Role) -> Party:
    return next(each for each in incident.parties if each.role is role)


def told(attribution: Attribution) -> list[tuple[str, str, str]]:
    return [(each.code, each.agent, each.issue) for each in attribution.origins]


@pytest.mark.parametrize(("how", "tier"), [("untagged", Tier.INDEX), ("tag", Tier.TAG), ("journal", Tier.JOURNAL)])
def test_both_agents_issues_and_lines_are_named_at_the_deployed_revision(
    server: OwnServer, tmp_path: Path, how: str, tier: Tier
) -> None:
    deployed = deploy(tmp_path / "repo", INCIDENT)
    place = say_deployed(deployed) if how == "untagged" else place_of(deployed)

    traced = trace(place, record(server, deployed, tmp_path, how))

    holder, waiter = side(traced, Role.HOLDER), side(traced, Role.WAITER)
    assert told(holder.attribution) == [("content.current_stage = value", "agent-a", "101")]
    assert told(waiter.attribution) == [("conn.execute(", "agent-b", "102")]
    assert holder.attribution.tier is tier
    assert [each.commit for each in holder.attribution.origins] == [deployed.a]
    assert [each.commit for each in waiter.attribution.origins] == [deployed.b]
    assert {each.revision for each in holder.attribution.origins} == {deployed.revision}
    assert "SELECT count" in holder.statement, "its last statement is innocent, and is not what was blamed"
    for origin in (*holder.attribution.origins, *waiter.attribution.origins):
        line = deployed.repo.git("show", f"{deployed.revision}:{STAGES}").splitlines()[origin.line - 1]
        assert line.strip() == origin.code
        assert deployed.repo.git("show", f"HEAD:{STAGES}").splitlines()[origin.line - 1].strip() != origin.code
    assert "agent-a, issue 101" in traced.summary
    assert "agent-b, issue 102" in traced.summary


@pytest.mark.parametrize("variant", [BY_NAME["V8"], BY_NAME["V10"], BY_NAME["V15"]], ids=lambda each: each.about)
def test_other_locks_lead_to_both_agents_without_tags(server: OwnServer, tmp_path: Path, variant: Variant) -> None:
    deployed = deploy(tmp_path / "repo", variant)

    traced = trace(say_deployed(deployed), record(server, deployed, tmp_path, "untagged"))

    ours, theirs = split(variant)
    (held,), (waited,) = (told(side(traced, role).attribution) for role in (Role.HOLDER, Role.WAITER))
    assert held[1:] == ("agent-a", "101")
    assert held[0] in "\n".join(ours)
    assert waited[1:] == ("agent-b", "102")
    assert waited[0] in "\n".join(theirs)


def test_an_old_helper_that_the_change_calls_is_not_blamed_but_the_call_is(server: OwnServer, tmp_path: Path) -> None:
    deployed = deploy(tmp_path / "repo", BY_NAME["V12"])

    traced = trace(say_deployed(deployed), record(server, deployed, tmp_path, "untagged"))

    first, second = side(traced, Role.WAITER).attribution.origins
    assert (first.code, first.agent) == ("future = pool.submit(set_status, content_id, value)", "agent-b")
    assert (second.symbol, second.agent, second.commit) == ("set_status", "", deployed.base)


def test_squashed_changes_are_named_by_the_trailers_of_the_squash(server: OwnServer, tmp_path: Path) -> None:
    deployed = deploy(tmp_path / "repo", INCIDENT, squash=True)

    traced = trace(say_deployed(deployed), record(server, deployed, tmp_path, "untagged"))

    assert told(side(traced, Role.HOLDER).attribution) == [("content.current_stage = value", "agent-a", "101")]
    assert told(side(traced, Role.WAITER).attribution) == [("conn.execute(", "agent-b", "102")]
    assert side(traced, Role.HOLDER).attribution.origins[0].commit not in (deployed.a, deployed.b)


def test_commits_without_trailers_name_their_author_and_no_agent(server: OwnServer, tmp_path: Path) -> None:
    deployed = deploy(tmp_path / "repo", INCIDENT, trailers=False)

    traced = trace(say_deployed(deployed), record(server, deployed, tmp_path, "untagged"))

    (origin,) = side(traced, Role.HOLDER).attribution.origins
    assert (origin.agent, origin.issue, origin.author) == ("", "", "Ada <ada@example.org>")


def test_without_a_deployed_revision_nobody_is_blamed_and_it_is_said_what_to_run(
    server: OwnServer, tmp_path: Path
) -> None:
    deployed = deploy(tmp_path / "repo", INCIDENT)

    traced = trace(place_of(deployed), record(server, deployed, tmp_path, "untagged"))

    for role in (Role.HOLDER, Role.WAITER):
        attribution = side(traced, role).attribution
        assert (attribution.tier, attribution.origins) == (Tier.UNATTRIBUTED, ())
        assert "watchkeeper deployed REV --env NAME" in attribution.reason
    assert "unattributed" in traced.summary


def test_a_tagged_revision_that_the_repository_does_not_have_is_named_and_nobody_is_blamed(
    server: OwnServer, tmp_path: Path
) -> None:
    deployed = deploy(tmp_path / "repo", INCIDENT)
    seen = record(server, deployed._replace(), tmp_path, "tag")
    stranger = deploy(tmp_path / "other", BY_NAME["V10"])

    traced = trace(say_deployed(stranger), seen)

    waiter = side(traced, Role.WAITER).attribution
    assert [(each.commit, each.agent) for each in waiter.origins] == [(None, "")]
    assert f"{deployed.revision[:12]} runs, which is no commit of this repository" in waiter.reason


def test_two_functions_that_fit_alike_are_two_candidates_with_shares(server: OwnServer, tmp_path: Path) -> None:
    """The same statements stand in a second function: without tags nobody can tell which of them runs."""
    deployed = deploy(tmp_path / "repo", INCIDENT)
    repo = deployed.repo
    text = repo.git("show", f"{deployed.revision}:{STAGES}") + "\n"
    twin = text.replace("def update_stage_field", "def backfill_stage_field")
    repo.git("checkout", "-q", deployed.revision)
    revision = repo.commit("stages: backfill", {"engine/backfill.py": twin})
    ambiguous = deployed._replace(revision=revision)

    traced = trace(say_deployed(ambiguous), record(server, ambiguous, tmp_path, "untagged"))

    for role in (Role.HOLDER, Role.WAITER):
        attribution = side(traced, role).attribution
        assert {each.path for each in attribution.origins} == {STAGES, "engine/backfill.py"}
        assert [each.confidence for each in attribution.origins] == [0.5, 0.5]
        assert "2 places fit" in attribution.reason
    assert "probably" in traced.summary


def test_with_tags_the_function_that_runs_is_known_among_those_that_fit_alike(
    server: OwnServer, tmp_path: Path
) -> None:
    deployed = deploy(tmp_path / "repo", INCIDENT)
    repo = deployed.repo
    twin = repo.git("show", f"{deployed.revision}:{STAGES}").replace("def update_stage_field", "def backfill_stage")
    repo.git("checkout", "-q", deployed.revision)
    ambiguous = deployed._replace(revision=repo.commit("stages: backfill", {"engine/backfill.py": f"{twin}\n"}))

    traced = trace(place_of(ambiguous), record(server, ambiguous, tmp_path, "tag"))

    assert [(each.path, each.agent) for each in side(traced, Role.HOLDER).attribution.origins] == [(STAGES, "agent-a")]


def test_the_watch_names_both_agents_with_its_first_word(server: OwnServer, tmp_path: Path) -> None:
    deployed = deploy(tmp_path / "repo", INCIDENT)
    place = say_deployed(deployed)

    with (
        open_log(place.home) as log,
        open_tracing(place, log) as tracing,
        hanging(server, deployed, tmp_path, "tag", tracing) as watched,
    ):
        told = watched.until_opened(IncidentKind.SELF_DEADLOCK)

    assert [side(told, role).attribution.origins[0].agent for role in (Role.HOLDER, Role.WAITER)] == [
        "agent-a", "agent-b",
    ]  # fmt: skip
