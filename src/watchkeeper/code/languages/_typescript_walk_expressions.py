"""Handlers for expressions: names, members, calls, operators, literals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tree_sitter import Node

from watchkeeper.code.languages._typescript_globals import BUILTIN
from watchkeeper.code.languages._typescript_scope import Scope
from watchkeeper.code.languages._typescript_signature import FUNCTIONS
from watchkeeper.code.languages._typescript_source import named_children, string_value
from watchkeeper.code.languages._typescript_types import LITERALS, UNKNOWN, awaited, is_misread_await, type_chain
from watchkeeper.code.languages._typescript_walk_bodies import bind, walk_function
from watchkeeper.code.languages._typescript_walker import Handler, Walker
from watchkeeper.model.reading import CallShape, Chain, Form

_LONGEST = 12
"""Steps of a chain; what is longer is called unknown."""

_EACH = frozenset("map forEach filter find some every flatMap findIndex findLast".split())
_SAME = frozenset("filter slice concat reverse sort toSorted toReversed".split())
_ELEMENT = frozenset("find pop shift at findLast".split())
_MOCKS = frozenset("mock unmock doMock dontMock importActual requireActual requireMock importMock".split())


def target(walker: Walker, node: Node, scope: Scope) -> tuple[Chain, Node]:
    """The chain of what a name or member expression means, and the node to name its line; it is not noted itself."""
    kind = node.type
    if kind == "identifier":
        return walker.name_chain(walker.source.text(node), scope), node
    if kind == "member_expression":
        return _member_target(walker, node, scope)
    if kind == "subscript_expression":
        return _subscript_target(walker, node, scope)
    if kind in ("parenthesized_expression", "non_null_expression"):
        inner = next(named_children(node), None)
        if inner is not None:
            return target(walker, inner, scope)
    if kind == "super":
        return (f"%super:{walker.owner}",) if walker.owner else UNKNOWN, node
    if kind in ("nested_identifier", "nested_type_identifier"):
        return _nested_target(walker, node, scope)
    return walker.visit(node, scope), node


def call_shape(arguments: Node | None) -> CallShape:
    """How many arguments a call gives; a spread hides more."""
    if arguments is None:
        return CallShape(0)
    if arguments.type == "template_string":
        return CallShape(1, star=True)
    kinds = [child.type for child in arguments.named_children]
    spread = "spread_element" in kinds
    return CallShape(sum(kind not in ("spread_element", "comment") for kind in kinds), star=spread)


def is_local(node: Node, scope: Scope, walker: Walker) -> bool:
    """Whether the node is the bare name of a local, whose value was noted where it was assigned."""
    return node.type == "identifier" and scope.find(walker.source.text(node)) is not None


def _member_target(walker: Walker, node: Node, scope: Scope) -> tuple[Chain, Node]:
    owner, name = node.child_by_field_name("object"), node.child_by_field_name("property")
    if owner is None or name is None:
        return UNKNOWN, node
    chain = walker.visit(owner, scope)
    if chain == (BUILTIN,) and walker.source.text(node) == "module.exports":
        return walker.name_chain("exports", scope), name
    return _longer(chain, f".{walker.source.text(name)}"), name


def _subscript_target(walker: Walker, node: Node, scope: Scope) -> tuple[Chain, Node]:
    chain = walker.visit_field(node, "object", scope)
    index = node.child_by_field_name("index")
    if index is None:
        return UNKNOWN, node
    if index.type == "string":
        return _longer(chain, f".{string_value(walker.source, index)}"), index
    walker.visit(index, scope)
    return _longer(chain, "[]"), index


def _nested_target(walker: Walker, node: Node, scope: Scope) -> tuple[Chain, Node]:
    first, *rest = [part.strip() for part in walker.source.text(node).split(".")]
    chain = (*walker.name_chain(first, scope), *(f".{part}" for part in rest))
    if scope.find(first) is None:
        walker.emit(node, walker.name_chain(first, scope), Form.LOAD)
    return chain, node


def _longer(chain: Chain, step: str) -> Chain:
    if len(chain) >= _LONGEST:
        return ("?", step) if step[0] == "." else UNKNOWN
    if chain == UNKNOWN and step[0] != ".":
        return UNKNOWN
    return (*chain, step)


def _name(walker: Walker, node: Node, scope: Scope) -> Chain:
    name = walker.source.text(node)
    local = scope.find(name)
    if local is not None:
        return local
    chain = walker.frame.get(name) or (name,)
    walker.emit(node, chain, Form.LOAD)
    return chain


def _access(walker: Walker, node: Node, scope: Scope) -> Chain:
    chain, place = target(walker, node, scope)
    if chain[-1][0] == ".":
        walker.emit(place, chain, Form.LOAD)
    return chain


def _call(walker: Walker, node: Node, scope: Scope) -> Chain:
    function, arguments = node.child_by_field_name("function"), node.child_by_field_name("arguments")
    if function is None:
        return UNKNOWN
    module = _module_call(walker, function, arguments, scope)
    if module is not None:
        return module
    misread = is_misread_await(function)
    if is_misread_await(function):
        function = next(named_children(function), function)
    chain, place = target(walker, function, scope)
    called = (*chain, ".constructor") if function.type == "super" and chain != UNKNOWN else chain
    walker.emit(place, called, Form.CALL, call_shape(arguments))
    types = node.child_by_field_name("type_arguments")
    if types is not None:
        walker.visit(types, scope)
    method = chain[-1][1:] if len(chain) > 1 and chain[-1][0] == "." else ""
    if arguments is not None:
        _arguments(walker, arguments, scope, _fed(chain, method))
    if method in _SAME and len(chain) > 1:
        return chain[:-1]
    if method in _ELEMENT:
        return _longer(chain[:-1], "*")
    result = _longer(chain, "()")
    return awaited(result) if misread and result != UNKNOWN else result


def _fed(chain: Chain, method: str) -> Chain:
    """What a call hands to the first parameter of a function it is given: ``xs.map(x => ...)``, ``p.then(...)``."""
    if len(chain) < 2 or chain[0] == "?":
        return UNKNOWN
    if method in _EACH:
        return _longer(chain[:-1], "*")
    return awaited(chain[:-1]) if method == "then" else UNKNOWN


def _arguments(walker: Walker, arguments: Node, scope: Scope, fed: Chain) -> None:
    if arguments.type == "template_string":
        walker.visit(arguments, scope)
        return
    for argument in arguments.named_children:
        if argument.type in FUNCTIONS:
            walk_function(walker, argument, scope, fed)
        else:
            walker.visit(argument, scope)


def _module_call(walker: Walker, function: Node, arguments: Node | None, scope: Scope) -> Chain | None:
    """``import("m")``, ``require("m")`` and ``jest.mock("m")``; None for other calls."""
    first = next(named_children(arguments), None) if arguments is not None else None
    if first is None or first.type != "string" or arguments is None:
        return None
    chain: Chain = (f"%import:0:{string_value(walker.source, first)}",)
    if function.type == "import" or (
        function.type == "identifier" and walker.source.text(function) == "require" and scope.find("require") is None
    ):
        walker.emit(first, chain, Form.IMPORT)
        walker.visit_all(arguments.named_children[1:], scope)
        return chain
    if function.type == "member_expression":
        owner, _, method = walker.source.text(function).partition(".")
        if owner in ("jest", "vi", "vitest") and method in _MOCKS:
            walker.emit(first, chain, Form.STRING)
            walker.visit_all(arguments.named_children[1:], scope)
            return chain if method.endswith("Actual") else UNKNOWN
        if owner == "require" and method == "resolve":
            walker.emit(first, chain, Form.STRING)
            return ("%str",)
    return None


def _new(walker: Walker, node: Node, scope: Scope) -> Chain:
    constructor, arguments = node.child_by_field_name("constructor"), node.child_by_field_name("arguments")
    if constructor is None:
        return UNKNOWN
    chain, place = target(walker, constructor, scope)
    walker.emit(place, chain, Form.CALL, call_shape(arguments))
    types = node.child_by_field_name("type_arguments")
    if types is not None:
        walker.visit(types, scope)
    if arguments is not None:
        _arguments(walker, arguments, scope, UNKNOWN)
    return UNKNOWN if chain == UNKNOWN else _longer(chain, "@")


def _assignment(walker: Walker, node: Node, scope: Scope) -> Chain:
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    if left is None or right is None:
        return UNKNOWN
    chain = walker.visit(right, scope)
    _store(walker, left, chain, scope)
    return chain


def _store(walker: Walker, left: Node, chain: Chain, scope: Scope) -> None:
    if left.type == "identifier":
        name = walker.source.text(left)
        if not scope.assign(name, chain):
            walker.emit(left, walker.name_chain(name, scope), Form.STORE)
    elif left.type in ("member_expression", "subscript_expression"):
        stored, place = target(walker, left, scope)
        if stored[-1][0] == ".":
            walker.emit(place, stored, Form.STORE)
    elif left.type in ("object_pattern", "array_pattern"):
        bind(walker, left, chain, scope, declares=False)
    else:
        for inner in named_children(left):
            _store(walker, inner, chain, scope)


def _update(walker: Walker, node: Node, scope: Scope) -> Chain:
    """``a.b += 1`` and ``a.b++`` both take the value and give another."""
    changed = node.child_by_field_name("left") or node.child_by_field_name("argument")
    if changed is not None:
        chain = walker.visit(changed, scope)
        walker.visit_field(node, "right", scope)
        if changed.type == "identifier":
            if scope.find(walker.source.text(changed)) is None:
                walker.emit(changed, chain, Form.STORE)
        elif chain[-1][0] == "." and changed.type in ("member_expression", "subscript_expression"):
            place = changed.child_by_field_name("property") or changed.child_by_field_name("index") or changed
            walker.emit(place, chain, Form.STORE)
    return UNKNOWN


def _unary(walker: Walker, node: Node, scope: Scope) -> Chain:
    argument = node.child_by_field_name("argument")
    if argument is None:
        return UNKNOWN
    if node.children[0].type == "delete" and argument.type in ("member_expression", "subscript_expression"):
        _store(walker, argument, UNKNOWN, scope)
    else:
        walker.visit(argument, scope)
    return UNKNOWN


def _binary(walker: Walker, node: Node, scope: Scope) -> Chain:
    """Long sums nest to the left: they are walked in a loop, not by recursion."""
    operands: list[Node] = []
    left: Node | None = node
    while left is not None and left.type == "binary_expression":
        right = left.child_by_field_name("right")
        if right is not None:
            operands.append(right)
        left = left.child_by_field_name("left")
    first = walker.visit(left, scope) if left is not None else UNKNOWN
    chains = [walker.visit(operand, scope) for operand in reversed(operands)]
    operator = node.child_by_field_name("operator")
    if len(chains) != 1 or operator is None:
        return UNKNOWN
    if operator.type in ("??", "||"):
        return first if first != UNKNOWN else chains[0]
    return chains[0] if operator.type == "&&" else UNKNOWN


def _ternary(walker: Walker, node: Node, scope: Scope) -> Chain:
    walker.visit_field(node, "condition", scope)
    chosen = walker.visit_field(node, "consequence", scope)
    return chosen if walker.visit_field(node, "alternative", scope) == chosen else UNKNOWN


def _await(walker: Walker, node: Node, scope: Scope) -> Chain:
    chain = _inner(walker, node, scope)
    return chain if chain == UNKNOWN else awaited(chain)


def _inner(walker: Walker, node: Node, scope: Scope) -> Chain:
    inner = next(named_children(node), None)
    return walker.visit(inner, scope) if inner is not None else UNKNOWN


def _sequence(walker: Walker, node: Node, scope: Scope) -> Chain:
    chain = UNKNOWN
    for part in named_children(node):
        chain = walker.visit(part, scope)
    return chain


def _cast(walker: Walker, node: Node, scope: Scope) -> Chain:
    parts: Sequence[Node] = list(named_children(node))
    if node.type == "type_assertion":
        parts = parts[::-1]
    chain = walker.visit(parts[0], scope) if parts else UNKNOWN
    if len(parts) < 2:
        return chain
    walker.visit(parts[1], scope)
    if node.type == "satisfies_expression":
        return chain
    written = parts[1]
    if written.type == "type_arguments":
        written = next(named_children(written), written)
    return type_chain(walker.source, written, walker.names(scope)) or UNKNOWN


def _literal(walker: Walker, node: Node, scope: Scope) -> Chain:
    if node.named_child_count:
        walker.visit_all(node.named_children, scope)
    return (LITERALS[node.type],)


def _this(walker: Walker, _node: Node, _scope: Scope) -> Chain:
    return walker.this


def _super(walker: Walker, node: Node, scope: Scope) -> Chain:
    return target(walker, node, scope)[0]


def _nothing(_walker: Walker, _node: Node, _scope: Scope) -> Chain:
    return UNKNOWN


def _pair(walker: Walker, node: Node, scope: Scope) -> Chain:
    key, value = node.child_by_field_name("key"), node.child_by_field_name("value")
    if key is not None and key.type == "computed_property_name":
        walker.visit(key, scope)
    return walker.visit(value, scope) if value is not None else UNKNOWN


EXPRESSIONS: Mapping[str, Handler] = {
    "identifier": _name,
    "shorthand_property_identifier": _name,
    "member_expression": _access,
    "subscript_expression": _access,
    "call_expression": _call,
    "new_expression": _new,
    "assignment_expression": _assignment,
    "augmented_assignment_expression": _update,
    "update_expression": _update,
    "unary_expression": _unary,
    "binary_expression": _binary,
    "ternary_expression": _ternary,
    "await_expression": _await,
    "parenthesized_expression": _inner,
    "non_null_expression": _inner,
    "sequence_expression": _sequence,
    "as_expression": _cast,
    "satisfies_expression": _cast,
    "type_assertion": _cast,
    "this": _this,
    "super": _super,
    "pair": _pair,
    "comment": _nothing,
    "property_identifier": _nothing,
    "string_fragment": _nothing,
    "escape_sequence": _nothing,
    **dict.fromkeys(LITERALS, _literal),
}
