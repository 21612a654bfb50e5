"""The rule ``missing-ownership-check``: whoever is signed in may reach what belongs to others, by its id alone."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from watchkeeper.code.languages.script_syntax import ScriptNode
from watchkeeper.code.python_source.nodes import nodes_of
from watchkeeper.scouts.rules.pythonfile import Function, PythonFile, keyword, names_in, parameters
from watchkeeper.scouts.rules.rule import Hit, Rule
from watchkeeper.scouts.rules.scriptfile import ScriptFile, arguments

_ID = re.compile(r"(^|_)(id|pk|uuid|code|slug)$|Id$", re.IGNORECASE)
_OWNED = re.compile(
    r"user|owner|member|workspace|tenant|organi[sz]ation|\borgs?\b|_org|org_|team|account|project|permission|perms?\b|allowed"
    r"|access|author|auth|role|admin|session|superuser|staff|creator|created_by|customer|profile|viewer|actor|tenant|can_|policy|guard|protect"
    r"|token|secret|signature|verify|hmac|api_?key|cron",
    re.IGNORECASE,
)
_SIGNED_IN = re.compile(r"login_required|LoginRequired|require_login|authenticated")
_CHECKS = re.compile(
    r"perm|admin|staff|superuser|role|owner|member|access|user_passes_test|author(?!ized_only)", re.IGNORECASE
)
_ROUTES = frozenset({"get", "post", "put", "patch", "delete"})
_WRITES = "update|delete|updateMany|deleteMany|upsert"


def find_in_python(file: PythonFile) -> Iterator[Hit]:
    """Handlers of Django, Flask and FastAPI for which one has to be signed in, and that ask by an id alone."""
    for function in file.functions:
        given = _ids_given(function)
        if not given or not _is_handler(function):
            continue
        for each in nodes_of(function):
            if isinstance(each, ast.Call) and (what := _asked_by_id(file, each, given)):
                yield file.hit(each, function.name, what)
                break


def _ids_given(function: Function) -> frozenset[str]:
    return frozenset(each.arg for each in parameters(function) if _ID.search(each.arg))


def _is_handler(function: Function) -> bool:
    """It is a route, one has to be signed in for it, and nothing in it looks at who that is."""
    decorators = " ".join(ast.unparse(each) for each in function.decorator_list)
    body = re.sub(r"(?<![\w.])session\b", "", "\n".join(ast.unparse(each) for each in function.body))  # of a database
    takes = [each.arg for each in parameters(function)]
    if _SIGNED_IN.search(decorators) and not _CHECKS.search(decorators):
        signed = [name for name in takes if name in ("request", "req", "self")]
        passed_on = any(
            isinstance(each, ast.Call)
            and any(isinstance(arg, ast.Name) and arg.id in signed for arg in each.args)
            and not re.search(r"render|redirect", ast.unparse(each.func))
            for each in nodes_of(function)
        )
        return not _OWNED.search(body) and not passed_on
    return _is_route(function) and not _OWNED.search(body) and _has_unused_caller(function, decorators)


def _is_route(function: Function) -> bool:
    return any(
        isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute) and each.func.attr in _ROUTES
        for each in function.decorator_list
    )


def _has_unused_caller(function: Function, decorators: str) -> bool:
    """FastAPI: a parameter says who is asking, and the body never looks at it."""
    if _CHECKS.search(decorators) or "ependencies" in decorators:
        return False
    used = {name for statement in function.body for name in names_in(statement)}
    for each in parameters(function):
        said = f"{each.arg} {ast.unparse(each.annotation) if each.annotation is not None else ''}"
        if re.search(r"current_?user|CurrentUser", said) and not re.search(r"super|admin|staff", said, re.IGNORECASE):
            return each.arg not in used
    return False


def _asked_by_id(file: PythonFile, call: ast.Call, given: frozenset[str]) -> str:
    """The model that is asked for by an id of the caller and nothing else."""
    name = file.name(call.func).rpartition(".")[2]
    if name in ("get_object_or_404", "aget_object_or_404") and call.args:
        keys = call.keywords
        alone = len(call.args) == 1 and len(keys) == 1 and keys[0].arg in ("id", "pk", "uuid", "code")
        return ast.unparse(call.args[0]) if alone and names_in(keys[0].value) & given else ""
    if isinstance(call.func, ast.Attribute) and call.func.attr in ("get", "filter"):
        receiver = ast.unparse(call.func.value)
        if receiver.endswith(".objects") and len(call.keywords) == 1 and not call.args:
            key = call.keywords[0]
            return (
                receiver.removesuffix(".objects")
                if key.arg in ("id", "pk", "uuid") and names_in(key.value) & given
                else ""
            )
        if re.search(r"(^|\.)(session|db)$", receiver) and len(call.args) == 2 and names_in(call.args[1]) & given:
            return ast.unparse(call.args[0])
    if keyword(call, "ident") is not None:
        return ""
    return ""


def find_in_script(file: ScriptFile) -> Iterator[Hit]:
    """Server actions and route handlers of Next.js that change or read a row by its id, and never ask for whom."""
    first = next(iter(file.root.children()), None)
    is_action = first is not None and first.text.strip("\"';") == "use server"
    is_route = re.search(r"(^|/)app/.*route\.[jt]sx?$|(^|/)pages/api/", file.path) is not None
    if not (is_action or is_route) or re.search(r"cron|webhook|public|health|/admin/", file.path):
        return
    for call, name in file.calls:
        if not re.search(rf"(^|\.)(prisma|db|tx|prismaClient|client)\.\w+\.({_WRITES})$", name) and not (
            re.search(r"supabase\w*\.from\(", name, re.IGNORECASE) and name.endswith(".eq")
        ):
            continue
        function = _outermost(file, call)
        if function is None or _OWNED.search(function.text) or not _is_exported(function):
            continue
        holder = function.parent
        if holder is not None and holder.kind == "arguments":
            continue  # something is wrapped around the handler, and may ask who calls
        if _is_by_id_alone(call, name, _given(function)):
            yield file.hit(call, file.symbol(call) or "the handler", name.partition("(")[0])


def _outermost(file: ScriptFile, node: ScriptNode) -> ScriptNode | None:
    function = file.function(node)
    while function is not None and (above := file.function(function)) is not None:
        function = above
    return function


def _is_exported(function: ScriptNode) -> bool:
    return any(each.kind == "export_statement" for each in function.outward())


def _given(function: ScriptNode) -> frozenset[str]:
    """What the caller says: parameters, and what is taken out of them, of the body or of the address."""
    names = function.field("parameters")
    found = set(re.findall(r"[A-Za-z_$][\w$]*", names.text)) if names is not None else set()
    for taken, source in re.findall(r"(?:const|let)\s+(\{[^}]*\}|\w+)\s*=\s*([^;\n]*)", function.text):
        if re.search(r"params|\.json\(|formData|query|body|parse\(", source):
            found |= set(re.findall(r"[A-Za-z_$][\w$]*", taken))
    return frozenset(found)


def _is_by_id_alone(call: ScriptNode, name: str, given: frozenset[str]) -> bool:
    if name.endswith(".eq"):
        arguments_ = arguments(call)
        whole = re.sub(r"\s+", "", call.text)
        writes = re.search(r"\.(delete|update)\(", whole) is not None and whole.count(".eq(") == 1
        return (
            writes
            and len(arguments_) > 1
            and arguments_[0].text.strip("\"'`") == "id"
            and _root(arguments_[1].text) in given
        )
    where = re.search(r"where:\s*\{\s*(\w+)\s*(?::\s*([\w.()]+)\s*)?,?\s*\}", call.text)
    if where is None or not (where[1] == "id" or where[1].endswith("Id")):
        return False
    return _root(where[2] or where[1]) in given


def _root(text: str) -> str:
    found = re.findall(r"[A-Za-z_$][\w$]*", text)
    return next((each for each in found if each not in ("Number", "String", "parseInt")), "")


_CLAIM = "{0} reaches {1} by an id that the caller gives, and nothing in it says whose that may be"
_DISPROVE = (
    "Show where it is checked that the caller may have this one: a filter, a policy of the database, a guard before it."
)

RULES = (
    Rule(
        "missing-ownership-check", "security", "missing-ownership-check", 4, 0.6, _CLAIM, _DISPROVE,
        {"views.py": "@login_required\ndef show(request, id):\n    note = get_object_or_404(Note, id=id)\n"
                     "    return render(request, 'a.html', {'n': note})\n"},
        {"views.py": "@login_required\ndef show(request, id):\n"
                    "    note = get_object_or_404(Note, id=id, owner=request.user)\n"
                     "    return render(request, 'a.html', {'n': note})\n"},
        python=find_in_python,
    ),
    Rule(
        "missing-ownership-check", "security", "missing-ownership-check", 4, 0.65, _CLAIM, _DISPROVE,
        {"app/actions.ts": "'use server';\nexport async function remove(id: string) {\n"
                           "  await prisma.note.delete({ where: { id } });\n}\n"},
        {"app/actions.ts": "'use server';\nexport async function remove(id: string) {\n  const user = await me();\n"
                           "  await prisma.note.delete({ where: { id, userId: user.id } });\n}\n"},
        script=find_in_script,
    ),
)  # fmt: skip
