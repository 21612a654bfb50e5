"""Equal normalised texts mean the same behaviour."""

from __future__ import annotations

from textwrap import dedent

import pytest

from watchkeeper.code.languages.python import LANGUAGE


def normal(text: str, name: str = "f") -> str:
    source = dedent(text).encode()
    reading = LANGUAGE.read(source, bodies=False)
    return LANGUAGE.normalise(source, next(symbol for symbol in reading.symbols if symbol.qualname == name))


BASE = """
    def f(a, b=1):
        x = {"a": a}
        return x, b
    """


@pytest.mark.parametrize(
    "other",
    [
        "def f(a, b = 1):\n  x = {'a' : a}   # why\n\n  return (x, b)\n",
        'def f(\n    a,\n    b=(1),\n):\n    """Says."""\n    x = {\n        "a": a,\n    }\n    return x, b\n',
        "def f(a, b=1):\n    x = {u'a': a}; return (x), b\n",
    ],
)
def test_formatting_comments_quotes_and_docstrings_do_not_count(other: str) -> None:
    assert normal(other) == normal(BASE)


@pytest.mark.parametrize(
    "other",
    [
        "def f(a, b=2):\n    x = {'a': a}\n    return x, b\n",
        "def f(a: int, b=1):\n    x = {'a': a}\n    return x, b\n",
        "def f(a, b=1):\n    x = {'b': a}\n    return x, b\n",
        "@cached\ndef f(a, b=1):\n    x = {'a': a}\n    return x, b\n",
        "async def f(a, b=1):\n    x = {'a': a}\n    return x, b\n",
    ],
)
def test_parameters_annotations_decorators_and_the_body_count(other: str) -> None:
    assert normal(other) != normal(BASE)


def test_a_classs_text_leaves_out_its_members_and_keeps_its_own_statements() -> None:
    base = normal("class C(A):\n    x = 1\n    setup()\n    def m(self): return 1\n", "C")

    assert normal("class C(A):\n    '''Doc.'''\n    x = 2\n    setup()\n    y = 3\n    def m(self): ...\n", "C") == base
    assert normal("class C(A):\n    x = 1\n    other()\n", "C") != base
    assert normal("class C(B):\n    x = 1\n    setup()\n", "C") != base


def test_the_modules_text_leaves_out_imports_and_symbols() -> None:
    base = normal("import a\nimport b\nstart()\nx = 1\n", "")

    assert normal('"""Doc."""\nimport b\nimport a\nif TYPE_CHECKING:\n    import c\nstart()\nx = 2\n', "") == base
    assert normal("import a\nstop()\nx = 1\n", "") != base


def test_the_condition_of_a_conditional_definition_is_the_modules_own() -> None:
    one = "if sys.platform == 'win32':\n    def f(): ...\n"

    assert normal(one, "") != normal(one.replace("win32", "linux"), "")


def test_a_variable_is_its_assignment() -> None:
    assert normal("x = [1,\n 2]  # why\n", "x") == normal("x = [1, 2]\n", "x") != normal("x = [1, 3]\n", "x")


def test_a_field_made_in_a_method_is_the_statement_that_makes_it() -> None:
    base = normal("class C:\n    def m(self):\n        self.x = 1\n        y()\n", "C.x")

    assert normal("class C:\n    def m(self):\n        z()\n        self.x = (1)\n", "C.x") == base
    assert normal("class C:\n    def m(self):\n        self.x = 2\n", "C.x") != base


def test_every_definition_of_a_symbol_counts() -> None:
    text = "class C:\n    @property\n    def x(self): return 1\n    @x.setter\n    def x(self, v): self.y = {}\n"

    assert normal(text.format(1), "C.x") != normal(text.format(2), "C.x")


def test_a_function_that_only_has_a_docstring_equals_one_that_passes() -> None:
    assert normal("def f():\n    '''Doc.'''\n") == normal("def f():\n    pass\n")


def test_a_symbol_of_another_file_falls_back_to_its_lines() -> None:
    symbol = LANGUAGE.read(b"def f():\n    return 1\n", bodies=False).symbols[1]

    one = LANGUAGE.normalise(b"def f(:  # why\n    return  1\n", symbol)
    two = LANGUAGE.normalise(b"def f(:\n    return 1\n\n", symbol)

    assert one == two
