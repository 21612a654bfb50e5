"""What the programs write, as values. Each raises ReportUnreadableError for all that this version should not write."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from watchkeeper.model.scouting import KindId
from watchkeeper.scouts.checks.port import Raw
from watchkeeper.scouts.checks.tooling import Report, ReportUnreadableError


class _RuffPlace(msgspec.Struct):
    row: int


class _RuffRow(msgspec.Struct):
    code: str | None
    filename: str
    message: str
    location: _RuffPlace


class _BanditRow(msgspec.Struct):
    test_id: str
    filename: str
    issue_text: str
    issue_severity: str
    issue_confidence: str
    line_number: int


class _BanditError(msgspec.Struct):
    filename: str
    reason: str = ""


class _Bandit(msgspec.Struct):
    errors: list[_BanditError]
    results: list[_BanditRow]
    metrics: dict[str, Any]


class _SemgrepPlace(msgspec.Struct):
    line: int


class _SemgrepExtra(msgspec.Struct):
    message: str
    severity: str = "WARNING"
    metadata: dict[str, Any] = {}


class _SemgrepRow(msgspec.Struct):
    check_id: str
    path: str
    start: _SemgrepPlace
    extra: _SemgrepExtra


class _SemgrepPaths(msgspec.Struct):
    scanned: list[str]


class _Semgrep(msgspec.Struct):
    results: list[_SemgrepRow]
    errors: list[Any]
    paths: _SemgrepPaths


class _Secret(msgspec.Struct):
    type: str
    line_number: int
    hashed_secret: str


class _Secrets(msgspec.Struct):
    results: dict[str, list[_Secret]]
    plugins_used: list[Any]


class _Complex(msgspec.Struct):
    complexity: int
    function_name: str
    path: str


class _ClonePlace(msgspec.Struct):
    name: str
    start: int


class _Clone(msgspec.Struct):
    firstFile: _ClonePlace  # noqa: N815 as jscpd writes it
    secondFile: _ClonePlace  # noqa: N815
    lines: int


class _Clones(msgspec.Struct):
    duplicates: list[_Clone]


Rules = Mapping[str, tuple[str, KindId, int, float, str]]
"""For a program's rule: the claim (``{}`` is its own message), kind, severity, confidence, how to disprove."""


def parse_ruff(content: bytes, rules: Rules) -> Report:
    """``ruff check --output-format json``; a file with a syntax error was not read."""
    rows = _decode(content, list[_RuffRow])
    found = [_told(rules, row.code, row.filename, row.message, row.location.row) for row in rows if row.code in rules]
    unread = [row.filename for row in rows if row.code is None or row.code in ("E999", "invalid-syntax", "E902")]
    return Report(tuple(found), tuple(unread))


def parse_bandit(content: bytes, rules: Rules) -> Report:
    """``bandit -f json``."""
    told = _decode(content, _Bandit)
    if "_totals" not in told.metrics:
        raise ReportUnreadableError("its account of what it read is missing")
    found = [
        _told(rules, row.test_id, row.filename, row.issue_text, row.line_number)
        for row in told.results
        if row.test_id in rules
    ]
    return Report(tuple(found), tuple(each.filename for each in told.errors))


def parse_semgrep(content: bytes) -> Report:
    """``semgrep scan --json``; our rules say in ``metadata`` what kind they are of."""
    told = _decode(content, _Semgrep)
    found = []
    for row in told.results:
        rule, about = row.check_id.rpartition(".")[2], row.extra.metadata
        found.append(
            Raw(
                rule, row.path, row.extra.message.strip().splitlines()[0][:300], row.start.line,
                evidence=f"semgrep: {rule}", disprove=str(about.get("disprove", "")),
                severity={"ERROR": 4, "WARNING": 3}.get(row.extra.severity, 2),
                confidence=0.8 if about.get("confidence") == "HIGH" else 0.6,
                kind=KindId(str(about.get("kind", ""))),
            )
        )  # fmt: skip
    unread = []
    for each in told.errors:
        if not isinstance(each, dict) or not each.get("path"):  # not of one file: a rule, or the whole run
            raise ReportUnreadableError(f"it says that something failed: {str(each)[:150]}")
        unread.append(str(each["path"]))
    return Report(tuple(found), tuple(unread), tuple(told.paths.scanned))


_VULTURE = re.compile(r"(?P<path>.+?):(?P<line>\d+): (?P<what>.+?) \((?P<sure>\d+)% confidence(?:, .*)?\)$")
_UNREAD = re.compile(
    r"^(?P<path>[^\n:]+\.py):(?P<line>\d+): (?!unused |unreachable |unsatisfiable |redundant )", re.MULTILINE
)


def vulture_complaints(output: bytes) -> tuple[str, ...]:
    """The files of which it says, beside its report, that they cannot be parsed."""
    return tuple(found["path"] for found in _UNREAD.finditer(output.decode("utf-8", "replace")))


_OF_PARAMETERS = 0.5
"""How sure one may be of a variable that vulture is sure of: it is a parameter, which whoever calls nearly always wants
(``__exit__``, a handler of signals, a migration)."""


def parse_vulture(content: bytes) -> Report:
    """Its lines; those of files that it could not read are complaints on the other stream."""
    found = []
    for line in content.decode("utf-8", "replace").splitlines():
        told = _VULTURE.fullmatch(line.strip())
        if told is None:
            raise ReportUnreadableError(f"{line.strip()[:100]!r} is no line of it")
        what = told["what"]
        rule = re.sub(r"[^a-z]+", "-", re.sub(r"'[^']*'", "", what).lower()).strip("-")[:40]
        found.append(
            Raw(
                rule or "unused", told["path"], f"{what[:1].upper()}{what[1:]}", int(told["line"]),
                evidence=f"vulture: {told['sure']} % confidence",
                disprove="Is it reached by name: a registry, a decorator, a plug-in, a template, reflection?",
                severity=1, confidence=_OF_PARAMETERS if rule == "unused-variable" else int(told["sure"]) / 100,
                kind=KindId("dead-code"),
            )
        )  # fmt: skip
    return Report(tuple(found))


_GRAVE = re.compile(
    r"Private Key|AWS|GitHub|GitLab|Slack|Stripe|Twilio|SendGrid|npm|Azure|OpenAI|Discord|Telegram", re.IGNORECASE
)


def parse_secrets(content: bytes) -> Report:
    """``detect-secrets scan``. The secret itself stands in no report; it is told apart by its digest."""
    told = _decode(content, _Secrets)
    if not told.plugins_used:
        raise ReportUnreadableError("it looked for nothing: no plugin was used")
    found = []
    for path, secrets in told.results.items():
        for each in secrets:
            is_grave = bool(_GRAVE.search(each.type))
            found.append(
                Raw(
                    _rule_of(each.type), path, f"What stands here looks like a secret ({each.type})", each.line_number,
                    quote="(not quoted: it may be a secret)", evidence=f"detect-secrets: {each.type}",
                    disprove="Is it a placeholder, a public key, a digest, a fixture?", severity=4 if is_grave else 3,
                    confidence=0.9 if is_grave else 0.5, kind=KindId("hardcoded-secret"), anchor=each.hashed_secret,
                )
            )  # fmt: skip
    return Report(tuple(found))


def parse_complexipy(content: bytes, most: int) -> Report:
    """``complexipy --output-format json``: functions above ``most``."""
    rows = _decode(content, list[_Complex])
    found = [
        Raw(
            "complex-function", row.path, f"{row.function_name} has a cognitive complexity of {row.complexity}",
            evidence=f"complexipy: more than {most}", symbol=row.function_name.replace("::", "."),
            disprove="Is it a table, a parser or generated, which only looks complex?", severity=1, confidence=0.5,
            kind=KindId("complexity"), anchor=row.function_name,
        )
        for row in rows
        if row.complexity > most
    ]  # fmt: skip
    return Report(tuple(found))


def parse_jscpd(content: bytes) -> Report:
    """Its JSON reporter: each clone at its second place."""
    told = _decode(content, _Clones)
    return Report(tuple(_clones(told)))


def _clones(told: _Clones) -> Iterator[Raw]:
    for each in told.duplicates:
        other = f"{each.firstFile.name}:{each.firstFile.start}"
        yield Raw(
            "clone", each.secondFile.name, f"{each.lines} lines stand in {other} too", each.secondFile.start,
            evidence="jscpd", disprove="Do the two have to change apart from each other?", severity=1, confidence=0.6,
            kind=KindId("duplicate-code"),
        )  # fmt: skip


def _told(rules: Rules, rule: str | None, path: str, message: str, line: int) -> Raw:
    claim, kind, severity, confidence, disprove = rules[str(rule)]
    return Raw(
        str(rule), path, claim.format(message), line, evidence=f"{rule}: {message}"[:300], disprove=disprove,
        severity=severity, confidence=confidence, kind=kind,
    )  # fmt: skip


def _rule_of(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _decode(content: bytes, kind: Any) -> Any:
    try:
        return msgspec.convert(json.loads(content), kind)
    except (ValueError, RecursionError) as error:  # msgspec's own errors are ValueErrors
        raise ReportUnreadableError(str(error)[:200]) from error
