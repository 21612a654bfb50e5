"""Which tests say something about a merge, the most telling first."""

from __future__ import annotations

import pytest

from watchkeeper.code.tree import index_of
from watchkeeper.probes.choice import Choice, choose_tests, distances, is_test_file

FILES = {
    "shop/__init__.py": b"from .prices import total\n",
    "shop/prices.py": b"from shop.money import round_up\n\n\ndef total(items):\n    return round_up(sum(items))\n",
    "shop/money.py": b"def round_up(value):\n    return value\n",
    "shop/mail.py": b"def send(text):\n    return text\n",
    "tests/unit/conftest.py": b"from shop.mail import send\n",
    "tests/unit/test_basket.py": b"def test_basket():\n    assert True\n",
    "tests/test_money.py": b"from shop.money import round_up\n\n\ndef test_money():\n    assert round_up(1) == 1\n",
    "tests/test_shop.py": b"import shop\n\n\ndef test_shop():\n    assert shop.total([1]) == 1\n",
    "tests/test_alone.py": b"def test_alone():\n    assert True\n",
}
INDEX = index_of(FILES)


def choose(*paths: str) -> Choice:
    return choose_tests(INDEX, frozenset(paths))


def test_the_nearest_tests_come_first_and_unrelated_ones_last() -> None:
    found = choose("shop/money.py")

    assert found.changed == ()
    assert found.reaching == ("tests/test_money.py", "tests/test_shop.py")  # the latter through two re-exports
    assert found.rest == ("tests/test_alone.py", "tests/unit/test_basket.py")
    assert found.first == found.reaching


def test_what_a_side_changed_itself_comes_before_everything() -> None:
    found = choose("shop/money.py", "tests/test_alone.py", "tests/test_shop.py")

    assert found.changed == ("tests/test_alone.py", "tests/test_shop.py")
    assert found.reaching == ("tests/test_money.py",)


def test_a_conftest_reaches_the_tests_below_it_and_no_others() -> None:
    assert choose("tests/unit/conftest.py").reaching == ("tests/unit/test_basket.py",)
    assert choose("shop/mail.py").reaching == ("tests/unit/test_basket.py",)


def test_a_conftest_at_the_top_reaches_all_tests() -> None:
    index = index_of({**FILES, "conftest.py": b""})

    assert choose_tests(index, frozenset({"conftest.py"})).rest == ()


def test_where_nothing_reaches_the_change_everything_is_run() -> None:
    found = choose("README.md")

    assert (found.changed, found.reaching) == ((), ())
    assert found.first == found.rest
    assert len(found.rest) == 4


def test_a_path_that_the_merge_does_not_have_reaches_nothing() -> None:
    assert choose("shop/gone.py").reaching == ()


def test_without_test_files_there_is_no_choice() -> None:
    assert choose_tests(index_of({"a.py": b""}), frozenset({"a.py"})) == Choice((), (), ())


def test_imports_in_a_circle_have_an_end() -> None:
    index = index_of({"a.py": b"import b\n", "b.py": b"import a\n", "test_a.py": b"import a\n"})

    assert distances(index, ["b.py"]) == {"b.py": 0, "a.py": 1, "test_a.py": 2}


def test_what_is_too_many_imports_away_is_not_said_to_reach() -> None:
    chain = {f"m{n}.py": f"import m{n - 1}\n".encode() for n in range(1, 7)}
    index = index_of({"m0.py": b"x = 1\n", **chain, "test_near.py": b"import m3\n", "test_far.py": b"import m4\n"})

    found = choose_tests(index, frozenset({"m0.py"}))

    assert (found.reaching, found.rest) == (("test_near.py",), ("test_far.py",))


def test_typescript_tests_are_reached_through_re_exports() -> None:
    index = index_of(
        {
            "src/money.ts": b"export const roundUp = (value: number) => value;\n",
            "src/index.ts": b'export { roundUp } from "./money";\n',
            "src/money.test.ts": b'import { roundUp } from "./index";\nroundUp(1);\n',
            "src/other.test.ts": b"export {};\n",
        }
    )

    found = choose_tests(index, frozenset({"src/money.ts"}))

    assert (found.reaching, found.rest) == (("src/money.test.ts",), ("src/other.test.ts",))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("test_a.py", True),
        ("a/a_test.py", True),
        ("shop/tests.py", True),
        ("a.test.ts", True),
        ("a.spec.mjs", True),
        ("src/__tests__/a.jsx", True),
        ("a.py", False),
        ("tests/conftest.py", False),
        ("contest.py", False),
        ("test_a.txt", False),
        ("a.tests.ts", False),
        ("__tests__", False),
        ("", False),
    ],
)
def test_a_test_file_is_told_by_its_name(path: str, expected: bool) -> None:
    assert is_test_file(path) is expected
