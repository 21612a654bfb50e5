"""The rule ``hardcoded-secret``, for any language that writes names and texts."""

from __future__ import annotations

import ast
import math
import re
from collections import Counter
from collections.abc import Iterator

from watchkeeper.scouts.rules.pythonfile import PythonFile
from watchkeeper.scouts.rules.rule import Hit, Rule
from watchkeeper.scouts.rules.scriptfile import ScriptFile

_NAME = re.compile(
    r"(secret|passw(or)?d|passwd|api_?key|access_?key|private_?key|auth_?token|access_?token|bearer|client_?secret)"
    r"(?!.*(name|header|field|param|url|path|label|prefix|cookie|env|hash|length|pattern|regex|type|id)$)",
    re.IGNORECASE,
)
_ISSUED = re.compile(
    r"^(sk_live_[0-9a-zA-Z]{20,}|gh[pousr]_[A-Za-z0-9]{36,}|AKIA[0-9A-Z]{16}|xox[abprs]-[0-9A-Za-z-]{20,}"
    r"|AIza[0-9A-Za-z_-]{35}|sk-(ant-|proj-)?[A-Za-z0-9_-]{32,}|glpat-[\w-]{20,}|SG\.[\w-]{20,}\.[\w-]{20,})$"
)
_STAND_IN = re.compile(
    r"example|placeholder|change|your|dummy|fake|test|sample|xxx|todo|<|\$\{|\{\{|insecure|default|redacted|localhost|demo|django-"
    r"|phc_|pk_|public|foo|bar|secret|passw|abcd|1234|key|token|\*\*",
    re.IGNORECASE,
)
_SHAPE = re.compile(r"^[A-Za-z0-9+/=_\-!@#$%^&*.]{20,200}$")
_LEAST_BITS = 3.6


def is_secret(name: str, value: str) -> bool:
    """A value that only chance makes, under a name that says what it is; or one that a service issued."""
    if re.search(r"placeholder|example|hint|default", name, re.IGNORECASE):
        return False
    if _ISSUED.match(value):
        return _bits(value) >= _LEAST_BITS and not re.search(r"example|xxxx|\.\.\.", value, re.IGNORECASE)
    return bool(
        _NAME.search(name)
        and _SHAPE.match(value)
        and not _STAND_IN.search(value)
        and re.search(r"\d", value)
        and re.search(r"[A-Za-z]", value)
        and not re.match(r"^[a-z]+([._/-][a-z0-9]+)+$", value)
        and _bits(value) >= _LEAST_BITS
    )


def _bits(value: str) -> float:
    counts = Counter(value).values()
    return -sum(each / len(value) * math.log2(each / len(value)) for each in counts)


def find_in_python(file: PythonFile) -> Iterator[Hit]:
    """Assignments, keyword arguments and entries of dictionaries."""
    for name, value in _named(file):
        if isinstance(value, ast.Constant) and isinstance(value.value, str) and is_secret(name, value.value):
            hit = file.hit(value, name)
            yield hit._replace(quote=hit.quote.replace(value.value, f"{value.value[:4]}..."))


def _named(file: PythonFile) -> Iterator[tuple[str, ast.expr]]:
    for node in file.of(ast.Assign):
        for target in node.targets:
            yield target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", ""), node.value
    for one in file.of(ast.keyword):
        yield one.arg or "", one.value
    for each in file.of(ast.Dict):
        for key, value in zip(each.keys, each.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield key.value, value


def find_in_script(file: ScriptFile) -> Iterator[Hit]:
    """Variables and entries of objects."""
    for kind, left, right in (("variable_declarator", "name", "value"), ("pair", "key", "value")):
        for node in file.of(kind):
            name, value = node.field(left), node.field(right)
            if name is None or value is None or value.kind != "string":
                continue
            text = value.text[1:-1]
            if is_secret(name.text.strip("\"'"), text):
                hit = file.hit(node, name.text)
                yield hit._replace(quote=hit.quote.replace(text, f"{text[:4]}..."))


_CLAIM = "{0} holds a secret that is written into the code: whoever can read the code has it"
_DISPROVE = "Show that the value opens nothing: a public key, an identifier, a value of tests."

RULES = (
    Rule(
        "hardcoded-secret", "security", "hardcoded-secret", 4, 0.75, _CLAIM, _DISPROVE,
        {"a.py": "API_KEY = 'q8Zr" "2LmT9vXw4KpB7nYc'\n"}, {"a.py": "API_KEY = 'your-api-key-goes-here-1'\n"},
        python=find_in_python,
    ),
    Rule(
        "hardcoded-secret", "security", "hardcoded-secret", 4, 0.75, _CLAIM, _DISPROVE,
        {"a.ts": "export const apiKey = 'q8Zr" "2LmT9vXw4KpB7nYc';\n"},
        {"a.ts": "export const apiKey = process.env.API_KEY;\n"},
        script=find_in_script,
    ),
)  # fmt: skip
