"""Altered symbols -> who relies on them in the base, and whether the change saw to it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

import msgspec

from watchkeeper.code.call_fit import find_misfit
from watchkeeper.code.footprint import is_test_path
from watchkeeper.code.resolve import Resolver
from watchkeeper.code.tree import SourceTree
from watchkeeper.model.confidence import Confidence
from watchkeeper.model.footprint import Aspect, Edit, Footprint, Write
from watchkeeper.model.ids import SymbolKey
from watchkeeper.model.reading import (
    CALLABLES,
    CallShape,
    Form,
    Parameter,
    ParameterKind,
    Reading,
    Reference,
    Signature,
    SymbolKind,
)
from watchkeeper.risk.facts import AlteredSymbol, Grade, Place
from watchkeeper.risk.inheritance import Inheritance
from watchkeeper.risk.public import is_public

_MOST_NAMES = 150
_MOST_FILES = 400
_STEPS_UP = 2
_MOST_CALLERS = 60
_COMMON = 40
"""Files from which on a name says little by itself."""
_UNSEEN = frozenset({Form.IMPORT, Form.ANNOTATION})
_STEP = re.compile(r"\.?([A-Za-z_$][\w$]*)$")


class _Use(msgspec.Struct, frozen=True):
    """One place that refers to an altered symbol: the symbol that holds it."""

    holder: SymbolKey
    line: int
    form: Form
    call: CallShape | None = None

    @property
    def is_import(self) -> bool:
        return self.form is Form.IMPORT


def altered_symbols(footprint: Footprint, base: SourceTree) -> tuple[tuple[AlteredSymbol, ...], tuple[str, ...]]:
    """The symbols that are not what they were, with who relies on them; and what was not looked at, in words."""
    within = _assigned_within(footprint)
    writes = {w.key: w for w in footprint.writes if _matters(w) and w.key not in within}
    searched = list(writes)[:_MOST_NAMES]
    uses, missed = _find_uses({key: writes[key].edit for key in searched}, base)
    if len(writes) > _MOST_NAMES:
        missed = (*missed, f"who relies on {len(writes) - _MOST_NAMES} more of the {len(writes)} altered symbols")
    changed = {write.key for write in footprint.writes}
    inheritance = Inheritance(base)
    deleted = {key: inheritance.offers(key) for key, write in writes.items() if write.edit is Edit.DELETED}
    inherited = {key: _INHERITED[is_sure] for key, is_sure in deleted.items() if is_sure is not False}
    untried = _untried(searched, uses, base)
    return tuple(_altered(w, uses.get(key, ()), changed, inherited, untried) for key, w in writes.items()), missed


def _untried(
    searched: Sequence[SymbolKey], uses: Mapping[SymbolKey, Sequence[_Use]], base: SourceTree
) -> AbstractSet[SymbolKey]:
    """Those that no test refers to, nor to what calls them, nor to what calls these; none where there are no tests."""
    if not any(is_test_path(path) for path in base.index.paths):
        return frozenset()
    near = {key: {use.holder for use in uses.get(key, ())} for key in searched}
    for _ in range(_STEPS_UP):
        left = {key for key, holders in near.items() if holders and not any(is_test_path(h.path) for h in holders)}
        callers = {holder for key in left for holder in near[key] if holder.qualname}
        if not callers or len(callers) > _MOST_CALLERS:
            break
        above, _ = _find_uses(dict.fromkeys(callers, Edit.MODIFIED), base)
        for key in left:
            near[key] |= {use.holder for caller in near[key] for use in above.get(caller, ())}
    return frozenset(key for key, holders in near.items() if not any(is_test_path(holder.path) for holder in holders))


_INHERITED = {
    True: "no longer overrides what it inherits",
    None: "gone, unless a base class that cannot be read here offers it",
}


def _assigned_within(footprint: Footprint) -> set[SymbolKey]:
    """Fields that are set in a function which is altered itself, and classes that are only called as their altered
    constructor is: one thing, told once."""
    altered = {w.key: w for w in footprint.writes if w.edit is Edit.MODIFIED and w.aspects}
    functions = [w for w in altered.values() if w.kind in CALLABLES]
    return {w.key for w in altered.values() if _is_told_by_maker(w, altered) or _is_set_within(w, functions)}


def _is_told_by_maker(write: Write, altered: Mapping[SymbolKey, Write]) -> bool:
    makers = (SymbolKey(write.key.path, f"{write.key.qualname}.{name}") for name in _MAKERS)
    return any(write.detail in ("", altered[maker].detail) for maker in makers if maker in altered)


def _is_set_within(write: Write, functions: Sequence[Write]) -> bool:
    return write.kind in (SymbolKind.FIELD, SymbolKind.VARIABLE) and any(
        each.path == write.path and first <= write.line <= last for each in functions for first, last in each.after
    )


_MAKERS = ("__init__", "__new__", "constructor")


def _matters(write: Write) -> bool:
    if write.is_test or write.imports or write.kind is SymbolKind.MODULE or write.edit is Edit.ADDED:
        return False
    if write.edit is Edit.MODIFIED:
        return bool(write.aspects - {Aspect.ANNOTATIONS})
    return not write.reachable


def _find_uses(
    writes: Mapping[SymbolKey, Edit], base: SourceTree
) -> tuple[dict[SymbolKey, list[_Use]], tuple[str, ...]]:
    names = {_called(key) for key in writes}
    paths, missed = _files_with(writes, base)
    resolver = Resolver(base.index)
    uses: dict[SymbolKey, list[_Use]] = {}
    for path in paths:
        reading = base.reading(path)
        for holder, reference in _references(reading, names) if reading is not None else ():
            for target in resolver.resolve(path, holder, reference.chain, reference.form).targets:
                own = _holder(path, holder, reference, target.key, reading)
                is_sure = target.confidence is not Confidence.POSSIBLE and not target.absent
                if is_sure and target.key in writes and own != target.key:
                    if reference.form in _UNSEEN and writes[target.key] is Edit.MODIFIED:
                        continue
                    use = _Use(own, reference.line, reference.form, reference.call)
                    uses.setdefault(target.key, []).append(use)
    return {key: _without_mere_imports(found) for key, found in uses.items()}, missed


def _holder(path: str, holder: str, reference: Reference, target: SymbolKey, reading: Reading | None) -> SymbolKey:
    """The symbol that uses it; of an import, the name that it binds: what a change to the import alters."""
    if reference.form is not Form.IMPORT or reading is None:
        return SymbolKey(path, holder)
    name = _called(target)
    bound = next((item.local for item in reading.imports if item.name == name and item.local), name)
    return SymbolKey(path, bound)


def _without_mere_imports(uses: Sequence[_Use]) -> list[_Use]:
    """An import counts only in a file that does nothing else with it: there it is handed on."""
    real = {use.holder.path for use in uses if not use.is_import}
    return [use for use in uses if not use.is_import or use.holder.path not in real]


def _called(key: SymbolKey) -> str:
    """The name by which others refer to it: a constructor is called by its class's."""
    owner, _, name = key.qualname.rpartition(".")
    return owner.rpartition(".")[2] if name in _MAKERS and owner else name


def _files_with(writes: Iterable[SymbolKey], base: SourceTree) -> tuple[list[str], tuple[str, ...]]:
    """The files of the base that may mean one of the symbols; those that define them first."""
    own = {key.path for key in writes}
    needles = {_needles(key, base) for key in writes if base.index.fan_in(_called(key)) > 1}
    found = [path for path in sorted(own) if path in base.index.paths]
    for path in sorted(base.index.paths - own) if needles else ():
        source = base.source(path) if base.index.find_table(path) is not None else None
        if source is not None and any(name in source and (not near or near in source) for name, near in needles):
            found.append(path)
    if len(found) <= _MOST_FILES:
        return found, ()
    left = len(found) - _MOST_FILES
    return found[:_MOST_FILES], (f"who relies on the altered symbols in {left} more files that name one of them",)


def _needles(key: SymbolKey, base: SourceTree) -> tuple[bytes, bytes]:
    """What a file has to name: the symbol, and where half the tree uses that word, its class or module as well, without
    which nobody could tell whose ``get`` it is."""
    name = _called(key)
    if base.index.fan_in(name) <= _COMMON:
        return name.encode(), b""
    owner = key.qualname.rpartition(".")[0].rpartition(".")[2]
    stem = key.path.rpartition(".")[0].removesuffix("/__init__").removesuffix("/index").rpartition("/")[2]
    return name.encode(), (owner if owner and owner != name else stem).encode()


def _references(reading: Reading, names: AbstractSet[str]) -> Iterator[tuple[str, Reference]]:
    wanted = names | {item.local for item in reading.imports if item.name in names}
    for symbol in reading.symbols:
        for reference in symbol.references:
            if any(_is_step(step, wanted) for step in reference.chain[-2:]):
                yield symbol.qualname, reference


def _is_step(step: str, names: AbstractSet[str]) -> bool:
    found = _STEP.search(step)
    return found is not None and found[1] in names


def _altered(
    write: Write,
    uses: Sequence[_Use],
    changed: AbstractSet[SymbolKey],
    inherited: Mapping[SymbolKey, str],
    untried: AbstractSet[SymbolKey],
) -> AlteredSymbol:
    code = {use.holder: use for use in reversed(uses) if not is_test_path(use.holder.path)}
    kept = [use for use in uses if use.holder in code and use.holder not in changed]
    misfits = {use.holder: (Place(use.holder.path, use.line), why) for use in kept if (why := _misfit(use, write))}
    first, misfit = min(misfits.values(), default=(None, ""))
    places = {use.holder: Place(use.holder.path, use.line) for use in reversed(kept)}
    places |= {holder: place for holder, (place, _) in misfits.items()}
    left = sorted(places.values(), key=lambda place: (place != first, place))
    is_gone = write.edit is not Edit.MODIFIED and write.key not in inherited
    return AlteredSymbol(
        name=write.name,
        place=Place(write.path, write.line),
        callers=len(code),
        files=len({holder.path for holder in code}),
        tests=len({use.holder for use in uses if is_test_path(use.holder.path)}),
        unchanged=tuple(left),
        misfit=misfit,
        fits=Aspect.PARAMETERS in write.aspects
        and bool(kept)
        and not misfits
        and not write.aspects - _OF_CALLS
        and all(use.call for use in kept),
        grade=Grade.BREAKING if is_gone else Grade.SHAPE if write.key in inherited else _grade(write),
        detail=inherited.get(write.key, write.detail),
        is_public=is_public(write.key),
        is_gone=is_gone,
        is_untried=not is_gone and write.kind in CALLABLES and write.key in untried,
    )


_OF_CALLS = frozenset({Aspect.PARAMETERS, Aspect.RAISES, Aspect.BODY, Aspect.ANNOTATIONS})


def _misfit(use: _Use, write: Write) -> str:
    """Why the call that was left as it was does not fit the new parameters, as a clause."""
    if use.call is None or write.new_signature is None or Aspect.PARAMETERS not in write.aspects:
        return ""
    return find_misfit(use.call, write.new_signature) or ""


def _grade(write: Write) -> Grade | None:
    """What the change of contract means; None where the contract is the same."""
    found = {_GRADES[aspect] for aspect in write.aspects if aspect in _GRADES}
    old, new = write.old_signature, write.new_signature
    if Aspect.PARAMETERS in write.aspects and old is not None and new is not None:
        found.add(Grade.BREAKING if _narrows(old, new) else Grade.WIDER)
    elif Aspect.PARAMETERS in write.aspects:
        found.add(Grade.BREAKING)
    if Aspect.RETURNS in write.aspects and old is not None and new is not None:
        found.add(Grade.SHAPE if _gives_the_same(old, new) else Grade.BEHAVIOUR)
    return next((grade for grade in Grade if grade in found), None)


def _gives_the_same(old: Signature, new: Signature) -> bool:
    """Whether only the annotation says something else, and not that there may be nothing."""
    is_same = (old.returns_value, old.arity) == (new.returns_value, new.arity)
    return is_same and ("None" in old.returns or "Optional" in old.returns or not _OR_NOTHING.search(new.returns))


_OR_NOTHING = re.compile(r"\bNone\b|\bOptional\b|\bundefined\b|\bnull\b")


_GRADES = {
    Aspect.ASYNC: Grade.BREAKING,
    Aspect.KIND: Grade.BREAKING,
    Aspect.DEFAULTS: Grade.BEHAVIOUR,
    Aspect.BASES: Grade.SHAPE,
    Aspect.DECORATORS: Grade.SHAPE,
    Aspect.RAISES: Grade.STRICTER,
}


def _narrows(old: Signature, new: Signature) -> bool:
    """Whether some call that fitted the old parameters may not fit the new ones."""
    kinds = {parameter.kind for parameter in new.parameters}
    after = {parameter.name: parameter for parameter in new.parameters}
    for before in old.parameters:
        now = after.get(before.name)
        if before.kind in _STARS:
            if before.kind not in kinds:
                return True
        elif now is None or _is_stricter(before, now):
            return True
    known = {parameter.name for parameter in old.parameters}
    if any(p.name not in known and not p.default and p.kind not in _STARS for p in new.parameters):
        return True
    places = [p.name for p in _by_place(old.parameters)]
    return [p.name for p in _by_place(new.parameters)][: len(places)] != places


def _is_stricter(before: Parameter, now: Parameter) -> bool:
    by_place = before.kind is not ParameterKind.KEYWORD_ONLY
    by_name = before.kind is not ParameterKind.POSITIONAL_ONLY
    return (
        (bool(before.default) and not now.default)
        or (by_place and now.kind is ParameterKind.KEYWORD_ONLY)
        or (by_name and now.kind is ParameterKind.POSITIONAL_ONLY)
    )


def _by_place(parameters: Iterable[Parameter]) -> Iterator[Parameter]:
    return (p for p in parameters if p.kind in (ParameterKind.NORMAL, ParameterKind.POSITIONAL_ONLY))


_STARS = frozenset({ParameterKind.VAR_POSITIONAL, ParameterKind.VAR_KEYWORD})
