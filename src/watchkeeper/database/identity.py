"""Which task of which process is behind a connection: from journals, tags and ports. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from watchkeeper.database.ports import JournalEntry
from watchkeeper.database.sighting import Backend, Sighting
from watchkeeper.database.tags import split_tag
from watchkeeper.model.incidents import Tag


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
        """Another task or thread of its process, which it waits for to end: what that waits for, it waits for."""
        here, there = self.entry, other.entry
        if here is None or there is None or here.process != there.process:
            return False
        return there.backend in here.awaits


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
