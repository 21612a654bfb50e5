"""What pins are, and what an index has to say before anybody believes that they are clean."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scouting import Tree
from watchkeeper.scouts.checks.audits import (
    Pin,
    find_pins,
    in_rounds,
    judge_pip_audit,
    npm_findings,
    parse_npm_audit,
    parse_pip_audit,
)
from watchkeeper.scouts.checks.tooling import ReportUnreadableError

CANARY = {"name": "jinja2", "version": "2.4.1", "vulns": [{"id": "PYSEC-2019-217", "fix_versions": ["2.10.1"]}]}
PINS = [Pin("Django", "2.2.0", "requirements.txt"), Pin("requests", "2.31.0", "uv.lock")]
FINE = [{"name": "django", "version": "2.2.0", "vulns": []}, {"name": "requests", "version": "2.31.0", "vulns": []}]


def judged(*told: object, pins: list[Pin] = PINS) -> object:
    return judge_pip_audit(parse_pip_audit(json.dumps({"dependencies": told, "fixes": []}).encode()), pins, "jinja2")


def test_pins_are_read_from_requirements_and_lock_files_and_the_project_itself_is_none(tmp_path: Path) -> None:
    files = {
        "requirements.txt": "Django[argon2]==2.2.0 ; python_version < '4'  # old\n# x==1\nflask>=2\n-r other.txt\n",
        "requirements/prod.txt": "a==1\n",
        "requirements-dev.lock": "b==1.0.post1 \\\n    --hash=sha256:00\n",
        "uv.lock": '[[package]]\nname = "shop"\nversion = "0"\nsource = { editable = "." }\n'
        '[[package]]\nname = "c"\nversion = "3"\nsource = { registry = "x" }\n',
        "poetry.lock": '[[package]]\nname = "d"\nversion = "4"\n',
        "Pipfile.lock": '{"default": {"e": {"version": "==5"}, "f": {"git": "x"}}, "develop": {"g": {"version": "*"}}}',
        "broken/uv.lock": "[[[",
    }
    found = {(each.name, each.version) for each in find_pins(Tree(tmp_path, files).ground())}

    assert found == {("Django", "2.2.0"), ("b", "1.0.post1"), ("c", "3"), ("d", "4"), ("e", "5")}


def test_what_the_index_reports_is_found_in_the_file_that_pins_it() -> None:
    bad = {
        **FINE[0],
        "vulns": [{"id": "PYSEC-9", "fix_versions": ["2.2.28"], "aliases": ["CVE-1"], "description": "x"}],
    }
    look = judged(CANARY, bad, FINE[1])

    (raw,) = look.found  # type: ignore[attr-defined]
    assert (raw.path, raw.anchor) == ("requirements.txt", "django PYSEC-9")
    assert "fixed in 2.2.28" in raw.claim


def test_an_index_that_does_not_know_what_was_planted_is_not_believed() -> None:
    look = judged({**CANARY, "vulns": []}, *FINE)
    assert "means nothing" in look.checked.reason  # type: ignore[attr-defined]
    assert judged(CANARY, *FINE).is_whole  # type: ignore[attr-defined]


def test_a_package_that_is_not_known_or_not_mentioned_makes_it_blind() -> None:
    skipped = {"name": "requests", "skip_reason": "Dependency not found on PyPI"}
    assert "requests" in judged(CANARY, FINE[0], skipped).checked.reason  # type: ignore[attr-defined]
    assert "requests" in judged(CANARY, FINE[0]).checked.reason  # type: ignore[attr-defined]


def test_a_package_at_two_versions_is_asked_about_in_two_rounds() -> None:
    pins = [Pin("numpy", "1", "a"), Pin("numpy", "2", "a"), Pin("Num_Py", "1", "a"), Pin("flask", "3", "a")]
    assert in_rounds(pins) == [[("flask", "3"), ("num-py", "1"), ("numpy", "1")], [("numpy", "2")]]


NPM = {
    "auditReportVersion": 2,
    "vulnerabilities": {
        "lodash": {
            "name": "lodash", "severity": "critical", "isDirect": True, "range": "<=4.17.20", "nodes": [],
            "via": [{"title": "Prototype Pollution in lodash", "url": "https://x"}], "fixAvailable": True,
        },
        "gulp": {"name": "gulp", "severity": "high", "isDirect": True, "range": "4", "via": ["lodash"]},
    },
    "metadata": {"vulnerabilities": {"total": 2}},
}  # fmt: skip


def test_of_npms_report_packages_with_an_advisory_of_their_own_are_found() -> None:
    (raw,) = npm_findings(parse_npm_audit(json.dumps(NPM).encode()), "package-lock.json")
    assert (raw.severity, raw.anchor) == (4, "lodash <=4.17.20")


@pytest.mark.parametrize(
    "told",
    [
        {"message": "405 Method Not Allowed", "statusCode": 405, "error": {"summary": "", "detail": ""}},
        {"error": {"code": "ENOLOCK"}},
        [],
        {"vulnerabilities": []},
        {"vulnerabilities": {}},
    ],
)
def test_what_npm_prints_where_it_could_not_ask_is_no_report(told: object) -> None:
    with pytest.raises(ReportUnreadableError):
        parse_npm_audit(json.dumps(told).encode())


@given(st.binary(max_size=200))
def test_no_bytes_break_the_readers(content: bytes) -> None:
    for parse in (parse_pip_audit, parse_npm_audit):
        with suppress(ReportUnreadableError):
            parse(content)
