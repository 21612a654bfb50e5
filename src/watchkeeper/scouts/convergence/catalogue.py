"""The catalogue of kinds: what many projects can have, in one sentence and examples each."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from importlib import resources

import msgspec

from watchkeeper.model.errors import UsageError
from watchkeeper.model.scouting import KindId

KINDS_FILE = ".scout/kinds.toml"
"""Where a project adds kinds, or says ours in its own words: read from the commit that is looked at."""

MOST_KINDS = 200
_MOST_TEXT, _MOST_FILE = 400, 1 << 18
_ID = re.compile(r"[a-z][a-z0-9-]{2,39}")
_RULE = re.compile(r"[a-z0-9_.-]+:\S+")


class Kind(msgspec.Struct, frozen=True):
    """One kind. ``rules`` (``check:rule``) are of it always; ``origin`` is the file that says so."""

    id: KindId
    says: str
    examples: tuple[str, ...]
    counter: str
    severity: int = 2
    rules: tuple[str, ...] = ()
    origin: str = ""


class Catalogue(msgspec.Struct, frozen=True):
    """All kinds by id, in a fixed order."""

    kinds: Mapping[KindId, Kind]

    def of_rule(self, check: str, rule: str) -> KindId | None:
        """The kind of which the findings of a rule always are; None: none says so."""
        name = f"{check}:{rule}"
        return next((each.id for each in self.kinds.values() if name in each.rules), None)

    def severity_of(self, kind: KindId) -> int:
        """1 to 4; 2 for a kind that it does not have."""
        known = self.kinds.get(kind)
        return known.severity if known is not None else 2


class _Written(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    says: str
    examples: tuple[str, ...]
    counter: str
    severity: int = 2
    rules: tuple[str, ...] = ()


def parse_kinds(text: str, origin: str = KINDS_FILE) -> dict[KindId, Kind]:
    """The kinds of one file. Raises UsageError (``kinds-file``) that names the kind, the key and what is allowed."""
    if len(text) > _MOST_FILE:
        raise _wrong(origin, f"it has {len(text):,} characters, of at most {_MOST_FILE:,}")
    try:
        told = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise _wrong(origin, f"it is no TOML: {error}") from error
    if len(told) > MOST_KINDS:
        raise _wrong(origin, f"it has {len(told)} kinds, of at most {MOST_KINDS}")
    found: dict[KindId, Kind] = {}
    for name, table in told.items():
        kind = _parse_kind(name, table, origin)
        found[kind.id] = kind
    return found


def builtin_catalogue() -> Catalogue:
    """The kinds that come with Watchkeeper."""
    file = resources.files("watchkeeper.scouts.convergence") / "kinds.toml"
    return Catalogue(parse_kinds(file.read_text("utf-8"), "kinds.toml"))


def read_catalogue(own: Mapping[str, str]) -> Catalogue:
    """Ours and further ones: ``own`` has the text of each file by its name, the later one of equal ids counts.

    Raises UsageError (``kinds-file``), also where a rule would be of two kinds.
    """
    kinds = dict(builtin_catalogue().kinds)
    for origin, text in own.items():
        kinds.update(parse_kinds(text, origin))
    owners: dict[str, Kind] = {}
    for kind in kinds.values():
        for rule in kind.rules:
            other = owners.setdefault(rule, kind)
            if other is not kind:
                raise _wrong(kind.origin, f"{rule} is of {other.id} and of {kind.id}; a rule is of one kind")
    return Catalogue(kinds)


def _parse_kind(name: str, table: object, origin: str) -> Kind:
    if not _ID.fullmatch(name):
        raise _wrong(origin, f"{name!r} is no name of a kind: 3 to 40 small letters, digits and hyphens")
    if name.startswith("cluster-"):
        raise _wrong(origin, f"{name}: names that begin with cluster- are given by Watchkeeper")
    if not isinstance(table, dict):
        raise _wrong(origin, f"{name} is no table: write [{name}] and its keys below it")
    for key in table:
        if key not in _Written.__struct_fields__:
            raise _wrong(origin, f"{name}: there is no key {key!r}{_near(key, _Written.__struct_fields__)}")
    try:
        told = msgspec.convert(table, _Written)
    except msgspec.ValidationError as error:
        raise _wrong(origin, f"{name}: {error}") from error
    if not 1 <= len(told.examples) <= 8:
        raise _wrong(origin, f"{name}: examples are 1 to 8 sentences, not {len(told.examples)}")
    for key, text in (("says", told.says), ("counter", told.counter), *(("examples", each) for each in told.examples)):
        if not text.strip():
            raise _wrong(origin, f"{name}: {key} says nothing")
        if len(text) > _MOST_TEXT:
            raise _wrong(origin, f"{name}: {key} has {len(text)} characters, of at most {_MOST_TEXT}")
    if not 1 <= told.severity <= 4:
        raise _wrong(origin, f"{name}: severity is 1 to 4, not {told.severity}")
    for rule in told.rules:
        if not _RULE.fullmatch(rule):
            raise _wrong(origin, f"{name}: a rule is written check:rule, not {rule!r}")
    return Kind(KindId(name), told.says, told.examples, told.counter, told.severity, told.rules, origin)


def _near(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(known)}"


def _wrong(origin: str, what: str) -> UsageError:
    return UsageError(
        f"{origin} has no kinds that can be used: {what}",
        slug="kinds-file",
        hint="a kind is a table [name] with says, examples and counter; severity and rules may be left out",
        facts={"file": origin},
    )
