"""Tests that cannot fail, and code that no test knows."""

from __future__ import annotations

import pytest

from scout_rules import lines, say

HERE, THERE = "tests/test_a.py", "src/a.test.ts"
FREE = "assertion-free-test"


@pytest.mark.parametrize(
    "body", ["total([1])", "result = total([1])", "pass", "for x in y:\n        total(x)", "print(total([1]))"]
)
def test_a_test_that_looks_at_nothing_is_found_at_its_name(body: str) -> None:
    found = say(FREE, {HERE: f"import a\n\ndef test_total():\n    {body}\n"})

    assert [(raw.line, raw.symbol, raw.quote) for raw in found] == [(3, "test_total", "def test_total():")]


@pytest.mark.parametrize(
    "text",
    [
        "def test_total():\n    assert total([1]) == 1\n",
        "def test_total():\n    with pytest.raises(ValueError):\n        total(['a'])\n",
        "def test_total():\n    mock.assert_called_once()\n",
        "def test_total():\n    check_total(1)\n",
        "def look(x):\n    assert x\n\ndef test_total():\n    look(total([1]))\n",
        "def look(x):\n    look_more(x)\n\ndef look_more(x):\n    assert x\n\ndef test_total():\n    look(1)\n",
        "class TestA:\n    def test_total(self):\n        self.helper(total([1]))\n",
        "from .looks import total_of\n\ndef test_total():\n    total_of([1])\n",
        "from tests.looks import total_of\n\ndef test_total():\n    total_of([1])\n",
        "def test_total(scene):\n    scene.wait_for_total(1)\n",
        "def test_total_does_not_raise():\n    total([1])\n",
        'def test_total():\n    """It should not raise."""\n    total([1])\n',
        "def test_total():\n    total([1])  # it used to hang\n",
        "@pytest.mark.skip(reason='x')\ndef test_total():\n    total([1])\n",
        "def test_total(benchmark):\n    benchmark(total)\n",
        "class Helper:\n    def test_connection(self):\n        total([1])\n",
        "def outer():\n    def test_total():\n        total([1])\n    return test_total\n",
    ],
)
def test_a_test_that_may_fail_or_says_that_running_is_the_point_is_let_be(text: str) -> None:
    assert lines(FREE, text, HERE) == []


def test_a_forgotten_answer_is_surer_than_a_bare_call() -> None:
    bare, forgotten = (say(FREE, {HERE: f"def test_a():\n    {body}\n"})[0] for body in ("f()", "x = f()"))
    assert forgotten.confidence > bare.confidence


@pytest.mark.parametrize("test", ["(f() == 1, 'one')", "'one'", "x is x"])
def test_an_assertion_that_always_holds_is_found(test: str) -> None:
    assert lines("always-true-assertion", f"def test_a():\n    assert {test}\n", HERE) == [2]


@pytest.mark.parametrize("test", ["f() == (1, 'one')", "()", "x == x", "x is y", "True", "f(), 'one'"])
def test_an_assertion_that_can_fail_or_says_enough_is_let_be(test: str) -> None:
    assert lines("always-true-assertion", f"def test_a():\n    assert {test}\n", HERE) == []


def test_a_skipped_test_without_a_word_is_found_and_one_with_a_reason_is_not() -> None:
    text = (
        "import pytest\n\n@pytest.mark.skip\ndef test_a():\n    assert f()\n\n"
        "@pytest.mark.skip(reason='no printer')\ndef test_b():\n    assert f()\n\n"
        "# the printer is broken\n@pytest.mark.skip\ndef test_c():\n    assert f()\n"
    )
    assert lines("skipped-test", text, HERE) == [4]


SCRIPTS_BAD = [
    (FREE, "it('adds', () => {\n  add(1, 2);\n});\n", 1),
    (FREE, "describe('a', () => {\n  test('adds', async () => {\n    await add(1);\n  });\n});\n", 2),
    ("always-true-assertion", "it('adds', () => {\n  expect(true).toBe(true);\n});\n", 2),
    ("focused-test", "it.only('adds', () => {\n  expect(add(1)).toBe(1);\n});\n", 1),
    ("focused-test", "describe.only('a', () => {});\n", 1),
    ("skipped-test", "it.skip('adds', () => {\n  expect(add(1)).toBe(1);\n});\n", 1),
    ("skipped-test", "xit('adds', () => {\n  expect(add(1)).toBe(1);\n});\n", 1),
    ("unawaited-assertion", "it('fails', async () => {\n  expect(load()).rejects.toThrow();\n});\n", 2),
    ("unawaited-assertion", "it('gives', async () => {\n  expect(load()).resolves.not.toBe(1);\n});\n", 2),
]
SCRIPTS_GOOD = [
    (FREE, "it('adds', () => {\n  expect(add(1)).toBe(1);\n});\n"),
    (FREE, "it('adds', () => {\n  assert.equal(add(1), 1);\n});\n"),
    (FREE, "function look(x) { return x; }\nit('adds', () => {\n  look(add(1));\n});\n"),
    (FREE, "it('renders without crashing', () => {\n  render(<A />);\n});\n"),
    (FREE, "it.todo('adds');\n"),
    ("always-true-assertion", "it('adds', () => {\n  expect(add(1)).toBe(true);\n});\n"),
    ("always-true-assertion", "it('a', () => {\n  try { f(); } catch (e) { expect(true).toBe(true); }\n});\n"),
    ("focused-test", "it('adds', () => {\n  expect(list.only('a', 'b')).toBe(1);\n});\n"),
    ("skipped-test", "// no printer here\nit.skip('adds', () => {\n  expect(add(1)).toBe(1);\n});\n"),
    ("skipped-test", "test.skip(isWindows, 'no printer');\n"),
    ("unawaited-assertion", "it('fails', async () => {\n  await expect(load()).rejects.toThrow();\n});\n"),
    ("unawaited-assertion", "it('fails', () => {\n  return expect(load()).rejects.toThrow();\n});\n"),
    ("unawaited-assertion", "it('fails', () => {\n  expect(load()).toBe(1);\n});\n"),
]


@pytest.mark.parametrize(("rule", "text", "line"), SCRIPTS_BAD)
def test_a_test_of_a_script_that_cannot_fail_or_does_not_run_is_found(rule: str, text: str, line: int) -> None:
    assert lines(rule, text, THERE) == [line]


@pytest.mark.parametrize(("rule", "text"), SCRIPTS_GOOD)
def test_a_test_of_a_script_that_can_fail_is_let_be(rule: str, text: str) -> None:
    assert lines(rule, text, THERE) == []


def test_steps_on_a_page_look_at_what_they_name() -> None:
    text = "test('a user signs in', async () => {\n  await login.signIn('a');\n});\n"
    assert lines(FREE, text, "e2e/login.spec.ts") == []
    assert lines(FREE, text, "src/login.spec.ts") == [1]


def test_rules_for_tests_say_nothing_of_code() -> None:
    assert say(FREE, {"app/a.py": "def test_connection():\n    connect()\n"}) == []


BILLING = "def charge(a):\n    return a\n\n\ndef refund(a):\n    return a\n" + "\n" * 40


def known_by(test: str, more: dict[str, str] | None = None) -> list[str]:
    """What is untested where three test files say this."""
    tests = dict.fromkeys((f"tests/test_{name}.py" for name in "xyz"), test)
    return [raw.path for raw in say("untested-module", {**tests, "app/billing.py": BILLING, **(more or {})})]


def test_a_module_that_no_test_knows_is_found() -> None:
    assert known_by("from app.users import join\n") == ["app/billing.py"]


@pytest.mark.parametrize(
    "test", ["from app.billing import charge\n", "from app import billing\n", "patch('app.billing')\n", "x.refund(1)\n"]
)
def test_a_module_that_a_test_imports_or_names_is_let_be(test: str) -> None:
    assert known_by(test) == []


def test_a_module_that_is_reached_through_another_is_let_be() -> None:
    assert known_by("from app.shop import sell\n", {"app/shop.py": "from .billing import charge as c\n"}) == []
    assert known_by("load('app.billing:Charges')\n") == []
    assert known_by("from app.shop import sell\n", {"app/shop.py": "JOBS = ('app.billing.run',)\n"}) == []
    assert known_by("", {"app/__init__.py": "for n in names:\n    import_module(f'{__name__}.{n}')\n"}) == []
    assert known_by("", {"app/urls.py": "from app import shop\n", "app/shop.py": "import app.billing\n"}) == []


def test_small_modules_settings_and_projects_with_hardly_a_test_are_let_be() -> None:
    small = "def charge(a):\n    return a\n"
    assert known_by("", {"app/billing.py": small, "app/settings.py": BILLING, "app/migrations/a.py": BILLING}) == []
    assert say("untested-module", {"tests/test_x.py": "", "app/billing.py": BILLING}) == []
