"""What a type annotation says about the value: the chain of its class, in the scope of the module."""

from __future__ import annotations

import ast

from watchkeeper.code.python_source.parsing import parse_expression
from watchkeeper.model.reading import Chain

UNKNOWN: Chain = ("?",)
OF = "[of]"  # many of: undone by ``*``, ``[]``, ``await`` and ``with``
AT = "[at]"  # a mapping to: undone by ``[]``

_BUILTINS = frozenset({"str", "int", "float", "bool", "bytes", "complex", "bytearray", "memoryview", "range"})
_CONTAINERS = {
    **dict.fromkeys(("list", "List", "Sequence", "MutableSequence", "deque", "Deque"), "%list"),
    **dict.fromkeys(("set", "Set", "frozenset", "FrozenSet", "AbstractSet", "MutableSet"), "%set"),
    **dict.fromkeys(("Iterable", "Iterator", "Generator", "Collection", "Reversible"), "%list"),
    **dict.fromkeys(("AsyncIterator", "AsyncIterable", "AsyncGenerator", "Awaitable", "Coroutine"), "%list"),
    **dict.fromkeys(("AbstractContextManager", "AbstractAsyncContextManager", "ContextManager"), "%list"),
    **dict.fromkeys(("tuple", "Tuple"), "%tuple"),
}
_MAPPINGS = frozenset({
    "dict", "Dict", "Mapping", "MutableMapping", "defaultdict", "DefaultDict", "OrderedDict", "WeakValueDictionary",
})  # fmt: skip
_BARE = {**dict.fromkeys(_MAPPINGS, "%dict"), **_CONTAINERS}
_TRANSPARENT = frozenset({"Annotated", "ClassVar", "Final", "Required", "NotRequired", "ReadOnly", "InitVar", "Mapped"})
_OPAQUE = frozenset(
    {"Any", "object", "Callable", "Literal", "LiteralString", "Never", "NoReturn", "TypeAlias", "Final"}
)
_BUILTIN_ROOTS = frozenset(f"%{name}" for name in (*_BUILTINS, "list", "set", "dict", "tuple", "None"))


def annotation_chain(node: ast.expr | None, owner: str = "") -> Chain:
    """The chain of an annotated value; ``()`` where it says nothing. ``owner`` is the class that ``Self`` means."""
    if isinstance(node, ast.Name):
        return _named(node.id, (node.id,), owner)
    if isinstance(node, ast.Attribute):
        return _named(node.attr, dotted_chain(node), owner)
    if isinstance(node, ast.Subscript):
        return _subscripted(node, owner)
    if isinstance(node, ast.Constant):
        return _constant(node, owner)
    if isinstance(node, ast.BinOp):
        return _union(_alternatives(node), owner)
    return ()


def dotted_chain(node: ast.expr) -> Chain:
    """``a.b.c`` as a chain, subscripts left out; ``()`` for anything else."""
    steps: list[str] = []
    while True:
        if isinstance(node, ast.Attribute):
            steps.append(f".{node.attr}")
            node = node.value
        elif isinstance(node, ast.Subscript):
            node = node.value
        elif isinstance(node, ast.Name):
            return (node.id, *reversed(steps))
        else:
            return ()


def last_name(node: ast.expr) -> str:
    """``c`` of ``a.b.c``, of ``a.b.c(...)`` and of ``a.b.c[...]``; ``""`` where there is no such name."""
    while isinstance(node, (ast.Call, ast.Subscript)):
        node = node.func if isinstance(node, ast.Call) else node.value
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def is_builtin(chain: Chain) -> bool:
    """The value is an instance of a builtin type."""
    return bool(chain) and chain[0] in _BUILTIN_ROOTS


def many_of(element: Chain, otherwise: str = "") -> Chain:
    """A container of ``element``; of builtin or unknown elements only ``otherwise`` is known."""
    if element and element[0] != "?" and not is_builtin(element):
        return (*element, OF)
    return (otherwise,) if otherwise else element


def _named(name: str, chain: Chain, owner: str) -> Chain:
    if name in _BUILTINS and len(chain) == 1:
        return (f"%{name}",)
    if name == "Self" and owner:
        return (f"%{owner}",)
    if len(chain) == 1 and name in ("list", "dict", "set", "tuple", "frozenset"):
        return (_BARE[name],)
    return () if not chain or name in _OPAQUE or name == "type" else (*chain, "@")


def _constant(node: ast.Constant, owner: str) -> Chain:
    if node.value is None:
        return ("%None",)
    inner = parse_expression(node.value) if isinstance(node.value, str) else None
    if inner is None or isinstance(inner, ast.Constant):  # a string in a string is no type
        return ()
    return annotation_chain(inner, owner)


def _subscripted(node: ast.Subscript, owner: str) -> Chain:
    name = last_name(node.value)
    arguments = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    if not arguments or name in _OPAQUE:
        return annotation_chain(arguments[0], owner) if name == "Final" and arguments else ()
    if name == "Optional":
        return annotation_chain(arguments[0], owner)
    if name == "Union":
        return _union(arguments, owner)
    if name in _TRANSPARENT:
        return annotation_chain(arguments[0], owner)
    if name in ("type", "Type"):
        return _class_itself(annotation_chain(arguments[0], owner))
    if name in _MAPPINGS:
        element = annotation_chain(arguments[-1], owner)
        return (*element, AT) if element and not is_builtin(element) else ("%dict",)
    if name in _CONTAINERS:
        return _container(name, arguments, owner)
    return _named(name, dotted_chain(node.value), owner)


def _container(name: str, arguments: list[ast.expr], owner: str) -> Chain:
    if name in ("tuple", "Tuple") and not (len(arguments) == 2 and _is_ellipsis(arguments[1])):
        return ("%tuple",)
    element = annotation_chain(arguments[-1 if name == "Coroutine" else 0], owner)
    return many_of(element, _CONTAINERS[name])


def _is_ellipsis(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is ...


def _class_itself(instance: Chain) -> Chain:
    if not instance or is_builtin(instance):
        return ()
    if instance[-1] == "@":
        return instance[:-1]
    return (f"%{instance[0]}",) if len(instance) == 1 and instance[0].startswith("%") else ()


def _alternatives(node: ast.expr) -> list[ast.expr]:
    found: list[ast.expr] = []
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        found.append(node.right)
        node = node.left
    return [node, *reversed(found)]


def _union(alternatives: list[ast.expr], owner: str) -> Chain:
    chains = {annotation_chain(one, owner) for one in alternatives} - {("%None",)}
    if len(chains) == 1:
        return chains.pop()
    of_project = [chain for chain in chains if not is_builtin(chain)]
    return of_project[0] if len(of_project) == 1 else ()
