"""A change's files -> its footprint: what it writes, and what its changed code relies on.

Two stages. Each file is compared with its base on its own (``compare``; depends on two contents only, so callers cache
it). Then the files are read together: symbols that moved between files are joined, and the references inside changed
symbols are resolved in the change's own view of the tree. Everything is named in base coordinates, so that footprints
of different changes can be laid over each other.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence

import msgspec

from watchkeeper.code.changed_file import Bodies, ChangedFile
from watchkeeper.code.comparison.moves import drop_mere_renames, find_moves
from watchkeeper.code.comparison.sides import FileVersion
from watchkeeper.code.comparison.symbols import Comparison, FileDelta
from watchkeeper.code.index import ProjectIndex, display_name
from watchkeeper.code.languages import find_language
from watchkeeper.code.linediff import hunks as line_hunks
from watchkeeper.code.resolution import Outcome, Target
from watchkeeper.code.resolve import Resolver
from watchkeeper.code.resources.of_change import Resources, read_change
from watchkeeper.code.resources.touches import places_not_analysed, touches_of
from watchkeeper.model.footprint import Aspect, Confidence, Edit, FileTouch, Footprint, Read, TouchKind, Write
from watchkeeper.model.ids import ChangeId, SymbolKey
from watchkeeper.model.reading import CallShape, Form, Reading, Reference, Span, Status, Symbol, SymbolKind

_MOST_REFERENCES = 20_000
_TEST_PATH = re.compile(
    r"(^|/)(tests?|__tests__|testing)/|(^|/)(test_[^/]*|tests|conftest)\.py$|_test\.(py|go)$|\.(test|spec)\.[cm]?[jt]sx?$"
)


ReadMemory = MutableMapping[tuple[str, ...], tuple[Read, ...]]
"""What the files of one change were found to rely on, by everything that it depends on but the base tree."""


def compare_file(file: ChangedFile) -> FileDelta:
    """What happened in one file. Depends on the file's two versions only: cache it by their digests."""
    language = find_language(file.place)
    if file.is_binary or language is None or (file.base_reading is None and file.now_reading is None):
        hunks = () if file.is_binary else line_hunks(file.base or b"", file.now or b"")
        return FileDelta(writes=(), hunks=hunks)
    if (file.now is not None and file.now_reading is None) or (file.base is not None and file.base_reading is None):
        return FileDelta(writes=(), hunks=line_hunks(file.base or b"", file.now or b""))
    return Comparison(
        language,
        _version(file.base_path, file.base, file.base_reading),
        _version(file.now_path, file.now, file.now_reading),
    ).delta()


def build_footprint(
    change: ChangeId,
    files: Sequence[ChangedFile],
    deltas: Sequence[FileDelta],
    index: ProjectIndex,
    *,
    bodies: Bodies,
    memory: ReadMemory | None = None,
    resources: Resources | None = None,
) -> Footprint:
    """The footprint of a change. ``deltas`` belong to ``files`` one by one; ``index`` is its merge base's.

    With ``memory`` (one for each change and base) a file is read again only when its own contents changed, or what the
    change's files define: an edit inside a function body costs that file alone. ``resources`` does the same for what
    the files touch outside the code.
    """
    view = index.overlay(
        {file.now_path: file.now_reading for file in files if file.now_path is not None},
        gone=[
            file.base_path
            for file in files
            if file.base_path is not None and file.base_path != file.now_path and file.kind is not TouchKind.ADDED
        ],
    )
    moved = find_moves([write for delta in deltas for write in delta.writes])
    texts = [(file.path, delta.texts) for file, delta in zip(files, deltas, strict=True)]
    writes = _named(drop_mere_renames(moved, texts), view)
    reader = _Reader(view, index, bodies, files, writes)
    reads = list(reader.overrides(writes))
    shape = _shape(files, writes) if memory is not None else ""
    for file, delta in zip(files, deltas, strict=True):
        place = (file.path, file.place, file.digest, shape)
        known = memory.get(place) if memory is not None and file.digest else None
        if known is None:
            known = tuple(reader.read_file(file, delta))
        if memory is not None and file.digest:
            for stale in [other for other in memory if other[:2] == place[:2]]:
                del memory[stale]
            memory[place] = known
        reads.extend(known)
    touched = read_change(files, deltas, (index, view), bodies, resources or Resources())
    return Footprint(
        change=change,
        writes=writes,
        reads=tuple(_strongest(reads)),
        files=tuple(_touch(file, delta) for file, delta in zip(files, deltas, strict=True)),
        resources=touches_of(touched),
        not_analysed=places_not_analysed(touched),
    )


def _shape(files: Sequence[ChangedFile], writes: Sequence[Write]) -> str:
    """A digest of what the change's files define: names, types, imports; not where, and not their bodies."""
    parts: list[object] = [(w.key, w.edit.value, w.successor) for w in writes]
    for file in files:
        parts.append((file.base_path, file.now_path))
        if file.now_reading is None:
            continue
        for symbol in file.now_reading.symbols:
            what = (symbol.qualname, symbol.kind, symbol.bases, symbol.decorators, symbol.type, symbol.signature)
            parts.append(what)
        parts += [(i.local, i.module, i.level, i.name, i.scope) for i in file.now_reading.imports]
        parts += [(e.public, e.local, e.module) for e in file.now_reading.exports]
        parts.append(file.now_reading.whole)
    try:
        told = msgspec.msgpack.encode(parts)
    except UnicodeEncodeError:  # a file's name that is no text
        told = repr(parts).encode("ascii", "backslashreplace")
    return hashlib.blake2b(told, digest_size=12).hexdigest()


def is_test_path(path: str) -> bool:
    """Whether the file holds tests, by the conventions of pytest, jest and their kin."""
    return _TEST_PATH.search(path) is not None


class _Reader:
    """Resolves the references of changed symbols in the change's view."""

    def __init__(
        self,
        view: ProjectIndex,
        index: ProjectIndex,
        bodies: Bodies,
        files: Sequence[ChangedFile],
        writes: Sequence[Write],
    ) -> None:
        self._view = view
        self._index = index
        self._bodies = bodies
        self._resolver = Resolver(view)
        self._base_resolver = Resolver(index)
        self._to_base = {f.now_path: f.base_path for f in files if f.now_path and f.base_path}
        self._own = {write.key for write in writes if write.edit is Edit.ADDED}
        self._written = {write.key for write in writes}
        self._predecessors = {w.successor: w.key for w in writes if w.successor is not None}
        # Only annotated, or only following a rename: what they always relied on is no reliance of this change.
        self._quiet = {w.key for w in writes if w.edit is Edit.MODIFIED and w.aspects <= {Aspect.ANNOTATIONS}}
        self._left = _MOST_REFERENCES
        self._names: dict[SymbolKey, str] = {}
        self._base_symbols: dict[str, dict[str, Symbol]] = {}

    def read_file(self, file: ChangedFile, delta: FileDelta) -> Iterator[Read]:
        """All reliances of the file's changed symbols and new imports."""
        if file.now_reading is None or file.now_path is None or file.now is None:
            return
        lines = file.now.splitlines()
        old = {s.qualname: s for s in file.base_reading.symbols} if file.base_reading else {}
        touched = tuple((h.now_start, h.now_start + max(h.now_count, 1) - 1) for h in delta.hunks)
        changed = {w.key.qualname for w in delta.writes if w.edit in (Edit.ADDED, Edit.MODIFIED) and not w.imports}
        for symbol in file.now_reading.symbols:
            if symbol.qualname not in changed and symbol.qualname:
                continue
            for reference, is_new in _aged(symbol, self._counterpart(file, symbol, old)):
                if symbol.qualname not in changed and not (is_new and reference.form is Form.IMPORT):
                    continue
                if not is_new and SymbolKey(file.path, symbol.qualname) in self._quiet:
                    continue
                distance = _distance(reference.line, touched)
                yield from self._reads(file.now_path, symbol, reference, is_new=is_new, near=(distance, lines))

    def overrides(self, writes: Sequence[Write]) -> Iterator[Read]:
        """A method that is added or altered relies on the method that it overrides."""
        for write in writes:
            if write.kind not in (SymbolKind.METHOD, SymbolKind.PROPERTY) or not write.after:
                continue
            for target in self._resolver.overridden(write.path, write.key.qualname):
                yield self._read(
                    target=Target(target, Confidence.SURE),
                    by=write.key,
                    path=write.path,
                    line=write.after[0][0],
                    text=write.text,
                    form=Form.OVERRIDE,
                    is_new=write.edit is Edit.ADDED,
                    distance=0,
                )
                break

    def _counterpart(self, file: ChangedFile, symbol: Symbol, old: Mapping[str, Symbol]) -> Symbol | None:
        """The same symbol in the base, also where it had another name or stood in another file."""
        known = old.get(symbol.qualname)
        if known is not None or file.now_path is None:
            return known
        before = self._predecessors.get(SymbolKey(file.now_path, symbol.qualname))
        if before is None:
            return None
        return self._base_symbol(before)

    def _base_symbol(self, key: SymbolKey) -> Symbol | None:
        """A symbol of the base with its references."""
        known = self._base_symbols.get(key.path)
        if known is None:
            reading = self._bodies(key.path)
            known = self._base_symbols[key.path] = {s.qualname: s for s in reading.symbols} if reading else {}
        return known.get(key.qualname)

    def _reads(
        self, path: str, symbol: Symbol, reference: Reference, *, is_new: bool, near: tuple[int, Sequence[bytes]]
    ) -> Iterator[Read]:
        distance, lines = near
        self._left -= 1
        if self._left < 0 and not is_new:
            return
        found = self._resolver.resolve(path, symbol.qualname, reference.chain, reference.form)
        by = SymbolKey(self._to_base.get(path) or path, symbol.qualname)
        text = _text(lines, reference.line)
        for target in found.targets:
            key = self._in_base(target.key)
            if key == by or (key in self._own and not target.absent):
                continue
            read = self._read(
                target=target._replace(key=key),
                by=by,
                path=path,
                line=reference.line,
                text=text,
                form=reference.form,
                is_new=is_new,
                distance=distance,
                call=reference.call,
            )
            yield read
            if found.outcome is Outcome.RESOLVED and not target.absent and key not in self._written:
                yield from self._followed(read)

    def _followed(self, read: Read) -> Iterator[Read]:
        """What an operator or property reaches through unchanged code: the writer of ``with x`` never sees a call."""
        if read.form is not Form.PROTOCOL or read.confidence is not Confidence.SURE:
            return
        symbol = self._base_symbol(read.target)
        for reference in symbol.references if symbol else ():
            if reference.form is not Form.CALL:
                continue
            found = self._base_resolver.resolve(read.target.path, read.target.qualname, reference.chain, Form.CALL)
            for target in found.targets:
                if not target.absent and target.confidence is Confidence.SURE and target.key != read.by:
                    yield msgspec.structs.replace(
                        read,
                        target=target.key,
                        via=(read.target,),
                        call=None,
                        fan_in=self._index.fan_in(target.key.qualname.rpartition(".")[2]),
                    )

    def _read(
        self,
        *,
        target: Target,
        by: SymbolKey,
        path: str,
        line: int,
        text: str,
        form: Form,
        is_new: bool,
        distance: int,
        call: CallShape | None = None,
    ) -> Read:
        return Read(
            target=target.key,
            by=by,
            by_name=self._name(by),
            path=path,
            line=line,
            text=text,
            form=form,
            confidence=target.confidence,
            is_new=is_new,
            distance=distance,
            call=call,
            absent=target.absent,
            fan_in=self._index.fan_in(target.key.qualname.rpartition(".")[2]),
            is_test=is_test_path(path),
        )

    def _in_base(self, key: SymbolKey) -> SymbolKey:
        before = self._predecessors.get(key)
        if before is not None:
            return before
        return SymbolKey(self._to_base.get(key.path) or key.path, key.qualname)

    def _name(self, key: SymbolKey) -> str:
        name = self._names.get(key)
        if name is None:
            name = self._names[key] = display_name(key, self._view.paths)
        return name


def _aged(symbol: Symbol, before: Symbol | None) -> Iterator[tuple[Reference, bool]]:
    """Each reference of the symbol, and whether the base's version had none like it there."""
    known = Counter(_use(reference) for reference in before.references) if before is not None else Counter()
    now = Counter(_use(reference) for reference in symbol.references)
    for reference in symbol.references:
        use = _use(reference)
        yield reference, now[use] > known[use]


def _use(reference: Reference) -> tuple[object, ...]:
    return reference.chain, reference.form, reference.call


def _strongest(reads: Iterable[Read]) -> Iterable[Read]:
    """One read for each use that differs in what it relies on: the nearest to a changed line, new before old."""
    best: dict[tuple[object, ...], Read] = {}
    for read in reads:
        place = (read.target, read.by, read.form, read.call, read.absent)
        known = best.get(place)
        if known is None or (read.is_new, -read.distance) > (known.is_new, -known.distance):
            best[place] = read
    return best.values()


def _named(writes: Iterable[Write], view: ProjectIndex) -> tuple[Write, ...]:
    return tuple(
        msgspec.structs.replace(
            write,
            name=display_name(SymbolKey(write.key.path, write.name), view.paths),
            is_test=is_test_path(write.path),
        )
        for write in writes
    )


def _touch(file: ChangedFile, delta: FileDelta) -> FileTouch:
    language = find_language(file.place)
    reading = file.now_reading
    unknown = file.unknown
    is_code = language is not None and file.now is not None and not file.is_binary
    if is_code and not unknown and (reading is None or reading.status is not Status.PARSED):
        unknown = (reading.reason if reading else "") or "not readable"
    before = file.base_reading
    return FileTouch(
        path=file.path,
        now_path=file.place,
        kind=file.kind,
        hunks=delta.hunks,
        is_binary=file.is_binary,
        mode_changed=file.mode_changed,
        digest=file.digest,
        unknown=unknown,
        was_unknown=is_code and file.base is not None and (before is None or before.status is not Status.PARSED),
        language=language.name if language else "",
    )


def _version(path: str | None, source: bytes | None, reading: Reading | None) -> FileVersion | None:
    if path is None or source is None or reading is None:
        return None
    return FileVersion(path=path, source=source, reading=reading)


def _distance(line: int, touched: Sequence[Span]) -> int:
    """Lines to the nearest changed line; 0 on one."""
    return min((max(first - line, line - last, 0) for first, last in touched), default=1_000)


def _text(lines: Sequence[bytes], number: int) -> str:
    return lines[number - 1].decode("utf-8", "replace").strip()[:160] if 0 < number <= len(lines) else ""
