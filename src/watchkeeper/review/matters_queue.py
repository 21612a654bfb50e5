"""What needs a person about landing: a red or halted queue, entries that are held or came back. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from watchkeeper.landing.waiters import Place
from watchkeeper.model.attention import Matter, MatterKind, Urgency
from watchkeeper.model.fleet import Fault, IssueId, Stage
from watchkeeper.model.ids import Millis, Seq
from watchkeeper.model.landing import EntryBounced, Halt
from watchkeeper.model.review import Step
from watchkeeper.review.links import page, step
from watchkeeper.review.matters import View
from watchkeeper.review.states import last_try
from watchkeeper.review.words import counted, names, sentence, short

_FAILED = frozenset({Stage.FAILED, Stage.INTERRUPTED, Stage.NEEDS_PERSON})
_OURS = frozenset({Fault.SETUP, Fault.AGENT})
"""Faults that are the project's or the machine's, not the work's: two in a row are one matter of the project."""
_WEEK_MS = 7 * 86_400_000
_NEAR = 0.8


def find_queue_matters(view: View) -> Iterator[Matter]:
    """Those of one project. A queue in which nothing lands silences what is told of its entries."""
    queue = _queue(view)
    yield from queue
    yield from _entries(view, queue[0].fingerprint if queue else "")
    yield from _rewritten(view)


def _queue(
    view: View,
) -> tuple[Matter, ...]:
    landing = view.project.landing
    red = landing.red
    if red is None and landing.halt is None:
        return ()
    waiting = [row for row in landing.view.rows if row.place is not Place.HELD]
    many = f"; {counted(len(waiting), 'change')} wait" if waiting else ""
    if red is not None:
        revert = red.entries[-1] if red.entries and red.revert is not None else None
        act = step("see what fails", view.commands.of_repo("queue"), page("projects", view.name))
        if revert is not None:
            act = step("go on by a revert", view.commands.of_repo("land", "--revert", revert), page("queue", revert))
        urgency = Urgency.NAG if red.others_land else Urgency.URGENT
        by = f" by {names(red.entries)}" if red.entries else ""
        title = f"the target branch is red{by}: {red.reason}"
        return (_queue_matter(view, urgency, title, f"nothing lands until it is mended{many}", act),)
    mild = landing.halt is Halt.PERSON
    said = "a person halted it" if mild else "it is tried again by itself, and may never succeed"
    act = step("land again", view.commands.of_repo("queue", "--resume"), page("projects", view.name))
    urgency = Urgency.FYI if mild else Urgency.NAG
    return (_queue_matter(view, urgency, f"nothing lands: {landing.view.halted}", said + many, act),)


def _queue_matter(view: View, urgency: Urgency, title: str, reason: str, act: Step) -> Matter:
    base = {Urgency.URGENT: 870, Urgency.NAG: 680}.get(urgency, 150)
    more = len(view.project.landing.red.also) if view.project.landing.red is not None else 0
    return view.maker.make(
        MatterKind.QUEUE,
        urgency,
        title,
        about="queue",
        reason=sentence(reason),
        since=view.project.landing.view.halted_since or view.project.last_at,
        weight=base + 10 * more,
        step=act,
        page=page("projects", view.name),
    )


def _entries(view: View, parent: str) -> Iterator[Matter]:
    for row in view.project.landing.view.rows:
        if row.place is Place.HELD:
            reason = row.waits_for.removeprefix("a person: ")
            yield view.maker.make(
                MatterKind.ENTRY,
                Urgency.TODAY,
                f"{row.id} waits for you: {reason}",
                about=row.id,
                reason=sentence(f"{short(row.title, 90)}, risk {row.risk}; it lands only when somebody lets it"),
                since=row.since,
                weight=350 + row.risk,
                step=step("let it go on", view.commands.of_repo("release", row.id), page("queue", row.id)),
                page=page("queue", row.id),
                parent=parent,
            )
    for bounced, at, seq in view.project.landing.returned:
        if not _is_worked_on(view, bounced):
            yield _returned(view, (bounced, at, seq), parent)


def _returned(
    view: View,
    returned: tuple[EntryBounced, Millis, Seq],
    parent: str,
) -> Matter:
    bounced, at, seq = returned
    entry = view.project.landing.entries.get(bounced.id)
    issue = view.project.fleet.issues.get(IssueId(entry.issue)) if entry is not None else None
    last = last_try(view.project, issue) if issue is not None else None
    if last is not None and last.is_over and last.stage is not Stage.DONE:
        parent = view.maker.fingerprint(MatterKind.ENGAGEMENT, last.engagement.id)
    with_whom = f" with {names(bounced.partners)}" if bounced.partners else ""
    return view.maker.make(
        MatterKind.ENTRY,
        Urgency.TODAY,
        f"{bounced.id} came back, and nobody works on it: {bounced.reason}",
        about=bounced.id,
        reason=sentence(f"it does not go together{with_whom or ' with the branch'}; its work is kept, and not landed"),
        body="\n".join(short(each, 200) for each in bounced.evidence[:5]),
        since=at,
        weight=380,
        step=step("see why", view.commands.of_repo("queue", bounced.id), page("queue", bounced.id)),
        page=page("queue", bounced.id),
        parent=parent,
        evidence=(seq,),
    )


def _is_worked_on(view: View, bounced: EntryBounced) -> bool:
    """An agent has it: the engagement that made it, another on its issue, or a session that works on the change."""
    change = bounced.id.rpartition("/")[0]
    entry = view.project.landing.entries.get(bounced.id)
    fleet = view.project.fleet
    if any(each.engagement.branch == change for each in fleet.live()):
        return True
    if entry is not None and entry.issue and fleet.claims(IssueId(entry.issue)) is not None:
        return True
    return any(
        each.ended_at is None and each.session.change == change for each in view.project.standing.sessions.values()
    )


def _rewritten(view: View) -> Iterator[Matter]:
    for each in view.project.landing.rewritten[-3:]:
        if view.now - each.at < _WEEK_MS:
            yield view.maker.make(
                MatterKind.QUEUE,
                Urgency.NAG,
                f"the target branch was rewritten past the queue, {each.old[:10]} to {each.new[:10]}",
                about=f"rewritten:{each.new}",
                reason="what landed before may be in it no more",
                since=each.at,
                weight=760,
                step=step("hold it against the log", view.commands.of_repo("queue", "--audit"), "/"),
                page=page("projects", view.name),
                evidence=(each.seq,),
            )
