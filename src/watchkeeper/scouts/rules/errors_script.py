"""Rules of the dimension ``errors`` for TypeScript and JavaScript."""

from __future__ import annotations

import re
from collections.abc import Iterator

from watchkeeper.code.languages.script_syntax import ScriptNode
from watchkeeper.scouts.rules.rule import Hit, Rule
from watchkeeper.scouts.rules.scriptfile import FUNCTIONS, ScriptFile, arguments, callee, is_async, member

_MAY_FAIL = re.compile(
    r"localStorage|sessionStorage|JSON\.parse|new URL\(|clipboard|\.(close|abort|cancel|releaseLock|play|pause|kill"
    r"|unlink|unlinkSync|rm|rmSync|removeChild|disconnect|terminate|destroy|focus|prefetch|stop|share|json|accessSync|statSync"
    r"|getTimezone|resolvedOptions|sendBeacon|subscribe|startTyping|requestFullscreen|exitFullscreen|setPointerCapture|unsubscribe|return)\b|keepalive|[cC]onfirm\w*|[dD]ialog|[mM]odal|decodeURI|postMessage|require\(|import\("
)
_ASKS = re.compile(r"\b(ok|status|statusText|isOk|errored)\b")


def find_empty_catch(file: ScriptFile) -> Iterator[Hit]:
    """``catch {}`` without a word, around more than what may fail unheard."""
    for clause in file.of("catch_clause"):
        body, attempt = clause.field("body"), clause.parent
        if body is None or body.children() or _has_comment(body) or attempt is None:
            continue
        tried = attempt.field("body")
        if tried is not None and not _MAY_FAIL.search(tried.text) and not attempt.is_broken:
            yield file.hit(clause)


def find_silent_catch(file: ScriptFile) -> Iterator[Hit]:
    """``.catch(() => {})`` without a word."""
    for call, _ in file.calls:
        given = arguments(call)
        if member(call) != "catch" or len(given) != 1 or given[0].kind != "arrow_function":
            continue
        body, function = given[0].field("body"), call.field("function")
        if body is None or body.kind != "statement_block" or body.children() or _has_comment(body):
            continue
        if "//" in "".join(file.lines[call.last_line - 1 : call.last_line]):
            continue
        listed = call.parent is not None and call.parent.kind == "array"  # of promises that are only waited for
        if function is not None and not listed and not _MAY_FAIL.search(function.text):
            yield file.hit(call)


def _has_comment(body: ScriptNode) -> bool:
    return any(piece.kind == "comment" for piece in body.pieces())


def find_unchecked_fetch(file: ScriptFile) -> Iterator[Hit]:
    """The body of an answer is read as if it were good, and nobody looks at its status."""
    for call, name in file.calls:
        if name not in ("fetch", "window.fetch", "globalThis.fetch") or not arguments(call):
            continue
        waited = call.parent
        if waited is None or waited.kind != "await_expression":
            continue
        function = file.function(call)
        holder = waited.parent
        if holder is not None and holder.kind == "parenthesized_expression":
            above = holder.parent
            if above is not None and above.kind == "member_expression" and above.text.endswith(".json"):
                yield file.hit(call)
        elif holder is not None and holder.kind == "variable_declarator" and function is not None:
            answer = holder.field("name")
            if answer is not None and answer.kind == "identifier" and _is_read_blindly(function.text, answer.text):
                yield file.hit(call)


def _is_read_blindly(body: str, answer: str) -> bool:
    """Its JSON is read, and it is used for nothing else: nobody asks whether it is good, nobody else gets it."""
    uses = re.findall(rf"(?<![\w$.]){re.escape(answer)}(?![\w$])\s*\??\.?\s*(\w*)", body)
    rest = [use for use in uses if use != ""]
    says = re.search(r"\.\s*(error|errors|ok|success|status|message|code)\b", body.replace(f"{answer}.json", ""))
    return (
        says is None
        and "json" in rest
        and set(rest) <= {"json", "await", "const"}
        and len(uses) == body.count(f"{answer}.json") + 1
    )


def find_unchecked_query(file: ScriptFile) -> Iterator[Hit]:
    """Supabase answers with ``error`` instead of throwing: who does not take it takes failure for no rows."""
    for call, name in file.calls:
        if not re.match(r"(?:await)?\(?(?:\w+\.)*\w*supabase\w*\.(from|rpc)\(", name, re.IGNORECASE):
            continue
        waited = call.parent
        if waited is None or waited.kind != "await_expression" or "throwOnError" in call.text:
            continue
        holder = waited.parent
        if holder is None:
            continue
        if holder.kind == "expression_statement" and re.search(r"\.(insert|update|upsert|delete|rpc)\(", call.text):
            yield file.hit(holder, "what it answers is not looked at", confidence=0.85)
        elif holder.kind == "variable_declarator":
            taken = holder.field("name")
            if taken is None or taken.kind != "object_pattern" or re.search(r"\berror\b|\.\.\.", taken.text):
                continue
            function = file.function(call)
            if not _asks_for_nothing(taken.text, function.text if function is not None else file.text):
                yield file.hit(holder, "its error is not taken")


def _asks_for_nothing(taken: str, body: str) -> bool:
    """Whether somebody asks if there is data at all, and so hears of a failure."""
    names = re.findall(r"\b\w+\b", taken)
    return any(re.search(rf"if\s*\(\s*!\s*{name}\b|{name}\s*(===?|!==?)\s*(null|undefined)", body) for name in names)


def find_floating_promise(file: ScriptFile) -> Iterator[Hit]:
    """Async functions of this file that an async function calls without waiting for them."""
    own = _async_functions(file)
    for statement in file.of("expression_statement"):
        inside = statement.children()
        call = inside[0] if inside and inside[0].kind == "call_expression" else None
        if call is None or callee(call) not in own:
            continue
        function = file.function(statement)
        if function is not None and is_async(function) and not file.root.is_broken:
            yield file.hit(statement, callee(call))


def _async_functions(file: ScriptFile) -> frozenset[str]:
    """Those that are defined once, and do not handle all of their own errors."""
    found: dict[str, list[bool]] = {}
    for node in file.of("function_declaration"):
        name = node.field("name")
        if name is not None:
            found.setdefault(name.text, []).append(is_async(node) and not _handles_all(node))
    for node in file.of("variable_declarator"):
        name, value = node.field("name"), node.field("value")
        if name is not None and name.kind == "identifier":
            mine = value is not None and value.kind in FUNCTIONS and is_async(value) and not _handles_all(value)
            found.setdefault(name.text, []).append(mine)
    return frozenset(name for name, each in found.items() if each == [True])


def _handles_all(function: ScriptNode) -> bool:
    body = function.field("body")
    statements = body.children() if body is not None else []
    return any(each.kind == "try_statement" for each in statements)


RULES = (
    Rule(
        "empty-catch", "errors", "silent-error", 3, 0.85,
        "an error is caught here, and nobody hears of it",
        "Show who is told of the failure, or the words that say why silence is meant.",
        {"a.ts": "export async function f() {\n  try {\n    await save();\n  } catch (e) {\n  }\n}\n"},
        {"a.ts": "export async function f() {\n  try {\n    await save();\n  } catch (e) {\n    report(e);\n  }\n}\n"},
        script=find_empty_catch,
    ),
    Rule(
        "silent-catch", "errors", "silent-error", 2, 0.6,
        "a rejected promise is dropped here, and nobody hears of it",
        "Show who is told of the failure, or that nothing depends on whether it worked.",
        {"a.ts": "export const f = () => save().catch(() => {});\n"},
        {"a.ts": "export const f = () => save().catch((e) => { report(e); });\n"},
        script=find_silent_catch,
    ),
    Rule(
        "unchecked-response", "errors", "silent-error", 2, 0.8,
        "the answer is read as JSON, and nobody asks whether the request succeeded",
        "Show where `ok` or `status` is looked at, or that the one asked always answers with the same shape.",
        {"a.ts": "export async function f(u: string) {\n  const r = await fetch(u);\n  return await r.json();\n}\n"},
        {"a.ts": "export async function f(u: string) {\n  const r = await fetch(u);\n  if (!r.ok) throw new Error(u);\n"
                 "  return await r.json();\n}\n"},
        script=find_unchecked_fetch,
    ),
    Rule(
        "unchecked-result", "errors", "silent-error", 3, 0.75,
        "a query of Supabase may fail without anybody knowing: {0}",
        "Show where `error` is looked at, or that the client throws.",
        {"a.ts": "export async function f() {\n  const { data } = await supabase.from('t').select('*');\n"
                    "  return data;\n}\n"},
        {"a.ts": "export async function f() {\n  const { data, error } = await supabase.from('t').select('*');\n"
                 "  if (error) throw error;\n  return data;\n}\n"},
        script=find_unchecked_query,
    ),
    Rule(
        "floating-promise", "errors", "silent-error", 2, 0.7,
        "{0} is async, and nobody waits for it or for its failure",
        "Show that its failure is handled inside, or that nothing has to wait for it.",
        {"a.ts": "async function g() { await x(); }\nexport async function f() {\n  g();\n}\n"},
        {"a.ts": "async function g() { await x(); }\nexport async function f() {\n  await g();\n}\n"},
        script=find_floating_promise,
    ),
)  # fmt: skip
