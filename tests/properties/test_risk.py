"""The score of a risk, and its readers, on anything."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from risking import expose_texts, risk_of
from watchkeeper.model.exposure import Measured, lines_of, spans_of
from watchkeeper.risk.assess import score_of
from watchkeeper.risk.exposure import complete
from watchkeeper.risk.points import PointKind, RiskPoint
from watchkeeper.risk.python_tests import read_python_tests
from watchkeeper.risk.script_tests import read_script_tests

points = st.builds(RiskPoint, st.sampled_from(PointKind), st.integers(0, 60), st.just("because"))
WORDS = [
    "def test_a():", "    assert", "    a == 1", "(", ")", "[", '"""', "'", "class T:", "\n", "    ", "with raises(E):",
    "import os", "@skip", "{", "}", "x.y", "=>", "it('a', () => ", "expect(a).toBe(1)", "catch (e) {}", "é", "\x00",
    "DROP TABLE x", "rm -rf /", "password", "os.environ['A']", "@app.get('/a')", "add_argument('--x')", "\r\n", "`${",
    "not ", ";", "\t",
]  # fmt: skip
texts = st.lists(st.sampled_from(WORDS), max_size=40).map("".join)
PATHS = [
    "a.py",
    "tests/test_a.py",
    "a.test.ts",
    "m.ts",
    "x/migrations/0001_a.py",
    "pyproject.toml",
    "a.json",
    "b.sql",
    "c",
]


@given(st.lists(points, max_size=12), points)
def test_a_further_point_never_lowers_the_score(some: list[RiskPoint], more: RiskPoint) -> None:
    assert 0 <= score_of(some) <= score_of([*some, more]) <= 100


@given(st.lists(points, max_size=12).flatmap(lambda some: st.tuples(st.just(some), st.permutations(some))))
def test_the_order_of_points_does_not_matter(both: tuple[list[RiskPoint], list[RiskPoint]]) -> None:
    assert score_of(both[0]) == score_of(both[1])


@given(st.dictionaries(st.sampled_from(PATHS), texts), st.dictionaries(st.sampled_from(PATHS), st.none() | texts))
@settings(max_examples=150, deadline=None)
def test_whatever_the_texts_say_the_risk_is_a_value(base: dict[str, str], now: dict[str, str | None]) -> None:
    now = {path: text for path, text in now.items() if text is not None or path in base}

    risk = risk_of(base, now)

    assert 0 <= risk.score <= 100
    assert all(point.reason and "\n" not in point.reason for point in risk.points)
    assert risk == risk_of(base, now)


BASE = {
    "app/a.py": "def f(x):\n    return x\n",
    "app/b.py": "from app.a import f\n\nONE = f(1)\n",
    "web/c.ts": "let a = 1\n",
}
NOW = {
    "app/a.py": "def f(x, password):\n    if password:\n        return check(x)\n    return x\n",
    "app/b.py": "from app.a import f\n\nONE = f(1)\nTWO = f(2)\n",
    "app/new.py": "import os\n\nHOME = os.environ['HOME']\n\n\ndef go():\n    return HOME\n",
    "web/c.ts": "let a = 2\n",
}


@given(st.dictionaries(st.sampled_from(sorted(NOW)), st.frozensets(st.integers(1, 8))))
@settings(deadline=None)
def test_a_risk_that_a_run_completes_is_the_one_of_who_knew_it_from_the_beginning(
    executed: dict[str, frozenset[int]],
) -> None:
    exposure = expose_texts(BASE, NOW)
    wanted = {path: set(lines_of(spans)) for path, spans in exposure.lines.items()}
    left = {path: lines - executed.get(path, frozenset()) for path, lines in wanted.items()}
    missed = {path: spans_of(lines) for path, lines in left.items() if lines}

    completed = complete(exposure, Measured(missed, {path: len(lines) for path, lines in wanted.items()}))

    whole = risk_of(BASE, NOW, executed=executed)
    assert completed.score == whole.score
    assert list(completed.points) == [each for each in whole.points if each.kind is PointKind.UNCOVERED]
    assert completed.score >= risk_of(BASE, NOW).score
    assert any("web/c.ts" in each for each in exposure.unseen)


@given(st.dictionaries(st.sampled_from(PATHS), texts))
@settings(max_examples=40, deadline=None)
def test_no_change_is_no_risk(base: dict[str, str]) -> None:
    assert risk_of(base, dict(base)).score == 0


@given(st.binary(max_size=300))
@settings(deadline=None)
def test_any_bytes_can_be_asked_for_their_tests(source: bytes) -> None:
    read_python_tests("tests/test_a.py", source)
    read_script_tests("a.test.tsx", source)
