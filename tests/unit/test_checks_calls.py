"""Calls that do not fit, coroutines, abstract classes; duplicates; what does not parse. Each with a twin that holds."""

# one source a line is read better than wrapped

from __future__ import annotations

import pytest

from checking import findings, found, found_in, tree_of
from watchkeeper.code.checks import run_static, static_checks

FUNCTION = "def send(to, body, *, urgent=False): ...\n"


@pytest.mark.parametrize(
    ("call", "why"),
    [
        ("send(1)", "does not pass body"),
        ("send(1, 2, 3)", "passes 3 positional arguments, at most 2 are taken"),
        ("send(1, 2, late=True)", "passes late=, which is not taken"),
    ],
)
def test_a_call_that_does_not_fit_its_function_is_found(call: str, why: str) -> None:
    (finding,) = findings("calls", {"m.py": f"{FUNCTION}{call}\n"}, "m.py")
    assert finding.message.endswith(why)
    assert (finding.rule, finding.subject) == ("misfit", "m:send")


def test_a_call_that_does_not_fit_in_another_way_is_the_same_finding() -> None:
    one, other = (findings("calls", {"m.py": f"{FUNCTION}{call}\n"}, "m.py") for call in ("send(1)", "send(1, 2, 3)"))
    assert [each.key for each in one] == [each.key for each in other]
    assert [each.message for each in one] != [each.message for each in other]


@pytest.mark.parametrize(
    "text",
    [
        f"{FUNCTION}send(1, 2)\nsend(1, body=2, urgent=True)\nsend(*[1, 2])\nsend(**{{}})\n",
        "import functools\n@functools.wraps(len)\ndef f(a): ...\nf()\n",
        "if len('x'):\n    def f(a): ...\nelse:\n    def f(): ...\nf()\n",
        "def f(a): ...\ndef g(f):\n    f()\n",
        "def f(a): ...\nf = len\nf()\n",
        "from typing import overload\n@overload\ndef f(a: int): ...\n@overload\ndef f(): ...\ndef f(*a): ...\nf()\n",
        "def f(a): ...\ntry:\n    f()\nexcept TypeError:\n    pass\n",
        "def f(a): ...\ndef t(self):\n    self.assertRaises(TypeError, lambda: f())\n",
        "import pytest\ndef f(a): ...\nwith pytest.raises(TypeError):\n    f()\n",
    ],
)
def test_calls_that_fit_or_are_not_sure_are_no_findings(text: str) -> None:
    assert found_in("calls", text) == []


def test_a_call_of_another_modules_function_is_followed() -> None:
    files = {
        "app/__init__.py": "from app.mail import send\n",
        "app/mail.py": FUNCTION,
        "use.py": "import app\napp.send()\n",
    }
    (finding,) = findings("calls", files, "use.py")
    assert finding.message == "the call of app.mail:send in use.py does not pass to"
    assert ("app/mail.py", "send") in finding.involved


CLASS = "class A:\n    def __init__(self, x): ...\n    def go(self, n): ...\n    @staticmethod\n    def s(n): ...\n"


@pytest.mark.parametrize(
    ("call", "target"),
    [("A()", "A.__init__"), ("A(1).go()", "A.go"), ("A.s()", "A.s"), ("A.go(A(1))", "A.go")],
)
def test_constructors_and_methods_are_called_too(call: str, target: str) -> None:
    (finding,) = found_in("calls", f"{CLASS}{call}\n")
    assert finding[0] == "misfit"
    assert finding[1] == f"m:{target}"


def test_constructors_and_methods_that_fit_are_no_findings() -> None:
    assert found_in("calls", f"{CLASS}A(1)\nA(1).go(1)\nA.s(1)\nA.go(A(1), 1)\n") == []


def test_a_method_that_a_subclass_replaces_is_not_sure() -> None:
    text = "class A:\n    def run(self):\n        self.step(1)\n    def step(self): ...\n"
    assert [rule for rule, _ in found_in("calls", text)] == ["misfit"]
    assert found_in("calls", text + "class B(A):\n    def step(self, n): ...\n") == []


DATA = """
from dataclasses import dataclass, field

@dataclass
class Base:
    a: int

@dataclass
class Data(Base):
    b: int = 0
    c: list = field(default_factory=list)

Data({})
"""


def test_the_fields_of_data_classes_are_parameters_bases_first() -> None:
    assert found_in("calls", DATA.format("")) == [("misfit", "m:Data")]
    assert found_in("calls", DATA.format("1, d=2")) == [("misfit", "m:Data")]
    assert found_in("calls", DATA.format("1, 2, c=[]")) == []


def test_a_class_with_a_metaclass_or_an_outside_base_is_not_sure() -> None:
    assert found_in("calls", "class M(type): ...\nclass A(metaclass=M):\n    def __init__(self, x): ...\nA()\n") == []
    assert found_in("calls", "from outside import B\nclass A(B):\n    x: int\nA()\nA(1)\n") == []


ASYNC = "async def f(): ...\ndef g(): ...\nasync def h():\n    {}\n"


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("f()", "not-awaited"),
        ("f().x", "not-awaited"),
        ("for x in f(): ...", "not-awaited"),
        ("await g()", "awaits-nothing"),
    ],
)
def test_a_coroutine_that_nobody_awaits_is_found(text: str, rule: str) -> None:
    assert [item[0] for item in found_in("calls", ASYNC.format(text))] == [rule]


def test_coroutines_that_are_awaited_or_passed_on_are_no_findings() -> None:
    assert found_in("calls", ASYNC.format("await f(); g(); task = f(); return f()")) == []


ABSTRACT = """
from abc import ABC, abstractmethod

class Base(ABC):
    @abstractmethod
    def save(self): ...

class Impl(Base):
    def {}(self): ...

Impl()
"""


def test_making_a_class_that_lacks_an_abstract_method_is_found() -> None:
    assert [rule for rule, _ in found_in("calls", ABSTRACT.format("load"))] == ["abstract"]
    assert found_in("calls", ABSTRACT.format("save")) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("def f(): ...\ndef f(): ...\n", ("redefined", "f")),
        ("class A:\n    def f(self): ...\n    def f(self): ...\n", ("redefined", "A.f")),
        ("def test_a(): ...\nx = 1\ndef test_a(): ...\n", ("redefined", "test_a")),
        (
            "import pytest\n@pytest.mark.parametrize('a', [1])\ndef test_a(a): ...\ndef test_a(): ...\n",
            ("redefined", "test_a"),
        ),
        ("from a import fmt\ndef fmt(): ...\n", ("redefined", "fmt")),
        ("from a import x\nfrom b import x\n", ("imported-twice", "x")),
        ("LIMIT = 1\nLIMIT = 2\n", ("redefined", "LIMIT")),
        ("class A:\n    name = 1\n    name = 2\n", ("redefined", "A.name")),
        ("T = {'a': 1, 'a': 2}\n", ("repeated-key", "T['a']")),
    ],
)
def test_a_second_definition_that_silently_wins_is_found(text: str, expected: tuple[str, str]) -> None:
    assert found_in("duplicates", text) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "if x:\n    def f(): ...\nelse:\n    def f(): ...\n",
        "try:\n    from a import x\nexcept ImportError:\n    from b import x\n",
        "from typing import overload\n@overload\ndef f(a): ...\n@overload\ndef f(): ...\ndef f(*a): ...\n",
        "class A:\n    @property\n    def x(self): ...\n    @x.setter\n    def x(self, v): ...\n",
        "import app\n@app.route('/')\ndef index(): ...\n@app.route('/b')\ndef index(): ...\n",
        "def f(): ...\nregister(f)\ndef f(): ...\n",
        "def f(): ...\nf = wrap(f)\n",
        "x = 1\nx = 2\n",
        "from a import T\nclass T(Base):\n    inner = T\n",
        "LIMIT = 1\nLIMIT = LIMIT + 1\n",
        "def _(): ...\ndef _(): ...\n",
        "import a.b\nimport a.c\n",
        "T = {'a': 1, 'b': 2, 1: 1, '1': 2}\n",
        "def f(): ...\nclass A:\n    def f(self): ...\n",
    ],
)
def test_alternatives_and_what_is_used_between_are_no_findings(text: str) -> None:
    assert found_in("duplicates", text) == []


@pytest.mark.parametrize(
    "text",
    ["def f(:\n", "def f():\n    await g()\n", "f(a=1, a=2)\n", "def f(a, a): ...\n", "return 1\n"],
)
def test_what_python_does_not_compile_is_found(text: str) -> None:
    assert found_in("parse", text) == [("syntax", "")]


def test_what_compiles_is_no_finding() -> None:
    assert found_in("parse", "async def f():\n    await g()\n") == []


def test_conflict_markers_are_found_in_any_file() -> None:
    markers = "a\n<<<<<<< ours\nb\n=======\nc\n>>>>>>> theirs\n"
    assert found("parse", {"notes.md": markers}) == [("conflict-marker", "")]
    assert found("parse", {"notes.md": "Title\n=======\n"}) == []


def test_typescript_that_does_not_parse_is_found() -> None:
    assert found("parse", {"a.ts": "export function f( {\n"}) == [("syntax", "")]
    assert found("parse", {"a.ts": "export function f() { return 1 }\n"}) == []


def test_the_table_holds_each_check_and_runs_those_that_are_named() -> None:
    assert {"parse", "names", "calls", "duplicates"} <= static_checks().keys()
    reports = run_static(tree_of({"m.py": "x = gone\n"}), ["m.py", "absent.py"], ["names", "parse"])
    assert [(report.check, len(report.findings)) for report in reports] == [("names", 1), ("parse", 0)]
    with pytest.raises(KeyError, match="nonsense"):
        run_static(tree_of({}), [], ["nonsense"])


def test_only_the_roots_are_looked_at_and_moved_lines_change_no_key() -> None:
    files = {"a.py": "x = gone\n", "b.py": "y = lost\n"}
    assert found("names", files, "a.py") == [("undefined-name", "gone")]
    moved = findings("names", {"a.py": "\n\n# a comment\nx = gone\n"})
    assert [item.key for item in moved] == [item.key for item in findings("names", files, "a.py")]
