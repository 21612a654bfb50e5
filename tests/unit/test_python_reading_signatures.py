"""What callers rely on: parameters, results, exceptions, and the class of what is given."""

from __future__ import annotations

from textwrap import dedent

import pytest

from watchkeeper.code.languages.python import LANGUAGE
from watchkeeper.model.reading import Chain, Parameter, ParameterKind, Signature, Symbol


def symbol(text: str, name: str = "f") -> Symbol:
    reading = LANGUAGE.read(dedent(text).encode(), bodies=False)
    return next(symbol for symbol in reading.symbols if symbol.qualname == name)


def signature(text: str, name: str = "f") -> Signature:
    found = symbol(text, name).signature
    assert found is not None
    return found


def type_of(text: str, name: str = "f") -> Chain:
    return symbol(text, name).type


def names(text: str, name: str) -> list[str]:
    return [item.name for item in signature(text, name).parameters]


def test_every_kind_of_parameter_has_its_kind_default_and_annotation() -> None:
    found = signature("def f(a, /, b: int, c = {'x' : 1}, *args: str, d, e=2, **kwargs): ...")

    assert found.parameters == (
        Parameter("a", ParameterKind.POSITIONAL_ONLY),
        Parameter("b", ParameterKind.NORMAL, "", "int"),
        Parameter("c", ParameterKind.NORMAL, "{'x': 1}"),
        Parameter("args", ParameterKind.VAR_POSITIONAL, "", "str"),
        Parameter("d", ParameterKind.KEYWORD_ONLY),
        Parameter("e", ParameterKind.KEYWORD_ONLY, "2"),
        Parameter("kwargs", ParameterKind.VAR_KEYWORD),
    )


def test_self_and_cls_are_left_out_but_not_the_first_parameter_of_a_static_method() -> None:
    text = """
        class C:
            def m(self, a): ...
            @classmethod
            def c(cls, a): ...
            @staticmethod
            def s(a): ...
        """

    assert names(text, "C.m") == names(text, "C.c") == names(text, "C.s") == ["a"]


def test_raises_are_the_names_of_raised_exceptions() -> None:
    found = signature(
        """
        def f(self):
            if x:
                raise KeyError
            raise errors.NotFound("x") from None
        """
    )

    assert found.raises == ("KeyError", "NotFound")


def test_what_a_nested_function_raises_or_a_local_name_holds_is_not_raised_by_name() -> None:
    found = signature(
        """
        def f():
            def g():
                raise KeyError
            try:
                g()
            except ValueError as error:
                raise error
        """
    )

    assert found.raises == ()


@pytest.mark.parametrize(
    ("body", "returns_value", "arity"),
    [
        ("return", False, 0),
        ("return None", False, 0),
        ("return 1", True, 0),
        ("return 1, 2", True, 2),
        ("if x: return 1, 2\n    return 3, 4", True, 2),
        ("if x: return 1, 2\n    return 3", True, 0),
        ("return 1, *rest", True, 0),
    ],
)
def test_returned_values_and_their_number(body: str, returns_value: bool, arity: int) -> None:
    found = signature(f"def f():\n    {body}\n")

    assert (found.returns_value, found.arity) == (returns_value, arity)


def test_a_function_that_yields_is_a_generator_and_one_around_it_is_not() -> None:
    assert signature("def f():\n    x = yield 1\n").is_generator
    assert not signature("def f():\n    def g():\n        yield 1\n    return g\n").is_generator


def test_async_is_part_of_the_signature() -> None:
    assert signature("async def f(): ...").is_async


def test_a_classs_signature_is_that_of_its_init() -> None:
    assert names("class C:\n    def __init__(self, a, b=1): ...\n", "C") == ["a", "b"]


def test_a_class_without_init_of_its_own_has_no_signature() -> None:
    assert symbol("class C(Base):\n    x = 1\n", "C").signature is None


def test_a_dataclass_has_its_fields_as_parameters() -> None:
    found = signature(
        """
        @dataclass
        class C:
            a: int
            limit: ClassVar[int] = 3
            b: list[int] = field(default_factory=list)
            c: str = field()
            hidden: int = field(init=False, default=0)
            _: KW_ONLY
            d: int = 0
        """,
        "C",
    )

    assert [(item.name, item.kind, item.default) for item in found.parameters] == [
        ("a", ParameterKind.NORMAL, ""),
        ("b", ParameterKind.NORMAL, "field(default_factory=list)"),
        ("c", ParameterKind.NORMAL, ""),
        ("d", ParameterKind.KEYWORD_ONLY, "0"),
    ]


@pytest.mark.parametrize(
    "head",
    [
        "@define\nclass C:",
        "@attr.s(auto_attribs=True)\nclass C:",
        "class C(NamedTuple):",
        "class C(msgspec.Struct, frozen=True):",
        "class C(pydantic.BaseModel):",
        "class C(TypedDict):",
    ],
)
def test_other_makers_of_data_classes_take_fields_too(head: str) -> None:
    assert names(f"{head}\n    a: int\n    b: int = 1\n", "C") == ["a", "b"]


def test_attrs_takes_leading_underscores_off() -> None:
    assert names("@define\nclass C:\n    _a: int\n    b = attr.ib()\n    c = 3\n", "C") == ["a", "b"]


@pytest.mark.parametrize(
    ("annotation", "chain"),
    [
        ("Thing", ("Thing", "@")),
        ("m.Thing", ("m", ".Thing", "@")),
        ("'Thing'", ("Thing", "@")),
        ("Optional[Thing]", ("Thing", "@")),
        ("Thing | None", ("Thing", "@")),
        ("t.Union[None, 'Thing']", ("Thing", "@")),
        ("Thing | str", ("Thing", "@")),
        ("Thing | Other", ()),
        ("Thing[int]", ("Thing", "@")),
        ("Annotated[Thing, 1]", ("Thing", "@")),
        ("list[Thing]", ("Thing", "@", "[of]")),
        ("Iterator['Thing']", ("Thing", "@", "[of]")),
        ("tuple[Thing, ...]", ("Thing", "@", "[of]")),
        ("tuple[Thing, int]", ("%tuple",)),
        ("dict[str, Thing]", ("Thing", "@", "[at]")),
        ("list[str]", ("%list",)),
        ("dict[str, int]", ("%dict",)),
        ("str", ("%str",)),
        ("None", ("%None",)),
        ("type[Thing]", ("Thing",)),
        ("Any", ()),
        ("Callable[[], Thing]", ()),
        ("Literal['Thing']", ()),
        ("'not an expression('", ()),
    ],
)
def test_an_annotation_says_what_a_call_gives(annotation: str, chain: Chain) -> None:
    assert type_of(f"def f() -> {annotation}: ...") == chain


def test_self_is_the_class() -> None:
    assert type_of("class C:\n    def m(self) -> Self: ...\n", "C.m") == ("%C",)


@pytest.mark.parametrize(
    ("body", "chain"),
    [
        ("return Headers(1)", ("Headers", "()")),
        ("rv = Headers(1)\n    return rv", ("Headers", "()")),
        ("if x: return Headers(1)\n    return Headers(2)", ("Headers", "()")),
        ("if x: return None\n    return Headers(2)", ("Headers", "()")),
        ("if x: return Headers(1)\n    return Cookies()", ()),
        ("if x: return a_parameter\n    return Headers(1)", ()),
        ("rv = 1\n    rv = Headers(1)\n    return rv", ()),
        ("return 'x'", ("%str",)),
        ("from .x import y\n    return y()", ("%import:1:x", ".y", "()")),
        ("import x.y\n    return x.y.Z()", ("%import:0:x", ".y", ".Z", "()")),
    ],
)
def test_returns_that_agree_say_what_a_call_gives(body: str, chain: Chain) -> None:
    assert type_of(f"def f(x, a_parameter):\n    {body}\n") == chain


def test_returning_self_gives_the_instance() -> None:
    assert type_of("class C:\n    def m(self):\n        return self\n", "C.m") == ("%C",)


def test_an_async_function_gives_something_to_await() -> None:
    assert type_of("async def f() -> Thing: ...") == ("Thing", "@", "[of]")


def test_a_context_manager_gives_what_it_yields() -> None:
    assert type_of("@contextmanager\ndef f():\n    yield Thing()\n") == ("Thing", "()", "[of]")


@pytest.mark.parametrize(
    ("statement", "chain"),
    [
        ("self.x = Headers()", ("Headers", "()")),
        ("self.x = thing", ("Thing", "@")),
        ("self.x = other", ()),
        ("self.x: Thing = make()", ("Thing", "@")),
        ("self.x = None; self.x = Headers()", ("Headers", "()")),
        ("self.x = A(); self.x = B()", ()),
        ("self.x, self.y = pair", ()),
        ("self.x = thing or Thing()", ()),
    ],
)
def test_a_field_is_what_is_assigned_to_it(statement: str, chain: Chain) -> None:
    assert type_of(f"class C:\n    def __init__(self, thing: Thing, other):\n        {statement}\n", "C.x") == chain


def test_a_variable_is_what_is_assigned_to_it() -> None:
    assert type_of("x = registry.get('a')\n", "x") == ("registry", ".get", "()")


def test_an_enums_members_are_of_the_enum() -> None:
    assert type_of("class Color(Enum):\n    RED = 1\n", "Color.RED") == ("%Color",)


def test_a_field_or_variable_made_of_itself_says_nothing() -> None:
    assert type_of("class C:\n    def m(self):\n        self.x = self.x.next()\n", "C.x") == ()
    assert type_of("x = x or y()\nx = x.z()\n", "x") == ()
