"""What analysers really print and write, read as findings; the samples are theirs, with other folders."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from watchkeeper.model.findings import Finding
from watchkeeper.probes import reports
from watchkeeper.probes.reports import (
    ReportUnreadableError,
    parse_eslint,
    parse_jest,
    parse_lines,
    parse_sarif,
    parse_squawk,
    relative_path,
)

ROOT = "/state/scratch/0/tree"

MYPY = """\
titles.py:1: error: Module "texts" has no attribute "abridge"  [attr-defined]
titles.py:2: note: See https://mypy.readthedocs.io/en/stable/running_mypy.html#missing-imports
titles.py:5: error: Name "shout" is not defined  [name-defined]
"""
TY = """\
titles.py:1:19: error[missing-module-member] Module `texts` has no member `abridge`
titles.py:5:12: error[unresolved-reference] Name `shout` used when not defined
Found 2 diagnostics
"""
PYREFLY = """\
ERROR titles.py:2:8-15: Cannot find module `nowhere` [missing-import]
ERROR titles.py:5:12-17: Could not find name `shout` [unknown-name]
 INFO 2 errors
Docs: https://pyrefly.org/en/docs/installation/
"""
PYRIGHT = f"""\
{ROOT}/titles.py
  {ROOT}/titles.py:1:19 - error: "abridge" is unknown import symbol (reportAttributeAccessIssue)
1 error, 0 warnings, 0 informations
"""
TSC = """\
src/a.ts(1,10): error TS2305: Module '"./b"' has no exported member 'abridge'.
src/a.ts(2,14): error TS2322: Type 'string' is not assignable to type 'number'.
"""
FLAKE8 = "./titles.py:5:12: F821 undefined name 'shout'\n"
GCC = "src/a.c:3:5: fatal error: nowhere.h: No such file or directory\n"
PLAIN = "deploy/site.conf:12: listen is there twice\n"

TALK = """\
all is well
10:30: starting
10:30:01 INFO up
[2026-01-01T10:30:00] up
2026-01-01 10:30:00 up
http://localhost:80 is up
"""


def told(findings: tuple[Finding, ...]) -> list[tuple[str, str, int, str]]:
    return [(each.rule, each.path, each.line, each.message) for each in findings]


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (
            MYPY,
            [
                ("attr-defined", "titles.py", 1, 'Module "texts" has no attribute "abridge"'),
                ("name-defined", "titles.py", 5, 'Name "shout" is not defined'),
            ],
        ),
        (
            TY,
            [
                ("missing-module-member", "titles.py", 1, "Module `texts` has no member `abridge`"),
                ("unresolved-reference", "titles.py", 5, "Name `shout` used when not defined"),
            ],
        ),
        (
            PYREFLY,
            [
                ("missing-import", "titles.py", 2, "Cannot find module `nowhere`"),
                ("unknown-name", "titles.py", 5, "Could not find name `shout`"),
            ],
        ),
        (PYRIGHT, [("reportAttributeAccessIssue", "titles.py", 1, '"abridge" is unknown import symbol')]),
        (
            TSC,
            [
                ("TS2305", "src/a.ts", 1, "Module '\"./b\"' has no exported member 'abridge'."),
                ("TS2322", "src/a.ts", 2, "Type 'string' is not assignable to type 'number'."),
            ],
        ),
        (FLAKE8, [("F821", "titles.py", 5, "undefined name 'shout'")]),
        (GCC, [("error", "src/a.c", 3, "nowhere.h: No such file or directory")]),
        (PLAIN, [("error", "deploy/site.conf", 12, "listen is there twice")]),
        (TALK, []),
    ],
)
def test_each_tool_s_lines_are_read(output: str, expected: list[tuple[str, str, int, str]]) -> None:
    assert told(parse_lines("x", output, ROOT)) == expected


def test_lines_and_columns_are_no_part_of_what_a_finding_is() -> None:
    one = parse_lines("x", 'a.py:3: error: Name "f" already defined on line 1  [no-redef]', ROOT)
    moved = parse_lines("x", 'a.py:90: error: Name "f" already defined on line 77  [no-redef]', ROOT)
    other = parse_lines("x", 'a.py:3: error: Name "f2" already defined on line 1  [no-redef]', ROOT)

    assert one[0].key == moved[0].key
    assert one[0].key != other[0].key


def test_the_checkout_is_no_part_of_what_a_finding_is() -> None:
    here = parse_lines("x", "/s/0/tree/a.py:3: error: gone", "/s/0/tree")
    there = parse_lines("x", "/s/1/tree/a.py:3: error: gone", "/s/1/tree")

    assert here == there


def test_what_lies_outside_the_checkout_is_not_the_change_s() -> None:
    outside = ["/usr/lib/python3/a.py:1: error: x", "../a.py:1: error: x", "C:\\lib\\a.py:1: error: x"]

    assert parse_lines("x", "\n".join(outside), ROOT) == ()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a.py", "a.py"),
        ("./a/b.py", "a/b.py"),
        ("a\\b.py", "a/b.py"),
        (f"{ROOT}/a/b.py", "a/b.py"),
        (f"file://{ROOT}/a/b.py", "a/b.py"),
        (f"{ROOT}-other/a.py", None),
        ("/etc/passwd", None),
        ("a/../../b.py", None),
        ("C:/a.py", None),
        ("c:\\a.py", None),
        (ROOT + "/", None),
        (".", None),
        ("", None),
    ],
)
def test_a_path_is_as_the_repository_names_it_or_none_of_its(path: str, expected: str | None) -> None:
    assert relative_path(path, ROOT) == expected


def test_without_a_folder_an_absolute_path_stays_outside() -> None:
    assert relative_path("/state/scratch/1/tree/a.test.js", "") is None


def test_an_endless_line_is_read_in_a_moment() -> None:
    assert parse_lines("x", "a.py:1" + " " * 1_000_000 + "\n" + "a" * 1_000_000, ROOT) == ()


def test_too_many_findings_are_an_error_and_not_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "MOST_FINDINGS", 3)
    messages = [{"line": 1, "message": "m", "ruleId": "r"}] * 4
    sarif = {"runs": [{"results": [{"message": {"text": "m"}}] * 4}]}

    assert len(parse_lines("x", "a.py:1: m\n" * 3, ROOT)) == 3
    with pytest.raises(ReportUnreadableError, match="more than 3"):
        parse_lines("x", "a.py:1: m\n" * 4, ROOT)
    with pytest.raises(ReportUnreadableError, match="more than 3"):
        parse_eslint("x", json.dumps([{"filePath": "a.js", "messages": messages}]).encode(), ROOT)
    with pytest.raises(ReportUnreadableError, match="more than 3"):
        parse_sarif("x", json.dumps(sarif).encode(), ROOT)


ESLINT = [
    {
        "filePath": f"{ROOT}/src/c.js",
        "messages": [
            {"ruleId": "no-undef", "severity": 2, "message": "'shout' is not defined.", "line": 1, "column": 11},
            {"ruleId": None, "fatal": True, "severity": 2, "message": "Parsing error: Unexpected token", "line": 3},
        ],
        "errorCount": 2,
    }
]


def test_json_of_eslint_is_read() -> None:
    assert told(parse_eslint("eslint", json.dumps(ESLINT).encode(), ROOT)) == [
        ("no-undef", "src/c.js", 1, "'shout' is not defined."),
        ("error", "src/c.js", 3, "Parsing error: Unexpected token"),
    ]


SQUAWK = [
    {
        "file": f"{ROOT}/db/migrations/0002_x.sql",
        "line": 1,
        "column": 0,
        "level": "Warning",
        "message": "During normal index creation, table updates are blocked, but reads are still allowed.",
        "help": "Use `concurrently` to avoid blocking writes.",
        "rule_name": "require-concurrent-index-creation",
        "column_end": 30,
        "line_end": 1,
    },
    {
        "file": "db/migrations/0003_y.sql",
        "line": 0,
        "column": 0,
        "level": "Error",
        "message": "expected command, found IDENT",
        "help": None,
        "rule_name": "syntax-error",
        "column_end": 0,
        "line_end": 0,
    },
]


def test_json_of_squawk_is_read_and_its_lines_count_from_one() -> None:
    assert told(parse_squawk("squawk", json.dumps(SQUAWK).encode(), ROOT)) == [
        (
            "require-concurrent-index-creation",
            "db/migrations/0002_x.sql",
            2,
            f"{SQUAWK[0]['message']} {SQUAWK[0]['help']}",
        ),
        ("syntax-error", "db/migrations/0003_y.sql", 1, "expected command, found IDENT"),
    ]


def test_a_finding_of_squawk_is_the_same_on_another_line() -> None:
    lower = [{**each, "line": 41, "line_end": 41} for each in SQUAWK]
    here, there = (parse_squawk("squawk", json.dumps(each).encode(), ROOT) for each in (SQUAWK, lower))
    assert [each.key for each in here] == [each.key for each in there]


@pytest.mark.parametrize("data", [b"", b"{}", b'["x"]', b"Failed to find files"])
def test_what_is_no_json_of_squawk_is_an_error_and_not_an_empty_list(data: bytes) -> None:
    with pytest.raises(ReportUnreadableError):
        parse_squawk("squawk", data, ROOT)


SARIF = {
    "version": "2.1.0",
    "runs": [
        {
            "tool": {"driver": {"name": "semgrep"}},
            "results": [
                {
                    "ruleId": "sql",
                    "message": {"text": "raw SQL in line 12"},
                    "locations": [
                        {
                            "physicalLocation": {
                                "artifactLocation": {"uri": "src/my%20file.py"},
                                "region": {"startLine": 12},
                            }
                        }
                    ],
                },
                {"message": {"text": "of the whole"}},
            ],
        }
    ],
}


def test_sarif_is_read() -> None:
    found = parse_sarif("semgrep", json.dumps(SARIF).encode(), ROOT)

    assert told(found) == [("sql", "src/my file.py", 12, "raw SQL in line 12"), ("error", "", 0, "of the whole")]
    assert found[0].subject == "raw SQL in line #"


WRONG_TYPES = [5, "x", None, [], {}, [5], {"testResults": 5}, {"runs": {}}, {"runs": [{"results": [5, None]}]}]


@pytest.mark.parametrize("parse", [parse_jest, lambda data, root: parse_sarif("x", data, root)])
@pytest.mark.parametrize("document", WRONG_TYPES)
def test_a_document_of_another_shape_is_an_error_or_has_nothing(
    parse: Callable[[bytes, str], object], document: object
) -> None:
    try:
        assert parse(json.dumps(document).encode(), ROOT) == ()
    except ReportUnreadableError as error:
        assert "the report has no" in str(error)  # noqa: PT017 - either is right


def test_fields_of_wrong_types_say_nothing() -> None:
    jest = {"testResults": [{"name": 5, "assertionResults": [{"status": [], "failureMessages": 5, "fullName": {}}]}]}
    eslint = [{"filePath": [], "messages": [{"line": "x", "message": {}, "ruleId": 5}, {"line": 1e400}, {"line": -1}]}]

    assert not parse_jest(json.dumps(jest).encode(), ROOT)[0].is_failure
    assert [each.line for each in parse_eslint("x", json.dumps(eslint).encode(), ROOT)] == [0, 0, 0]
    with pytest.raises(ReportUnreadableError, match="list"):
        parse_eslint("x", b"{}", ROOT)


def test_nests_too_deep_to_read_are_an_error() -> None:
    with pytest.raises(ReportUnreadableError, match="no JSON"):
        parse_jest(b"[" * 200_000, ROOT)
