"""What every event log promises, on every engine."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from watchkeeper.model.agents import Channel, Heed, Lease, Notice, NoticeId, Session, SessionId
from watchkeeper.model.attention import (
    ChannelBack,
    ChannelDied,
    Delivery,
    MatterAcknowledged,
    MatterSnoozed,
    MessageAsked,
    MessageFailed,
    MessageIntended,
    MessageSent,
    PersonActed,
    Urgency,
)
from watchkeeper.model.changes import Change, Source
from watchkeeper.model.conflicts import Conflict, Evidence, Kind, Severity
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.events import (
    ChangeAppeared,
    ChangeGone,
    ChangeLanded,
    ChangeMoved,
    CloseReason,
    ConflictChanged,
    ConflictClosed,
    ConflictDismissed,
    ConflictOpened,
    ConflictProbed,
    DecisionRecorded,
    Event,
    FileUnreadable,
    GateClosed,
    IntentDeclared,
    LeaseReleased,
    LeaseTaken,
    NoticeDelivered,
    NoticeQueued,
    NoticeSettled,
    Opaque,
    RuleDemoted,
    RuleRestored,
    SessionBegan,
    SessionEnded,
    SessionForged,
    WatchStarted,
    WatchStopped,
)
from watchkeeper.model.findings import Finding
from watchkeeper.model.fleet import (
    RESOLVES_ISSUE,
    Budget,
    Choice,
    Closing,
    Dispatch,
    DispatchDecided,
    DispatchOverruled,
    Document,
    Effect,
    Engagement,
    EngagementHeard,
    EngagementId,
    EngagementMoved,
    EngagementNudged,
    EngagementSealed,
    EngagementSnapped,
    EngagementSpent,
    EngagementWarned,
    Fault,
    Issue,
    IssueClosed,
    IssueCommented,
    IssueEdited,
    IssueFiled,
    IssueId,
    IssueReopened,
    Push,
    Seal,
    Spend,
    Stage,
)
from watchkeeper.model.footprint import Confidence
from watchkeeper.model.hosts import Host, HostJoined, HostLeft, HostLost, HostToken, LeaderChosen
from watchkeeper.model.ids import ChangeId, ConflictId, Millis, ProjectId, Seq, Sha, SymbolKey
from watchkeeper.model.incidents import (
    Attribution,
    DatabaseSeen,
    DatabaseUnseen,
    Edge,
    EndReason,
    Incident,
    IncidentChanged,
    IncidentEnded,
    IncidentId,
    IncidentKind,
    IncidentOpened,
    Origin,
    Party,
    RevisionDeployed,
    Role,
    Tag,
    Tier,
)
from watchkeeper.model.landing import (
    Bounce,
    Candidate,
    CandidateBuilt,
    CandidateClashed,
    ConflictSet,
    CulpritFound,
    DiagnosisEnded,
    DiagnosisId,
    Entry,
    EntryBounced,
    EntryHeld,
    EntryId,
    EntryMoved,
    EntryQueued,
    EntryReleased,
    EntryWithdrawn,
    GateSet,
    Halt,
    LandingDone,
    LandingEvent,
    LandingIntended,
    LandingVoid,
    LanesHalted,
    LanesResumed,
    MonotonicityBroken,
    Purpose,
    QueueHalted,
    QueueResumed,
    RevertFailed,
    RevertPrepared,
    RunBegan,
    RunEnded,
    RunId,
    SegmentQuarantined,
    SetConfirmed,
    TargetMoved,
    Vanished,
    Verdict,
)
from watchkeeper.model.probing import Outcome, Proof
from watchkeeper.model.review import (
    ChangeFoundWrong,
    ChangeReviewed,
    ChangeSurveyed,
    Claim,
    CommitRef,
    Day,
    DayClosed,
    Decision,
    DecisionFound,
    DecisionId,
    DecisionJudged,
    DecisionKind,
    DecisionVerdict,
    EventRef,
    ReportRef,
    RolloverFailed,
    RunRef,
    SurveyPoint,
    WatchMeasured,
    WorkLog,
    WrongHow,
)
from watchkeeper.model.scouting import (
    CensusTaken,
    Checked,
    ContradictionFound,
    ContradictionJudged,
    ExemptionEnded,
    ExemptionGranted,
    FindingBack,
    FindingFiled,
    FindingFound,
    FindingGone,
    FindingId,
    FindingJudged,
    FindingTried,
    KindAssigned,
    KindId,
    LookState,
    ScoutFinding,
    ScoutLooked,
    Standard,
    StandardCheck,
    StandardId,
    StandardMoved,
    StandardState,
    StandardWritten,
    Violation,
)
from watchkeeper.model.scouting import RunId as ScoutRunId
from watchkeeper.model.scouting import Verdict as FindingVerdict
from watchkeeper.record.codec import KINDS, LANDING_KINDS
from watchkeeper.record.log import Log
from watchkeeper.record.shelf import Shelf
from watchkeeper.record.store import Store, open_file_store, open_url_store

OpenStore = Callable[[], Store]

ONE, OTHER = ProjectId("one"), ProjectId("other")
NOON = Millis(1_700_000_000_000)
A = Change(
    ChangeId("agent-a"), Source.WORKTREE, "agent-a", Sha("1" * 40), Sha("2" * 40), "/w/a", "agent-a", "Ada", NOON
)
CLASH = Conflict(
    id=ConflictId("c-12345678"),
    kind=Kind.WRITE_WRITE,
    rule="write-write",
    severity=Severity.MAJOR,
    confidence=Confidence.SURE,
    changes=(ChangeId("agent-a"), ChangeId("agent-b")),
    subjects=("engine.stages:update_stage_field",),
    summary="both change update_stage_field",
    why="both write to content.status",
    evidence=(Evidence(ChangeId("agent-a"), "engine/stages.py", 12, "mirror.execute(sql)"),),
    next_step="tell agent-b",
    fingerprint="12345678",
    weight=3,
)
PROOF = Proof(
    changes=CLASH.changes,
    trees=(Sha("3" * 40), Sha("4" * 40)),
    merged=Sha("5" * 40),
    outcome=Outcome.PROVED,
    findings=(
        Finding(
            "locks", "nested-lock", "engine/stages.py", "update_stage_field content", "nested lock: would hang", 12,
            "mirror.execute(sql)", (SymbolKey("engine/stages.py", "update_stage_field"),),
        ),
    ),
    by=("locks",),
    wall_ms=40,
    conflicts=(CLASH.id,),
)  # fmt: skip
CODEX = Session(SessionId("codex-1"), "codex", "abc", "/w/a", A.id, True, 7, NOON, "#12")
ENTRY = Entry(EntryId("fix-login/2"), ChangeId("fix-login"), Sha("1" * 40), Sha("2" * 40), "fix the login", "ada")
CANDIDATE = Candidate(Sha("2" * 40), (ENTRY.id,))
SET = ConflictSet((EntryId("other/1"), ENTRY.id), ("tests/test_login.py::test_it",), Sha("2" * 40))
LANDING: tuple[LandingEvent, ...] = (
    GateSet("gate"),
    TargetMoved(None, Sha("2" * 40), Sha("3" * 40)),
    EntryQueued(ENTRY, (Vanished(EntryId("other/1"), "login.py", "check()"),)),
    EntryHeld(ENTRY.id, "it touches auth/", "watchkeeper"),
    EntryReleased(ENTRY.id, "ada"),
    EntryMoved(ENTRY.id, 1, "ada"),
    CandidateBuilt(CANDIDATE, Sha("4" * 40)),
    CandidateClashed(CANDIDATE, ("login.py",), "both changed it"),
    RunBegan(RunId("r1"), CANDIDATE, Sha("4" * 40), Purpose.LAND, "gate"),
    RunEnded(RunId("r1"), Verdict.FAILED, ("tests/test_login.py::test_it",), wall_ms=1200),
    SegmentQuarantined(DiagnosisId("d9"), Sha("2" * 40), (ENTRY.id,), ("tests/test_login.py::test_it",)),
    CulpritFound(DiagnosisId("d9"), ENTRY.id),
    SetConfirmed(DiagnosisId("d9"), SET),
    DiagnosisEnded(DiagnosisId("d9"), "named"),
    MonotonicityBroken(CANDIDATE, Candidate(Sha("2" * 40), (ENTRY.id, EntryId("other/1"))), ("t",)),
    EntryBounced(ENTRY.id, Bounce.SET, "with other/1 it breaks it", (EntryId("other/1"),), ("t",)),
    EntryWithdrawn(ENTRY.id, "a newer revision came"),
    LandingIntended((ENTRY.id,), Sha("2" * 40), Sha("5" * 40), Sha("4" * 40), "gate"),
    LandingDone(Sha("5" * 40)),
    LandingVoid(Sha("5" * 40), "somebody else was first"),
    QueueHalted(Halt.RED, "the target branch fails"),
    QueueResumed("ada"),
    LanesHalted(("tests/test_a.py::test_one",), (EntryId("topic/1"), EntryId("other/1"))),
    LanesResumed(("tests/test_a.py::test_one",)),
    RevertPrepared(ENTRY.id, Sha("5" * 40), Sha("6" * 40)),
    RevertFailed(ENTRY.id, "later work stands on it"),
)
NOTICE = Notice(NoticeId("n-12345678"), CODEX.id, Severity.MAJOR, "Watchkeeper: \u00abquoted\u00bb", CLASH.id)
ISSUE = Issue(IssueId("shop#12"), "prices are wrong", "on Mondays", ("bug",), depends_on=(IssueId("shop#3"),))
SEAL = Seal(Sha("a" * 40), (Document("issue", "shop#12", "d" * 64, Sha("c" * 40)),), Budget(minutes=30), "e" * 64)
ENGAGEMENT = Engagement(EngagementId("e-12345678"), RESOLVES_ISSUE, ISSUE.id, "codex", SEAL, branch="agent/shop-12")
HOST = Host(HostToken("a/1"), "a", 7, NOON, "boot", "/run/a.sock")

HANG = Incident(
    id=IncidentId("i-0badcafe"),
    fingerprint="0badcafe" * 8,
    kind=IncidentKind.SELF_DEADLOCK,
    database="production",
    summary="update_stage_field waits for itself",
    since=NOON,
    seen=NOON,
    parties=(
        Party(21741, Role.HOLDER, "idle in transaction", attribution=Attribution(Tier.TAG, (Origin("a.py", 3),))),
        Party(21742, Role.WAITER, "active", tag=Tag(symbol="update_stage_field", process=7)),
    ),
    edges=(Edge(21742, 21741, "content"), Edge(21741, 21742, in_application=True)),
    advice=("set lock_timeout",),
)
DECISION = Decision(DecisionId("d-12345678"), DecisionKind.DEPENDENCY, "requests is new", "requests 2.32", "diff")
CLAIM = Claim(
    "k1",
    "2 issues were closed",
    (
        EventRef(ProjectId("p"), (Seq(3), Seq(4)), 2),
        CommitRef(ProjectId("p"), Sha("c" * 40), is_landed=True),
        RunRef(ProjectId("p"), "pytest", 0),
        ReportRef(ProjectId("p"), "conflict", "c-1", "open"),
    ),
)
FINDING = ScoutFinding(
    FindingId("f-0123456789ab"), "errors", "tree", "missing-timeout", "api.py", "it may wait for ever"
)
KIND = KindId("missing-timeout")
STANDARD = Standard(
    StandardId("std-missing-timeout"), KIND, "Calls have a timeout", "Give one.",
    StandardCheck("rule", "tree:missing-timeout"), "ada", "add one", (FINDING.id,),
)  # fmt: skip
SCOUTING: tuple[Event, ...] = (
    ScoutLooked(
        ScoutRunId("s-12345678"), "errors", LookState.COULD_NOT_LOOK, Sha("c" * 40), "bandit is missing",
        (Checked("tree", "1", "3 files", "its canary was found"), Checked("bandit", reason="missing")), 2, 1, (KIND,),
    ),
    FindingFound(ScoutRunId("s-12345678"), FINDING),
    FindingTried(FINDING.id, None, "it could not be told", "in-a-test"),
    FindingFiled(FINDING.id, ISSUE.id),
    FindingJudged(FINDING.id, FindingVerdict.FALSE, "it has one", "ada"),
    FindingGone(FINDING.id, Sha("d" * 40)),
    FindingBack(FINDING.id, Sha("e" * 40)),
    KindAssigned(FINDING.id, KIND, "catalogue", 0.7, (KindId("n-plus-one"),), "ada"),
    StandardWritten(STANDARD, "ada"),
    StandardMoved(STANDARD.id, StandardState.ADOPTED, "three projects", "ada"),
    CensusTaken(STANDARD.id, ONE, Sha("c" * 40), 12, (Violation(FINDING.id, "api.py", 3, "get(url)"),), "slow"),
    ExemptionGranted(STANDARD.id, ONE, "api.py", "a probe", NOON, "ada"),
    ExemptionEnded(STANDARD.id, ONE, "api.py", "ada"),
    ContradictionFound("k1", KIND, ONE, Sha("c" * 40), OTHER, FINDING.id, "one adds what the other removes"),
    ContradictionJudged("k1", "the other is right", "ada"),
)  # fmt: skip

EVERY_KIND: tuple[Event, ...] = (
    ChangeAppeared(A),
    ChangeMoved(A),
    ChangeGone(A.id, "removed"),
    ChangeLanded(A),
    ConflictOpened(CLASH),
    ConflictChanged(CLASH),
    ConflictClosed(CLASH.id, CloseReason.RESOLVED),
    ConflictDismissed(CLASH.id, Severity.MAJOR, 3, "ada", "known"),
    ConflictProbed(CLASH.id, PROOF),
    RuleDemoted("stale-read", 3, 20),
    RuleRestored("stale-read", 9, 20),
    FileUnreadable(A.id, "broken.py", "line 3: unexpected indent"),
    SessionBegan(CODEX),
    SessionEnded(CODEX.id, "it said so"),
    SessionForged(CODEX.id, 66, "it belongs to process 7"),
    NoticeQueued(NOTICE),
    NoticeDelivered(NOTICE.id, Channel.HOOK),
    NoticeSettled(NOTICE.id, Heed.HEEDED, "the conflict is closed"),
    IntentDeclared(CODEX.id, ("engine.stages:update_stage_field",), "dual write"),
    DecisionRecorded(CODEX.id, "which table", "content", "it has the index"),
    LeaseTaken(Lease("update_stage_field", "codex-1", NOON, "moving it")),
    LeaseReleased("update_stage_field"),
    GateClosed(CODEX.id, "engine/stages.py", "held by goose-1"),
    *LANDING,
    *SCOUTING,
    WatchStarted("0.1.0", "main"),
    WatchStopped(),
    IssueFiled(ISSUE),
    IssueEdited(ISSUE, "ada"),
    IssueCommented(ISSUE.id, "also on Sundays", "ada"),
    IssueClosed(ISSUE.id, Closing.LANDED, "in abc", "watchkeeper"),
    IssueReopened(ISSUE.id, "it is not", "ada"),
    EngagementSealed(ENGAGEMENT),
    EngagementMoved(ENGAGEMENT.id, Stage.FAILED, "it produced nothing", Fault.NO_EFFECT, Effect(), "1234", "s", "n"),
    EngagementSnapped(ENGAGEMENT.id, Sha("b" * 40), 2, ("big.bin: larger than 100 MB",)),
    EngagementSpent(ENGAGEMENT.id, Spend(1.5, 48_000, 12.0)),
    EngagementNudged(ENGAGEMENT.id, Push.SPOKEN, "nothing happened for 10 min"),
    EngagementWarned(ENGAGEMENT.id, NoticeId("n-12345678"), "you and e-2 write the same"),
    EngagementHeard(ENGAGEMENT.id, NoticeId("n-12345678"), Channel.PROMPT),
    DispatchDecided(Dispatch(Choice.IDLE, "quiet hours until 07:00")),
    DispatchOverruled(ISSUE.id, "ada"),
    HostJoined(HOST),
    HostLeft(HOST.token),
    HostLost(HOST.token, HostToken("b/2"), False, "its counter stood still"),
    LeaderChosen(HOST.token, 3),
    IncidentOpened(HANG),
    IncidentChanged(HANG),
    IncidentEnded(HANG.id, EndReason.BROKEN, 1_000, "deadlock detected"),
    RevisionDeployed("production", Sha("c" * 40), "ada"),
    DatabaseUnseen("production", "connection refused"),
    DatabaseSeen("production", "PostgreSQL 18.6"),
    ChangeSurveyed("shop", Sha("c" * 40), Sha("d" * 40), "Retry payments", points=(SurveyPoint("money", 9, "why"),)),
    DecisionFound(DECISION),
    DecisionJudged(DECISION.id, DecisionVerdict.QUESTIONED, "ada", "why not the old one", IssueId("shop#9")),
    ChangeReviewed(Sha("c" * 40), "ada", "read"),
    ChangeFoundWrong(Sha("c" * 40), WrongHow.REVERT, "double charge", "d" * 40),
    DayClosed(WorkLog("shop", Day("2026-11-26"), NOON, NOON, "UTC", "Nothing shipped.", flags=(CLAIM,), empty="idle")),
    RolloverFailed(Day("2026-11-26"), "the hub cannot be read"),
    WatchMeasured(1_200, 41.5, 180.25),
    MessageAsked("deploy", Urgency.NAG, "Rotate the key", by="codex-1"),
    MatterAcknowledged("ab" * 32, 3, "ada"),
    MatterSnoozed("ab" * 32, NOON, 3, "ada"),
    MessageIntended("t-1", "discord", Delivery.POST, ("ab" * 32,), "digest", 3),
    MessageSent("t-1", "112233"),
    MessageFailed("t-1", "429", NOON),
    ChannelDied("discord", "no answer for 10 minutes"),
    ChannelBack("discord"),
    PersonActed("hold", "fix-login/1", "ada", "web", "operator"),
)


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param("postgresql", marks=[pytest.mark.postgresql, pytest.mark.xdist_group("postgresql")]),
    ]
)
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> OpenStore:
    """Opens the same new record as often as it is called."""
    if request.param == "sqlite":
        return lambda: open_file_store(tmp_path / "home")
    address = request.getfixturevalue("new_database")
    return lambda: open_url_store(address)


@pytest.fixture
def log(open_store: OpenStore) -> Iterator[Log]:
    with Log(open_store()) as opened:
        yield opened


def test_numbers_begin_at_one_and_have_no_gaps_over_all_projects(log: Log) -> None:
    first = log.append(ONE, [WatchStarted("1", "main"), WatchStopped()], NOON)
    second = log.append(OTHER, [WatchStopped()], NOON)

    assert [each.seq for each in (*first, *second)] == [1, 2, 3]
    assert log.last_seq() == 3


def test_what_was_appended_is_read_back_in_order(log: Log) -> None:
    appended = log.append(ONE, EVERY_KIND, NOON)

    assert tuple(log.read(ONE)) == appended
    assert [each.event for each in appended] == list(EVERY_KIND)


def test_the_sample_holds_every_kind_of_event() -> None:
    assert {str(type(event).__struct_config__.tag) for event in EVERY_KIND} == set(KINDS)


def test_appending_nothing_records_nothing(log: Log) -> None:
    assert log.append(ONE, [], NOON) == ()
    assert log.last_seq() == 0


def test_a_batch_that_cannot_be_recorded_leaves_neither_events_nor_a_gap(log: Log) -> None:
    log.append(ONE, [WatchStopped()], NOON)

    with pytest.raises((WatchkeeperError, OverflowError)):
        log.append(ONE, [WatchStopped()], Millis(2**80))

    assert log.append(ONE, [WatchStopped()], NOON)[0].seq == 2
    assert len(list(log.read(ONE))) == 2


def test_reading_takes_only_what_meets_every_condition(log: Log) -> None:
    log.append(ONE, [WatchStarted("1", "main"), ConflictOpened(CLASH)], NOON)
    log.append(OTHER, [ConflictOpened(CLASH)], NOON)
    log.append(ONE, [ConflictClosed(CLASH.id, CloseReason.GONE), ChangeGone(A.id, "removed")], Millis(NOON + 1))

    def seqs(**conditions: object) -> list[int]:
        return [each.seq for each in log.read(ONE, **conditions)]  # type: ignore[arg-type]

    assert seqs() == [1, 2, 4, 5]
    assert [each.seq for each in log.read(None)] == [1, 2, 3, 4, 5]
    assert seqs(after=Seq(2)) == [4, 5]
    assert seqs(limit=2) == [1, 2]
    assert seqs(limit=0) == []
    assert seqs(kinds=("conflict-opened", "change-gone")) == [2, 5]
    assert seqs(since=Millis(NOON + 1)) == [4, 5]
    assert seqs(subject=CLASH.id) == [2, 4]
    assert seqs(subject=A.id, after=Seq(4), kinds=("change-gone",)) == [5]


def test_the_latest_are_the_newest_in_their_order(log: Log) -> None:
    log.append(ONE, EVERY_KIND, NOON)

    assert [each.seq for each in log.latest(ONE, limit=3)] == list(range(len(EVERY_KIND) - 2, len(EVERY_KIND) + 1))
    assert [each.seq for each in log.latest(ONE, limit=1_000)] == list(range(1, len(EVERY_KIND) + 1))
    assert [each.seq for each in log.latest(ONE, limit=1, subject=CLASH.id)] == [9]
    assert log.latest(OTHER, limit=3) == ()


def test_reading_goes_over_as_many_pages_as_there_are(log: Log) -> None:
    log.append(ONE, [WatchStopped()] * 1203, NOON)

    assert [each.seq for each in log.read(ONE)] == list(range(1, 1204))
    assert len(list(log.read(ONE, limit=1001))) == 1001


def test_what_is_appended_while_reading_neither_waits_nor_is_lost(log: Log) -> None:
    log.append(ONE, [WatchStopped()] * 600, NOON)
    reader = log.read(ONE)
    next(reader)

    log.append(ONE, [WatchStarted("1", "main")], NOON)

    assert [each.seq for each in reader][-1] == 601


def test_any_text_survives_also_what_is_no_unicode(log: Log) -> None:
    for text in ("naïve 文 🚢", "undecodable \udc80 bytes", "nul \x00 and \x1b[31m", 'quotes " \\ \n'):
        (appended,) = log.append(ONE, [FileUnreadable(ChangeId(text), text, text)], NOON)

        assert list(log.read(ONE, subject=text)) == [appended]


def test_an_event_of_a_newer_version_is_kept_and_shown_as_opaque(open_store: OpenStore) -> None:
    payload = '{"type":"probe-proved","conflict":{"id":"c-1"},"cost":{"seconds":1.5}}'
    with open_store() as store, store.writing() as connection:
        connection.execute(sa.text("UPDATE log_head SET seq = 1"))
        connection.execute(
            sa.text("INSERT INTO events VALUES (1, 5, 'one', 'probe-proved', 'c-1', :payload)"), {"payload": payload}
        )

    with Log(open_store()) as log:
        (found,) = log.read(ONE)
        (again,) = log.append(ONE, [found.event], NOON)

        assert found.event == Opaque("probe-proved", payload)
        assert [each.event for each in log.read(ONE, kinds=("probe-proved",))] == [found.event, again.event]


def test_a_payload_that_cannot_be_read_is_opaque_and_never_a_crash(open_store: OpenStore) -> None:
    payloads = ["", "{", "null", "[]", '{"type":"watch-started"}', "[" * 100_000]
    insert = sa.text("INSERT INTO events VALUES (:seq, 5, 'one', 'watch-started', '', :payload)")
    with open_store() as store, store.writing() as connection:
        for seq, payload in enumerate(payloads, start=1):
            connection.execute(insert, {"seq": seq, "payload": payload})

    with Log(open_store()) as log:
        assert [each.event for each in log.read(ONE)] == [Opaque("watch-started", payload) for payload in payloads]


def test_the_record_is_the_same_when_it_is_opened_again(open_store: OpenStore) -> None:
    with Log(open_store()) as log:
        appended = log.append(ONE, EVERY_KIND, NOON)

    with Log(open_store()) as log:
        assert tuple(log.read(ONE)) == appended
        assert log.append(ONE, [WatchStopped()], NOON)[0].seq == len(EVERY_KIND) + 1


def test_several_writers_get_numbers_without_gaps_and_batches_without_strangers(open_store: OpenStore) -> None:
    """Each opens the record itself, all at once and the first time: making the tables is part of the race."""
    batches: list[tuple[int, ...]] = []
    failures: list[BaseException] = []
    begin = threading.Barrier(4)

    def write(number: int) -> None:
        try:
            begin.wait(timeout=30)
            with Log(open_store()) as log:
                for _ in range(15):
                    recorded = log.append(ProjectId(str(number)), [WatchStopped()] * 3, NOON)
                    batches.append(tuple(each.seq for each in recorded))
        except BaseException as error:  # noqa: BLE001 reported by the assertion below
            failures.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert sorted(itertools.chain(*batches)) == list(range(1, 181))
    assert all(batch == tuple(range(batch[0], batch[0] + 3)) for batch in batches)


def test_a_record_of_a_newer_version_is_refused_and_left_alone(open_store: OpenStore) -> None:
    with open_store() as store, store.writing() as connection:
        connection.execute(sa.text("UPDATE watchkeeper_schema SET version_num = '9999'"))

    with pytest.raises(WatchkeeperError) as raised:
        open_store()

    assert raised.value.slug == "record-newer"
    assert raised.value.facts["schema"] == "9999"


def test_a_transaction_that_is_broken_off_leaves_no_table_behind(open_store: OpenStore) -> None:
    def break_off(store: Store) -> None:
        with store.writing() as connection:
            connection.execute(sa.text("CREATE TABLE half (a INTEGER)"))
            raise ZeroDivisionError

    with open_store() as store:
        with pytest.raises(ZeroDivisionError):
            break_off(store)

        with store.reading() as connection:
            assert "half" not in sa.inspect(connection).get_table_names()


def test_of_two_who_decided_from_the_same_events_only_one_is_recorded(log: Log) -> None:
    (first,) = log.append(ONE, [TargetMoved(None, Sha("2" * 40), Sha("3" * 40))], NOON)

    won = log.append_if(ONE, [LandingDone(Sha("5" * 40))], NOON, kinds=LANDING_KINDS, last=first.seq)
    lost = log.append_if(ONE, [LandingDone(Sha("6" * 40))], NOON, kinds=LANDING_KINDS, last=first.seq)

    assert won is not None
    assert lost is None
    assert [each.event for each in log.read(ONE)] == [first.event, LandingDone(Sha("5" * 40))]


def test_events_of_other_kinds_and_projects_do_not_stand_in_the_way(log: Log) -> None:
    (first,) = log.append(ONE, [TargetMoved(None, Sha("2" * 40), Sha("3" * 40))], NOON)
    log.append(ONE, [WatchStopped()], NOON)
    log.append(OTHER, [LandingDone(Sha("6" * 40))], NOON)

    won = log.append_if(ONE, [LandingDone(Sha("5" * 40))], NOON, kinds=LANDING_KINDS, last=first.seq)

    assert won is not None
    assert [each.seq for each in won] == [4]


def test_decided_everywhere_counts_what_any_project_has_recorded_since(log: Log) -> None:
    (first,) = log.append(ONE, [LandingDone(Sha("4" * 40))], NOON)
    log.append(OTHER, [WatchStopped()], NOON)  # of another kind
    (won,) = (
        log.append_if(ONE, [LandingDone(Sha("5" * 40))], NOON, kinds=LANDING_KINDS, last=first.seq, everywhere=True)
        or ()
    )
    (other,) = log.append(OTHER, [LandingDone(Sha("6" * 40))], NOON)

    lost = log.append_if(ONE, [LandingDone(Sha("7" * 40))], NOON, kinds=LANDING_KINDS, last=won.seq, everywhere=True)
    alone = log.append_if(ONE, [LandingDone(Sha("8" * 40))], NOON, kinds=LANDING_KINDS, last=won.seq)

    assert lost is None
    assert alone is not None
    assert other.seq < alone[0].seq


def test_the_first_of_its_kind_is_expected_after_none(log: Log) -> None:
    log.append(ONE, [WatchStopped()], NOON)

    won = log.append_if(ONE, [LandingDone(Sha("5" * 40))], NOON, kinds=LANDING_KINDS, last=Seq(0))
    lost = log.append_if(ONE, [LandingDone(Sha("5" * 40))], NOON, kinds=LANDING_KINDS, last=Seq(0))

    assert won is not None
    assert lost is None


def test_what_is_kept_is_read_back_by_another_opening_and_the_newest_counts(open_store: OpenStore) -> None:
    with open_store() as store:
        Shelf(store, ONE, "parts").put({"a": b"1", "b": b"\0\xff", "c": b""})
        Shelf(store, ONE, "parts").put({"a": b"2", "b": None, "never there": None})

    with open_store() as store:
        assert Shelf(store, ONE, "parts").read() == {"a": b"2", "c": b""}


def test_shelves_and_projects_keep_apart(open_store: OpenStore) -> None:
    with open_store() as store:
        Shelf(store, ONE, "parts").put({"a": b"1"})
        Shelf(store, ONE, "seen").put({"a": b"2"})
        Shelf(store, OTHER, "parts").put({"a": b"3"})
        Shelf(store, ONE, "seen").put({"a": None})

        assert Shelf(store, ONE, "parts").read() == {"a": b"1"}
        assert Shelf(store, ONE, "seen").read() == {}
        assert Shelf(store, OTHER, "parts").read() == {"a": b"3"}


def test_a_shelf_takes_thousands_at_once(open_store: OpenStore) -> None:
    many = {f"name {number}": b"x" * number for number in range(1_700)}
    with open_store() as store:
        shelf = Shelf(store, ONE, "seen")
        shelf.put(many)
        shelf.put(dict.fromkeys(list(many)[:1_600]))

        assert shelf.read() == {name: many[name] for name in list(many)[1_600:]}


def test_a_record_of_before_the_shelves_gets_them_and_keeps_its_events(open_store: OpenStore) -> None:
    with Log(open_store()) as log:
        log.append(ONE, [WatchStopped()], NOON)
    with open_store() as store, store.writing() as connection:
        connection.execute(sa.text("DROP TABLE kept"))
        connection.execute(sa.text("UPDATE watchkeeper_schema SET version_num = '0001'"))

    with open_store() as store:
        assert Shelf(store, ONE, "parts").read() == {}
        assert [each.event for each in Log(store).read(ONE)] == [WatchStopped()]
