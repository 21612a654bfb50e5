"""What an expression gives, as a chain in the scope of the module, without recording who uses what."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from watchkeeper.code.python_source.annotations import AT, OF, UNKNOWN, annotation_chain, is_builtin
from watchkeeper.model.reading import Chain

LONGEST = 12
_DEEPEST = 40
_CONSTRUCTORS = frozenset({"list", "dict", "set", "tuple", "str", "int", "float", "bytes", "bool"})
_DISPLAYS: Mapping[type[ast.expr], str] = {
    ast.List: "%list", ast.ListComp: "%list", ast.Tuple: "%tuple", ast.Set: "%set", ast.SetComp: "%set",
    ast.Dict: "%dict", ast.DictComp: "%dict", ast.JoinedStr: "%str", ast.Compare: "%bool",
}  # fmt: skip
OPERATORS: Mapping[type[ast.AST], str] = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "truediv", ast.FloorDiv: "floordiv", ast.Mod: "mod",
    ast.Pow: "pow", ast.MatMult: "matmul", ast.LShift: "lshift", ast.RShift: "rshift", ast.BitOr: "or",
    ast.BitAnd: "and", ast.BitXor: "xor",
}  # fmt: skip


class Scope:
    """The names of one function or class body, as far as they mean something outside of it.

    ``names`` gives the chain of a name at once; ``pending`` the expression that was assigned to it (None where it is
    not one expression), evaluated when somebody asks.
    """

    __slots__ = ("names", "owner", "pending")

    def __init__(
        self, names: dict[str, Chain], pending: Mapping[str, ast.expr | None] | None = None, owner: str = ""
    ) -> None:
        self.names = names
        self.pending = pending or {}
        self.owner = owner

    def chain(self, name: str) -> Chain:
        known = self.names.get(name)
        if known is not None:
            return known
        if name not in self.pending:
            return (name,)
        self.names[name] = UNKNOWN  # a name that is made of itself ends here
        value = self.pending[name]
        self.names[name] = known = evaluate(value, self) if value is not None else UNKNOWN
        return known


MODULE_SCOPE = Scope({})


def evaluate(node: ast.expr, scope: Scope, depth: int = 0) -> Chain:
    """The chain of an expression; ``("?",)`` where it cannot be told."""
    if depth > _DEEPEST:
        return UNKNOWN
    if isinstance(node, ast.Name):
        return scope.chain(node.id)
    if isinstance(node, ast.Attribute):
        return attribute(evaluate(node.value, scope, depth + 1), node.attr)
    if isinstance(node, ast.Call):
        return _call(node, scope, depth + 1)
    if isinstance(node, ast.Constant):
        return literal(node.value)
    return _other(node, scope, depth + 1)


def attribute(base: Chain, name: str) -> Chain:
    """``base.name``."""
    if name == "__class__":
        return class_of(base)
    return (*base, f".{name}") if len(base) < LONGEST else ("?", f".{name}")


def derive(base: Chain, step: str) -> Chain:
    """The next step after ``base``; what a container of known elements gives is its element."""
    last = base[-1]
    if last == OF and step in ("*", "[]", "await", "with"):
        return base[:-1]
    if last == AT and step == "[]":
        return base[:-1]
    if last in (OF, AT) or is_builtin(base) or base == UNKNOWN:
        return UNKNOWN
    if step == "()" and last[0] == "." and len(base) > 1 and base[-2] in (OF, AT):
        return _container_method(base[:-2], base[-2], last)
    return (*base, step) if len(base) < LONGEST else UNKNOWN


def class_of(instance: Chain) -> Chain:
    """The class of an instance: ``type(x)``, ``x.__class__``."""
    if len(instance) == 1 and instance[0].startswith("%") and not is_builtin(instance) and ":" not in instance[0]:
        return instance if instance[0].startswith("%%") else (f"%{instance[0]}",)
    if instance[-1] == "@" or (instance[-1] == "()" and instance[-2][:1].isupper()):
        return instance[:-1]
    return UNKNOWN


def literal(value: object) -> Chain:
    """The chain of a constant: ``("%str",)`` ..."""
    return UNKNOWN if value is ... else ("%None" if value is None else f"%{type(value).__name__}",)


def operated(left: Chain, operator: ast.operator) -> Chain:
    """What a binary operation gives: a builtin stays one, a class of the project answers itself."""
    if left == UNKNOWN or is_builtin(left):
        return left
    return derive(attribute(left, f"__{OPERATORS[type(operator)]}__"), "()")


def is_informative(chain: Chain) -> bool:
    """The chain says something that a reader in another file can use."""
    return bool(chain) and chain[0] != "?" and chain != ("%None",)


def agreed(chains: list[Chain]) -> Chain:
    """The one chain that all informative ones are; ``()`` where they differ or none says anything."""
    found = {chain for chain in chains if is_informative(chain)}
    return found.pop() if len(found) == 1 else ()


def _container_method(element: Chain, container: str, method: str) -> Chain:
    if container == AT:
        if method in (".get", ".pop", ".setdefault"):
            return element
        return {".values": (*element, OF), ".copy": (*element, AT)}.get(method, UNKNOWN)
    if method in (".pop", ".popleft", ".__next__", ".__anext__"):
        return element
    return (*element, OF) if method in (".copy", ".union", ".difference", ".__iter__", ".__aiter__") else UNKNOWN


def _call(node: ast.Call, scope: Scope, depth: int) -> Chain:
    function = node.func
    if isinstance(function, ast.Name) and function.id not in scope.names:
        name = function.id
        if name == "super" and scope.owner:
            return (f"%super:{scope.owner}",)
        if name == "type" and len(node.args) == 1:
            return class_of(evaluate(node.args[0], scope, depth))
        if name == "cast" and len(node.args) == 2:
            return annotation_chain(node.args[0], scope.owner) or UNKNOWN
        if name in _CONSTRUCTORS:
            return (f"%{name}",)
    elif isinstance(function, ast.Attribute) and function.attr == "cast" and len(node.args) == 2:
        return annotation_chain(node.args[0], scope.owner) or UNKNOWN
    return derive(evaluate(function, scope, depth), "()")


def _other(node: ast.expr, scope: Scope, depth: int) -> Chain:
    if isinstance(node, ast.Await):
        return derive(evaluate(node.value, scope, depth), "await")
    if isinstance(node, ast.Subscript):
        return derive(evaluate(node.value, scope, depth), "[]")
    if isinstance(node, ast.IfExp):
        return agreed([evaluate(node.body, scope, depth), evaluate(node.orelse, scope, depth)]) or UNKNOWN
    if isinstance(node, ast.BoolOp):
        values = node.values if isinstance(node.op, ast.Or) else node.values[-1:]
        return agreed([evaluate(value, scope, depth) for value in values]) or UNKNOWN
    if isinstance(node, ast.NamedExpr):
        return evaluate(node.value, scope, depth)
    if isinstance(node, ast.BinOp):
        return operated(evaluate(node.left, scope, depth), node.op)
    if isinstance(node, ast.UnaryOp):
        return ("%bool",) if isinstance(node.op, ast.Not) else UNKNOWN
    display = _DISPLAYS.get(type(node))
    return (display,) if display else UNKNOWN
