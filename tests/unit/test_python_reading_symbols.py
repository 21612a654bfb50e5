"""Which symbols a Python file defines, where they are and what they are."""

from __future__ import annotations

from textwrap import dedent

import pytest

from watchkeeper.code.languages.python import LANGUAGE
from watchkeeper.model.reading import Export, Import, Reading, Status, Symbol, SymbolKind


def read(text: str) -> Reading:
    return LANGUAGE.read(dedent(text).encode(), bodies=False)


def symbols(text: str) -> dict[str, Symbol]:
    return {symbol.qualname: symbol for symbol in read(text).symbols}


def kinds(text: str) -> dict[str, SymbolKind]:
    return {name: symbol.kind for name, symbol in symbols(text).items() if name}


def test_an_empty_file_has_the_module_only() -> None:
    reading = read("")

    assert reading.status is Status.PARSED
    assert [(symbol.qualname, symbol.kind, symbol.spans) for symbol in reading.symbols] == [
        ("", SymbolKind.MODULE, ((1, 1),))
    ]


def test_the_module_comes_first_and_the_others_in_source_order() -> None:
    found = read("def b():\n    pass\nclass A:\n    def m(self): pass\nx = 1\n").symbols

    assert [symbol.qualname for symbol in found] == ["", "b", "A", "A.m", "x"]


def test_functions_and_async_functions_are_functions() -> None:
    assert kinds("def f(): ...\nasync def g(): ...\n") == {"f": SymbolKind.FUNCTION, "g": SymbolKind.FUNCTION}


def test_methods_and_nested_classes_are_named_by_their_class() -> None:
    found = kinds(
        """
        class Outer:
            def m(self): ...
            class Inner:
                def n(self): ...
        """
    )

    assert found == {
        "Outer": SymbolKind.CLASS,
        "Outer.m": SymbolKind.METHOD,
        "Outer.Inner": SymbolKind.CLASS,
        "Outer.Inner.n": SymbolKind.METHOD,
    }


def test_nested_functions_belong_to_the_function_around_them() -> None:
    assert list(kinds("def f():\n    def g(): ...\n    class C: ...\n    return g\n")) == ["f"]


def test_a_property_with_its_setter_is_one_symbol_with_two_spans() -> None:
    size = symbols(
        """\
        class Box:
            @property
            def size(self) -> int:
                return 1

            @size.setter
            def size(self, value): ...
        """
    )["Box.size"]

    assert size.kind is SymbolKind.PROPERTY
    assert size.spans == ((2, 4), (6, 7))
    assert size.type == ("%int",)


def test_overloads_are_spans_of_one_function_whose_signature_is_the_last() -> None:
    found = symbols(
        """\
        @overload
        def f(a: int) -> int: ...
        @overload
        def f(a: str) -> str: ...
        def f(a, b=None): return a
        """
    )["f"]

    assert found.spans == ((1, 2), (3, 4), (5, 5))
    assert found.signature is not None
    assert [item.name for item in found.signature.parameters] == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("x = 1", ["x"]),
        ("x: int", ["x"]),
        ("x += 1", ["x"]),
        ("a, (b, *c) = f()", ["a", "b", "c"]),
        ("a = b = 1", ["a", "b"]),
        ("x.y = 1", []),
        ("x[0] = 1", []),
        ("f()", []),
        ("for i in x: pass", []),
    ],
)
def test_module_variables_are_the_names_that_assignments_bind(text: str, names: list[str]) -> None:
    assert kinds(text) == dict.fromkeys(names, SymbolKind.VARIABLE)


def test_class_level_assignments_and_annotations_are_fields() -> None:
    assert kinds("class C:\n    a = 1\n    b: int\n") == {
        "C": SymbolKind.CLASS,
        "C.a": SymbolKind.FIELD,
        "C.b": SymbolKind.FIELD,
    }


def test_assigning_to_self_makes_a_field_at_the_first_assignment() -> None:
    found = symbols(
        """\
        class C:
            def __init__(self):
                self.x = 1
                self.x = 2
            def reset(this):
                this.y, this.z = 0, 0
        """
    )

    assert found["C.x"].spans == ((3, 3),)
    assert found["C.y"].kind is found["C.z"].kind is SymbolKind.FIELD


def test_assigning_to_something_else_makes_no_field() -> None:
    assert "C.x" not in kinds("class C:\n    def m(self, other):\n        other.x = 1\n        y = 1\n")


def test_a_class_level_field_wins_over_assignments_to_self() -> None:
    field = symbols("class C:\n    x: int = 0\n    def m(self):\n        self.x = 1\n")["C.x"]

    assert field.spans == ((2, 2),)


def test_a_field_made_in_a_method_leaves_the_methods_text_whole() -> None:
    one = symbols("class C:\n    def m(self):\n        self.x = 1\n")
    two = symbols("class C:\n    def m(self):\n        self.x = 2\n")

    assert one["C.m"].digest != two["C.m"].digest
    assert one["C.x"].digest != two["C.x"].digest
    assert one["C"].digest == two["C"].digest


def test_definitions_in_both_arms_of_an_if_are_one_symbol_with_two_spans() -> None:
    found = symbols(
        """\
        if sys.platform == "win32":
            def f(): return 1
        else:
            def f(): return 2
        """
    )["f"]

    assert found.spans == ((2, 2), (4, 4))


def test_definitions_under_try_with_for_and_match_are_symbols() -> None:
    found = kinds(
        """
        try:
            import fast
        except ImportError:
            fast = None
        with guard:
            def a(): ...
        for name in names:
            class B: ...
        match x:
            case 1:
                c = 1
        """
    )

    assert set(found) == {"fast", "a", "B", "c"}


def test_a_long_chain_of_elif_is_read() -> None:
    text = "if x == 0:\n    a = 0\n" + "".join(f"elif x == {n}:\n    a{n} = 1\n" for n in range(1, 90))

    assert len(kinds(text)) == 90


def test_spans_include_decorators() -> None:
    assert symbols("@a\n@b(1)\ndef f():\n    pass\n")["f"].spans == ((1, 4),)


def test_the_modules_own_text_leaves_out_symbols_and_imports() -> None:
    base = symbols("import a\nstart()\ndef f(): return 1\nx = 1\n")[""]

    assert symbols("import b\nstart()\ndef f(): return 2\nx = 2\n")[""].digest == base.digest
    assert symbols("import a\nstop()\ndef f(): return 1\nx = 1\n")[""].digest != base.digest


def test_a_statement_on_the_line_of_a_definition_is_still_the_modules_own() -> None:
    assert symbols("x = 1; start()\n")[""].digest != symbols("x = 1; stop()\n")[""].digest
    assert symbols("if a: x = 1\n")[""].digest != symbols("if b: x = 1\n")[""].digest


def test_a_classs_own_text_leaves_out_its_members() -> None:
    base = symbols("class C(A):\n    x = 1\n    def m(self): return 1\n    setup()\n")["C"]

    assert symbols("class C(A):\n    x = 2\n    def m(self): return 2\n    setup()\n")["C"].digest == base.digest
    assert symbols("class C(B):\n    x = 1\n    def m(self): return 1\n    setup()\n")["C"].digest != base.digest
    assert symbols("class C(A):\n    x = 1\n    def m(self): return 1\n    other()\n")["C"].digest != base.digest


def test_line_ends_and_a_byte_order_mark_do_not_change_digests() -> None:
    unix = LANGUAGE.read(b"def f():\n    return 1\n", bodies=False)

    for other in (
        b"def f():\r\n    return 1\r\n",
        b"def f():\r    return 1\r",
        b"\xef\xbb\xbfdef f():\n    return 1\n",
    ):
        assert LANGUAGE.read(other, bodies=False).symbols == unix.symbols


def test_bases_and_decorators_are_chains_and_dotted_names() -> None:
    found = symbols("@a.b(1)\n@c\nclass C(x.Base, Generic[T], metaclass=M): ...\n")["C"]

    assert found.bases == (("x", ".Base"), ("Generic",))
    assert found.decorators == ("a.b", "c")


def test_static_and_class_methods_are_static() -> None:
    found = symbols(
        """
        class C:
            @staticmethod
            def a(x): ...
            @classmethod
            def b(cls): ...
            def c(self): ...
        """
    )

    assert (found["C.a"].static, found["C.b"].static, found["C.c"].static) == (True, True, False)


def test_imports_are_listed_and_are_no_symbols() -> None:
    reading = read("import a.b\nimport c as d\nfrom ..x import y as z\nfrom m import *\n")

    assert reading.imports == (
        Import("a", "a.b", 0, "", 1),
        Import("d", "c", 0, "", 2),
        Import("z", "x", 2, "y", 3),
        Import("", "m", 0, "*", 4),
    )
    assert len(reading.symbols) == 1


def test_a_local_import_knows_the_symbol_that_holds_it() -> None:
    imports = read("class C:\n    def m(self):\n        def inner():\n            import a\n        import b\n").imports

    assert [(item.local, item.scope) for item in imports] == [("a", "C.m"), ("b", "C.m")]


def test_imports_inside_if_and_try_are_guarded() -> None:
    imports = read(
        "import a\nif TYPE_CHECKING:\n    import b\ntry:\n    import c\nexcept ImportError:\n    import d\n"
    ).imports

    assert [item.guarded for item in imports] == [False, True, True, True]


def test_all_names_the_exports() -> None:
    reading = read('__all__ = ["a"] + ["b"]\n__all__ += ("c",)\n__all__.extend(["d"])\n__all__.append("e")\n')

    assert [export.public for export in reading.exports] == ["a", "b", "c", "d", "e"]
    assert reading.exports[0] == Export("a", "a", "", 1)


def test_no_all_no_exports() -> None:
    assert read("names = ['a']\n").exports == ()
