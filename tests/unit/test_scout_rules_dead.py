"""Code that never runs, and code that only looks like it."""

from __future__ import annotations

import pytest

from scout_rules import SCRIPT, lines, say


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("def f():\n    return 1\n    tidy()\n", 3),
        ("def f(a):\n    if a:\n        raise ValueError\n        tidy()\n", 4),
        ("for a in b:\n    continue\n    tidy()\n", 3),
        ("def f():\n    try:\n        return 1\n        a = 2\n    finally:\n        tidy()\n", 4),
        ("def f():\n    try:\n        a()\n    except E:\n        raise\n        tidy()\n", 6),
    ],
)
def test_what_stands_after_a_statement_that_leaves_is_found(text: str, line: int) -> None:
    assert lines("unreachable-code", text) == [line]


@pytest.mark.parametrize(
    "text",
    [
        "def f():\n    return\n    yield\n",
        "def f():\n    raise NotImplementedError\n    yield 1\n",
        "def f(a):\n    if a:\n        return 1\n    tidy()\n",
        "def f():\n    raise NotImplementedError\n    'why'\n",
        "def f():\n    try:\n        return 1\n    finally:\n        tidy()\n",
    ],
)
def test_what_makes_a_generator_or_stands_in_another_block_is_let_be(text: str) -> None:
    assert lines("unreachable-code", text) == []


@pytest.mark.parametrize(
    "body", ["return 1;\n  tidy();", "throw e;\n  const a = tidy();", "return;\n  if (a) { tidy(); }"]
)
def test_what_stands_after_a_statement_of_a_script_that_leaves_is_found(body: str) -> None:
    assert lines("unreachable-code", f"export function f() {{\n  {body}\n}}\n", SCRIPT) == [3]


@pytest.mark.parametrize(
    "body",
    [
        "return g();\n  function g() {}",
        "return g;\n  var g;",
        "if (a) { return 1; }\n  tidy();",
        "tidy();\n  return 1;",
    ],
)
def test_what_is_known_before_it_is_reached_is_let_be(body: str) -> None:
    assert lines("unreachable-code", f"export function f() {{\n  {body}\n}}\n", SCRIPT) == []


UNUSED = "unused-definition"


def test_private_definitions_that_nothing_names_are_found() -> None:
    files = {
        "app/a.py": "def _old():\n    return 1\n\n\nclass _Older:\n    pass\n",
        "web/b.ts": "import x from './x';\nfunction old() { return x; }\nconst older = () => x;\n",
    }
    assert [(raw.path, raw.line, raw.symbol) for raw in say(UNUSED, files)] == [
        ("app/a.py", 1, "_old"),
        ("app/a.py", 5, "_Older"),
        ("web/b.ts", 2, "old"),
        ("web/b.ts", 3, "older"),
    ]


@pytest.mark.parametrize(
    "files",
    [
        {"a.py": "def _old():\n    return 1\n\n\nx = _old()\n"},
        {"a.py": "def _old():\n    return 1\n", "b.py": "from a import _old\n"},
        {
            "a.py": "def _old():\n    return 1\n",
            "tests/test_a.py": "import a\n\n\ndef test_a():\n    assert a._old()\n",
        },
        {"a.py": "def _old():\n    return 1\n", "b.py": "getattr(a, '_old')\n"},
        {"a.py": "@register\ndef _old():\n    return 1\n"},
        {"a.py": "def old():\n    return 1\n"},
        {"a.py": "class A:\n    def _old(self):\n        return 1\n"},
        {"tests/test_a.py": "def _old():\n    return 1\n"},
        {"a.py": "def _old():\n    return 1\n", "b.py": "def broken(:\n    return _old()\n"},
        {"a.ts": "import x from 'x';\nfunction old() { return x; }\nexport { old };\n"},
        {"a.tsx": "import x from 'x';\nfunction Old() { return x; }\nexport const A = () => <Old />;\n"},
        {"a.ts": "import x from 'x';\nexport function old() { return x; }\n"},
        {"a.js": "function old() { return 1; }\n"},
    ],
)
def test_what_anything_may_name_is_let_be(files: dict[str, str]) -> None:
    assert say(UNUSED, files) == []


CODE = "# a = load()\n# b = parse(a)\n# if b:\n#     save(b)\n#     send(b)\n# close(a)\n"
SCRIPT_CODE = "// const a = load();\n// const b = parse(a);\n// if (b) {\n//   save(b);\n// }\n// close(a);\n"


def test_code_that_is_commented_out_is_found_with_its_first_line() -> None:
    assert lines("commented-out-code", f"x = 1\n\n{CODE}") == [3]
    assert lines("commented-out-code", f"x();\n\n{SCRIPT_CODE}", SCRIPT) == [3]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (CODE.partition("# close")[0].replace("#     send(b)\n", ""), "app/a.py"),
        (
            "# This is why:\n# the first is loaded,\n# the second is parsed,\n# both are saved,\n# and then sent\n",
            "app/a.py",
        ),
        (f"# For example:\n{CODE}", "app/a.py"),
        ("# one\n# two\n# three\n# four\n# five\n# six\n", "app/a.py"),
        ("a = load()\nb = parse(a)\nsave(b)\nsend(b)\nclose(a)\n", "app/a.py"),
        (f"// Usage:\n{SCRIPT_CODE}", SCRIPT),
        (
            "// This is why:\n// the first is loaded,\n// the second is parsed,\n// both are saved,\n// and sent\n",
            SCRIPT,
        ),
    ],
)
def test_prose_examples_and_short_pieces_are_let_be(text: str, path: str) -> None:
    assert lines("commented-out-code", text, path) == []
