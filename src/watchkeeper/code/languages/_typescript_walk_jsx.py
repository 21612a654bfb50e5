"""Handlers for JSX: an element of a component is a call with named arguments."""

from __future__ import annotations

from collections.abc import Mapping

from tree_sitter import Node

from watchkeeper.code.languages._typescript_scope import Scope
from watchkeeper.code.languages._typescript_source import named_children
from watchkeeper.code.languages._typescript_types import UNKNOWN
from watchkeeper.code.languages._typescript_walk_expressions import target
from watchkeeper.code.languages._typescript_walker import Handler, Walker
from watchkeeper.model.reading import CallShape, Chain, Form

_OF_THE_FRAMEWORK = frozenset({"key", "ref"})


def _element(walker: Walker, node: Node, scope: Scope) -> Chain:
    opening = node.child_by_field_name("open_tag")
    inside = [
        child for child in named_children(node) if child.type not in ("jsx_opening_element", "jsx_closing_element")
    ]
    filled = any(child.type != "jsx_text" or walker.source.text(child).strip() for child in inside)
    if opening is not None:
        _tag(walker, opening, scope, ("children",) if filled else ())
    walker.visit_all(inside, scope)
    return UNKNOWN


def _self_closing(walker: Walker, node: Node, scope: Scope) -> Chain:
    _tag(walker, node, scope, ())
    return UNKNOWN


def _tag(walker: Walker, node: Node, scope: Scope, more: tuple[str, ...]) -> None:
    name = node.child_by_field_name("name")
    keywords: list[str] = []
    spread = False
    for child in node.named_children:
        if child.type == "jsx_attribute":
            first = next(named_children(child), None)
            written = walker.source.text(first) if first is not None else ""
            if written.isidentifier() and written not in _OF_THE_FRAMEWORK:
                keywords.append(written)
        elif child.type == "jsx_expression":
            spread = True
    if name is not None and _is_component(walker.source.text(name)):
        chain, place = target(walker, name, scope)
        keywords.extend(key for key in more if key not in keywords)
        walker.emit(place, chain, Form.CALL, CallShape(0, tuple(keywords), double_star=spread))
    for child in node.named_children:
        if child != name:
            walker.visit(child, scope)


def _is_component(name: str) -> bool:
    return "." in name or not (name[:1].islower() or "-" in name or ":" in name)


def _attribute(walker: Walker, node: Node, scope: Scope) -> Chain:
    walker.visit_all(node.named_children[1:], scope)
    return UNKNOWN


def _closing(_walker: Walker, _node: Node, _scope: Scope) -> Chain:
    return UNKNOWN


JSX: Mapping[str, Handler] = {
    "jsx_element": _element,
    "jsx_self_closing_element": _self_closing,
    "jsx_attribute": _attribute,
    "jsx_closing_element": _closing,
}
