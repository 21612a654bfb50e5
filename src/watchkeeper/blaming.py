"""Composition root of attribution: joins what runs in a database with the hub, the deployed code, and the record.

Nothing here is asked on the watch's own thread: git blocks, and an index of a large project takes seconds, which a
process of its own spends.
"""

from __future__ import annotations

import os
import re
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from watchkeeper.app import Analysis, Place, find_log, find_place, open_analysis, open_cache
from watchkeeper.code.collector import paused_collector
from watchkeeper.code.languages import languages
from watchkeeper.database.codeindex import FORMAT, CodeIndex, read_index
from watchkeeper.database.ledger import KINDS, Ledger, read_ledger
from watchkeeper.database.sources import Work, Written
from watchkeeper.database.tracing import Tracing
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.ids import Sha
from watchkeeper.model.incident_state import IncidentState, fold_incidents
from watchkeeper.model.landing import EntryId
from watchkeeper.record.cache import ReadingCache, ReadingKey
from watchkeeper.repos.blame import CommitSaid, added_lines, blame_lines, read_said
from watchkeeper.repos.hub import Hub
from watchkeeper.sandbox.companion import Companion, receive, send
from watchkeeper.watch.hubtrees import HubTrees

_ENTRY = "watchkeeper.blaming:serve"
_HEX = re.compile(r"[0-9a-f]{7,64}")
_FEW = 400
"""A tree of so few files that can speak to a database is read here and now: a process takes longer to start."""
_PATIENCE_S = 4.0
_MOST_INDEXES = 4
_MOST_SAID = 2_000
_MOST_LEFT = 4
_INCIDENT_KINDS = ("incident-opened", "incident-changed", "incident-ended", "revision-deployed")


class HubCode:
    """The project's code at any commit, as the database sees it. Safe for threads; close it."""

    def __init__(
        self, place: Place, analysis: Analysis, cache: ReadingCache, *, patience_s: float = _PATIENCE_S
    ) -> None:
        self._place, self._analysis, self._cache, self._patience_s = place, analysis, cache, patience_s
        self._known: OrderedDict[Sha, CodeIndex] = OrderedDict()
        self._builds: dict[Sha, _Build] = {}
        self._paths: OrderedDict[Sha, frozenset[str]] = OrderedDict()
        self._guard = threading.Lock()

    def resolve(self, revision: str) -> Sha | None:
        """What a tag or a person calls a revision: a commit's id, whole or shortened. No names: they move."""
        if not _HEX.fullmatch(revision):
            return None
        for repository in (self._place.repository, self._analysis.hub.repository):
            with suppress(WatchkeeperError):
                found = repository.find_commit(revision)
                if found is not None and found.startswith(revision):
                    return found
        return None

    def find_path(self, revision: Sha, path: str) -> str | None:
        """The file of that name, or the only one whose name ends with it."""
        paths = self._paths_of(revision)
        if path in paths:
            return path
        found = [each for each in paths if each.endswith(f"/{path}")] if path else []
        return found[0] if len(found) == 1 else None

    def index(self, revision: Sha) -> CodeIndex | None:
        """The index of a revision, from memory or cache, else made; None where that takes longer than the patience.

        It is made on meanwhile: the next who asks has it.
        """
        with self._guard:
            if revision in self._known:
                self._known.move_to_end(revision)
                return self._known[revision]
        try:
            tree = self._analysis.hub.objects.tree_of(revision)
            kept = _find_kept(self._cache, tree)
            found = kept if kept is not None else self._make(revision, tree)
        except WatchkeeperError:
            return None
        if found is not None:
            with self._guard:
                self._known[revision] = found
                while len(self._known) > _MOST_INDEXES:
                    self._known.popitem(last=False)
        return found

    def close(self) -> None:
        """End what still is made."""
        with self._guard:
            builds, self._builds = list(self._builds.values()), {}
        for build in builds:
            build.kill()

    def _make(self, revision: Sha, tree: Sha) -> CodeIndex | None:
        few = sum(path.endswith((".py", ".ts", ".tsx", ".js")) for path in self._paths_of(revision)) <= _FEW
        if few:
            return build_index(self._analysis, self._cache, revision)
        with self._guard:
            build = self._builds.get(revision)
            if build is None or build.has_failed:
                build = self._builds[revision] = _Build(self._place, revision)
        if not build.wait(self._patience_s):
            return None
        with self._guard:
            self._builds.pop(revision, None)
        return _find_kept(self._cache, tree)

    def _paths_of(self, revision: Sha) -> frozenset[str]:
        with self._guard:
            if revision in self._paths:
                return self._paths[revision]
        paths = frozenset(self._analysis.hub.repository.tree_files(revision))
        with self._guard:
            self._paths[revision] = paths
            while len(self._paths) > _MOST_INDEXES:
                self._paths.popitem(last=False)
        return paths


class HubBlame:
    """Who wrote a line: git's blame at the revision that runs, then trailers, then the record. Safe for threads."""

    def __init__(self, hub: Hub, read: Callable[[], Ledger]) -> None:
        self._hub, self._read = hub, read
        self._said: OrderedDict[Sha, CommitSaid] = OrderedDict()
        self._guard = threading.Lock()

    def written(self, revision: Sha, path: str, lines: Iterable[int]) -> Mapping[int, Written]:
        """Who wrote these lines of a file. Raises GitError for a file that the revision does not have."""
        blamed = blame_lines(self._hub, revision, path, lines)
        ledger = self._read() if blamed else Ledger()
        found = {}
        for number, line in blamed.items():
            said = self._say(line.commit)
            works = self._works(ledger, said, path, line.text)
            found[number] = Written(number, line.text, line.commit, said.subject, said.author, works)
        return found

    def is_before(self, old: Sha, new: Sha) -> bool:
        """Whether ``new`` has ``old`` in its history, itself included."""
        return self._hub.repository.is_ancestor(old, new)

    def works_of(self, commit: Sha, path: str = "", text: str = "") -> tuple[Work, ...]:
        """Whose work a commit is; of a landing of several, theirs alone who added that text. Raises GitError."""
        return self._works(self._read(), self._say(commit), path, text)

    def _works(self, ledger: Ledger, said: CommitSaid, path: str, text: str) -> tuple[Work, ...]:
        entries = self._entries(ledger, said, path, text)
        recorded = tuple(ledger.work_of(each) for each in entries)
        trailers = tuple(ledger.with_trailers(Work(each.agent, each.issue, each.engagement, by="trailers"))
                         for each in said.credits)  # fmt: skip
        if not trailers:
            return recorded
        if len(recorded) == 1:  # what the trailers leave out the record may know
            only = recorded[0]
            fill = only if len(trailers) == 1 else Work()
            return tuple(
                msgspec.structs.replace(
                    each,
                    agent=each.agent or fill.agent,
                    issue=each.issue or fill.issue,
                    engagement=each.engagement or fill.engagement,
                    change=only.change,
                    before=only.before,
                )
                for each in trailers
            )
        return trailers

    def _entries(self, ledger: Ledger, said: CommitSaid, path: str, text: str) -> Sequence[EntryId]:
        """The entries that may have brought a commit. A trailer is believed within a landing of ours alone."""
        try:
            landing = ledger.landing_of(said.sha, self.is_before)
        except WatchkeeperError:
            return ()
        if landing is None:
            return ()
        named = [EntryId(each) for each in said.entries if each in landing.entries]
        left = named or list(landing.entries)
        if len(left) == 1:
            return left
        own = [each for each in left if self._has(ledger, each, said.sha)]
        if not own:
            own = [each for each in left if self._adds(ledger, each, path, text)]
        return (own or left)[:_MOST_LEFT]

    def _has(self, ledger: Ledger, entry: EntryId, commit: Sha) -> bool:
        """Whether the commit is one of the entry's own."""
        known = ledger.entries.get(entry)
        if known is None:
            return False
        try:
            has = self.is_before(commit, known.head)
            return has and (known.base is None or not self.is_before(commit, known.base))
        except WatchkeeperError:  # it landed long ago, and its own commits are no longer kept
            return False

    def _adds(self, ledger: Ledger, entry: EntryId, path: str, text: str) -> bool:
        """Whether the entry's own commits have the line and its base has not: what a squash of several came from."""
        known = ledger.entries.get(entry)
        if known is None or known.base is None or not text:
            return False
        try:
            return text in added_lines(self._hub, known.base, known.head, path)
        except WatchkeeperError:
            return False

    def _say(self, commit: Sha) -> CommitSaid:
        with self._guard:
            if commit in self._said:
                return self._said[commit]
        said = read_said(self._hub, commit)
        with self._guard:
            self._said[commit] = said
            while len(self._said) > _MOST_SAID:
                self._said.popitem(last=False)
        return said


class RecordedDeployments:
    """What was said to run, as the record has it at the moment. ``environment`` ``""``: the only one there is."""

    def __init__(self, place: Place, environment: str = "", *, ask: Callable[[], Sha | None] = lambda: None) -> None:
        self._place, self._environment, self._ask = place, environment, ask

    def find(self, database: str) -> Sha | None:
        """As ``watchkeeper deployed`` said, else as the configured command does; None where nobody says."""
        del database  # one database of a project is in one environment
        deployed = read_incidents(self._place).deployed
        known = deployed.get(self._environment)
        if known is None and not self._environment and len(deployed) == 1:
            known = next(iter(deployed.values()))
        return known.revision if known is not None else self._ask()


@contextmanager
def open_tracing(
    place: Place, environment: str = "", *, ask: Callable[[], Sha | None] = lambda: None
) -> Iterator[Tracing]:
    """What traces incidents of the place's databases, closed at the end.

    ``environment`` is where the databases are; ``ask`` is asked what runs where no tag and no record says so. Creates
    the project's folder in the state folder. Raises WatchkeeperError.
    """
    with open_analysis(place) as analysis, open_cache(place.home) as cache:
        code = HubCode(place, analysis, cache)
        try:
            blame = HubBlame(analysis.hub, lambda: read_place_ledger(place))
            yield Tracing(code, blame, RecordedDeployments(place, environment, ask=ask))
        finally:
            code.close()


def read_incidents(place: Place) -> IncidentState:
    """What the project's record says of incidents and deployments now. Raises WatchkeeperError."""
    log = find_log(place.home)
    if log is None:
        return IncidentState()
    with log:
        return fold_incidents(log.read(place.project, kinds=_INCIDENT_KINDS))


def read_place_ledger(place: Place) -> Ledger:
    """What the record says of landings and of who worked on them; of a fleet, what all its hosts do."""
    log = find_log(place.home)
    if log is None:
        return Ledger()
    with log:
        own = list(log.read(place.project, kinds=KINDS))
        shared = list(log.read(place.shared, kinds=KINDS)) if place.shared != place.project else []
        return read_ledger(sorted([*own, *shared], key=lambda each: each.seq))


def build_index(analysis: Analysis, cache: ReadingCache, revision: Sha) -> CodeIndex:
    """The index of a revision, made and kept. Blocks for as long as that takes. Raises GitError."""
    with paused_collector():
        tree = HubTrees(analysis.objects, analysis.readings, analysis.analyst).base(revision)
        index = read_index(tree)
    cache.put_many({_key(analysis.hub.objects.tree_of(revision)): msgspec.msgpack.encode(index)})
    return index


class _Ask(msgspec.Struct, frozen=True):
    """What the other process is to read."""

    folder: str
    revision: str


class _Build:
    """A process that makes one index and keeps it where it can be found; it ends with us."""

    def __init__(self, place: Place, revision: Sha) -> None:
        folder = place.repository.found_at or place.repository.common_dir
        self._process = Companion(_ENTRY)
        self._done = threading.Event()
        self.has_failed = False
        question = msgspec.msgpack.encode(_Ask(os.fsdecode(folder), revision))
        threading.Thread(target=self._run, args=(question,), daemon=True).start()

    def wait(self, patience_s: float) -> bool:
        """Whether it has made the index, within this time."""
        return self._done.wait(patience_s) and not self.has_failed

    def kill(self) -> None:
        self._process.kill()

    def _run(self, question: bytes) -> None:
        try:
            self._process.send(question)
            self.has_failed = self._process.receive() != b"ok"
        except OSError:
            self.has_failed = True
        self._process.end()
        self._done.set()


def serve() -> None:
    """The other process's whole life: one index."""
    question = receive(sys.stdin.buffer)
    if question is None:
        return
    asked = msgspec.msgpack.decode(question, type=_Ask)
    with suppress(OSError):
        os.nice(5)
    place = find_place(Path(asked.folder), os.environ)
    with open_analysis(place) as analysis, open_cache(place.home) as cache:
        build_index(analysis, cache, Sha(asked.revision))
    send(sys.stdout.buffer, b"ok")


def _find_kept(cache: ReadingCache, tree: Sha) -> CodeIndex | None:
    key = _key(tree)
    data = cache.get_many([key]).get(key)
    if data is None:
        return None
    try:
        with paused_collector():
            return msgspec.msgpack.decode(data, type=CodeIndex)
    except msgspec.DecodeError:
        return None


def _key(tree: Sha) -> ReadingKey:
    """Depends on how the languages are read as well."""
    readers = "+".join(f"{each.name}{each.version}" for each in sorted(set(languages().values()), key=lambda e: e.name))
    return ReadingKey(blob=tree, language=readers, version=FORMAT, extent="database")
