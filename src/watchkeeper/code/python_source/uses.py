"""What one statement uses and alters, by dotted name: enough to tell whether two edits of a function can meet."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet

from watchkeeper.model.flow import root_of

OWN = frozenset({"self", "cls"})
"""The object whose method it is: its attributes are told apart by name."""
RESULT = "<result>"
"""Stands for what the function gives back."""

_CONTAINERS = (list, dict, set, bytearray)
_READING = frozenset(
    name for kind in (str, bytes, tuple, int, float, frozenset) for name in dir(kind) if not name.startswith("_")
) | {"get", "items", "keys", "values"}
_ALTERING = frozenset(name for kind in _CONTAINERS for name in dir(kind) if not name.startswith("_")) - _READING
_CONSUMING = frozenset(
    "read readline readlines seek write writelines send recv close flush commit rollback acquire release put "
    "fetchone fetchall fetchmany execute popleft appendleft start stop wait notify cancel reset".split()
)
"""Methods of files, queues, connections and locks: the next call meets another state."""
_MAKES_CONTAINERS = frozenset({"list", "dict", "set", "sorted", "defaultdict", "deque", "OrderedDict", "Counter"})
_SILENT_MODULES = frozenset(
    {"copy", "functools", "inspect", "itertools", "json", "math", "operator", "os.path", "re", "textwrap", "typing"}
)
_TELLING = frozenset({"debug", "info", "warning", "warn", "error", "exception", "critical", "log"})
_TOLD_BY = frozenset({"log", "logger", "logging", "_log", "_logger", "LOG", "LOGGER", "warnings"})
_EFFECTIVE_BUILTINS = frozenset({"open", "exec", "eval", "setattr", "delattr", "input", "__import__", "next"})
_QUIET_BUILTINS = frozenset(dir(builtins)) - _EFFECTIVE_BUILTINS
_BLIND = frozenset({"locals", "vars", "exec", "eval"})
_BINDINGS = (ast.Assign, ast.AnnAssign)
_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


class Uses:
    """The uses of some statements.

    ``takes`` are names whose values they use, ``gives`` names that they set or alter, ``stirs`` names of objects that
    they may alter by a call that is made for its effect. ``shares`` are objects that they call methods of, and for
    names from outside the function the methods themselves. ``acts``: they do something beyond these names.
    ``suspends`` counts places where others get their turn; ``is_blind``: names are reached by other ways.
    """

    __slots__ = ("acts", "gives", "is_blind", "shares", "stirs", "suspends", "takes")

    def __init__(self) -> None:
        self.takes: set[str] = set()
        self.gives: set[str] = set()
        self.stirs: set[str] = set()
        self.shares: set[str] = set()
        self.acts = False
        self.suspends = 0
        self.is_blind = False

    def add(self, other: Uses, without: AbstractSet[str] = frozenset()) -> None:
        """Takes in what other statements use, but for names that mean something else there."""
        for name in ("takes", "gives", "stirs", "shares"):
            mine: set[str] = getattr(self, name)
            mine.update(each for each in getattr(other, name) if root_of(each) not in without)
        self.acts |= other.acts
        self.suspends += other.suspends
        self.is_blind |= other.is_blind


class Names:
    """Which names a function has of its own, and which of them only ever hold a container that it made itself."""

    def __init__(self, function: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        arguments = function.args
        nodes = list(ast.walk(function))
        stored = [node.id for node in nodes if isinstance(node, ast.Name) and not _is_load(node)]
        more = [each.arg for each in (arguments.vararg, arguments.kwarg) if each is not None]
        self.own = OWN | {each.arg for each in _parameters(arguments)} | set(stored)
        made = [*more, *(name for node in nodes if isinstance(node, _BINDINGS) for name in _container_made(node))]
        self.containers = {name for name in made if made.count(name) == stored.count(name) + (name in more)}


def uses_of(statement: ast.AST, names: Names) -> Uses:
    """The uses of one statement; of one that holds others, of its head alone."""
    found = _Collector(names)
    match statement:
        case ast.Expr(value=ast.Constant()):
            pass
        case ast.Expr(value=ast.Call() as call) | ast.Expr(value=ast.Await(value=ast.Call() as call)):
            found.uses.suspends += isinstance(statement.value, ast.Await)
            found.call_for_effect(call)
        case ast.Return():
            found.uses.gives.add(RESULT)
            found.generic_visit(statement)
        case ast.Expr():
            found.generic_visit(statement)
        case ast.ExceptHandler(name=str() as name):
            found.uses.gives.add(name)
        case ast.Import() | ast.ImportFrom():
            found.uses.gives.update((each.asname or each.name).partition(".")[0] for each in statement.names)
        case ast.Global() | ast.Nonlocal():
            found.uses.is_blind = True
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            found.uses.gives.add(statement.name)
        case _:
            pass
    if not isinstance(statement, ast.Expr | ast.Return):
        for part in head_of(statement):
            found.visit(part)
    return found.uses


def head_of(statement: ast.AST) -> Iterator[ast.AST]:
    """The expressions of a statement that stand in no statement within it."""
    if isinstance(statement, ast.With | ast.AsyncWith):
        for item in statement.items:
            yield from (each for each in (item.context_expr, item.optional_vars) if each is not None)
        return
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
        yield from (*statement.decorator_list, *statement.args.defaults)
        yield from (each for each in statement.args.kw_defaults if each is not None)
        return
    if isinstance(statement, ast.match_case):
        yield from (each for each in (statement.pattern, statement.guard) if each is not None)
        return
    for child in ast.iter_child_nodes(statement):
        if not isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case):
            yield child


def dotted(node: ast.AST) -> str:
    """``self.path`` for attributes of names, "" for all else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        owner = dotted(node.value)
        return f"{owner}.{node.attr}" if owner else ""
    return ""


class _Collector(ast.NodeVisitor):
    def __init__(self, names: Names) -> None:
        self.uses = Uses()
        self._names = names

    def call_for_effect(self, call: ast.Call) -> None:
        """A call whose result nobody takes: it may alter what it is made on and what it is given."""
        if _only_tells(call):
            self._visit_arguments(call)
            return
        self.visit_Call(call)
        method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        if method in _ALTERING or method in _READING:
            return  # said already, or without effect
        self.uses.acts = True
        given = [call.func.value] if isinstance(call.func, ast.Attribute) else []
        given += [each.value if isinstance(each, ast.Starred) else each for each in call.args]
        self.uses.stirs.update(filter(None, map(dotted, [*given, *(each.value for each in call.keywords)])))

    def visit_Name(self, node: ast.Name) -> None:
        (self.uses.takes if _is_load(node) else self.uses.gives).add(node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        name = dotted(node)
        if not name:
            self.generic_visit(node)
        elif _is_load(node):
            self.uses.takes.add(name)
        else:
            self.uses.gives.add(name)
        if not _is_load(node):
            self.uses.acts |= root_of(name) not in OWN

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if not _is_load(node):
            self._alter(dotted(node.value))
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.uses.takes.update(filter(None, [dotted(node.target)]))
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Attribute):
            self._visit_method(node.func)
        else:
            name = dotted(node.func)
            self.uses.is_blind |= name in _BLIND
            self.uses.acts |= name in _EFFECTIVE_BUILTINS
            if name == "next":
                self.uses.gives.update(filter(None, map(dotted, node.args[:1])))
            if name not in _QUIET_BUILTINS:
                self.visit(node.func)
        self._visit_arguments(node)

    def visit_Await(self, node: ast.Await) -> None:
        self.uses.suspends += 1
        self.generic_visit(node)

    def visit_Yield(self, node: ast.Yield) -> None:
        self._suspend(node)

    def visit_YieldFrom(self, node: ast.YieldFrom) -> None:
        self._suspend(node)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        inner = _Collector(self._names)
        inner.visit(node.body)
        self.uses.add(inner.uses, {each.arg for each in _parameters(node.args)})

    def visit_ListComp(self, node: ast.ListComp) -> None:
        self._visit_comprehension(node)

    def visit_SetComp(self, node: ast.SetComp) -> None:
        self._visit_comprehension(node)

    def visit_DictComp(self, node: ast.DictComp) -> None:
        self._visit_comprehension(node)

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> None:
        self._visit_comprehension(node)

    def visit_MatchAs(self, node: ast.MatchAs) -> None:
        self._bind(node, node.name)

    def visit_MatchStar(self, node: ast.MatchStar) -> None:
        self._bind(node, node.name)

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        self._bind(node, node.rest)

    def _bind(self, pattern: ast.AST, name: str | None) -> None:
        self.uses.gives.update(filter(None, [name]))
        self.generic_visit(pattern)

    def _visit_comprehension(self, node: _Comprehension) -> None:
        inner = _Collector(self._names)
        inner.generic_visit(node)
        made = {each.id for part in node.generators for each in ast.walk(part.target) if isinstance(each, ast.Name)}
        self.uses.add(inner.uses, made)

    def _visit_method(self, function: ast.Attribute) -> None:
        owner = dotted(function.value)
        if not owner:
            self.visit(function.value)
            return
        self.uses.takes.add(owner)
        if function.attr in _READING or owner in _SILENT_MODULES:
            return
        if function.attr in _ALTERING:
            self._alter(owner)
        elif function.attr in _CONSUMING:
            self.uses.stirs.add(owner)
        is_own = root_of(owner) in self._names.own
        self.uses.shares.add(owner if is_own else f"{owner}.{function.attr}")

    def _visit_arguments(self, call: ast.Call) -> None:
        for argument in (*call.args, *call.keywords):
            self.visit(argument)

    def _alter(self, name: str) -> None:
        """What ``name`` holds is altered in place: nobody else has it only where the function made it."""
        self.uses.gives.update(filter(None, [name]))
        self.uses.acts |= name not in self._names.containers and root_of(name) not in OWN

    def _suspend(self, node: ast.AST) -> None:
        self.uses.suspends += 1
        self.uses.gives.add(RESULT)
        self.generic_visit(node)


def _is_load(node: ast.Name | ast.Attribute | ast.Subscript) -> bool:
    return isinstance(node.ctx, ast.Load)


def _parameters(arguments: ast.arguments) -> Sequence[ast.arg]:
    more = [each for each in (arguments.vararg, arguments.kwarg) if each is not None]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *more]


def _container_made(node: ast.Assign | ast.AnnAssign) -> Iterable[str]:
    """The name that a statement binds to a new container."""
    target = node.targets[0] if isinstance(node, ast.Assign) else node.target
    value = node.value
    makes = isinstance(value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp) or (
        isinstance(value, ast.Call) and dotted(value.func).rpartition(".")[2] in _MAKES_CONTAINERS
    )
    return (target.id,) if makes and isinstance(target, ast.Name) else ()


def _only_tells(call: ast.Call) -> bool:
    """Whether it only writes to a log or a screen."""
    if isinstance(call.func, ast.Name):
        return call.func.id == "print"
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in _TELLING:
        return False
    return dotted(call.func.value).rpartition(".")[2] in _TOLD_BY
