"""Which edits of TypeScript and JavaScript text change the normal form, and which do not."""

from __future__ import annotations

import pytest

from watchkeeper.code.languages import find_language


def normal(text: str, name: str = "f", path: str = "a.tsx") -> str:
    language = find_language(path)
    assert language is not None
    source = text.encode()
    found = {symbol.qualname: symbol for symbol in language.read(source, bodies=False).symbols}
    return language.normalise(source, found[name])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("function f() { return a + b; }", "function f() {\n  // why\n  return a + b\n}"),
        ("const f = (x) => x;", "const f = x => x"),
        ("const f = () => g('a', \"b\")", "const f = () =>\n  g(\n    'a',\n    'b',\n  );"),
        ("const f = () => <a>b</a>", "const f = () => (\n  <a>\n    b\n  </a>\n);"),
        ("const f = { 'a': 1, b: 2 }", "const f = {\n  a: 1,\n  b: 2,\n};"),
        ("const f = () => 'it\\'s'", 'const f = () => "it\'s"'),
        ("function f(a: A, b: B) {}", "/** doc */\nfunction f(\n  a: A,\n  b: B,\n) {}"),
        ("interface f { a: A, b: B }", "interface f {\n  a: A;\n  b: B\n}"),
        ("type f = A | B", "type f =\n  | A\n  | B;"),
        ("class f { x = 1 }", "class f {\n  x = 1;\n}"),
        ("import { f } from 'f'; const f = () => {}", "const f = () => {};"),
    ],
)
def test_layout_and_style_are_no_change(before: str, after: str) -> None:
    assert normal(before) == normal(after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("function f() { return a + b }", "function f() { return a - b }"),
        ("function f() { return (a + b) * c }", "function f() { return a + b * c }"),
        ("function f() { a\n(b) }", "function f() { a;\n(b) }"),
        ("function f() { return\na }", "function f() { return a }"),
        ("const f = () => ({})", "const f = () => {}"),
        ("const f = () => 'a b'", "const f = () => 'a  b'"),
        ("const f = () => `a\n b`", "const f = () => `a b`"),
        ("const f = [, a]", "const f = [a]"),
        ("const f = /a b/", "const f = /a  b/"),
        ("function f(a) {}", "function f(a, b) {}"),
        ("const f = async () => 1", "const f = () => 1"),
        ("let f = 1", "const f = 1"),
        ("export const f = 1", "const f = 1"),
        ("function f() { if (a); b() }", "function f() { if (a) b() }"),
        ("@a class f {}", "@b class f {}"),
    ],
)
def test_what_behaves_differently_reads_differently(before: str, after: str) -> None:
    assert normal(before) != normal(after)


def test_a_class_reads_the_same_whatever_its_methods_do() -> None:
    assert normal("class f extends B { m() { a() } }") == normal("class f extends B { m() { b() } n() {} }")
    assert normal("class f extends B { m() {} }") != normal("class f extends C { m() {} }")


def test_an_object_reads_the_same_whatever_its_members_are() -> None:
    assert normal("const f = { a: 1 }") == normal("const f = { a: 2, b: 3, c() {} }")
    assert normal("const f = { a: 1 }") != normal("const f = { ...g, a: 1 }")


def test_the_module_reads_as_its_own_statements() -> None:
    assert normal("import a from 'a'\nrun()\nfunction f() {}", "") == normal("// x\nrun( );", "")
    assert normal("run()", "") != normal("run(1)", "")


def test_a_symbol_of_another_text_still_has_a_form() -> None:
    language = find_language("a.ts")
    assert language is not None
    symbol = language.read(b"function f() {\n}\n", bodies=False).symbols[1]
    assert language.normalise(b"a\0b\nc", symbol)
    assert language.normalise(b"const other = 1\n", symbol) == "const other = 1"
