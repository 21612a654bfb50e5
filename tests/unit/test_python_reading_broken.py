"""Files that do not parse, or are no text: a clear answer, never an exception."""

from __future__ import annotations

import warnings
from textwrap import dedent

import pytest

from watchkeeper.code.languages.python import LANGUAGE
from watchkeeper.model.reading import Reading, Status


def read(text: str) -> Reading:
    return LANGUAGE.read(dedent(text).encode(), bodies=True)


def names(reading: Reading) -> set[str]:
    return {symbol.qualname for symbol in reading.symbols} - {""}


def test_a_broken_function_is_left_out_and_the_others_are_read() -> None:
    reading = read(
        """\
        def a():
            return 1

        def b(:
            return 2

        def c():
            return 3
        """
    )

    assert reading.status is Status.PARTIAL
    assert names(reading) == {"a", "c"}
    assert reading.broken == ((4, 5),)
    assert reading.reason.startswith("line 4")
    assert [symbol.spans for symbol in reading.symbols if symbol.qualname == "c"] == [((7, 8),)]


def test_a_broken_method_leaves_out_itself_only() -> None:
    reading = read(
        """\
        class C:
            def a(self):
                return 1

            def b(self):
                return self.

            def c(self):
                return 3
        """
    )

    assert names(reading) == {"C", "C.a", "C.c"}
    assert reading.broken == ((5, 6),)


def test_a_class_whose_only_method_is_broken_stays() -> None:
    reading = read("class C:\n    def a(self):\n        return (\n\nx = 1\n")

    assert names(reading) == {"C", "x"}


def test_an_unclosed_bracket_costs_its_own_function() -> None:
    reading = read("def a():\n    return g(1,\n\ndef b():\n    return 2\n\nclass C:\n    x = 1\n")

    assert names(reading) == {"b", "C", "C.x"}


def test_an_unclosed_string_costs_its_own_function() -> None:
    reading = read('def a():\n    """Text\n    return 1\n\ndef b():\n    return 2\n')

    assert "b" in names(reading)


def test_an_unclosed_docstring_costs_its_own_method_though_it_turns_later_ones_inside_out() -> None:
    text = (
        "class C:\n    def a(self):\n        {}\n        return 1\n\n    def b(self):\n        {}\n        return 2\n"
    )
    whole, half = '"""Can\'t say 010."""', '"""Half'

    reading = read(text.format(half, whole) + f"\ndef c():\n    {whole}\n")

    assert names(reading) == {"C", "C.b", "c"}
    assert reading.broken == ((2, 4),)


def test_a_function_without_body_costs_itself() -> None:
    reading = read("def a():\n\ndef b():\n    return 2\n\ndef c():\n    return 3\n")

    assert names(reading) == {"b", "c"}


def test_conflict_markers_leave_the_rest_readable() -> None:
    reading = read(
        """\
        def a():
            return 1
        <<<<<<< ours
        def b():
            return 2
        =======
        def b2():
            return 3
        >>>>>>> theirs
        def c():
            return 4
        """
    )

    assert reading.status is Status.PARTIAL
    assert {"a", "c"} <= names(reading)


def test_syntax_that_only_the_interpreter_refuses_is_left_out_too() -> None:
    reading = read("def a():\n    f() = 1\n\ndef b():\n    return 2\n")

    assert names(reading) == {"b"}


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (b"\xff\xfex\0=\0", "UTF-16"),
        (b"x = 1\0", "NUL"),
        (b"x = 1\n" * 400_000, "larger"),
        (b"x = " + b"(" * 5000, "nested"),
        (b")\n", "line 1"),
    ],
)
def test_what_cannot_be_read_is_unknown_with_a_reason(source: bytes, reason: str) -> None:
    reading = LANGUAGE.read(source, bodies=True)

    assert reading.status is Status.UNKNOWN
    assert reason in reading.reason
    assert reading.symbols == ()


def test_a_declared_encoding_is_respected() -> None:
    reading = LANGUAGE.read("# coding: latin-1\nnäme = 'ü'\n".encode("latin-1"), bodies=False)

    assert (reading.status, names(reading)) == (Status.PARSED, {"näme"})


def test_bytes_outside_of_the_encoding_are_read_and_said() -> None:
    reading = LANGUAGE.read("# ü\nx = 1\n".encode("latin-1"), bodies=False)

    assert (reading.status, names(reading)) == (Status.PARTIAL, {"x"})
    assert "encoding" in reading.reason


def test_an_unknown_declared_encoding_is_said() -> None:
    reading = LANGUAGE.read(b"# coding: klingon\nx = 1\n", bodies=False)

    assert (reading.status, names(reading)) == (Status.PARTIAL, {"x"})


def test_no_warning_escapes() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reading = LANGUAGE.read(b"x = '\\d'\ny = 1 is 1\nz = 0x1for 2\n", bodies=True)

    assert reading.symbols


def test_numbers_too_long_to_print_are_read() -> None:
    source = b"def f(a=0x" + b"f" * 9000 + b"):\n    return a\n"
    reading = LANGUAGE.read(source, bodies=True)

    assert reading.status is Status.PARSED
    assert LANGUAGE.normalise(source, reading.symbols[1])


def test_expressions_nested_deeper_than_the_stack_give_an_answer() -> None:
    for source in ("x = " + "-" * 3000 + "1\n", "x = " + "(" * 90 + ")" * 90 + "\n", "a" + ".b()" * 1500 + "\n"):
        assert LANGUAGE.read(source.encode(), bodies=True).status in (Status.PARSED, Status.PARTIAL, Status.UNKNOWN)


def test_an_unclosed_docstring_of_a_decorated_method_takes_the_decorator_with_it() -> None:
    reading = read(
        '''\
        class C:
            """Says what
            it is."""

            @cached
            def a(self):
                """Half
                return 1

            def b(self):
                """Whole: 010."""

        TEXT = """
        text
        """
        '''
    )

    assert names(reading) == {"C", "C.b", "TEXT"}
    assert [symbol.decorators for symbol in reading.symbols if symbol.qualname == "C.b"] == [()]
