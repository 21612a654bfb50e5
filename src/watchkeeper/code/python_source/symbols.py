"""From drafts to symbols: digests of their own text, signatures, types."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from hashlib import blake2b

from msgspec.structs import replace

from watchkeeper.code.python_source.annotations import UNKNOWN, annotation_chain, dotted_chain, last_name, many_of
from watchkeeper.code.python_source.bodies import Body, Function
from watchkeeper.code.python_source.chains import (
    LONGEST,
    MODULE_SCOPE,
    agreed,
    evaluate,
    is_informative,
)
from watchkeeper.code.python_source.outline import Draft, Outline, Value, is_static, method_scope, receiver_of
from watchkeeper.code.python_source.signatures import dotted, fields_signature, function_signature
from watchkeeper.model.reading import Chain, Reference, Signature, Span, Symbol, SymbolKind

_CONTEXT_MANAGERS = frozenset({"contextmanager", "asynccontextmanager"})
_NOT_THE_GETTER = frozenset({"setter", "deleter"})
_ENUMS = frozenset({"Enum", "IntEnum", "StrEnum", "Flag", "IntFlag", "TextChoices", "IntegerChoices"})


def make_symbols(outline: Outline, references: Mapping[str, Sequence[Reference]]) -> tuple[Symbol, ...]:
    """The module's symbol first, then all others by their first line."""
    last = max(1, len(outline.lines) - (1 if len(outline.lines) > 1 and not outline.lines[-1] else 0))
    text = own_text(outline.lines, [(1, last)], outline.cuts.get("", []))
    module = Symbol("", SymbolKind.MODULE, ((1, last),), digest_of(text), references=tuple(references.get("", ())))
    drafts = sorted(outline.drafts.values(), key=lambda draft: (draft.spans[0][0], -draft.spans[0][1]))
    return (module, *(_symbol(outline, draft, references.get(draft.qualname, ())) for draft in drafts))


def own_text(lines: Sequence[str], spans: Sequence[Span], cuts: Sequence[Span]) -> str:
    """The lines of ``spans`` without those of ``cuts``."""
    if not cuts:
        return "\n".join([line for first, last in spans for line in lines[first - 1 : last]])
    kept: list[str] = []
    ordered = sorted(cuts)
    for first, last in spans:
        at = first
        for start, end in ordered:
            if end >= at and start <= last:
                kept.extend(lines[at - 1 : start - 1])
                at = max(at, end + 1)
        kept.extend(lines[at - 1 : last])
    return "\n".join(kept)


def digest_of(text: str) -> str:
    """Eight bytes of blake2b, in hexadecimal."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _symbol(outline: Outline, draft: Draft, references: Sequence[Reference]) -> Symbol:
    cuts = outline.cuts.get(draft.qualname, ()) if draft.classes else ()
    digest = digest_of(own_text(outline.lines, draft.spans, cuts))
    made = Symbol(draft.qualname, draft.kind, tuple(draft.spans), digest, references=tuple(references))
    if draft.kind is SymbolKind.CLASS:
        return _class(outline, draft, made)
    if draft.kind in (SymbolKind.VARIABLE, SymbolKind.FIELD):
        return replace(made, type=_value_type(draft, outline))
    node, body = _main_definition(draft)
    return replace(
        made,
        signature=_signature(draft, node, body),
        decorators=_decorators(node),
        type=_result(node, body, draft),
        static=bool(draft.owner) and is_static(node),
    )


def _class(outline: Outline, draft: Draft, made: Symbol) -> Symbol:
    node = draft.classes[-1]
    bases = tuple(dotted_chain(base) or evaluate(base, MODULE_SCOPE) for base in node.bases)
    return replace(made, signature=_class_signature(outline, draft, node), bases=bases, decorators=_decorators(node))


def _main_definition(draft: Draft) -> tuple[Function, Body]:
    """The one that says what callers get: the getter of a property, the implementation after the overloads."""
    if draft.kind is SymbolKind.PROPERTY:
        for node, body in draft.functions:
            if not {last_name(item) for item in node.decorator_list} & _NOT_THE_GETTER:
                return node, body
    for node, body in reversed(draft.functions):
        if not any(last_name(item) == "overload" for item in node.decorator_list):
            return node, body
    return draft.functions[0]


def _signature(draft: Draft, node: Function, body: Body) -> Signature:
    receiver = receiver_of(node) if draft.owner else ""
    return function_signature(node, body, bool(receiver), receiver)


def _class_signature(outline: Outline, draft: Draft, node: ast.ClassDef) -> Signature | None:
    made = outline.drafts.get(f"{draft.qualname}.__init__")
    data = fields_signature(node) if made is None else None
    made = made or (outline.drafts.get(f"{draft.qualname}.__new__") if data is None else None)
    if made is None or not made.functions:
        return data
    return _signature(made, *_main_definition(made))


def _decorators(node: Function | ast.ClassDef) -> tuple[str, ...]:
    return tuple(name for item in node.decorator_list if (name := dotted(item)))


def _result(node: Function, body: Body, draft: Draft) -> Chain:
    names = {last_name(item) for item in node.decorator_list}
    chain = annotation_chain(node.returns, draft.owner)
    if not chain and node.returns is None:
        chain = _inferred(node, body, draft.owner, bool(names & _CONTEXT_MANAGERS))
    if isinstance(node, ast.AsyncFunctionDef) and body.yields is None and chain:
        chain = many_of(chain) if chain != ("%None",) else chain
    return chain if len(chain) <= LONGEST else ()


def _inferred(node: Function, body: Body, owner: str, is_context: bool) -> Chain:
    given = body.returns if body.yields is None else body.yields
    values = [value for value in given if value is not None]
    if not values or len(values) > 8 or (body.yields is not None and len(values) != len(given)):
        return ()
    scope = method_scope(node, body, owner)
    chains = [evaluate(value, scope) for value in values]
    if any(chain[0] == "?" for chain in chains):
        return ()
    chain = agreed(chains)
    if body.yields is None:
        return chain
    return many_of(chain) if is_context or _is_fixture(node) or chain else ()


def _is_fixture(node: Function) -> bool:
    return any(last_name(item) == "fixture" for item in node.decorator_list)


def _value_type(draft: Draft, outline: Outline) -> Chain:
    chains: list[Chain] = []
    for value in draft.values:
        annotated = annotation_chain(value.annotation, draft.owner) if value.annotation is not None else ()
        if is_informative(annotated):
            return annotated
        chains.append(_evaluated(value, draft, outline))
    chain = agreed([chain for chain in chains if not _leads_to_itself(chain, draft)])
    return chain if len(chain) <= LONGEST else ()


def _leads_to_itself(chain: Chain, draft: Draft) -> bool:
    """``self.path = self.path.resolve()`` says nothing about what it is."""
    name = draft.qualname.rpartition(".")[2]
    if not draft.owner:
        return chain[:1] == (name,)
    return chain[:2] in ((f"%{draft.owner}", f".{name}"), (f"%%{draft.owner}", f".{name}"))


def _evaluated(value: Value, draft: Draft, outline: Outline) -> Chain:
    if value.value is None:
        return UNKNOWN
    owner = outline.drafts.get(draft.owner)
    if owner is not None and owner.classes and not draft.self_made and _is_enum(owner.classes[-1]):
        return (f"%{draft.owner}",)
    return evaluate(value.value, value.scope)


def _is_enum(node: ast.ClassDef) -> bool:
    return any(last_name(base) in _ENUMS for base in node.bases)
