"""Rules of the dimension ``performance`` for TypeScript and JavaScript."""

from __future__ import annotations

import re
from collections.abc import Iterator

from watchkeeper.code.languages.script_syntax import ScriptNode
from watchkeeper.scouts.rules.rule import Hit, Rule
from watchkeeper.scouts.rules.scriptfile import FUNCTIONS, ScriptFile, callee, member

_PRISMA = re.compile(
    r"^(?:\w+\.)*(prisma|tx|trx|db|prismaClient|client)\.\w+\.(findUnique|findFirst|findMany|findUniqueOrThrow"
    r"|findFirstOrThrow|create|update|upsert|delete|count|aggregate|updateMany|deleteMany)$"
)
_SUPABASE = re.compile(r"^(?:\w+\.)*\w*supabase\w*\.(from|rpc)\(", re.IGNORECASE)
_READS = re.compile(r"find|count|aggregate|\.from\(")
_ONE_OFF = re.compile(r"(^|/)(migrations?|scripts?|seeds?|seed\.\w+|prisma|tools|bin)(/|$)")
_IN_PIECES = re.compile(r"chunk|batch|page|retr|attempt", re.IGNORECASE)


def find_query_in_loop(file: ScriptFile) -> Iterator[Hit]:
    """Queries that are waited for in a loop, or made for each element of a list, and use the element."""
    if _ONE_OFF.search(file.path):
        return
    for call, name in file.calls:
        if not (_PRISMA.match(name) or _SUPABASE.match(name)) or not _is_waited_for(call):
            continue
        turn = _turn(call)
        if turn is not None and turn[0] & set(re.findall(r"[A-Za-z_$][\w$]*", call.text)):
            shown = name.partition("(")[0]
            yield file.hit(call, shown, confidence=None if _READS.search(name) and not turn[1] else 0.6)


def _is_waited_for(call: ScriptNode) -> bool:
    above = call.parent
    return above is not None and above.kind in ("await_expression", "return_statement", "arrow_function")


def _turn(node: ScriptNode) -> tuple[set[str], bool] | None:
    """The names that change with each turn of the loop around it, and whether the turns run at once."""
    for each in node.outward():
        if each.kind == "for_in_statement":
            left, right, body = each.field("left"), each.field("right"), each.field("body")
            if left is None or right is None or body is None or _is_few(right) or _leaves_early(body):
                return None
            if node.span[0] < body.span[0]:
                return None  # it stands in what is looped over, and runs once
            names = set(re.findall(r"[A-Za-z_$][\w$]*", left.text)) | set(_bound(body))
            return None if _IN_PIECES.search(left.text + right.text) else (names, False)
        if each.kind in FUNCTIONS:
            holder = each.parent
            loop = holder.parent if holder is not None and holder.kind == "arguments" else None
            if loop is None or loop.kind != "call_expression" or member(loop) not in ("map", "flatMap", "forEach"):
                return None
            given, body = each.field("parameters") or each.field("parameter"), each.field("body")
            if given is None or body is None or _is_few_called(loop) or _IN_PIECES.search(callee(loop) + given.text):
                return None
            return set(re.findall(r"[A-Za-z_$][\w$]*", given.text)) | set(_bound(body)), True
        if each.kind in ("while_statement", "for_statement", "do_statement"):
            return None
    return None


def _bound(body: ScriptNode) -> list[str]:
    return re.findall(r"\b(?:const|let)\s+([A-Za-z_$][\w$]*)\s*=", body.text)


def _is_few(values: ScriptNode) -> bool:
    return values.kind == "array" or values.text.isupper()


def _is_few_called(loop: ScriptNode) -> bool:
    function = loop.field("function")
    values = function.field("object") if function is not None else None
    return values is not None and _is_few(values)


def _leaves_early(body: ScriptNode) -> bool:
    return re.search(r"\b(break|return)\b", body.text) is not None


RULES = (
    Rule(
        "query-in-loop", "performance", "n-plus-one", 2, 0.75,
        "{0} asks the database once for each element of a loop",
        "Show that there are few elements, or that the query cannot be asked for all of them at once.",
        {"a.ts": "export async function f(ids: string[]) {\n  for (const id of ids) {\n"
                 "    await prisma.user.findUnique({ where: { id } });\n  }\n}\n"},
        {"a.ts": "export async function f(ids: string[]) {\n"
                 "  return await prisma.user.findMany({ where: { id: { in: ids } } });\n}\n"},
        script=find_query_in_loop,
    ),
)  # fmt: skip
