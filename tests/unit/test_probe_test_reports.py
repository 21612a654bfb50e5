"""What test runners really write, read as tests; the samples are theirs, with other folders."""

from __future__ import annotations

import json

import pytest

from watchkeeper.probes import reports
from watchkeeper.probes.reports import ReportUnreadableError, failures, parse_jest, parse_junit, parse_unittest
from watchkeeper.probes.reports import TestEnd as End
from watchkeeper.probes.reports import TestResult as Result

ROOT = "/state/scratch/0/tree"

PYTEST_JUNIT = b"""<?xml version="1.0" encoding="utf-8"?><testsuites name="pytest tests"><testsuite name="pytest"
errors="1" failures="1" skipped="1" tests="4" time="0.037" timestamp="2026-11-25T06:26:00.013785+00:00" hostname="vm">
<testcase classname="test_t.T" name="test_a" time="0.001"><failure message="AssertionError: 3 != 4">self = &lt;T&gt;
&gt;       self.assertEqual(3, 4)</failure></testcase><testcase classname="test_t.T" name="test_b" time="0.002" />
<testcase classname="test_t.T" name="test_c" time="0.0"><skipped type="pytest.skip" message="later">x</skipped>
</testcase><testcase classname="" name="tests.test_u" time="x"><error message="collection failure">E</error></testcase>
</testsuite></testsuites>"""

VITEST_JUNIT = """<?xml version="1.0" encoding="UTF-8" ?>
<testsuites name="vitest tests" tests="3" failures="2" errors="0" time="0.006463767">
    <testsuite name="src/v.spec.mjs" timestamp="2026-11-25T06:26:03.817Z" hostname="vm" tests="1" failures="1">
        <testcase classname="src/v.spec.mjs" name="src/v.spec.mjs" time="0">
            <failure message="Cannot find module &apos;./nope&apos;" type="Error">❯ src/v.spec.mjs:1:1</failure>
        </testcase>
    </testsuite>
    <testsuite name="src/w.spec.mjs" hostname="vm" tests="2" failures="1" errors="0" skipped="0" time="0.006463767">
        <testcase classname="src/w.spec.mjs" name="texts &gt; shortens" time="0.005151945">
            <failure message="expected 1 to be 2 // Object.is equality" type="AssertionError"></failure>
        </testcase>
        <testcase classname="src/w.spec.mjs" name="texts &gt; ok" time="0.000147798">
        </testcase>
    </testsuite>
</testsuites>
""".encode()


def test_junit_of_pytest_is_read() -> None:
    assert parse_junit(PYTEST_JUNIT, ROOT) == (
        Result("test_t.T::test_a", End.FAILED, "AssertionError: 3 != 4", seconds=0.001),
        Result("test_t.T::test_b", End.PASSED, seconds=0.002),
        Result("test_t.T::test_c", End.SKIPPED, "later"),
        Result("tests.test_u", End.ERROR, "collection failure"),
    )


def test_junit_of_vitest_is_read_and_a_file_that_cannot_be_loaded_has_the_file_s_name() -> None:
    assert [(each.name, each.end.value) for each in parse_junit(VITEST_JUNIT, ROOT)] == [
        ("src/v.spec.mjs", "failed"),
        ("src/w.spec.mjs::texts > shortens", "failed"),
        ("src/w.spec.mjs::texts > ok", "passed"),
    ]


def test_the_file_that_junit_names_is_as_the_repository_names_it() -> None:
    report = f'<testsuite><testcase name="a" file="{ROOT}/a.js"/><testcase name="b" file="/x/b.js"/></testsuite>'

    assert [each.path for each in parse_junit(report.encode(), ROOT)] == ["a.js", ""]


DOCTYPE = '<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;&b;">]><testsuite><testcase name="&c;"/></testsuite>'


@pytest.mark.parametrize(
    "data",
    [
        DOCTYPE.encode(),
        f"<!--{'x' * 10_000}-->{DOCTYPE}".encode(),
        f'<?xml version="1.0" encoding="utf-16"?>{DOCTYPE}'.encode("utf-16"),
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><testsuite/>',
    ],
)
def test_a_document_type_is_refused_wherever_and_however_it_is_written(data: bytes) -> None:
    with pytest.raises(ReportUnreadableError, match="document type"):
        parse_junit(data, ROOT)


def test_a_test_that_talks_of_document_types_is_no_danger() -> None:
    report = (
        b'<testsuite><testcase name="a"><failure><![CDATA[<!DOCTYPE html> <!ENTITY]]></failure></testcase></testsuite>'
    )

    assert parse_junit(report, ROOT)[0].message == "<!DOCTYPE html> <!ENTITY"


@pytest.mark.parametrize(
    "data", [b"", b"<a>", b"not xml", b"\xff\xfe\x00", b'<?xml version="1.0" encoding="none"?><a/>']
)
def test_what_is_no_xml_says_so(data: bytes) -> None:
    with pytest.raises(ReportUnreadableError, match="no XML"):
        parse_junit(data, ROOT)


JEST = {
    "numFailedTests": 1,
    "testResults": [
        {
            "assertionResults": [
                {"fullName": "adds 12 numbers", "status": "failed", "failureMessages": ["Error: expect\n\n  2"]},
                {"fullName": "passes", "status": "passed", "failureMessages": []},
                {"fullName": "later", "status": "pending", "failureMessages": []},
            ],
            "name": f"{ROOT}/src/a.test.js",
            "status": "failed",
            "message": "",
        },
        {"assertionResults": [], "status": "failed", "message": "Cannot find module", "name": f"{ROOT}/v.spec.mjs"},
    ],
}


def test_json_of_jest_and_vitest_is_read_with_the_same_names_in_every_checkout() -> None:
    data = json.dumps(JEST).encode()
    found = parse_jest(data, ROOT)

    assert [(each.name, each.end.value, each.message, each.path) for each in found] == [
        ("src/a.test.js::adds 12 numbers", "failed", "Error: expect 2", "src/a.test.js"),
        ("src/a.test.js::passes", "passed", "", "src/a.test.js"),
        ("src/a.test.js::later", "skipped", "", "src/a.test.js"),
        ("v.spec.mjs", "error", "Cannot find module", "v.spec.mjs"),
    ]
    assert parse_jest(data.replace(b"scratch/0", b"scratch/1"), ROOT.replace("/0/", "/1/")) == found


def test_a_report_that_is_too_large_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "MOST_BYTES", 10)

    for parse in (parse_junit, parse_jest):
        with pytest.raises(ReportUnreadableError, match="larger"):
            parse(b" " * 11, ROOT)


UNITTEST = """\
FEFu
======================================================================
ERROR: test_b (test_t.T.test_b)
----------------------------------------------------------------------
Traceback (most recent call last):
ValueError: x

======================================================================
FAIL: test_a (test_t.T.test_a)
A docstring.
----------------------------------------------------------------------
AssertionError: 3 != 4

======================================================================
FAIL: test_c (test_t.T.test_c) (i=1)
----------------------------------------------------------------------

======================================================================
UNEXPECTED SUCCESS: test_d (test_t.T.test_d)
----------------------------------------------------------------------
Ran 4 tests in 0.001s

FAILED (failures=2, errors=1, unexpected successes=1)
"""


def test_what_unittest_prints_is_read() -> None:
    assert [(each.name, each.end.value) for each in parse_unittest(UNITTEST)] == [
        ("test_b (test_t.T.test_b)", "error"),
        ("test_a (test_t.T.test_a)", "failed"),
        ("test_c (test_t.T.test_c) (i=1)", "failed"),
        ("test_d (test_t.T.test_d)", "failed"),
    ]
    assert parse_unittest(UNITTEST.replace("\n", "\r\n")) == parse_unittest(UNITTEST)


def test_what_a_program_logs_is_no_test() -> None:
    assert parse_unittest("ERROR: could not connect\nFAIL: fast\n.\nRan 1 test in 0.001s\n") == ()


def test_tests_that_fail_are_findings_whatever_they_say_and_others_are_none() -> None:
    results = [Result(end.value, end, f"said {end}") for end in End]
    again = [Result(end.value, end, "in other words") for end in End]
    found = failures("tests", results)

    assert [each.message for each in found] == ["failed fails: said failed", "error cannot run: said error"]
    assert [each.key for each in found] == [each.key for each in failures("tests", again)]
