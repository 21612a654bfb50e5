"""What the outline of a TypeScript or JavaScript file holds: symbols, contracts, types, imports and exports."""

from __future__ import annotations

import pytest

from watchkeeper.code.languages import find_language
from watchkeeper.code.languages.typescript import TypeScript
from watchkeeper.model.reading import Export, Import, ParameterKind, Reading, Signature, Status, Symbol, SymbolKind


def read(text: str | bytes, path: str = "a.ts", *, bodies: bool = False) -> Reading:
    language = find_language(path)
    assert isinstance(language, TypeScript)
    return language.read(text if isinstance(text, bytes) else text.encode(), bodies=bodies)


def symbols(text: str, path: str = "a.ts") -> dict[str, Symbol]:
    return {symbol.qualname: symbol for symbol in read(text, path).symbols}


def kinds(text: str, path: str = "a.ts") -> dict[str, SymbolKind]:
    return {name: symbol.kind for name, symbol in symbols(text, path).items() if name}


def signature(text: str, name: str = "f", path: str = "a.ts") -> Signature:
    found = symbols(text, path)[name].signature
    assert found is not None
    return found


def parameters(text: str, name: str = "f", path: str = "a.ts") -> list[tuple[str, str, str]]:
    return [(p.name, p.kind.value, p.default) for p in signature(text, name, path).parameters]


# -- symbols ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "function f() {}",
        "async function f() {}",
        "function* f() { yield 1 }",
        "const f = () => 1",
        "export const f = async function () {}",
        "export default function f() {}",
        "declare function f(): void",
    ],
)
def test_every_way_to_write_a_function_gives_a_function(text: str) -> None:
    assert kinds(text) == {"f": SymbolKind.FUNCTION}


def test_a_class_has_its_methods_accessors_and_fields() -> None:
    text = "class C { x = 1; static y: string; #z; m() {} get p() { return 1 } handler = () => 1 }"
    assert kinds(text) == {
        "C": SymbolKind.CLASS,
        "C.x": SymbolKind.FIELD,
        "C.y": SymbolKind.FIELD,
        "C.#z": SymbolKind.FIELD,
        "C.m": SymbolKind.METHOD,
        "C.p": SymbolKind.PROPERTY,
        "C.handler": SymbolKind.METHOD,
    }


def test_a_class_expression_of_a_constant_is_a_class() -> None:
    assert kinds("const C = class extends B { m() {} }", "a.js") == {"C": SymbolKind.CLASS, "C.m": SymbolKind.METHOD}


def test_a_getter_and_its_setter_are_one_property_with_two_spans() -> None:
    found = symbols("class C {\n  get p() { return 1 }\n  set p(v) {}\n}")
    assert found["C.p"].spans == ((2, 2), (3, 3))


def test_an_assignment_in_the_constructor_makes_a_field() -> None:
    assert kinds("class C { constructor() { if (a) { this.x = 1 } } }", "a.js")["C.x"] is SymbolKind.FIELD


def test_an_assignment_outside_the_constructor_makes_no_field() -> None:
    assert "C.x" not in kinds("class C { m() { this.x = 1 } }", "a.js")


def test_a_declared_field_is_not_made_again_by_the_constructor() -> None:
    assert symbols("class C {\n  x: A\n  constructor() {\n    this.x = b\n  }\n}")["C.x"].spans == ((2, 2),)


def test_a_constructor_parameter_with_a_modifier_is_a_field() -> None:
    found = symbols("class C { constructor(private readonly a: Service, b: Other) {} }")
    assert found["C.a"].type == ("Service", "@")
    assert "C.b" not in found


def test_static_members_need_no_instance() -> None:
    found = symbols("class C { static m() {} n() {} }")
    assert (found["C.m"].static, found["C.n"].static) == (True, False)


def test_destructuring_gives_a_variable_for_every_name() -> None:
    found = kinds("const { a, b: { c }, d = 1, ...e } = source(); const [f] = list;")
    assert set(found) == {"a", "c", "d", "e", "f"}


def test_properties_of_an_object_literal_are_methods_and_fields() -> None:
    text = "export const api = { load() {}, save: () => 1, url: '/x', store } as const"
    assert kinds(text) == {
        "api": SymbolKind.VARIABLE,
        "api.load": SymbolKind.METHOD,
        "api.save": SymbolKind.METHOD,
        "api.url": SymbolKind.FIELD,
        "api.store": SymbolKind.FIELD,
    }


def test_an_interface_has_fields_and_methods() -> None:
    text = "interface I extends J<K> { a: A; b?(x: number): B }"
    assert kinds(text) == {"I": SymbolKind.INTERFACE, "I.a": SymbolKind.FIELD, "I.b": SymbolKind.METHOD}
    assert symbols(text)["I"].bases == (("J",),)


def test_an_optional_member_says_so_and_a_required_one_does_not() -> None:
    found = symbols("interface I { a?: A; b: B }")
    assert (found["I.a"].decorators, found["I.b"].decorators) == (("optional",), ())


def test_an_abstract_member_says_so() -> None:
    found = symbols("abstract class C { abstract m(): void; n() {} }")
    assert (found["C.m"].decorators, found["C.n"].decorators) == (("abstract",), ())


def test_a_type_alias_has_the_members_of_its_object_type_and_joined_types_as_bases() -> None:
    found = symbols("type T = Base & { a: A }")
    assert (found["T"].kind, found["T"].bases, found["T.a"].type) == (SymbolKind.TYPE, (("Base",),), ("A", "@"))


def test_the_members_of_an_enum_are_fields() -> None:
    assert kinds("enum E { A = 1, B }") == {"E": SymbolKind.ENUM, "E.A": SymbolKind.FIELD, "E.B": SymbolKind.FIELD}


def test_a_namespace_prefixes_what_it_defines() -> None:
    assert kinds("namespace N { export function f() {} export namespace M { const x = 1 } }") == {
        "N": SymbolKind.VARIABLE,
        "N.f": SymbolKind.FUNCTION,
        "N.M": SymbolKind.VARIABLE,
        "N.M.x": SymbolKind.VARIABLE,
    }


def test_overloads_are_one_symbol_whose_contract_is_the_implementation() -> None:
    text = "function f(a: string): string;\nfunction f(a: number): number;\nfunction f(a: any, b?: any) { return a }"
    assert symbols(text)["f"].spans == ((1, 1), (2, 2), (3, 3))
    assert parameters(text) == [("a", "normal", ""), ("b", "normal", "undefined")]


@pytest.mark.parametrize("value", ["function () {}", "() => 1", "class { m() {} }", "make()", "{ a: 1 }"])
def test_an_anonymous_default_export_is_the_symbol_default(value: str) -> None:
    reading = read(f"export default {value}")
    assert "default" in {symbol.qualname for symbol in reading.symbols}
    assert reading.exports == (Export("default", "default", "", 1),)


def test_nested_functions_are_no_symbols() -> None:
    assert kinds("function f() { function g() {} const h = () => 1; class K {} }") == {"f": SymbolKind.FUNCTION}


def test_a_wrapped_component_or_hook_is_a_function() -> None:
    text = "const Card = memo(forwardRef(({ a }, ref) => <b/>)); const useStore = create((set) => 1);"
    assert kinds(text, "a.tsx") == {"Card": SymbolKind.FUNCTION, "useStore": SymbolKind.FUNCTION}


def test_another_call_with_a_function_is_a_variable() -> None:
    assert kinds("const total = sum((x) => x); const LIMITS = freeze(() => 1)") == {
        "total": SymbolKind.VARIABLE,
        "LIMITS": SymbolKind.VARIABLE,
    }


def test_the_module_holds_only_statements_that_define_nothing() -> None:
    first, *_ = read("import a from 'a'\nfunction f() {}\nrun()\n").symbols
    other, *_ = read("import b from 'b'\nfunction g() { return 1 }\nrun()\n").symbols
    changed, *_ = read("import a from 'a'\nfunction f() {}\nrun(1)\n").symbols
    assert first.kind is SymbolKind.MODULE
    assert first.digest == other.digest != changed.digest


def test_the_digest_of_a_class_leaves_its_members_out() -> None:
    before, after = symbols("class C extends B { m() { a() } }"), symbols("class C extends B { m() { b() } }")
    assert before["C"].digest == after["C"].digest
    assert before["C.m"].digest != after["C.m"].digest


def test_carriage_returns_do_not_change_a_digest() -> None:
    assert symbols("function f() {\r\n  a()\r\n}\r\n")["f"].digest == symbols("function f() {\n  a()\n}\n")["f"].digest


def test_a_span_covers_decorators_and_the_export() -> None:
    assert symbols("@Injectable()\nexport class C {\n  @Input()\n  x = 1\n}")["C"].spans == ((1, 5),)
    assert symbols("@Injectable()\nexport class C {\n  @Input()\n  x = 1\n}")["C.x"].spans == ((3, 4),)


def test_decorators_are_dotted_names_without_arguments() -> None:
    found = symbols("@core.Component({ a: 1 }) class C { @Input() x; @bound m() {} }")
    assert (found["C"].decorators, found["C.x"].decorators, found["C.m"].decorators) == (
        ("core.Component",),
        ("Input",),
        ("bound",),
    )


def test_functions_assigned_to_a_prototype_or_an_object_are_its_methods() -> None:
    text = "function F() {}\nF.prototype.get = function () {}\nF.make = () => new F()\nother.x = () => 1\n"
    found = symbols(text, "a.js")
    assert found["F.get"].kind is SymbolKind.METHOD
    assert (found["F.get"].static, found["F.make"].static) == (False, True)
    assert "other.x" not in found


def test_a_constructor_function_makes_fields_like_a_class() -> None:
    assert kinds("function Layer(a) { this.keys = [] }", "a.js")["Layer.keys"] is SymbolKind.FIELD
    assert "layer.keys" not in kinds("function layer(a) { this.keys = [] }", "a.js")


# -- contracts --------------------------------------------------------------------------------------------------------


def test_parameters_have_kinds_defaults_and_annotations() -> None:
    found = signature("function f(this: W, a: Map< string ,A >, b = 3, c?: B, ...d: C[]) {}").parameters
    assert [(p.name, p.kind, p.default, p.annotation) for p in found] == [
        ("a", ParameterKind.NORMAL, "", "Map<string,A>"),
        ("b", ParameterKind.NORMAL, "3", ""),
        ("c", ParameterKind.NORMAL, "undefined", "B"),
        ("d", ParameterKind.VAR_POSITIONAL, "", "C[]"),
    ]


def test_javascript_parameters_are_read_too() -> None:
    assert parameters("const f = (a, b = 1, { c, d: e }, ...g) => 1", path="a.js") == [
        ("a", "normal", ""),
        ("b", "normal", "1"),
        ("{c, d}", "normal", ""),
        ("g", "*", ""),
    ]


def test_a_lone_arrow_parameter_needs_no_parentheses() -> None:
    assert parameters("const f = a => a", path="a.js") == [("a", "normal", "")]


def test_a_component_takes_each_destructured_property_by_name() -> None:
    text = "export function Card({ a, b = 2, ...rest }: { a: string; b?: number }) { return <p>{a}</p> }"
    assert parameters(text, "Card", "a.tsx") == [
        ("a", "keyword-only", ""),
        ("b", "keyword-only", "2"),
        ("rest", "**", ""),
    ]


def test_a_component_learns_from_its_properties_interface_what_is_required() -> None:
    text = "const Card = ({ a, b, c }: Props) => <p/>; interface Props { a: string; b?: string }"
    assert parameters(text, "Card", "a.tsx") == [
        ("a", "keyword-only", ""),
        ("b", "keyword-only", "undefined"),
        ("c", "keyword-only", "undefined"),
    ]


def test_a_component_that_takes_its_properties_whole_takes_any() -> None:
    assert parameters("const Card = (props) => <p/>", "Card", "a.jsx") == [("props", "**", "")]


def test_a_capitalised_function_without_markup_is_no_component() -> None:
    assert parameters("function Make({ a, b }) { return a }", "Make", "a.tsx") == [("{a, b}", "normal", "")]


def test_async_generators_and_thrown_errors_belong_to_the_contract() -> None:
    found = signature("async function* f() { if (a) throw new TypeError(b); yield 1; throw other }")
    assert (found.is_async, found.is_generator, found.raises) == (True, True, ("TypeError",))


def test_what_a_nested_function_returns_and_throws_is_not_the_outer_ones() -> None:
    found = signature("function f() { g(() => { throw new E() }); h(function () { return [1, 2] }) }")
    assert (found.raises, found.returns_value, found.arity) == ((), False, 0)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("{ return [1, 2] }", (True, 2)),
        ("{ if (a) return [1, 2]; return [3] }", (True, 0)),
        ("{ return [1, ...a] }", (True, 0)),
        ("{ return }", (False, 0)),
        ("{ return undefined }", (False, 0)),
        ("{}", (False, 0)),
    ],
)
def test_returns_say_whether_there_is_a_value_and_how_many(body: str, expected: tuple[bool, int]) -> None:
    found = signature(f"function f() {body}")
    assert (found.returns_value, found.arity) == expected


def test_annotations_are_compared_without_their_layout() -> None:
    tidy = signature("function f(a: { b: string, c: 'x' }): A | B {}")
    wide = signature('function f(a: {\n  b: string; // why\n  c: "x";\n}):\n  | A\n  | B {}')
    assert tidy.returns == wide.returns == "A|B"
    assert tidy.parameters[0].annotation.replace(";", ",") == wide.parameters[0].annotation.replace(";", ",")


# -- types ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("annotation", "chain"),
    [
        ("T", ("T", "@")),
        ("ns.T", ("ns", ".T", "@")),
        ("Promise<T>", ("T", "@", "[of]")),
        ("T[]", ("T", "@", "[of]")),
        ("readonly T[]", ("T", "@", "[of]")),
        ("Set<T>", ("T", "@", "[of]")),
        ("T | null | undefined", ("T", "@")),
        ("T | Promise<T>", ("T", "@")),
        ("Partial<T>", ("T", "@")),
        ("Box<T>", ("Box", "@")),
        ("T['a']", ("T", "@", ".a")),
        ("string", ("%str",)),
        ("A | B", ()),
        ("any", ()),
    ],
)
def test_a_return_annotation_gives_a_chain(annotation: str, chain: tuple[str, ...]) -> None:
    assert symbols(f"function f(): {annotation} {{}}")["f"].type == chain


@pytest.mark.parametrize(
    ("body", "chain"),
    [
        ("return new T(1)", ("T", "@")),
        ("if (a) return make(1); return make(2)", ("make", "()")),
        ("if (a) return make(1); return other()", ()),
        ("const x = new T(); return x", ("T", "@")),
        ("let x = new T(); x = other(); return x", ()),
        ("const { x } = y; return x", ()),
        ("return p", ("P", "@")),
        ("const x = x; return x", ()),
    ],
)
def test_a_return_type_is_inferred_where_all_returns_agree(body: str, chain: tuple[str, ...]) -> None:
    assert symbols(f"function f(p: P) {{ {body} }}")["f"].type == chain


def test_an_async_function_gives_something_to_await() -> None:
    assert symbols("async function f() { return new T() }")["f"].type == ("T", "@", "[of]")


def test_a_method_that_returns_this_gives_an_instance() -> None:
    assert symbols("class C { m() { return this } static s() { return this } }")["C.m"].type == ("%C",)
    assert symbols("class C { m() { return this } static s() { return this } }")["C.s"].type == ("%%C",)


def test_type_parameters_are_nothing_that_can_be_looked_up() -> None:
    assert symbols("class C<T> { a: T; b(x: T): T {} }\nfunction f<U>(): U {}")["C.a"].type == ()
    assert symbols("class C<T> { b(x: T): T {} }")["C.b"].type == ()
    assert symbols("function f<U>(): U {}")["f"].type == ()


def test_variables_and_fields_have_the_type_of_their_value() -> None:
    found = symbols("const a = new T(); const b: B = x; const c = 'x'; class C { d = make() }")
    assert [found[name].type for name in ("a", "b", "c", "C.d")] == [("T", "@"), ("B", "@"), ("%str",), ("make", "()")]


def test_a_lazy_component_is_the_default_export_of_its_module() -> None:
    assert symbols("const P = lazy(() => import('./p'))", "a.tsx")["P"].type == ("%import:0:./p", ".default")


def test_bases_are_what_a_class_extends_and_implements() -> None:
    assert symbols("class C extends ns.B<T> implements I, J<K> {}")["C"].bases == (("ns", ".B"), ("I",), ("J",))
    assert symbols("class C extends mixin(B) {}", "a.js")["C"].bases == (("mixin", "()"),)


# -- imports and exports ----------------------------------------------------------------------------------------------


def test_every_form_of_import_binds_its_names() -> None:
    text = (
        "import D, { a, b as c } from './m'\nimport * as ns from 'n'\nimport type { T } from './t'\nimport './side'\n"
    )
    assert read(text).imports == (
        Import("D", "./m", 0, "default", 1),
        Import("a", "./m", 0, "a", 1),
        Import("c", "./m", 0, "b", 1),
        Import("ns", "n", 0, "", 2),
        Import("T", "./t", 0, "T", 3),
    )


def test_require_binds_like_an_import_and_defines_nothing() -> None:
    reading = read("const x = require('./x'), { a: b } = require('./y')\nconst c = require('./z').d\n", "a.cjs")
    assert [(item.local, item.module, item.name) for item in reading.imports] == [
        ("x", "./x", ""),
        ("b", "./y", "a"),
        ("c", "./z", "d"),
    ]
    assert len(reading.symbols) == 1


def test_the_result_of_calling_a_required_module_is_a_variable() -> None:
    assert kinds("const app = require('express')()", "a.js") == {"app": SymbolKind.VARIABLE}


def test_import_equals_is_an_import() -> None:
    assert read("import fs = require('fs')").imports == (Import("fs", "fs", 0, "", 1),)


def test_every_form_of_export_offers_its_names() -> None:
    text = (
        "export const a = 1, b = 2\nexport { c, d as e }\nexport default c\n"
        "export { g as h } from './m'\nexport * from './n'\nexport * as ns from './o'\nexport type * from './p'\n"
    )
    assert [(item.public, item.local, item.module) for item in read(text).exports] == [
        ("a", "a", ""),
        ("b", "b", ""),
        ("c", "c", ""),
        ("e", "d", ""),
        ("default", "c", ""),
        ("h", "g", "./m"),
        ("*", "*", "./n"),
        ("ns", "*", "./o"),
        ("*", "*", "./p"),
    ]


def test_a_namespaces_exports_are_not_the_files() -> None:
    assert read("namespace N { export const x = 1 }").exports == ()


def test_commonjs_exports_are_exports() -> None:
    text = "exports.a = function () {}\nmodule.exports.b = b\nexports.c = require('./c')\n"
    reading = read(text, "a.js")
    assert [(item.public, item.local, item.module) for item in reading.exports] == [
        ("a", "a", ""),
        ("b", "b", ""),
        ("c", "*", "./c"),
    ]
    assert [symbol.qualname for symbol in reading.symbols] == ["", "a"]


def test_an_exported_object_offers_each_of_its_properties() -> None:
    reading = read("module.exports = { a, b: c, d() {}, e: 5 }", "a.js")
    assert [(item.public, item.local) for item in reading.exports] == [("a", "a"), ("b", "c"), ("d", "d"), ("e", "e")]
    assert [symbol.qualname for symbol in reading.symbols] == ["", "d", "e"]


def test_assigning_a_value_to_module_exports_is_the_default_export() -> None:
    assert read("module.exports = f", "a.js").exports == (Export("default", "f", "", 1),)
    assert read("module.exports = () => 1", "a.js").exports == (Export("default", "default", "", 1),)
    assert read("const app = exports = module.exports = {}", "a.js").exports == (Export("default", "app", "", 1),)


# -- what cannot be read ----------------------------------------------------------------------------------------------


def test_a_broken_function_leaves_its_neighbours_readable() -> None:
    reading = read("function f() { return 1 }\nfunction g() { let = ; }\nfunction h() {}\n")
    assert reading.status is Status.PARTIAL
    assert reading.broken == ((2, 2),)
    assert [symbol.qualname for symbol in reading.symbols] == ["", "f", "h"]


def test_a_broken_method_leaves_its_class_readable() -> None:
    reading = read("class C {\n  a() {}\n  b() { let = ; }\n  c() {}\n}\n")
    assert reading.status is Status.PARTIAL
    assert {"C", "C.a", "C.c"} <= {symbol.qualname for symbol in reading.symbols}
    assert "C.b" not in {symbol.qualname for symbol in reading.symbols}


def test_nothing_usable_is_unknown_with_a_reason() -> None:
    reading = read("<<<<<<< HEAD\n}}}}} ((( \n")
    assert (reading.status, reading.symbols) == (Status.UNKNOWN, ())
    assert "line 1" in reading.reason


def test_an_empty_file_is_sound() -> None:
    reading = read("")
    assert (reading.status, reading.symbols[0].spans) == (Status.PARSED, ((1, 1),))


@pytest.mark.parametrize(
    ("content", "word"),
    [(b"x" * 2_000_001, "2 MB"), (b"var a=1;" * 3_000, "minified"), (b"a\0b", "binary"), (b"\xff\xfea", "UTF-16")],
)
def test_what_is_no_program_text_is_unknown_and_says_why(content: bytes, word: str) -> None:
    reading = read(content)
    assert reading.status is Status.UNKNOWN
    assert word in reading.reason


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_a_file_is_read_in_any_usual_encoding(encoding: str) -> None:
    assert kinds_of_bytes("// \u00e4\nconst \u00fc = '\u00f6';\n".encode(encoding)) == {"\u00fc": (2, 2)}


def kinds_of_bytes(content: bytes) -> dict[str, tuple[int, int]]:
    return {symbol.qualname: symbol.spans[0] for symbol in read(content).symbols if symbol.qualname}


@pytest.mark.parametrize(
    "text",
    [
        "interface I<in out T> { a: T }",
        "interface G {\n  <A>(a: A): void\n  <B>(b: B): void\n}",
        "class C { accessor x = 1; static accessor y: string }",
        "export type * from './a'",
        "using r = open()",
        "const f = <const T,>(x: T) => x satisfies Q",
        "import j from './j.json' with { type: 'json' }",
    ],
)
def test_syntax_that_is_newer_than_the_grammar_is_read(text: str) -> None:
    assert read(text).status is Status.PARSED


def test_code_nested_beyond_reason_is_broken_not_a_crash() -> None:
    reading = read("const a = " + "[" * 4000 + "]" * 4000 + "\nfunction f() {}\n", bodies=True)
    assert reading.status is Status.PARTIAL
    assert "f" in {symbol.qualname for symbol in reading.symbols}


def test_a_long_sum_is_not_nested_beyond_reason() -> None:
    assert read("const a = " + " +\n".join(["b"] * 3000), bodies=True).status is Status.PARSED
