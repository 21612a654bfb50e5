"""Whether a call fits a signature."""

from __future__ import annotations

from watchkeeper.model.reading import CallShape, ParameterKind, Signature

_VARIADIC = frozenset({ParameterKind.VAR_POSITIONAL, ParameterKind.VAR_KEYWORD})
_BY_POSITION = frozenset({ParameterKind.NORMAL, ParameterKind.POSITIONAL_ONLY})


def find_misfit(call: CallShape, signature: Signature) -> str | None:
    """Why the call fails, as a clause; None where it fits or where ``*``/``**`` hide what is passed."""
    parameters = signature.parameters
    positional = [p for p in parameters if p.kind in _BY_POSITION]
    takes_more = any(p.kind is ParameterKind.VAR_POSITIONAL for p in parameters)
    takes_names = any(p.kind is ParameterKind.VAR_KEYWORD for p in parameters)
    if call.positional > len(positional) and not takes_more:
        return f"passes {call.positional} positional arguments, at most {len(positional)} are taken"
    by_name = {p.name for p in parameters if p.kind in (ParameterKind.NORMAL, ParameterKind.KEYWORD_ONLY)}
    for name in call.keywords:
        if name not in by_name and not takes_names:
            return f"passes {name}=, which is not taken"
    filled = {p.name for p in positional[: call.positional]} | set(call.keywords)
    for parameter in parameters:
        if parameter.default or parameter.kind in _VARIADIC:
            continue
        hidden = call.double_star or (call.star and parameter.kind in _BY_POSITION)
        if parameter.name not in filled and not hidden:
            return f"does not pass {parameter.name}"
    return None
