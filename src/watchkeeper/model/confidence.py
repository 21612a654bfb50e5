"""How sure a statement about code is."""

from __future__ import annotations

from enum import StrEnum


class Confidence(StrEnum):
    """How a reference was resolved."""

    SURE = "sure"  # name, import and receiver are known
    LIKELY = "likely"  # the receiver is unknown, but one definition only has this rare name
    POSSIBLE = "possible"  # several candidates

    @property
    def rank(self) -> int:
        return ("possible", "likely", "sure").index(self.value)
