"""A claim is looked at again right before it is shown: in the record as it is now, and in git.

What no longer holds is corrected, and says what it was; what cannot be looked at is marked, and comes first. Nothing
that was looked at in vain is ever shown as holding.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol

import msgspec

from watchkeeper.model.review import (
    Brief,
    BriefEntry,
    BriefSection,
    Claim,
    Ref,
    Standing,
)
from watchkeeper.review.words import counted, sentence

_ORDER = {Standing.UNVERIFIED: 0, Standing.CORRECTED: 1, Standing.HOLDS: 2}


class Sight(StrEnum):
    HOLDS = "holds"
    CHANGED = "changed"  # it is otherwise now
    UNSEEN = "unseen"  # it cannot be looked at


class Seen(NamedTuple):
    """What one reference came to. ``said`` is a clause: how it is now, or why it cannot be looked at."""

    sight: Sight
    said: str = ""


class Verifier(Protocol):
    """Looks at what a claim rests on. Never raises: what cannot be looked at is ``UNSEEN``."""

    def see(self, ref: Ref) -> Seen: ...


def claim_id(about: str, text: str) -> str:
    """The same for the same sentence about the same thing: ``b-`` and ten hexadecimal digits."""
    mark = f"{about}\x1f{text}".encode("utf-8", "surrogatepass")
    return f"b-{hashlib.sha256(mark).hexdigest()[:10]}"


def verify_claim(claim: Claim, verifier: Verifier) -> Claim:
    """The claim as it may be shown now. Idempotent: what was corrected or marked once keeps what it first said.

    Without evidence it is unverified. One reference that is otherwise corrects it; else one that cannot be looked at
    marks it.
    """
    first = claim.was or claim.text
    if not claim.evidence:
        return _marked(claim, first, "nothing is named that it rests on")
    seen = [verifier.see(ref) for ref in claim.evidence]
    changed = [each.said for each in seen if each.sight is Sight.CHANGED]
    unseen = [each.said for each in seen if each.sight is Sight.UNSEEN]
    if changed:
        return _corrected(claim, first, changed, len(seen))
    if unseen:
        return _marked(claim, first, _told(unseen, len(seen)))
    return msgspec.structs.replace(claim, text=first, standing=Standing.HOLDS, was="", why="")


def verify_entry(entry: BriefEntry, verifier: Verifier) -> BriefEntry:
    """The entry with its claim and its details looked at again; what is over asks for nothing any more."""
    claim = verify_claim(entry.claim, verifier)
    details = tuple(verify_claim(each, verifier) for each in entry.details)
    step = entry.step if claim.standing is not Standing.CORRECTED else None
    return msgspec.structs.replace(entry, claim=claim, details=details, step=step)


def verify_brief(brief: Brief, verifier: Verifier) -> Brief:
    """The brief with every sentence looked at again; within a section what cannot be verified stands first, then what
    was corrected. A summary's sentence that no longer holds is dropped.
    """
    sections = tuple(_section(each, verifier) for each in brief.sections)
    summary = tuple(
        each for each in (verify_claim(claim, verifier) for claim in brief.summary) if each.standing is Standing.HOLDS
    )
    headline = verify_claim(brief.headline, verifier)
    return msgspec.structs.replace(brief, headline=headline, sections=sections, summary=summary)


def in_order(entries: Iterable[BriefEntry]) -> tuple[BriefEntry, ...]:
    """Unverified first, then corrected, then by score."""
    return tuple(sorted(entries, key=lambda each: (_ORDER[each.claim.standing], -each.score, each.claim.id)))


def _section(section: BriefSection, verifier: Verifier) -> BriefSection:
    entries = in_order(verify_entry(each, verifier) for each in section.entries)
    return msgspec.structs.replace(section, entries=entries)


def _corrected(claim: Claim, first: str, changed: Sequence[str], of: int) -> Claim:
    text = sentence(f"No longer so: {_told(changed, of)}. It was: {first}")
    return msgspec.structs.replace(claim, text=text, standing=Standing.CORRECTED, was=first, why="")


def _marked(claim: Claim, first: str, why: str) -> Claim:
    return msgspec.structs.replace(claim, text=first, standing=Standing.UNVERIFIED, was="", why=sentence(why))


def _told(said: Sequence[str], of: int) -> str:
    """The first clause, and of how many."""
    if of == 1 or len(set(said)) == 1 == len(said):
        return said[0]
    return f"{said[0]} ({len(said)} of {counted(of, 'thing')} that it rests on)"
