"""Handlers for types: every named type is an annotation's reference."""

from __future__ import annotations

from collections.abc import Mapping

from tree_sitter import Node

from watchkeeper.code.languages._typescript_scope import Scope
from watchkeeper.code.languages._typescript_source import named_children
from watchkeeper.code.languages._typescript_types import UNKNOWN
from watchkeeper.code.languages._typescript_walker import Handler, Walker
from watchkeeper.model.reading import Chain, Form


def _named(walker: Walker, node: Node, scope: Scope) -> Chain:
    name = walker.source.text(node)
    if scope.find(name) is None:
        walker.emit(node, walker.frame.get(name) or (name,), Form.ANNOTATION)
    return UNKNOWN


def _nested(walker: Walker, node: Node, scope: Scope) -> Chain:
    first, *rest = [part.strip() for part in walker.source.text(node).split(".")]
    if scope.find(first) is None:
        head = walker.name_chain(first, scope)
        walker.emit(node, head, Form.ANNOTATION)
        walker.emit(node, (*head, *(f".{part}" for part in rest)), Form.ANNOTATION)
    return UNKNOWN


def _query(walker: Walker, node: Node, scope: Scope) -> Chain:
    """``typeof x``: the type of a value."""
    before = len(walker.found)
    walker.visit_all(node.named_children, scope)
    for index in range(before, len(walker.found)):
        use = walker.found[index]
        if use.form is Form.LOAD:
            walker.found[index] = type(use)(use.line, use.chain, Form.ANNOTATION)
    return UNKNOWN


def _type_parameter(walker: Walker, node: Node, scope: Scope) -> Chain:
    name = node.child_by_field_name("name")
    if name is not None:
        _bind_type(walker, name, scope)
    walker.visit_all((child for child in named_children(node) if child != name), scope)
    return UNKNOWN


def _bind_type(walker: Walker, name: Node, scope: Scope) -> None:
    # Not ``bind``: a module's scope binds no values, but the type parameters of one definition are its own.
    scope.names[walker.source.text(name)] = UNKNOWN


def _parameter(walker: Walker, node: Node, scope: Scope) -> Chain:
    """A parameter of a function type: its name binds nothing."""
    walker.visit_field(node, "type", scope)
    return walker.visit_field(node, "value", scope)


def _infer(walker: Walker, node: Node, scope: Scope) -> Chain:
    parts = list(named_children(node))
    above: Scope | None = scope
    while parts and above is not None:  # seen in the whole conditional type, which may begin further out
        _bind_type(walker, parts[0], above)
        above = above.parent
    walker.visit_all(parts[1:], scope)
    return UNKNOWN


def _index_signature(walker: Walker, node: Node, scope: Scope) -> Chain:
    walker.visit_all((child for child in named_children(node) if child.type != "identifier"), scope)
    return UNKNOWN


def _predicate(walker: Walker, node: Node, scope: Scope) -> Chain:
    return walker.visit_field(node, "type", scope)


def _alias(walker: Walker, node: Node, scope: Scope) -> Chain:
    """A type alias or interface: its name is a definition."""
    name = node.child_by_field_name("name")
    inner = Scope(scope)
    walker.visit_all((child for child in named_children(node) if child != name), inner)
    return UNKNOWN


TYPES: Mapping[str, Handler] = {
    "type_identifier": _named,
    "nested_type_identifier": _nested,
    "type_query": _query,
    "type_parameter": _type_parameter,
    "mapped_type_clause": _type_parameter,
    "infer_type": _infer,
    "required_parameter": _parameter,
    "optional_parameter": _parameter,
    "index_signature": _index_signature,
    "type_predicate": _predicate,
    "type_alias_declaration": _alias,
    "interface_declaration": _alias,
}
