"""A standard's check over files: what it finds, what it could not look at, and what it refuses to run."""

from __future__ import annotations

import sys
from collections.abc import Iterable

import pytest

from scout_values import COMMIT, NO_EVAL, FileRules, standing
from watchkeeper.model.errors import UsageError, WatchkeeperError
from watchkeeper.model.ids import ProjectId
from watchkeeper.model.scouting import StandardCheck, StandardId
from watchkeeper.scouts.checks.port import Raw
from watchkeeper.scouts.rules.single import SingleRules
from watchkeeper.scouts.standards.census import take_census
from watchkeeper.scouts.standards.checking import Said, key_violations, reader_of, run_check
from watchkeeper.scouts.standards.pattern import parse_pattern

P = ProjectId("p")


def fail(rule: str, path: str, text: str) -> Iterable[Said]:
    raise UsageError(f"no rule {rule}", slug="usage", hint="")


no_rules = FileRules(fail)


def clock() -> float:
    return 0.0


def places(check: StandardCheck, files: dict[str, str]) -> list[tuple[str, int, str]]:
    return [(each.path, each.line, each.quote) for each in run_check(check, files, no_rules, clock).spots]


def test_a_pattern_finds_its_places_from_the_top_and_leaves_others() -> None:
    files = {"b.py": "x = 1\neval(x)\neval(y)\n", "a.py": "evaluate(x)\n", "c.ts": "eval(x)\n"}

    assert places(NO_EVAL, files) == [("b.py", 2, "eval(x)"), ("b.py", 3, "eval(y)")]


TIMEOUT = """
id: no-timeout
language: Python
rule:
  pattern: requests.get($$$ARGS)
  not: {has: {kind: keyword_argument, regex: ^timeout, stopBy: end}}
"""


def test_an_argument_on_a_later_line_is_seen() -> None:
    files = {"a.py": "requests.get(\n    url,\n    timeout=3,\n)\n", "b.py": "requests.get(\n    url,\n)\n"}

    assert [each[0] for each in places(StandardCheck("pattern", TIMEOUT), files)] == ["b.py"]


@pytest.mark.parametrize("language", ["javascript", "typescript", "tsx"])
def test_each_language_is_read_by_its_own_files(language: str) -> None:
    check = StandardCheck("pattern", "rule: {pattern: eval($X)}", (language,))
    files = {"a.js": "eval(x)", "a.ts": "eval(x as any)", "a.tsx": "<b>{eval(x)}</b>", "a.py": "eval(x)"}

    assert [each[0] for each in places(check, files)] == [
        f"a.{ {'javascript': 'js', 'typescript': 'ts'}.get(language, language) }"
    ]


def test_globs_say_which_files_are_meant() -> None:
    check = StandardCheck("pattern", "rule: {pattern: eval($X)}", ("python",), ("src/",))

    assert [each[0] for each in places(check, {"src/a.py": "eval(x)", "tests/a.py": "eval(x)"})] == ["src/a.py"]


@pytest.mark.parametrize(
    ("body", "languages", "said"),
    [
        ("rule: {pattern: eval($X)}", ("klingon",), "none of the languages"),
        ("language: Klingon\nrule: {pattern: eval($X)}", (), "none of the languages"),
        ("rule: {pattern: eval($X)}", (), "for which languages"),
        ("rule: [", ("python",), "no YAML"),
        ("- rule", ("python",), "needs a key rule"),
        ("rule: {pattern: eval($X)}\nfix: exit()", ("python",), "'fix' is none of"),
        ("rule: {patern: eval($X)}", ("python",), "unknown field"),
        ("rule: {kind: no_such_kind}", ("python",), "no_such_kind"),
        ("rule: {regex: (}", ("python",), "regex"),
        ("rule: !!python/object/apply:os.system [id]", ("python",), "no YAML"),
        ("a: &a [1]\nrule: {all: [*a, *a]}", ("python",), "anchors"),
        (f"rule: {{all: [{', '.join(['{regex: x}'] * 600)}]}}", ("python",), "too large"),
        (f"rule: {'{not: ' * 25}{{regex: x}}{'}' * 25}", ("python",), "too large"),
        (f"rule: {{regex: '{'x' * 20_000}'}}", ("python",), "at most 20,000"),
    ],
)
def test_a_pattern_that_cannot_be_run_is_refused_before_any_file(
    body: str, languages: tuple[str, ...], said: str
) -> None:
    with pytest.raises(UsageError) as raised:
        parse_pattern(StandardCheck("pattern", body, languages))

    assert raised.value.slug == "standard-pattern"
    assert said in raised.value.message
    assert "backtrace" not in raised.value.message


def test_a_file_that_is_too_large_is_not_taken_for_clean() -> None:
    run = run_check(NO_EVAL, {"a.py": "eval(x)\n", "b.py": "#" * 1_000_001}, no_rules, clock)

    assert (len(run.spots), run.files, list(run.unlooked)) == (1, 1, ["b.py"])


def test_files_for_which_no_time_is_left_are_said() -> None:
    moments = iter([0.0, 0.0, 61.0, 61.0])

    run = run_check(NO_EVAL, {"a.py": "eval(x)", "b.py": "eval(x)"}, no_rules, lambda: next(moments))

    assert (run.files, list(run.unlooked)) == (1, ["b.py"])


def test_a_rule_of_a_check_is_asked_file_by_file() -> None:
    def said(rule: str, path: str, text: str) -> Iterable[Said]:
        assert rule == "tree:no-eval"
        return [Raw("no-eval", path, "eval", 2, "eval( x )")] if "eval" in text else []

    files = {"a.py": "\neval( x )", "b.py": "fine"}
    run = run_check(StandardCheck("rule", " tree:no-eval "), files, FileRules(said), clock)

    assert [(each.path, each.line, each.code) for each in run.spots] == [("a.py", 2, "eval(x)")]
    assert run.files == 2


def test_what_a_rule_does_not_read_is_not_unlooked_however_large_it_is() -> None:
    check = StandardCheck("rule", "tree:no-eval")
    moments = iter([0.0, 1.0, *[61.0] * 9])
    files = {"a.py": "fine", "package-lock.json": "{" * 1_000_001, "z.png": "\0"}

    run = run_check(check, files, FileRules(lambda *_: (), (".py",)), lambda: next(moments))

    assert (run.files, run.unlooked) == (1, {})


def test_only_what_a_check_reads_has_to_be_read_for_it() -> None:
    rules = FileRules(fail, (".py", ".ts"))
    reads = reader_of(StandardCheck("rule", "tree:no-eval", paths=("src/**",)), rules)
    assert [path for path in ("src/a.py", "src/a.ts", "a.py", "src/a.md") if reads(path)] == ["src/a.py", "src/a.ts"]
    assert [path for path in ("a.py", "a.ts", "a.pyi") if reader_of(NO_EVAL, rules)(path)] == ["a.py", "a.pyi"]


def test_a_rule_that_there_is_not_is_nobodys_fault() -> None:
    with pytest.raises(UsageError, match="no rule that can look at one file"):
        run_check(StandardCheck("rule", "tree:gone"), {"a.py": "x"}, SingleRules(), clock)


CALL = "import requests\n\n\ndef load(url):\n    return requests.get(url)\n"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("api_pb2.py", "# Generated by the protocol buffer compiler.  DO NOT EDIT!\n" + CALL),
        ("a.py", f"# {'wide ' * 400}\n" + CALL),
    ],
)
def test_nobody_leaves_himself_out_by_what_he_says_of_himself(path: str, text: str) -> None:
    run = run_check(StandardCheck("rule", "tree:missing-timeout"), {path: text}, SingleRules(), clock)

    assert [(each.path, each.quote) for each in run.spots] == [(path, "return requests.get(url)")]
    assert run.unlooked == {}


def test_what_a_rule_leaves_out_for_its_size_is_unlooked() -> None:
    text = CALL + "# " + "\N{EURO SIGN}" * 400_000  # 400,000 characters of three bytes

    run = run_check(StandardCheck("rule", "tree:missing-timeout"), {"a.py": text}, SingleRules(), clock)

    assert (run.spots, run.unlooked) == ((), {"a.py": "a.py cannot be read: larger than 1 MB"})


def test_a_form_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="rule or pattern"):
        run_check(StandardCheck("shell", "rm"), {}, no_rules, clock)


def test_keys_tell_equal_places_and_standards_apart() -> None:
    spots = run_check(NO_EVAL, {"a.py": "eval(x)\neval( x )\n", "b.py": "eval(x)\n"}, no_rules, clock).spots

    keys = [each.key for name in ("std-a", "std-b") for each in key_violations(StandardId(name), P, spots)]

    assert len(set(keys)) == 6


def test_a_census_counts_and_says_where_it_could_not_look() -> None:
    standard = standing().standard

    whole = take_census(standard, P, COMMIT, {"a.py": "eval(x)"}, rules=no_rules, clock=clock)
    blind = take_census(standard, P, COMMIT, {"a.py": "eval(x)", "b.py": "#" * 1_000_001}, rules=no_rules, clock=clock)

    assert (len(whole.violations), whole.files, whole.reason) == (1, 1, "")
    assert blind.violations == ()
    assert blind.reason.startswith("b.py: it has 1,000,001")

    files = {"a.py": "eval(x)", "b.py": "#" * 1_000_001}
    let = take_census(standard, P, COMMIT, files, rules=no_rules, clock=clock, is_exempt={"b.py"}.__contains__)
    assert (len(let.violations), let.reason) == (1, "")


def test_a_census_of_a_check_that_fails_says_so() -> None:
    standard = standing(check=StandardCheck("rule", "tree:gone")).standard

    assert (
        take_census(standard, P, COMMIT, {"a.py": ""}, rules=no_rules, clock=clock).reason == "a.py: no rule tree:gone"
    )
    assert take_census(standing(check=None).standard, P, COMMIT, {}, rules=no_rules, clock=clock).reason


def test_a_file_with_more_places_than_are_counted_is_said() -> None:
    run = run_check(NO_EVAL, {"a.py": "eval(x)\n" * 1_001, "b.py": "eval(x)\n" * 999}, no_rules, clock)

    assert len(run.spots) == 1_999
    assert list(run.unlooked) == ["a.py"]


def test_a_file_that_is_nested_too_deeply_is_said_and_not_run() -> None:
    deep, inside = "f(" * 201 + ")" * 201, "f(" * 199 + "eval(x" + ")" * 200

    run = run_check(NO_EVAL, {"a.py": deep, "b.py": "f(x)\n" * 1_000 + "eval(x)\n", "c.py": inside}, no_rules, clock)

    assert list(run.unlooked) == ["a.py"]
    assert [each.path for each in run.spots] == ["b.py", "c.py"]


def test_a_pattern_without_what_runs_it_says_what_is_to_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ast_grep_py", None)
    with pytest.raises(WatchkeeperError) as caught:
        parse_pattern(StandardCheck("pattern", "rule: {pattern: print($A)}", ("python",)))
    assert caught.value.slug == "scouts-not-installed"
