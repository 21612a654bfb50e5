"""What commands print and write, as findings: JUnit XML, SARIF, ``path:line: message``, and some tools' JSON. Pure.

All of it is written by code that is not trusted: sizes are bounded, nothing is followed, and what cannot be read is an
error that says so, never an empty list.
"""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any, NoReturn
from urllib.parse import unquote

import msgspec

from watchkeeper.model.findings import Finding
from watchkeeper.probes.identity import shorten, stable_subject

MOST_BYTES = 64 * 1024 * 1024
MOST_FINDINGS = 20_000
_LONGEST_LINE = 4_000


class Form(StrEnum):
    """In which form a command says what it found."""

    LINES = "lines"  # ``path:line: message``, ``path:line:column: ...``, ``path(line,column): ...`` on its output
    JUNIT = "junit"  # a JUnit XML file at ``{junit}``
    SARIF = "sarif"  # a SARIF file at ``{sarif}``, or its output
    ESLINT = "eslint"  # eslint's JSON on its output
    SQUAWK = "squawk"  # squawk's JSON on its output
    JEST = "jest"  # jest's JSON at ``{json}``


class ReportUnreadableError(Exception):
    """The report is not what it should be; the message says why."""


class TestEnd(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    SKIPPED = "skipped"


class TestResult(msgspec.Struct, frozen=True):
    """How one test ended. ``name`` is its id, stable from run to run."""

    name: str
    end: TestEnd
    message: str = ""
    path: str = ""
    seconds: float = 0.0

    @property
    def is_failure(self) -> bool:
        return self.end in (TestEnd.FAILED, TestEnd.ERROR)


def parse_lines(check: str, text: str, folder: str) -> tuple[Finding, ...]:
    """The lines of a tool's output that name a place; all others are talk. ``folder`` is where it ran.

    Raises: ReportUnreadableError where there are too many.
    """
    found: list[Finding] = []
    for whole in text.splitlines():
        line = whole[:_LONGEST_LINE].rstrip()
        match = _PLACE.match(line) or _TSC.match(line)
        if match is None or _CLOCK.search(match["path"]):
            continue
        path = relative_path(match["path"], folder)
        message, rule = _split_rule(match["message"])
        if path is not None and message and not message.startswith("note:"):
            found.append(_finding(check, rule or "error", path, message, line=int(match["line"]), folder=folder))
    return _bounded(found)


def parse_junit(data: bytes, folder: str) -> tuple[TestResult, ...]:
    """The tests of a JUnit file. Raises: ReportUnreadableError."""
    root = _xml(data)
    return tuple(_junit_case(case, folder) for case in root.iter("testcase"))


def parse_jest(data: bytes, folder: str) -> tuple[TestResult, ...]:
    """The tests of jest's, or vitest's, JSON. Raises: ReportUnreadableError."""
    results = []
    for suite in _each(_json(data), "testResults"):
        path = relative_path(str(suite.get("name", "")), folder) or ""
        tests = list(_each(suite, "assertionResults"))
        for test in tests:
            end = _JEST.get(str(test.get("status")), TestEnd.SKIPPED)
            messages = test.get("failureMessages")
            message = " ".join(str(part) for part in messages) if isinstance(messages, list) else ""
            results.append(TestResult(f"{path}::{test.get('fullName', '')}", end, shorten(message), path))
        if not tests and suite.get("status") == "failed":
            results.append(TestResult(path, TestEnd.ERROR, shorten(str(suite.get("message", ""))), path))
    return tuple(results)


def parse_unittest(text: str) -> tuple[TestResult, ...]:
    """The failures that ``python -m unittest`` names on its output; what passes it only counts.

    Each stands below a rule of ``=``: what a program logs as ``ERROR: ...`` is no test.
    """
    found = {}
    for match in _UNITTEST.finditer(text):
        end = TestEnd.ERROR if match["kind"] == "ERROR" else TestEnd.FAILED
        found[match["name"]] = TestResult(match["name"], end, match["kind"].lower())
    return tuple(found.values())


def parse_sarif(check: str, data: bytes, folder: str) -> tuple[Finding, ...]:
    """The results of a SARIF file. Raises: ReportUnreadableError."""
    found = []
    for run in _each(_json(data), "runs"):
        for result in _each(run, "results"):
            message = _mapping(result.get("message")).get("text", "")
            path, line = _sarif_place(result, folder)
            found.append(
                _finding(check, str(result.get("ruleId") or "error"), path, str(message), line=line, folder=folder)
            )
    return _bounded(found)


def parse_eslint(check: str, data: bytes, folder: str) -> tuple[Finding, ...]:
    """The messages of eslint's JSON. Raises: ReportUnreadableError."""
    document = _json(data)
    if not isinstance(document, list):
        raise ReportUnreadableError("eslint's JSON is a list, this is not")
    found = []
    for file in document:
        path = relative_path(str(_mapping(file).get("filePath", "")), folder) or ""
        for each in _each(_mapping(file), "messages"):
            rule, message = str(each.get("ruleId") or "error"), str(each.get("message", ""))
            found.append(_finding(check, rule, path, message, line=_line(each.get("line")), folder=folder))
    return _bounded(found)


def parse_squawk(check: str, data: bytes, folder: str) -> tuple[Finding, ...]:
    """The findings of squawk's JSON, whose lines count from 0. Raises: ReportUnreadableError."""
    document = _json(data)
    if not isinstance(document, list) or not all(isinstance(each, dict) for each in document):
        raise ReportUnreadableError("squawk's JSON is a list of findings, this is not")
    found = []
    for each in document:
        path, at = relative_path(str(each.get("file", "")), folder) or "", each.get("line")
        line = at + 1 if isinstance(at, int) and not isinstance(at, bool) else 0
        rule, said = str(each.get("rule_name") or "error"), [each.get("message"), each.get("help")]
        message = " ".join(part for part in said if isinstance(part, str) and part)
        found.append(_finding(check, rule, path, message, line=_line(line), folder=folder))
    return _bounded(found)


def failures(check: str, results: Sequence[TestResult]) -> tuple[Finding, ...]:
    """The tests that failed, as findings: a test is its id, whatever it says."""
    return tuple(
        Finding(
            check, result.end.value, result.path, result.name, f"{result.name} {_FAILS[result.end]}: {said}".strip()
        )
        for result in results
        if result.is_failure
        for said in [shorten(result.message) or "no message"]
    )


def relative_path(path: str, folder: str) -> str | None:
    """``path`` as the repository names it; None where it lies outside ``folder``."""
    text = path.strip().replace("\\", "/").removeprefix("file://")
    text = text.removeprefix(f"{folder.rstrip('/')}/") if folder else text
    clean = PurePosixPath(text)
    is_outside = clean.is_absolute() or ".." in clean.parts or _DRIVE.match(text) is not None
    return None if is_outside or not clean.parts else str(clean)


_PLACE = re.compile(
    r"^\s{0,4}(?:(?:ERROR|WARN|WARNING|error|warning)\s+)?(?P<path>(?:[A-Za-z]:)?[^\s:][^:\n]{0,400}?):(?P<line>\d+)"
    r"(?::\d+(?:-\d+)?)?(?::\d+)?\s*[:\-]?\s+(?P<message>\S.*)$"
)
_TSC = re.compile(r"^(?P<path>[^\s(][^(\n]{0,400})\((?P<line>\d+),\d+\):\s+(?P<message>\S.*)$")
_CLOCK = re.compile(r"(?:^|[\[( T])\d{1,2}$")
"""``10:30: starting`` and ``2026-01-01T10:30:00 starting`` are moments, not places."""
_RULE_AFTER = re.compile(r"^(?P<message>.*\S)\s+[\[(](?P<rule>[A-Za-z][\w./-]*)[\])]$")
_RULE_BEFORE = re.compile(
    r"^(?:(?:error|warning|info)\s*)?(?:\[(?P<rule>[\w./-]+)\]|(?P<code>[A-Z]{1,4}\d{2,5}):?)\s+(?P<message>.+)$"
)
_LEVEL = re.compile(r"^(?:error|warning|info|fatal error)\s*[:\-]?\s+", re.IGNORECASE)
_UNITTEST = re.compile(r"^={70}\r?\n(?P<kind>FAIL|ERROR|UNEXPECTED SUCCESS): (?P<name>.+?)\r?$", re.MULTILINE)
_DRIVE = re.compile(r"[A-Za-z]:(?:/|$)")
_JEST = {"passed": TestEnd.PASSED, "failed": TestEnd.FAILED}
_FAILS = {TestEnd.FAILED: "fails", TestEnd.ERROR: "cannot run", TestEnd.PASSED: "passes", TestEnd.SKIPPED: "is skipped"}


def _finding(check: str, rule: str, path: str, message: str, *, line: int, folder: str) -> Finding:
    return Finding(check, rule, path, stable_subject(message, folder), shorten(message), line)


def _split_rule(text: str) -> tuple[str, str]:
    """A message and the rule that stands before or after it; ``""`` where none does."""
    message = text.strip()
    before = _RULE_BEFORE.match(message)
    if before is not None:
        return before["message"].strip(), before["rule"] or before["code"]
    message = _LEVEL.sub("", message)
    again = _RULE_BEFORE.match(message)
    if again is not None:
        return again["message"].strip(), again["rule"] or again["code"]
    after = _RULE_AFTER.match(message)
    return (after["message"].strip(), after["rule"]) if after is not None else (message, "")


def _bounded(found: Sequence[Finding]) -> tuple[Finding, ...]:
    """Cut short, two trees could not be compared: what was left out of one would look new in the other."""
    if len(found) > MOST_FINDINGS:
        raise ReportUnreadableError(f"the report holds more than {MOST_FINDINGS} findings")
    return tuple(found)


def _junit_case(case: ET.Element, folder: str) -> TestResult:
    path = relative_path(case.get("file", ""), folder) or ""
    parts = (case.get("classname", ""), case.get("name", ""))
    name = "::".join(dict.fromkeys(part for part in parts if part))  # twice the file: it could not be loaded
    for child, end in (("error", TestEnd.ERROR), ("failure", TestEnd.FAILED), ("skipped", TestEnd.SKIPPED)):
        element = case.find(child)
        if element is not None:
            message = element.get("message") or element.text or ""
            return TestResult(name, end, shorten(message), path, _seconds(case))
    return TestResult(name, TestEnd.PASSED, "", path, _seconds(case))


def _seconds(case: ET.Element) -> float:
    try:
        return float(case.get("time", "0"))
    except ValueError:
        return 0.0


class _NoDoctype(ET.TreeBuilder):
    """A document type is where entities are declared, which can be made to fill the memory."""

    def doctype(self, _name: str, _public: str | None, _system: str | None) -> NoReturn:
        raise ReportUnreadableError("the report holds a document type, which no JUnit file does")


def _xml(data: bytes) -> ET.Element:
    if len(data) > MOST_BYTES:
        raise ReportUnreadableError(f"the report is larger than {MOST_BYTES // 1024 // 1024} MB")
    try:
        return ET.fromstring(data, ET.XMLParser(target=_NoDoctype()))  # noqa: S314 - as above
    except (ET.ParseError, ValueError, LookupError, RecursionError) as error:
        raise ReportUnreadableError(f"the report is no XML: {error}") from error


def _json(data: bytes) -> Any:
    if len(data) > MOST_BYTES:
        raise ReportUnreadableError(f"the report is larger than {MOST_BYTES // 1024 // 1024} MB")
    try:
        return json.loads(data.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError) as error:
        raise ReportUnreadableError(f"the report is no JSON: {error}") from error


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _each(document: object, key: str) -> Iterator[Mapping[str, Any]]:
    if not isinstance(document, dict):
        raise ReportUnreadableError(f"the report has no {key!r}")
    items = document.get(key)
    yield from (item for item in (items if isinstance(items, list) else ()) if isinstance(item, dict))


def _sarif_place(result: Mapping[str, Any], folder: str) -> tuple[str, int]:
    for location in _each(result, "locations"):
        physical = _mapping(location.get("physicalLocation"))
        path = relative_path(unquote(str(_mapping(physical.get("artifactLocation")).get("uri", ""))), folder)
        return path or "", _line(_mapping(physical.get("region")).get("startLine"))
    return "", 0


def _line(value: object) -> int:
    """A line number, 0 for what is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
