"""What callers of a function rely on: its parameters, what it returns and throws."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tree_sitter import Node

from watchkeeper.code.languages._typescript_source import Dialect, Source, compact, named_children
from watchkeeper.code.languages._typescript_types import Names, type_chain, value_chain
from watchkeeper.model.reading import Chain, Parameter, ParameterKind, Signature

FUNCTIONS = frozenset(
    "function_declaration function_expression arrow_function method_definition generator_function "
    "generator_function_declaration function_signature method_signature abstract_method_signature".split()
)
OPTIONAL = "undefined"
"""The default of a parameter that callers may leave out."""

_RENDERS = re.compile(r"</|/>")
_EMPTY_VALUES = ("undefined", "null", "void 0")


def read_signature(source: Source, function: Node, name: str = "") -> Signature:
    """The contract of a function. A component (a capitalised name, JSX inside) takes each property by name."""
    values = _returned(source, function)
    given = [value for value in values if value is not None and source.text(value) not in _EMPTY_VALUES]
    annotation = function.child_by_field_name("return_type")
    return Signature(
        parameters=tuple(_parameters(source, function, is_component(source, function, name))),
        returns=compact(source.text(annotation)[1:]) if annotation is not None else "",
        is_async=has_token(function, "async"),
        is_generator=function.type.startswith("generator") or has_token(function, "*"),
        raises=_raised(source, function),
        returns_value=bool(given),
        arity=_arity(given) if len(given) == len(values) else 0,
    )


def return_type(source: Source, function: Node, names: Names) -> Chain:
    """What a call gives: as annotated, else as all ``return`` statements agree; ``()`` where that is unknown."""
    annotation = function.child_by_field_name("return_type")
    if annotation is not None:
        return type_chain(source, annotation, names)
    if function.type.startswith("generator") or has_token(function, "*"):
        return ()
    chains = {_returned_chain(source, function, value, names) for value in _returned(source, function)}
    chain = chains.pop() if len(chains) == 1 else ()
    return (*chain, "[of]") if chain and has_token(function, "async") else chain


def is_component(source: Source, function: Node, name: str) -> bool:
    """Whether JSX can call the function by this name and hand it properties."""
    if source.dialect is Dialect.TYPESCRIPT or not name[:1].isupper():
        return False
    return _RENDERS.search(source.latin, function.start_byte, function.end_byte) is not None


def parameter_nodes(function: Node) -> list[Node]:
    """The nodes of the parameters, ``this`` left out."""
    single = function.child_by_field_name("parameter")
    if single is not None:
        return [single]
    parameters = function.child_by_field_name("parameters")
    if parameters is None:
        return []
    return [node for node in named_children(parameters) if parameter_pattern(node).type != "this"]


def parameter_pattern(parameter: Node) -> Node:
    """The name or pattern that a parameter binds."""
    field = "left" if parameter.type == "assignment_pattern" else "pattern"
    return parameter.child_by_field_name(field) or parameter


def parameter_value(parameter: Node) -> Node | None:
    """The default value of a parameter."""
    return parameter.child_by_field_name("right" if parameter.type == "assignment_pattern" else "value")


def pattern_parts(source: Source, pattern: Node) -> Iterator[tuple[str, Node, Node | None]]:
    """The parts of an object pattern: the property taken (``""`` for the rest), what it binds, its default."""
    for part in named_children(pattern):
        default: Node | None = None
        if part.type == "object_assignment_pattern":
            default = part.child_by_field_name("right")
        bound = (part.child_by_field_name("left") or part) if default is not None else part
        if bound.type == "rest_pattern":
            yield "", next(named_children(bound), bound), None
        elif bound.type == "pair_pattern":
            yield _pair_part(source, bound, default)
        else:
            yield source.text(bound), bound, default


def has_token(node: Node, token: str) -> bool:
    """Whether the node has that keyword or mark of its own, before its body."""
    for child in node.children:
        kind = child.type
        if kind == token:
            return True
        if kind in ("formal_parameters", "statement_block", "class_body"):
            return False
    return False


def _pair_part(source: Source, part: Node, default: Node | None) -> tuple[str, Node, Node | None]:
    key, value = part.child_by_field_name("key"), part.child_by_field_name("value")
    name = source.text(key).strip("\"'") if key is not None else "?"
    bound = value if value is not None else part
    if bound.type == "assignment_pattern":
        default = bound.child_by_field_name("right")
        left = bound.child_by_field_name("left")
        bound = left if left is not None else bound
    return name, bound, default


def _parameters(source: Source, function: Node, component: bool) -> Iterator[Parameter]:
    nodes = parameter_nodes(function)
    if component and nodes:
        yield from _properties(source, nodes[0])
        return
    for node in nodes:
        yield _parameter(source, node)


def _parameter(source: Source, node: Node) -> Parameter:
    pattern, value = parameter_pattern(node), parameter_value(node)
    annotation = _annotation(source, node)
    if pattern.type == "rest_pattern":
        name = source.text(pattern).removeprefix("...").strip()
        return Parameter(name, ParameterKind.VAR_POSITIONAL, "", annotation)
    default = compact(source.text(value)) if value is not None else ""
    if node.type == "optional_parameter" and not default:
        default = OPTIONAL
    return Parameter(_pattern_name(source, pattern), ParameterKind.NORMAL, default, annotation)


def _properties(source: Source, node: Node) -> Iterator[Parameter]:
    """A component's destructured properties. Without a visible type any of them may be left out."""
    pattern = parameter_pattern(node)
    if pattern.type != "object_pattern":
        yield Parameter(source.text(pattern), ParameterKind.VAR_KEYWORD, "", _annotation(source, node))
        return
    needed, typed = _inline_members(source, node.child_by_field_name("type"))
    for name, bound, default in pattern_parts(source, pattern):
        if not name:
            yield Parameter(source.text(bound), ParameterKind.VAR_KEYWORD)
        else:
            written = compact(source.text(default)) if default is not None else "" if name in needed else OPTIONAL
            yield Parameter(name, ParameterKind.KEYWORD_ONLY, written, typed.get(name, ""))


def _inline_members(source: Source, annotation: Node | None) -> tuple[set[str], dict[str, str]]:
    needed: set[str] = set()
    typed: dict[str, str] = {}
    inner = next(named_children(annotation), None) if annotation is not None else None
    for member in named_children(inner) if inner is not None and inner.type == "object_type" else ():
        name = source.field_text(member, "name")
        typed[name] = _annotation(source, member)
        if not has_token(member, "?"):
            needed.add(name)
    return needed, typed


def _pattern_name(source: Source, pattern: Node) -> str:
    """``{a, b}`` for a destructured object: what callers must provide, not how it is renamed inside."""
    if pattern.type == "object_pattern":
        names = [name or f"...{source.text(bound)}" for name, bound, _ in pattern_parts(source, pattern)]
        return "{" + ", ".join(names) + "}"
    return compact(source.text(pattern))


def _annotation(source: Source, node: Node) -> str:
    annotation = node.child_by_field_name("type")
    return compact(source.text(annotation).removeprefix(":")) if annotation is not None else ""


def _returned(source: Source, function: Node) -> list[Node | None]:
    """The values that the function returns: one an exit, None for a bare ``return``."""
    body = function.child_by_field_name("body")
    if body is None:
        return []
    if body.type != "statement_block":
        return [body]
    return [next(named_children(node), None) for node in source.exits(function) if node.type == "return_statement"]


def _raised(source: Source, function: Node) -> tuple[str, ...]:
    raised: list[str] = []
    for node in source.exits(function):
        thrown = next(named_children(node), None) if node.type == "throw_statement" else None
        if thrown is not None and thrown.type == "new_expression":
            name = source.field_text(thrown, "constructor")
            if name and name not in raised:
                raised.append(name)
    return tuple(raised)


def _arity(values: list[Node]) -> int:
    sizes = {
        len(list(named_children(value)))
        if value.type == "array" and not any(part.type == "spread_element" for part in value.named_children)
        else 0
        for value in values
    }
    return sizes.pop() if len(sizes) == 1 else 0


def _returned_chain(source: Source, function: Node, value: Node | None, names: Names) -> Chain:
    if value is None:
        return ()
    return value_chain(source, value, _inside(source, function, names, frozenset()))


def _inside(source: Source, function: Node, names: Names, followed: frozenset[str]) -> Names:
    """Names as they are seen inside the function, as far as one declaration settles them; unknown otherwise."""

    def look_up(name: str) -> Chain:
        if name == "this":
            return names(name)
        if name in followed:
            return ()
        for node in parameter_nodes(function):
            pattern = parameter_pattern(node)
            if source.text(pattern) == name:
                return type_chain(source, node.child_by_field_name("type"), names)
        settled = _settled(source, function, name)
        if settled is None:
            return names(name)
        deeper = _inside(source, function, names, followed | {name})
        chain = type_chain(source, settled.child_by_field_name("type"), names)
        return chain or value_chain(source, settled.child_by_field_name("value"), deeper)

    return look_up


def _settled(source: Source, function: Node, name: str) -> Node | None:
    """The one declaration of a local name; None for a name of the module. Raises no doubt: in doubt, an empty one."""
    bound = re.compile(rf"(?<![\w$.]){re.escape(name)}(?![\w$])")
    declared: list[int] = []
    for found in bound.finditer(source.latin, function.start_byte, function.end_byte):
        before = source.latin[max(function.start_byte, found.start() - 24) : found.start()]
        after = source.latin[found.end() : found.end() + 3].lstrip()
        if _DECLARES.search(before):
            declared.append(found.start())
        elif _BINDS.search(before) or (after[:1] == "=" and after[:2] not in ("==", "=>")):
            return function  # destructured, caught, assigned again: it has no ``value`` and no ``type``
    if not declared:
        return None
    node = function.descendant_for_byte_range(declared[0], declared[0] + len(name))
    parent = node.parent if node is not None else None
    return parent if len(declared) == 1 and parent is not None and parent.type == "variable_declarator" else function


_DECLARES = re.compile(r"\b(?:const|let|var|function|class)\s+$")
_BINDS = re.compile(r"(?:\{|,|\[|\.\.\.|\bcatch\s*\(|\w\s*:)\s*$")
