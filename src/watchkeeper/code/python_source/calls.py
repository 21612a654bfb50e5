"""Calls: their shape, the builtins that call a protocol, and the names that are written as strings."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from watchkeeper.code.python_source.annotations import AT, OF, UNKNOWN, annotation_chain, last_name
from watchkeeper.code.python_source.chains import attribute, class_of, derive
from watchkeeper.code.python_source.walk import Walk
from watchkeeper.model.reading import CallShape, Chain, Form

_PROTOCOLS: Mapping[str, str] = {
    "len": ".__len__", "bool": ".__bool__", "str": ".__str__", "repr": ".__repr__", "hash": ".__hash__",
    "format": ".__format__", "iter": ".__iter__", "next": ".__next__", "abs": ".__abs__", "int": ".__int__",
    "float": ".__float__", "bytes": ".__bytes__", "reversed": ".__reversed__", "round": ".__round__",
    "aiter": ".__aiter__", "anext": ".__anext__", "ascii": ".__repr__", "complex": ".__complex__", "dir": ".__dir__",
    **dict.fromkeys(("list", "tuple", "set", "frozenset", "sorted", "sum", "any", "all", "min", "max"), ".__iter__"),
    **dict.fromkeys(("dict", "zip", "enumerate"), ".__iter__"), "print": ".__str__",
}  # fmt: skip
_GIVES: Mapping[str, str] = {
    **dict.fromkeys(("len", "int", "hash", "ord", "id"), "%int"), **dict.fromkeys(("str", "repr", "format"), "%str"),
    **dict.fromkeys(("bool", "isinstance", "issubclass", "hasattr", "callable", "any", "all"), "%bool"),
    **dict.fromkeys(("list", "sorted", "enumerate", "zip", "map", "filter", "reversed", "dir"), "%list"),
    **dict.fromkeys(("set", "frozenset"), "%set"), "range": "%range", "dict": "%dict", "tuple": "%tuple",
    "float": "%float", "bytes": "%bytes", "print": "%None", "chr": "%str", "input": "%str", "ascii": "%str",
}  # fmt: skip
_KEEPS_ELEMENTS = frozenset({"list", "tuple", "set", "frozenset", "sorted", "reversed", "iter", "filter"})
_NAMED_ATTRIBUTE = frozenset({"getattr", "hasattr", "setattr", "delattr", "object"})
_DOTTED_PATH = frozenset(
    {"patch", "setattr", "delattr", "import_module", "importorskip", "__import__", "dict", "multiple"}
)
_STRINGS = _NAMED_ATTRIBUTE | _DOTTED_PATH | {"getfixturevalue"}


def call(walk: Walk, node: ast.Call) -> Chain:
    """A call: a reference with the shape of its arguments to what is called."""
    function = node.func
    if isinstance(function, ast.Name):
        name = function.id
        chain = walk.env.get(name)
        if chain is None:
            if name not in walk.defined and name not in walk.members:
                return _builtin(walk, node, name)
            chain = walk.members.get(name) or (name,)
            walk.note(function.lineno, chain, Form.CALL, shape_of(node))
        elif chain[0] != "?":
            walk.note(function.lineno, chain, Form.CALL, shape_of(node))
        elif name in walk.results:
            _arguments(walk, node)
            return walk.results[name]
    elif isinstance(function, ast.Attribute):
        base = walk.values[function.value.__class__](walk, function.value)
        chain = attribute(base, function.attr)
        walk.note(function.end_lineno or node.lineno, chain, Form.CALL, shape_of(node))
        if function.attr in _STRINGS:
            _arguments(walk, node)
            return _by_string(walk, node, function.attr) or derive(chain, "()")
        if function.attr == "cast" and len(node.args) == 2:
            _arguments(walk, node)
            return _cast(walk, node)
    else:
        chain = walk.values[function.__class__](walk, function)
        if chain[0] != "?":
            walk.note(node.lineno, chain, Form.CALL, shape_of(node))
    _arguments(walk, node)
    return derive(chain, "()")


def shape_of(node: ast.Call) -> CallShape:
    """How many arguments by position, which by name."""
    arguments, keywords = node.args, node.keywords
    if not keywords and not any(isinstance(item, ast.Starred) for item in arguments):
        return CallShape(len(arguments))
    starred = sum(isinstance(item, ast.Starred) for item in arguments)
    names = tuple([item.arg for item in keywords if item.arg is not None])
    return CallShape(len(arguments) - starred, names, starred > 0, len(names) < len(keywords))


def _arguments(walk: Walk, node: ast.Call) -> None:
    values = walk.values
    for item in node.args:
        values[item.__class__](walk, item)
    for keyword in node.keywords:
        values[keyword.value.__class__](walk, keyword.value)


def _builtin(walk: Walk, node: ast.Call, name: str) -> Chain:
    """A call of a name that the module does not define: a builtin, or something from a star import."""
    if name == "super":
        _arguments(walk, node)
        return (f"%super:{walk.owner}",) if walk.owner else UNKNOWN
    walk.note(node.func.lineno, (name,), Form.CALL, shape_of(node))
    chains = [walk.value(item) for item in node.args]
    for keyword in node.keywords:
        walk.value(keyword.value)
    if chains and name in _PROTOCOLS:
        for item, chain in zip(node.args, chains if name in ("print", "zip") else chains[:1], strict=False):
            walk.protocol(chain, _PROTOCOLS[name], item.lineno)
    if name in _STRINGS:
        return _by_string(walk, node, name, chains[0] if chains else UNKNOWN) or _given(name)
    if name == "type" and len(chains) == 1:
        return class_of(chains[0])
    if name == "cast" and len(chains) == 2:
        return _cast(walk, node)
    if name == "next" and chains:
        return derive(chains[0], "*") if chains[0][-1] == OF else derive(attribute(chains[0], "__next__"), "()")
    if name in _KEEPS_ELEMENTS and chains and chains[-1][-1] == OF:
        return chains[-1]
    return _given(name) if name in _GIVES else (name, "()")


def _given(name: str) -> Chain:
    return (_GIVES[name],) if name in _GIVES else UNKNOWN


def _cast(walk: Walk, node: ast.Call) -> Chain:
    return annotation_chain(node.args[0], walk.owner) or UNKNOWN


def _by_string(walk: Walk, node: ast.Call, name: str, first: Chain | None = None) -> Chain | None:
    """``patch("a.b")``, ``patch.object(X, "attr")``, ``getattr(x, "attr")`` ...: the name in the string is used."""
    strings = [
        item.value if isinstance(item, ast.Constant) and isinstance(item.value, str) else "" for item in node.args
    ]
    if name == "getfixturevalue" and strings and strings[0]:
        walk.note(node.lineno, (f"%fixture:{strings[0]}",), Form.FIXTURE)
        return (f"%fixture:{strings[0]}",)
    if name in _NAMED_ATTRIBUTE and len(strings) > 1 and strings[1].isidentifier() and _names_attribute(node, name):
        base = _quiet(walk, node.args[0]) if first is None else first
        chain = attribute(base, strings[1])
        if base != UNKNOWN and base[-1] not in (OF, AT):
            walk.note(node.args[1].lineno, chain, Form.STRING)
        return chain if name == "getattr" else None
    if name in _DOTTED_PATH and strings and _is_dotted(strings[0], name):
        walk.note(node.args[0].lineno, (f"%path:{strings[0]}",), Form.STRING)
        if name in ("import_module", "importorskip"):
            return (f"%path:{strings[0]}",)
    return None


def _names_attribute(node: ast.Call, name: str) -> bool:
    return name != "object" or (isinstance(node.func, ast.Attribute) and last_name(node.func.value) == "patch")


def _is_dotted(text: str, name: str) -> bool:
    needs_dot = name not in ("import_module", "importorskip", "__import__")
    return all(part.isidentifier() for part in text.split(".")) and ("." in text or not needs_dot)


def _quiet(walk: Walk, node: ast.expr) -> Chain:
    before = len(walk.out)
    chain = walk.value(node)
    del walk.out[before:]
    return chain
