"""The bodies of definitions -> references."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from watchkeeper.code.languages._typescript_draft import Draft
from watchkeeper.code.languages._typescript_scope import Scope
from watchkeeper.code.languages._typescript_source import Source
from watchkeeper.code.languages._typescript_walk_bodies import BODIES
from watchkeeper.code.languages._typescript_walk_expressions import EXPRESSIONS
from watchkeeper.code.languages._typescript_walk_jsx import JSX
from watchkeeper.code.languages._typescript_walk_types import TYPES
from watchkeeper.code.languages._typescript_walker import Handler, Walker
from watchkeeper.model.reading import Chain, Reference

_HANDLERS: Mapping[str, Handler] = {**EXPRESSIONS, **BODIES, **JSX, **TYPES}


def collect_references(source: Source, group: Iterable[Draft], outer: Mapping[str, Chain]) -> tuple[Reference, ...]:
    """All references of one symbol, by line. ``outer`` says what the globals mean in this file."""
    found: list[Reference] = []
    for draft in group:
        found.extend(draft.extra)
        if draft.walked:
            walker = Walker(source, draft, _HANDLERS, outer)
            walker.visit_all(draft.reads or draft.own, Scope(None))
            found.extend(walker.found)
    found.sort(key=_line)
    return tuple(found)


def _line(reference: Reference) -> int:
    return reference.line
