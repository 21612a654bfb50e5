"""The programs that look, each with what it is asked, and what is planted for it."""

from __future__ import annotations

from functools import partial
from importlib import resources
from pathlib import Path

from watchkeeper.model.scouting import KindId
from watchkeeper.scouts.checks.port import Check, Ground
from watchkeeper.scouts.checks.reports import (
    Rules,
    parse_bandit,
    parse_complexipy,
    parse_jscpd,
    parse_ruff,
    parse_secrets,
    parse_semgrep,
    parse_vulture,
    vulture_complaints,
)
from watchkeeper.scouts.checks.tooling import Tool, ToolCheck

MOST_COMPLEXITY = 40

OWN_RULES = ".scout/semgrep/"
"""Where a project has rules of its own for semgrep."""

_SILENT, _BLOCKING, _NONE = KindId("silent-error"), KindId("blocking-call"), KindId("")
_CALLER = "Read its caller: is this what is wanted there?"
# What our own rules read more closely is left to them: swallowed exceptions, requests without a timeout.
_RUFF_ERRORS: Rules = {
    "B012": ("{}: an exception is lost", _SILENT, 3, 0.9, _CALLER),
    "B006": ("{}: calls share one value", KindId("race-condition"), 2, 0.9, "Is the value never changed?"),
    "B023": ("{}: all of them see the last value", KindId("race-condition"), 3, 0.5, "Is it called within its turn?"),
    "B017": ("{}: it passes whatever goes wrong", KindId("weak-test"), 2, 0.8, _CALLER),
    "B015": ("{}: the comparison is thrown away", _NONE, 2, 0.9, "Is it there for its side effect?"),
    "B018": ("{}: nothing comes of it", _NONE, 1, 0.7, "Is it there for its side effect?"),
    "F632": ("{}: it compares identities", _NONE, 3, 0.95, "Is the identity meant?"),
    "F821": ("{}: it fails when it is reached", _NONE, 3, 0.8, "Is the name made at run time?"),
    "F811": ("{}: the first one is lost", _NONE, 2, 0.8, "Is it an overload, or defined under a condition?"),
    "F601": ("{}: one value is lost", _NONE, 3, 0.95, "Are both values the same?"),
    "PLE0101": ("{}", _NONE, 3, 0.9, _CALLER),
    "PLE1205": ("{}: the message is not logged", _SILENT, 2, 0.9, "Count its placeholders."),
    "PLE1206": ("{}: the message is not logged", _SILENT, 2, 0.9, "Count its placeholders."),
    "RUF006": ("{}: the task may be collected while it runs", _SILENT, 2, 0.8, "Is the task kept elsewhere?"),
}
_RUFF_SPEED: Rules = {
    "ASYNC210": ("{}: everything else waits", _BLOCKING, 3, 0.9, "Does it run in a thread?"),
    "ASYNC220": ("{}: everything else waits", _BLOCKING, 3, 0.8, "Does it run in a thread?"),
    "ASYNC221": ("{}: everything else waits", _BLOCKING, 3, 0.8, "Does it run in a thread?"),
    "ASYNC222": ("{}: everything else waits", _BLOCKING, 3, 0.8, "Does it run in a thread?"),
    "ASYNC251": ("{}: everything else waits", _BLOCKING, 3, 0.95, "Does it run in a thread?"),
    "B019": ("{}: what it was called on is never freed", KindId("unbounded-growth"), 2, 0.8, "Are they few for ever?"),
}
_OUTSIDE = "Is everything that reaches it written by the operator alone?"
_BANDIT: Rules = {
    "B103": ("{}: others on the machine may change it", KindId("configuration-drift"), 2, 0.7, _OUTSIDE),
    "B201": ("{}: anybody can run code", KindId("injection"), 4, 0.9, "Does it run in development alone?"),
    "B202": ("{}: an archive may write anywhere", KindId("injection"), 3, 0.7, _OUTSIDE),
    "B307": ("{}: what is evaluated may come from outside", KindId("injection"), 3, 0.5, _OUTSIDE),
    "B323": ("{}: nobody knows who answers", KindId("weak-cryptography"), 3, 0.8, _OUTSIDE),
    "B501": ("{}: nobody knows who answers", KindId("weak-cryptography"), 3, 0.85, "Is it a test's own server?"),
    "B502": ("{}", KindId("weak-cryptography"), 3, 0.8, _OUTSIDE),
    "B505": ("{}", KindId("weak-cryptography"), 3, 0.85, _OUTSIDE),
    "B507": ("{}: nobody knows who answers", KindId("weak-cryptography"), 3, 0.8, _OUTSIDE),
    "B602": ("{}: words may become commands", KindId("injection"), 3, 0.6, _OUTSIDE),
    "B605": ("{}: words may become commands", KindId("injection"), 3, 0.6, _OUTSIDE),
    "B608": ("{}: words may become a query", KindId("injection"), 3, 0.5, _OUTSIDE),
    "B610": ("{}: words may become a query", KindId("injection"), 3, 0.6, _OUTSIDE),
    "B611": ("{}: words may become a query", KindId("injection"), 3, 0.6, _OUTSIDE),
    "B701": ("{}: what is shown is not escaped", KindId("unescaped-html"), 3, 0.5, "Is no HTML made by it?"),
}

_PYTHON = (".py",)
_LOCKS = (
    r"(^|/)(package-lock\.json|yarn\.lock|pnpm-lock\.yaml|poetry\.lock|uv\.lock|Cargo\.lock|go\.sum)$|\.min\.js$|\.map$"
)
_RANDOM = ("HexHighEntropyString", "Base64HighEntropyString")
_NOT_CODE = "**/node_modules/**,**/.git/**,**/*.min.js,**/*.lock,**/*.json,**/*.md"
_HOME = {"HOME": "/tmp", "XDG_CACHE_HOME": "/tmp/cache"}  # noqa: S108 the sandbox's own, empty


def _ruff(name: str, rules: Rules, planted: str, canary: str) -> ToolCheck:
    def command(report: Path, _ground: Ground) -> list[str]:
        return [
            "ruff", "check", "--isolated", "--no-cache", "--no-respect-gitignore", "--output-format", "json",
            "--output-file", str(report), "--select", ",".join(sorted(rules)), "--preview", "--exit-zero", ".",
        ]  # fmt: skip

    parse = partial(parse_ruff, rules=rules)
    return ToolCheck(Tool(name, "ruff", command, parse, {"canary.py": canary}, frozenset({planted}), _PYTHON, (0,)))


def _bandit(report: Path, _ground: Ground) -> list[str]:
    settings = report.with_name("empty.ini")
    settings.write_text("[bandit]\n")  # else the project's own .bandit counts
    tests = ",".join(sorted(_BANDIT))
    words = ["bandit", "-q", "-r", ".", "--ini", str(settings), "-t", tests, "-f", "json", "-o", str(report)]
    return [*words, "--exit-zero"]


def _vulture(report: Path, _ground: Ground) -> list[str]:
    empty = report.with_name("empty.toml")
    empty.write_text("")  # else the project's own pyproject.toml counts
    return ["vulture", "--config", str(empty), "--min-confidence", "80", "."]


def _secrets(_report: Path, _ground: Ground) -> list[str]:
    # What merely looks random is a digest nearly always; a name beside it is looked at by our own rule.
    without = [word for each in _RANDOM for word in ("--disable-plugin", each)]
    return ["detect-secrets", "scan", "--all-files", "--no-verify", *without, "--exclude-files", _LOCKS, "."]


def _complexipy(report: Path, _ground: Ground) -> list[str]:
    cache = str(report.with_name("cache"))
    words = ["complexipy", "--isolated", "--quiet", "--ignore-complexity", "--cache-dir", cache]
    return [*words, "--output-format", "json", "--output", str(report), "."]


def _semgrep(report: Path, ground: Ground) -> list[str]:
    rules = report.with_name("rules")
    rules.mkdir(exist_ok=True)
    for each in (resources.files("watchkeeper.scouts.checks") / "semgrep_rules").iterdir():
        if each.name.endswith(".yml"):
            (rules / each.name).write_text(each.read_text("utf-8"))
    for number, path in enumerate(each for each in ground.files if each.startswith(OWN_RULES)):
        (rules / f"own-{number}.yml").write_bytes(ground.read(path))
    return [
        "semgrep", "scan", "--config", str(rules), "--json", "--output", str(report), "--metrics=off",
        "--disable-version-check", "--no-git-ignore", "--x-ignore-semgrepignore-files", "--max-target-bytes", "0",
        "--timeout", "60", "--quiet", ".",
    ]  # fmt: skip


def _jscpd(report: Path, _ground: Ground) -> list[str]:
    """Started elsewhere: it reads ``package.json`` where it is, and what a project says there would count."""
    settings = report.with_name("empty.json")
    settings.write_text("{}")
    place = 'tree=$PWD; cd "$1" && shift && exec jscpd "$@" "$tree"'
    words = ["--silent", "--config", str(settings), "--reporters", "json", "--output", str(report.parent), "--absolute"]
    words += [
        "--no-gitignore",
        "--max-size",
        "1mb",
        "--max-lines",
        "20000",
        "--min-tokens",
        "100",
        "--ignore",
        _NOT_CODE,
    ]
    return ["sh", "-c", place, "sh", str(report.parent), *words]


_TWICE = "\n".join(
    f"def f{number}(a, b):\n    return [a * {number}, b + {number}, a - b, b - a]\n" for number in range(12)
)
_COMPLEX = "def canary(n):\n" + "".join(
    f"{'    ' * (depth + 1)}for i{depth} in range(n):\n{'    ' * (depth + 2)}if i{depth} > {depth} and n:\n"
    for depth in range(0, 12, 2)
)

RUFF_ERRORS = _ruff(
    "ruff", _RUFF_ERRORS, "B012", "def canary():\n    try:\n        raise ValueError\n    finally:\n        return 1\n"
)
RUFF_SPEED = _ruff("ruff", _RUFF_SPEED, "ASYNC251", "import time\n\n\nasync def canary():\n    time.sleep(1)\n")
BANDIT = ToolCheck(
    Tool(
        "bandit", "bandit", _bandit, partial(parse_bandit, rules=_BANDIT),
        {"canary.py": "import os\n\n\ndef canary(path):\n    os.chmod(path, 0o777)\n"}, frozenset({"B103"}),
        _PYTHON, (0,),
    )
)  # fmt: skip
VULTURE = ToolCheck(
    Tool(
        "vulture", "vulture", _vulture, parse_vulture,
        {"canary.py": "def canary():\n    return 1\n    print('never')\n"},
        frozenset({"unreachable-code-after"}), _PYTHON, (0, 1, 3), prints=True,
        complains=vulture_complaints,
    )
)  # fmt: skip
SECRETS = ToolCheck(
    Tool(
        "detect-secrets", "detect-secrets", _secrets, parse_secrets,
        {"canary.py": "key = '-----BEGIN RSA PRIVATE KEY-----'\n"}, frozenset({"private-key"}),
        ("",), (0,), prints=True,
    )
)  # fmt: skip
COMPLEXITY = ToolCheck(
    Tool(
        "complexipy", "complexipy", _complexipy, partial(parse_complexipy, most=MOST_COMPLEXITY),
        {"canary.py": _COMPLEX + "    " * 13 + "pass\n"}, frozenset({"complex-function"}), _PYTHON, (0, 1),
    )
)  # fmt: skip
SEMGREP = ToolCheck(
    Tool(
        "semgrep", "semgrep", _semgrep, parse_semgrep,
        {"canary.py": "import yaml\n\n\ndef canary(text):\n    return yaml.load(text, Loader=yaml.UnsafeLoader)\n"},
        frozenset({"unsafe-yaml"}), (".py", ".ts", ".tsx", ".js", ".jsx"), (0, 1), variables=_HOME,
        install="uv tool install semgrep (it does not install beside Watchkeeper)", is_extra=True,
    )
)  # fmt: skip
JSCPD = ToolCheck(
    Tool(
        "jscpd", "jscpd", _jscpd, parse_jscpd, {"one.py": _TWICE, "two.py": _TWICE}, frozenset({"clone"}),
        (".py", ".ts", ".tsx", ".js", ".jsx"), (0, 1), install="npm install -g jscpd@4.3.0",
        report="jscpd-report.json", is_extra=True,
    )
)  # fmt: skip

BY_NAME: dict[tuple[str, str], Check] = {
    ("errors", "ruff"): RUFF_ERRORS,
    ("performance", "ruff"): RUFF_SPEED,
    ("security", "bandit"): BANDIT,
    ("security", "semgrep"): SEMGREP,
    ("security", "detect-secrets"): SECRETS,
    ("dead", "vulture"): VULTURE,
    ("dead", "jscpd"): JSCPD,
    ("performance", "complexipy"): COMPLEXITY,
}
"""By dimension and name."""
