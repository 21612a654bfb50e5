"""What each kind of expression uses, and the chain of what it gives."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Any

from watchkeeper.code.python_source.annotations import AT, OF, UNKNOWN, dotted_chain
from watchkeeper.code.python_source.calls import call, shape_of
from watchkeeper.code.python_source.chains import LONGEST, OPERATORS, agreed, class_of, derive, literal, operated
from watchkeeper.code.python_source.walk import BUILTIN_ROOTS, Evaluate, Walk
from watchkeeper.model.reading import Chain, Form, Reference

_COMPARISONS: Mapping[type[ast.cmpop], tuple[str, str]] = {
    ast.Eq: (".__eq__", ".__eq__"), ast.NotEq: (".__ne__", ".__ne__"), ast.Lt: (".__lt__", ".__gt__"),
    ast.LtE: (".__le__", ".__ge__"), ast.Gt: (".__gt__", ".__lt__"), ast.GtE: (".__ge__", ".__le__"),
}  # fmt: skip
_UNARY: Mapping[type[ast.unaryop], str] = {ast.USub: ".__neg__", ast.UAdd: ".__pos__", ast.Invert: ".__invert__"}
_CONVERSIONS = {-1: ".__format__", ord("s"): ".__str__", ord("r"): ".__repr__", ord("a"): ".__repr__"}
_TESTED_PLAIN = (ast.Name, ast.Attribute, ast.Call, ast.Subscript, ast.Await)


def test(walk: Walk, node: ast.expr) -> None:
    """An expression whose truth is taken."""
    if isinstance(node, ast.BoolOp):
        _operands(walk, node, node.values)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        test(walk, node.operand)
    else:
        chain = walk.values[node.__class__](walk, node)
        if isinstance(node, _TESTED_PLAIN):
            walk.protocol(chain, ".__bool__", node.lineno)


def narrowed(node: ast.expr) -> dict[str, Chain]:
    """What local names are known to be where ``node`` holds: ``isinstance(x, T)``."""
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
        found: dict[str, Chain] = {}
        for value in node.values:
            found.update(narrowed(value))
        return found
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "isinstance"):
        return {}
    if len(node.args) != 2 or not isinstance(node.args[0], ast.Name):
        return {}
    target = dotted_chain(node.args[1])
    builtin = f"%{target[0]}" if len(target) == 1 else ""
    chain = (builtin,) if builtin in BUILTIN_ROOTS else (*target, "@")
    return {node.args[0].id: chain if target else UNKNOWN}


def assign(walk: Walk, target: ast.expr, chain: Chain) -> None:
    """``target`` gets a value; names are bound by the caller's table of statements where they are symbols."""
    if isinstance(target, ast.Name):
        if target.id in walk.globals:
            walk.env.pop(target.id, None)
            walk.note(target.lineno, (target.id,), Form.STORE)
        else:
            walk.bind(target.id, chain)
    elif isinstance(target, (ast.Tuple, ast.List)):
        if chain[-1] != "*":  # what unpacking the elements of a loop calls is noise
            walk.protocol(chain, ".__iter__", target.lineno)
        element = derive(chain, "*") if chain[-1] == OF else UNKNOWN
        for item in target.elts:
            assign(walk, item, element)
    elif isinstance(target, ast.Starred):
        assign(walk, target.value, ("%list",))
    else:
        walk.value(target)


def iterate(walk: Walk, node: ast.comprehension | ast.For | ast.AsyncFor) -> None:
    """``for target in iter``."""
    is_async = isinstance(node, ast.AsyncFor) or (isinstance(node, ast.comprehension) and bool(node.is_async))
    source, pairs = _enumerated(walk, node.iter)
    chain = walk.value(node.iter) if source is None else source
    if source is None:
        walk.protocol(chain, ".__aiter__" if is_async else ".__iter__", node.iter.lineno)
    element = derive(chain, "*")
    if pairs and isinstance(node.target, (ast.Tuple, ast.List)) and len(node.target.elts) == 2:
        assign(walk, node.target.elts[0], UNKNOWN)
        assign(walk, node.target.elts[1], element)
    else:
        assign(walk, node.target, UNKNOWN if pairs else element)


def _enumerated(walk: Walk, node: ast.expr) -> tuple[Chain | None, bool]:
    """The things counted by ``enumerate(things)`` or held by ``mapping.items()``; None for any other iteration."""
    if not isinstance(node, ast.Call):
        return None, False
    if isinstance(node.func, ast.Name) and node.func.id == "enumerate" and node.args and "enumerate" not in walk.env:
        walk.note(node.lineno, ("enumerate",), Form.CALL, shape_of(node))
        chain = walk.value(node.args[0])
        walk.protocol(chain, ".__iter__", node.lineno)
        for other in (*node.args[1:], *(item.value for item in node.keywords)):
            walk.value(other)
        return chain, True
    if (
        isinstance(node.func, ast.Attribute)
        and node.func.attr == "items"
        and isinstance(node.func.value, ast.Attribute | ast.Name)
    ):
        before = len(walk.out)
        chain = walk.value(node.func.value)
        if chain[-1] == AT:
            return (*chain[:-1], OF), True
        del walk.out[before:]
    return None, False


def _name(walk: Walk, node: ast.Name) -> Chain:
    chain = walk.env.get(node.id)
    if chain is not None:
        return chain
    chain = walk.members.get(node.id) or (node.id,)
    walk.out.append(Reference(node.lineno, chain, Form.LOAD if isinstance(node.ctx, ast.Load) else Form.STORE))
    return chain


def _attribute(walk: Walk, node: ast.Attribute) -> Chain:
    base = walk.values[node.value.__class__](walk, node.value)
    if node.attr == "__class__":
        return class_of(base)
    chain = (*base, f".{node.attr}") if len(base) < LONGEST else ("?", f".{node.attr}")
    form = Form.LOAD if node.ctx.__class__ is ast.Load else Form.STORE
    walk.note(node.end_lineno or node.lineno, chain, form)
    return chain


def _subscript(walk: Walk, node: ast.Subscript) -> Chain:
    base = walk.values[node.value.__class__](walk, node.value)
    walk.values[node.slice.__class__](walk, node.slice)
    if isinstance(node.ctx, ast.Load):
        walk.protocol(base, ".__getitem__", node.lineno)
    else:
        walk.protocol(base, ".__delitem__" if isinstance(node.ctx, ast.Del) else ".__setitem__", node.lineno)
    return base if isinstance(node.slice, ast.Slice) and base[-1] == OF else derive(base, "[]")


def _constant(_walk: Walk, node: ast.Constant) -> Chain:
    return literal(node.value)


def _boolean(walk: Walk, node: ast.BoolOp) -> Chain:
    chains = _operands(walk, node, node.values[:-1])
    return agreed(chains if isinstance(node.op, ast.Or) else chains[-1:]) or UNKNOWN


def _operands(walk: Walk, node: ast.BoolOp, tested: list[ast.expr]) -> list[Chain]:
    """Each operand in turn; after ``isinstance(x, T) and`` the next ones know what ``x`` is."""
    chains: list[Chain] = []
    known: dict[str, Chain | None] = {}
    for place, value in enumerate(node.values):
        if place < len(tested) and isinstance(value, (ast.BoolOp, ast.UnaryOp)):
            test(walk, value)
            chains.append(UNKNOWN)
        else:
            chain = walk.values[value.__class__](walk, value)
            chains.append(chain)
            if place < len(tested) and isinstance(value, _TESTED_PLAIN):
                walk.protocol(chain, ".__bool__", value.lineno)
        if isinstance(node.op, ast.And):
            for name, narrow in narrowed(value).items():
                known.setdefault(name, walk.env.get(name))
                walk.env[name] = narrow
    _restore(walk, known)
    return chains


def _restore(walk: Walk, known: Mapping[str, Chain | None]) -> None:
    for name, chain in known.items():
        if chain is None:
            walk.env.pop(name, None)
        else:
            walk.env[name] = chain


def _binary(walk: Walk, node: ast.BinOp) -> Chain:
    spine = [node]
    while isinstance(node.left, ast.BinOp):  # ``a + b + c ...`` leans left: a loop, or long sums exhaust the stack
        node = node.left
        spine.append(node)
    left = walk.value(node.left)
    for item in reversed(spine):
        right = walk.value(item.right)
        name = OPERATORS[item.op.__class__]
        if left[0] == "?" or left[0] in BUILTIN_ROOTS:
            if not (isinstance(item.op, ast.Mod) and left[0] == "%str"):
                walk.protocol(right, f".__r{name}__", item.lineno)
        else:
            walk.protocol(left, f".__{name}__", item.lineno)
        left = operated(left, item.op)
    return left


def _unary(walk: Walk, node: ast.UnaryOp) -> Chain:
    if isinstance(node.op, ast.Not):
        test(walk, node.operand)
        return ("%bool",)
    chain = walk.value(node.operand)
    walk.protocol(chain, _UNARY[node.op.__class__], node.lineno)
    return chain if chain[0] in BUILTIN_ROOTS else UNKNOWN


def _compare(walk: Walk, node: ast.Compare) -> Chain:
    left = walk.value(node.left)
    for operator, comparator in zip(node.ops, node.comparators, strict=True):
        right = walk.value(comparator)
        kind = operator.__class__
        if kind is ast.In or kind is ast.NotIn:
            walk.protocol(right, ".__contains__", comparator.lineno)
        elif kind in _COMPARISONS:
            straight, reflected = _COMPARISONS[kind]
            if left[0] == "?" or left[0] in BUILTIN_ROOTS:
                walk.protocol(right, reflected, comparator.lineno)
            else:
                walk.protocol(left, straight, node.lineno)
        left = right
    return ("%bool",)


def _conditional(walk: Walk, node: ast.IfExp) -> Chain:
    test(walk, node.test)
    with walk.shadowed(narrowed(node.test)):
        body = walk.value(node.body)
    return agreed([body, walk.value(node.orelse)]) or UNKNOWN


def _await(walk: Walk, node: ast.Await) -> Chain:
    chain = walk.value(node.value)
    if not isinstance(node.value, ast.Call):
        walk.protocol(chain, ".__await__", node.lineno)
    return derive(chain, "await")


def _walrus(walk: Walk, node: ast.NamedExpr) -> Chain:
    chain = walk.value(node.value)
    assign(walk, node.target, chain)
    return chain


def _lambda(walk: Walk, node: ast.Lambda) -> Chain:
    arguments = node.args
    for default in (*arguments.defaults, *arguments.kw_defaults):
        if default is not None:
            walk.value(default)
    names = [item.arg for item in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    names.extend(item.arg for item in (arguments.vararg, arguments.kwarg) if item is not None)
    with walk.shadowed(dict.fromkeys(names, UNKNOWN)):
        walk.value(node.body)
    return UNKNOWN


def _comprehension(walk: Walk, node: Any) -> Chain:
    outer = {name: walk.env.get(name) for item in node.generators for name in _bound(item.target)}
    for item in node.generators:
        iterate(walk, item)
        for condition in item.ifs:
            test(walk, condition)
            narrow = narrowed(condition)
            walk.env.update((name, chain) for name, chain in narrow.items() if name in outer)
    element: Chain = UNKNOWN
    if isinstance(node, ast.DictComp):
        walk.value(node.key)
        element = walk.value(node.value)
    else:
        element = walk.value(node.elt)
    _restore(walk, outer)
    return _collected(node, element)


def _collected(node: ast.expr, element: Chain) -> Chain:
    if element[0] == "?" or element[0] in BUILTIN_ROOTS or len(element) >= LONGEST:
        return ("%dict",) if isinstance(node, ast.DictComp) else ("%list",)
    return (*element, AT if isinstance(node, ast.DictComp) else OF)


def _bound(target: ast.expr) -> Iterator[str]:
    for node in ast.walk(target):
        if isinstance(node, ast.Name):
            yield node.id


def _display(walk: Walk, node: Any) -> Chain:
    values = walk.values
    chains: list[Chain] = [values[item.__class__](walk, item) for item in node.elts]
    if isinstance(node, ast.Tuple):
        return ("%tuple",)
    element = agreed(chains) if chains and all(chain == chains[0] for chain in chains) else ()
    return _collected(node, element or UNKNOWN)


def _dictionary(walk: Walk, node: ast.Dict) -> Chain:
    for key, value in zip(node.keys, node.values, strict=True):
        if key is not None:
            walk.value(key)
        walk.value(value)
    return ("%dict",)


def _starred(walk: Walk, node: ast.Starred) -> Chain:
    walk.protocol(walk.value(node.value), ".__iter__", node.lineno)
    return UNKNOWN


def _text(walk: Walk, node: Any) -> Chain:
    for item in node.values:
        if not isinstance(item, ast.Constant):
            walk.value(item)
    return ("%str",)


def _formatted(walk: Walk, node: Any) -> Chain:
    chain = walk.value(node.value)
    walk.protocol(chain, _CONVERSIONS.get(node.conversion, ".__format__"), node.lineno)
    if node.format_spec is not None:
        walk.value(node.format_spec)
    return ("%str",)


def _yield(walk: Walk, node: Any) -> Chain:
    if node.value is not None:
        chain = walk.value(node.value)
        if isinstance(node, ast.YieldFrom):
            walk.protocol(chain, ".__iter__", node.lineno)
    return UNKNOWN


def _slice(walk: Walk, node: ast.Slice) -> Chain:
    for item in (node.lower, node.upper, node.step):
        if item is not None:
            walk.value(item)
    return UNKNOWN


_SINCE_3_14: Mapping[str, Evaluate] = {"TemplateStr": _text, "Interpolation": _formatted}

VALUES: Mapping[type, Evaluate] = {
    ast.Name: _name, ast.Attribute: _attribute, ast.Call: call, ast.Constant: _constant, ast.Subscript: _subscript,
    ast.BoolOp: _boolean, ast.BinOp: _binary, ast.UnaryOp: _unary, ast.Compare: _compare, ast.IfExp: _conditional,
    ast.Await: _await, ast.NamedExpr: _walrus, ast.Lambda: _lambda, ast.ListComp: _comprehension,
    ast.SetComp: _comprehension, ast.GeneratorExp: _comprehension, ast.DictComp: _comprehension, ast.List: _display,
    ast.Set: _display, ast.Tuple: _display, ast.Dict: _dictionary, ast.Starred: _starred, ast.JoinedStr: _text,
    ast.FormattedValue: _formatted, ast.Yield: _yield, ast.YieldFrom: _yield, ast.Slice: _slice,
    **{getattr(ast, name): how for name, how in _SINCE_3_14.items() if hasattr(ast, name)},
}  # fmt: skip
"""How to walk each kind of expression."""
