"""text: git itself cannot merge the two trees, or a file is changed by both that nobody can look into."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from watchkeeper.conflicts.pair import OVERWRITTEN, Pair, Party, TextClash, make_conflict, short
from watchkeeper.model.conflicts import Conflict, Evidence, Kind, Severity
from watchkeeper.model.footprint import Confidence, FileTouch, TouchKind, Write
from watchkeeper.model.reading import Span

RULE = "text"
_MOST_SUBJECTS = 4
_QUIET_SUFFIXES = frozenset({".md", ".rst", ".txt", ".lock", ".po", ".snap", ".csv", ".svg", ".adoc"})
_QUIET_NAMES = frozenset({"authors", "changelog", "changes", "contributors", "package-lock.json", "news", "history"})


def find_text(pair: Pair) -> Iterator[Conflict]:
    """One conflict for each path that git cannot merge, then one for each shared file that could not be read."""
    clashing = set()
    for clash in sorted(pair.clashes, key=lambda clash: clash.path):
        clashing.add(clash.path)
        yield _clash(pair, clash)
    for path in sorted(pair.first.files.keys() & pair.second.files.keys() - clashing):
        one, two = pair.first.files[path], pair.second.files[path]
        if one.digest and one.digest == two.digest:
            continue
        if (one.unknown or two.unknown) and not (one.is_binary or two.is_binary):
            yield _unreadable(pair, path, one, two)


def _clash(pair: Pair, clash: TextClash) -> Conflict:
    if clash.kind == "modify/delete":
        subjects = _shared_first(_edited(pair.first, clash.path), _edited(pair.second, clash.path))
    else:
        subjects = _shared_first(
            _symbols_at(pair.first, clash.path, clash.ours), _symbols_at(pair.second, clash.path, clash.theirs)
        )
    where = short(subjects[0]) if subjects else clash.path
    said = _said_overwritten(pair, clash, where) if clash.kind == OVERWRITTEN else _said_unmerged(pair, clash, where)
    quiet = is_quiet_path(clash.path) or clash.path in pair.popular
    return make_conflict(
        kind=Kind.TEXT,
        rule=RULE,
        severity=Severity.MINOR if quiet else Severity.MAJOR,
        confidence=Confidence.SURE,
        parties=(pair.first, pair.second),
        keys=(clash.path,),
        subjects=(*subjects, clash.path),
        summary=said.summary,
        why=said.why,
        evidence=(
            _shown(pair.first, clash, clash.ours, clash.our_text),
            _shown(pair.second, clash, clash.theirs, clash.their_text),
        ),
        next_step=said.next_step,
    )


class _Said(NamedTuple):
    summary: str
    why: str
    next_step: str


def _said_unmerged(pair: Pair, clash: TextClash, where: str) -> _Said:
    return _Said(
        f"{pair.first.label} and {pair.second.label} cannot be merged by git in {where}",
        f"git: {clash.kind} in {clash.path}",
        "land one of them, then rebase the other and merge this place by hand",
    )


def _said_overwritten(pair: Pair, clash: TextClash, where: str) -> _Said:
    first, second = pair.first.label, pair.second.label
    if clash.ours and clash.theirs:
        summary = f"{first} and {second} wrote over each other's lines in {where}"
    elif clash.ours:
        summary = f"{second} took out lines that {first} had written in {where}"
    else:
        summary = f"{first} took out lines that {second} had written in {where}"
    why = f"they share a checkout, so {clash.path} holds only what was saved last"
    return _Said(summary, why, "have whoever wrote the lines look whether they are still needed")


def _unreadable(pair: Pair, path: str, one: FileTouch, two: FileTouch) -> Conflict:
    reason = one.unknown or two.unknown
    blind = pair.first if one.unknown else pair.second
    never_read = one.was_unknown and two.was_unknown
    return make_conflict(
        kind=Kind.TEXT,
        rule="unread",
        severity=Severity.INFO if never_read else Severity.MINOR,
        confidence=Confidence.POSSIBLE,
        parties=(pair.first, pair.second),
        keys=(path,),
        subjects=(path,),
        summary=f"{pair.first.label} and {pair.second.label} both change {path}, which cannot be read"
        f"{', nor could it before' if never_read else ' at the moment'}",
        why=f"{blind.label}'s version: {reason}; what cannot be read is never called free of conflicts",
        evidence=[
            Evidence(change=party.id, path=touch.now_path, line=touch.hunks[0].now_start if touch.hunks else 1, text="")
            for party, touch in ((pair.first, one), (pair.second, two))
        ],
        next_step=f"look at both edits of {path}" if never_read else f"make {path} parse again in {blind.label}",
    )


def is_quiet_path(path: str) -> bool:
    """Whether a clash in this file costs a minute, not an afternoon: prose, changelogs, lock files."""
    name = PurePosixPath(path)
    return name.suffix.lower() in _QUIET_SUFFIXES or name.stem.lower() in _QUIET_NAMES or name.name in _QUIET_NAMES


def _shared_first(one: Sequence[str], two: Sequence[str]) -> tuple[str, ...]:
    """What both sides name first, then the rest; a few, whichever side is which."""
    ordered = sorted({*one, *two}, key=lambda name: (name not in one or name not in two, -name.count("."), name))
    return tuple(ordered[:_MOST_SUBJECTS])


def _symbols_at(party: Party, path: str, spans: tuple[Span, ...]) -> tuple[str, ...]:
    """The written symbols that hold the clashing lines, innermost first."""
    found: list[Write] = [
        write
        for write in party.footprint.writes
        if write.key.path == path and write.key.qualname and not write.imports and _meets(write.hunks, spans)
    ]
    found.sort(key=lambda write: (-write.key.qualname.count("."), write.line))
    return tuple(dict.fromkeys(write.name for write in found))


def _edited(party: Party, path: str) -> tuple[str, ...]:
    """What a side changes in a file that it does not delete."""
    touch = party.files.get(path)
    if touch is None or touch.kind is TouchKind.DELETED:
        return ()
    return tuple(w.name for w in party.footprint.writes if w.key.path == path and w.key.qualname and not w.imports)


def _meets(one: tuple[Span, ...], two: tuple[Span, ...]) -> bool:
    return any(a[0] <= b[1] and b[0] <= a[1] for a in one for b in two)


def _shown(party: Party, clash: TextClash, spans: tuple[Span, ...], text: str) -> Evidence:
    touch = party.files.get(clash.path)
    place = touch.now_path if touch is not None else clash.path
    first = spans[0][0] if spans else (touch.hunks[0].now_start if touch is not None and touch.hunks else 1)
    return Evidence(change=party.id, path=place, line=max(1, first), text=text, note=clash.kind)
