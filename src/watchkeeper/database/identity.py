"""Which task of which process is behind a connection: from journals, tags and ports. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from watchkeeper.database.ports import JournalEntry
from watchkeeper.database.sighting import Backend, Sighting
from watchkeeper.database.tags import split_tag
from watchkeeper.model.incidents import Tag

_AWAITING = ("futures/_base.py:result", "futures/_base.py:exception", "threading.py:join", "queue.py:get")
"""How calls end, in a thread's stack, that wait for another thread."""


class Identity(msgspec.Struct, frozen=True):
    """Who a connection belongs to; 0 and ``""`` where nobody says.

    ``is_sure``: the process is one of this machine, as its kernel or the process itself says. A tag alone is not: in
    containers many processes have the same number. ``kernel`` is the number that the kernel gives, which in a container
    is another than the process's own, or that of a proxy.
    """

    process: int = 0
    task: str = ""
    is_sure: bool = False
    tag: Tag | None = None
    statement: str = ""  # without its tag
    entry: JournalEntry | None = None
    kernel: int = 0

    def is_same_task(self, other: Identity) -> bool:
        is_one_process = self.process == other.process and self.kernel == other.kernel
        return bool(self.process and is_one_process and self.task and self.task == other.task)

    def awaits(self, other: Identity) -> bool:
        """Its thread waits for another one of the same process, as that says itself: for a future, or to join it.

        For which one nobody knows: it may be another than ``other``'s.
        """
        if self.entry is None or other.entry is None or self.entry.process != other.entry.process:
            return False
        if self.awaits_just(other):
            return True
        return self.entry.thread != other.entry.thread and any(each.endswith(_AWAITING) for each in self.entry.stack)

    def awaits_just(self, other: Identity) -> bool:
        """It waits for just that one's thread or task, as its process has read off frames and callbacks."""
        return self.entry is not None and other.entry is not None and other.entry.backend in self.entry.awaits


def identify(
    sighting: Sighting, journals: Mapping[int, JournalEntry], processes: Mapping[tuple[str, int], int]
) -> dict[int, Identity]:
    """Every backend of the sighting. A journal counts for more than a tag.

    A journal that contradicts is not believed: behind a pooler processes do not know the server's numbers.
    """
    return {each.pid: _identify(each, journals.get(each.pid), processes) for each in sighting.backends}


def _identify(backend: Backend, entry: JournalEntry | None, processes: Mapping[tuple[str, int], int]) -> Identity:
    tag, statement = split_tag(backend.statement)
    kernel = processes.get((backend.client, backend.port), 0)
    told = tag.process if tag else 0
    if entry is not None and (told or kernel or entry.process) != entry.process:
        entry = None
    process = (entry.process if entry else 0) or told or kernel
    task = entry.task if entry and entry.task else tag.task if tag else ""
    is_sure = entry is not None or (kernel != 0 and kernel == process)
    return Identity(process, task, is_sure, tag, statement[:2_000], entry, kernel)


def same_place(one: Backend, other: Backend) -> bool:
    """Whether two connections come from one address: the same process number elsewhere is another process."""
    return one.client == other.client
