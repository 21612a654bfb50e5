"""One delivery to one channel, and a matter as it is shown in one. Values."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import msgspec

from watchkeeper.model.attention import Delivery, EntryState, Matter, ToldEntry, Urgency
from watchkeeper.model.ids import Millis


class Message(msgspec.Struct, frozen=True):
    """One delivery. ``entries`` are what it shows, ``matters`` those of them that there are now, by fingerprint.

    ``brief_at``: it is the brief of that time. ``is_plain``: the channel refused it once, so it is sent as plain words.
    """

    token: str
    channel: str
    what: Delivery
    entries: tuple[ToldEntry, ...]
    matters: Mapping[str, Matter] = {}
    reference: str = ""
    may_repeat: bool = False
    is_more: bool = False
    is_plain: bool = False
    brief_at: Millis | None = None

    @property
    def digest(self) -> str:
        """The same for the same words."""
        words = [
            (each.fingerprint, each.title, each.words, each.weight, each.state.value, each.why) for each in self.entries
        ]
        return hashlib.sha256(msgspec.json.encode([self.what.value, self.is_plain, words])).hexdigest()[:32]


def show_entry(matter: Matter, urgency: Urgency, state: EntryState = EntryState.OPEN, why: str = "") -> ToldEntry:
    """A matter as a message shows it now."""
    step = (matter.step.label, matter.step.command) if matter.step is not None else ()
    words = hashlib.sha256(
        msgspec.json.encode([_utf8(each) for each in (matter.reason, matter.body, matter.page, *step)])
    ).hexdigest()[:12]
    return ToldEntry(
        matter.fingerprint, matter.kind, urgency, matter.title[:300], matter.weight, matter.since, matter.project,
        matter.about, words, state, why,
    )  # fmt: skip


def _utf8(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def make_token(channel: str, what: Delivery, entries: Sequence[ToldEntry], count: int) -> str:
    """Names a delivery, ``count`` being how many there were before: the same words, told later, have another."""
    parts = [channel, what.value, str(count), *(each.fingerprint for each in entries)]
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "replace")).hexdigest()[:24]
