"""An environment variable that was read already is read in one more place, with a default of that place's own. Pure.

The variable is not new, and no default changed: whoever compares two texts of one place sees nothing. But two places
that take one variable for different things when it is not set are two decisions about one subject.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from watchkeeper.code.changed_file import ChangedFile
from watchkeeper.model.footprint import Footprint
from watchkeeper.model.resources import AccessMode, ResourceKind, ResourceTouch
from watchkeeper.model.review import DecisionKind
from watchkeeper.review.decisions.defaults import is_spared, told_value
from watchkeeper.review.decisions.found import Found

_MOST_VALUE = 80
_NOTHING = re.compile(r"""["']{2}|none|null|undefined|false""", re.IGNORECASE)
"""Nothing is decided by taking nothing."""


def find_taken(files: Sequence[ChangedFile], footprint: Footprint, known: Collection[str]) -> Iterator[Found]:
    """Each variable once. ``known`` are subjects of which it is told otherwise; a default that only moved is none."""
    spared = {file.place for file in files if is_spared(file)}
    gone = {_mark(touch) for touch in footprint.resources if not touch.is_new}
    told = set(known)
    for touch in footprint.resources:
        subject = f"env:{touch.access.resource.name}"
        if subject in told or touch.path in spared or not _is_taken(touch) or _mark(touch) in gone:
            continue
        told.add(subject)
        name, value = touch.access.resource.name, told_value(touch.access.resource.name, touch.access.value)
        yield Found(
            DecisionKind.ENVIRONMENT, f"takes the environment variable {name} for {value} where it is not set",
            f"{value} by default", subject, path=touch.path, line=touch.access.line, names=(name,),
        )  # fmt: skip


def _is_taken(touch: ResourceTouch) -> bool:
    access = touch.access
    is_read = access.resource.kind is ResourceKind.ENVIRONMENT and access.mode is AccessMode.READ
    is_new = touch.is_new and not touch.is_kept
    return is_read and is_new and 0 < len(access.value) <= _MOST_VALUE and not _NOTHING.fullmatch(access.value)


def _mark(touch: ResourceTouch) -> tuple[str, str]:
    return touch.access.resource.name, touch.access.value
