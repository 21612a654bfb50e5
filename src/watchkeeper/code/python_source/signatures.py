"""What callers rely on: parameters, result, exceptions."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from watchkeeper.code.python_source.annotations import dotted_chain, last_name
from watchkeeper.code.python_source.bodies import Body, Function, raised_names
from watchkeeper.model.reading import Parameter, ParameterKind, Signature

_FIELD_MAKERS = frozenset({"field", "Field", "attrib", "ib", "attr_ib", "PrivateAttr"})
_POSITIONAL_DATA = frozenset({"dataclass", "define", "attrs", "s", "mutable", "frozen", "attr_s", "pydantic_dataclass"})
_POSITIONAL_BASES = frozenset({"NamedTuple", "Struct"})
_KEYWORD_BASES = frozenset({"BaseModel", "TypedDict", "BaseSettings", "SQLModel"})
_ATTRS = frozenset({"define", "attrs", "s", "mutable", "frozen", "attr_s"})


def render(node: ast.expr | None) -> str:
    """The source of an expression with formatting removed; ``""`` for None."""
    if node is None:
        return ""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Constant) and (node.value is None or isinstance(node.value, (str, bool))):
        return repr(node.value)
    try:
        return ast.unparse(node)
    except (ValueError, RecursionError):  # a number too long to print, an expression too deep
        return f"<{type(node).__name__}>"


def dotted(node: ast.expr) -> str:
    """``a.b`` of ``a.b``, ``a.b(...)`` and ``a.b[...]``; ``""`` for anything else."""
    while isinstance(node, ast.Call):
        node = node.func
    return "".join(dotted_chain(node))


def function_signature(node: Function, body: Body, skip_first: bool, receiver: str) -> Signature:
    """The contract of a function; ``skip_first`` leaves out ``self`` or ``cls``."""
    parameters = tuple(_parameters(node.args))
    if skip_first and parameters and parameters[0].kind in (ParameterKind.POSITIONAL_ONLY, ParameterKind.NORMAL):
        parameters = parameters[1:]
    return Signature(
        parameters,
        render(node.returns),
        isinstance(node, ast.AsyncFunctionDef),
        body.yields is not None,
        raised_names(body, receiver) if body.raises else (),
        any(not _is_none(value) for value in body.returns),
        _arity(body.returns),
    )


def fields_signature(node: ast.ClassDef) -> Signature | None:
    """The constructor that a dataclass, named tuple, attrs, msgspec or pydantic class gets from its fields."""
    kind = _data_kind(node)
    if kind is None:
        return None
    is_keyword_only, strips_underscore = kind
    parameters: list[Parameter] = []
    for statement in node.body:
        name, annotation, value = _field(statement)
        if last_name(annotation) == "KW_ONLY" if annotation is not None else False:
            is_keyword_only = True
        elif name and _is_parameter(annotation, value, strips_underscore):
            keyword_only = is_keyword_only or _flag(value, "kw_only") is True
            parameters.append(
                Parameter(
                    _public(name, value, strips_underscore),
                    ParameterKind.KEYWORD_ONLY if keyword_only else ParameterKind.NORMAL,
                    _default(value),
                    render(annotation),
                )
            )
    return Signature(tuple(parameters))


def _parameters(arguments: ast.arguments) -> Iterator[Parameter]:
    positional = [*arguments.posonlyargs, *arguments.args]
    missing = len(positional) - len(arguments.defaults)
    for place, item in enumerate(positional):
        kind = ParameterKind.POSITIONAL_ONLY if place < len(arguments.posonlyargs) else ParameterKind.NORMAL
        default = render(arguments.defaults[place - missing]) if place >= missing else ""
        yield Parameter(item.arg, kind, default, render(item.annotation))
    if arguments.vararg is not None:
        yield _starred(arguments.vararg, ParameterKind.VAR_POSITIONAL)
    for item, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield Parameter(item.arg, ParameterKind.KEYWORD_ONLY, render(value), render(item.annotation))
    if arguments.kwarg is not None:
        yield _starred(arguments.kwarg, ParameterKind.VAR_KEYWORD)


def _starred(item: ast.arg, kind: ParameterKind) -> Parameter:
    return Parameter(item.arg, kind, "", render(item.annotation))


def _is_none(node: ast.expr | None) -> bool:
    return node is None or (isinstance(node, ast.Constant) and node.value is None)


def _arity(returns: list[ast.expr | None]) -> int:
    sizes = {_tuple_size(value) for value in returns}
    return sizes.pop() if len(sizes) == 1 else 0


def _tuple_size(node: ast.expr | None) -> int:
    if not isinstance(node, ast.Tuple) or any(isinstance(item, ast.Starred) for item in node.elts):
        return 0
    return len(node.elts)


def _data_kind(node: ast.ClassDef) -> tuple[bool, bool] | None:
    """Whether all fields are by keyword, and whether leading underscores fall off; None for an ordinary class."""
    for decorator in node.decorator_list:
        name = last_name(decorator)
        if name in _POSITIONAL_DATA:
            if _flag(decorator, "init") is False:
                return None
            return _flag(decorator, "kw_only") is True, name in _ATTRS
    bases = {last_name(base) for base in node.bases}
    if bases & _KEYWORD_BASES:
        return True, False
    by_keyword = any(item.arg == "kw_only" and _constant(item.value) is True for item in node.keywords)
    return (by_keyword, False) if bases & _POSITIONAL_BASES else None


def _field(statement: ast.stmt) -> tuple[str, ast.expr | None, ast.expr | None]:
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        return statement.target.id, statement.annotation, statement.value
    if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
        return statement.targets[0].id, None, statement.value
    return "", None, None


def _is_parameter(annotation: ast.expr | None, value: ast.expr | None, is_attrs: bool) -> bool:
    if annotation is None:
        return is_attrs and isinstance(value, ast.Call) and last_name(value) in _FIELD_MAKERS
    is_class_level = last_name(annotation) in ("ClassVar", "PrivateAttr") or dotted(annotation).startswith("ClassVar")
    return not is_class_level and _flag(value, "init") is not False


def _public(name: str, value: ast.expr | None, strips_underscore: bool) -> str:
    alias = _flag(value, "alias")
    if isinstance(alias, str):
        return alias
    return name.lstrip("_") if strips_underscore else name


def _default(value: ast.expr | None) -> str:
    if not isinstance(value, ast.Call) or last_name(value) not in _FIELD_MAKERS:
        return render(value)
    given = {item.arg for item in value.keywords}
    has_default = bool(given & {"default", "default_factory", "factory"})
    has_first = bool(value.args) and _constant(value.args[0]) is not ...
    return render(value) if has_default or has_first else ""


def _flag(node: ast.expr | None, name: str) -> object:
    if isinstance(node, ast.Call):
        for keyword in node.keywords:
            if keyword.arg == name:
                return _constant(keyword.value)
    return None


def _constant(node: ast.expr) -> object:
    return node.value if isinstance(node, ast.Constant) else None
