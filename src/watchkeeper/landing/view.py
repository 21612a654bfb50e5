"""The queue for people: who is where, tested on top of what, waiting for what since when. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from watchkeeper.landing.evidence import Standing
from watchkeeper.landing.exposed import risk_with
from watchkeeper.landing.head import find_controls
from watchkeeper.landing.line import Cut, find_cuts, in_order
from watchkeeper.landing.queue import Queue
from watchkeeper.landing.waiters import Diagnosis, Place, Waiter, names
from watchkeeper.model.events import Recorded
from watchkeeper.model.exposure import Measured, tells_more
from watchkeeper.model.ids import Millis, Sha
from watchkeeper.model.landing import (
    Bounce,
    Entry,
    EntryBounced,
    EntryId,
    EntryQueued,
    EntryWithdrawn,
    Halt,
    LandingDone,
    LandingEvent,
    LandingIntended,
    Purpose,
    RevertFailed,
    RevertPrepared,
    RunEnded,
    RunId,
    TargetMoved,
    Vanished,
)
from watchkeeper.risk.exposure import describe_measured


class Row(msgspec.Struct, frozen=True):
    """One entry. ``position`` is 1 for who is next, 0 for who is not in the line. ``on`` are the entries that its run
    takes for landed. ``waits_for`` is a clause, ``since`` when that began."""

    id: EntryId
    title: str
    author: str
    place: Place
    position: int
    on: tuple[EntryId, ...]
    waits_for: str
    since: Millis
    risk: int
    queued_at: Millis


class QueueView(msgspec.Struct, frozen=True):
    """``halted`` is why nothing lands, ``broken`` why some do not, where lanes break each other. ``runs`` are the runs
    that go on, in words, with when they began.
    """

    tip: Sha | None
    rows: tuple[Row, ...]
    runs: tuple[tuple[RunId, str, Millis], ...]
    halted: str = ""
    halted_since: Millis = Millis(0)
    broken: tuple[str, ...] = ()


def view_queue(queue: Queue) -> QueueView:
    """Everything that is in the queue, the line first, then quarantine, then who is held."""
    line = queue.waiting()
    cuts = in_order(find_cuts(queue, lanes=True), line)
    order = {each.entry.id: at for at, each in enumerate(_in_line(line, cuts), start=1)}
    rows = [_row(queue, each, order.get(each.entry.id, 0), cuts) for each in queue.entries.values() if _is_here(each)]
    rows.sort(key=lambda row: (row.position == 0, row.place is Place.HELD, row.position, row.queued_at))
    runs = tuple(
        (key, _run_words(run.began.purpose, run.began.candidate.entries), run.since) for key, run in queue.runs.items()
    )
    halted = queue.halted
    broken = tuple(f"{names(each.entries)} break {_first(each.tests)}" for each in queue.broken)
    return QueueView(queue.tip, tuple(rows), runs, halted.reason if halted else "", queue.halted_at, broken)


class Outcome(msgspec.Struct, frozen=True):
    """What became of an entry: ``landed``, ``bounced``, ``withdrawn``, ``held``, or ``waiting``, and for what.

    ``risk`` counts what the newest run of all tests said of the changed lines; ``measured`` says that in sentences.
    """

    id: EntryId
    title: str
    state: str
    reason: str = ""
    commit: Sha | None = None
    partners: tuple[EntryId, ...] = ()
    evidence: tuple[str, ...] = ()
    vanished: tuple[Vanished, ...] = ()
    risk: int = 0
    measured: tuple[str, ...] = ()


def is_decided(queue: Queue, entries: Sequence[EntryId]) -> bool:
    """Nobody but a person can do more for these; for none: everything was looked at."""
    if not entries:
        is_quiet = not queue.runs and queue.intended is None and not queue.diagnoses
        return queue.tip is not None and is_quiet and _is_known(queue)
    why = queue.halted.why if queue.halted is not None else None
    repairs = any(queue.entries[each].priority > 0 for each in entries if each in queue.entries)
    if why in (Halt.PERSON, Halt.CANNOT_RUN) or (why is Halt.RED and not repairs):
        return True
    if queue.landings and queue.landings[-1].is_lane and (queue.diagnoses or not _is_known(queue)):
        return False  # what lanes did together is still asked
    here = [queue.entries[each] for each in entries if each in queue.entries]
    if not queue.diagnoses:
        here = [each for each in here if queue.waits_for_repair(each) is None]
    return not any(each.place in (Place.WAITING, Place.QUARANTINED) for each in here)


def is_begun(queue: Queue) -> bool:
    """The queue took the branch for good as it was, and nothing came to it since."""
    last = queue.landings[-1] if queue.landings else None
    return last is not None and last.old is None and queue.evidence_of(last.tree).standing() is Standing.UNKNOWN


def find_returned(events: Iterable[LandingEvent]) -> tuple[EntryBounced, ...]:
    """What came back and still has to be done: not queued again, and not in the target branch already, in order."""
    found: dict[str, EntryBounced] = {}
    heads: dict[Sha, str] = {}
    for event in events:
        match event:
            case EntryBounced():
                found[event.id.rpartition("/")[0]] = event
                if event.why is Bounce.EMPTY:  # as good as landed
                    found.pop(event.id.rpartition("/")[0])
            case EntryQueued():
                found.pop(event.entry.change, None)
                heads[event.entry.head] = event.entry.change
            case TargetMoved():  # somebody put it there past the queue
                for each in event.adopted:
                    found.pop(heads.get(each.head, ""), None)
            case _:
                pass
    return tuple(found.values())


class Red(msgspec.Struct, frozen=True):
    """What is known of a target branch that fails: ``entries`` break it, the last one is taken out by ``revert``.

    ``also`` are further sets that break it by themselves, for each of which there is a revert of its own.
    ``others_land``: only who has something in common with them waits.
    """

    reason: str
    entries: tuple[EntryId, ...] = ()
    tests: tuple[str, ...] = ()
    revert: Sha | None = None
    no_revert: str = ""
    others_land: bool = False
    also: tuple[tuple[EntryId, ...], ...] = ()


def find_red(queue: Queue, events: Iterable[LandingEvent]) -> Red | None:
    """What the log says of the branch being red, of several sets the one that was named first; None where it is not."""
    is_red = queue.halted is not None and queue.halted.why is Halt.RED
    if not is_red and not queue.broken:
        return None
    reason = queue.halted.reason if queue.halted is not None and is_red else ""
    if not is_red:
        reason = f"lanes fail {_first(queue.broken[-1].tests)} together"
    found = {key: Red(reason, each.entries, each.tests, others_land=not is_red) for key, each in queue.named.items()}
    for event in events:
        match event:
            case RevertPrepared() if event.entry in found:
                found[event.entry] = msgspec.structs.replace(found[event.entry], revert=event.commit)
            case RevertFailed() if event.entry in found:
                found[event.entry] = msgspec.structs.replace(found[event.entry], no_revert=event.reason)
            case _:
                pass
    first, *others = found.values() or (Red(reason, others_land=not is_red),)
    return msgspec.structs.replace(first, also=tuple(each.entries for each in others))


def view_outcome(queue: Queue, entry: Entry, events: Iterable[Recorded]) -> Outcome:
    """Where an entry stands. ``events`` are the log's landing events since it was queued."""
    waiter = queue.entries.get(entry.id)
    vanished: tuple[Vanished, ...] = ()
    measured: Measured | None = None
    found = Outcome(entry.id, entry.title, "waiting")
    intended: LandingIntended | None = None
    for each in events:
        match each.event:
            case EntryQueued() if each.event.entry.id == entry.id:
                vanished = each.event.vanished
            case RunEnded() if (said := each.event.measured.get(entry.id)) is not None:
                measured = said if tells_more(said, measured) else measured
            case LandingIntended():
                intended = each.event
            case LandingDone() if intended is not None and intended.new == each.event.new:
                if entry.id in intended.entries:
                    found = Outcome(entry.id, entry.title, "landed", commit=intended.new)
            case EntryBounced() if each.event.id == entry.id:
                event = each.event
                found = Outcome(
                    entry.id, entry.title, "bounced", event.reason, partners=event.partners, evidence=event.evidence
                )
            case EntryWithdrawn() if each.event.id == entry.id:
                found = Outcome(entry.id, entry.title, "withdrawn", each.event.reason)
            case _:
                pass
    if found.state == "waiting" and waiter is not None:
        row = next((each for each in view_queue(queue).rows if each.id == entry.id), None)
        state = "held" if waiter.place is Place.HELD else "waiting"
        reason = waiter.reason if waiter.place is Place.HELD else row.waits_for if row is not None else ""
        found = Outcome(entry.id, entry.title, state, reason)
    told = describe_measured(measured, entry.exposure)
    return msgspec.structs.replace(found, vanished=vanished, risk=risk_with(entry, measured), measured=told)


def _is_known(queue: Queue) -> bool:
    """The tip was asked everything, or is red."""
    standing = queue.evidence_of(queue.landings[-1].tree).standing(queue.known_red())
    if queue.halted is not None and standing is Standing.FAILS:
        return not find_controls(queue, queue.evidence_of(queue.landings[-1].tree).failing())
    return queue.halted is not None or standing is Standing.PASSES or is_begun(queue)


def _is_here(waiter: Waiter) -> bool:
    return waiter.place in (Place.WAITING, Place.HELD, Place.QUARANTINED)


def _in_line(line: Sequence[Waiter], cuts: Sequence[Cut]) -> list[Waiter]:
    """As it will land: what is being tested keeps its order, the others come behind."""
    spine = cuts[-1].rest if cuts else ()
    place = {entry: at for at, entry in enumerate(spine)}
    return sorted(line, key=lambda each: place.get(each.entry.id, len(spine)))


def _row(queue: Queue, waiter: Waiter, position: int, cuts: Sequence[Cut]) -> Row:
    entry = waiter.entry
    on, waits_for, since = _waits(queue, waiter, cuts)
    return Row(
        entry.id,
        entry.title,
        entry.author,
        waiter.place,
        position,
        on,
        waits_for,
        since,
        risk_with(entry, waiter.measured),
        waiter.since,
    )


def _waits(queue: Queue, waiter: Waiter, cuts: Sequence[Cut]) -> tuple[tuple[EntryId, ...], str, Millis]:
    """On top of what it is tested, what it waits for, and since when."""
    identity = waiter.entry.id
    if waiter.place is Place.HELD:
        return (), f"a person: {waiter.reason}", waiter.since
    diagnosis = queue.diagnoses.get(waiter.diagnosis) if waiter.diagnosis is not None else None
    if diagnosis is not None:
        return _before(diagnosis.entries, identity), _search_words(diagnosis, identity), diagnosis.since
    broken = queue.waits_for_repair(waiter)
    if broken is not None:
        return (), f"a repair of {names(broken.entries)}, which break {_first(broken.tests)}", waiter.since
    cut = next((each for each in cuts if identity in each.rest), None)
    if cut is None:
        return (), "a free slot" if queue.halted is None else "landing to go on", waiter.since
    run = queue.runs.get(cut.run) if cut.run is not None else None
    others = tuple(each for each in cut.rest if each != identity)
    along = f" together with {names(others)}" if others else ""
    on = _before(cut.rest, identity)
    if run is not None:
        return on, f"its run{along}", run.since
    if queue.halted is not None and waiter.priority <= 0:
        return on, f"landing to go on{along}", waiter.since
    failed = queue.evidence_of(cut.tree).failing(cut.red)
    match cut.standing:
        case Standing.SUSPECT:
            return on, f"a second run of what failed{along}: {_first(failed)}", waiter.since
        case Standing.FAILS:
            return on, f"a run of what failed{along} on the target branch: {_first(failed)}", waiter.since
        case _:
            return on, f"its landing{along}", waiter.since


def _search_words(diagnosis: Diagnosis, entry: EntryId) -> str:
    if diagnosis.culprit == entry:
        return f"who else is needed to break {_first(diagnosis.tests)}"
    return f"who of {len(diagnosis.entries)} breaks {_first(diagnosis.tests)}"


def _run_words(purpose: Purpose, entries: Sequence[EntryId]) -> str:
    on = names(tuple(entries)) or "the target branch"
    return {
        Purpose.LAND: f"everything, on {on}",
        Purpose.HEAD: "everything, on the target branch",
        Purpose.AGAIN: f"what failed once more, on {on}",
        Purpose.CONTROL: "what failed, on the target branch",
        Purpose.SEARCH: f"what failed, on {on}",
        Purpose.CONFIRM: f"what failed once more, on {on}",
    }[purpose]


def _before(entries: Sequence[EntryId], entry: EntryId) -> tuple[EntryId, ...]:
    return tuple(entries[: entries.index(entry)]) if entry in entries else ()


def _first(tests: Sequence[str]) -> str:
    return f"{tests[0]} and {len(tests) - 1} more" if len(tests) > 1 else "".join(tests)
