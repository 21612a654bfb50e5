"""One entry with everything that who made it has to know: what became of it, and what it goes wrong with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from watchkeeper.landing.folding import fold_queue
from watchkeeper.landing.view import Outcome, view_outcome
from watchkeeper.model.errors import UsageError
from watchkeeper.model.events import Recorded
from watchkeeper.model.ids import ProjectId, Sha
from watchkeeper.model.landing import At, Bounce, Entry, EntryBounced, EntryId, EntryQueued, LandingEvent, TargetMoved
from watchkeeper.record.codec import LANDING_KINDS
from watchkeeper.record.log import Log
from watchkeeper.repos.hub import Hub

_MOST_DIFF = 20_000
_MOST_INTENT = 4_000
_MOST_MESSAGES = 20


class Side(msgspec.Struct, frozen=True):
    """One side of an entry that came back: who made it and why, and its diff.

    ``intent`` is what the messages of its commits say, with their trailers, the oldest first.
    """

    name: str
    title: str
    author: str
    issue: str
    diff: str
    intent: str = ""


class EntryPage(msgspec.Struct, frozen=True):
    """An entry and its partners. Where git cannot merge it, the one side is what the target branch did to the clashing
    files since the entry began.
    """

    outcome: Outcome
    own: Side
    sides: tuple[Side, ...] = ()


def read_page(log: Log, hub: Hub, project: ProjectId, name: str) -> EntryPage:
    """The page of an entry, or of the newest revision of a change. Raises UsageError for one there never was."""
    events = list(log.read(project, kinds=LANDING_KINDS))
    queue = fold_queue(At(each.seq, each.at, each.event) for each in events if isinstance(each.event, LandingEvent))
    known = find_entries(events)
    entry = next((each for each in reversed(known.values()) if name in (each.id, each.change)), None)
    if entry is None:
        raise UsageError(
            f"{name} was never in the queue",
            slug="not-in-queue",
            hint="list what is: watchkeeper queue",
            facts={"entry": name},
        )
    outcome = view_outcome(queue, entry, events)
    sides = [_side(hub, known[partner]) for partner in outcome.partners if partner in known]
    bounce = next((each for each in map(_bounce, reversed(events)) if each is not None and each.id == entry.id), None)
    if bounce is not None and bounce.why is Bounce.CLASH and queue.tip is not None:
        sides.append(_branch_side(hub, entry.base, queue.tip, bounce.evidence))
    return EntryPage(outcome, _side(hub, entry), tuple(sides))


def find_entries(events: Iterable[Recorded]) -> dict[EntryId, Entry]:
    """All entries there ever were, also those that came past the queue, in order."""
    found: dict[EntryId, Entry] = {}
    for each in events:
        if isinstance(each.event, EntryQueued):
            found[each.event.entry.id] = each.event.entry
        elif isinstance(each.event, TargetMoved):
            found |= {entry.id: entry for entry in each.event.adopted}
    return found


def _bounce(recorded: Recorded) -> EntryBounced | None:
    return recorded.event if isinstance(recorded.event, EntryBounced) else None


def _side(hub: Hub, entry: Entry) -> Side:
    diff, intent = _diff(hub, entry.base, entry.head, ()), _intent(hub, entry.base, entry.head)
    return Side(entry.id, entry.title, entry.author, entry.issue, diff, intent)


def _branch_side(hub: Hub, old: Sha | None, new: Sha, paths: Sequence[str]) -> Side:
    intent = _intent(hub, old, new) if old is not None else ""
    return Side("the target branch", "", "", "", _diff(hub, old, new, paths), intent)


def _intent(hub: Hub, old: Sha | None, new: Sha) -> str:
    """The messages of the newest commits after ``old``, or of this one alone; not those of merges."""
    since = (f"--max-count={_MOST_MESSAGES}", f"^{old}") if old is not None else ("--max-count=1",)
    output = hub.repository.git("log", "--no-merges", "--reverse", "--format=%B", *since, new, "--").output
    text = "\n".join(line for line in output.decode("utf-8", "replace").splitlines() if line.strip())
    return text if len(text) <= _MOST_INTENT else f"{text[:_MOST_INTENT]} ..."


def _diff(hub: Hub, old: Sha | None, new: Sha, paths: Sequence[str]) -> str:
    """A unified diff, cut where it is long."""
    if old is None:
        return ""
    output = hub.repository.git("diff", "--no-ext-diff", "--no-textconv", "--no-color", old, new, "--", *paths).output
    text = output.decode("utf-8", "replace")
    return text if len(text) <= _MOST_DIFF else f"{text[:_MOST_DIFF]}\n... ({len(text)} characters in all)\n"
