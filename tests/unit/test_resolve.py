"""What a reference means: chains followed through a tree held in memory."""

from __future__ import annotations

import pytest

from watchkeeper.code.resolution import Outcome, Resolution
from watchkeeper.code.resolve import Resolver
from watchkeeper.conflicts.of_trees import index_of
from watchkeeper.model.footprint import Confidence
from watchkeeper.model.reading import Chain, Form


def follow(sources: dict[str, str], chain: Chain, *, form: Form = Form.LOAD, holder: str = "f") -> Resolution:
    """``chain`` in the function ``f`` of the first file."""
    resolver = Resolver(index_of({path: text.encode() for path, text in sources.items()}))
    return resolver.resolve(next(iter(sources)), holder, chain, form)


def names(found: Resolution) -> list[str]:
    return [target.key.qualname for target in found.targets if not target.absent]


SIZED = "class Sized:\n    def __len__(self): return 1\n"


def test_a_truth_test_of_what_has_only_a_length_relies_on_the_length() -> None:
    found = follow({"a.py": SIZED}, ("Sized", "()", ".__bool__"), form=Form.PROTOCOL)

    assert names(found) == ["Sized.__len__"]


def test_a_truth_test_of_what_has_its_own_truth_does_not_rely_on_the_length() -> None:
    source = SIZED + "    def __bool__(self): return True\n"

    found = follow({"a.py": source}, ("Sized", "()", ".__bool__"), form=Form.PROTOCOL)

    assert names(found) == ["Sized.__bool__"]


def test_an_operator_that_no_class_defines_means_nothing() -> None:
    found = follow({"a.py": "class Plain: ...\n"}, ("Plain", "()", ".__contains__"), form=Form.PROTOCOL)

    assert found.targets == ()


OUTSIDE_BASE = "import unittest\nclass Case(unittest.TestCase):\n    def own(self): ...\n"
CODE = "class Failure:\n    code = 1\n"


def test_what_a_base_of_another_package_gives_is_outside_and_so_is_all_that_hangs_on_it() -> None:
    chain = ("%Case", ".assertRaises", "()", "with", ".exception", ".code")

    found = follow({"a.py": OUTSIDE_BASE, "b.py": CODE}, chain, holder="Case.own")

    assert found.outcome is Outcome.OUTSIDE
    assert names(found) == []


def test_what_a_class_with_a_base_of_another_package_defines_itself_is_found() -> None:
    found = follow({"a.py": OUTSIDE_BASE}, ("%Case", ".own"), holder="Case.own")

    assert names(found) == ["Case.own"]


def test_an_attribute_of_a_class_that_passes_attributes_on_is_matched_by_its_rare_name() -> None:
    proxy = "class Proxy:\n    def __getattr__(self, name): return getattr(target, name)\nproxy = Proxy()\n"
    target = "class Target:\n    def quote_column(self): ...\n"

    found = follow({"a.py": proxy, "b.py": target}, ("proxy", ".quote_column"))

    assert [(each.key.qualname, each.confidence) for each in found.targets if not each.absent] == [
        ("Target.quote_column", Confidence.LIKELY)
    ]


def test_an_attribute_that_a_class_does_not_have_is_not_matched_by_its_name() -> None:
    plain = "class Plain: ...\nplain = Plain()\n"
    target = "class Target:\n    def quote_column(self): ...\n"

    found = follow({"a.py": plain, "b.py": target}, ("plain", ".quote_column"))

    assert names(found) == []
    assert [target.key.qualname for target in found.targets if target.absent] == ["Plain.quote_column"]


@pytest.mark.parametrize("name", ["__class__", "__name__", "__dict__", "__doc__"])
def test_what_every_class_has_belongs_to_no_symbol_of_the_project(name: str) -> None:
    found = follow({"a.py": "class Plain: ...\n"}, ("Plain", f".{name}"))

    assert found.outcome is Outcome.OUTSIDE


def test_a_member_of_an_alias_nobody_spells_out_is_matched_by_its_rare_name() -> None:
    source = "type Either = Extract<One, {k: 1}>;\nfunction f(x: Either) {}\n"
    one = "export interface One { prefixLength: number }\n"

    found = follow({"a.ts": source, "b.ts": one}, ("Either", "@", ".prefixLength"))

    assert names(found) == ["One.prefixLength"]


def test_a_member_of_an_object_type_is_its_own() -> None:
    source = "type Made = { prefixLength: number };\nfunction f(x: Made) {}\n"
    one = "export interface One { prefixLength: number }\n"

    found = follow({"a.ts": source, "b.ts": one}, ("Made", "@", ".prefixLength"))

    assert names(found) == ["Made.prefixLength"]


MERGED = (
    "interface Maker { init(): void }\nexport interface Shape { side: number }\nexport const Shape: Maker = make();\n"
)


def test_a_constant_with_the_name_of_an_interface_gives_the_members_of_its_own_type() -> None:
    found = follow({"a.ts": MERGED}, ("Shape", ".init"))

    assert names(found) == ["Maker.init"]


def test_a_value_of_an_interface_gives_the_members_of_the_interface() -> None:
    found = follow({"a.ts": MERGED}, ("Shape", "@", ".side"))

    assert names(found) == ["Shape.side"]


def test_a_method_of_a_prototype_is_the_method_of_the_class() -> None:
    found = follow({"a.ts": "class K { run() {} }\nfunction f() {}\n"}, ("K", ".prototype", ".run"))

    assert names(found) == ["K.run"]


def test_a_package_of_the_tree_is_imported_by_its_own_name() -> None:
    sources = {
        "tests/a.ts": 'import { make } from "shapes/v4";\nfunction f() { make(); }\n',
        "src/v4/index.ts": "export function make() {}\n",
        "package.json": '{"name": "shapes", "exports": {"./v4": {"source": "./src/v4/index.ts"}}}',
    }

    found = follow(sources, ("make",))

    assert "make" in names(found)
    assert any(target.key.path == "src/v4/index.ts" for target in found.targets)


def test_a_package_that_is_not_of_the_tree_is_outside() -> None:
    found = follow({"tests/a.ts": 'import { make } from "shapes/v4";\nfunction f() { make(); }\n'}, ("make",))

    assert found.outcome is Outcome.OUTSIDE


CALLABLE = "interface Shape { side: number }\nfunction Shape() {}\ninterface Square extends Shape {}\n"


def test_an_interface_that_shares_its_name_with_a_function_is_what_the_type_means() -> None:
    found = follow({"a.ts": CALLABLE}, ("Shape", "@", ".side"))

    assert names(found) == ["Shape.side"]


def test_an_interface_that_shares_its_name_with_a_function_can_be_extended() -> None:
    found = follow({"a.ts": CALLABLE}, ("Square", "@", ".side"))

    assert names(found) == ["Shape.side"]


def test_an_attribute_that_every_function_has_is_no_member_of_the_interface_of_its_name() -> None:
    found = follow({"a.ts": CALLABLE}, ("Shape", ".call"))

    assert (found.outcome, found.targets) == (Outcome.OUTSIDE, ())


BASE_CLASS = "export class Base { constructor(a) {} }\n"
DERIVED = (
    'import { Base } from "./b";\nclass Own extends Base { constructor() { super(1); } }\nclass Plain extends Base {}\n'
)


def test_calling_a_class_relies_on_its_constructor() -> None:
    found = follow({"a.ts": DERIVED, "b.ts": BASE_CLASS}, ("Own",), form=Form.CALL)

    assert names(found) == ["Own", "Own.constructor"]


def test_calling_a_class_without_a_constructor_relies_on_the_inherited_one_and_on_having_none() -> None:
    found = follow({"a.ts": DERIVED, "b.ts": BASE_CLASS}, ("Plain",), form=Form.CALL)

    assert names(found) == ["Plain", "Base.constructor"]
    assert [target.key.qualname for target in found.targets if target.absent] == ["Plain.constructor"]


def test_naming_a_class_does_not_rely_on_its_constructor() -> None:
    found = follow({"a.ts": DERIVED, "b.ts": BASE_CLASS}, ("Own",))

    assert names(found) == ["Own"]


def test_calling_super_relies_on_the_constructor_of_the_base() -> None:
    found = follow({"a.ts": DERIVED, "b.ts": BASE_CLASS}, ("%super:Own", ".constructor"), form=Form.CALL)

    assert names(found) == ["Base.constructor"]


def test_the_constructor_of_an_object_is_its_class() -> None:
    source = "class K { constructor() {} static make() {} run() {} }\n"

    found = follow({"a.ts": source}, ("%K", ".constructor", ".make"), holder="K.run")

    assert names(found) == ["K.make"]


def test_the_constructor_of_an_unknown_object_is_no_class_of_the_project() -> None:
    found = follow({"a.ts": "class K { constructor() {} }\nfunction f() {}\n"}, ("?", ".constructor"))

    assert found.targets == ()
