"""Functions and classes: decorators, parameters, annotations, and the scope of their bodies."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from watchkeeper.code.python_source.annotations import (
    AT,
    UNKNOWN,
    annotation_chain,
    dotted_chain,
    last_name,
    many_of,
)
from watchkeeper.code.python_source.bodies import Function
from watchkeeper.code.python_source.calls import shape_of
from watchkeeper.code.python_source.outline import receiver_chain, receiver_of
from watchkeeper.code.python_source.parsing import parse_expression
from watchkeeper.code.python_source.walk import Level, Walk
from watchkeeper.model.reading import Chain, Form

_SAME_NAME = frozenset({"setter", "getter", "deleter", "overload", "register"})
_NO_FIXTURES = frozenset({"self", "cls", "request", "args", "kwargs"})


def define_function(walk: Walk, node: Function) -> None:
    """A function that is a symbol holds what it uses; a nested one belongs to the function around it."""
    if walk.level is Level.FUNCTION:
        _nested_function(walk, node)
        return
    owner = walk.owner if walk.level is Level.CLASS else ""
    with walk.holder(f"{owner}.{node.name}" if owner else node.name):
        _header(walk, node)
        env = _parameters(walk, node)
        if owner and (receiver := receiver_of(node)):
            env[receiver] = receiver_chain(node, owner)
        _fixtures(walk, node, env)
        with walk.scope(Level.FUNCTION, owner, env):
            walk.block(node.body)
    if owner:
        walk.members[node.name] = (f"%%{owner}", f".{node.name}")
    else:
        walk.env.pop(node.name, None)


def define_class(walk: Walk, node: ast.ClassDef) -> None:
    """A class that is a symbol holds its bases, decorators and plain statements."""
    if walk.level is Level.FUNCTION:
        _nested_class(walk, node)
        return
    qualname = f"{walk.owner}.{node.name}" if walk.owner else node.name
    with walk.holder(qualname):
        _class_header(walk, node)
        with walk.scope(Level.CLASS, qualname, dict(walk.env)):
            walk.block(node.body)
    if walk.owner:
        walk.members[node.name] = (f"%%{walk.owner}", f".{node.name}")
    else:
        walk.env.pop(node.name, None)


def annotate(walk: Walk, node: ast.expr | None) -> None:
    """Notes the names inside an annotation, also inside a string."""
    if isinstance(node, (ast.Name, ast.Attribute)):
        _annotated_name(walk, node)
    elif isinstance(node, ast.Subscript):
        annotate(walk, node.value)
        name = last_name(node.value)
        if name == "Annotated" and isinstance(node.slice, ast.Tuple) and node.slice.elts:
            annotate(walk, node.slice.elts[0])
            for item in node.slice.elts[1:]:
                walk.value(item)
        elif name != "Literal":
            annotate(walk, node.slice)
    elif isinstance(node, (ast.Tuple, ast.List)):
        for item in node.elts:
            annotate(walk, item)
    elif isinstance(node, ast.BinOp):
        annotate(walk, node.left)
        annotate(walk, node.right)
    elif isinstance(node, ast.Starred):
        annotate(walk, node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        _annotated_string(walk, node, node.value)
    elif node is not None and not isinstance(node, ast.Constant):
        walk.value(node)


def _annotated_name(walk: Walk, node: ast.Name | ast.Attribute) -> None:
    if isinstance(node, ast.Attribute):
        if isinstance(node.value, (ast.Name, ast.Attribute)):
            _annotated_name(walk, node.value)
        chain = dotted_chain(node)
    else:
        chain = walk.members.get(node.id) or (node.id,)
    if chain and chain[0] not in walk.env:
        walk.note(node.end_lineno or node.lineno, chain, Form.ANNOTATION)


def _annotated_string(walk: Walk, node: ast.Constant, text: str) -> None:
    inner = parse_expression(text)
    if inner is None or isinstance(inner, ast.Constant):
        return
    before = len(walk.out)
    annotate(walk, inner)
    walk.out[before:] = [type(item)(node.lineno, item.chain, item.form, item.call) for item in walk.out[before:]]


def _nested_function(walk: Walk, node: Function) -> None:
    _header(walk, node)
    walk.bind(node.name, UNKNOWN)
    if (result := annotation_chain(node.returns, walk.owner)) and not isinstance(node, ast.AsyncFunctionDef):
        walk.results[node.name] = result if result[0] not in walk.env else UNKNOWN
    with walk.scope(Level.FUNCTION, walk.owner, {**walk.env, **_parameters(walk, node)}):
        walk.block(node.body)


def _nested_class(walk: Walk, node: ast.ClassDef) -> None:
    _class_header(walk, node)
    walk.bind(node.name, UNKNOWN)
    with walk.scope(Level.FUNCTION, "", dict(walk.env)):
        walk.block(node.body)


def _header(walk: Walk, node: Function) -> None:
    for decorator in node.decorator_list:
        _decorate(walk, decorator, node.name)
    arguments = node.args
    for default in (*arguments.defaults, *arguments.kw_defaults):
        if default is not None:
            walk.value(default)
    with walk.shadowed(_type_parameters(walk, node)):
        for item in _all_parameters(arguments):
            if item.annotation is not None:
                annotate(walk, item.annotation)
        annotate(walk, node.returns)


def _class_header(walk: Walk, node: ast.ClassDef) -> None:
    for decorator in node.decorator_list:
        _decorate(walk, decorator, node.name)
    with walk.shadowed(_type_parameters(walk, node)):
        for base in node.bases:
            _inherit(walk, base)
        for keyword in node.keywords:
            walk.value(keyword.value)


def _inherit(walk: Walk, base: ast.expr) -> None:
    if isinstance(base, ast.Subscript):  # Base[T] inherits from Base
        _inherit(walk, base.value)
        annotate(walk, base.slice)
        return
    chain = dotted_chain(base)
    if not chain or chain[0] in walk.env:
        walk.value(base)
        return
    if isinstance(base, ast.Attribute):
        walk.value(base.value)
    elif chain[0] in walk.members:
        chain = walk.members[chain[0]]
    walk.note(base.lineno, chain, Form.INHERIT)


def _decorate(walk: Walk, node: ast.expr, name: str) -> None:
    target, shape = (node.func, shape_of(node)) if isinstance(node, ast.Call) else (node, None)
    if isinstance(target, ast.Attribute):
        if isinstance(target.value, ast.Name) and target.value.id == name and target.attr in _SAME_NAME:
            return  # ``@size.setter`` above ``def size`` is the symbol itself
        chain: Chain = (*walk.value(target.value), f".{target.attr}")
    elif isinstance(target, ast.Name):
        chain = walk.env.get(target.id) or walk.members.get(target.id) or (target.id,)
    else:
        chain = walk.value(target)
    if chain != UNKNOWN:
        walk.note(target.end_lineno or node.lineno, chain, Form.DECORATE, shape)
    if isinstance(node, ast.Call):
        for argument in (*node.args, *(item.value for item in node.keywords)):
            walk.value(argument)
        for fixture in _strings(node.args) if last_name(node) == "usefixtures" else ():
            walk.note(node.lineno, (f"%fixture:{fixture}",), Form.FIXTURE)
        if last_name(node) in ("patch", "object"):
            _patched(walk, node)


def _patched(walk: Walk, node: ast.Call) -> None:
    before = len(walk.out)
    walk.value(node)
    walk.out[before:] = [item for item in walk.out[before:] if item.form is Form.STRING]


def _strings(nodes: list[ast.expr]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _type_parameters(walk: Walk, node: ast.stmt) -> dict[str, Chain]:
    parameters = getattr(node, "type_params", ())  # since 3.12
    for item in parameters:
        annotate(walk, getattr(item, "bound", None))
    return {item.name: UNKNOWN for item in parameters}


def _all_parameters(arguments: ast.arguments) -> Iterator[ast.arg]:
    yield from arguments.posonlyargs
    yield from arguments.args
    if arguments.vararg is not None:
        yield arguments.vararg
    yield from arguments.kwonlyargs
    if arguments.kwarg is not None:
        yield arguments.kwarg


def _parameters(walk: Walk, node: Function) -> dict[str, Chain]:
    generic = {item.name for item in getattr(node, "type_params", ())}
    env: dict[str, Chain] = dict.fromkeys(generic, UNKNOWN)
    for item in _all_parameters(node.args):
        chain = annotation_chain(item.annotation, walk.owner) if item.annotation is not None else ()
        env[item.arg] = chain if chain and chain[0] not in walk.env and chain[0] not in generic else ("?",)
    if (star := node.args.vararg) is not None:
        env[star.arg] = many_of(env[star.arg], "%tuple")
    if (stars := node.args.kwarg) is not None:
        element = many_of(env[stars.arg], "%dict")
        env[stars.arg] = (*element[:-1], AT) if len(element) > 1 else element
    return env


def _fixtures(walk: Walk, node: Function, env: dict[str, Chain]) -> None:
    """pytest passes fixtures to tests, and to other fixtures, by the names of their parameters."""
    is_fixture = any(last_name(item) == "fixture" for item in node.decorator_list)
    if not is_fixture and not node.name.startswith("test"):
        return
    arguments = node.args
    required = arguments.args[: len(arguments.args) - len(arguments.defaults)] if arguments.defaults else arguments.args
    optional = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    given = {name for decorator in node.decorator_list for name in _parametrized(decorator)}
    for item in (*required, *(item for item, default in optional if default is None)):
        if item.arg not in given and item.arg not in _NO_FIXTURES:
            chain = (f"%fixture:{item.arg}",)
            walk.note(item.lineno, chain, Form.FIXTURE)
            if env[item.arg] == UNKNOWN:
                env[item.arg] = chain


def _parametrized(decorator: ast.expr) -> Iterator[str]:
    """The parameters that ``@pytest.mark.parametrize`` fills itself."""
    if not isinstance(decorator, ast.Call) or last_name(decorator) != "parametrize":
        return
    if any(keyword.arg == "indirect" for keyword in decorator.keywords):
        return
    named = [item.value for item in decorator.keywords if item.arg == "argnames"]
    first = decorator.args[0] if decorator.args else named[0] if named else None
    if isinstance(first, (ast.Tuple, ast.List)):
        yield from _strings(first.elts)
    elif isinstance(first, ast.Constant) and isinstance(first.value, str):
        yield from (part.strip() for part in first.value.split(","))
