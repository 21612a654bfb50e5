"""Handlers for functions, blocks, declarations, patterns and members of classes."""

from __future__ import annotations

from collections.abc import Mapping

from tree_sitter import Node

from watchkeeper.code.languages._typescript_scope import Scope
from watchkeeper.code.languages._typescript_signature import (
    FUNCTIONS,
    parameter_nodes,
    parameter_pattern,
    parameter_value,
    pattern_parts,
)
from watchkeeper.code.languages._typescript_source import named_children
from watchkeeper.code.languages._typescript_types import UNKNOWN, type_chain
from watchkeeper.code.languages._typescript_walker import Handler, Walker
from watchkeeper.model.reading import Chain, Form

_NAMES = frozenset({"identifier", "shorthand_property_identifier_pattern"})
_DECLARATIONS = frozenset(
    "function_declaration generator_function_declaration class_declaration abstract_class_declaration "
    "interface_declaration type_alias_declaration enum_declaration".split()
)


def walk_function(walker: Walker, node: Node, scope: Scope, fed: Chain = UNKNOWN) -> Chain:
    """A function of any kind. ``fed`` is what its caller is known to hand to the first parameter."""
    outer = walker.this
    if node.id == walker.function_id:
        walker.this = walker.own_this
    elif node.type != "arrow_function":
        walker.this = UNKNOWN
    inner = Scope(scope, function=True)
    types = node.child_by_field_name("type_parameters")
    if types is not None:
        walker.visit(types, inner)
    for index, parameter in enumerate(parameter_nodes(node)):
        _parameter(walker, parameter, fed if index == 0 else UNKNOWN, inner)
    returns = node.child_by_field_name("return_type")
    if returns is not None:
        walker.visit(returns, inner)
    body = node.child_by_field_name("body")
    if body is not None:
        walker.visit(body, inner)
    walker.this = outer
    return UNKNOWN


def bind(walker: Walker, pattern: Node, chain: Chain, scope: Scope, *, declares: bool = True) -> None:
    """Gives the names of a pattern their chains; members that it takes from a known value are noted."""
    kind = pattern.type
    if kind in _NAMES:
        name = walker.source.text(pattern)
        if declares:
            scope.bind(name, chain)
        elif not scope.assign(name, chain):
            walker.emit(pattern, walker.name_chain(name, scope), Form.STORE)
    elif kind == "object_pattern":
        _bind_object(walker, pattern, chain, scope, declares=declares)
    elif kind == "array_pattern":
        element = chain if chain == UNKNOWN else (*chain, "[]")
        for part in named_children(pattern):
            bind(walker, part, UNKNOWN if part.type == "rest_pattern" else element, scope, declares=declares)
    elif kind in ("assignment_pattern", "object_assignment_pattern"):
        given = walker.visit_field(pattern, "right", scope)
        left = pattern.child_by_field_name("left")
        if left is not None:
            bind(walker, left, chain if chain != UNKNOWN else given, scope, declares=declares)
    elif kind == "rest_pattern":
        for part in named_children(pattern):
            bind(walker, part, chain, scope, declares=declares)
    elif not declares:
        walker.visit(pattern, scope)


def _bind_object(walker: Walker, pattern: Node, chain: Chain, scope: Scope, *, declares: bool) -> None:
    for key, bound, default in pattern_parts(walker.source, pattern):
        taken: Chain = UNKNOWN
        if key and key.isidentifier() and chain != UNKNOWN:
            taken = (*chain, f".{key}")
            walker.emit(bound, taken, Form.IMPORT if chain[0].startswith("%import:") and len(chain) == 1 else Form.LOAD)
        if default is not None:
            given = walker.visit(default, scope)
            taken = taken if taken != UNKNOWN else given
        bind(walker, bound, taken, scope, declares=declares)


def _parameter(walker: Walker, parameter: Node, fed: Chain, scope: Scope) -> None:
    for child in parameter.children:
        if child.type == "decorator":
            walker.visit(child, scope)
    chain = fed
    annotation = parameter.child_by_field_name("type") if parameter.type.endswith("_parameter") else None
    if annotation is not None:
        walker.visit(annotation, scope)
        chain = type_chain(walker.source, annotation, walker.names(scope)) or UNKNOWN
    value = parameter_value(parameter)
    if value is not None:
        given = walker.visit(value, scope)
        chain = given if chain == UNKNOWN else chain
    bind(walker, parameter_pattern(parameter), chain, scope)


def _block(walker: Walker, node: Node, scope: Scope) -> Chain:
    inner = Scope(scope)
    children = node.named_children
    for child in children:
        kind = child.type
        if kind in _DECLARATIONS:
            name = child.child_by_field_name("name")
            if name is not None:
                inner.bind(walker.source.text(name), UNKNOWN)
        elif kind == "lexical_declaration":
            for part in child.named_children:
                name = part.child_by_field_name("name") if part.type == "variable_declarator" else None
                if name is not None and name.type == "identifier":
                    inner.bind(walker.source.text(name), UNKNOWN)
    for child in children:
        walker.visit(child, inner)
    return UNKNOWN


def _loop_scope(walker: Walker, node: Node, scope: Scope) -> Chain:
    walker.visit_all(node.named_children, Scope(scope))
    return UNKNOWN


def _declarator(walker: Walker, node: Node, scope: Scope) -> Chain:
    annotation, value = node.child_by_field_name("type"), node.child_by_field_name("value")
    chain = UNKNOWN
    if annotation is not None:
        walker.visit(annotation, scope)
        chain = type_chain(walker.source, annotation, walker.names(scope)) or UNKNOWN
    if value is not None:
        given = walker.visit(value, scope)
        chain = given if chain == UNKNOWN else chain
    name = node.child_by_field_name("name")
    if name is not None:
        is_var = node.parent is not None and node.parent.type == "variable_declaration"
        bind(walker, name, chain, scope.function if is_var else scope)
    return UNKNOWN


def _for_in(walker: Walker, node: Node, scope: Scope) -> Chain:
    inner = Scope(scope)
    chain = walker.visit_field(node, "right", scope)
    kinds = {child.type for child in node.children}
    if "of" in kinds:
        element: Chain = chain if chain == UNKNOWN else (*chain, "*")
    else:
        element = ("%str",)
    left = node.child_by_field_name("left")
    if left is not None:
        declares = not kinds.isdisjoint(("const", "let", "var"))
        if declares or left.type != "member_expression":
            bind(walker, left, element, inner, declares=declares)
        else:
            walker.visit(left, inner)
    walker.visit_field(node, "body", inner)
    return UNKNOWN


def _catch(walker: Walker, node: Node, scope: Scope) -> Chain:
    inner = Scope(scope)
    parameter = node.child_by_field_name("parameter")
    if parameter is not None:
        bind(walker, parameter, UNKNOWN, inner)
    walker.visit_field(node, "body", inner)
    return UNKNOWN


def _class(walker: Walker, node: Node, scope: Scope) -> Chain:
    """A class; where it is nested in a function its members belong to that function."""
    outer = walker.this
    if not scope.is_module:
        walker.this = UNKNOWN
    inner = Scope(scope, function=True)
    for child in node.children:
        if child.type in ("decorator", "type_parameters", "class_heritage", "class_body"):
            walker.visit(child, inner)
    walker.this = outer
    return UNKNOWN


def _heritage(walker: Walker, node: Node, scope: Scope) -> Chain:
    for clause in named_children(node):
        if clause.type not in ("extends_clause", "implements_clause"):
            _inherit(walker, clause, scope)
            continue
        for part in named_children(clause):
            if part.type == "type_arguments":
                walker.visit(part, scope)
            else:
                _inherit(walker, part, scope)
    return UNKNOWN


def _inherit(walker: Walker, node: Node, scope: Scope) -> None:
    if node.type == "generic_type":
        name, types = node.child_by_field_name("name"), node.child_by_field_name("type_arguments")
        if name is not None:
            _inherit(walker, name, scope)
        if types is not None:
            walker.visit(types, scope)
        return
    if node.type not in _DOTTED:
        walker.visit(node, scope)
        return
    first, *rest = [part.strip() for part in walker.source.text(node).split(".")]
    head = walker.name_chain(first, scope)
    if rest and scope.find(first) is None:
        walker.emit(node, head, Form.LOAD)
    walker.emit(node, (*head, *(f".{part}" for part in rest)), Form.INHERIT)


_DOTTED = frozenset({"identifier", "type_identifier", "nested_type_identifier", "member_expression"})


def _interface_heritage(walker: Walker, node: Node, scope: Scope) -> Chain:
    for part in named_children(node):
        _inherit(walker, part, scope)
    return UNKNOWN


def _decorator(walker: Walker, node: Node, scope: Scope) -> Chain:
    inner = next(named_children(node), None)
    arguments = None
    if inner is not None and inner.type == "call_expression":
        arguments = inner.child_by_field_name("arguments")
        inner = inner.child_by_field_name("function")
    if inner is None or inner.type not in _DOTTED:
        walker.visit_all(node.named_children, scope)
        return UNKNOWN
    first, *rest = [part.strip() for part in walker.source.text(inner).split(".")]
    walker.emit(inner, (*walker.name_chain(first, scope), *(f".{part}" for part in rest)), Form.DECORATE)
    if arguments is not None:
        walker.visit_all(arguments.named_children, scope)
    return UNKNOWN


def _field(walker: Walker, node: Node, scope: Scope) -> Chain:
    """A class field or an interface's property: its name is a definition, not a use."""
    for child in node.named_children:
        if child.type in FUNCTIONS:
            walk_function(walker, child, scope)
        elif child.type != "private_property_identifier":
            walker.visit(child, scope)
    return UNKNOWN


def _method(walker: Walker, node: Node, scope: Scope) -> Chain:
    name = node.child_by_field_name("name")
    if name is not None and name.type == "computed_property_name":
        walker.visit(name, scope)
    return walk_function(walker, node, scope)


def _enum(walker: Walker, node: Node, scope: Scope) -> Chain:
    body = node.child_by_field_name("body")
    if body is not None:
        walker.visit_all((part for part in body.named_children if part.type == "enum_assignment"), scope)
    return UNKNOWN


def _enum_member(walker: Walker, node: Node, scope: Scope) -> Chain:
    return walker.visit_field(node, "value", scope)


def _declaration(walker: Walker, node: Node, scope: Scope) -> Chain:
    """Functions that a body defines; their names are locals already."""
    if not scope.is_module:
        name = node.child_by_field_name("name")
        if name is not None and scope.find(walker.source.text(name)) is None:
            scope.bind(walker.source.text(name), UNKNOWN)
    return walk_function(walker, node, scope)


def _named_expression(walker: Walker, node: Node, scope: Scope) -> Chain:
    """``function f() { f() }``: the name is known inside."""
    name = node.child_by_field_name("name")
    if name is None or scope.is_module:
        return walk_function(walker, node, scope)
    inner = Scope(scope)
    inner.bind(walker.source.text(name), UNKNOWN)
    return walk_function(walker, node, inner)


def _namespace(walker: Walker, node: Node, scope: Scope) -> Chain:
    """What a namespace defines is looked up by the frame, not as a local."""
    body = node.child_by_field_name("body")
    if body is not None:
        walker.visit_all(body.named_children, scope)
    return UNKNOWN


BODIES: Mapping[str, Handler] = {
    "arrow_function": walk_function,
    "function_expression": _named_expression,
    "generator_function": _named_expression,
    "function_declaration": _declaration,
    "generator_function_declaration": _declaration,
    "function_signature": _declaration,
    "method_definition": _method,
    "method_signature": _method,
    "abstract_method_signature": _method,
    "statement_block": _block,
    "switch_body": _block,
    "for_statement": _loop_scope,
    "for_in_statement": _for_in,
    "catch_clause": _catch,
    "variable_declarator": _declarator,
    "class_declaration": _class,
    "abstract_class_declaration": _class,
    "class": _class,
    "class_heritage": _heritage,
    "extends_type_clause": _interface_heritage,
    "decorator": _decorator,
    "public_field_definition": _field,
    "field_definition": _field,
    "property_signature": _field,
    "enum_declaration": _enum,
    "enum_assignment": _enum_member,
    "internal_module": _namespace,
    "module": _namespace,
}
