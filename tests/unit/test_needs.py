"""What may need a person: each way in which the record shows it, and its twin that does not."""

from __future__ import annotations

import shlex
from pathlib import Path

import msgspec
import pytest

from reviewworld import HOUR, World, point, sha
from watchkeeper.cli.main import watchkeeper
from watchkeeper.controlroom.scope import Scope
from watchkeeper.fleet.config import FleetSection
from watchkeeper.model.agents import Channel, Heed, Notice, NoticeId, Session, SessionId
from watchkeeper.model.attention import (
    ChannelBack,
    ChannelDied,
    Matter,
    MatterAcknowledged,
    MatterKind,
    MessageAsked,
    Urgency,
)
from watchkeeper.model.conflicts import Severity
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.events import (
    CloseReason,
    ConflictClosed,
    NoticeDelivered,
    NoticeQueued,
    NoticeSettled,
    SessionBegan,
    WatchStarted,
    WatchStopped,
)
from watchkeeper.model.fleet import (
    Budget,
    Choice,
    Dispatch,
    DispatchDecided,
    Effect,
    EngagementNudged,
    EngagementSpent,
    Fault,
    Push,
    Spend,
    Stage,
)
from watchkeeper.model.hosts import Host, HostJoined, HostLost, HostToken
from watchkeeper.model.ids import ChangeId, Millis
from watchkeeper.model.incidents import (
    DatabaseSeen,
    DatabaseUnseen,
    EndReason,
    Incident,
    IncidentEnded,
    IncidentId,
    IncidentKind,
    IncidentOpened,
)
from watchkeeper.model.landing import (
    Bounce,
    EntryBounced,
    EntryHeld,
    EntryReleased,
    Halt,
    QueueHalted,
    QueueResumed,
    TargetMoved,
)
from watchkeeper.model.probing import Outcome
from watchkeeper.model.review import ChangeReviewed, Day, DecisionJudged, DecisionKind, DecisionVerdict, RolloverFailed
from watchkeeper.review.needs import find_matters, find_open


def only(world: World, kind: MatterKind) -> Matter:
    found = world.matters(kind)
    assert len(found) == 1, [each.title for each in found]
    return found[0]


def incident(kind: IncidentKind = IncidentKind.SELF_DEADLOCK, stuck: int = 2) -> Incident:
    at = Millis(0)
    return Incident(IncidentId("i-1"), "f", kind, "shop", "two updates wait for each other", at, at, (), stuck=stuck)


def test_a_quiet_fleet_needs_nobody() -> None:
    world = World("shop")
    world.land("shop", "fine")
    assert find_open(world.look(), world.matters()) == ()


# -- conflicts and incidents -------------------------------------------------------------------------------------------


def test_a_proved_conflict_that_its_agents_left_open_asks_again_and_again() -> None:
    world = World("shop")
    conflict = world.conflict("shop", "a", "b")
    world.prove("shop", conflict)
    before = only(world, MatterKind.CONFLICT)
    session, notice = SessionId("ada-1"), NoticeId("n-1")
    world.record("shop", SessionBegan(Session(session, "ada", "v", "/w", ChangeId("a"))))
    world.record("shop", NoticeQueued(Notice(notice, session, Severity.BLOCKING, "text", conflict)))
    world.record("shop", NoticeDelivered(notice, Channel.HOOK), NoticeSettled(notice, Heed.UNANSWERED, "it ended"))
    after = only(world, MatterKind.CONFLICT)
    assert (before.urgency, after.urgency) == (Urgency.TODAY, Urgency.NAG)
    assert after.fingerprint == before.fingerprint
    assert after.weight > before.weight


@pytest.mark.parametrize("outcome", [Outcome.CLEARED, Outcome.NOT_DISPROVED])
def test_a_suspicion_that_no_run_proved_asks_nobody(outcome: Outcome) -> None:
    world = World("shop")
    world.prove("shop", world.conflict("shop", "a", "b"), outcome)
    assert world.matters(MatterKind.CONFLICT) == ()


def test_two_landed_changes_with_a_proved_conflict_are_one_matter_that_outweighs_the_live_one() -> None:
    world = World("shop", "blog")
    proved = world.conflict("shop", "a", "b")
    world.prove("shop", proved)
    world.push("shop", "a")
    world.push("shop", "b")
    world.record("shop", ConflictClosed(proved, CloseReason.LANDED))
    live = world.conflict("blog", "c", "d")
    world.prove("blog", live)
    first, second = world.matters(MatterKind.CONFLICT)
    assert (first.about, second.about) == (proved, live)
    assert "target branch" in first.reason


def test_a_conflict_that_was_resolved_before_its_sides_landed_is_over() -> None:
    world = World("shop")
    conflict = world.conflict("shop", "a", "b")
    world.prove("shop", conflict)
    world.record("shop", ConflictClosed(conflict, CloseReason.RESOLVED))
    world.land("shop", "a")
    world.land("shop", "b")
    assert world.matters(MatterKind.CONFLICT) == ()


def test_an_incident_is_urgent_while_it_is_open_and_silences_the_conflict_that_foretold_it() -> None:
    world = World("shop")
    conflict = world.conflict("shop", "a", "b")
    world.prove("shop", conflict)
    world.record("shop", IncidentOpened(msgspec.structs.replace(incident(), conflict=conflict)))
    found = only(world, MatterKind.INCIDENT)
    assert found.urgency is Urgency.URGENT
    assert only(world, MatterKind.CONFLICT).parent == found.fingerprint
    world.record("shop", IncidentEnded(found.about, EndReason.RESOLVED, 3))  # type: ignore[arg-type]
    assert world.matters(MatterKind.INCIDENT) == ()
    assert only(world, MatterKind.CONFLICT).parent == ""


def test_an_incident_weighs_more_when_more_wait() -> None:
    world = World("shop")
    world.record("shop", IncidentOpened(incident(IncidentKind.LOCK_WAIT, stuck=1)))
    before = only(world, MatterKind.INCIDENT)
    world.record("shop", IncidentOpened(incident(IncidentKind.LOCK_WAIT, stuck=4)))
    after = only(world, MatterKind.INCIDENT)
    assert after.weight > before.weight
    assert (before.urgency, after.urgency) == (Urgency.NAG, Urgency.URGENT)


def test_a_database_that_is_not_seen_is_told_until_it_is() -> None:
    world = World("shop")
    world.record("shop", DatabaseUnseen("main", "connection refused"))
    assert only(world, MatterKind.DATABASE).urgency is Urgency.NAG
    world.record("shop", DatabaseSeen("main"))
    assert world.matters(MatterKind.DATABASE) == ()


# -- landed changes and decisions --------------------------------------------------------------------------------------


def test_a_leaked_key_is_urgent_until_somebody_has_read_the_change() -> None:
    world = World("shop")
    commit = world.land("shop", "a", points=(point("secrets", 40, "settings.py has a key"),))
    assert only(world, MatterKind.RISK).urgency is Urgency.URGENT
    world.record("shop", ChangeReviewed(commit, "me"))
    assert world.matters(MatterKind.RISK) == ()


@pytest.mark.parametrize(
    "dangerous",
    [
        {"points": (point("auth", 28, "views.py no longer checks is_owner"),)},
        {"points": (point("assertion-removed", 13, "test_total asserts nothing"),)},
        {"points": (point("rewrite", 18, "core.py is rewritten"),), "tests_added": 0, "lines_added": 200},
        {"writes": (), "code_files": 1, "issue": "shop#1", "tests_added": 0, "lines_added": 2},
        {"could_not": ("what it changes: the commit is gone",), "files": 0, "writes": ()},
    ],
)
def test_a_dangerous_change_should_be_read_today(dangerous: dict[str, object]) -> None:
    world = World("shop")
    world.land("shop", "a", **dangerous)  # type: ignore[arg-type]
    assert only(world, MatterKind.RISK).urgency is Urgency.TODAY


@pytest.mark.parametrize(
    "harmless",
    [
        {"points": (point("auth", 8, "views.py alters login, by its name"),)},
        {"points": (point("test-deleted", 3, "a test of what is gone is gone"),)},
        {"points": (point("rewrite", 8, "core.py is rewritten"),), "tests_added": 4, "lines_added": 200},
        {"points": (point("size", 15, "400 lines"),), "lines_added": 400, "tests_added": 9},
        {"writes": (), "code_files": 0, "issue": "shop#1", "tests_added": 0, "lines_added": 2},
        {"writes": (), "code_files": 1, "files": 2, "issue": "shop#1", "tests_added": 0, "lines_added": 2},
        {"writes": (), "code_files": 1, "tests_added": 0, "lines_added": 2},
    ],
)
def test_what_only_sounds_dangerous_asks_nobody(harmless: dict[str, object]) -> None:
    world = World("shop")
    world.land("shop", "a", **harmless)  # type: ignore[arg-type]
    assert world.matters(MatterKind.RISK) == ()


def test_landed_migrations_of_one_parent_clash_and_a_chain_does_not() -> None:
    world = World("shop")
    world.land("shop", "a", resources=("migration:app after 0007",))
    world.land("shop", "b", resources=("migration:app after 0008",))
    assert world.matters(MatterKind.CONFLICT) == ()
    world.land("shop", "c", resources=("migration:app after 0008",))
    assert "same parent" in only(world, MatterKind.CONFLICT).title


def test_decisions_about_one_subject_contradict_each_other_across_projects() -> None:
    world = World("shop", "blog")
    world.decide("shop", "env:CACHE_TTL", "60", DecisionKind.ENVIRONMENT)
    assert all("contradict" not in each.title for each in world.matters(MatterKind.DECISION))
    second = world.decide("blog", "env:CACHE_TTL", "3600", DecisionKind.ENVIRONMENT)
    first = world.matters(MatterKind.DECISION)[0]
    assert "contradict" in first.title
    assert first.urgency is Urgency.TODAY
    world.record("blog", DecisionJudged(second, DecisionVerdict.ACCEPTED))
    assert any("contradict" in each.title for each in world.matters(MatterKind.DECISION))


def test_the_same_choice_twice_and_a_default_of_two_projects_do_not_contradict() -> None:
    world = World("shop", "blog")
    for project in ("shop", "blog"):
        world.decide(project, "httpx", "httpx 0.27", DecisionKind.DEPENDENCY)
    world.decide("shop", "default:app.py:f:limit", "3", DecisionKind.DEFAULT)
    world.decide("blog", "default:app.py:f:limit", "5", DecisionKind.DEFAULT)
    assert [each.urgency for each in world.matters(MatterKind.DECISION)] == [Urgency.FYI, Urgency.FYI]


def test_what_an_issue_asked_for_is_no_decision_for_a_person() -> None:
    world = World("shop")
    world.decide("shop", "auth:views.py", "is_owner", DecisionKind.AUTH, asked_for=True)
    assert world.matters(MatterKind.DECISION) == ()
    world.decide("shop", "auth:api.py", "is_owner", DecisionKind.AUTH)
    assert only(world, MatterKind.DECISION).urgency is Urgency.TODAY


# -- the queue ---------------------------------------------------------------------------------------------------------


def test_a_red_branch_is_urgent_and_silences_its_entries() -> None:
    world = World("shop")
    entry = world.queue("shop", "a")
    world.record("shop", EntryHeld(entry.id, "its risk is 80", risk=80))
    assert only(world, MatterKind.ENTRY).parent == ""
    world.record("shop", QueueHalted(Halt.RED, "test_pay fails on main"))
    red = only(world, MatterKind.QUEUE)
    assert red.urgency is Urgency.URGENT
    assert only(world, MatterKind.ENTRY).parent == red.fingerprint
    world.record("shop", QueueResumed())
    assert world.matters(MatterKind.QUEUE) == ()


def test_a_queue_that_a_person_halted_is_good_to_know_and_one_that_cannot_run_nags() -> None:
    world = World("shop")
    world.record("shop", QueueHalted(Halt.PERSON, "release"))
    assert only(world, MatterKind.QUEUE).urgency is Urgency.FYI
    world.record("shop", QueueResumed(), QueueHalted(Halt.CANNOT_RUN, "no interpreter"))
    assert only(world, MatterKind.QUEUE).urgency is Urgency.NAG


def test_a_held_entry_waits_for_a_person_until_it_is_released() -> None:
    world = World("shop")
    entry = world.queue("shop", "a")
    world.record("shop", EntryHeld(entry.id, "its risk is 80", risk=80))
    held = only(world, MatterKind.ENTRY)
    assert held.step is not None
    assert held.step.command == "watchkeeper release a/1 --repo /fleet/shop"
    assert held.page == "/queue/a%2F1"
    world.record("shop", EntryReleased(entry.id))
    assert world.matters(MatterKind.ENTRY) == ()


def test_what_came_back_needs_somebody_only_while_nobody_works_on_it() -> None:
    world = World("shop")
    issue = world.issue("shop", "do it")
    engagement = world.engage(issue, branch="a")
    entry = world.queue("shop", "a", issue=issue)
    world.record("shop", EntryBounced(entry.id, Bounce.SET, "test_pay fails", evidence=("test_pay",)))
    assert world.matters(MatterKind.ENTRY) == ()
    world.end("shop", engagement, Stage.DONE, effect=Effect(sha("x"), 1, "passed"))
    assert "nobody works on it" in only(world, MatterKind.ENTRY).title


def test_a_rewritten_branch_is_told_and_a_moved_one_is_not() -> None:
    world = World("shop")
    world.push("shop", "a")
    assert world.matters(MatterKind.QUEUE) == ()
    world.record("shop", TargetMoved(sha("old"), sha("new"), sha("t")))
    assert "rewritten" in only(world, MatterKind.QUEUE).title


# -- work --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stage", "fault", "effect"),
    [
        (Stage.DONE, None, None),
        (Stage.DONE, None, Effect()),
        (Stage.DONE, None, Effect(sha("x"))),
        (Stage.FAILED, Fault.NO_EFFECT, None),
    ],
)
def test_a_run_that_wrote_nothing_is_no_success(stage: Stage, fault: Fault | None, effect: Effect | None) -> None:
    world = World("shop")
    engagement = world.engage(world.issue("shop", "do it"))
    world.end("shop", engagement, stage, fault=fault, effect=effect)
    found = only(world, MatterKind.ENGAGEMENT)
    assert "wrote nothing" in found.title
    assert found.urgency is Urgency.TODAY


@pytest.mark.parametrize("effect", [Effect(sha("x"), 2, "12 passed"), Effect(reason="it works already, see test_a")])
def test_a_run_with_an_effect_or_a_reason_is_one(effect: Effect) -> None:
    world = World("shop")
    engagement = world.engage(world.issue("shop", "do it"))
    world.end("shop", engagement, Stage.DONE, effect=effect)
    assert world.matters(MatterKind.ENGAGEMENT) == ()


def test_an_issue_that_was_tried_too_often_is_one_matter_of_its_last_try() -> None:
    world = World("shop", fleet=FleetSection(max_attempts=2))
    issue = world.issue("shop", "do it")
    first = world.engage(issue)
    world.end("shop", first, Stage.FAILED, reason="test_a fails", fault=Fault.TESTS_FAIL)
    assert only(world, MatterKind.ENGAGEMENT).urgency is Urgency.FYI
    second = world.engage(issue, attempt=2)
    world.end("shop", second, Stage.FAILED, reason="test_a fails", fault=Fault.TESTS_FAIL)
    world.record("shop", DispatchDecided(Dispatch(Choice.HOLD, "it was tried 2 times; a person has to look", issue)))
    found = only(world, MatterKind.ENGAGEMENT)
    assert (found.about, found.urgency) == (second, Urgency.TODAY)
    assert world.matters(MatterKind.ISSUE) == ()


def test_an_agent_that_was_spoken_to_is_stuck_and_one_at_work_is_not() -> None:
    world = World("shop")
    engagement = world.engage(world.issue("shop", "do it"))
    assert world.matters(MatterKind.ENGAGEMENT) == ()
    world.record("shop", EngagementNudged(engagement, Push.SPOKEN, "nothing was seen for 10 min"))
    assert "stuck" in only(world, MatterKind.ENGAGEMENT).title


def test_two_issues_that_fail_in_setup_are_one_matter_of_the_project() -> None:
    world = World("shop")
    for title in ("one", "two"):
        engagement = world.engage(world.issue("shop", title))
        world.end("shop", engagement, Stage.FAILED, reason="npm ci fails", fault=Fault.SETUP)
    project = only(world, MatterKind.PROJECT)
    assert project.urgency is Urgency.NAG
    assert {each.parent for each in world.matters(MatterKind.ENGAGEMENT)} == {project.fingerprint}


def test_an_issue_on_hold_waits_for_a_person_and_a_blocked_one_for_another() -> None:
    world = World("shop")
    held, blocked = world.issue("shop", "one"), world.issue("shop", "two")
    world.record("shop", DispatchDecided(Dispatch(Choice.BLOCK, f"it depends on {held}", blocked)))
    assert world.matters(MatterKind.ISSUE) == ()
    world.record("shop", DispatchDecided(Dispatch(Choice.HOLD, "labelled needs-person", held)))
    assert only(world, MatterKind.ISSUE).about == held


# -- the fleet ---------------------------------------------------------------------------------------------------------


def test_a_budget_is_told_when_it_is_nearly_used_and_weighs_more_when_it_is_used_up() -> None:
    world = World("shop", fleet=FleetSection(budget=Budget(money=10)))
    engagement = world.engage(world.issue("shop", "do it"))
    world.record("shop", EngagementSpent(engagement, Spend(money=5)))
    assert world.matters(MatterKind.BUDGET) == ()
    world.record("shop", EngagementSpent(engagement, Spend(money=9)))
    before = only(world, MatterKind.BUDGET)
    world.record("shop", EngagementSpent(engagement, Spend(money=11)))
    after = only(world, MatterKind.BUDGET)
    assert (before.urgency, after.urgency) == (Urgency.FYI, Urgency.TODAY)
    assert (after.fingerprint, after.weight > before.weight) == (before.fingerprint, True)


def test_a_lost_host_is_told_until_it_is_back() -> None:
    world = World("shop")
    for run in ("one/1", "two/1"):
        world.record("", HostJoined(Host(HostToken(run), run.partition("/")[0], 1, Millis(0), "b")))
    world.record("", HostLost(HostToken("two/1"), HostToken("one/1")))
    assert "two" in only(world, MatterKind.HOST).title
    world.record("", HostJoined(Host(HostToken("two/2"), "two", 2, Millis(0), "b")))
    assert world.matters(MatterKind.HOST) == ()


def test_a_project_that_cannot_be_worked_on_and_a_watch_that_ended_are_told() -> None:
    world = World("shop")
    problem = WatchkeeperError("/fleet/x is no repository", slug="not-a-repository", hint="git init")
    scope = world.scope._replace(problems={"x": problem})
    world.scope = Scope(*scope)
    assert only(world, MatterKind.PROJECT).project == "x"
    world.scope = Scope(*scope._replace(problems={}))
    world.engage(world.issue("shop", "do it"))
    world.record("shop", WatchStarted("1", "main"))
    assert world.matters(MatterKind.PROJECT) == ()
    world.record("shop", WatchStopped())
    assert "nobody watches" in only(world, MatterKind.PROJECT).title


def test_a_day_without_a_log_a_dead_channel_and_what_somebody_asked_are_told() -> None:
    world = World("shop")
    world.record("shop", RolloverFailed(Day("2026-01-01"), "it is empty, and says not why"))
    world.record("", ChannelDied("discord", "404"))
    world.record("shop", MessageAsked("k", Urgency.URGENT, "look <b>now</b>\nplease", by="ada-1"))
    kinds = {each.kind: each for each in world.matters()}
    assert set(kinds) == {MatterKind.ROLLOVER, MatterKind.CHANNEL, MatterKind.ASKED}
    assert kinds[MatterKind.ASKED].title == "look <b>now</b> please"
    assert kinds[MatterKind.ASKED].urgency is Urgency.URGENT
    world.record("", ChannelBack("discord"))
    world.record("shop", MessageAsked("k", Urgency.URGENT, "", is_over=True))
    assert [each.kind for each in world.matters()] == [MatterKind.ROLLOVER]


def test_what_is_scheduled_asks_when_it_is_due() -> None:
    world = World("shop")
    world.record("shop", MessageAsked("k", Urgency.SCHEDULED, "renew it", due=Millis(world.now + HOUR)))
    assert find_open(world.look(), world.matters()) == ()
    world.now = Millis(world.now + 2 * HOUR)
    assert len(find_open(world.look(), world.matters())) == 1


# -- all of them -------------------------------------------------------------------------------------------------------


def test_what_is_acknowledged_is_not_open_until_it_weighs_more() -> None:
    world = World("shop")
    world.record("shop", IncidentOpened(incident(IncidentKind.LOCK_WAIT, stuck=1)))
    matter = only(world, MatterKind.INCIDENT)
    world.record("", MatterAcknowledged(matter.fingerprint, matter.weight, "me"))
    assert find_open(world.look(), world.matters()) == ()
    world.record("shop", IncidentOpened(incident(IncidentKind.LOCK_WAIT, stuck=9)))
    assert len(find_open(world.look(), world.matters())) == 1


def everything() -> World:
    """A fleet with a matter of nearly every kind, and words that want to act."""
    world = World("shop", "blog", fleet=FleetSection(budget=Budget(money=1)))
    nasty = "fix\x1b[31m\n# <script>\u202e" + "x" * 500
    world.prove("shop", world.conflict("shop", "a", "b", summary=nasty))
    world.record("shop", IncidentOpened(incident()))
    world.record("shop", DatabaseUnseen(nasty, nasty))
    world.land("shop", "leak; rm -rf /", title=nasty, points=(point("secrets", 40, nasty),))
    for name in ("m1", "m2"):
        world.land("shop", name, resources=("migration:app after 0007",))
    world.decide("shop", "env:TTL", nasty, DecisionKind.ENVIRONMENT)
    world.decide("blog", "env:TTL", "2", DecisionKind.ENVIRONMENT)
    world.decide("blog", "auth:x", nasty, DecisionKind.AUTH)
    entry = world.queue("blog", "held $(reboot)")
    world.record("blog", EntryHeld(entry.id, nasty))
    back = world.queue("blog", "back")
    world.record("blog", EntryBounced(back.id, Bounce.ALONE, nasty))
    world.record("blog", QueueHalted(Halt.BLOCKED, nasty))
    engagement = world.engage(world.issue("shop", nasty), title=nasty)
    world.record("shop", EngagementSpent(engagement, Spend(money=2)))
    world.end("shop", engagement, Stage.DONE)
    world.record("shop", DispatchDecided(Dispatch(Choice.HOLD, nasty, world.issue("shop", nasty))))
    world.record("shop", RolloverFailed(Day("2026-01-01"), nasty))
    world.record("", ChannelDied(nasty, nasty), HostJoined(Host(HostToken("h/1"), "h", 1, Millis(0), "b")))
    world.record("", HostLost(HostToken("h/1"), HostToken("o/1")))
    world.record("shop", MessageAsked("k", Urgency.NAG, nasty, nasty, nasty))
    return world


def test_every_matter_has_a_short_printable_sentence_one_step_a_page_and_a_fingerprint_of_its_own() -> None:
    found = everything().matters()
    assert len({each.kind for each in found}) >= 12
    assert len({each.fingerprint for each in found}) == len(found)
    for each in found:
        assert len(each.title.encode()) <= 200
        assert each.title.isprintable()
        assert each.reason.isprintable()
        assert each.page.startswith("/")
        assert each.step is not None
        assert each.step.label


def test_every_step_is_a_command_that_exists() -> None:
    """As the shell would split it: verbs and options are there, and nothing that others wrote is a word of its own."""
    for each in everything().matters():
        assert each.step is not None
        program, verb, *words = shlex.split(each.step.command)
        assert program == "watchkeeper"
        if verb in {"decisions", "worklog", "notify"}:  # verbs of their own
            continue
        context = watchkeeper.make_context("watchkeeper", [])  # a verb keeps the words of the first one for its help
        command = watchkeeper.get_command(context, verb)
        assert command is not None, each.step.command
        command.make_context(verb, words, parent=context)


def test_matters_are_ordered_by_urgency_then_weight_and_are_the_same_each_time() -> None:
    world = everything()
    found = world.matters()
    ranks = [(-each.urgency.rank, -each.weight) for each in found if each.urgency is not Urgency.SCHEDULED]
    assert ranks == sorted(ranks)
    assert find_matters(world.look(), world.scope) == found


def test_without_a_fleet_the_commands_are_those_of_the_repository_here() -> None:
    world = World("shop")
    world.conflict("shop", "a", "b", Severity.BLOCKING)
    source = world.scope.projects[0]._replace(entry=None)
    scope = Scope((source,), Path("/state"), world.scope.zone)
    project = world.look().projects["shop"]._replace(source=source)
    picture = world.look()._replace(projects={"shop": project})
    (matter,) = find_matters(picture, scope)
    assert matter.step is not None
    assert matter.step.command == f"watchkeeper conflicts {matter.about}"
