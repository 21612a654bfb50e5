"""The brief as a message: one screen, the page has the rest."""

from __future__ import annotations

from collections.abc import Mapping

from watchkeeper.controlroom.picture import Picture, Reader
from watchkeeper.model.ids import Millis
from watchkeeper.model.review import Brief, BriefEntry, Section, Standing
from watchkeeper.review.brief import build_brief
from watchkeeper.review.looking_again import LiveVerifier

TITLES: Mapping[Section, str] = {
    Section.NEEDS_YOU: "Needs you",
    Section.CONFLICTS: "Conflicts and incidents",
    Section.LANDED: "Landed",
    Section.RISK: "Read first",
    Section.STUCK: "Stuck or idle",
    Section.COST: "Cost and time",
}
_SHOWN = {Section.NEEDS_YOU: 7, Section.LANDED: 5, Section.COST: 2}
_MARKS = {Standing.HOLDS: "", Standing.CORRECTED: "corrected: ", Standing.UNVERIFIED: "could not be verified: "}


def write_brief(reader: Reader, picture: Picture, since: Millis) -> str:
    """What happened since, each sentence looked at again just now. Raises WatchkeeperError."""
    return render_brief(build_brief(picture, reader.scope, since, LiveVerifier(reader)))


def render_brief(brief: Brief) -> str:
    """Lines: the headline first, then each part that has something. Pure."""
    lines = [brief.headline.text]
    for section in brief.sections:
        if not section.entries:
            continue
        shown = section.entries[: _SHOWN.get(section.section, 3)]
        total = max(section.of, len(section.entries))
        count = f" ({len(shown)} of {total})" if total > len(shown) else ""
        lines += [f"{TITLES[section.section]}{count}:", *(_line(each) for each in shown)]
    return "\n".join(lines)


def _line(entry: BriefEntry) -> str:
    where = f"{entry.project}: " if entry.project else ""
    step = f" → {entry.step.label}" if entry.step is not None else ""
    return f"• {_MARKS[entry.claim.standing]}{where}{entry.claim.text}{step}"
