"""The ``calls`` check: calls that do not fit what they call, coroutines that nobody awaits, abstract classes made."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

from watchkeeper.code.call_fit import find_misfit
from watchkeeper.code.checks._classes import Classes
from watchkeeper.code.checks._constructors import find_abstract, find_constructor, surely_fits
from watchkeeper.code.checks._finding import make_finding
from watchkeeper.code.checks._modules import Modules
from watchkeeper.code.checks._receivers import TRANSPARENT, Receivers
from watchkeeper.code.checks._scopes import Call
from watchkeeper.code.index import display_name
from watchkeeper.code.memory import recall
from watchkeeper.code.python_source.calls import shape_of
from watchkeeper.code.resolution import Value, What
from watchkeeper.code.tree import SourceTree
from watchkeeper.model.findings import Finding, FindingKey
from watchkeeper.model.ids import SymbolKey
from watchkeeper.model.reading import CallShape, Signature, Symbol, SymbolKind

_KEEPS_SIGNATURE = (
    TRANSPARENT
    | {"contextmanager", "asynccontextmanager"}
    | {
        "contextlib.contextmanager",
        "contextlib.asynccontextmanager",
    }
)


class Calls:
    """Calls whose target and arguments are both known, and do not go together."""

    name = "calls"

    def find(self, tree: SourceTree, roots: Sequence[str]) -> Iterator[Finding]:
        for path in roots:
            yield from recall(tree, (self.name, path), partial(_find_in, path), len)


CHECK = Calls()


def _find_in(path: str, tree: SourceTree) -> tuple[Finding, ...]:
    modules = Modules(tree)
    module = modules.read(path)
    if module is None:
        return ()
    judge = _Judge(tree, modules)
    calls = (call for call in module.calls if not module.guards.expects(call.node.lineno, "TypeError"))
    return tuple(finding for call in calls for finding in judge.judge(path, call))


class _Problem(NamedTuple):
    rule: str
    clause: str  # after "the call of x in y"
    target: SymbolKey


class _Judge:
    """Answers for one tree."""

    def __init__(self, tree: SourceTree, modules: Modules) -> None:
        self._tree = tree
        self._receivers = Receivers(tree.index, modules)
        self._classes = Classes(tree, modules, self._receivers)

    def judge(self, path: str, call: Call) -> Iterator[Finding]:
        """What is wrong with one call."""
        chain = self._receivers.chain(path, call.node.func, call.scope)
        value = self._receivers.follow(path, chain) if chain else None
        if value is None:
            return
        before = self._receivers.follow(path, chain[:-1]) if len(chain) > 1 and chain[-1].startswith(".") else None
        if value.what is What.CLASS:
            problems = tuple(self._of_class(value, shape_of(call.node)))
        elif value.what is What.FUNCTION:
            problems = tuple(self._of_function(value, before, call))
            # Whether a subclass answers is asked last: nearly all calls fit, and the answer takes reading many files.
            problems = problems if problems and self._is_the_one(value, before, call) else ()
        else:
            return
        for problem in problems:
            yield self._finding(path, call, problem)

    def _of_class(self, value: Value, shape: CallShape) -> Iterator[_Problem]:
        missing = find_abstract(self._classes, self._receivers, value.key)
        if missing:
            yield _Problem("abstract", f"makes an instance although {', '.join(missing)} is abstract", value.key)
            return
        if surely_fits(self._classes, self._receivers, value.key, shape):
            return
        made = find_constructor(self._classes, self._receivers, value.key)
        if made is not None and (why := find_misfit(shape, made.signature)):
            yield _Problem("misfit", why, made.key)

    def _of_function(self, value: Value, before: Value | None, call: Call) -> Iterator[_Problem]:
        symbol = self._receivers.symbol(value.key)
        if symbol is None or symbol.signature is None or not set(symbol.decorators) <= _KEEPS_SIGNATURE:
            return
        shape = shape_of(call.node)
        if _needs_instance(symbol) and before is not None and before.what is What.CLASS:
            if not shape.positional:
                return  # ``Class.method(*args)``, or a call that the class's own metaclass answers
            shape = CallShape(shape.positional - 1, shape.keywords, shape.star, shape.double_star)
        if why := find_misfit(shape, symbol.signature):
            yield _Problem("misfit", why, value.key)
        elif set(symbol.decorators) <= TRANSPARENT:
            yield from _awaiting(symbol.signature, call.role, value.key)

    def _is_the_one(self, value: Value, before: Value | None, call: Call) -> bool:
        """No subclass puts another method in the place of the one that was found."""
        if before is None or before.what not in (What.INSTANCE, What.SUPER, What.CLASS):
            return True
        owner, _, name = value.key.qualname.rpartition(".")
        if before.what is What.CLASS:
            return not isinstance(call.node.func, ast.Attribute) or not _is_receiver(call.node.func.value)
        if not owner or not self._classes.is_closed(before.key):
            return False
        is_made = isinstance(call.node.func, ast.Attribute) and isinstance(call.node.func.value, ast.Call)
        if is_made and before.what is What.INSTANCE:
            return True  # of exactly this class
        return not any(self._differs(heir, name, before) for heir in self._classes.heirs(before.key))

    def _differs(self, heir: SymbolKey, name: str, before: Value) -> bool:
        """For an instance of the subclass another method may answer."""
        order = self._classes.order(heir)
        if before.what is What.SUPER:
            above = order[order.index(before.key) + 1 :]
            return above != self._classes.order(before.key)[1:]
        nearer = order[: order.index(before.key)]
        return any(self._receivers.symbol(_member(key, name)) is not None for key in nearer)

    def _finding(self, path: str, call: Call, problem: _Problem) -> Finding:
        named = display_name(problem.target, self._tree.index.paths)
        place = f"{path}, in {call.scope.qualname}" if call.scope.qualname else path
        message = f"the call of {named} in {place} {problem.clause}"
        involved = (SymbolKey(path, call.scope.qualname), problem.target)
        key = FindingKey(Calls.name, problem.rule, path, named)
        return make_finding(self._tree, key, message, call.node.lineno, involved)


def _member(owner: SymbolKey, name: str) -> SymbolKey:
    return SymbolKey(owner.path, f"{owner.qualname}.{name}")


def _is_receiver(node: ast.expr) -> bool:
    """``cls``, which may be any subclass."""
    return isinstance(node, ast.Name) and node.id == "cls"


def _needs_instance(symbol: Symbol) -> bool:
    return symbol.kind is SymbolKind.METHOD and not symbol.static


def _awaiting(signature: Signature, role: str, target: SymbolKey) -> Iterator[_Problem]:
    if signature.is_async and not signature.is_generator:
        if role == "statement":
            yield _Problem("not-awaited", "is not awaited, and it is async: nothing happens", target)
        elif role == "value":
            yield _Problem("not-awaited", "uses the result without awaiting it, and it is async", target)
    elif role == "await" and _gives_nothing(signature):
        yield _Problem("awaits-nothing", "awaits its result, and it is not async and gives None", target)


def _gives_nothing(signature: Signature) -> bool:
    is_plain = not signature.is_async and not signature.is_generator and not signature.returns_value
    return is_plain and signature.returns in ("", "None") and not signature.raises
