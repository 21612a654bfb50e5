"""All rules over one pair of changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import msgspec

from watchkeeper.conflicts.pair import Pair, TextClash
from watchkeeper.conflicts.rules.landed import restate_landed
from watchkeeper.conflicts.rules.resource_dependencies import find_dependency_conflicts
from watchkeeper.conflicts.rules.resource_environment import find_environment_conflicts
from watchkeeper.conflicts.rules.resource_migrations import find_migration_conflicts
from watchkeeper.conflicts.rules.resource_ports import find_port_conflicts
from watchkeeper.conflicts.rules.resource_routes import find_route_conflicts
from watchkeeper.conflicts.rules.resource_settings import find_setting_conflicts
from watchkeeper.conflicts.rules.resource_table_locks import find_table_lock_conflicts
from watchkeeper.conflicts.rules.resource_tables import find_table_conflicts
from watchkeeper.conflicts.rules.resource_topics import find_topic_conflicts
from watchkeeper.conflicts.rules.stale_read import find_stale_reads
from watchkeeper.conflicts.rules.text import find_text
from watchkeeper.conflicts.rules.write_skew import join_write_skew
from watchkeeper.conflicts.rules.write_write import find_write_write
from watchkeeper.model.conflicts import Conflict, Kind, Severity

RESOURCE_RULES: tuple[Callable[[Pair], Iterator[Conflict]], ...] = (
    find_dependency_conflicts,
    find_environment_conflicts,
    find_migration_conflicts,
    find_port_conflicts,
    find_route_conflicts,
    find_setting_conflicts,
    find_table_conflicts,
    find_table_lock_conflicts,
    find_topic_conflicts,
)
"""One a kind of resource."""


def find_conflicts(pair: Pair) -> tuple[Conflict, ...]:
    """Every conflict of the pair, the loudest first. Pure; the order of the two parties does not matter."""
    if pair.second.id < pair.first.id:
        pair = Pair(
            first=pair.second,
            second=pair.first,
            clashes=tuple(_swapped(pair)),
            merge_known=pair.merge_known,
            popular=pair.popular,
        )
    both_write = list(find_write_write(pair))
    stale = join_write_skew(pair, _not_yet_told(both_write, find_stale_reads(pair)))
    outside = [conflict for rule in RESOURCE_RULES for conflict in rule(pair)]
    found = [*find_text(pair), *both_write, *stale, *outside]
    told = _once([restate_landed(pair, conflict) for conflict in found])
    return tuple(sorted(told, key=lambda c: (-c.severity.rank, -c.confidence.rank, c.kind.value, c.subjects)))


def _swapped(pair: Pair) -> Iterator[TextClash]:
    for clash in pair.clashes:
        yield msgspec.structs.replace(
            clash, ours=clash.theirs, theirs=clash.ours, our_text=clash.their_text, their_text=clash.our_text
        )


def _not_yet_told(both_write: list[Conflict], stale: Iterable[Conflict]) -> list[Conflict]:
    """The stale reads of symbols that are not already told, as loudly, to be written by both."""
    told = {conflict.subjects[0]: conflict.severity.rank for conflict in both_write}
    return [conflict for conflict in stale if told.get(conflict.subjects[0], -1) < conflict.severity.rank]


def _once(found: list[Conflict]) -> list[Conflict]:
    """Leaves out what another conflict of the pair already says about the same symbol, as loudly."""
    texts = {
        name for c in found if c.kind is Kind.TEXT and c.severity.rank >= Severity.MAJOR.rank for name in c.subjects
    }
    told = [c for c in found if not (c.kind is Kind.WRITE_WRITE and c.subjects[0] in texts)]
    return [c for c in told if not (c.kind is Kind.RESOURCE and any(_says_more(other, c) for other in told))]


def _says_more(told: Conflict, about: Conflict) -> bool:
    """Both write one symbol, and that is said more loudly: that they meet in a table there too is no news."""
    if told.kind is not Kind.WRITE_WRITE or told.severity.rank <= about.severity.rank:
        return False
    return {each.path for each in about.evidence} <= {each.path for each in told.evidence}
