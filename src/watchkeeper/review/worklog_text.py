"""A work log as markdown. Pure. What is quoted in it was written by others, and stays text."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from typing import assert_never

from watchkeeper.model.ids import Millis
from watchkeeper.model.review import Claim, CommitRef, EventRef, Ref, ReportRef, RunRef, WorkLog

_PARTS = (
    ("Shipped", "shipped", "nothing"),
    ("Completed", "completed", "no issue"),
    ("Carry-over", "carry_over", "nothing"),
    ("Risks", "risks", "none that the record shows"),
    ("Flags", "flags", "none"),
    ("Next", "next", "no open issue"),
)
_MARKS = re.compile(r"([\\`*_\[\]<>#|~])")


def render_worklog(log: WorkLog, zone: dt.tzinfo) -> str:
    """The whole log; times by the clock of ``zone``. The same log gives the same text."""
    return "\n".join(_lines(log, zone)) + "\n"


def _lines(log: WorkLog, zone: dt.tzinfo) -> Iterator[str]:
    yield f"# {_plain(log.project)}, {log.day}"
    yield ""
    yield f"{_plain(log.headline)}."
    yield ""
    yield f"From {_moment(log.begin, zone)} to {_moment(log.end, zone)} ({_plain(log.zone)})."
    if log.empty:
        yield ""
        yield f"**Nothing shipped:** {_plain(log.empty)}."
    for title, part, nothing in _PARTS:
        claims: Sequence[Claim] = getattr(log, part)
        yield ""
        yield f"## {title}"
        yield ""
        yield from (_line(each) for each in claims)
        if not claims:
            yield nothing


def _line(claim: Claim) -> str:
    told = ", ".join(_reference(each) for each in claim.evidence[:3])
    return f"- {_plain(claim.text)}" + (f" [{told}]" if told else "")


def _reference(reference: Ref) -> str:
    match reference:
        case CommitRef():
            return f"commit {reference.commit[:10]}"
        case RunRef():
            return f"run of {_plain(reference.command)}"
        case ReportRef():
            return f"{reference.kind} {_plain(reference.id)}"
        case EventRef():
            return f"event {reference.seqs[-1]}" if reference.seqs else "events"
        case _:
            assert_never(reference)


def _moment(at: Millis, zone: dt.tzinfo) -> str:
    return dt.datetime.fromtimestamp(at / 1000, zone).strftime("%Y-%m-%d %H:%M")


def _plain(text: str) -> str:
    """Text on one line that markdown shows as it is."""
    line = "".join(each if each.isprintable() else " " for each in text)
    return _MARKS.sub(r"\\\1", line)
