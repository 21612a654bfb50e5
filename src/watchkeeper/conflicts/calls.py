"""Whether calls that fitted one signature fit another."""

from __future__ import annotations

from watchkeeper.model.reading import ParameterKind, Signature

_VARIADIC = frozenset({ParameterKind.VAR_POSITIONAL, ParameterKind.VAR_KEYWORD})


def find_misfit_of(old: Signature, new: Signature) -> str | None:
    """Why some call that fitted the old signature may not fit the new one; None where all still do."""
    names = {p.name for p in new.parameters}
    for parameter in old.parameters:
        if parameter.name not in names:
            return f"{parameter.name} is gone"
    known = {p.name for p in old.parameters}
    for parameter in new.parameters:
        if parameter.name not in known and not parameter.default and parameter.kind not in _VARIADIC:
            return f"{parameter.name} is required"
    kept = [p.name for p in new.parameters if p.name in known]
    return None if kept == [p.name for p in old.parameters] else "the order changed"
