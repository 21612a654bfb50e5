"""One file of a change, with both of its contents and what they say."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from watchkeeper.model.footprint import TouchKind
from watchkeeper.model.reading import Reading

Bodies = Callable[[str], Reading | None]
"""The full reading (with references) of a file of the base tree, by path; None where there is none."""


class ChangedFile(msgspec.Struct, frozen=True):
    """One file of a change: both contents and what they say. A side that does not exist is None.

    ``now_reading`` may be the last good reading of a file that does not parse at the moment; ``unknown`` then says why
    it is not today's.
    """

    kind: TouchKind
    base_path: str | None
    now_path: str | None
    base: bytes | None = None
    now: bytes | None = None
    base_reading: Reading | None = None
    now_reading: Reading | None = None
    is_binary: bool = False
    mode_changed: bool = False
    unknown: str = ""
    digest: str = ""

    @property
    def path(self) -> str:
        """Where the file is in base coordinates."""
        return self.base_path or self.now_path or ""

    @property
    def place(self) -> str:
        """Where the file is now, or was."""
        return self.now_path or self.base_path or ""
