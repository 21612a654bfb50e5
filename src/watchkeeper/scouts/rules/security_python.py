"""Rules of the dimension ``security`` for Python: what a stranger wrote is run, believed or shown as it is."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from watchkeeper.code.python_source.nodes import nodes_of
from watchkeeper.scouts.rules.pythonfile import (
    PythonFile,
    below,
    interpolated,
    keyword,
    literal_text,
    names_in,
    parameters,
)
from watchkeeper.scouts.rules.rule import Hit, Rule

_RUNS = frozenset(
    {f"subprocess.{verb}" for verb in ("run", "call", "check_call", "check_output", "Popen", "getoutput")}
)
_SHELLS = frozenset({"os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"})
_SQL = re.compile(
    r"\b(select\b.+\bfrom|insert\s+into|update\s+\S+\s+set|delete\s+from|drop\s+table|alter\s+table|where\s+\S+\s*(=|in|like))\b",
    re.IGNORECASE | re.DOTALL,
)
_IDENTIFIER = re.compile(
    r"table|column|\bcols?\b|field|schema|placeholder|\bmarks?\b|qmarks|quote|identifier|constraint|index|database"
    r"|order|sort|direction|clause|where|join|select|limit|offset|columns|_sql|sql_|\bsql\b|params|bind|dialect"
    r"|engine|collation|prefix|alias|count|size|number|\bnum|quant|amount|days|interval|batch|step",
    re.IGNORECASE,
)
_CHOSEN = re.compile(r"random|uuid|\bpid\b|port\b|count|number", re.IGNORECASE)
"""What the program chooses itself, or a number."""
_LONGEST_SQL = 10_000
_SAFE_CALLS = frozenset(
    "int float len str_id quote quote_name escape conditional_escape join urlencode quote_plus static reverse bool "
    "round repeat format_html".split()
)
_REQUEST = re.compile(
    r"\b(?:request|req)\.(?:GET|POST|FILES|args|form|values|json|data|query_params|files|headers|cookies|COOKIES|body)\b"
)
_CACHES = re.compile(r"cache|etag|fingerprint|gravatar|dedup", re.IGNORECASE)
_SECRET_WORDS = re.compile(r"passw|passwd|pwd|token|secret", re.IGNORECASE)
_SAFE_NAMES = re.compile(
    r"html|attrs|safe|clean|sanit|escap|html_for|static|icon|svg|css|style|script|json|nonce", re.IGNORECASE
)


def find_shell_injection(file: PythonFile) -> Iterator[Hit]:
    """A shell is given a text that something was put into."""
    for call, name in file.calls:
        by_shell = name in _SHELLS or (name in _RUNS and _is_true(keyword(call, "shell")))
        if not by_shell or not (call.args or keyword(call, "args")):
            continue
        command = call.args[0] if call.args else keyword(call, "args")
        assert command is not None
        parts = [part for part in _put_in(file, call, command) if not _CHOSEN.search(ast.unparse(part))]
        if parts and not _is_quoted(file, call, command, parts):
            yield file.hit(call, name)


def _put_in(file: PythonFile, call: ast.Call, text: ast.expr) -> list[ast.expr]:
    """What is put into a text, looked up where the text has a name; without what is written down in the file."""
    if isinstance(text, ast.Name):
        text = _assigned(file, call, text.id) or text
    parts = interpolated(text) or []
    return [part for part in parts if not _is_fixed(file, call, part)]


def _assigned(file: PythonFile, node: ast.AST, name: str) -> ast.expr | None:
    """The one value that a local name has in the function around; None where it has none, or several."""
    function = file.function(node)
    values = [
        each.value
        for each in (below(function) if function is not None else iter(file.tree.body))
        if isinstance(each, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in each.targets)
    ]
    return values[0] if len(values) == 1 else None


def _is_fixed(file: PythonFile, node: ast.AST, part: ast.expr) -> bool:
    """It is a constant, a number, or a name in capitals."""
    if isinstance(part, ast.Constant):
        return True
    if isinstance(part, ast.Call):
        return _last_name(part.func) in _SAFE_CALLS or bool(re.search(r"quote|escape", _last_name(part.func)))
    if isinstance(part, ast.Name | ast.Attribute) and _last_name(part).isupper():
        return True
    if file.name(part) in ("sys.executable", "os.sep", "os.devnull"):
        return True
    if isinstance(part, ast.Name):
        value = _assigned(file, node, part.id)
        known = value if value is not None else file.constants.get(part.id)
        if known is not None and known is not part:
            inner = interpolated(known)
            return (
                _is_fixed(file, node, known)
                if inner is None
                else all(
                    _is_fixed(file, node, one) for one in inner if not isinstance(one, ast.Name) or one.id != part.id
                )
            )
        return _is_number(file, node, part.id)
    return isinstance(part, ast.IfExp) and _is_fixed(file, node, part.body) and _is_fixed(file, node, part.orelse)


def _is_number(file: PythonFile, node: ast.AST, name: str) -> bool:
    function = file.function(node)
    for each in parameters(function) if function is not None else []:
        if each.arg == name and each.annotation is not None:
            return ast.unparse(each.annotation) in ("int", "float", "bool", "UUID", "uuid.UUID", "int | None")
    return False


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _is_quoted(file: PythonFile, call: ast.Call, command: ast.expr, parts: list[ast.expr]) -> bool:
    named = {name for part in parts for name in names_in(part)}
    quoted = {
        name
        for one, called in file.calls
        if called in ("shlex.quote", "shlex.join", "pipes.quote") and file.function(one) is file.function(call)
        for name in names_in(one)
    }
    return "shlex." in ast.unparse(command) or bool(named and named <= quoted)


def _is_true(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


def find_sql_injection(file: PythonFile) -> Iterator[Hit]:
    """A statement is put together from values instead of being given them."""
    if re.search(r"(^|/)(migrations|alembic|versions)/", file.path):
        return
    for call, _ in file.calls:
        if _last_name(call.func) not in ("execute", "executemany", "executescript", "raw", "text", "fetch", "fetchrow"):
            continue
        text = call.args[0] if call.args else None
        if text is None:
            continue
        known = (_assigned(file, call, text.id) if isinstance(text, ast.Name) else None) or text
        if not _SQL.search(literal_text(known)[:_LONGEST_SQL]):
            continue
        values = [part for part in _put_in(file, call, text) if not _IDENTIFIER.search(ast.unparse(part))]
        if values:
            yield file.hit(call, ast.unparse(values[0])[:60])


def find_eval(file: PythonFile) -> Iterator[Hit]:
    """``eval`` or ``exec`` of what a request or a person at the keyboard says."""
    for call, name in file.calls:
        if name in ("eval", "exec") and call.args and _is_told(file, call, call.args[0]):
            yield file.hit(call, name)


def _is_told(file: PythonFile, node: ast.AST, value: ast.expr) -> bool:
    """It comes straight from a request or from ``input``."""
    known = (_assigned(file, node, value.id) if isinstance(value, ast.Name) else None) or value
    text = ast.unparse(known)
    return bool(_REQUEST.search(text)) or (isinstance(known, ast.Call) and file.name(known.func) == "input")


def find_unsafe_load(file: PythonFile) -> Iterator[Hit]:
    """YAML that may make any object, and pickles of what came over the network."""
    for call, name in file.calls:
        if name in ("yaml.load", "yaml.load_all", "yaml.unsafe_load"):
            loader = call.args[1] if len(call.args) > 1 else keyword(call, "Loader")
            if (
                name == "yaml.unsafe_load"
                or loader is None
                or _last_name(loader) in ("Loader", "UnsafeLoader", "CLoader")
            ):
                yield file.hit(call, name)
        elif name in ("pickle.loads", "pickle.load", "marshal.loads", "dill.loads") and call.args:
            text = ast.unparse(call.args[0])
            if _REQUEST.search(text) or re.search(r"\.recv\(|\b(response|resp|r)\.content\b", text):
                yield file.hit(call, name, confidence=0.8)


def find_weak_hash(file: PythonFile) -> Iterator[Hit]:
    """MD5 or SHA-1 of a password, token or secret."""
    for call, name in file.calls:
        if name in ("hashlib.md5", "hashlib.sha1") and call.args and keyword(call, "usedforsecurity") is None:
            names = {_last_name(each) for each in nodes_of(call.args[0]) if isinstance(each, ast.Name | ast.Attribute)}
            if _CACHES.search(f"{file.symbol(call)} {file.text(call)}"):
                continue
            if any(_SECRET_WORDS.search(each) for each in names):
                yield file.hit(call, name.removeprefix("hashlib."))


def find_tls_off(file: PythonFile) -> Iterator[Hit]:
    """Whoever answers is believed to be who was asked for."""
    for call, name in file.calls:
        verify = keyword(call, "verify")
        if (
            name.startswith(("requests.", "httpx.")) and isinstance(verify, ast.Constant) and verify.value is False
        ) or name == "ssl._create_unverified_context":
            yield file.hit(call)
    for node in file.of(ast.Assign):
        target = node.targets[0]
        if not isinstance(target, ast.Attribute):
            continue
        is_false = isinstance(node.value, ast.Constant) and node.value.value is False
        if (
            target.attr == "verify"
            and is_false
            and re.search(r"session|client", ast.unparse(target.value), re.IGNORECASE)
        ):
            yield file.hit(node)


def find_unescaped(file: PythonFile) -> Iterator[Hit]:
    """Values are put into HTML that is then called safe."""
    for call, name in file.calls:
        if _last_name(call.func) not in ("mark_safe", "Markup", "SafeString", "SafeText") or len(call.args) != 1:
            continue
        if name.partition(".")[0] not in ("django", "markupsafe", "flask", "jinja2"):
            continue
        text = call.args[0]
        values = [part for part in _put_in(file, call, text) if _is_raw(file, call, part)]
        if values:
            yield file.hit(call, ast.unparse(values[0])[:60])


def _is_raw(file: PythonFile, node: ast.AST, part: ast.expr) -> bool:
    """A field of something, or what the function was given: what was made on the way may be escaped there."""
    if _SAFE_NAMES.search(ast.unparse(part)):
        return False
    if isinstance(part, ast.Name):
        function = file.function(node)
        return function is not None and part.id in {each.arg for each in parameters(function)}
    return isinstance(part, ast.Attribute | ast.Subscript) and not ast.unparse(part).startswith("self._")


def find_path_traversal(file: PythonFile) -> Iterator[Hit]:
    """A file is opened by a name that a request gives."""
    for call, name in file.calls:
        if name == "open" or _last_name(call.func) in ("send_file", "FileResponse"):
            first = call.args[0] if call.args else None
            known = (_assigned(file, call, first.id) if isinstance(first, ast.Name) else None) or first
            text = ast.unparse(known) if known is not None else ""
            if _REQUEST.search(text) and not re.search(r"secure_filename|basename|safe_join|\.name\b.*\bPath\(", text):
                yield file.hit(call, _last_name(call.func))


def find_debug_on(file: PythonFile) -> Iterator[Hit]:
    """Flask's debugger, which runs what a visitor types, or Django's in the settings of production."""
    uses_flask = "flask" in {name.partition(".")[0].lower() for name in file.imported.values()}
    for call in (call for call, name in file.calls if uses_flask and name.endswith(".run")):
        if _is_true(keyword(call, "debug")):
            yield file.hit(call)
    if re.search(r"(^|/)(settings/)?(prod|production|live)[\w]*\.py$", file.path):
        value = file.constants.get("DEBUG")
        if _is_true(value) and value is not None:
            yield file.hit(value)


def _one(body: str) -> dict[str, str]:
    return {"app/a.py": body}


RULES = (
    Rule(
        "shell-injection", "security", "injection", 4, 0.75,
        "{0} gives a shell a command that values were put into",
        "Show that nobody but the program itself can choose the values, or that they are quoted.",
        _one("import subprocess\n\n\ndef f(name):\n    subprocess.run(f'ls {name}', shell=True)\n"),
        _one("import subprocess\n\n\ndef f(name):\n    subprocess.run(['ls', name])\n"),
        python=find_shell_injection,
    ),
    Rule(
        "sql-injection", "security", "injection", 4, 0.75,
        "{0} is put into a statement of SQL instead of being passed to it",
        "Show that the value is a constant, a number or a checked name.",
        _one("def f(cursor, email):\n    cursor.execute(f\"SELECT * FROM users WHERE email = '{email}'\")\n"),
        _one("def f(cursor, email):\n    cursor.execute('SELECT * FROM users WHERE email = %s', [email])\n"),
        python=find_sql_injection,
    ),
    Rule(
        "eval-of-input", "security", "injection", 4, 0.9,
        "{0} runs what it is told from outside",
        "Show that the text cannot come from anybody else.",
        _one("def f(request):\n    return eval(request.GET['q'])\n"),
        _one("import ast\n\n\ndef f(request):\n    return ast.literal_eval(request.GET['q'])\n"),
        python=find_eval,
    ),
    Rule(
        "unsafe-load", "security", "injection", 3, 0.9,
        "{0} makes any object that the data asks for",
        "Show that nobody else can write the data.",
        _one("import yaml\n\n\ndef f(t):\n    return yaml.load(t)\n"),
        _one("import yaml\n\n\ndef f(t):\n    return yaml.load(t, Loader=yaml.SafeLoader)\n"),
        python=find_unsafe_load,
    ),
    Rule(
        "weak-hash", "security", "weak-cryptography", 3, 0.85,
        "{0} of something secret can be guessed",
        "Show that the digest protects nothing, as a key of a cache.",
        _one("import hashlib\n\n\ndef f(password):\n    return hashlib.md5(password.encode()).hexdigest()\n"),
        _one("import hashlib\n\n\ndef f(content):\n    return hashlib.md5(content).hexdigest()\n"),
        python=find_weak_hash,
    ),
    Rule(
        "tls-unverified", "security", "weak-cryptography", 3, 0.9,
        "the certificate of whoever answers is not looked at",
        "Show that the other side is on this machine, or that it is known in another way.",
        _one("import requests\n\n\ndef f(u):\n    return requests.get(u, timeout=1, verify=False)\n"),
        _one("import requests\n\n\ndef f(u):\n    return requests.get(u, timeout=1, verify='/ca.pem')\n"),
        python=find_tls_off,
    ),
    Rule(
        "unescaped-html", "security", "unescaped-html", 3, 0.7,
        "{0} is put into HTML that is called safe without being escaped",
        "Show where the value is escaped, or that nobody else can write it.",
        _one("from django.utils.safestring import mark_safe\n\n\ndef f(o):\n"
                    "    return mark_safe(f'<b>{o.title}</b>')\n"),
        _one("from django.utils.html import format_html\n\n\ndef f(o):\n"
                    "    return format_html('<b>{}</b>', o.title)\n"),
        python=find_unescaped,
    ),
    Rule(
        "path-traversal", "security", "injection", 4, 0.85,
        "{0} takes the name of a file from a request",
        "Show where the name is checked.",
        _one("def f(request):\n    return open('/data/' + request.GET['name']).read()\n"),
        _one("from os.path import basename\n\n\ndef f(request):\n"
                    "    return open('/data/' + basename(request.GET['name']))\n"),
        python=find_path_traversal,
    ),
    Rule(
        "debug-on", "security", "configuration-drift", 3, 0.6,
        "debugging is on: a visitor sees, or runs, what only developers should",
        "Show that this never runs where others reach it.",
        _one("from flask import Flask\n\napp = Flask(__name__)\napp.run(debug=True)\n"),
        _one("from flask import Flask\n\napp = Flask(__name__)\napp.run()\n"),
        python=find_debug_on,
    ),
)  # fmt: skip
