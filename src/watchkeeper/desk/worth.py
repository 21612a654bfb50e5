"""What of all that was told was worth telling: acted on, by kind, within a week."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from watchkeeper.model.attention import (
    EntryState,
    MatterAcknowledged,
    MatterKind,
    MatterSnoozed,
    MessageIntended,
    MessageSent,
    PersonActed,
    ToldEntry,
)
from watchkeeper.model.events import Recorded
from watchkeeper.model.ids import Millis, Seq
from watchkeeper.record.log import Log

WEEK_MS = 7 * 24 * 3_600_000
LEAST_TOLD = 10
"""Before a kind was told so often in a week, nothing follows from how often it was acted on."""

LEAST_SHARE = 0.3

_KINDS = ("message-intended", "message-sent", "matter-acknowledged", "matter-snoozed", "person-acted")
_NO_ACTS = frozenset({"dismiss", "login", "logout"})
"""What a person does that shows no worth: a dismissal says that it need not have been told."""


class KindWorth(NamedTuple):
    """How many matters of a kind were told in the last week, and how many of them somebody acted on."""

    told: int = 0
    acted: int = 0

    @property
    def share(self) -> float:
        return self.acted / self.told if self.told else 1.0

    @property
    def is_demoted(self) -> bool:
        """Too little of it was worth telling, and it was told often enough to say so."""
        return self.told >= LEAST_TOLD and self.share < LEAST_SHARE


class Worth:
    """Folds the log; total. A matter counts once, from when it was first told, and is acted on from then."""

    def __init__(self) -> None:
        self._seq = Seq(0)
        self._intended: dict[str, MessageIntended] = {}
        self._told: dict[str, tuple[Millis, ToldEntry]] = {}
        self._acted: dict[str, Millis] = {}

    def read(self, log: Log, now: Millis) -> None:
        """Read on, from a week ago at most."""
        since = Millis(max(0, now - WEEK_MS)) if not self._seq else None
        self.take(log.read(None, after=self._seq, kinds=_KINDS, since=since))

    def take(self, events: Iterable[Recorded]) -> None:
        """Hold more events, in their order."""
        for recorded in events:
            self._seq = max(self._seq, recorded.seq)
            match recorded.event:
                case MessageIntended() as intended:
                    self._intended[intended.token] = intended
                case MessageSent(token=token) if token in self._intended:
                    self._tell(self._intended.pop(token), recorded.at)
                case MatterAcknowledged(fingerprint=fingerprint) | MatterSnoozed(fingerprint=fingerprint):
                    self._act(fingerprint, recorded.at)
                case PersonActed() as acted if acted.allowed and acted.what not in _NO_ACTS:
                    self._act_on(acted, recorded.at)
                case _:
                    pass

    def by_kind(self, now: Millis) -> Mapping[MatterKind, KindWorth]:
        """The account of the last week."""
        found: dict[MatterKind, KindWorth] = {}
        for fingerprint, (at, entry) in list(self._told.items()):
            if now - at > WEEK_MS:
                del self._told[fingerprint]
                self._acted.pop(fingerprint, None)
                continue
            told, acted = found.get(entry.kind, KindWorth())
            found[entry.kind] = KindWorth(told + 1, acted + (fingerprint in self._acted))
        return found

    def demoted(self, now: Millis) -> frozenset[MatterKind]:
        """The kinds that are told as one urgency less."""
        return frozenset(kind for kind, worth in self.by_kind(now).items() if worth.is_demoted)

    def _tell(self, intended: MessageIntended, at: Millis) -> None:
        for entry in intended.entries:
            if entry.kind is not MatterKind.BRIEF and entry.state is not EntryState.OVER:
                self._told.setdefault(entry.fingerprint, (at, entry))

    def _act(self, fingerprint: str, at: Millis) -> None:
        told = self._told.get(fingerprint)
        if told is not None and at >= told[0]:
            self._acted.setdefault(fingerprint, at)

    def _act_on(self, acted: PersonActed, at: Millis) -> None:
        """What he did names what it was about: ``api e-12``, or the beginning of a fingerprint."""
        words = set(acted.on.split())
        for fingerprint, (_, entry) in self._told.items():
            if (entry.about and entry.about in words) or fingerprint[:8] in words or entry.about[:12] in words - {""}:
                self._act(fingerprint, at)
