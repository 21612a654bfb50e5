"""Tests that say less than they did, and their twins that say as much or more."""

from __future__ import annotations

import pytest

from risking import kinds_of, risk_of
from watchkeeper.risk.python_tests import find_unchanged, read_python_tests
from watchkeeper.risk.weakened import Surroundings, TestVersions, find_weakened

PRICE = "def total(items, rate):\n    return sum(items) * rate\n"


def python(before: str, after: str) -> set[str]:
    head = "import pytest\nfrom shop.cart import total\n\n\n"
    base = {"shop/cart.py": PRICE, "tests/test_cart.py": head + before}
    return kinds_of(base, {"tests/test_cart.py": head + after})


def script(before: str, after: str) -> set[str]:
    return kinds_of({"src/cart.test.ts": before}, {"src/cart.test.ts": after})


ONE = "def test_total():\n    assert total([1, 2], 1) == 3\n    assert total([], 1) == 0\n"

SWALLOWED = """\
def test_total():
    try:
        assert total([1, 2], 1) == 3
        assert total([], 1) == 0
    except Exception:
        pass
"""
SUPPRESSED = """\
import contextlib


def test_total():
    with contextlib.suppress(AssertionError):
        assert total([1, 2], 1) == 3
        assert total([], 1) == 0
"""
TABLE = """\
@pytest.mark.parametrize(("n", "sum"), [(1, 111), (2, 222)])
def test_n(n, sum):
    assert total([n], 1) == sum
"""
IN_A_CLASS = """\
class TestTotal:
    def test_total(self):
        assert total([1, 2], 1) == 3
        assert total([], 1) == 0
"""
SEVERAL = """\
def test_total():
    result = total([111], 1)
    assert not result.error
    assert result.value == 111

    result = total([222], 1)
    assert not result.error
    assert result.value == 222
"""
TABLE_OF_SEVERAL = """\
@pytest.mark.parametrize(("items", "expected"), [([111], 111), ([222], 222)])
def test_total(items, expected):
    result = total(items, 1)
    assert not result.error
    assert result.value == expected
"""
SECOND = "\n\ndef test_more():\n    assert total([7], 2) == 14\n"

WEAKER = {
    "an assertion that is gone": (
        ONE, ONE.replace("    assert total([], 1) == 0\n", ""), "assertion-removed"),
    "a test that is gone": (ONE + "\n\ndef test_more():\n    assert total([7], 2) == 14\n", ONE, "test-deleted"),
    "equality that became presence": (ONE, ONE.replace("total([], 1) == 0", "total([], 1) is not None"),
                                      "assertion-weaker"),
    "equality that became an order": (ONE, ONE.replace("== 3", ">= 1"), "assertion-weaker"),
    "another expectation": (ONE, ONE.replace("== 3", "== 4"), "expectation-changed"),
    "another expectation that has a name": (
        "def test_total():\n    wanted = [3]\n    assert total([1], 3) == wanted\n",
        "def test_total():\n    wanted = [4]\n    assert total([1], 3) == wanted\n",
        "expectation-changed",
    ),
    "the opposite": (ONE, ONE.replace("== 3", "!= 3"), "expectation-changed"),
    "a skip": (ONE, "@pytest.mark.skip\n" + ONE, "test-skipped"),
    "a skip within": (ONE, ONE.replace(":\n", ":\n    pytest.skip('later')\n", 1), "test-skipped"),
    "an xfail": (ONE, "@pytest.mark.xfail\n" + ONE, "test-skipped"),
    "a skip of the whole module": (ONE, "pytestmark = pytest.mark.skip\n\n\n" + ONE, "test-skipped"),
    "an error that is swallowed": (
        ONE,
        SWALLOWED,
        "exception-swallowed",
    ),
    "a suppressed failure": (
        ONE,
        SUPPRESSED,
        "exception-swallowed",
    ),
    "a wider tolerance": (
        "def test_total():\n    assert total([1], 3) == pytest.approx(3, abs=0.01)\n",
        "def test_total():\n    assert total([1], 3) == pytest.approx(3, abs=0.5)\n",
        "tolerance-widened",
    ),
    "fewer places": (
        "class TestTotal:\n    def test_total(self):\n        self.assertAlmostEqual(total([1], 3), 3, places=7)\n",
        "class TestTotal:\n    def test_total(self):\n        self.assertAlmostEqual(total([1], 3), 3, places=1)\n",
        "tolerance-widened",
    ),
    "a tolerance where there was none": (ONE, ONE.replace("== 3", "== pytest.approx(3)"), "assertion-weaker"),
    "an error where there was a value": (
        "def test_bad():\n    assert total([1], -1) is None\n",
        "def test_bad():\n    with pytest.raises(ValueError):\n        total([1], -1)\n",
        "expectation-changed",
    ),
    "an error of any kind": (
        "def test_bad():\n    with pytest.raises(ValueError, match='rate'):\n        total([1], -1)\n",
        "def test_bad():\n    with pytest.raises(Exception):\n        total([1], -1)\n",
        "assertion-weaker",
    ),
    "fewer cases": (
        "@pytest.mark.parametrize('n', [1, 2, 3])\ndef test_n(n):\n    assert total([n], 1) == n\n",
        "@pytest.mark.parametrize('n', [1])\ndef test_n(n):\n    assert total([n], 1) == n\n",
        "assertion-removed",
    ),
    "a mock that is asked less": (
        "def test_called(spy):\n    total([spy], 1)\n    spy.assert_called_once_with(1)\n",
        "def test_called(spy):\n    total([spy], 1)\n    spy.assert_called()\n",
        "assertion-weaker",
    ),
    "an assertion of nothing": (ONE, ONE.replace("total([], 1) == 0", "True"), "assertion-removed"),
}  # fmt: skip

AS_STRONG = {
    "a renamed test": (ONE, ONE.replace("test_total", "test_sum_of_items")),
    "a stronger assertion": (ONE.replace("== 3", "is not None"), ONE),
    "an error that is told closer": (
        "def test_bad():\n    with pytest.raises(Exception):\n        total([1], -1)\n",
        "def test_bad():\n    with pytest.raises(ValueError, match='rate'):\n        total([1], -1)\n",
    ),
    "one more assertion": (ONE, ONE + "    assert total([5], 1) == 5\n"),
    "a new test": (ONE, ONE + "\n\ndef test_more():\n    assert total([7], 2) == 14\n"),
    "a new test that is skipped": (ONE, ONE + SECOND.replace("def", "@pytest.mark.skip\ndef")),
    "another formatting": (ONE, ONE.replace("total([1, 2], 1) == 3", "(\n        total([1, 2], 1) == 3\n    )")),
    "assertions in another order": (
        ONE, "def test_total():\n    assert total([], 1) == 0\n    assert total([1, 2], 1) == 3\n"),
    "another name for a local": (
        "def test_total():\n    found = total([1], 1)\n    assert found == 1\n",
        "def test_total():\n    result = total([1], 1)\n    assert result == 1\n",
    ),
    "another name for what is expected": (
        "def test_total():\n    wanted = [3]\n    assert total([1], 3) == wanted\n",
        "def test_total():\n    expected = [3]\n    assert total([1], 3) == expected\n",
    ),
    "unittest's way to say the same": (
        "class TestTotal:\n    def test_total(self):\n        self.assertEqual(total([1], 1), 1)\n",
        "class TestTotal:\n    def test_total(self):\n        assert total([1], 1) == 1\n",
    ),
    "one table of two tests": (
        "def test_one():\n    assert total([1], 1) == 111\n\n\ndef test_two():\n    assert total([2], 1) == 222\n",
        TABLE,
    ),
    "a smaller tolerance": (
        "def test_total():\n    assert total([1], 3) == pytest.approx(3, abs=0.5)\n",
        "def test_total():\n    assert total([1], 3) == pytest.approx(3, abs=0.01)\n",
    ),
    "a skip that is gone": ("@pytest.mark.skip\n" + ONE, ONE),
    "a test that moved into a class": (
        ONE, IN_A_CLASS),
    "a call that follows a new signature": (ONE, ONE.replace("total([1, 2], 1)", "total([1, 2], 1, currency=None)")),
    "an error that is handled": (
        ONE, ONE + "    try:\n        total(None, 1)\n    except TypeError:\n        pass\n"),
    "a table of what one test said in turn": (SEVERAL, TABLE_OF_SEVERAL),
    "a newer way to write a string": (
        "def test_total(n):\n    assert total([n], 1) == '{}: {!r}'.format(n, 1)\n",
        "def test_total(n):\n    assert total([n], 1) == f'{n}: {1!r}'\n",
    ),
    "more cases": (
        "@pytest.mark.parametrize('n', [1, 2])\ndef test_n(n):\n    assert total([n], 1) == n\n",
        "@pytest.mark.parametrize('n', [1, 2, 3])\ndef test_n(n):\n    assert total([n], 1) == n\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WEAKER)
def test_a_test_that_says_less_is_a_point(name: str) -> None:
    before, after, kind = WEAKER[name]

    assert kind in python(before, after)


@pytest.mark.parametrize("name", AS_STRONG)
def test_a_test_that_says_as_much_or_more_is_none(name: str) -> None:
    assert python(*AS_STRONG[name]) == set()


def test_a_test_that_moved_to_another_file_is_not_deleted() -> None:
    head = "from shop.cart import total\n\n\n"
    base = {"shop/cart.py": PRICE, "tests/test_cart.py": head + ONE}

    assert kinds_of(base, {"tests/test_cart.py": None, "tests/test_totals.py": head + ONE}) == set()


def test_a_test_that_follows_a_rename_expects_what_it_expected() -> None:
    head = "from shop.cart import {0}\n\n\n"
    base = {"shop/cart.py": PRICE, "tests/test_cart.py": head.format("total") + ONE}
    now = {
        "shop/cart.py": PRICE.replace("total", "total_of"),
        "tests/test_cart.py": head.format("total_of") + ONE.replace("total(", "total_of("),
    }

    assert not kinds_of(base, now) & {"expectation-changed", "assertion-removed", "test-deleted"}


def test_a_test_that_goes_with_its_feature_weighs_less_than_one_that_goes_alone() -> None:
    head = "from shop.cart import tax\n\n\n"
    tax, test = "def tax(n):\n    return n\n", "def test_tax():\n    assert tax(1) == 1\n"
    base = {"shop/cart.py": PRICE + "\n\n" + tax, "tests/test_tax.py": head + test}

    with_it = risk_of(base, {"shop/cart.py": PRICE, "tests/test_tax.py": None}).points
    alone = risk_of(base, {"tests/test_tax.py": None}).points

    weights = [[p.weight for p in points if p.kind.value == "test-deleted"] for points in (with_it, alone)]
    assert weights[0] < weights[1]
    assert "what it uses is gone too: tax" in next(p.reason for p in with_it if p.kind.value == "test-deleted")


MOCKED = """\
from unittest.mock import patch

from shop import cart


def test_total():
    assert cart.total([1], 2) == 2
"""


def test_a_mock_of_what_the_change_alters_and_the_test_was_there_to_test_is_a_point() -> None:
    base = {"shop/cart.py": PRICE, "tests/test_cart.py": MOCKED}
    mocked = MOCKED.replace("    assert", '    with patch("shop.cart.total", return_value=2):\n        assert')
    now = {"shop/cart.py": PRICE.replace("* rate", "* rate + 1"), "tests/test_cart.py": mocked}

    assert "subject-mocked" in kinds_of(base, now)


def test_a_mock_of_something_else_is_none() -> None:
    base = {"shop/cart.py": PRICE, "tests/test_cart.py": MOCKED}
    mocked = MOCKED.replace("    assert", '    with patch("shop.mail.send"):\n        assert')
    now = {"shop/cart.py": PRICE.replace("* rate", "* rate + 1"), "tests/test_cart.py": mocked}

    assert "subject-mocked" not in kinds_of(base, now)


SPEC = """\
import { total } from "./cart";

describe("total", () => {
  it("adds", () => {
    expect(total([1, 2])).toEqual(3);
    expect(total([])).toBe(0);
  });
  it("fails", () => {
    expect(() => total(null)).toThrow("items");
  });
});
"""

SCRIPT_WEAKER = {
    "an expectation that is gone": (SPEC.replace("    expect(total([])).toBe(0);\n", ""), "assertion-removed"),
    "a weaker matcher": (SPEC.replace(".toBe(0)", ".toBeDefined()"), "assertion-weaker"),
    "another expectation": (SPEC.replace("toEqual(3)", "toEqual(4)"), "expectation-changed"),
    "the opposite": (SPEC.replace(".toEqual(3)", ".not.toEqual(3)"), "assertion-weaker"),
    "a skipped test": (SPEC.replace('it("adds"', 'it.skip("adds"'), "test-skipped"),
    "a skipped suite": (SPEC.replace('describe("total"', 'describe.skip("total"'), "test-skipped"),
    "a silenced test": (SPEC.replace('it("adds"', 'xit("adds"'), "test-skipped"),
    "a test that is gone": (
        SPEC[: SPEC.index('  it("fails"')] + "});\n", "test-deleted"),
    "an error that is swallowed": (
        SPEC.replace("    expect(total([])).toBe(0);\n", "    try { expect(total([])).toBe(0); } catch (e) {}\n"),
        "exception-swallowed",
    ),
}  # fmt: skip

SCRIPT_AS_STRONG = {
    "a renamed test": SPEC.replace('it("adds"', 'it("adds all items"'),
    "another formatting": SPEC.replace("expect(total([1, 2])).toEqual(3)", "expect(\n  total([1, 2]),\n).toEqual(3)"),
    "one more expectation": SPEC.replace(".toBe(0);", ".toBe(0);\n    expect(total([9])).toBe(9);"),
    "a stricter matcher": SPEC.replace("toEqual(3)", "toStrictEqual(3)"),
    "a word in a comment": SPEC.replace("    expect(total([]))", "    // it.skip('x')\n    expect(total([]))"),
    "a word in a string": SPEC + 'const s = "it.skip(\'a\', () => expect(1).toBe(1))";\n',
}  # fmt: skip


@pytest.mark.parametrize("name", SCRIPT_WEAKER)
def test_a_script_test_that_says_less_is_a_point(name: str) -> None:
    after, kind = SCRIPT_WEAKER[name]

    assert kind in script(SPEC, after)


@pytest.mark.parametrize("name", SCRIPT_AS_STRONG)
def test_a_script_test_that_says_as_much_or_more_is_none(name: str) -> None:
    assert script(SPEC, SCRIPT_AS_STRONG[name]) == set()


CI = "on: push\njobs:\n  test:\n    steps:\n      - run: pytest -q\n"

LOOSENED = {
    "a failure that does not count": (".github/workflows/ci.yml", CI, CI.replace("-q", "-q || true"), "test-skipped"),
    "a test that is left out": (".github/workflows/ci.yml", CI, CI.replace("-q", "--deselect a"), "test-skipped"),
    "less coverage": (
        "pyproject.toml", "[tool.coverage.report]\nfail_under = 90\n", "[tool.coverage.report]\nfail_under = 70\n",
        "tolerance-widened"),
    "other recorded results": ("__snapshots__/a.snap", "exports[1] = 2;\n", "exports[1] = 3;\n", "expectation-changed"),
}  # fmt: skip
AS_TIGHT = {
    "another command": (".github/workflows/ci.yml", CI, CI.replace("-q", "-x")),
    "a failure that counts again": (".github/workflows/ci.yml", CI.replace("-q", "-q || true"), CI),
    "more coverage": (
        "pyproject.toml", "[tool.coverage.report]\nfail_under = 70\n", "[tool.coverage.report]\nfail_under = 90\n"),
    "more recorded results": ("src/__snapshots__/a.snap", "exports[1] = 2;\n", "exports[1] = 2;\nexports[2] = 2;\n"),
    "the same words in a program": ("app/run.py", "A = 'x'\n", "A = 'pytest || true'\n"),
}  # fmt: skip
WEAK = {"test-skipped", "tolerance-widened", "expectation-changed"}


@pytest.mark.parametrize("name", LOOSENED)
def test_a_gate_that_lets_more_pass_is_a_point(name: str) -> None:
    path, before, after, kind = LOOSENED[name]

    assert kind in kinds_of({path: before}, {path: after})


@pytest.mark.parametrize("name", AS_TIGHT)
def test_a_gate_that_lets_as_little_pass_is_none(name: str) -> None:
    path, before, after = AS_TIGHT[name]

    assert not kinds_of({path: before}, {path: after}) & WEAK


REACHES = (
    "import sys\n\n\ndef test_it():\n"
    "    sys.modules['watchkeeper_witness']._WITNESS.outcomes.clear()\n    assert 1 == 1\n"
)


@pytest.mark.parametrize("base", [{}, {"tests/test_a.py": "def test_it():\n    assert 1 == 1\n"}])
def test_a_change_that_names_what_sees_which_tests_pass_is_a_point(base: dict[str, str]) -> None:
    assert "subject-mocked" in kinds_of(base, {"tests/test_a.py": REACHES})


def test_a_change_beside_such_a_name_or_that_takes_it_out_is_none() -> None:
    before = {"tests/test_a.py": REACHES}

    assert "subject-mocked" not in kinds_of(before, {"tests/test_a.py": REACHES + "\n\nA = 1\n"})
    assert "subject-mocked" not in kinds_of(before, {"tests/test_a.py": "def test_it():\n    assert 1 == 1\n"})


def test_tests_that_cannot_be_read_are_said_to_be_so() -> None:
    risk = risk_of({"tests/test_a.py": ONE}, {"tests/test_a.py": "def test_total(:\n  )))("})

    assert any("tests/test_a.py" in each for each in risk.could_not)


# -- tests that stand as they stood are not read

AROUND = Surroundings({"total": "sum_up"}, frozenset({"rate"}), frozenset({"total"}))
KEPT = """

def test_kept(monkeypatch):
    monkeypatch.setattr(cart, "total", lambda *_: 3)
    assert total([1, 2], 1) == 3
    assert total([], 1) == pytest.approx(0, abs=0.1)


class TestKept:
    @pytest.mark.skipif(True, reason="")
    def test_kept(self):
        assert total([], 1) == 0
"""
PAIRS = {name: (*texts[:2],) for name, texts in (WEAKER | AS_STRONG).items()}


@pytest.mark.parametrize("name", PAIRS)
def test_what_is_found_without_the_unchanged_ones_is_what_is_found_with_them(name: str) -> None:
    before, after = (text + KEPT for text in PAIRS[name])

    spared = find_unchanged(before.encode(), after.encode())

    assert {"test_kept", "TestKept.test_kept"} <= spared
    assert weakened(before, after, spared) == weakened(before, after, frozenset())


def test_a_test_under_another_mark_is_not_unchanged() -> None:
    before = "class TestTotal:\n    def test_total(self):\n        assert total([], 1) == 0\n"

    assert find_unchanged(before.encode(), f"@pytest.mark.skip\n{before}".encode()) == frozenset()
    assert find_unchanged(before.encode(), f"@pytest.mark.slow\n{before}".encode()) == {"TestTotal.test_total"}


def test_a_name_that_stands_there_twice_is_read() -> None:
    assert find_unchanged((ONE + SECOND).encode(), (ONE + SECOND).encode()) == {"test_total", "test_more"}
    assert find_unchanged((ONE + SECOND).encode(), (ONE + SECOND + SECOND).encode()) == {"test_total"}


def weakened(before: str, after: str, without: frozenset[str]) -> object:
    path = "tests/test_cart.py"
    sides = [read_python_tests(path, text.encode(), without) for text in (before, after)]
    return find_weakened([TestVersions(path, path, *sides)], AROUND)
