"""One Python file as the rules see it: nodes by kind, what stands around them, and names through its imports."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import TypeVar

from watchkeeper.code.python_source.nodes import nodes_of
from watchkeeper.scouts.rules.rule import Hit

N = TypeVar("N", bound=ast.AST)
Function = ast.FunctionDef | ast.AsyncFunctionDef
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
LOOPS = (ast.For, ast.AsyncFor)
_LONGEST_QUOTE = 400
_MOST_LINES = 8


class PythonFile:
    """A parsed file. Trees are shared and never altered."""

    def __init__(self, path: str, lines: Sequence[str], tree: ast.Module) -> None:
        self.path = path
        self.lines = lines
        self.tree = tree
        self._parents: dict[ast.AST, ast.AST] = {}
        self._kinds: dict[type, list[ast.AST]] = {}
        for node in nodes_of(tree):
            self._kinds.setdefault(type(node), []).append(node)
            for child in ast.iter_child_nodes(node):
                self._parents[child] = node

    def of(self, kind: type[N]) -> list[N]:
        """All nodes of a kind, in no promised order."""
        return self._kinds.get(kind, [])  # type: ignore[return-value]  # each list holds its own kind

    @cached_property
    def functions(self) -> list[Function]:
        return [*self.of(ast.FunctionDef), *self.of(ast.AsyncFunctionDef)]

    @cached_property
    def loops(self) -> list[ast.For | ast.AsyncFor]:
        return [*self.of(ast.For), *self.of(ast.AsyncFor)]

    @cached_property
    def calls(self) -> list[tuple[ast.Call, str]]:
        """Every call and the full name of what it calls, ``""`` where it has none."""
        return [(call, self.name(call.func)) for call in self.of(ast.Call)]

    @cached_property
    def imported(self) -> dict[str, str]:
        """Local name -> full dotted name of what was imported under it."""
        found: dict[str, str] = {}
        for one in self.of(ast.Import):
            for alias in one.names:
                found[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        for each in self.of(ast.ImportFrom):
            for alias in each.names:
                found[alias.asname or alias.name] = f"{'.' * each.level}{each.module or ''}.{alias.name}"
        return found

    @cached_property
    def constants(self) -> dict[str, ast.expr]:
        """Module level names that are bound once, and to what."""
        found: dict[str, ast.expr] = {}
        twice: set[str] = set()
        for node in self.tree.body:
            targets = node.targets if isinstance(node, ast.Assign) else []
            value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
            targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
            for target in targets:
                if isinstance(target, ast.Name) and value is not None:
                    (twice.add(target.id) if target.id in found else found.__setitem__(target.id, value))
        return {name: value for name, value in found.items() if name not in twice}

    def name(self, node: ast.expr) -> str:
        """``requests.get`` whatever it was imported as; ``self.session.get`` as written; ``""`` for anything else."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        return ".".join([self.imported.get(node.id, node.id), *reversed(parts)])

    def parent(self, node: ast.AST) -> ast.AST | None:
        return self._parents.get(node)

    def outward(self, node: ast.AST) -> Iterator[ast.AST]:
        """What it stands in, the nearest first."""
        above = self._parents.get(node)
        while above is not None:
            yield above
            above = self._parents.get(above)

    def function(self, node: ast.AST) -> Function | ast.Lambda | None:
        """The function whose body it is part of, as it runs: not the one that it decorates."""
        child = node
        for above in self.outward(node):
            if isinstance(above, ast.Lambda):
                return above
            if isinstance(above, FUNCTIONS) and child in above.body:
                return above
            child = above
        return None

    def symbol(self, node: ast.AST) -> str:
        """The qualified name of the definition around it, or of itself."""
        around = [node, *self.outward(node)]
        return ".".join(reversed([each.name for each in around if isinstance(each, (*FUNCTIONS, ast.ClassDef))]))

    def text(self, node: ast.AST) -> str:
        """The lines that it stands on."""
        first, last = _span(node)
        return "\n".join(self.lines[first - 1 : last])

    def hit(self, node: ast.AST, *words: str, confidence: float | None = None) -> Hit:
        """A finding at a node; of a function or class its first line is quoted."""
        first, last = _span(node)
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            last = first
        quote = "\n".join(line.strip() for line in self.lines[first - 1 : min(last, first + _MOST_LINES - 1)])
        return Hit(first, quote[:_LONGEST_QUOTE], self.symbol(node), words, confidence)

    def comment_within(self, first: int, last: int) -> str:
        """What comments say on these lines, 1-based; a sign in a text may be taken for one, which errs on silence."""
        return " ".join(filter(None, (_comment(line) for line in self.lines[first - 1 : last])))


def _comment(line: str) -> str:
    found = re.search(r"(?:^|\s)#+\s*(.*)$", line)
    return found[1] if found else ""


def _span(node: ast.AST) -> tuple[int, int]:
    first = getattr(node, "lineno", 1)
    return first, getattr(node, "end_lineno", None) or first


def below(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes under it, without those of functions and classes that are only defined there."""
    yield from within(ast.iter_child_nodes(node))


def within(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """The nodes and all below them, without the insides of functions and classes that are only defined there."""
    waiting = list(nodes)
    for each in waiting:
        yield each
        if not isinstance(each, (*FUNCTIONS, ast.Lambda, ast.ClassDef)):
            waiting += ast.iter_child_nodes(each)


def names_in(node: ast.AST) -> set[str]:
    """All names that are read or bound in it."""
    return {each.id for each in nodes_of(node) if isinstance(each, ast.Name)}


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    """The value of a keyword argument."""
    return next((each.value for each in call.keywords if each.arg == name), None)


def has_open_arguments(call: ast.Call) -> bool:
    """It passes on ``*args`` or ``**kwargs``, which may hold anything."""
    return any(each.arg is None for each in call.keywords) or any(isinstance(arg, ast.Starred) for arg in call.args)


def parameters(function: Function | ast.Lambda) -> list[ast.arg]:
    """All of them that have a name of their own, in order."""
    found = function.args
    return [*found.posonlyargs, *found.args, *found.kwonlyargs]


def is_text(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def interpolated(node: ast.expr) -> list[ast.expr] | None:
    """What is put into a text by f-string, ``%``, ``+`` or ``format``; None where it is no such text."""
    if isinstance(node, ast.JoinedStr):
        return [each.value for each in node.values if isinstance(each, ast.FormattedValue)]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) and _begins_as_text(node.left):
        return list(node.right.elts) if isinstance(node.right, ast.Tuple) else [node.right]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        sides = [node.left, node.right]
        if not any(_begins_as_text(each) for each in sides):
            return None
        parts = [(each, interpolated(each)) for each in sides]
        return [one for each, inner in parts for one in ([each] if inner is None else inner) if not is_text(one)]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        return [*node.args, *(each.value for each in node.keywords)] if _begins_as_text(node.func.value) else None
    return None


def _begins_as_text(node: ast.expr) -> bool:
    return (
        is_text(node)
        or isinstance(node, ast.JoinedStr)
        or (isinstance(node, ast.BinOp) and interpolated(node) is not None)
    )


def literal_text(node: ast.AST) -> str:
    """All texts written in it, joined."""
    return " ".join(
        each.value for each in nodes_of(node) if isinstance(each, ast.Constant) and isinstance(each.value, str)
    )
