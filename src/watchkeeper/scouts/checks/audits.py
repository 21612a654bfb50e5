"""Known vulnerabilities of what a project pins: ``pip-audit`` and ``npm audit``, which both call silence clean.

An index that knows nothing answers "no known vulnerabilities" with exit code 0. So one package that is known to be
vulnerable is asked about together with the project's own: where it is not reported, nobody knows anything.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import msgspec

from watchkeeper.model.scouting import KindId
from watchkeeper.sandbox.job import Cancel, Network
from watchkeeper.scouts.checks.port import Ground, Looked, Raw, Runs, could_not_look, looked, not_applicable
from watchkeeper.scouts.checks.running import find_program
from watchkeeper.scouts.checks.tooling import (
    REPORT,
    ReportUnreadableError,
    last_words,
    read_report,
    why_not_ended,
)

KIND = KindId("vulnerable-dependency")
_CANARIES = (
    ("jinja2", "2.4.1"), ("pyyaml", "3.13"), ("urllib3", "1.24.1"), ("django", "1.8.1"), ("flask", "0.12.1"),
    ("pillow", "6.2.0"), ("requests", "2.19.1"), ("feedparser", "5.1.1"), ("salt", "2019.2.0"), ("paramiko", "1.15.0"),
)  # fmt: skip
_DISPROVE = "Is the vulnerable part used at all? Is another version installed, by an override?"
_PIN = re.compile(r"\s*([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?\s*==\s*([\w.!+*-]+?)\s*(?:;.*|\\|#.*)?$")
_SEVERITY = {"low": 1, "moderate": 2, "high": 3, "critical": 4}
_WALL_S = 300.0
_MOST = 2_000
_LOCK = json.dumps(
    {
        "name": "canary", "version": "1.0.0", "lockfileVersion": 3, "requires": True,
        "packages": {
            "": {"name": "canary", "version": "1.0.0", "dependencies": {"lodash": "4.17.4"}},
            "node_modules/lodash": {
                "version": "4.17.4", "resolved": "https://registry.npmjs.org/lodash/-/lodash-4.17.4.tgz",
            },
        },
    }
)  # fmt: skip
_PACKAGE = json.dumps({"name": "canary", "version": "1.0.0", "dependencies": {"lodash": "4.17.4"}})


class Pin(NamedTuple):
    """A package at a version, and the file that says so."""

    name: str
    version: str
    path: str


class _Vulnerability(msgspec.Struct):
    id: str
    fix_versions: list[str] = []
    aliases: list[str] = []
    description: str = ""


class _Dependency(msgspec.Struct):
    name: str
    version: str = ""
    skip_reason: str = ""
    vulns: list[_Vulnerability] = []


class _PipAudit(msgspec.Struct):
    dependencies: list[_Dependency]


class _NpmRow(msgspec.Struct):
    name: str
    severity: str
    range: str = ""
    via: list[Any] = []
    isDirect: bool = False  # noqa: N815 as npm writes it


class _NpmAudit(msgspec.Struct):
    vulnerabilities: dict[str, _NpmRow]
    metadata: dict[str, Any]


class PipAudit:
    """What requirements files and lock files pin."""

    name = "pip-audit"

    def look(self, ground: Ground, runs: Runs, cancel: Cancel) -> Looked:  # noqa: ARG002 the sandbox has it
        """Ask the index about every pin, and about one package that it has to know as vulnerable."""
        pins = list(dict.fromkeys(find_pins(ground)))
        if not pins:
            return not_applicable(self.name, "no requirements or lock file pins a version of a Python package")
        if len(pins) > _MOST:
            return could_not_look(self.name, f"{len(pins)} pins are more than are asked about at once: see ignore")
        if find_program(self.name, ground) is None:
            return could_not_look(self.name, "pip-audit is not installed: pip install 'watchkeeper[scouts]'")
        known = {_normal(each.name) for each in pins}
        canary = next((each for each in _CANARIES if each[0] not in known), None)
        if canary is None:
            return could_not_look(self.name, "the project pins every package that could be planted for it")
        told: list[_Dependency] = []
        for number, asked in enumerate(in_rounds(pins)):
            said = self._ask(ground.scratch / self.name / str(number), [*asked, canary], ground, runs)
            if isinstance(said, str):
                return could_not_look(self.name, said)
            if not any(_normal(each.name) == canary[0] and each.vulns for each in said):
                return judge_pip_audit(said, pins, canary[0])
            told += said
        return judge_pip_audit(told, pins, canary[0])

    def _ask(
        self, place: Path, asked: Sequence[tuple[str, str]], ground: Ground, runs: Runs
    ) -> Sequence[_Dependency] | str:
        """What the index says of these, or why it could not be asked."""
        place.mkdir(parents=True, exist_ok=True)
        (place / "pins.txt").write_text("".join(f"{name}=={version}\n" for name, version in asked))
        report = place / REPORT
        outcome = runs.run(
            [
                self.name, "-r", str(place / "pins.txt"), "--no-deps", "--disable-pip", "-f", "json",
                "--progress-spinner", "off", "--cache-dir", str(place / "cache"), "-o", str(report),
            ],
            ground, wall_s=_WALL_S, network=Network.OPEN,
        )  # fmt: skip
        if why := why_not_ended(self.name, outcome, (0, 1)):
            return why
        try:
            return parse_pip_audit(read_report(report))
        except ReportUnreadableError as error:
            return f"what pip-audit wrote cannot be read: {error}: {last_words(outcome.output)}"


class NpmAudit:
    """What ``package-lock.json`` files pin."""

    name = "npm-audit"

    def look(self, ground: Ground, runs: Runs, cancel: Cancel) -> Looked:  # noqa: ARG002 the sandbox has it
        """Ask the registry about every lock file, and about one package that it has to know as vulnerable."""
        locks = [path for path in ground.files if PurePosixPath(path).name == "package-lock.json"]
        if not locks:
            return not_applicable(self.name, "there is no package-lock.json")
        if find_program("npm", ground) is None:
            return could_not_look(self.name, "npm is not installed: see nodejs.org")
        place = ground.scratch / self.name
        canary = self._ask(place / "canary", _LOCK.encode(), _PACKAGE.encode(), ground, runs)
        if isinstance(canary, str):
            return could_not_look(self.name, canary)
        if "lodash" not in canary.vulnerabilities:
            return could_not_look(
                self.name, "the registry does not know that lodash 4.17.4 is vulnerable: nor the rest"
            )
        found: list[Raw] = []
        for number, path in enumerate(locks):
            package = ground.read(str(PurePosixPath(path).with_name("package.json"))) or b"{}"
            told = self._ask(place / str(number), ground.read(path), package, ground, runs)
            if isinstance(told, str):
                return could_not_look(self.name, f"{path}: {told}", found)
            found += npm_findings(told, path)
        what, proof = f"{len(locks)} lock files", "the registry reported a package that was planted"
        return looked(self.name, found, what=what, proof=proof)

    def _ask(self, place: Path, lock: bytes, package: bytes, ground: Ground, runs: Runs) -> _NpmAudit | str:
        """In a folder of its own, where no ``.npmrc`` of the project says whom to ask."""
        place.mkdir(parents=True, exist_ok=True)
        (place / "package-lock.json").write_bytes(lock)
        (place / "package.json").write_bytes(package)
        report = place / REPORT
        words = 'cd "$1" && exec npm audit --json --package-lock-only --ignore-scripts >"$2"'
        outcome = runs.run(
            ["sh", "-c", words, "sh", str(place), str(report)], ground, wall_s=_WALL_S, network=Network.OPEN,
            variables={"npm_config_userconfig": "/dev/null", "npm_config_cache": str(place / "cache")},
        )  # fmt: skip
        if why := why_not_ended("npm audit", outcome, (0, 1)):
            return why
        try:
            return parse_npm_audit(read_report(report))
        except ReportUnreadableError as error:
            return f"what npm audit wrote cannot be read: {error}"


def find_pins(ground: Ground) -> Iterator[Pin]:
    """What requirements and lock files pin, but for the project's own packages."""
    for path in ground.files:
        name = PurePosixPath(path).name
        if re.fullmatch(r"(?:[\w.-]*requirements[\w.-]*|constraints)\.(?:txt|lock)", name):
            text = ground.read(path).decode("utf-8", "replace")
            yield from (Pin(found[1], found[2], path) for line in text.splitlines() if (found := _PIN.match(line)))
        elif name in ("uv.lock", "poetry.lock", "pdm.lock"):
            yield from _of_lock(path, ground.read(path))
        elif name == "Pipfile.lock":
            yield from _of_pipfile(path, ground.read(path))


def in_rounds(pins: Sequence[Pin]) -> list[list[tuple[str, str]]]:
    """All pins, in lists in which no package stands twice: it is asked about one version at a time."""
    rounds: list[dict[str, str]] = []
    for name, version in sorted({(_normal(each.name), each.version) for each in pins}):
        free = next((each for each in rounds if name not in each), None)
        if free is None:
            free = {}
            rounds.append(free)
        free[name] = version
    return [list(each.items()) for each in rounds]


def parse_pip_audit(content: bytes) -> Sequence[_Dependency]:
    """Raises ReportUnreadableError."""
    try:
        return msgspec.json.decode(content, type=_PipAudit).dependencies
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise ReportUnreadableError(str(error)[:200]) from error


def judge_pip_audit(told: Sequence[_Dependency], pins: Sequence[Pin], canary: str) -> Looked:
    """What the index said; of packages that it does not know nobody can say anything."""
    if not any(_normal(each.name) == canary and each.vulns for each in told):
        why = f"the index does not know that an old {canary} is vulnerable: what it says of the rest means nothing"
        return could_not_look("pip-audit", why)
    places = {(_normal(each.name), each.version): each.path for each in pins}
    names = {_normal(each.name): each.path for each in pins}
    found, unknown = [], []
    for each in told:
        name = _normal(each.name)
        if name == canary:
            continue
        if each.skip_reason:
            unknown.append(name)
        path = places.get((name, each.version)) or names.get(name, "")
        found += [_vulnerable(each, vuln, path) for vuln in each.vulns]
    missing = sorted({*names} - {_normal(each.name) for each in told})
    if unknown or missing:
        some = sorted({*unknown, *missing})
        more = f" and {len(some) - 5} more" if len(some) > 5 else ""
        return could_not_look("pip-audit", f"the index does not know {', '.join(some[:5])}{more}", found)
    proof = f"the index reported an old {canary}, which was planted"
    return looked("pip-audit", found, what=f"{len(pins)} pins", proof=proof)


def parse_npm_audit(content: bytes) -> _NpmAudit:
    """Raises ReportUnreadableError: also for what npm prints where it could not ask."""
    try:
        told = json.loads(content)
        if isinstance(told, dict) and "vulnerabilities" not in told:
            raise ReportUnreadableError(
                str(told.get("message") or told.get("error") or "it tells of no packages")[:200]
            )
        return msgspec.convert(told, _NpmAudit)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise ReportUnreadableError(str(error)[:200]) from error


def npm_findings(told: _NpmAudit, path: str) -> Iterator[Raw]:
    """One for each package that has an advisory of its own; not those that only depend on one."""
    for row in told.vulnerabilities.values():
        titles = [str(each.get("title", "")) for each in row.via if isinstance(each, dict)]
        if titles:
            claim = f"{row.name} {row.range} has a known vulnerability: {'; '.join(titles)[:200]}"
            severity, sure = _SEVERITY.get(row.severity, 2), 0.9 if row.isDirect else 0.7
            anchor, said = f"{row.name} {row.range}", f"npm audit: {row.severity}"
            yield Raw(
                "vulnerable-package", path, claim, anchor=anchor, evidence=said, disprove=_DISPROVE, severity=severity,
                confidence=sure, kind=KIND, quote=row.name,
            )  # fmt: skip


def _vulnerable(each: _Dependency, vuln: _Vulnerability, path: str) -> Raw:
    fixed = f"; fixed in {', '.join(vuln.fix_versions[:3])}" if vuln.fix_versions else ""
    names = f" ({', '.join(vuln.aliases[:3])})" if vuln.aliases else ""
    return Raw(
        "vulnerable-package", path, f"{each.name} {each.version} has a known vulnerability: {vuln.id}{names}{fixed}",
        anchor=f"{_normal(each.name)} {vuln.id}", evidence=f"pip-audit: {vuln.description[:300]}", disprove=_DISPROVE,
        severity=3, confidence=0.9, kind=KIND, quote=f"{each.name}=={each.version}",
    )  # fmt: skip


def _of_lock(path: str, content: bytes) -> Iterator[Pin]:
    try:
        packages = tomllib.loads(content.decode("utf-8", "replace")).get("package", [])
    except (tomllib.TOMLDecodeError, RecursionError):
        return
    for each in packages if isinstance(packages, list) else ():
        source = each.get("source") if isinstance(each, dict) else None
        is_own = isinstance(source, dict) and any(
            key in source for key in ("editable", "virtual", "git", "path", "directory")
        )
        if (
            isinstance(each, dict)
            and not is_own
            and isinstance(each.get("version"), str)
            and isinstance(each.get("name"), str)
        ):
            yield Pin(each["name"], each["version"], path)


def _of_pipfile(path: str, content: bytes) -> Iterator[Pin]:
    try:
        told = json.loads(content)
    except (ValueError, RecursionError):
        return
    for section in ("default", "develop"):
        packages = told.get(section) if isinstance(told, dict) else None
        for name, each in packages.items() if isinstance(packages, dict) else ():
            version = each.get("version", "") if isinstance(each, dict) else ""
            if isinstance(version, str) and version.startswith("=="):
                yield Pin(str(name), version[2:], path)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
