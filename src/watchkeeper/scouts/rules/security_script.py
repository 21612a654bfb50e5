"""Rules of the dimension ``security`` for TypeScript and JavaScript."""

from __future__ import annotations

import re
from collections.abc import Iterator

from watchkeeper.code.languages.script_syntax import ScriptNode
from watchkeeper.scouts.rules.rule import Hit, Rule
from watchkeeper.scouts.rules.scriptfile import ScriptFile, arguments, member, substitutions

_CLEANED = re.compile(
    r"sanit|purify|escape|highlight|safe|clean|renderToStaticMarkup|JSON\.stringify|css|style|svg|icon|shiki|katex"
    r"|codeToHtml|encodeURI|i18n|\bt\(|toSVG|serialize|[Tt]heme|script|\.toString\(\)|nonce|snippet|jsonLd|json_ld",
    re.IGNORECASE,
)
_TOOL = re.compile(r"(^|/)(scripts?|bin|tools|build|ci|generators?)/")
_SQL = re.compile(r"\b(select\b.+\bfrom|insert\s+into|update\s+\S+\s+set|delete\s+from)\b", re.IGNORECASE | re.DOTALL)
_CLEANS = re.compile(r"codeToHtml|dompurify|sanitize|highlighter|xss\b", re.IGNORECASE)
_FETCHED = re.compile(r"\.text\(\)|\$\.(ajax|get|post)\b|responseText|\.load\(")
_LONGEST_SQL = 10_000
_NAMES_A_THING = re.compile(
    r"table|column|field|schema|placeholder|order|sort|direction|clause|where|join|limit|offset|quote|ident|escape|sql|query|filter|[cC]ols?\b|group|prefix|database",
    re.IGNORECASE,
)


def find_raw_html(file: ScriptFile) -> Iterator[Hit]:
    """``dangerouslySetInnerHTML`` and ``innerHTML`` of what is neither written in the code nor cleaned."""
    if _CLEANS.search(file.text):
        return
    for attribute in file.of("jsx_attribute"):
        if attribute.text.startswith("dangerouslySetInnerHTML"):
            value = _html_of(attribute)
            if value is not None and not _is_harmless(file, value):
                yield file.hit(attribute, value.text[:60], confidence=0.45 if value.kind == "identifier" else None)
    for assignment in file.of("assignment_expression"):
        left, right = assignment.field("left"), assignment.field("right")
        if left is None or right is None or not re.search(r"\.(innerHTML|outerHTML)$", left.text):
            continue
        if re.search(r"html\b|^\w\w?\(", right.text, re.IGNORECASE) or _FETCHED.search(file.text):
            continue  # a piece of a page that the server made, or a helper of two letters that escapes
        if not _is_harmless(file, right):
            yield file.hit(assignment, right.text[:60])


def _html_of(attribute: ScriptNode) -> ScriptNode | None:
    for each in attribute.walk():
        if each.kind == "pair" and (key := each.field("key")) is not None and key.text.strip("\"'") == "__html":
            return each.field("value")
    return None


def _is_harmless(file: ScriptFile, value: ScriptNode, depth: int = 0) -> bool:
    """It is written in the code, put together from what is, or cleaned by something that says so."""
    if value.kind in ("string", "number", "null", "undefined") or _CLEANED.search(value.text):
        return True
    if value.kind == "binary_expression" and (
        sides := [side for name in ("left", "right") if (side := value.field(name)) is not None]
    ):
        return all(_is_harmless(file, side, depth) for side in sides)
    if re.search(r"^(this|styles|strings)\.|(^|\.)id$|Id$", value.text):
        return True
    if value.kind == "template_string":
        return all(_is_harmless(file, part, depth + 1) for part in substitutions(value))
    if value.kind == "ternary_expression":
        sides = [side for name in ("consequence", "alternative") if (side := value.field(name)) is not None]
        return all(_is_harmless(file, side, depth) for side in sides)
    if value.kind == "member_expression" and value.text.endswith((".innerHTML", ".outerHTML", ".length")):
        return True
    if value.kind == "identifier" and depth < 3:
        made = [
            each.field("value")
            for each in file.of("variable_declarator")
            if (name := each.field("name")) is not None and name.text == value.text
        ]
        known = [each for each in made if each is not None]
        return (len(known) == 1 and len(made) == 1 and _is_harmless(file, known[0], depth + 1)) or value.text.isupper()
    return False


def find_shell_injection(file: ScriptFile) -> Iterator[Hit]:
    """``exec`` of a command that values were put into."""
    for call, name in file.calls:
        verb = name.rpartition(".")[2]
        root = name.partition(".")[0]
        if verb not in ("exec", "execSync") or "child_process" not in file.imports.get(root, ""):
            continue
        given = arguments(call)
        parts = substitutions(given[0]) if given else []
        if any(not part.text.isupper() and not re.search(r"quote|escape|__dirname", part.text) for part in parts):
            yield file.hit(call, name, confidence=0.4 if _TOOL.search(file.path) else None)


def find_sql_injection(file: ScriptFile) -> Iterator[Hit]:
    """A statement that values were put into, given to what runs texts as they are."""
    for call, _name in file.calls:
        verb, given = member(call), arguments(call)
        if verb not in ("query", "execute", "raw", "unsafe", "$queryRawUnsafe", "$executeRawUnsafe") or not given:
            continue
        if not _SQL.search(given[0].text[:_LONGEST_SQL]) or given[0].kind not in (
            "template_string",
            "binary_expression",
        ):
            continue
        values = [
            part for part in substitutions(given[0]) if not _NAMES_A_THING.search(part.text) and not part.text.isupper()
        ]
        if values:
            yield file.hit(call, values[0].text[:60])


def find_eval(file: ScriptFile) -> Iterator[Hit]:
    """``eval`` of a text that is not written down."""
    for call, name in file.calls:
        given = arguments(call)
        if name in ("eval", "window.eval") and given and given[0].kind not in ("string", "template_string"):
            yield file.hit(call, name)


def find_tls_off(file: ScriptFile) -> Iterator[Hit]:
    """Whoever answers is believed to be who was asked for."""
    for pair in file.of("pair"):
        key, value = pair.field("key"), pair.field("value")
        if (
            key is not None
            and value is not None
            and key.text.strip("\"'") == "rejectUnauthorized"
            and value.text == "false"
        ):
            yield file.hit(pair)
    for assignment in file.of("assignment_expression"):
        left, right = assignment.field("left"), assignment.field("right")
        if left is None or right is None or not left.text.endswith("NODE_TLS_REJECT_UNAUTHORIZED"):
            continue
        if right.text.strip("\"'") == "0":
            yield file.hit(assignment)


RULES = (
    Rule(
        "unescaped-html", "security", "unescaped-html", 3, 0.6,
        "{0} is shown as HTML, and nothing in this file cleans it",
        "Show where it is cleaned, or that nobody else can write it.",
        {"a.tsx": "export const A = (p: P) => <div dangerouslySetInnerHTML={{ __html: p.body }} />;\n"},
        {"a.tsx": "export const A = (p: P) => <div dangerouslySetInnerHTML={{ __html: sanitize(p.body) }} />;\n"},
        script=find_raw_html,
    ),
    Rule(
        "shell-injection", "security", "injection", 4, 0.75,
        "{0} gives a shell a command that values were put into",
        "Show that nobody but the program itself can choose the values, or that they are quoted.",
        {"a.ts": "import { exec } from 'child_process';\nexport const f = (n: string) => exec(`ls ${n}`);\n"},
        {"a.ts": "import { exec } from 'child_process';\nexport const f = () => exec('ls');\n"},
        script=find_shell_injection,
    ),
    Rule(
        "sql-injection", "security", "injection", 4, 0.75,
        "{0} is put into a statement of SQL instead of being passed to it",
        "Show that the value is a constant, a number or a checked name.",
        {"a.ts": "export const f = (e: string) => db.query(`SELECT * FROM users WHERE email = '${e}'`);\n"},
        {"a.ts": "export const f = (e: string) => db.query('SELECT * FROM users WHERE email = $1', [e]);\n"},
        script=find_sql_injection,
    ),
    Rule(
        "eval-of-input", "security", "injection", 4, 0.7,
        "{0} runs a text that is not written in the code",
        "Show that the text cannot come from anybody else.",
        {"a.ts": "export const f = (s: string) => eval(s);\n"},
        {"a.ts": "export const f = (s: string) => JSON.parse(s);\n"},
        script=find_eval,
    ),
    Rule(
        "tls-unverified", "security", "weak-cryptography", 3, 0.85,
        "the certificate of whoever answers is not looked at",
        "Show that the other side is on this machine, or that it is known in another way.",
        {"a.ts": "export const agent = new Agent({ rejectUnauthorized: false });\n"},
        {"a.ts": "export const agent = new Agent({ rejectUnauthorized: true });\n"},
        script=find_tls_off,
    ),
)  # fmt: skip
