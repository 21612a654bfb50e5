"""The check `tree`: it proves that it can find before it is believed, and passes no file over in silence."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from scout_rules import lines, say
from watchkeeper.model.ids import Sha
from watchkeeper.scouts.checks.port import Check, Ground, Looked
from watchkeeper.scouts.config import ScoutConfig
from watchkeeper.scouts.rules.reading import missed, read_tree
from watchkeeper.scouts.rules.registry import RULES, rules_of
from watchkeeper.scouts.rules.rule import Rule
from watchkeeper.scouts.rules.trees import TreeCheck

DIMENSIONS = ("database", "dead", "dependencies", "errors", "performance", "security", "tests", "ux")
KINDS = (
    "missing-ownership-check missing-row-security silent-error n-plus-one missing-tests missing-timeout injection "
    "unescaped-html missing-validation missing-error-boundary dead-code missing-rate-limit duplicate-code "
    "accessibility hardcoded-secret weak-cryptography blocking-call vulnerable-dependency undeclared-dependency "
    "unsafe-migration missing-index resource-leak race-condition flaky-test weak-test complexity documentation-drift "
    "configuration-drift unbounded-growth missing-logging"
).split()
WAITS = "import requests\n\nrequests.get('https://a.example')\n"


class NoRuns:
    """Whoever starts a program here is wrong."""

    def run(self, *_: object, **__: object) -> object:
        raise AssertionError("the rules over syntax trees start no program")


def look(folder: Path, dimension: str, files: Mapping[str, str | bytes], stopped: bool = False) -> Looked:
    for path, text in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text.encode() if isinstance(text, str) else text)
    ground = Ground(folder, folder, Sha("0" * 40), tuple(sorted(files)), ScoutConfig(), "")
    cancel = threading.Event()
    if stopped:
        cancel.set()
    check: Check = TreeCheck(dimension)
    return check.look(ground, NoRuns(), cancel)  # type: ignore[arg-type]  # it runs nothing


def test_every_rule_finds_its_planted_fault_and_passes_its_twin() -> None:
    assert missed(RULES) == ()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.id}-{next(iter(rule.bad))}")
def test_a_rule_that_is_blind_or_cries_wolf_is_not_believed(rule: Rule) -> None:
    assert missed((rule._replace(bad=rule.good),)) == (rule.id,)
    assert missed((rule._replace(good=rule.bad),)) == (rule.id,)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.id}-{next(iter(rule.bad))}")
def test_a_rule_says_what_the_catalogue_and_its_readers_know(rule: Rule) -> None:
    assert rule.dimension in DIMENSIONS
    assert rule.kind in ("", *KINDS)
    assert (1 <= rule.severity <= 4, 0 < rule.confidence <= 1, rule.disprove.endswith(".")) == (True, True, True)


def test_rules_of_one_id_are_of_one_dimension_and_kind() -> None:
    assert len({(rule.id, rule.dimension, rule.kind) for rule in RULES}) == len({rule.id for rule in RULES})


def test_each_dimension_looks_with_its_own_rules_alone(tmp_path: Path) -> None:
    text = f"{WAITS}\n\ndef f():\n    return 1\n    print(2)\n"
    found = {name: {raw.rule for raw in look(tmp_path, name, {"a.py": text}).found} for name in DIMENSIONS}

    assert (found["performance"], found["dead"], found["security"]) == (
        {"missing-timeout"},
        {"unreachable-code"},
        set(),
    )


def test_a_look_says_what_it_looked_at_and_how_that_is_known(tmp_path: Path) -> None:
    answer = look(tmp_path, "performance", {"a.py": WAITS, "b.ts": "export const a = 1;\n", "c.txt": "x"})

    count = len(rules_of("performance"))
    assert (answer.checked.check, answer.checked.what, answer.is_whole) == ("tree", f"2 files, {count} rules", True)
    assert answer.checked.proof.startswith(f"{count} planted faults found")
    assert [(raw.rule, raw.path, raw.line) for raw in answer.found] == [("missing-timeout", "a.py", 3)]


def test_a_clean_tree_is_said_to_be_clean_and_an_empty_one_is_not(tmp_path: Path) -> None:
    clean = look(tmp_path, "performance", {"a.py": "x = 1\n"})
    empty = look(tmp_path, "performance", {"README.md": "# a\n"})

    assert (clean.found, clean.is_whole) == ((), True)
    assert (empty.absent != "", empty.checked.proof) == (True, "")


def test_files_of_another_dimension_make_nothing_applicable(tmp_path: Path) -> None:
    assert look(tmp_path, "database", {"a.py": "x = 1\n"}).absent != ""
    assert look(tmp_path, "database", {"migrations/1.sql": "select 1;\n"}).is_whole
    assert look(tmp_path, "gaps", {"a.py": "x = 1\n"}).absent != ""


def test_a_file_that_cannot_be_read_is_named_and_the_rest_is_kept(tmp_path: Path) -> None:
    answer = look(tmp_path, "performance", {"a.py": WAITS, "b.py": "def (:\n", "c.py": "def f(:\n    pass\n\nx = 1\n"})

    assert [raw.path for raw in answer.found] == ["a.py"]
    assert not answer.is_whole
    assert ("b.py" in answer.checked.reason, "c.py" in answer.checked.reason) == (True, True)


@pytest.mark.parametrize(
    ("path", "text", "why"),
    [
        ("a.py", b"x = 1\n" + b"# more\n" * 160_000, "larger than 1 MB"),
        ("a.js", b"x();" * 50_000, "minified"),
        ("dist/a.js", b"x();\n", "generated"),
        ("a.py", b"# @generated by a program\nx = 1\n", "generated"),
        ("templates/{{a}}.py", b"def {{a}}(:\n", "line 1"),
    ],
)
def test_what_is_left_out_is_named_with_the_reason(tmp_path: Path, path: str, text: bytes, why: str) -> None:
    answer = look(tmp_path, "performance", {path: text, "b.py": "x = 1\n"})

    assert answer.is_whole
    assert f"left out: {path} (" in answer.checked.what
    assert why in answer.checked.what


def test_a_look_that_is_stopped_is_not_whole_and_says_nothing_of_what_it_did_not_see(tmp_path: Path) -> None:
    answer = look(
        tmp_path, "dead", {"a.py": "def _old():\n    return 1\n", "b.py": "from a import _old\n"}, stopped=True
    )

    assert (answer.found, answer.is_whole, "stopped" in answer.checked.reason) == ((), False, True)


def test_equal_trees_give_equal_findings_in_the_order_of_the_tree(tmp_path: Path) -> None:
    files = {f"{name}.py": WAITS for name in "cab"}
    one, other = look(tmp_path, "performance", files), look(tmp_path, "performance", files)

    assert one == other
    assert [raw.path for raw in one.found] == ["a.py", "b.py", "c.py"]


ODD = {
    "empty": b"",
    "only white": b"\n\n  \n",
    "broken": b"def f(:\n  <div\n",
    "NUL": b"x = 1\0\n",
    "not UTF-8": b"x = '\xff\xfe\xe4'\n",
    "UTF-16": "x = 1\n".encode("utf-16"),
    "with a mark": b"\xef\xbb\xbfx = 1\n",
    "a long line": b"x = '" + b"a" * 200_000 + b"'\n",
    "deep": b"x = " + b"(" * 3_000 + b"1" + b")" * 3_000 + b"\n",
    "deep lists": b"x = " + b"[" * 500 + b"]" * 500 + b"\n",
    "Windows": b"x = 1\r\ny = 2\r\n",
    "half a string": b"x = 'abc\n",
}


@pytest.mark.parametrize("name", ["a.py", "a.ts", "a.tsx", "a.js", "a.html", "tests/test_a.py", "a.test.ts"])
@pytest.mark.parametrize("case", ODD)
def test_odd_files_raise_nothing_and_say_nothing(name: str, case: str) -> None:
    reading = read_tree((name,), lambda _: ODD[case], RULES, lambda: False)
    assert reading.found == ()


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.py", "def f(c, a):\n    c.execute('select b from t where a = '" + " + a" * 900 + ")\n"),
        ("a.ts", "export const f = (a: A) => db.query('select b from t where a = '" + " + a.b" * 3_000 + ");\n"),
    ],
)
def test_what_is_nested_too_deeply_to_be_looked_at_is_said(path: str, text: str) -> None:
    reading = read_tree((path,), lambda _: text.encode(), RULES, lambda: False)
    assert reading.broken == (f"{path} (an expression that is nested too deeply)",)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("app/actions.ts", "// a /* b */ c\n/* d */ /* e */\n" * 2_000 + "export const f = 1;\n"),
        ("a.ts", "x" + "\n  .then((a) => { b(a); })" * 1_500 + ";\n"),
        ("a.py", "c.execute('" + "select " * 20_000 + "')\n"),
        ("a.html", "<a <a <a <img " * 2_000),
        ("supabase/migrations/1.sql", "create table a (b int) -- c\n" * 3_000),
    ],
)
def test_what_makes_careless_patterns_stand_still_is_read_to_its_end(path: str, text: str) -> None:
    reading = read_tree((path,), lambda _: text.encode(), RULES, lambda: False)
    assert (reading.files, reading.broken) == (1, ())


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_are_counted_as_people_count_them(end: str) -> None:
    text = "# é\n\nimport requests\nrequests.get(u)\n".replace("\n", end)
    assert lines("missing-timeout", text) == [4]


def test_a_file_in_another_encoding_is_read_all_the_same() -> None:
    source = "# größer\nimport requests\nrequests.get(u)\n".encode("latin-1")
    assert [raw.line for raw in say("missing-timeout", {"app/a.py": source})] == [3]


def test_a_definition_that_does_not_parse_hides_only_itself() -> None:
    text = "import requests\n\ndef broken(:\n    requests.get(u)\n\n\ndef sound():\n    requests.get(u)\n"
    assert lines("missing-timeout", text) == [8]


def test_a_long_quote_is_cut(tmp_path: Path) -> None:
    text = (
        "import requests\nrequests.get(\n"
        + "".join(f"    argument_number_{n}=value_number_{n},\n" for n in range(40))
        + ")\n"
    )
    assert [len(raw.quote) <= 400 for raw in say("missing-timeout", {"app/a.py": text})] == [True]
