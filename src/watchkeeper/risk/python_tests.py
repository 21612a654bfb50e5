"""The tests of a Python file, by its syntax tree: pytest and unittest."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet

from watchkeeper.code.python_source.parsing import parse_source
from watchkeeper.code.resources.python_values import dotted
from watchkeeper.risk.claims import TestCase, TestFile
from watchkeeper.risk.python_claims import claims_of
from watchkeeper.risk.python_masks import Masks

_SKIPS = frozenset({"skip", "skipif", "skipIf", "skipUnless", "xfail", "expectedFailure", "SkipTest", "skipTest"})
_PATCHES = frozenset({"patch", "setattr", "object", "dict", "multiple", "spy"})
_TOLERANCES = frozenset({"rel", "abs", "delta", "rel_tol", "abs_tol", "rtol", "atol", "tolerance", "msec", "tol"})
_PRECISIONS = frozenset({"places", "decimal", "significant", "ndigits"})
_BROAD = frozenset({"Exception", "BaseException", "AssertionError"})
_Function = ast.FunctionDef | ast.AsyncFunctionDef


def read_python_tests(path: str, source: bytes, without: AbstractSet[str] = frozenset()) -> TestFile | None:
    """The tests of a file, but for those named in ``without``; None where it does not parse."""
    parsed = parse_source(source)
    if parsed.tree is None:
        return None
    cases = tuple(_cases(path, parsed.tree.body, without))
    return TestFile(cases, tuple(_module_skips(parsed.tree)))


def find_unchanged(before: bytes, after: bytes) -> frozenset[str]:
    """The names of the tests that both versions of a file have once, word for word and under the same marks.

    They match each other and say the same, so that nothing follows from them: reading them takes the longest.
    """
    one, two = _texts(before), _texts(after)
    return frozenset(name for name, text in one.items() if text is not None and two.get(name) == text)


def _texts(source: bytes) -> dict[str, tuple[Sequence[str], Sequence[str]] | None]:
    """By name: the marks above a function, and its lines; None for a name that stands there twice."""
    parsed = parse_source(source)
    found: dict[str, tuple[Sequence[str], Sequence[str]] | None] = {}
    for owner, node, skips in _functions(parsed.tree.body, "", ()) if parsed.tree is not None else ():
        name = f"{owner}{node.name}"
        first = min([node.lineno, *(mark.lineno for mark in node.decorator_list)])
        text = parsed.lines[first - 1 : node.end_lineno]
        found[name] = ([skip for skip, _ in skips], text) if name not in found else None
    return found


def _module_skips(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for statement in tree.body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        for node in ast.walk(statement):
            name = dotted(node).rpartition(".")[2] if isinstance(node, ast.Attribute) else ""
            if name in _SKIPS:
                yield name, getattr(node, "lineno", 0)


def _cases(path: str, body: Sequence[ast.stmt], without: AbstractSet[str]) -> Iterator[TestCase]:
    for owner, node, skips in _functions(body, "", ()):
        if f"{owner}{node.name}" not in without:
            case = _case(path, node, owner, skips)
            if case.is_test or case.claims:
                yield case


_Skips = tuple[tuple[str, int], ...]


def _functions(body: Sequence[ast.stmt], owner: str, skips: _Skips) -> Iterator[tuple[str, _Function, _Skips]]:
    """The functions of a module and its classes: whose it is, and the marks that hold for it from above."""
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from _functions(node.body, f"{owner}{node.name}.", (*skips, *_skip_marks(node.decorator_list)))
        elif isinstance(node, _Function):
            yield owner, node, skips
        elif isinstance(node, ast.If | ast.Try | ast.With):
            yield from _functions(node.body, owner, skips)


def _case(path: str, node: _Function, owner: str, skips: tuple[tuple[str, int], ...]) -> TestCase:
    masks = Masks(node)
    claims = tuple(claims_of(node, masks))
    nodes = [each for statement in node.body for each in ast.walk(statement)]
    is_fixture = any("fixture" in dotted(_called(mark)) for mark in node.decorator_list)
    return TestCase(
        name=f"{owner}{node.name}",
        path=path,
        line=node.lineno,
        is_test=(node.name.startswith("test") or node.name == "runTest") and not is_fixture,
        claims=claims,
        skips=(*skips, *_skip_marks(node.decorator_list), *_skip_calls(nodes)),
        swallows=tuple(_swallows(nodes)),
        mocks=tuple(_mocks([*node.decorator_list, *nodes])),
        tolerances=tuple(_tolerances(nodes)),
        cases=tuple(_rows(node.decorator_list)),
        names=frozenset(_names(nodes)),
        body=tuple(masks.text(statement) for statement in node.body if not _is_docstring(statement)),
    )


def _called(node: ast.expr) -> ast.expr:
    return node.func if isinstance(node, ast.Call) else node


def _skip_marks(decorators: Sequence[ast.expr]) -> Iterator[tuple[str, int]]:
    for mark in decorators:
        name = dotted(_called(mark)).rpartition(".")[2]
        if name in _SKIPS:
            yield name, mark.lineno


def _skip_calls(nodes: Sequence[ast.AST]) -> Iterator[tuple[str, int]]:
    for node in nodes:
        if isinstance(node, ast.Call):
            name = dotted(node.func)
            if name in ("pytest.skip", "pytest.xfail", "self.skipTest", "skip", "xfail", "importorskip"):
                yield name.rpartition(".")[2], node.lineno
        elif isinstance(node, ast.Raise) and node.exc is not None:
            name = dotted(_called(node.exc)).rpartition(".")[2]
            if name == "SkipTest":
                yield name, node.lineno


def _swallows(nodes: Sequence[ast.AST]) -> Iterator[int]:
    """Handlers of any error, or of a failed assertion, that do nothing about it."""
    for node in nodes:
        if isinstance(node, ast.ExceptHandler) and _is_broad(node.type) and all(map(_is_idle, node.body)):
            yield node.lineno
        elif isinstance(node, ast.With | ast.AsyncWith):
            for item in node.items:
                call = item.context_expr
                is_suppress = isinstance(call, ast.Call) and dotted(call.func).rpartition(".")[2] == "suppress"
                if is_suppress and isinstance(call, ast.Call) and any(map(_is_broad, call.args)):
                    yield node.lineno


def _is_broad(caught: ast.expr | None) -> bool:
    each = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return any(one is None or dotted(one).rpartition(".")[2] in _BROAD for one in each)


def _is_idle(statement: ast.stmt) -> bool:
    is_return = isinstance(statement, ast.Return) and statement.value is None
    return is_return or isinstance(statement, ast.Pass | ast.Continue) or _is_docstring(statement)


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _mocks(nodes: Sequence[ast.AST]) -> Iterator[tuple[str, int]]:
    """``patch("a.b.c")``, ``patch.object(a, "c")``, ``monkeypatch.setattr(a, "c", ...)``: the name ``c``."""
    for node in nodes:
        for call in ast.walk(node) if isinstance(node, ast.expr) else ():
            if not isinstance(call, ast.Call):
                continue
            steps = dotted(call.func).split(".")
            if steps[-1] not in _PATCHES or not (
                steps[-1] == "patch" or "patch" in ".".join(steps).lower() or "mocker" in steps
            ):
                continue
            texts = [a.value for a in call.args[:2] if isinstance(a, ast.Constant) and isinstance(a.value, str)]
            if texts:
                yield texts[0].rpartition(".")[2], call.lineno


def _tolerances(nodes: Sequence[ast.AST]) -> Iterator[tuple[str, float, int]]:
    """By what they are of; larger is wider, so that precisions count negative."""
    for node in nodes:
        for keyword in node.keywords if isinstance(node, ast.Call) else ():
            value = _number(keyword.value)
            if value is not None and isinstance(node, ast.Call):
                name = dotted(node.func).rpartition(".")[2]
                if keyword.arg in _TOLERANCES:
                    yield f"{keyword.arg} of {name}", value, keyword.value.lineno
                elif keyword.arg in _PRECISIONS:
                    yield f"{keyword.arg} of {name}", -value, keyword.value.lineno


def _number(node: ast.expr) -> float | None:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = _number(node.operand)
        return None if inner is None else -inner
    is_number = isinstance(node, ast.Constant) and isinstance(node.value, int | float)
    return float(node.value) if is_number and isinstance(node, ast.Constant) else None  # type: ignore[arg-type]


def _rows(decorators: Sequence[ast.expr]) -> Iterator[str]:
    for mark in decorators:
        if isinstance(mark, ast.Call) and dotted(mark.func).endswith("parametrize") and len(mark.args) > 1:
            rows = mark.args[1]
            if isinstance(rows, ast.List | ast.Tuple | ast.Set):
                yield from (ast.unparse(row) for row in rows.elts)


def _names(nodes: Sequence[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
