"""What the fleet did, on one screen: claims with what they rest on, ranked, each looked at again before it is shown.

``draft_brief`` is pure; ``build_brief`` has every sentence verified. One matter is told once: what needs a person is
not told again as a conflict, a risk or something that stands still.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

import msgspec

from watchkeeper.controlroom.picture import Picture
from watchkeeper.controlroom.scope import Scope
from watchkeeper.model.attention import Matter, MatterKind
from watchkeeper.model.hosts import FLEET
from watchkeeper.model.ids import Millis
from watchkeeper.model.review import Brief, BriefEntry, BriefSection, Claim, Section, Standing
from watchkeeper.review.brief_code import conflict_entries, landed_entries, risk_entries
from watchkeeper.review.brief_work import cost_entries, stuck_entries
from watchkeeper.review.evidence import events, make_claim, of_matter
from watchkeeper.review.landedchanges import LandedChange, find_landed
from watchkeeper.review.needs import find_matters, find_open, urgency_now
from watchkeeper.review.verifying import Verifier, verify_brief
from watchkeeper.review.words import counted, lasted, sentence

SHOWN: Mapping[Section, int] = {
    Section.NEEDS_YOU: 15,
    Section.CONFLICTS: 8,
    Section.LANDED: 12,
    Section.RISK: 10,
    Section.STUCK: 8,
    Section.COST: 6,
}
"""So many entries of each part are in a brief; how many there are stands beside."""


def build_brief(picture: Picture, scope: Scope, since: Millis, verifier: Verifier) -> Brief:
    """The brief of what happened from ``since`` to now, with every sentence looked at again by ``verifier``."""
    return with_headline(verify_brief(draft_brief(picture, scope, since), verifier))


def draft_brief(picture: Picture, scope: Scope, since: Millis) -> Brief:
    """The same as the picture has it, looked at by nobody. Pure: equal pictures give equal briefs."""
    matters = find_matters(picture, scope)
    needs = find_open(picture, matters)
    landed = {name: find_landed(project) for name, project in picture.projects.items()}
    shown, told = needs[: SHOWN[Section.NEEDS_YOU]], _told(needs)
    parts = {
        Section.NEEDS_YOU: [need_entry(each, picture, matters) for each in shown],
        Section.CONFLICTS: list(conflict_entries(picture, since, told)),
        Section.LANDED: list(landed_entries(picture, since, landed)),
        Section.RISK: list(risk_entries(picture, scope, since, landed, _told(shown))),
        Section.STUCK: list(stuck_entries(picture, since, told)),
        Section.COST: list(cost_entries(picture, scope, since)),
    }
    sections = []
    for section, entries in parts.items():
        ranked = sorted(entries, key=lambda each: (-each.score, each.claim.id))
        of = len(needs) if section is Section.NEEDS_YOU else len(entries)
        sections.append(BriefSection(section, tuple(ranked[: SHOWN[section]]), of))
    draft = Brief(since, picture.at, _headline(picture, since, landed, len(needs)), tuple(sections), picture.seq)
    return with_headline(draft)


def need_entry(matter: Matter, picture: Picture, matters: Sequence[Matter] = ()) -> BriefEntry:
    """A matter as an entry; what it silences stands among the details."""
    children = [each for each in matters if each.parent == matter.fingerprint]
    evidence = of_matter(matter, picture)
    details = [make_claim(f"{matter.id}:why", matter.reason, evidence, matter.page)] if matter.reason else []
    lines = [line for line in matter.body.split("\n") if line.strip()][:8]
    details += [make_claim(f"{matter.id}:{at}", line, evidence, matter.page) for at, line in enumerate(lines)]
    details += [make_claim(f"{each.id}:under", each.title, of_matter(each, picture), each.page) for each in children]
    rank = urgency_now(matter, picture.at).rank
    return BriefEntry(
        make_claim(matter.id, matter.title, evidence, matter.page),
        matter.project,
        score=1000.0 * rank + matter.weight,
        step=matter.step,
        details=tuple(details),
        matter=matter.id,
    )


def with_headline(brief: Brief) -> Brief:
    """The headline says how many sentences could not be verified, where there are any."""
    entries = [each for section in brief.sections for each in section.entries]
    unverified = sum(1 for each in entries if each.claim.standing is Standing.UNVERIFIED)
    base = brief.headline.text.partition("; not verified: ")[0]
    text = f"{base}; not verified: {counted(unverified, 'sentence')}" if unverified else base
    return msgspec.structs.replace(brief, headline=msgspec.structs.replace(brief.headline, text=sentence(text)))


def _headline(picture: Picture, since: Millis, landed: Mapping[str, Sequence[LandedChange]], needs: int) -> Claim:
    times = [each.at for project in picture.projects.values() for each in project.landing.landed]
    count = sum(1 for at in times if at >= since)
    busy = sum(1 for project in picture.projects.values() if any(each.at >= since for each in project.landing.landed))
    if picture.seq == 0:
        return make_claim("headline", "Nothing was ever recorded here", (), "/")
    queued = any(project.landing.view.tip is not None for project in picture.projects.values())
    red = [name for name, project in picture.projects.items() if project.landing.red is not None]
    incidents = sum(1 for project in picture.projects.values() for _ in project.incidents.open_incidents())
    parts = [
        f"{counted(needs, 'thing needs', 'things need')} you" if needs else "nothing needs you",
        f"{counted(count, 'change')} landed in {counted(busy, 'project')}" if count else "nothing landed",
        *([f"{', '.join(red)} {'is' if len(red) == 1 else 'are'} red"] if red else []),
        *(["no target branch is red"] if not red and queued else []),
        *([f"{counted(incidents, 'incident is', 'incidents are')} open"] if incidents else []),
    ]
    unread = sum(1 for them in landed.values() for each in them if each.at >= since and each.standing.reviewed is None)
    if unread:
        parts.append(f"{unread} of them read by nobody" if count else f"{unread} read by nobody")
    text = f"In {lasted(picture.at - since)}: {', '.join(parts)}"
    return make_claim("headline", text, events(FLEET, (picture.seq,)), "/")


def _told(needs: Sequence[Matter]) -> AbstractSet[tuple[str, MatterKind, str]]:
    return frozenset(_keys(needs))


def _keys(needs: Sequence[Matter]) -> Iterator[tuple[str, MatterKind, str]]:
    for each in needs:
        yield each.project, each.kind, each.about
