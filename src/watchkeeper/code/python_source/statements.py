"""What each kind of statement uses, and which local names it binds."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from watchkeeper.code.python_source.annotations import UNKNOWN, annotation_chain, dotted_chain
from watchkeeper.code.python_source.chains import OPERATORS, derive
from watchkeeper.code.python_source.definitions import annotate, define_class, define_function
from watchkeeper.code.python_source.expressions import VALUES, assign, iterate, narrowed, test
from watchkeeper.code.python_source.outline import TYPE_ALIAS, target_names
from watchkeeper.code.python_source.walk import Level, Perform, Walk
from watchkeeper.model.reading import Chain, Form, Reference


def find_references(tree: ast.Module, defined: frozenset[str]) -> Mapping[str, list[Reference]]:
    """The references of each symbol, by its qualname. ``defined`` are the module's own names.

    Raises RecursionError where expressions are nested too deeply to follow.
    """
    walk = Walk(VALUES, STATEMENTS, defined)
    walk.block(tree.body)
    return walk.found


def _expression(walk: Walk, node: ast.Expr) -> None:
    if node.value.__class__ is not ast.Constant:
        walk.values[node.value.__class__](walk, node.value)


def _assign(walk: Walk, node: ast.Assign) -> None:
    if walk.level is Level.FUNCTION:
        _store(walk, node.targets, node.value)
    else:
        _define(walk, node.targets, node.value)


def _store(walk: Walk, targets: list[ast.expr], value: ast.expr) -> None:
    if isinstance(value, ast.Tuple) and len(targets) == 1 and _matches(targets[0], value):
        chains = [walk.value(item) for item in value.elts]
        for target, chain in zip(targets[0].elts, chains, strict=True):  # type: ignore[attr-defined]
            assign(walk, target, chain)
        return
    chain = walk.values[value.__class__](walk, value)
    for target in targets:
        assign(walk, target, chain)


def _matches(target: ast.expr, value: ast.Tuple) -> bool:
    if not isinstance(target, (ast.Tuple, ast.List)) or len(target.elts) != len(value.elts):
        return False
    return not any(isinstance(item, ast.Starred) for item in (*target.elts, *value.elts))


def _define(walk: Walk, targets: list[ast.expr], value: ast.expr | None) -> None:
    """An assignment in a module or class body: its names are symbols, and the first of them holds what it uses."""
    names = [name for target in targets for name in target_names(target)]
    if not names:
        if value is not None:
            _store(walk, targets, value)
        return
    with walk.holder(f"{walk.owner}.{names[0]}" if walk.owner else names[0]):
        if value is not None:
            walk.value(value)
        for target in targets:
            _stored_parts(walk, target)
    for name in names:
        walk.env.pop(name, None)
        if walk.level is Level.CLASS and walk.owner:
            walk.members[name] = (f"%%{walk.owner}", f".{name}")


def _stored_parts(walk: Walk, target: ast.expr) -> None:
    if isinstance(target, (ast.Attribute, ast.Subscript)):
        walk.value(target)
    elif isinstance(target, (ast.Tuple, ast.List)):
        for item in target.elts:
            _stored_parts(walk, item)


def _annotated(walk: Walk, node: ast.AnnAssign) -> None:
    if walk.level is not Level.FUNCTION and isinstance(node.target, ast.Name):
        with walk.holder(f"{walk.owner}.{node.target.id}" if walk.owner else node.target.id):
            annotate(walk, node.annotation)
        _define(walk, [node.target], node.value)
        return
    annotate(walk, node.annotation)
    chain = walk.value(node.value) if node.value is not None else UNKNOWN
    assign(walk, node.target, annotation_chain(node.annotation, walk.owner) or chain)


def _augmented(walk: Walk, node: ast.AugAssign) -> None:
    if walk.level is not Level.FUNCTION and isinstance(node.target, ast.Name):
        _define(walk, [node.target], node.value)
        return
    walk.value(node.value)
    method = f".__i{OPERATORS[type(node.op)]}__"
    if isinstance(node.target, ast.Name) and node.target.id in walk.env:
        chain = walk.env[node.target.id]
    else:
        chain = walk.value(node.target)
        if isinstance(node.target, ast.Subscript):
            chain = derive(chain, "[]")
    walk.protocol(chain, method, node.lineno)


def _type_alias(walk: Walk, node: Any) -> None:
    if walk.level is Level.FUNCTION:
        walk.bind(node.name.id, UNKNOWN)
        return
    holder = f"{walk.owner}.{node.name.id}" if walk.owner else node.name.id
    with walk.holder(holder), walk.shadowed({item.name: UNKNOWN for item in node.type_params}):
        annotate(walk, node.value)


def _return(walk: Walk, node: ast.Return) -> None:
    if node.value is not None:
        walk.values[node.value.__class__](walk, node.value)


def _delete(walk: Walk, node: ast.Delete) -> None:
    for target in node.targets:
        if isinstance(target, ast.Name):
            if target.id in walk.globals or walk.level is not Level.FUNCTION:
                walk.note(target.lineno, (target.id,), Form.STORE)
        else:
            walk.value(target)


def _if(walk: Walk, node: ast.If) -> None:
    while True:
        test(walk, node.test)
        with walk.shadowed(narrowed(node.test)):
            walk.block(node.body)
        if len(node.orelse) != 1 or not isinstance(node.orelse[0], ast.If):
            break
        node = node.orelse[0]  # a long chain of elif is a loop, not a recursion
    walk.block(node.orelse)
    if isinstance(node.test, ast.UnaryOp) and isinstance(node.test.op, ast.Not) and _leaves(node.body):
        walk.env.update(narrowed(node.test.operand))


def _leaves(block: list[ast.stmt]) -> bool:
    return isinstance(block[-1], (ast.Return, ast.Raise, ast.Continue, ast.Break))


def _while(walk: Walk, node: ast.While) -> None:
    test(walk, node.test)
    with walk.shadowed(narrowed(node.test)):
        walk.block(node.body)
    walk.block(node.orelse)


def _for(walk: Walk, node: ast.For | ast.AsyncFor) -> None:
    iterate(walk, node)
    walk.block(node.body)
    walk.block(node.orelse)


def _with(walk: Walk, node: ast.With | ast.AsyncWith) -> None:
    start, end = (".__aenter__", ".__aexit__") if isinstance(node, ast.AsyncWith) else (".__enter__", ".__exit__")
    for item in node.items:
        chain = walk.value(item.context_expr)
        walk.protocol(chain, start, item.context_expr.lineno)
        walk.protocol(chain, end, item.context_expr.lineno)
        if item.optional_vars is not None:
            assign(walk, item.optional_vars, derive(chain, "with"))
    walk.block(node.body)


def _raise(walk: Walk, node: ast.Raise) -> None:
    if node.exc is not None:
        walk.value(node.exc)
    if node.cause is not None:
        walk.value(node.cause)


def _try(walk: Walk, node: ast.Try | ast.TryStar) -> None:
    walk.block(node.body)
    for handler in node.handlers:
        if handler.type is not None:
            walk.value(handler.type)
        if handler.name:
            target = dotted_chain(handler.type) if handler.type is not None else ()
            walk.bind(handler.name, (*target, "@") if target else UNKNOWN)
        walk.block(handler.body)
    walk.block(node.orelse)
    walk.block(node.finalbody)


def _assert(walk: Walk, node: ast.Assert) -> None:
    test(walk, node.test)
    if node.msg is not None:
        walk.value(node.msg)
    if walk.level is Level.FUNCTION:
        walk.env.update(narrowed(node.test))


def _import(walk: Walk, node: ast.Import | ast.ImportFrom) -> None:
    for alias in node.names:
        if isinstance(node, ast.ImportFrom):
            module = f"%import:{node.level}:{node.module or ''}"
            chain: Chain = (module,) if alias.name == "*" else (module, f".{alias.name}")
            local = alias.asname or alias.name
        else:
            chain = (f"%import:0:{alias.name}",)
            local = alias.asname or alias.name.partition(".")[0]
        walk.note(alias.lineno, chain, Form.IMPORT)
        walk.env.pop(local, None)
        walk.results.pop(local, None)


def _global(walk: Walk, node: ast.Global) -> None:
    walk.globals.update(node.names)
    for name in node.names:
        walk.env.pop(name, None)


def _match(walk: Walk, node: ast.Match) -> None:
    chain = walk.value(node.subject)
    name = node.subject.id if isinstance(node.subject, ast.Name) else ""
    for case in node.cases:
        _pattern(walk, case.pattern, chain)
        known = _pattern_class(case.pattern)
        with walk.shadowed({name: known} if name and known else {}):
            if case.guard is not None:
                test(walk, case.guard)
            walk.block(case.body)


def _pattern_class(pattern: ast.pattern) -> Chain:
    if isinstance(pattern, ast.MatchAs) and pattern.pattern is not None:
        return _pattern_class(pattern.pattern)
    target = dotted_chain(pattern.cls) if isinstance(pattern, ast.MatchClass) else ()
    return (*target, "@") if target else ()


def _pattern(walk: Walk, pattern: ast.pattern, subject: Chain) -> None:
    if isinstance(pattern, ast.MatchValue):
        walk.protocol(subject, ".__eq__", pattern.lineno)
        walk.value(pattern.value)
    elif isinstance(pattern, ast.MatchClass):
        _class_pattern(walk, pattern)
    elif isinstance(pattern, (ast.MatchSequence, ast.MatchOr)):
        for item in pattern.patterns:
            _pattern(walk, item, subject if isinstance(pattern, ast.MatchOr) else UNKNOWN)
    elif isinstance(pattern, ast.MatchMapping):
        _mapping_pattern(walk, pattern)
    elif isinstance(pattern, ast.MatchAs):
        if pattern.pattern is not None:
            _pattern(walk, pattern.pattern, subject)
        if pattern.name:
            walk.bind(pattern.name, _pattern_class(pattern) or subject)
    elif isinstance(pattern, ast.MatchStar) and pattern.name:
        walk.bind(pattern.name, ("%list",))


def _mapping_pattern(walk: Walk, pattern: ast.MatchMapping) -> None:
    for key in pattern.keys:
        walk.value(key)
    for item in pattern.patterns:
        _pattern(walk, item, UNKNOWN)
    if pattern.rest:
        walk.bind(pattern.rest, ("%dict",))


def _class_pattern(walk: Walk, pattern: ast.MatchClass) -> None:
    walk.value(pattern.cls)
    instance = _pattern_class(pattern)
    if pattern.patterns and instance:
        walk.protocol(instance, ".__match_args__", pattern.lineno)
    for item in pattern.patterns:
        _pattern(walk, item, UNKNOWN)
    for name, item in zip(pattern.kwd_attrs, pattern.kwd_patterns, strict=True):
        chain = (*(instance or UNKNOWN), f".{name}")
        walk.note(item.lineno, chain, Form.LOAD)
        _pattern(walk, item, chain)


def _nothing(walk: Walk, node: ast.stmt) -> None:
    """``pass``, ``break``, ``continue``, ``nonlocal`` use nothing."""


STATEMENTS: Mapping[type, Perform] = {
    ast.Expr: _expression, ast.Assign: _assign, ast.AnnAssign: _annotated, ast.AugAssign: _augmented,
    ast.Return: _return, ast.Delete: _delete, ast.If: _if, ast.While: _while, ast.For: _for, ast.AsyncFor: _for,
    ast.With: _with, ast.AsyncWith: _with, ast.Raise: _raise, ast.Try: _try, ast.TryStar: _try, ast.Assert: _assert,
    ast.Import: _import, ast.ImportFrom: _import, ast.Global: _global, ast.Nonlocal: _nothing, ast.Pass: _nothing,
    ast.Break: _nothing, ast.Continue: _nothing, ast.Match: _match, ast.FunctionDef: define_function,
    ast.AsyncFunctionDef: define_function, ast.ClassDef: define_class,
    **({TYPE_ALIAS: _type_alias} if TYPE_ALIAS is not None else {}),
}  # fmt: skip
"""How to walk each kind of statement."""
