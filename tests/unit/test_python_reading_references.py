"""Who refers to what: chains, forms, call shapes, local names, protocols."""

from __future__ import annotations

from textwrap import dedent

import pytest

from watchkeeper.code.languages.python import LANGUAGE
from watchkeeper.model.reading import CallShape, Form, Reference


def references(text: str, holder: str = "f") -> tuple[Reference, ...]:
    reading = LANGUAGE.read(dedent(text).encode(), bodies=True)
    return next(symbol.references for symbol in reading.symbols if symbol.qualname == holder)


def uses(text: str, holder: str = "f", *forms: Form) -> list[str]:
    """``form chain`` of each reference, without the notes on protocols and annotations unless asked for."""
    wanted = forms or tuple(form for form in Form if form not in (Form.PROTOCOL, Form.ANNOTATION))
    return [f"{item.form.value} {''.join(item.chain)}" for item in references(text, holder) if item.form in wanted]


def protocols(text: str, holder: str = "f") -> list[str]:
    return ["".join(item.chain) for item in references(text, holder) if item.form is Form.PROTOCOL]


def test_an_outline_has_no_references() -> None:
    reading = LANGUAGE.read(b"def f():\n    g()\n", bodies=False)

    assert all(symbol.references == () for symbol in reading.symbols)


def test_every_name_and_attribute_on_the_way_is_a_reference() -> None:
    assert uses("def f():\n    return a.b.c\n") == ["load a", "load a.b", "load a.b.c"]


def test_a_call_has_the_shape_of_its_arguments() -> None:
    (reference,) = references("def f():\n    g(1, *[2], x=3, **{})\n")

    assert reference == Reference(2, ("g",), Form.CALL, CallShape(1, ("x",), True, True))


def test_the_line_of_an_attribute_is_where_its_name_stands() -> None:
    found = references("def f():\n    (a\n     .b\n     .c())\n")

    assert [(item.line, item.chain[-1]) for item in found] == [(2, "a"), (3, ".b"), (4, ".c")]


def test_a_local_name_stands_for_what_was_assigned_to_it() -> None:
    assert uses("def f():\n    x = Foo()\n    y = x\n    y.run()\n") == ["call Foo", "call Foo().run"]


def test_the_last_assignment_before_the_use_counts() -> None:
    text = "def f():\n    x = Foo()\n    x.a\n    x = Bar()\n    x.b\n"

    assert uses(text) == ["call Foo", "load Foo().a", "call Bar", "load Bar().b"]


def test_an_untyped_parameter_is_unknown_and_an_annotated_one_is_not() -> None:
    assert uses("def f(a, b: Thing, c: 'm.Other | None'):\n    a.x; b.x; c.x\n") == [
        "load ?.x",
        "load Thing@.x",
        "load m.Other@.x",
    ]


def test_self_is_the_instance_and_cls_the_class() -> None:
    text = """
        class C:
            def m(self):
                self.x
            @classmethod
            def n(cls):
                cls.y
            @staticmethod
            def s(self):
                self.z
        """

    assert uses(text, "C.m") == ["load %C.x"]
    assert uses(text, "C.n") == ["decorate classmethod", "load %%C.y"]
    assert uses(text, "C.s") == ["decorate staticmethod", "load ?.z"]


def test_super_is_the_instance_seen_from_the_bases() -> None:
    assert uses("class C(B):\n    def m(self):\n        super().m()\n", "C.m") == ["call %super:C.m"]


def test_type_of_self_is_the_class() -> None:
    text = "class C:\n    def m(self):\n        type(self)(1)\n        self.__class__.x\n"

    assert uses(text, "C.m") == ["call type", "call %%C", "load %%C.x"]


def test_assigning_an_attribute_is_a_store_and_so_are_del_and_augmented_assignment() -> None:
    assert uses("def f():\n    a.x = 1\n    del a.y\n    a.z += 1\n") == [
        "load a", "store a.x", "load a", "store a.y", "load a", "store a.z",
    ]  # fmt: skip


def test_assigning_a_global_is_a_store() -> None:
    assert uses("def f():\n    global x\n    x = 1\n    return x\n") == ["store x", "load x"]


def test_assigning_a_local_is_no_reference() -> None:
    assert uses("def f():\n    x = 1\n    return x\n") == []


def test_for_with_and_await_are_steps() -> None:
    text = """
        async def f():
            for x in xs:
                x.a
            with m() as y:
                y.b
            z = await g()
            z.c
        """

    assert uses(text) == [
        "load xs", "load xs*.a", "call m", "load m()with.b", "call g", "load g()await.c",
    ]  # fmt: skip


def test_an_element_of_a_container_is_what_the_annotation_says() -> None:
    text = """
        def f(things: list[Thing], by_name: dict[str, Thing]):
            for thing in things:
                thing.a
            for i, thing in enumerate(things):
                thing.b
            for name, thing in by_name.items():
                thing.c
            things[0].d
            by_name["x"].e
            [thing.g for thing in sorted(things)]
        """

    assert [use for use in uses(text) if use.startswith("load")] == [
        f"load Thing@.{name}" for name in "abcdeg"
    ]  # fmt: skip


def test_a_comprehensions_names_end_with_it() -> None:
    text = "def f(x: Thing):\n    [x.a for x in xs]\n    x.b\n"

    assert uses(text) == ["load xs", "load xs*.a", "load Thing@.b"]


def test_isinstance_narrows_in_its_branch_only() -> None:
    text = """
        def f(x):
            if isinstance(x, Foo):
                x.a
            else:
                x.b
            x.c
            isinstance(x, m.Bar) and x.d
            assert isinstance(x, Baz)
            x.e
        """

    assert [use for use in uses(text) if use[-2] == "."] == [
        "load Foo@.a", "load ?.b", "load ?.c", "load m.Bar@.d", "load Baz@.e",
    ]  # fmt: skip


def test_leaving_unless_isinstance_narrows_what_follows() -> None:
    text = "def f(x):\n    if not isinstance(x, Foo):\n        return\n    x.a\n"

    assert uses(text)[-1] == "load Foo@.a"


def test_a_matched_class_narrows_the_subject_in_its_case() -> None:
    text = "def f(x):\n    match x:\n        case Foo(size=n):\n            x.a\n        case _:\n            x.b\n"

    assert uses(text) == ["load Foo", "load Foo@.size", "load Foo@.a", "load ?.b"]


def test_a_nested_functions_references_belong_to_the_outer_one_and_see_its_names() -> None:
    text = """
        def f():
            x = Foo()
            def g(y):
                x.a
                y.b
            def h() -> Bar: ...
            g(1)
            h().c
        """

    assert uses(text) == ["call Foo", "load Foo().a", "load ?.b", "load Bar@.c"]


def test_class_level_names_are_seen_in_the_class_body_and_not_in_methods() -> None:
    text = "class C:\n    x = 1\n    y = x\n    def m(self, d=x):\n        return x\n"

    assert uses(text, "C.y") == ["load %%C.x"]
    assert uses(text, "C.m") == ["load %%C.x", "load x"]


def test_an_assignment_to_a_symbol_holds_its_own_references() -> None:
    text = "x = make()\nclass C:\n    y: Foo = field()\n    setup()\nstart()\n"

    assert uses(text, "x") == ["call make"]
    assert uses(text, "C.y", Form.CALL, Form.ANNOTATION) == ["annotation Foo", "call field"]
    assert uses(text, "C") == ["call setup"]
    assert uses(text, "") == ["call start"]


def test_bases_inherit_decorators_decorate_and_annotations_annotate() -> None:
    text = "@d.e(1)\nclass C(m.B, Generic[T]):\n    def f(self, a: 'X[Y]') -> Z: ...\n"

    assert uses(text, "C") == ["load d", "decorate d.e", "load m", "inherit m.B", "inherit Generic"]
    assert uses(text, "C.f", Form.ANNOTATION) == ["annotation X", "annotation Y", "annotation Z"]


def test_a_decorator_that_is_called_keeps_the_shape() -> None:
    (reference,) = references("@d(1, x=2)\ndef f(): ...\n")

    assert (reference.form, reference.call) == (Form.DECORATE, CallShape(1, ("x",)))


def test_a_propertys_setter_does_not_refer_to_itself() -> None:
    text = "class C:\n    @property\n    def x(self): ...\n    @x.setter\n    def x(self, v): ...\n"

    assert uses(text, "C.x") == ["decorate property"]


def test_strings_inside_literal_are_no_annotations() -> None:
    assert uses("def f(a: Literal['X']): ...\n", "f", Form.ANNOTATION) == ["annotation Literal"]


@pytest.mark.parametrize(
    ("statement", "chain"),
    [
        ("import a.b as c", ("%import:0:a.b",)),
        ("from ..a import b as c", ("%import:2:a", ".b")),
        ("from . import b", ("%import:1:", ".b")),
        ("from a import *", ("%import:0:a",)),
    ],
)
def test_an_import_refers_to_what_it_takes(statement: str, chain: tuple[str, ...]) -> None:
    assert references(f"{statement}\n", "") == (Reference(1, chain, Form.IMPORT),)


def test_a_local_import_is_held_by_its_function() -> None:
    assert uses("def f():\n    from a import b\n    b()\n") == ["import %import:0:a.b", "call b"]


@pytest.mark.parametrize(
    ("call", "chain"),
    [
        ("mock.patch('a.b.c')", "%path:a.b.c"),
        ("patch('a.b.c', new=1)", "%path:a.b.c"),
        ("monkeypatch.setattr('a.b.c', 1)", "%path:a.b.c"),
        ("importlib.import_module('a.b')", "%path:a.b"),
        ("mock.patch.object(X, 'attr')", "X.attr"),
        ("monkeypatch.setattr(m.X, 'attr', 1)", "m.X.attr"),
        ("getattr(X, 'attr')", "X.attr"),
        ("hasattr(X, 'attr')", "X.attr"),
    ],
)
def test_a_name_written_as_a_string_is_a_reference(call: str, chain: str) -> None:
    assert uses(f"def f():\n    {call}\n", "f", Form.STRING) == [f"string {chain}"]


@pytest.mark.parametrize("call", ["patch('no dots')", "getattr(x, name)", "log('a.b.c')", "open('a.b')"])
def test_other_strings_are_no_references(call: str) -> None:
    assert uses(f"def f(x, name):\n    {call}\n", "f", Form.STRING) == []


def test_a_test_gets_fixtures_by_the_names_of_its_parameters() -> None:
    text = """
        @pytest.mark.parametrize("value, other", [(1, 2)])
        @pytest.mark.usefixtures("database")
        def test_x(client, value, other, flag=None):
            client.get()
        """

    assert uses(text, "test_x", Form.FIXTURE) == ["fixture %fixture:database", "fixture %fixture:client"]
    assert uses(text, "test_x", Form.CALL) == ["call %fixture:client.get"]


def test_a_fixture_gets_fixtures_and_an_ordinary_function_does_not() -> None:
    assert uses("@pytest.fixture\ndef f(a): ...\n", "f", Form.FIXTURE) == ["fixture %fixture:a"]
    assert uses("def f(a): ...\n", "f", Form.FIXTURE) == []


@pytest.mark.parametrize(
    ("statement", "called"),
    [
        ("a in X", ["X.__contains__"]),
        ("for a in X: pass", ["X.__iter__"]),
        ("[b for b in X]", ["X.__iter__"]),
        ("g(*X)", ["X.__iter__"]),
        ("a, b = X", ["X.__iter__"]),
        ("with X: pass", ["X.__enter__", "X.__exit__"]),
        ("X[0]", ["X.__getitem__"]),
        ("X[0] = 1", ["X.__setitem__"]),
        ("del X[0]", ["X.__delitem__"]),
        ("len(X)", ["X.__len__"]),
        ("if X: pass", ["X.__bool__"]),
        ("not X", ["X.__bool__"]),
        ("while X and a: pass", ["X.__bool__"]),
        ("X + 1", ["X.__add__"]),
        ("1 + X", ["X.__radd__"]),
        ("X == 1", ["X.__eq__"]),
        ("1 < X", ["X.__gt__"]),
        ("-X", ["X.__neg__"]),
        ("f'{X}'", ["X.__format__"]),
        ("f'{X!r}'", ["X.__repr__"]),
        ("str(X)", ["X.__str__"]),
        ("print(X)", ["X.__str__"]),
        ("hash(X)", ["X.__hash__"]),
        ("next(X)", ["X.__next__"]),
        ("x = Foo()\n    x += 1", ["Foo().__iadd__"]),
    ],
)
def test_operators_and_statements_call_their_protocol(statement: str, called: list[str]) -> None:
    assert protocols(f"def f(a):\n    {statement}\n") == called


@pytest.mark.parametrize(
    "statement", ["a in b", "for x in a: pass", "'x' in 'y'", "len([])", "1 + 1", "f'{a}'", "X is None", "if 1: pass"]
)
def test_unknown_and_builtin_receivers_call_no_protocol(statement: str) -> None:
    assert protocols(f"def f(a, b):\n    {statement}\n") == []


def test_async_statements_call_the_async_protocol() -> None:
    text = """
        async def f():
            async with X: pass
            async for a in X: pass
            await X
            await g()
        """

    assert protocols(text) == ["X.__aenter__", "X.__aexit__", "X.__aiter__", "X.__await__"]


def test_attributes_of_builtin_values_are_left_out() -> None:
    assert uses("def f(a: str):\n    ''.join(a.split())\n    [].append(1)\n") == []


def test_a_very_long_chain_is_cut_to_its_last_step() -> None:
    found = references("def f():\n    a" + ".b" * 20 + ".last\n")

    assert max(len(item.chain) for item in found) <= 12
    assert found[-1].chain[0] == "?"
    assert found[-1].chain[-1] == ".last"


def test_a_sum_of_two_thousand_terms_is_read() -> None:
    assert len(references("def f():\n    return " + " + ".join(["x"] * 2000) + "\n")) >= 2000
