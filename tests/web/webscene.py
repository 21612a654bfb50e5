"""A fleet of two projects as it looks on a busy morning: real git, and every kind of thing that a page shows."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from gitrepo import GitRepo
from watchkeeper.app import now, open_analysis
from watchkeeper.controlroom.scope import ProjectSource, Scope, find_scope, open_scope_log
from watchkeeper.model.agents import Channel, Heed, Notice, NoticeId, Session, SessionId
from watchkeeper.model.attention import MessageAsked, Urgency
from watchkeeper.model.changes import Change, Source
from watchkeeper.model.confidence import Confidence
from watchkeeper.model.conflicts import Conflict, Evidence, Kind, Severity
from watchkeeper.model.events import (
    ChangeAppeared,
    CloseReason,
    ConflictClosed,
    ConflictOpened,
    ConflictProbed,
    Event,
    NoticeDelivered,
    NoticeQueued,
    NoticeSettled,
    SessionBegan,
    WatchStarted,
)
from watchkeeper.model.findings import Finding
from watchkeeper.model.fleet import (
    Budget,
    Effect,
    Engagement,
    EngagementId,
    EngagementMoved,
    EngagementNudged,
    EngagementSealed,
    EngagementSnapped,
    EngagementSpent,
    Fault,
    Issue,
    IssueFiled,
    IssueId,
    Push,
    Seal,
    Spend,
    Stage,
)
from watchkeeper.model.hosts import FLEET
from watchkeeper.model.ids import ChangeId, ConflictId, Millis, ProjectId, Sha
from watchkeeper.model.incidents import (
    Attribution,
    DatabaseSeen,
    Edge,
    EndReason,
    Incident,
    IncidentEnded,
    IncidentKind,
    IncidentOpened,
    Origin,
    Party,
    Role,
    Tier,
    fingerprint,
    incident_id,
)
from watchkeeper.model.landing import (
    Bounce,
    Candidate,
    CandidateBuilt,
    Entry,
    EntryBounced,
    EntryHeld,
    EntryId,
    EntryQueued,
    GateSet,
    LandingDone,
    LandingIntended,
    Purpose,
    RunBegan,
    RunEnded,
    RunId,
    TargetMoved,
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
    DecisionKind,
    SurveyPoint,
    WorkLog,
    WrongHow,
)
from watchkeeper.model.scouting import (
    CensusTaken,
    Checked,
    ContradictionFound,
    ExemptionGranted,
    FindingFound,
    FindingId,
    FindingJudged,
    FindingTried,
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
from watchkeeper.record.log import Log

MINUTE, HOUR = 60_000, 3_600_000

CONFLICT = ConflictId("c-3f9a1c77")
HELD_BRANCH = "dual-write-orders"
BASE = 'def update_stage_field(order, stage):\n    write(order, "stage", stage)\n    return order\n'
ONE = (
    'def update_stage_field(order, stage):\n    write(order, "stage", stage)\n'
    '    mirror.write(order, "status", stage)\n    return order\n'
)
OTHER = (
    "def update_stage_field(order, stage):\n    content.update(order.id, status=stage)\n"
    '    write(order, "stage", stage)\n    return order\n'
)

FLEET_TOML = """\
[fleet]
concurrency = 4

[[project]]
name = "shop"
path = "{folder}/shop"

[[project]]
name = "newsroom"
path = "{folder}/newsroom"

[agent.claude]
command = ["claude"]
"""


class Scene(NamedTuple):
    """What was made. ``commits`` by name: ``base``, ``one``, ``other``, ``landed``."""

    folder: Path
    scope: Scope
    environ: Mapping[str, str]
    commits: Mapping[str, Sha]

    def source(self, name: str) -> ProjectSource:
        found = self.scope.find(name)
        assert found is not None
        return found


def make_scene(folder: Path) -> Scene:
    """Repositories, ``fleet.toml`` and the whole record, some hours of it up to now."""
    commits = _repositories(folder)
    (folder / "fleet.toml").write_text(FLEET_TOML.format(folder=folder))
    environ = {"WATCHKEEPER_HOME": str(folder / "home"), "HOME": str(folder), "PATH": "/usr/bin:/bin"}
    scope = find_scope(folder / "fleet.toml", folder, environ)
    scene = Scene(folder, scope, environ, commits)
    for source in scope.projects:
        with open_analysis(source.place):
            pass  # the hub, which pages read diffs from
    with open_scope_log(scope, environ) as log:
        _record(scene, log)
    return scene


def _repositories(folder: Path) -> dict[str, Sha]:
    shop = GitRepo.create(folder / "shop")
    base = shop.commit(
        "first", {"shop/orders.py": BASE, "tests/test_orders.py": "def test_stage():\n    assert True\n"}
    )
    commits = {"base": Sha(base)}
    for name, text, branch in (("one", ONE, HELD_BRANCH), ("other", OTHER, "stage-status")):
        shop.git("checkout", "-q", "-b", branch, "main")
        commits[name] = Sha(shop.commit(f"orders: {branch}", {"shop/orders.py": text}))
    shop.git("checkout", "-q", "main")
    commits["landed"] = Sha(
        shop.commit(
            "billing: charge in the customer's currency",
            {"shop/billing.py": "RATE = 1.1\n\n\ndef charge(user, amount):\n    return amount * RATE\n",
             "tests/test_orders.py": "def test_stage():\n    pass\n"},
        )
    )  # fmt: skip
    news = GitRepo.create(folder / "newsroom")
    commits["news"] = Sha(news.commit("first", {"app.py": "def publish():\n    return 1\n"}))
    return commits


class _Recorder:
    """Appends with a clock of its own, which goes on with every step."""

    def __init__(self, log: Log, begin: int) -> None:
        self._log, self.at = log, begin

    def __call__(self, project: ProjectId, *events: Event, after: int = MINUTE) -> Millis:
        self.at += after
        self._log.append(project, list(events), Millis(self.at))
        return Millis(self.at)


def _record(scene: Scene, log: Log) -> None:
    shop, news = scene.source("shop").project, scene.source("newsroom").project
    tell = _Recorder(log, now() - 7 * HOUR)
    for project in (shop, news):
        tell(project, WatchStarted("0.1.0", "main"))
    tell(shop, TargetMoved(None, scene.commits["base"], Sha("a" * 40)), GateSet("pytest"))
    _yesterday(scene, tell, shop, news)
    _work(scene, tell, shop, news)
    _collide(scene, tell, shop)
    _landed(scene, tell, shop)
    _queue(scene, tell, shop)
    _hang(tell, shop)
    _scouted(tell, shop, news)
    tell(
        FLEET,
        MessageAsked("key-1", Urgency.TODAY, "The staging certificate ends on Friday", "renew it", "claude-2"),
    )


def _yesterday(scene: Scene, tell: _Recorder, shop: ProjectId, news: ProjectId) -> None:
    end = Millis(tell.at - HOUR)
    begin = Millis(end - 24 * HOUR)
    claim = Claim("k1", "The export of invoices landed.", (CommitRef(shop, scene.commits["base"], is_landed=True),))
    for project, name in ((shop, "shop"), (news, "newsroom"), (FLEET, "fleet")):
        shipped = (claim,) if name != "newsroom" else ()
        headline = "One change landed, none was taken back" if shipped else "Nothing happened"
        empty = "" if shipped else "no issue was open"
        log = WorkLog(name, Day("2026-11-25"), begin, end, "UTC", headline, shipped=shipped, empty=empty)
        tell(project, DayClosed(log))


def _work(scene: Scene, tell: _Recorder, shop: ProjectId, news: ProjectId) -> None:
    """Engagements in every state of both axes."""
    plans = (
        (shop, "shop", 41, "e-0000a101", "Write the stage of an order to both stores", HELD_BRANCH, Stage.DONE,
         "", None),
        (shop, "shop", 42, "e-0000a102", "Show the stage on the status page", "stage-status", Stage.RUNNING, "", None),
        (shop, "shop", 43, "e-0000a103", "Round prices as the law wants it", "rounding", Stage.WAITING,
         "for an answer: which of two laws counts", None),
        (news, "newsroom", 7, "e-0000b101", "Publish articles on time", "on-time", Stage.RUNNING, "", None),
        (news, "newsroom", 8, "e-0000b102", "Delete drafts after a year", "drafts", Stage.FAILED,
         "it ran to its end and produced nothing", Fault.NO_EFFECT),
        (news, "newsroom", 9, "e-0000b103", "Search by author", "search", Stage.QUEUED, "", None),
    )  # fmt: skip
    for project, name, number, identity, title, branch, stage, reason, fault in plans:
        issue = IssueId(f"{name}#{number}")
        tell(
            project,
            IssueFiled(Issue(issue, title, f"Please: {title.lower()}.", author="ada", filed_at=Millis(tell.at))),
        )
        seal = Seal(scene.commits["base"], (), Budget(), "d")
        own = Engagement(EngagementId(identity), "engineer-resolves-issue", issue, "claude", seal, 1, branch, title)
        tell(project, EngagementSealed(own))
        if stage is not Stage.QUEUED:
            tell(project, EngagementMoved(own.id, Stage.PREPARING), EngagementMoved(own.id, Stage.RUNNING))
            tell(project, EngagementSpent(own.id, Spend(1.2 + number / 100, 48_000 + number, 12.5)))
        if stage is Stage.DONE:
            effect = Effect(scene.commits["one"], 1, "pytest: 1 passed")
            tell(project, EngagementSnapped(own.id, scene.commits["one"], 1))
            tell(project, EngagementMoved(own.id, stage, effect=effect))
        elif stage not in (Stage.QUEUED, Stage.RUNNING):
            tell(project, EngagementMoved(own.id, stage, reason, fault))
        if identity == "e-0000b101":
            tell(project, EngagementNudged(own.id, Push.SPOKEN, "nothing was seen of it for 10 minutes"))
    tell(shop, EngagementSnapped(EngagementId("e-0000a102"), scene.commits["other"], 1))


def _collide(scene: Scene, tell: _Recorder, shop: ProjectId) -> None:
    one = Change(ChangeId(HELD_BRANCH), Source.BRANCH, HELD_BRANCH, scene.commits["one"], scene.commits["base"],
                 branch=HELD_BRANCH, author="claude")  # fmt: skip
    other = Change(ChangeId("stage-status"), Source.BRANCH, "stage-status", scene.commits["other"],
                   scene.commits["base"], branch="stage-status", author="codex")  # fmt: skip
    tell(shop, ChangeAppeared(one), ChangeAppeared(other))
    for name, agent, change in (("claude-1", "claude", one.id), ("codex-1", "codex", other.id)):
        tell(shop, SessionBegan(Session(SessionId(name), agent, "v", str(scene.folder / "shop"), change)))
    conflict = Conflict(
        CONFLICT, Kind.WRITE_WRITE, "write-write", Severity.MAJOR, Confidence.SURE,
        tuple(sorted((one.id, other.id))), ("shop.orders:update_stage_field",),
        "claude-1 and codex-1 both write the order's status inside update_stage_field",
        "Each is right alone, and git merges them; together they update one row twice, from two connections.",
        (
            Evidence(one.id, "shop/orders.py", 3, '    mirror.write(order, "status", stage)', "added here"),
            Evidence(other.id, "shop/orders.py", 2, "    content.update(order.id, status=stage)", "added here"),
        ),
        "hold the one that is queued, and let the other rebase on it", "f1", 4,
    )  # fmt: skip
    tell(shop, ConflictOpened(conflict))
    for number, session in enumerate(("claude-1", "codex-1")):
        notice = Notice(NoticeId(f"n-0000000{number}"), SessionId(session), Severity.MAJOR,
                        "Another agent changes update_stage_field too: look before you go on.", CONFLICT)  # fmt: skip
        tell(shop, NoticeQueued(notice))
    tell(shop, NoticeDelivered(NoticeId("n-00000000"), Channel.HOOK))
    tell(shop, NoticeSettled(NoticeId("n-00000000"), Heed.UNANSWERED, "its turn ended and the conflict stood"))
    finding = Finding("tests", "failed", "tests/test_orders.py", "test_one_update",
                      "test_one_update fails: 2 UPDATEs of one row from two connections", 14,
                      "assert updates == 1")  # fmt: skip
    trees = (scene.commits["one"], scene.commits["other"])
    proof = Proof(conflict.changes, trees, Sha("c" * 40), Outcome.PROVED, (finding,), ("pytest",), "", 3, 4_200)
    tell(shop, ConflictProbed(CONFLICT, proof))
    minor = msgspec.structs.replace(
        conflict, id=ConflictId("c-90aa0b1c"), kind=Kind.STALE_READ, rule="stale-read", severity=Severity.MINOR,
        changes=(ChangeId("rounding"), ChangeId("stage-status")), summary="rounding relies on price(), which changes",
        fingerprint="f2", evidence=(),
    )  # fmt: skip
    tell(shop, ConflictOpened(minor))
    over = msgspec.structs.replace(minor, id=ConflictId("c-11112222"), fingerprint="f3", summary="an old one")
    tell(shop, ConflictOpened(over))
    tell(shop, ConflictClosed(over.id, CloseReason.RESOLVED))


def _queue(scene: Scene, tell: _Recorder, shop: ProjectId) -> None:
    base = scene.commits["base"]
    entries = [
        Entry(EntryId(f"{HELD_BRANCH}/1"), ChangeId(HELD_BRANCH), scene.commits["one"], base,
              "Write the stage of an order to both stores", "claude", "shop#41", risk=42),
        Entry(EntryId("stage-status/1"), ChangeId("stage-status"), scene.commits["other"], base,
              "Show the stage on the status page", "codex", "shop#42", risk=11),
        Entry(EntryId("texts/2"), ChangeId("texts"), Sha("7" * 40), base, "Kinder words", "claude", risk=2),
        Entry(EntryId("rounding/1"), ChangeId("rounding"), Sha("8" * 40), base, "Round prices", "claude", risk=30),
    ]  # fmt: skip
    for each in entries:
        tell(shop, EntryQueued(each))
    line = tuple(each.id for each in entries[:3])
    for count in range(1, len(line) + 1):
        tell(shop, CandidateBuilt(Candidate(scene.commits["landed"], line[:count]), Sha(f"{count:040x}")))
    for count in (1, 3):
        candidate = Candidate(scene.commits["landed"], line[:count])
        tell(shop, RunBegan(RunId(f"r-{count}"), candidate, Sha(f"{count:040x}"), Purpose.LAND, "pytest"))
    tell(shop, EntryHeld(entries[3].id, "its risk is above what lands by itself", "", 30))
    back = Entry(EntryId("login/1"), ChangeId("login"), Sha("9" * 40), base, "Log in by link", "codex")
    tell(shop, EntryQueued(back))
    tell(shop, EntryBounced(back.id, Bounce.SET, "it fails test_login together with texts/1", (EntryId("texts/1"),),
                            ("tests/test_login.py::test_link",)))  # fmt: skip


def _landed(scene: Scene, tell: _Recorder, shop: ProjectId) -> None:
    commit, base = scene.commits["landed"], scene.commits["base"]
    entry = Entry(EntryId("currency/1"), ChangeId("currency"), commit, base, "Charge in the customer's currency",
                  "codex", "shop#40")  # fmt: skip
    tell(shop, EntryQueued(entry))
    tell(shop, RunBegan(RunId("r-0"), Candidate(base, (entry.id,)), Sha("e" * 40), Purpose.LAND, "pytest"))
    tell(shop, RunEnded(RunId("r-0"), Verdict.PASSED, wall_ms=61_000))
    tell(shop, LandingIntended((entry.id,), base, commit, Sha("e" * 40), "pytest"))
    at = tell(shop, LandingDone(commit))
    points = (
        SurveyPoint("weakened-test", 25, "test_stage asserts nothing any more", "tests/test_orders.py", 2),
        SurveyPoint("untested", 12, "charge is run by no test", "shop/billing.py", 4),
    )
    tell(shop, ChangeSurveyed(
        "shop", commit, base, "Charge in the customer's currency", entry.change, entry.id, "codex", "shop#40", "",
        "codex",
        at, 37, points, writes=("shop/billing.py:charge", "tests/test_orders.py:test_stage"), files=2, lines_added=6,
        lines_removed=1,
    ))  # fmt: skip
    older = Sha("5" * 40)
    tell(shop, ChangeSurveyed("shop", older, base, "Export invoices", risk=4, landed_at=at, files=3, lines_added=80))
    tell(shop, ChangeReviewed(older, "ada"), ChangeFoundWrong(older, WrongHow.PERSON, "it forgets discounts", "ada"))
    decision = Decision(
        DecisionId("d-0a0b0c0d"), DecisionKind.DEFAULT, "The rate is fixed at 1.1", "1.1", "diff", "default:RATE",
        "", commit, entry.change, "shop#40", "", "codex", "shop/billing.py", 1,
    )  # fmt: skip
    tell(shop, DecisionFound(decision))


FINDING = ScoutFinding(
    FindingId("f-0123456789ab"), "errors", "tree", "swallowed-exception", "shop/billing.py",
    "A failed charge is swallowed, and the order goes on", 4, "except Exception:\n    pass", "charge",
    "tree: an except that does nothing", "Is it logged by the caller?", 3, 0.9, Sha("c" * 40), KindId("silent-error"),
)  # fmt: skip
STANDARD = Standard(
    StandardId("std-silent-error"), KindId("silent-error"), "No failure is swallowed", "Log it, or raise it again.",
    StandardCheck("rule", "tree:swallowed-exception"), "ada", known=(FINDING.id,),
)  # fmt: skip


def _scouted(tell: _Recorder, shop: ProjectId, news: ProjectId) -> None:
    run, commit = ScoutRunId("s-12345678"), Sha("c" * 40)
    looked = (Checked("tree", "1", "3 files, 12 rules", "its canaries were found"),)
    blind = (Checked("pip-audit", reason="it does not know the package shop-internal"),)
    other = msgspec.structs.replace(FINDING, id=FindingId("f-aaaaaaaaaaaa"), path="app.py", severity=4)
    tell(shop, FindingFound(run, FINDING), ScoutLooked(run, "errors", LookState.FOUND, commit, "", looked, 1, 1))
    tell(shop, FindingTried(FINDING.id, True, "the code is as it says", "second-look"))
    tell(shop, ScoutLooked(run, "dependencies", LookState.COULD_NOT_LOOK, commit, "pip-audit: it does not know", blind))
    tell(news, ScoutLooked(run, "ux", LookState.CLEAN, commit, "", looked))
    tell(news, FindingFound(run, other), FindingJudged(other.id, FindingVerdict.TRUE, "", "ada"))
    tell(news, ScoutLooked(run, "database", LookState.NOT_APPLICABLE, commit, "tree: there is no database"))
    tell(FLEET, StandardWritten(STANDARD), StandardMoved(STANDARD.id, StandardState.PROPOSED, "3 projects", "ada"))
    places = (Violation(FINDING.id, "shop/billing.py", 4, "except Exception:"),)
    tell(FLEET, CensusTaken(STANDARD.id, shop, commit, 3, places), CensusTaken(STANDARD.id, news, commit, 1))
    tell(FLEET, ExemptionGranted(STANDARD.id, news, "app.py", "a probe", Millis(tell.at + 86_400_000), "ada"))
    text = "newsroom added what shop is to remove: an in-memory limit"
    tell(FLEET, ContradictionFound("k-1", KindId("missing-rate-limit"), news, commit, shop, FINDING.id, text))


def _hang(tell: _Recorder, shop: ProjectId) -> None:
    mark = fingerprint(IncidentKind.SELF_DEADLOCK, "orders", ["mirror.write", "content.update"])
    origin = Origin("shop/orders.py", 3, "update_stage_field", 'mirror.write(order, "status", stage)',
                    author="ada", agent="claude", issue="shop#41")  # fmt: skip
    parties = (
        Party(4711, Role.HOLDER, "idle in transaction", "UPDATE content SET status = $1", "shop-web", user="app",
              transaction_since=Millis(tell.at),
              attribution=Attribution(Tier.TAG, (origin,), "its tag names the line")),
        Party(4712, Role.WAITER, "waits", "UPDATE content SET status = $1", "shop-web", user="app",
              waiting_since=Millis(tell.at), attribution=Attribution(reason="nothing names its code")),
    )  # fmt: skip
    incident = Incident(
        incident_id(mark), mark, IncidentKind.SELF_DEADLOCK, "orders",
        "A request of shop-web waits for a transaction that it holds itself", Millis(tell.at), Millis(tell.at + 300),
        parties, (Edge(4712, 4711, "content RowExclusiveLock"), Edge(4711, 4712, "the request", in_application=True)),
        stuck=2, is_certain=True, advice=("end backend 4711", "hold dual-write-orders"),
    )  # fmt: skip
    tell(shop, DatabaseSeen("orders", "PostgreSQL 16.4"))
    tell(shop, IncidentOpened(incident))
    ended = msgspec.structs.replace(incident, id=incident_id("0" * 64), fingerprint="0" * 64, kind=IncidentKind.CYCLE,
                                    summary="Two jobs waited for each other")  # fmt: skip
    tell(shop, IncidentOpened(ended))
    tell(shop, IncidentEnded(ended.id, EndReason.BROKEN, 1_400, "the server's deadlock detector"))


@contextlib.contextmanager
def open_scene(folder: Path) -> Iterator[tuple[Scene, Log]]:
    """The scene with its record open."""
    scene = make_scene(folder)
    with open_scope_log(scene.scope, scene.environ) as log:
        yield scene, log
