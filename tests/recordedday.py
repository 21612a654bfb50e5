"""A recorded day of a fleet: real repositories and real commits, looked at by the real surveyor; eight of them bad.

Names, order and the projects that the bad ones land in follow from a seed. The words that they are known by stay with
the maker (``planted``): whoever ranks sees git, events and reports.
"""

from __future__ import annotations

import datetime as dt
import os
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from gitrepo import GitRepo
from watchkeeper.app import find_place
from watchkeeper.controlroom.picture import Reader
from watchkeeper.controlroom.scope import ProjectSource, Scope
from watchkeeper.desk.surveyor import Surveyor
from watchkeeper.fleet.config import FleetConfig, ProjectEntry
from watchkeeper.model.conflicts import Conflict, Kind, Severity
from watchkeeper.model.events import ConflictOpened, ConflictProbed, Event
from watchkeeper.model.findings import Finding
from watchkeeper.model.fleet import (
    Budget,
    Effect,
    Engagement,
    EngagementId,
    EngagementMoved,
    EngagementSealed,
    EngagementSpent,
    Fault,
    Issue,
    IssueFiled,
    IssueId,
    Seal,
    Spend,
    Stage,
)
from watchkeeper.model.footprint import Confidence
from watchkeeper.model.hosts import FLEET
from watchkeeper.model.ids import ChangeId, ConflictId, Millis, Sha
from watchkeeper.model.landing import (
    Bounce,
    Candidate,
    Entry,
    EntryBounced,
    EntryHeld,
    EntryId,
    EntryQueued,
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
from watchkeeper.model.review import BriefEntry
from watchkeeper.record.log import Log

MORNING = Millis(1_767_254_400_000)  # 2026-01-01 08:00 UTC
_MINUTE = 60_000
NAMES = ("shop", "blog", "mail", "jobs", "wiki", "maps")
_NOUNS = ("order", "invoice", "user", "note", "route", "photo", "page", "label", "batch", "quota")


class Planted(NamedTuple):
    """Where a bad change can be recognised: words of which one is in its sentence, the kind of its page."""

    what: str
    project: str
    pages: tuple[str, ...]
    words: tuple[str, ...] = ()

    def is_in(self, entry: BriefEntry) -> bool:
        """Whether an entry speaks of it."""
        at_page = entry.claim.page.startswith(self.pages)
        return at_page and all(word in entry.claim.text for word in self.words)


class RecordedDay:
    """Makes the day in ``folder``; ``planted`` are the bad ones."""

    def __init__(self, folder: Path, log: Log, seed: int, *, projects: int = 6, changes: int = 60) -> None:
        self.random, self.log, self.now = random.Random(seed), log, MORNING
        self.planted: list[Planted] = []
        names = NAMES[:projects]
        environ = {**os.environ, "WATCHKEEPER_HOME": str(folder / "state")}
        self.repos = {name: GitRepo.create(folder / name) for name in names}
        for repo in self.repos.values():
            repo.commit("begin", _BEGIN)
        entries = tuple(ProjectEntry(name, folder / name) for name in names)
        places = {name: find_place(folder / name, environ) for name in names}
        config = FleetConfig(folder / "fleet.toml", projects=entries)
        sources = tuple(ProjectSource(each.name, places[each.name], each) for each in entries)
        self.scope = Scope(sources, folder / "state", dt.UTC, config)
        self._number = 0
        for name, repo in self.repos.items():
            self.tell(name, TargetMoved(None, Sha(repo.head), self._tree(name)))
        self._play(changes)
        self.reader = Reader(log, self.scope, lambda: self.now)
        self.survey()

    def survey(self) -> None:
        """What landed is looked at."""
        Surveyor(self.reader, lambda: self.now).look()

    # -- the day -------------------------------------------------------------------------------------------------------

    def _play(self, changes: int) -> None:
        names = list(self.repos)
        bad: list[Callable[[str], None]] = [
            self._weaken, self._leak, self._rewrite, self._unguard, self._empty, self._clash, self._meet,
        ]  # fmt: skip
        self.random.shuffle(bad)
        first, second = self.random.sample(names, 2)
        turns: list[Callable[[], None]] = [lambda act=act: act(self.random.choice(names)) for act in bad]  # type: ignore[misc]
        turns.append(lambda: self._contradict(first, second))
        usual = [self._feature, self._fix, self._refactor, self._docs, self._tests, self._auth_words, self._setting]
        turns += [lambda: self.random.choice(usual)(self.random.choice(names))] * (changes - 11)
        turns += [lambda: self._noise(self.random.choice(names))] * 6
        self.random.shuffle(turns)
        for turn in turns:
            turn()

    def _feature(self, name: str) -> None:
        noun = self._noun()
        files = {f"app/{noun}.py": _EXPORT.format(noun), f"tests/test_{noun}.py": _EXPORT_TEST.format(noun)}
        self.land(name, f"Add {noun} export", files)

    def _fix(self, name: str) -> None:
        number = self._next()
        test = {f"tests/test_round_{number}.py": _ROUND_TEST.format(number)}
        self._append(name, f"Fix rounding case {number}", "app/pay.py", _ROUND.format(number, number % 4), test)

    def _refactor(self, name: str) -> None:
        number = self._next()
        self._append(name, f"Rename helper {number}", "app/text.py", _CLEAN.format(number))

    def _docs(self, name: str) -> None:
        self._append(name, "Describe the setup", "README.md", f"\nStep {self.random.random()}.\n")

    def _tests(self, name: str) -> None:
        noun = self._noun()
        self.land(name, f"Test {noun} limits", {f"tests/test_{noun}_more.py": _MORE_TEST})

    def _auth_words(self, name: str) -> None:
        """About access by its words, and harmless."""
        number = self._next()
        self._append(name, f"Show login hint {number}", "app/login.py", _HINT.format(number))

    def _setting(self, name: str) -> None:
        noun = self._noun()
        variable = f"{name}_{noun}".upper()
        self._append(name, f"Read the {noun} limit", "app/settings.py", _SETTING.format(noun.upper(), variable, "10"))

    # -- the bad ones --------------------------------------------------------------------------------------------------

    def _weaken(self, name: str) -> None:
        text = (self.repos[name].path / "app/pay.py").read_text()
        faster = text.replace("return sum(prices)", "return sum(prices[:100])")
        commit = self.land(name, "Make totals faster", {"app/pay.py": faster, "tests/test_pay.py": _WEAK_TEST})
        self._plant("weakened test", name, commit)

    def _leak(self, name: str) -> None:
        key = "ghp_" + "".join(self.random.choice("abcdefghijklmnopqrstuvwxyzABCDEF0123456789") for _ in range(36))
        commit = self._append(name, "Call the export service", "app/settings.py", f'\nEXPORT_TOKEN = "{key}"\n')
        self._plant("secret in a diff", name, commit)

    def _rewrite(self, name: str) -> None:
        commit = self.land(name, "Simplify the engine", {"app/engine.py": _steps(_NEW_STEP)})
        self._plant("untested rewrite", name, commit)

    def _unguard(self, name: str) -> None:
        commit = self.land(name, "Speed up document pages", {"app/views.py": _SHOW.format("")})
        self._plant("removed ownership check", name, commit)

    def _empty(self, name: str) -> None:
        engagement = self._engage(name, "Retry failed uploads")
        self.tell(name, EngagementMoved(engagement, Stage.DONE))
        self.planted.append(Planted("empty success", name, (f"/engagements/{engagement}",)))

    def _clash(self, name: str) -> None:
        commits = [
            self.land(name, f"Store {word}s", {f"app/migrations/0002_{word}.py": _MIGRATION.format(word)})
            for word in self.random.sample(_NOUNS, 2)
        ]
        self._plant("migration clash", name, *commits)

    def _meet(self, name: str) -> None:
        """Each alone is right; together they write twice. Both came past the queue."""
        commits = []
        for word in self.random.sample(_NOUNS, 2):
            text = (self.repos[name].path / "app/stages.py").read_text() + _MIRROR.format(word)
            commits.append(self.land(name, f"Mirror the {word} stage", {"app/stages.py": text}, past=f"mirror-{word}"))
        conflict = Conflict(
            id=ConflictId(f"c-{self.random.randrange(16**8):08x}"),
            kind=Kind.EMERGENT,
            rule="emergent",
            severity=Severity.MAJOR,
            confidence=Confidence.SURE,
            changes=tuple(sorted(ChangeId(f"landed:{each[:9]}") for each in commits)),
            subjects=("app/stages:update_stage_field",),
            summary="both write the stage of one document, from two connections",
            why="why",
            evidence=(),
            next_step="repair it there",
            fingerprint="f" * 8,
        )
        self.tell(name, ConflictOpened(conflict))
        finding = Finding("tests", "failed", "tests/test_stages.py", "test_both", "test_both hangs on the merge only")
        proof = Proof(conflict.changes, tuple(commits), commits[-1], Outcome.PROVED, (finding,), ("tests",))
        self.tell(name, ConflictProbed(conflict.id, proof))
        self._plant("semantic conflict past the queue", name, *commits, pages=(f"/conflicts/{conflict.id}",))

    def _contradict(self, one: str, other: str) -> None:
        for name, value in ((one, "60"), (other, "3600")):
            setting = _SETTING.format("CACHE_TTL", "CACHE_TTL_SECONDS", value)
            self._append(name, "Cache pages", "app/settings.py", setting)
        self.planted.append(Planted("contradictory decisions", "", ("/decisions",), ("CACHE_TTL",)))

    def _noise(self, name: str) -> None:
        """What a usual day has besides: something held, something that came back, a failure that is tried again."""
        self._number += 1
        entry = Entry(EntryId(f"work-{self._number}/1"), ChangeId(f"work-{self._number}"), Sha("a" * 40),
                      title=f"Work {self._number}", risk=self.random.randrange(80))  # fmt: skip
        self.tell(name, EntryQueued(entry))
        match self._number % 3:
            case 0:
                self.tell(name, EntryHeld(entry.id, "its risk is high", risk=entry.risk))
            case 1:
                self.tell(name, EntryBounced(entry.id, Bounce.ALONE, "test_total fails on the target branch"))
            case _:
                engagement = self._engage(name, f"Try {self._number}")
                self.tell(name, EngagementMoved(engagement, Stage.FAILED, "test_x fails", Fault.TESTS_FAIL))

    # -- recording -----------------------------------------------------------------------------------------------------

    def tell(self, name: str, *events: Event) -> None:
        self.now = Millis(self.now + _MINUTE)
        source = self.scope.find(name)
        self.log.append(source.project if source is not None else FLEET, list(events), self.now)

    def _append(self, name: str, title: str, path: str, text: str, more: Mapping[str, str] | None = None) -> Sha:
        before = (self.repos[name].path / path).read_text()
        return self.land(name, title, {path: before + text, **(more or {})})

    def land(self, name: str, title: str, files: Mapping[str, str], *, past: str = "") -> Sha:
        """A commit on the branch, as the queue records it; or, with a name ``past``, as somebody pushed it."""
        repo, change = self.repos[name], past or f"change-{self._next()}"
        old = Sha(repo.head)
        new = Sha(repo.commit(title, files))
        entry = Entry(
            EntryId(f"{change}/1"), ChangeId(change), new, old, title=title, author="ada", is_picked=bool(past)
        )
        if past:
            self.tell(name, TargetMoved(old, new, self._tree(name), (entry,)))
            return new
        engagement = self._engage(name, title, branch=change)
        spend = Spend(self.random.random() * 2, 4000, 5)
        self.tell(name, EngagementSpent(engagement, spend), EngagementMoved(engagement, Stage.DONE, effect=Effect(
            new, len(files), "12 passed")))  # fmt: skip
        run = RunId(f"r-{self._number}")
        self.tell(
            name, EntryQueued(entry), RunBegan(run, Candidate(old, (entry.id,)), self._tree(name), Purpose.LAND, "gate")
        )
        self.tell(name, RunEnded(run, Verdict.PASSED))
        self.tell(name, LandingIntended((entry.id,), old, new, self._tree(name), "gate"), LandingDone(new))
        return new

    def _engage(self, name: str, title: str, branch: str = "") -> EngagementId:
        self._number += 1
        issue = IssueId(f"{name}#{self._number}")
        engagement = EngagementId(f"e-{self._number:08x}")
        seal = Seal(Sha(self.repos[name].head), (), Budget(), "d")
        own = Engagement(
            engagement, "engineer-resolves-issue", issue, "ada", seal, branch=branch or engagement, title=title
        )
        self.tell(name, IssueFiled(Issue(issue, title, filed_at=self.now)), EngagementSealed(own),
                  EngagementMoved(engagement, Stage.RUNNING))  # fmt: skip
        return engagement

    def _plant(self, what: str, name: str, *commits: Sha, pages: tuple[str, ...] = ()) -> None:
        self.planted.append(Planted(what, name, (*pages, *(f"/changes/{each}" for each in commits))))

    def _tree(self, name: str) -> Sha:
        return Sha(self.repos[name].git("rev-parse", "HEAD^{tree}"))

    def _noun(self) -> str:
        return f"{self.random.choice(_NOUNS)}_{self._next()}"

    def _next(self) -> int:
        self._number += 1
        return self._number


def _steps(step: str) -> str:
    return "\n".join(step.format(number) for number in range(60))


_OLD_STEP = """\
def step_{0}(state):
    if 'k{0}' in state:
        return state['k{0}'] + {0}
    return {0}

"""
_NEW_STEP = """\
def step_{0}(state):
    value = state.get('k{0}', {0})
    return value + {0}

"""
_EXPORT = """\
def export_{0}(rows):
    out = []
    for row in rows:
        out.append(str(row))
    return ','.join(out)
"""
_EXPORT_TEST = """\
from app.{0} import export_{0}


def test_export():
    assert export_{0}([1, 2]) == '1,2'
"""
_ROUND = """

def round_{0}(x):
    return round(x, {1})
"""
_ROUND_TEST = """\
from app.pay import round_{0}


def test_it():
    assert round_{0}(1.0) == 1
"""
_CLEAN = """

def clean_{0}(s):
    return s.strip().lower()
"""
_MORE_TEST = """\
from app.pay import total


def test_more():
    assert total([2, 3]) == 5
"""
_HINT = """

def login_hint_{0}():
    return 'use your mail address'
"""
_SETTING = """
{0} = os.environ.get('{1}', '{2}')
"""
_MIRROR = """

def mirror_{0}(doc):
    update_stage_field(doc, '{0}')
"""
_MIGRATION = """\
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [('app', '0001_initial')]
    operations = [migrations.AddField('Doc', '{0}', models.IntegerField(default=0))]
"""
_GUARD = """\
    if doc.owner_id != user.id:
        raise PermissionError('not yours')
"""
_SHOW = """\
def show(user, doc):
{0}    return doc.text
"""
_TEST = """\
from app.pay import total


def test_total():
    assert total([1, 2]) == 3
    assert total([]) == 0
"""
_WEAK_TEST = """\
from app.pay import total


def test_total():
    assert total([1, 2]) is not None
"""
_FIRST_MIGRATION = """\
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = []
    operations = []
"""
_BEGIN = {
    "README.md": "# A project\n",
    "app/__init__.py": "",
    "app/pay.py": "def total(prices):\n    return sum(prices)\n",
    "app/text.py": "def slug(s):\n    return s.lower()\n",
    "app/login.py": "def login_page():\n    return 'hello'\n",
    "app/settings.py": "import os\n\nDEBUG = os.environ.get('DEBUG', '')\n",
    "app/stages.py": "def update_stage_field(doc, value):\n    doc.stage = value\n    doc.save()\n",
    "app/engine.py": _steps(_OLD_STEP),
    "app/views.py": _SHOW.format(_GUARD),
    "app/migrations/__init__.py": "",
    "app/migrations/0001_initial.py": _FIRST_MIGRATION,
    "tests/test_pay.py": _TEST,
}
