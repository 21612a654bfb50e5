"""Types and plain expressions -> chains that the module's scope can evaluate."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeGuard

from tree_sitter import Node

from watchkeeper.code.languages._typescript_source import Source, named_children, string_value
from watchkeeper.model.reading import Chain

Names = Callable[[str], Chain]
"""What a name means where the expression stands; ``()`` where that is unknown."""

UNKNOWN: Chain = ("?",)

LITERALS = {
    "string": "%str",
    "template_string": "%str",
    "number": "%int",
    "true": "%bool",
    "false": "%bool",
    "array": "%list",
    "object": "%dict",
    "regex": "%re",
}
_PREDEFINED = {"string": "%str", "number": "%int", "boolean": "%bool", "bigint": "%int", "symbol": "%symbol"}
_CONTAINERS = frozenset(
    "Promise PromiseLike Array ReadonlyArray Set ReadonlySet WeakSet Iterable Iterator IterableIterator AsyncIterable "
    "AsyncIterator AsyncIterableIterator Generator AsyncGenerator ArrayLike".split()
)
_TRANSPARENT = frozenset("Partial Readonly Required NonNullable Omit Pick Awaited NoInfer".split())
_WRAPPERS = frozenset({"parenthesized_expression", "non_null_expression"})
_CASTS = frozenset({"as_expression", "satisfies_expression"})


def type_chain(source: Source, node: Node | None, names: Names) -> Chain:
    """What a value of the written type is: ``Promise<T>`` gives ``("T", "@", "[of]")``; ``()`` where nobody can say."""
    if node is None:
        return ()
    kind = node.type
    if kind in ("type_identifier", "identifier"):
        return _instance(names(source.text(node)))
    if kind == "nested_type_identifier":
        return _instance(dotted_chain(source, node, names))
    if kind == "predefined_type":
        literal = _PREDEFINED.get(source.text(node))
        return (literal,) if literal else ()
    if kind == "generic_type":
        return _generic(source, node, names)
    if kind == "array_type":
        return _of(type_chain(source, _first(node), names))
    if kind in ("union_type", "intersection_type"):
        return _several(source, node, names)
    if kind in ("type_annotation", "readonly_type", "parenthesized_type", "optional_type"):
        return type_chain(source, _first(node), names)
    return _rare_type(source, node, names)


def dotted_chain(source: Source, node: Node, names: Names) -> Chain:
    """``A.B.C``, written as a type or as a value, as a chain."""
    first, *rest = [part.strip() for part in source.text(node).split(".")]
    chain = names(first)
    return (*chain, *(f".{part}" for part in rest)) if chain else ()


def value_chain(source: Source, node: Node | None, names: Names, depth: int = 0) -> Chain:
    """What a plain expression is; ``()`` where following it would need more than names, members and calls."""
    if node is None or depth > 40:
        return ()
    kind = node.type
    if kind == "identifier":
        return names(source.text(node))
    if kind == "this":
        return names("this")
    literal = LITERALS.get(kind)
    if literal:
        return (literal,)
    if kind in _WRAPPERS:
        return value_chain(source, _first(node), names, depth + 1)
    if kind in _CASTS:
        return cast_chain(source, node, names, depth)
    if kind == "await_expression":
        return awaited(value_chain(source, _first(node), names, depth + 1))
    if kind == "new_expression":
        return _instance(value_chain(source, node.child_by_field_name("constructor"), names, depth + 1))
    if kind == "call_expression":
        return _call(source, node, names, depth)
    if kind == "member_expression":
        if source.text(node) == "module.exports" and names("module") == ("module",):
            return names("exports")
        made = value_chain(source, node.child_by_field_name("object"), names, depth + 1)
        return (*made, f".{source.field_text(node, 'property')}") if made else ()
    if kind == "subscript_expression":
        return _subscript(source, node, names, depth)
    return ()


def cast_chain(source: Source, node: Node, names: Names, depth: int = 0) -> Chain:
    """``x as T`` is a ``T``; ``x as const`` stays what it is."""
    parts = list(named_children(node))
    if node.type == "as_expression" and len(parts) > 1:
        return type_chain(source, parts[1], names)
    return value_chain(source, parts[0], names, depth + 1) if parts else ()


def awaited(chain: Chain) -> Chain:
    """The chain of ``await`` on it; a dynamically imported module is the module."""
    if not chain or (len(chain) == 1 and chain[0].startswith("%import:")):
        return chain
    return (*chain, "await")


def is_misread_await(function: Node | None) -> TypeGuard[Node]:
    """Whether the grammar read ``await f<T>()`` as a call of ``await f``."""
    return function is not None and function.type == "await_expression"


def required_module(source: Source, node: Node) -> str | None:
    """The specifier of ``require("x")`` or ``import("x")``; None for any other call."""
    function = node.child_by_field_name("function")
    arguments = node.child_by_field_name("arguments")
    if function is None or arguments is None or function.type not in ("identifier", "import"):
        return None
    if function.type == "identifier" and source.text(function) != "require":
        return None
    first = _first(arguments)
    return string_value(source, first) if first is not None and first.type == "string" else None


def _instance(chain: Chain) -> Chain:
    if not chain or chain == UNKNOWN:
        return ()
    return (*chain, "@")


def _of(chain: Chain) -> Chain:
    return (*chain, "[of]") if chain else ()


def _first(node: Node) -> Node | None:
    return next(named_children(node), None)


def _generic(source: Source, node: Node, names: Names) -> Chain:
    name = node.child_by_field_name("name")
    arguments = node.child_by_field_name("type_arguments")
    written = source.text(name) if name is not None else ""
    inner = [] if arguments is None else list(named_children(arguments))
    if written in _CONTAINERS and inner:
        return _of(type_chain(source, inner[0], names))
    if written in _TRANSPARENT and inner:
        return type_chain(source, inner[0], names)
    if written == "Record" and len(inner) == 2:
        return _of(type_chain(source, inner[1], names))
    return type_chain(source, name, names)


def _several(source: Source, node: Node, names: Names) -> Chain:
    parts = [part for part in _flat(node) if not _is_nothing(source, part)]
    chains = [type_chain(source, part, names) for part in parts]
    if node.type == "intersection_type":
        return next((chain for chain in chains if chain), ())
    plain = {chain[:-1] if chain[-1:] == ("[of]",) else chain for chain in chains}
    if len(plain) != 1:
        return ()
    return min(chains, key=len)  # T | Promise<T>: awaiting either gives T


def _flat(node: Node) -> list[Node]:
    """The members of a union, which the grammar nests to the left."""
    parts: list[Node] = []
    left: Node | None = node
    while left is not None and left.type == node.type:
        children = list(named_children(left))
        parts.extend(reversed(children[1:]))
        left = children[0] if children else None
    return [*([left] if left is not None else []), *reversed(parts)]


def _is_nothing(source: Source, node: Node) -> bool:
    return node.type in ("literal_type", "predefined_type") and source.text(node) in ("null", "undefined", "void")


def _rare_type(source: Source, node: Node, names: Names) -> Chain:
    kind = node.type
    if kind in ("this_type", "this"):
        return names("this")
    if kind in ("type_predicate", "type_predicate_annotation"):
        return ("%bool",)
    if kind == "literal_type":
        inner = _first(node)
        return (LITERALS[inner.type],) if inner is not None and inner.type in LITERALS else ()
    if kind == "template_literal_type":
        return ("%str",)
    if kind == "type_query":
        return value_chain(source, _first(node), names)
    if kind == "lookup_type":
        owner, *index = named_children(node)
        made = type_chain(source, owner, names)
        key = source.text(index[0])[1:-1] if index and index[0].type == "literal_type" else ""
        return (*made, f".{key}") if made and key.isidentifier() else ()
    return ()


def _call(source: Source, node: Node, names: Names, depth: int) -> Chain:
    module = required_module(source, node)
    if module is not None and names("require") == ("require",):
        return (f"%import:0:{module}",)
    function = node.child_by_field_name("function")
    if is_misread_await(function):
        made = value_chain(source, _first(function), names, depth + 1)
        return awaited((*made, "()")) if made else ()
    made = value_chain(source, function, names, depth + 1)
    return (*made, "()") if made else ()


def _subscript(source: Source, node: Node, names: Names, depth: int) -> Chain:
    made = value_chain(source, node.child_by_field_name("object"), names, depth + 1)
    index = node.child_by_field_name("index")
    if not made or index is None:
        return ()
    return (*made, f".{string_value(source, index)}") if index.type == "string" else (*made, "[]")
