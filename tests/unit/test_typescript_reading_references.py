"""What the bodies of TypeScript and JavaScript definitions refer to."""

from __future__ import annotations

import pytest

from watchkeeper.code.languages import find_language
from watchkeeper.model.reading import CallShape, Form, Reference


def references(text: str, name: str = "f", path: str = "a.ts") -> list[Reference]:
    language = find_language(path)
    assert language is not None
    reading = language.read(text.encode(), bodies=True)
    return list(next(symbol for symbol in reading.symbols if symbol.qualname == name).references)


def uses(text: str, name: str = "f", path: str = "a.ts") -> list[tuple[str, str]]:
    return [(use.form.value, "/".join(use.chain)) for use in references(text, name, path)]


def inside(body: str, parameters: str = "") -> list[tuple[str, str]]:
    return uses(f"function f({parameters}) {{ {body} }}")


def test_a_name_and_each_member_are_loads() -> None:
    assert inside("return a.b.c") == [("load", "a"), ("load", "a/.b"), ("load", "a/.b/.c")]


def test_a_call_is_one_use_with_its_shape() -> None:
    (use,) = references("function f() { g(1, { a: 2 }, ...[]) }")
    assert (use.form, use.chain, use.call) == (Form.CALL, ("g",), CallShape(2, star=True))


def test_new_is_a_call_and_gives_an_instance() -> None:
    assert inside("const x = new T(1); x.run()") == [("call", "T"), ("call", "T/@/.run")]


def test_a_line_is_where_the_member_stands() -> None:
    found = references("function f() {\n  a\n    .b()\n    .c()\n}")
    assert [(use.line, use.chain[-1]) for use in found] == [(2, "a"), (3, ".b"), (4, ".c")]


def test_optional_chaining_and_string_subscripts_are_plain_members() -> None:
    assert inside("a?.b; a['c']; a[0].d") == [
        ("load", "a"),
        ("load", "a/.b"),
        ("load", "a"),
        ("load", "a/.c"),
        ("load", "a"),
        ("load", "a/[]/.d"),
    ]


def test_locals_stand_for_what_they_were_assigned() -> None:
    assert inside("const x = a.b; x.c()")[-1] == ("call", "a/.b/.c")
    assert inside("let x = a; x = b(); x.c()")[-1] == ("call", "b/()/.c")


def test_a_bare_local_is_no_use_of_what_it_stands_for() -> None:
    assert inside("const x = a; return x") == [("load", "a")]


def test_a_block_hides_names_only_inside_it() -> None:
    assert inside("{ const a = b; a.x } a.y") == [("load", "b"), ("load", "b/.x"), ("load", "a"), ("load", "a/.y")]


def test_a_local_function_hides_the_modules_even_before_it_is_defined() -> None:
    assert inside("helper(); function helper() { other() }") == [("call", "other")]


def test_an_annotated_parameter_is_an_instance() -> None:
    assert inside("p.run()", "p: T") == [("annotation", "T"), ("call", "T/@/.run")]


def test_an_untyped_parameter_leaves_the_members_name() -> None:
    assert inside("p.run(); p", "p") == [("call", "?/.run")]


def test_destructuring_takes_members() -> None:
    assert inside("const { a, b: { c }, d = e } = x; c.go()") == [
        ("load", "x"),
        ("load", "x/.a"),
        ("load", "x/.b"),
        ("load", "x/.b/.c"),
        ("load", "x/.d"),
        ("load", "e"),
        ("call", "x/.b/.c/.go"),
    ]


def test_a_destructured_parameter_takes_members_of_its_type() -> None:
    assert inside("a.go()", "{ a }: Props") == [
        ("annotation", "Props"),
        ("load", "Props/@/.a"),
        ("call", "Props/@/.a/.go"),
    ]


def test_a_loop_gives_elements_and_await_gives_results() -> None:
    assert inside("for (const x of a.b) x.go()")[-1] == ("call", "a/.b/*/.go")
    assert uses("async function f() { const x = await g(); x.go() }")[-1] == ("call", "g/()/await/.go")
    assert uses("async function f() { const x = await g<T>(1); x.go() }")[-1] == ("call", "g/()/await/.go")


def test_callbacks_of_arrays_and_promises_get_elements_and_results() -> None:
    assert inside("xs.map(x => x.go())")[-1] == ("call", "xs/*/.go")
    assert inside("load().then(x => x.go())")[-1] == ("call", "load/()/await/.go")


def test_a_cast_says_what_a_value_is() -> None:
    assert inside("(x as T).go()") == [("load", "x"), ("annotation", "T"), ("call", "T/@/.go")]
    assert inside("x!.go()") == [("load", "x"), ("call", "x/.go")]


def test_this_is_the_class_and_super_its_bases() -> None:
    text = "class C extends B { constructor() { super(1) } static s() { this.t }\n"
    text += "m() { this.x.y(); super.m(); () => this.z } }"
    assert uses(text, "C.m") == [
        ("load", "%C/.x"),
        ("call", "%C/.x/.y"),
        ("call", "%super:C/.m"),
        ("load", "%C/.z"),
    ]
    assert uses(text, "C.s") == [("load", "%%C/.t")]
    assert uses(text, "C.constructor") == [("call", "%super:C/.constructor")]


def test_this_in_a_nested_function_is_not_the_class() -> None:
    assert uses("class C { m() { return function () { this.x } } }", "C.m") == [("load", "?/.x")]


def test_this_in_a_method_of_an_object_literal_is_the_object() -> None:
    assert uses("const api = { a() { this.b() }, b() {} }", "api.a") == [("call", "api/.b")]


def test_assigning_is_a_store() -> None:
    assert inside("a.b = 1; c = 2; delete a.d") == [
        ("load", "a"),
        ("store", "a/.b"),
        ("store", "c"),
        ("load", "a"),
        ("store", "a/.d"),
    ]
    assert inside("a.b += 1") == [("load", "a"), ("load", "a/.b"), ("store", "a/.b")]


def test_a_component_is_called_with_its_attributes() -> None:
    text = "const f = () => <Card a={1} b key='k' {...rest}>text</Card>"
    (use, *others) = references(text, path="a.tsx")
    assert (use.form, use.chain, use.call) == (
        Form.CALL,
        ("Card",),
        CallShape(0, ("a", "b", "children"), double_star=True),
    )
    assert [other.chain for other in others] == [("rest",)]


def test_intrinsic_elements_are_no_uses_but_their_attributes_are() -> None:
    assert uses("const f = () => <div className={a}><ui.Row x={b}/></div>", path="a.jsx") == [
        ("load", "a"),
        ("load", "ui"),
        ("call", "ui/.Row"),
        ("load", "b"),
    ]


def test_named_types_are_annotations() -> None:
    assert inside("let x: Map<A, ns.B>; g<C>(); type L = typeof v", "p: Array<D>") == [
        ("annotation", "D"),
        ("annotation", "A"),
        ("annotation", "ns"),
        ("annotation", "ns/.B"),
        ("call", "g"),
        ("annotation", "C"),
        ("annotation", "v"),
    ]


def test_type_parameters_and_names_in_types_are_no_uses() -> None:
    text = "function f<T>(cb: (arg: T) => void, o: { [key: string]: T }, x: T extends Array<infer U> ? U : T) {}"
    assert uses(text) == []


def test_heritage_and_decorators_have_forms_of_their_own() -> None:
    assert uses("@Dec(a) class C extends B<T> implements I {}", "C") == [
        ("decorate", "Dec"),
        ("load", "a"),
        ("inherit", "B"),
        ("annotation", "T"),
        ("inherit", "I"),
    ]


def test_every_imported_and_reexported_name_is_an_import_of_the_module() -> None:
    text = "import D, { a as b } from './m'\nimport * as n from 'n'\nexport { c } from './o'\nexport * from './p'\n"
    assert uses(text, "") == [
        ("import", "%import:0:./m/.default"),
        ("import", "%import:0:./m/.a"),
        ("import", "%import:0:n"),
        ("import", "%import:0:./o/.c"),
        ("import", "%import:0:./p"),
    ]


def test_dynamic_imports_and_local_requires_are_followed() -> None:
    found = uses("async function f() { const { a } = await import('./m'); a(); require('./n').b() }")
    assert found == [
        ("import", "%import:0:./m"),
        ("import", "%import:0:./m/.a"),
        ("call", "%import:0:./m/.a"),
        ("import", "%import:0:./n"),
        ("call", "%import:0:./n/.b"),
    ]


def test_a_mocked_module_is_named_in_a_string() -> None:
    assert ("string", "%import:0:./m") in uses("jest.mock('./m', () => a())", "", "a.js")


def test_globals_are_no_uses_unless_the_file_has_its_own() -> None:
    assert inside("console.log(JSON.parse(a)); document.body.x()") == [("load", "a")]
    assert uses("import { Node } from './node'\nfunction f() { new Node() }") == [("call", "Node")]


def test_members_of_literals_are_no_uses() -> None:
    assert inside("'a'.trim(); [].map(g); `x`.b") == [("load", "g")]


def test_each_use_belongs_to_the_innermost_symbol() -> None:
    text = "const api = { load() { a() }, url: b }\nclass C { m() { c() } x = d }\ne()\n"
    assert uses(text, "api") == []
    assert (uses(text, "api.load"), uses(text, "api.url")) == ([("call", "a")], [("load", "b")])
    assert (uses(text, "C"), uses(text, "C.m"), uses(text, "C.x")) == ([], [("call", "c")], [("load", "d")])
    assert uses(text, "") == [("call", "e")]


def test_names_of_a_namespace_are_looked_up_in_it() -> None:
    assert uses("namespace N { function g() {} export function f() { g(); h() } }", "N.f") == [
        ("call", "N/.g"),
        ("call", "h"),
    ]


def test_a_definition_by_assignment_is_no_use_of_its_own_name() -> None:
    assert uses("function F() {}\nF.prototype.get = function () { a() }\n", "F.get", "a.js") == [("call", "a")]


@pytest.mark.parametrize("wrapped", ["({ x }) => x", "function ({ x }) {}"])
def test_unknown_objects_taken_apart_are_no_uses(wrapped: str) -> None:
    assert uses(f"const f = {wrapped}") == []
