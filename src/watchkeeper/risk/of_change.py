"""A change -> what is known of it: everything that ``risk.assess`` weighs. Pure, and total: whatever cannot be looked
at is said in ``could_not``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from functools import partial

import msgspec

from watchkeeper.code.changed_file import ChangedFile
from watchkeeper.code.resources.dependencies import is_lock
from watchkeeper.code.tree import SourceTree
from watchkeeper.model.footprint import Edit, Footprint
from watchkeeper.model.reading import CALLABLES
from watchkeeper.risk.claims import TestFile
from watchkeeper.risk.dependents import altered_symbols
from watchkeeper.risk.facts import FileFacts, RiskFacts, Role
from watchkeeper.risk.files import file_facts, role_of
from watchkeeper.risk.left_out import find_left_out
from watchkeeper.risk.loosened import find_loosened
from watchkeeper.risk.python_tests import find_unchanged, read_python_tests
from watchkeeper.risk.script_tests import read_script_tests
from watchkeeper.risk.sensitive import Globs, find_touched
from watchkeeper.risk.surface import find_surface
from watchkeeper.risk.untested import Executed, find_untested
from watchkeeper.risk.weakened import Surroundings, TestVersions, find_weakened

_MOST_PLACES = 5


def facts_of(
    files: Sequence[ChangedFile],
    footprint: Footprint,
    base: SourceTree,
    *,
    executed: Executed | None = None,
    sensitive: Globs | None = None,
    intent: str = "",
) -> RiskFacts:
    """The facts of one change.

    ``files`` are the changed files with both contents, ``footprint`` what they come to, ``base`` the tree of the merge
    base. ``executed``: the lines of the change's text that tests executed; None where none ran. ``sensitive``: areas
    of the user's own, as globs. ``intent``: what the change was asked to do.
    """
    files = _without_spared(files, footprint)
    facts = _with_functions(file_facts(files, footprint), files, base)
    both = list(zip(files, facts, strict=True))
    altered, unsearched = altered_symbols(footprint, base)
    untested, untraced = find_untested(both, executed) if executed is not None else (None, ())
    versions, unread = _tests(files)
    missed = [*_unread(footprint, both), *unread, *unsearched, *untraced, *_unnamed(footprint)]
    if executed is None and any(each.role is Role.CODE and each.changed for each in facts):
        missed.append("which changed lines tests execute: no tests were run for this")
    return RiskFacts(
        files=facts,
        altered=altered,
        untested=untested,
        touched=find_touched(both, footprint, sensitive or {}),
        weakened=(
            *find_weakened(versions, _surroundings(footprint)),
            *find_loosened(files),
            *find_left_out(files, base),
        ),
        surface=find_surface(files, footprint, base),
        intent=intent,
        could_not=tuple(dict.fromkeys(missed)),
    )


def _with_functions(
    facts: Sequence[FileFacts], files: Sequence[ChangedFile], base: SourceTree
) -> tuple[FileFacts, ...]:
    """The same with how many functions each changed file of code had."""
    found = []
    for each, file in zip(facts, files, strict=True):
        is_asked = each.role is Role.CODE and each.changed and file.base_path is not None
        reading = base.reading(file.base_path) if is_asked and file.base_path is not None else None
        count = sum(symbol.kind in CALLABLES for symbol in reading.symbols) if reading is not None else 0
        found.append(msgspec.structs.replace(each, functions=count) if count else each)
    return tuple(found)


def _without_spared(files: Sequence[ChangedFile], footprint: Footprint) -> Sequence[ChangedFile]:
    """Those that the footprint knows of: both come from one look at the change."""
    known = {touch.now_path for touch in footprint.files}
    return [file for file in files if file.place in known]


def _surroundings(footprint: Footprint) -> Surroundings:
    renamed, deleted, altered = {}, set(), set()
    for write in footprint.writes:
        old = write.key.qualname.rpartition(".")[2]
        if not old or write.is_test:
            continue
        altered.add(old)
        new = write.successor.qualname.rpartition(".")[2] if write.successor is not None else old
        if write.edit is Edit.RENAMED and new != old:
            renamed[old] = new
        elif write.edit is Edit.DELETED and not write.reachable:
            deleted.add(old)
    added = {w.key.qualname.rpartition(".")[2] for w in footprint.writes if w.edit is Edit.ADDED and not w.is_test}
    return Surroundings(renamed, frozenset(deleted - added), frozenset(altered | added))


# -- tests ---------------------------------------------------------------------------------------------------------


def _tests(files: Sequence[ChangedFile]) -> tuple[list[TestVersions], list[str]]:
    found, missed = [], []
    for file in files:
        if file.is_binary or role_of(file.place, file.now) is not Role.TEST or file.base == file.now:
            continue
        spared = _unchanged(file)
        sides = [_read(path, text, spared) for path, text in ((file.base_path, file.base), (file.now_path, file.now))]
        wanted = [source is not None for source in (file.base, file.now)]
        if file.unknown or any(want and side is None for want, side in zip(wanted, sides, strict=True)):
            if _reader(file.place) is not None or file.place.endswith((".go", ".rs", ".rb", ".java", ".kt", ".php")):
                missed.append(f"whether the tests of {file.place} say less than they did: it could not be read")
            continue
        found.append(TestVersions(file.base_path or file.place, file.now_path or file.place, *sides))
    return found, missed


def _unchanged(file: ChangedFile) -> frozenset[str]:
    """The tests of which nothing has to be read."""
    is_python = all(path is not None and path.endswith(".py") for path in (file.base_path, file.now_path))
    if not is_python or file.base is None or file.now is None:
        return frozenset()
    return find_unchanged(file.base, file.now)


def _read(path: str | None, source: bytes | None, without: AbstractSet[str]) -> TestFile | None:
    reader = _reader(path, without) if path is not None else None
    return reader(path, source) if reader is not None and path is not None and source is not None else None


def _reader(path: str, without: AbstractSet[str] = frozenset()) -> Callable[[str, bytes], TestFile | None] | None:
    if path.endswith(".py"):
        return partial(read_python_tests, without=without)
    return read_script_tests if path.endswith((".js", ".jsx", ".mjs", ".cjs", ".ts", ".tsx", ".mts", ".cts")) else None


# -- what could not be looked at -----------------------------------------------------------------------------------


def _unread(footprint: Footprint, files: Sequence[tuple[ChangedFile, FileFacts]]) -> Iterator[str]:
    told = {touch.now_path: touch for touch in footprint.files}
    for file, facts in files:
        touch = told[file.place]
        if touch.unknown:
            yield f"what {file.place} changes: {touch.unknown}"
        elif file.is_binary and facts.role is not Role.PROSE:
            yield f"what {file.place} changes: it is binary"
        elif facts.role is Role.CODE and facts.changed and not touch.language:
            yield f"what {file.place} changes: no language reads it, only its lines were counted"


def _unnamed(footprint: Footprint) -> Iterator[str]:
    places = [(path, place) for path, place in footprint.not_analysed if not is_lock(path)]
    for path, place in places[:_MOST_PLACES]:
        yield f"which {place.kind.value} {path}:{place.line} touches: {place.reason}"
    if len(places) > _MOST_PLACES:
        yield f"what {len(places) - _MOST_PLACES} more places touch outside the code"
