"""What an agent may ask of the live changes: who touches something, and what has become of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from watchkeeper.conflicts.pair import Party
from watchkeeper.model.agents import Session
from watchkeeper.model.footprint import Edit
from watchkeeper.model.ids import ChangeId
from watchkeeper.model.reading import Parameter, Signature
from watchkeeper.model.resources import ResourceTouch

MOST_ANSWERS = 20


class Touch(msgspec.Struct, frozen=True):
    """One change that touches what was asked for: ``how`` is ``adds``, ``modifies``, ``deletes``, ``relies on``, ..."""

    change: ChangeId
    sessions: tuple[str, ...]
    how: str
    what: str
    path: str
    line: int = 0


class Altered(msgspec.Struct, frozen=True):
    """What a change does to a symbol. ``old`` and ``new`` are its contract, ``""`` where it has none."""

    change: ChangeId
    sessions: tuple[str, ...]
    is_landed: bool
    name: str
    path: str
    line: int
    edit: str
    detail: str
    old: str
    new: str
    text: str


Working = Mapping[ChangeId, Sequence[Session]]


def who_touches(parties: Iterable[Party], about: str, working: Working) -> tuple[Touch, ...]:
    """The changes that write, rely on or contain ``about``: a symbol, a path, or a resource (a table, a route, ...).

    A symbol is meant by its full name (``module:Class.method``), by the end of it, or by its last part.
    """
    found: list[Touch] = []
    for party in parties:
        who = tuple(session.id for session in working.get(party.id, ()))
        print_ = party.footprint
        found += [
            Touch(party.id, who, _HOW[write.edit], write.name, write.path, write.line)
            for write in print_.writes
            if not write.imports and means(about, write.name, write.path)
        ]
        found += [
            Touch(party.id, who, "relies on", read.target.qualname, read.path, read.line)
            for read in print_.reads
            if means(about, read.target.qualname, read.target.path)
        ]
        found += [
            Touch(party.id, who, _access(touch), touch.access.resource.name, touch.path, touch.access.line)
            for touch in print_.resources
            if about == touch.access.resource.name
        ]
        found += [
            Touch(party.id, who, "changes the file", file.path, file.path)
            for file in print_.files
            if file.path == about
        ]
    return tuple(dict.fromkeys(found))[:MOST_ANSWERS]


def whats_changed(parties: Iterable[Party], symbol: str, working: Working) -> tuple[Altered, ...]:
    """What live changes, and those that landed lately, do to a symbol; named as with ``who_touches``."""
    found = [
        Altered(
            change=party.id,
            sessions=tuple(session.id for session in working.get(party.id, ())),
            is_landed=party.is_landed,
            name=write.name,
            path=write.path,
            line=write.line,
            edit=write.edit.value,
            detail=write.detail,
            old=contract_text(write.name, write.old_signature),
            new=contract_text(write.name, write.new_signature),
            text=write.text,
        )
        for party in parties
        for write in party.footprint.writes
        if not write.imports and means(symbol, write.name, write.path)
    ]
    return tuple(found)[:MOST_ANSWERS]


def means(asked: str, name: str, path: str) -> bool:
    """Whether a person who says ``asked`` may mean the symbol ``name`` (its module may be missing) of ``path``."""
    if asked in (name, path):
        return True
    module, _, last = asked.rpartition(":")
    of, _, qualname = name.rpartition(":")
    if last != qualname and not qualname.endswith(f".{last}"):
        return False
    return not module or module == path or _is_end_of(module, of or _module_of(path))


def _is_end_of(module: str, whole: str) -> bool:
    """``engine.pay`` may be meant where ``src.engine.pay`` is known; where no module is known, it may be."""
    return not whole or module == whole or whole.endswith(f".{module}")


def _module_of(path: str) -> str:
    return path.rpartition(".")[0].replace("/", ".").removesuffix(".__init__")


def contract_text(name: str, signature: Signature | None) -> str:
    """A signature as one writes it: ``update(pool, stage, limit = 3) -> int, raises KeyError``; ``""``: there is none.

    ``name`` may be a qualified one, of which the last part is said.
    """
    if signature is None:
        return ""
    parameters = ", ".join(_parameter(each) for each in signature.parameters)
    returns = f" -> {signature.returns}" if signature.returns else ""
    raises = f", raises {', '.join(signature.raises)}" if signature.raises else ""
    last = name.rpartition(":")[2].rpartition(".")[2]
    return f"{'async ' if signature.is_async else ''}{last}({parameters}){returns}{raises}"


def _parameter(parameter: Parameter) -> str:
    stars = parameter.kind.value if parameter.kind.value.startswith("*") else ""
    typed = f": {parameter.annotation}" if parameter.annotation else ""
    return f"{stars}{parameter.name}{typed}{' = ' + parameter.default if parameter.default else ''}"


def _access(touch: ResourceTouch) -> str:
    how = f"{touch.access.mode.value}s" if touch.is_new else f"no longer {touch.access.mode.value}s"
    return f"{how} the {touch.access.resource.kind.value}"


_HOW = {
    Edit.ADDED: "adds",
    Edit.MODIFIED: "modifies",
    Edit.DELETED: "deletes",
    Edit.RENAMED: "renames or moves",
}
