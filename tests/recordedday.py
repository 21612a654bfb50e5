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

import msgspec

from gitrepo import GitRepo
from watchkeeper.app import find_place
from watchkeeper.controlroom.picture import Reader
from watchkeeper.controlroom.scope import ProjectSource, Scope
from watchkeeper.desk.surveyor import Surveyor
from watchkeeper.fleet.config import FleetConfig, ProjectEntry
from watchkeeper.model.events import ConflictOpened, ConflictProbed, Event
from watchkeeper.model.conflicts import Conflict, Kind, Severity
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
    Candidate,
    Entry,
    EntryBounced,
    EntryHeld,
    EntryId,
    EntryQueued,
    Bounce,
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
from watchkeeper.record.log import Log
from watchkeeper.repos.target import find_target

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


class RecordedDay:
    """Makes the day in ``folder``; ``planted`` are the bad ones."""

    def __init__(self, folder: Path, log: Log, seed: int, *, projects: int = 6, changes: int = 60) -> None:
        self.random, self.log, self.now = random.Random(seed), log, MORNING
        self.planted: list[Planted] = []
        names = NAMES[:projects]
        environ = {**os.environ, "WATCHKEEPER_HOME": str(folder / "state")}
        self.repos = {name: GitRepo.create(folder / name) for name in names}
        for name, repo in self.repos.items():
            repo.commit("begin", self._begin(name))
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
        turns += [lambda act=self.random.choice(usual): act(self.random.choice(names)) for _ in range(changes - 11)]  # type: ignore[misc]
        turns += [lambda: self._noise(self.random.choice(names))] * 6
        self.random.shuffle(turns)
        for turn in turns:
            turn()

    def _feature(self, name: str) -> None:
        noun = self._noun()
        self._land(name, f"Add {noun} export", {
            f"app/{noun}.py": f"def export_{noun}(rows):\n    out = []\n    for row in rows:\n        out.append(str(row))\n"
                              f"    return ','.join(out)\n",
            f"tests/test_{noun}.py": f"from app.{noun} import export_{noun}\n\n\ndef test_export():\n"
                                     f"    assert export_{noun}([1, 2]) == '1,2'\n",
        })  # fmt: skip

    def _fix(self, name: str) -> None:
        self._number += 1
        self._edit(name, f"Fix rounding case {self._number}", "app/pay.py",
                   lambda text: text + f"\n\ndef round_{self._number}(x):\n    return round(x, {self._number % 4})\n",
                   {f"tests/test_round_{self._number}.py":
                    f"from app.pay import round_{self._number}\n\n\ndef test_it():\n    assert round_{self._number}(1.0) == 1\n"})  # fmt: skip

    def _refactor(self, name: str) -> None:
        self._number += 1
        self._edit(name, f"Rename helper {self._number}", "app/text.py",
                   lambda text: text + f"\n\ndef clean_{self._number}(s):\n    return s.strip().lower()\n")  # fmt: skip

    def _docs(self, name: str) -> None:
        self._edit(name, "Describe the setup", "README.md", lambda text: text + f"\nStep {self.random.random()}.\n")

    def _tests(self, name: str) -> None:
        noun = self._noun()
        self._land(name, f"Test {noun} limits", {f"tests/test_{noun}_more.py":
                   "from app.pay import total\n\n\ndef test_more():\n    assert total([2, 3]) == 5\n"})  # fmt: skip

    def _auth_words(self, name: str) -> None:
        """About access by its words, and harmless."""
        self._number += 1
        self._edit(name, f"Show login hint {self._number}", "app/login.py",
                   lambda text: text + f"\n\ndef login_hint_{self._number}():\n    return 'use your mail address'\n")  # fmt: skip

    def _setting(self, name: str) -> None:
        noun = self._noun()
        self._edit(name, f"Read the {noun} limit", "app/settings.py",
                   lambda text: text + f"\n{noun.upper()}_{self._number} = os.environ.get('{name.upper()}_{noun.upper()}_{self._number}', '10')\n")  # fmt: skip

    # -- the bad ones --------------------------------------------------------------------------------------------------

    def _weaken(self, name: str) -> None:
        commit = self._edit(name, "Make totals faster", "app/pay.py",
                            lambda text: text.replace("return sum(prices)", "return sum(prices[:100])"), {
            "tests/test_pay.py": "from app.pay import total\n\n\ndef test_total():\n    assert total([1, 2]) is not None\n",
        })  # fmt: skip
        self._plant("weakened test", name, commit)

    def _leak(self, name: str) -> None:
        key = "ghp_" + "".join(self.random.choice("abcdefghijklmnopqrstuvwxyzABCDEFGHIJ0123456789") for _ in range(36))
        commit = self._edit(name, "Call the export service", "app/settings.py",
                            lambda text: text + f'\nEXPORT_TOKEN = "{key}"\n')  # fmt: skip
        self._plant("secret in a diff", name, commit)

    def _rewrite(self, name: str) -> None:
        lines = [
            f"def step_{n}(state):\n    value = state.get('k{n}', {n})\n    return value + {n}\n\n" for n in range(60)
        ]
        commit = self._land(
            name, "Simplify the engine", {"app/engine.py": "# engine, second edition\n\n" + "\n".join(lines)}
        )
        self._plant("untested rewrite", name, commit)

    def _unguard(self, name: str) -> None:
        commit = self._edit(name, "Speed up document pages", "app/views.py", lambda text: text.replace(
            "    if doc.owner_id != user.id:\n        raise PermissionError('not yours')\n", ""))  # fmt: skip
        self._plant("removed ownership check", name, commit)

    def _empty(self, name: str) -> None:
        engagement = self._engage(name, "Retry failed uploads")
        self.tell(name, EngagementMoved(engagement, Stage.DONE))
        self.planted.append(Planted("empty success", name, (f"/engagements/{engagement}",)))

    def _clash(self, name: str) -> None:
        commits = []
        for number, word in enumerate(self.random.sample(_NOUNS, 2)):
            commits.append(self._land(name, f"Store {word}s", {f"app/migrations/0002_{word}.py":
                "from django.db import migrations, models\n\n\nclass Migration(migrations.Migration):\n"
                "    dependencies = [('app', '0001_initial')]\n    operations = [migrations.AddField('Doc', "
                f"'{word}', models.IntegerField(default={number}))]\n"}))  # fmt: skip
        self._plant("migration clash", name, *commits)

    def _meet(self, name: str) -> None:
        """Each alone is right; together they write twice. Both came past the queue."""
        commits, changes = [], []
        for word in self.random.sample(_NOUNS, 2):
            change = f"mirror-{word}"
            commits.append(self._edit(name, f"Mirror the {word} stage", "app/stages.py", lambda text, word=word: (  # type: ignore[misc]
                text + f"\n\ndef mirror_{word}(doc):\n    update_stage_field(doc, '{word}')\n"), change=change, past=True))  # fmt: skip
            changes.append(change)
        conflict = Conflict(
            ConflictId(f"c-{self.random.randrange(16**8):08x}"), Kind.EMERGENT, "emergent", Severity.MAJOR, Confidence.SURE,
            tuple(sorted(ChangeId(f"landed:{each[:9]}") for each in commits)), ("app/stages:update_stage_field",),
            "both write the stage of one document, from two connections", "why", (), "repair there", "f" * 8,
        )  # fmt: skip
        self.tell(name, ConflictOpened(conflict))
        finding = Finding("tests", "failed", "tests/test_stages.py", "test_both", "test_both hangs on the merge only")
        proof = Proof(conflict.changes, tuple(commits), commits[-1], Outcome.PROVED, (finding,), ("tests",))
        self.tell(name, ConflictProbed(conflict.id, proof))
        self._plant("semantic conflict past the queue", name, *commits, pages=(f"/conflicts/{conflict.id}",))

    def _contradict(self, one: str, other: str) -> None:
        for name, value in ((one, "60"), (other, "3600")):
            self._edit(name, "Cache pages", "app/settings.py",
                       lambda text, value=value: text + f"\nCACHE_TTL = os.environ.get('CACHE_TTL_SECONDS', '{value}')\n")  # type: ignore[misc]  # fmt: skip
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

    def _edit(
        self, name: str, title: str, path: str, edit: Callable[[str], str], more: Mapping[str, str] | None = None,
        **how: object,
    ) -> Sha:  # fmt: skip
        text = (self.repos[name].path / path).read_text()
        return self._land(name, title, {path: edit(text), **(more or {})}, **how)  # type: ignore[arg-type]

    def _land(self, name: str, title: str, files: Mapping[str, str], *, change: str = "", past: bool = False) -> Sha:
        """A commit on the branch, as the queue records it, or as somebody pushed it."""
        self._number += 1
        repo, change = self.repos[name], change or f"change-{self._number}"
        old = Sha(repo.head)
        new = Sha(repo.commit(title, files))
        entry = Entry(EntryId(f"{change}/1"), ChangeId(change), new, old, title=title, author="ada", is_picked=past)
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
        self._number += 1
        return f"{self.random.choice(_NOUNS)}_{self._number}"

    @staticmethod
    def _begin(name: str) -> dict[str, str]:
        engine = [
            f"def step_{n}(state):\n    if 'k{n}' in state:\n        return state['k{n}'] + {n}\n    return {n}\n\n"
            for n in range(60)
        ]
        return {
            "README.md": f"# {name}\n",
            "app/__init__.py": "",
            "app/pay.py": "def total(prices):\n    return sum(prices)\n",
            "app/text.py": "def slug(s):\n    return s.lower()\n",
            "app/login.py": "def login_page():\n    return 'hello'\n",
            "app/settings.py": "import os\n\nDEBUG = os.environ.get('DEBUG', '')\n",
            "app/stages.py": "def update_stage_field(doc, value):\n    doc.stage = value\n    doc.save()\n",
            "app/engine.py": "# engine\n\n" + "\n".join(engine),
            "app/views.py": "def show(user, doc):\n    if doc.owner_id != user.id:\n        raise PermissionError('not yours')\n    return doc.text\n",
            "app/migrations/__init__.py": "",
            "app/migrations/0001_initial.py": "from django.db import migrations\n\n\nclass Migration(migrations.Migration):\n    dependencies = []\n    operations = []\n",
            "tests/test_pay.py": "from app.pay import total\n\n\ndef test_total():\n    assert total([1, 2]) == 3\n    assert total([]) == 0\n",
        }  # fmt: skip
