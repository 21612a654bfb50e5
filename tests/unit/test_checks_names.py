"""Names, imports and attributes that do not exist; each with a twin that does."""

# ruff: noqa: E501  # one source a line is read better than wrapped

from __future__ import annotations

import pytest

from checking import findings, found, found_in

PACKAGE = {"app/__init__.py": "", "app/text.py": "def fmt(value):\n    return str(value)\n"}


def test_a_name_that_nothing_defines_is_named_with_its_place() -> None:
    (finding,) = findings("names", {"app/a.py": "def run(error):\n    return _fmt_exc(error)\n"})
    assert finding.key == ("names", "undefined-name", "app/a.py", "_fmt_exc")
    assert finding.message == "_fmt_exc is used but not defined in app/a.py, in run"
    assert (finding.line, finding.text) == (2, "return _fmt_exc(error)")


@pytest.mark.parametrize(
    "text",
    [
        "import os\nprint(os.name, len(__name__), __file__)\n",
        "def f():\n    return later()\n\ndef later():\n    return 1\n",
        "def f(a, *b, c=1, **d):\n    return a, b, c, d, [x for x in a], {k: v for k, v in d.items()}, lambda y: y\n",
        "class A:\n    size = 1\n    other = size + 1\n    name = __qualname__\n",
        "def f():\n    total = 0\n    def g():\n        nonlocal total\n        total += 1\n    return g\n",
        "def f():\n    global state\n    state = 1\n\ndef g():\n    return state\n",
        "try:\n    pass\nexcept ValueError as error:\n    print(error)\n",
        "if (n := 3) > 2:\n    print(n, [m := n for _ in ()], m)\n",
        "match [1]:\n    case [first, *rest]:\n        print(first, rest)\n    case {'a': b, **more}:\n        print(b, more)\n",
        "with open('x') as handle:\n    print(handle)\nfor i in ():\n    print(i)\n",
        "try:\n    text = unicode\nexcept NameError:\n    text = str\n",
        "from outside import *\nprint(whatever)\n",
        "globals().update(a=1)\nprint(a)\n",
        "import typing as t\nif t.TYPE_CHECKING:\n    from x import Y\ndef f(y: 'Y', z: 't.Literal[\"zed\"]') -> 'list[Y]': ...\n",
        "def _():\n    return _('text')\n",
        "class A:\n    def f(self):\n        return __class__\n",
    ],
)
def test_names_that_are_bound_are_no_findings(text: str) -> None:
    assert found_in("names", text) == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("def f():\n    return gone\n", "gone"),
        ("class A:\n    size = 1\n    def f(self):\n        return size\n", "size"),
        ("def f():\n    x = [i for i in ()]\n    return i, x\n", "i"),
        ("def f():\n    inner = 1\n\ndef g():\n    return inner\n", "inner"),
        ("def f():\n    global state\n    return state\n", "state"),
        ("class A(Base): ...\n", "Base"),
        ("@decorate\ndef f(): ...\n", "decorate"),
        ("def f(x=default): ...\n", "default"),
        ("def f(x: Gone): ...\n", "Gone"),
        ("print(f'{missing!r:>{width}}')\nwidth = 1\n", "missing"),
    ],
)
def test_scopes_are_those_of_the_language(text: str, name: str) -> None:
    assert ("undefined-name", name) in found_in("names", text)


def test_a_quoted_or_postponed_annotation_has_a_rule_of_its_own() -> None:
    assert found_in("names", "def f(x: 'Gone'): ...\n") == [("undefined-annotation", "Gone")]
    later = "from __future__ import annotations\ndef f(x: Gone): ...\n"
    assert found_in("names", later) == [("undefined-annotation", "Gone")]


def test_a_module_statement_that_runs_before_the_definition_is_found() -> None:
    assert found_in("names", "x = make()\n\ndef make():\n    return 1\n") == [("used-before-definition", "make")]
    assert found_in("names", "def make():\n    return 1\n\nx = make()\n") == []


def test_a_name_deleted_from_the_module_is_gone() -> None:
    assert found_in("names", "x = 1\ndel x\nprint(x)\n") == [("used-before-definition", "x")]
    assert found_in("names", "x = 1\nprint(x)\ndel x\n") == []


def test_stars_of_the_project_are_followed() -> None:
    files = {**PACKAGE, "app/use.py": "from app.text import *\nprint(fmt(1))\n"}
    assert found("names", files) == []
    files["app/use.py"] = "from app.text import *\nprint(gone(1))\n"
    assert found("names", files) == [("undefined-name", "gone")]


def test_a_file_that_does_not_parse_is_left_to_the_parse_check() -> None:
    assert found_in("names", "print(gone)\ndef f(:\n") == []


def test_an_import_of_a_name_that_its_module_lacks_is_found() -> None:
    files = {**PACKAGE, "app/use.py": "from app.text import gone\nfrom .text import fmt\n"}
    assert found("names", files) == [("missing-import", "app.text:gone")]
    message = "app/use.py imports gone from app.text, which has no such name"
    assert [item.message for item in findings("names", files)] == [message]


@pytest.mark.parametrize(
    "text",
    [
        "from app.text import fmt\n",
        "from app import text\n",
        "from . import text\n",
        "try:\n    from app.text import gone\nexcept ImportError:\n    gone = None\n",
        "import sys\nif sys.version_info > (3,):\n    from app.text import gone\n",
        "from elsewhere.text import gone\n",
        "from app._version import version\n",
    ],
)
def test_imports_that_hold_or_are_guarded_are_no_findings(text: str) -> None:
    assert found("names", {**PACKAGE, "app/use.py": text}) == []


def test_a_module_that_makes_its_names_is_believed() -> None:
    dynamic = "def __getattr__(name):\n    return name\n"
    assert found("names", {**PACKAGE, "app/text.py": dynamic, "use.py": "from app.text import gone\n"}) == []
    assert found("names", {**PACKAGE, "app/text.py": "for x in ():\n    gone = x\n", "use.py": "from app.text import gone\n"}) == []  # fmt: skip


def test_a_module_that_its_package_lacks_is_found() -> None:
    assert found("names", {**PACKAGE, "use.py": "import app.gone\n"}) == [("missing-module", "app.gone")]
    assert found("names", {**PACKAGE, "app/use.py": "from .gone import x\n"}) == [("missing-module", ".gone")]
    assert (
        found("names", {**PACKAGE, "app/data/x.txt": "", "app/use.py": "from . import data\nimport app.text\n"}) == []
    )


def test_a_name_in_all_that_nothing_defines_is_found() -> None:
    assert found_in("names", "__all__ = ['run', 'gone']\ndef run(): ...\n") == [("undefined-export", "gone")]
    assert found_in("names", "__all__ = ['run']\ndef run(): ...\n") == []


def test_an_attribute_that_a_module_lacks_is_found() -> None:
    files = {**PACKAGE, "use.py": "from app import text\nprint(text.fmt, text.__name__, text.gone)\n"}
    assert found("names", files) == [("missing-attribute", "app.text.gone")]


CLASS = """
class Base:
    shared = 1

class Thing(Base):
    def __init__(self):
        self.size = 1

    def run(self):
        return {}
"""


@pytest.mark.parametrize(
    "use",
    [
        "self.gone",
        "self.run().gone, self.gone",
        "super().gone",
        "Thing.gone",
        "Thing().gone",
    ],
)
def test_an_attribute_that_a_class_and_its_bases_lack_is_found(use: str) -> None:
    assert ("missing-attribute", "m:Thing.gone") in found_in("names", CLASS.format(use))


@pytest.mark.parametrize(
    "use",
    ["self.size", "self.shared", "self.run", "Thing.shared", "Thing.__name__", "Thing().size", "super().shared"],
)
def test_attributes_that_exist_are_no_findings(use: str) -> None:
    assert found_in("names", CLASS.format(use)) == []


@pytest.mark.parametrize(
    "text",
    [
        "from outside import Base\nclass A(Base):\n    def f(self):\n        return self.gone\n",
        "class A:\n    def __getattr__(self, name):\n        return name\n    def f(self):\n        return self.gone\n",
        "class A:\n    def __init__(self, **kw):\n        self.__dict__.update(kw)\n    def f(self):\n        return self.x\n",
        "import deco\n@deco.make\nclass A:\n    def f(self):\n        return self.gone\n",
        "class A:\n    def f(self):\n        return self.gone\nclass B(A):\n    gone = 1\n",
        "class A:\n    def f(self):\n        if hasattr(self, 'gone'):\n            return self.gone\n",
        "class A:\n    def f(self):\n        try:\n            return self.gone\n        except AttributeError:\n            return 1\n",
        "class A: ...\ndef f():\n    a = A()\n    a.gone = 1\n    return a.gone\n",
        "class A: ...\nclass B:\n    gone = 1\ndef f(x):\n    a = A()\n    if x:\n        a = B()\n    return a.gone\n",
        "class A: ...\ndef f(names):\n    a = A()\n    for n in names:\n        setattr(a, n, 1)\n    return a.gone\n",
        "class M(type): ...\nclass A(metaclass=M):\n    def f(self):\n        return self.gone\n",
    ],
)
def test_classes_that_are_not_known_completely_are_believed(text: str) -> None:
    assert found_in("names", text) == []


def test_members_of_an_enumeration_are_known() -> None:
    text = "from enum import Enum\nclass Color(Enum):\n    RED = 1\nprint(Color.RED.value, Color.{})\n"
    assert found_in("names", text.format("GREEN")) == [("missing-attribute", "m:Color.GREEN")]
    assert found_in("names", text.format("RED")) == []


def test_a_parameter_annotated_with_a_class_is_one_of_it() -> None:
    text = "class A:\n    size = 1\ndef f(a: A):\n    return a.{}\n"
    assert found_in("names", text.format("gone")) == [("missing-attribute", "m:A.gone")]
    assert found_in("names", text.format("size")) == []


def test_a_subclass_under_an_imported_other_name_counts_as_one() -> None:
    files = {
        "app/__init__.py": "",
        "app/base.py": "class Loader:\n    def load(self):\n        return self.get()\n",
        "app/file.py": "from app.base import Loader as Base\nclass Loader(Base):\n    def get(self): ...\n",
    }
    assert found("names", files) == []
    del files["app/file.py"]
    assert found("names", files) == [("missing-attribute", "app.base:Loader.get")]


@pytest.mark.parametrize(
    ("module", "is_found"),
    [
        ("export const other = 1\n", True),
        ("export const gone = 1\n", False),
        ("export const other = 1\nexport * from 'outside'\n", False),
        ("module.exports = make()\n", False),
    ],
)
def test_a_typescript_import_of_what_is_not_exported_is_found(module: str, is_found: bool) -> None:
    files = {"a.ts": module, "b.ts": "import { gone } from './a'\nexport const x = gone\n"}
    assert found("names", files) == ([("missing-import", "a:gone")] if is_found else [])


def test_a_module_that_deletes_a_name_no_longer_offers_it() -> None:
    user = "from app.text import fmt, helper\nprint(fmt, helper)\n"
    kept = "def helper():\n    return 1\n\n\ndef fmt(value):\n    return helper()\n"
    assert found("names", {**PACKAGE, "app/text.py": kept, "app/a.py": user}) == []
    gone = found("names", {**PACKAGE, "app/text.py": kept + "\n\ndel helper\n", "app/a.py": user})
    assert ("missing-import", "app.text:helper") in gone


def test_a_module_may_be_a_file_of_any_suffix_or_a_folder_and_no_other_name_that_begins_alike() -> None:
    user = "from app import speedups, data, tex\nprint(speedups, data, tex)\n"
    there = {**PACKAGE, "app/speedups.cpython-311.so": "", "app/data/words.txt": "", "app/a.py": user}
    assert found("names", there) == [("missing-import", "app:tex")]
