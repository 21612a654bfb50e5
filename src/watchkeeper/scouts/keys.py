"""What makes a finding the same one after lines have moved."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator

from watchkeeper.model.scouting import FindingId


def finding_id(  # noqa: PLR0917 each is a part of the identity, in this order
    project: str, check: str, rule: str, path: str, symbol: str, quote: str, ordinal: int
) -> FindingId:
    """The id of a finding. ``ordinal`` tells places apart that are equal in all else, counted from the top."""
    told = json.dumps([project, check, rule, path, symbol, "".join(quote.split()), ordinal])
    return FindingId(f"f-{hashlib.sha256(told.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}")


def number_equals(keys: Iterable[Hashable]) -> Iterator[int]:
    """For each key how many equal ones came before it."""
    seen: Counter[Hashable] = Counter()
    for key in keys:
        yield seen[key]
        seen[key] += 1
