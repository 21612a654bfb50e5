"""The assertions of a Python function: ``assert``, unittest's methods, expected errors, matched output."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from watchkeeper.code.resources.python_values import dotted
from watchkeeper.risk.claims import Claim, Strength
from watchkeeper.risk.python_masks import Masks

_OPERATORS: dict[type[ast.cmpop], tuple[str, Strength]] = {
    ast.Eq: ("==", Strength.EXACT), ast.Is: ("is", Strength.EXACT), ast.NotEq: ("!=", Strength.PART),
    ast.IsNot: ("is not", Strength.SOME), ast.In: ("in", Strength.PART), ast.NotIn: ("not in", Strength.PART),
    ast.Lt: ("<", Strength.PART), ast.LtE: ("<=", Strength.PART), ast.Gt: (">", Strength.PART),
    ast.GtE: (">=", Strength.PART),
}  # fmt: skip
_METHODS = {
    "assertEqual": ("==", Strength.EXACT), "assertEquals": ("==", Strength.EXACT), "assertIs": ("is", Strength.EXACT),
    "assertDictEqual": ("==", Strength.EXACT), "assertListEqual": ("==", Strength.EXACT),
    "assertSetEqual": ("==", Strength.EXACT), "assertTupleEqual": ("==", Strength.EXACT),
    "assertSequenceEqual": ("==", Strength.EXACT), "assertMultiLineEqual": ("==", Strength.EXACT),
    "assertHTMLEqual": ("==", Strength.EXACT), "assertJSONEqual": ("==", Strength.EXACT),
    "assertQuerySetEqual": ("==", Strength.EXACT), "assertCountEqual": ("==", Strength.NEARLY),
    "assertAlmostEqual": ("==", Strength.NEARLY), "assertNotEqual": ("!=", Strength.PART),
    "assertIn": ("in", Strength.PART), "assertNotIn": ("not in", Strength.PART), "assertLess": ("<", Strength.PART),
    "assertLessEqual": ("<=", Strength.PART), "assertGreater": (">", Strength.PART),
    "assertGreaterEqual": (">=", Strength.PART), "assertRegex": ("in", Strength.PART),
    "assertTrue": ("true", Strength.SOME), "assertFalse": ("false", Strength.SOME),
    "assertIsNone": ("is", Strength.EXACT), "assertIsNotNone": ("is not", Strength.SOME),
    "assertIsInstance": ("true", Strength.SOME), "assertRaises": ("raises", Strength.PART),
}  # fmt: skip
_CALLED = {
    "assert_called": Strength.SOME, "assert_called_once": Strength.PART, "assert_not_called": Strength.EXACT,
    "assert_any_call": Strength.PART, "assert_has_calls": Strength.PART, "assert_called_with": Strength.NEARLY,
    "assert_called_once_with": Strength.EXACT,
}  # fmt: skip
_RAISES = frozenset({"raises", "warns", "deprecated_call", "assertRaises", "assertRaisesRegex", "assertWarns",
                     "assertRaisesMessage", "assertNumQueries"})  # fmt: skip
_MATCHES = frozenset({"fnmatch_lines", "no_fnmatch_line", "fnmatch_lines_random", "re_match_lines", "assert_outcomes",
                      "no_re_match_line", "assertoutcome"})  # fmt: skip
_BROAD = frozenset({"Exception", "BaseException"})
_MOST_TEXT = 120
_ASSERTS = re.compile(r"assert[A-Z_]\w*$")


def claims_of(function: ast.FunctionDef | ast.AsyncFunctionDef, masks: Masks) -> Iterator[Claim]:
    """All assertions of the function, those of functions within it included."""
    reader = _Reader(masks)
    for statement in function.body:
        for node in ast.walk(statement):
            if isinstance(node, ast.Assert):
                yield from reader.condition(node.test, node.lineno)
            elif isinstance(node, ast.With | ast.AsyncWith):
                yield from reader.expected_errors(node)
            elif isinstance(node, ast.Expr):
                value = node.value.value if isinstance(node.value, ast.Await) else node.value
                if isinstance(value, ast.Call):
                    yield from reader.call(value)


class _Reader:
    def __init__(self, masks: Masks) -> None:
        self._masks = masks

    def condition(self, test: ast.expr, line: int, sense: str = "true") -> Iterator[Claim]:
        """What ``assert test`` says: each part of an ``and`` is a claim of its own."""
        if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
            for part in test.values:
                yield from self.condition(part, line)
        elif isinstance(test, ast.Compare) and len(test.ops) == 1 and sense == "true":
            yield self._comparison(test.left, test.ops[0], test.comparators[0], line)
        elif isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            yield from self.condition(test.operand, line, "false" if sense == "true" else "true")
        elif isinstance(test, ast.Constant):
            yield self._claim(test, sense, None, Strength.NOTHING, line)
        else:
            is_either = isinstance(test, ast.BoolOp)
            yield self._claim(test, "either" if is_either else sense, None, Strength.SOME, line)

    def _comparison(self, left: ast.expr, operator: ast.cmpop, right: ast.expr, line: int) -> Claim:
        sense, strength = _OPERATORS[type(operator)]
        is_turned = sense in ("in", "not in") or (
            isinstance(left, ast.Constant) and not isinstance(right, ast.Constant)
        )
        subject, expected = (right, left) if is_turned else (left, right)
        if strength is Strength.EXACT and _is_rough(expected):
            strength = Strength.NEARLY
        return self._claim(subject, sense, expected, strength, line)

    def expected_errors(self, node: ast.With | ast.AsyncWith) -> Iterator[Claim]:
        """``with raises(E, match=...)``: the subject is what stands within."""
        for item in node.items:
            call = item.context_expr
            if not isinstance(call, ast.Call):
                continue
            name = dotted(call.func).rpartition(".")[2]
            if name in _RAISES and node.body:
                strength = self._strength_of_error(call)
                masked = self._masks.text(node.body[0])
                told = ", ".join(self._masks.plain(each) for each in [*call.args, *call.keywords])
                subject = self._masks.plain(node.body[0])
                text = f"{name}({told}) of {subject.partition(chr(10))[0]}"
                yield Claim(subject, masked, name, told, strength, node.lineno, text[:_MOST_TEXT])

    def _strength_of_error(self, call: ast.Call) -> Strength:
        is_broad = any(dotted(each).rpartition(".")[2] in _BROAD for each in call.args[:1])
        is_told = any(keyword.arg == "match" for keyword in call.keywords) or len(call.args) > 1
        return Strength.SOME if is_broad and not is_told else Strength.EXACT if is_told else Strength.PART

    def call(self, call: ast.Call) -> Iterator[Claim]:
        """unittest's methods, mocks' and any other that is called ``assert...``."""
        name = dotted(call.func).rpartition(".")[2]
        if not name and isinstance(call.func, ast.Attribute):
            name = call.func.attr
        line = call.lineno
        if name in _METHODS and call.args:
            yield self._method(name, call)
        elif name in _CALLED and isinstance(call.func, ast.Attribute):
            told = ", ".join(self._masks.plain(each) for each in [*call.args, *call.keywords])
            subject = self._masks.plain(call.func.value), self._masks.text(call.func.value)
            yield Claim(*subject, "called", f"{name} {told}", _CALLED[name], line, self._text(call))
        elif dotted(call.func) in ("pytest.fail", "self.fail"):
            yield Claim("fail", "fail", "fail", "", Strength.PART, line, self._text(call))
        elif name in _RAISES or name in _MATCHES or _ASSERTS.match(name):
            told = ", ".join(self._masks.plain(each) for each in [*call.args, *call.keywords])
            subject = self._masks.plain(call.func), self._masks.text(call.func)
            yield Claim(*subject, name, told, Strength.EXACT, line, self._text(call))

    def _method(self, name: str, call: ast.Call) -> Claim:
        sense, strength = _METHODS[name]
        subject = call.args[0]
        expected = call.args[1] if len(call.args) > 1 else None
        if sense in ("true", "false", "is not") and not name.endswith("Instance"):
            expected = None  # the second argument is a message
        is_turned = expected is not None and (
            sense in ("in", "not in") or (isinstance(subject, ast.Constant) and not isinstance(expected, ast.Constant))
        )
        if is_turned and expected is not None:
            subject, expected = expected, subject
        claim = self._claim(subject, sense, expected, strength, call.lineno)
        if name in ("assertIsNone", "assertIsNotNone"):
            return Claim(claim.subject, claim.masked, sense, "None", strength, claim.line, claim.text)
        return claim

    def _claim(self, subject: ast.expr, sense: str, expected: ast.expr | None, strength: Strength, line: int) -> Claim:
        plain = self._masks.plain(subject)
        told = self._masks.plain(expected) if expected is not None else ""
        is_turned = sense in ("in", "not in")
        text = f"{told} {sense} {plain}" if is_turned else f"{plain} {sense} {told}" if told else plain
        text = f"not {text}" if sense == "false" else text
        value = self._masks.value(expected) if expected is not None else ""
        return Claim(plain, self._masks.text(subject), sense, value, strength, line, text[:_MOST_TEXT])

    def _text(self, call: ast.Call) -> str:
        return self._masks.plain(call)[:_MOST_TEXT]


def _is_rough(expected: ast.expr) -> bool:
    return any(
        isinstance(node, ast.Call) and dotted(node.func).rpartition(".")[2] in ("approx", "isclose", "ANY")
        for node in ast.walk(expected)
    )
