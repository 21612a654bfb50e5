"""The tests of a JavaScript or TypeScript file, by its syntax tree: jest, vitest, mocha, node's own."""

from __future__ import annotations

import re
from collections.abc import Iterator

from watchkeeper.code.languages.script_syntax import ScriptNode, parse_script
from watchkeeper.risk.claims import Claim, Strength, TestCase, TestFile

_TESTS = re.compile(r"(x|f)?(it|test|specify|describe|context|suite)((?:\.\w+)*)$")
_SUITES = frozenset({"describe", "context", "suite"})
_SILENT = frozenset({"skip", "todo", "failing", "fails"})
_MATCHERS = {
    "toBe": Strength.EXACT, "toEqual": Strength.EXACT, "toStrictEqual": Strength.EXACT, "toBeNull": Strength.EXACT,
    "toBeUndefined": Strength.EXACT, "toHaveBeenCalledWith": Strength.NEARLY, "toHaveBeenCalledTimes": Strength.NEARLY,
    "toHaveLength": Strength.NEARLY, "toBeCloseTo": Strength.NEARLY, "toMatchObject": Strength.NEARLY,
    "toBeDefined": Strength.SOME, "toBeTruthy": Strength.SOME, "toBeFalsy": Strength.SOME,
    "toHaveBeenCalled": Strength.SOME, "toBeInstanceOf": Strength.SOME,
}  # fmt: skip
_EXACT_ASSERTS = frozenset({"equal", "strictEqual", "deepEqual", "deepStrictEqual", "is", "same"})
_MOCKS = re.compile(r"(jest|vi)\.(mock|spyOn|doMock)$")
_DEEPEST = 400


def read_script_tests(path: str, source: bytes) -> TestFile | None:
    """The tests of a file; None where it cannot be read."""
    root = parse_script(path, source)
    if root is None:
        return None
    return TestFile(tuple(_cases(path, root, "", (), 0)))


def _cases(
    path: str, node: ScriptNode, owner: str, skips: tuple[tuple[str, int], ...], depth: int
) -> Iterator[TestCase]:
    if depth > _DEEPEST:
        return
    for child in node.children():
        call = _test_call(child)
        if call is None:
            yield from _cases(path, child, owner, skips, depth + 1)
            continue
        word, steps, title = call
        own = (*skips, *((f"{word}.{step}", child.line) for step in steps if step in _SILENT))
        own = (*own, (word, child.line)) if word.startswith("x") else own
        name = f"{owner} > {title}" if owner else title
        if word.lstrip("xf") in _SUITES:
            yield from _cases(path, child, name, own, depth + 1)
        else:
            yield _case(path, child, name, own)


def _test_call(node: ScriptNode) -> tuple[str, list[str], str] | None:
    if node.kind != "call_expression":
        return None
    function, arguments = node.field("function"), node.field("arguments")
    if function is None or arguments is None:
        return None
    name = function.text
    if function.kind == "call_expression":  # it.each(table)("title", ...)
        inner = function.field("function")
        name = inner.text if inner is not None else ""
    found = _TESTS.match(name)
    first = next(iter(arguments.children()), None)
    if found is None or first is None or first.kind not in ("string", "template_string"):
        return None
    return (found[1] or "") + found[2], found[3].split(".")[1:], first.text[1:-1]


def _case(path: str, call: ScriptNode, name: str, skips: tuple[tuple[str, int], ...]) -> TestCase:
    arguments = call.field("arguments")
    body = arguments.children()[1:] if arguments is not None else []
    nodes = [node for part in body for node in part.walk()]
    return TestCase(
        name=name,
        path=path,
        line=call.line,
        claims=tuple(_claims(nodes)),
        skips=skips,
        swallows=tuple(_swallows(nodes)),
        mocks=tuple(_mocks(nodes)),
        tolerances=tuple(_tolerances(nodes)),
        names=frozenset(n.text for n in nodes if n.kind in ("identifier", "property_identifier")),
        body=tuple(" ".join(part.text.split()) for part in body),
    )


def _claims(nodes: list[ScriptNode]) -> Iterator[Claim]:
    for node in nodes:
        function = node.field("function") if node.kind == "call_expression" else None
        if function is None:
            continue
        arguments = node.field("arguments")
        told = _plain(arguments.text[1:-1]) if arguments is not None else ""
        subject = _expected_of(function)
        if subject is not None:
            yield _expectation(node, function, subject, told)
        elif re.match(r"(assert|t)\.\w+$", function.text) and told:
            word = function.text.partition(".")[2]
            first, _, rest = told.partition(", ")
            strength = Strength.EXACT if word in _EXACT_ASSERTS else Strength.PART if rest else Strength.SOME
            yield Claim(first, first, word, rest, strength, node.line, _line(node))
        elif function.text == "assert" and told:
            yield Claim(told, told, "true", "", Strength.SOME, node.line, _line(node))


def _expectation(node: ScriptNode, function: ScriptNode, subject: str, told: str) -> Claim:
    matcher = function.text.rpartition(".")[2]
    is_turned = ".not." in function.text[-len(matcher) - 6 :]
    strength = Strength.PART if is_turned else _MATCHERS.get(matcher, Strength.PART)
    sense = ("not " if is_turned else "") + (matcher if strength is not Strength.EXACT else "equals")
    return Claim(subject, subject, sense, told or matcher, strength, node.line, _line(node))


def _expected_of(function: ScriptNode) -> str | None:
    """What stands within ``expect(...)`` where the call ends such a chain."""
    if function.kind != "member_expression":
        return None
    inner = function.field("object")
    while inner is not None and inner.kind in ("member_expression", "await_expression"):
        inner = inner.field("object")
    called = inner.field("function") if inner is not None and inner.kind == "call_expression" else None
    arguments = inner.field("arguments") if inner is not None and called is not None else None
    if called is None or arguments is None or called.text not in ("expect", "expect.soft"):
        return None
    return _plain(arguments.text[1:-1])


def _plain(text: str) -> str:
    return " ".join(text.split()).rstrip(",")


def _line(node: ScriptNode) -> str:
    return _plain(node.text)[:120]


def _swallows(nodes: list[ScriptNode]) -> Iterator[int]:
    for node in nodes:
        if node.kind == "catch_clause":
            body = node.field("body")
            if body is not None and not body.children():
                yield node.line


def _mocks(nodes: list[ScriptNode]) -> Iterator[tuple[str, int]]:
    for node in nodes:
        function = node.field("function") if node.kind == "call_expression" else None
        arguments = node.field("arguments") if function is not None and _MOCKS.match(function.text) else None
        for each in arguments.children() if arguments is not None else ():
            if each.kind == "string":
                yield each.text[1:-1].rpartition("/")[2], node.line


def _tolerances(nodes: list[ScriptNode]) -> Iterator[tuple[str, float, int]]:
    for node in nodes:
        if node.kind == "call_expression":
            found = re.search(r"\.toBeCloseTo\([^()]*,\s*(\d+)\s*\)$", node.text)
            if found is not None:
                yield "digits of toBeCloseTo", -float(found[1]), node.line
