"""What differs between two versions of one symbol's contract, as aspects and in words."""

from __future__ import annotations

from watchkeeper.model.footprint import Aspect
from watchkeeper.model.reading import Parameter, ParameterKind, Signature, Symbol


def contract_aspects(old: Symbol, new: Symbol) -> frozenset[Aspect]:
    """The parts of the contract that changed, without what only the body tells."""
    aspects: set[Aspect] = set()
    before, after = old.signature, new.signature
    if (before is None) != (after is None):
        aspects.add(Aspect.PARAMETERS)
    elif before is not None and after is not None:
        aspects |= _signature_aspects(before, after)
    if old.bases != new.bases:
        aspects.add(Aspect.BASES)
    if set(old.decorators) != set(new.decorators):
        aspects.add(Aspect.DECORATORS)
    if old.kind is not new.kind or old.static != new.static:
        aspects.add(Aspect.KIND)
    return frozenset(aspects)


def _signature_aspects(before: Signature, after: Signature) -> set[Aspect]:
    aspects: set[Aspect] = set()
    shapes = [[(p.name, p.kind, bool(p.default)) for p in s.parameters] for s in (before, after)]
    if shapes[0] != shapes[1]:
        aspects.add(Aspect.PARAMETERS)
    elif [p.default for p in before.parameters] != [p.default for p in after.parameters]:
        aspects.add(Aspect.DEFAULTS)
    if (before.returns_value, before.arity) != (after.returns_value, after.arity) or (
        before.returns and after.returns and before.returns != after.returns
    ):
        aspects.add(Aspect.RETURNS)
    if set(before.raises) != set(after.raises):
        aspects.add(Aspect.RAISES)
    if before.is_async != after.is_async or before.is_generator != after.is_generator:
        aspects.add(Aspect.ASYNC)
    return aspects


def describe_contract(old: Symbol, new: Symbol, contract: frozenset[Aspect]) -> str:
    """The contract change as a clause: ``parameter limit removed``."""
    said: list[str] = []
    if old.signature and new.signature:
        before = {p.name: p for p in old.signature.parameters}
        after = {p.name: p for p in new.signature.parameters}
        said += [f"parameter {name} removed" for name in before if name not in after]
        said += [
            f"{'parameter' if _is_optional(after[name]) else 'required parameter'} {name} added"
            for name in after
            if name not in before
        ]
        said += [
            f"default of {name} is now {after[name].default or 'gone'}"
            for name in before
            if name in after and before[name].default != after[name].default
        ]
        if Aspect.ASYNC in contract and new.signature.is_async != old.signature.is_async:
            said.append("now async" if new.signature.is_async else "no longer async")
        if Aspect.RAISES in contract:
            new_raises = sorted(set(new.signature.raises) - set(old.signature.raises))
            old_raises = sorted(set(old.signature.raises) - set(new.signature.raises))
            said += [f"now raises {', '.join(new_raises)}"] if new_raises else []
            said += [f"no longer raises {', '.join(old_raises)}"] if old_raises else []
        if Aspect.RETURNS in contract:
            said.append(_describe_return(old.signature, new.signature))
    if Aspect.BASES in contract:
        said.append("other base classes")
    if Aspect.DECORATORS in contract:
        said.append("other decorators")
    if Aspect.KIND in contract:
        said.append(f"now a {new.kind.value}")
    return "; ".join(said[:3])


def _is_optional(parameter: Parameter) -> bool:
    stars = (ParameterKind.VAR_POSITIONAL, ParameterKind.VAR_KEYWORD)
    return bool(parameter.default) or parameter.kind in stars


def _describe_return(old: Signature, new: Signature) -> str:
    if old.arity != new.arity and new.arity:
        return f"returns {new.arity} values" + (f" instead of {old.arity}" if old.arity else "")
    if old.returns_value != new.returns_value:
        return "returns a value now" if new.returns_value else "returns nothing now"
    return f"returns {new.returns or 'something else'}"
