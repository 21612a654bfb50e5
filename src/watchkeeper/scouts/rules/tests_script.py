"""Rules of the dimension ``tests`` for TypeScript and JavaScript."""

from __future__ import annotations

import re
from collections.abc import Iterator

from watchkeeper.code.languages.script_syntax import ScriptNode
from watchkeeper.scouts.rules.rule import Hit, Rule
from watchkeeper.scouts.rules.scriptfile import FUNCTIONS, ScriptFile, arguments, callee, outside

_PROVES = re.compile(
    r"expect|assert|should|verify|check|toMatch|toBe|toEqual|snapshot|throw|fail|waitFor|\bt\.\w+\(|cy\.|\$\{|findBy|getBy",
    re.IGNORECASE,
)
_BRANCHES = frozenset({"catch_clause", "if_statement", "switch_case"})
_SMOKE = re.compile(
    r"without (error|crash|throw)|not (throw|crash|fail)|smoke|render|compil|works|types?\b", re.IGNORECASE
)


def _title(call: ScriptNode) -> str:
    given = arguments(call)
    return given[0].text.strip("\"'`")[:80] if given else ""


def find_assertion_free(file: ScriptFile) -> Iterator[Hit]:
    """Tests whose body calls nothing that could look at anything."""
    if re.search(r"(^|/)(e2e|playwright|cypress)/", file.path):
        return  # steps on a page, which wait for what they name
    helpers = set(re.findall(r"\b(?:function|const)\s+(\w+)", file.text))
    for call, name in file.calls:
        given = arguments(call)
        if (
            name not in ("it", "test")
            or len(given) < 2
            or given[-1].kind not in FUNCTIONS
            or _SMOKE.search(_title(call))
        ):
            continue
        body = given[-1].field("body")
        if body is None or _PROVES.search(body.text) or not body.children():
            continue
        called = set(re.findall(r"(\w+)\s*\(", body.text))
        if not called & helpers:
            yield file.hit(call, _title(call))._replace(quote=file.lines[call.line - 1].strip()[:400])


def find_always_true(file: ScriptFile) -> Iterator[Hit]:
    """``expect(true).toBe(true)``."""
    for call, name in file.calls:
        given = arguments(call)
        is_plain = re.fullmatch(r"expect\((true|1)\)\.(toBe|toEqual|toStrictEqual)", name) and given
        if is_plain and name.startswith(f"expect({given[0].text})") and not any(outside(call, _BRANCHES)):
            yield file.hit(call)


def find_focused(file: ScriptFile) -> Iterator[Hit]:
    """``it.only``: all other tests of the file do not run."""
    for call, name in file.calls:
        if name in ("it.only", "test.only", "describe.only", "fit", "fdescribe") and len(arguments(call)) > 1:
            yield file.hit(call, callee(call))._replace(quote=file.lines[call.line - 1].strip()[:400])


def find_skipped(file: ScriptFile) -> Iterator[Hit]:
    """Tests that are skipped, and nobody knows why."""
    for call, name in file.calls:
        given = arguments(call)
        if name not in ("it.skip", "test.skip", "describe.skip", "xit", "xdescribe", "xtest") or len(given) < 2:
            continue
        if given[0].kind not in ("string", "template_string") or given[-1].kind not in FUNCTIONS:
            continue
        around = "\n".join(file.lines[max(0, call.line - 3) : call.line + 2])
        if "//" not in around and "/*" not in around and "*/" not in around:
            yield file.hit(call, _title(call))._replace(quote=file.lines[call.line - 1].strip()[:400])


def find_unawaited(file: ScriptFile) -> Iterator[Hit]:
    """``expect(promise).rejects`` that nobody waits for: the test is over before it is known."""
    for call, name in file.calls:
        above = call.parent
        if not re.match(r"expect\(", name) or not re.search(r"\)\.(resolves|rejects)\.(not\.)?\w+$", name):
            continue
        if above is not None and above.kind == "expression_statement":
            yield file.hit(call)


RULES = (
    Rule(
        "assertion-free-test", "tests", "weak-test", 2, 0.7,
        "the test `{0}` looks at nothing: it passes whatever the code gives",
        "Show what it looks at, or that running without an exception is what it tests.",
        {"a.test.ts": "it('adds', () => {\n  add(1, 2);\n});\n"},
        {"a.test.ts": "it('adds', () => {\n  expect(add(1, 2)).toBe(3);\n});\n"},
        script=find_assertion_free, places="tests",
    ),
    Rule(
        "always-true-assertion", "tests", "weak-test", 3, 0.85,
        "the assertion holds whatever happened",
        "Show that the condition can be false.",
        {"a.test.ts": "it('adds', () => {\n  add(1);\n  expect(true).toBe(true);\n});\n"},
        {"a.test.ts": "it('adds', () => {\n  expect(add(1)).toBe(true);\n});\n"},
        script=find_always_true, places="tests",
    ),
    Rule(
        "focused-test", "tests", "weak-test", 3, 0.95,
        "{0} keeps all other tests of this file from running",
        "Show that the other tests run all the same.",
        {"a.test.ts": "it.only('adds', () => {\n  expect(add(1)).toBe(1);\n});\n"},
        {"a.test.ts": "it('adds', () => {\n  expect(add(1)).toBe(1);\n});\n"},
        script=find_focused, places="tests",
    ),
    Rule(
        "skipped-test", "tests", "weak-test", 1, 0.8,
        "the test `{0}` is skipped, and nothing says why",
        "Show the reason, and when it will run again.",
        {"a.test.ts": "it.skip('adds', () => {\n  expect(add(1)).toBe(1);\n});\n"},
        {"a.test.ts": "// the printer is broken until May\nit.skip('adds', () => {\n  expect(add(1)).toBe(1);\n});\n"},
        script=find_skipped, places="tests",
    ),
    Rule(
        "unawaited-assertion", "tests", "weak-test", 3, 0.95,
        "nobody waits for this assertion: the test is over before it can fail",
        "Show that it is awaited or returned.",
        {"a.test.ts": "it('fails', async () => {\n  expect(load()).rejects.toThrow();\n});\n"},
        {"a.test.ts": "it('fails', async () => {\n  await expect(load()).rejects.toThrow();\n});\n"},
        script=find_unawaited, places="tests",
    ),
)  # fmt: skip
