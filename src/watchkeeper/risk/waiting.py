"""Which changes wait for a person."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from watchkeeper.code.globs import matches
from watchkeeper.risk.points import Risk


def reasons_to_wait(
    risk: Risk, paths: Iterable[str], *, threshold: int, waiting: Sequence[str] = ()
) -> tuple[str, ...]:
    """Why a person has to look before the change lands; ``()`` where nobody has to.

    ``paths`` are all that the change touches, where they were and where they are; ``waiting`` are globs of paths (as in
    CODEOWNERS) whose changes always wait. A score of ``threshold`` or more waits.
    """
    reasons = []
    if risk.score >= threshold:
        worst = f": {risk.points[0].reason}" if risk.points else ""
        reasons.append(f"its risk is {risk.score}, and {threshold} or more waits for a person{worst}")
    for path in sorted(set(paths)):
        pattern = next((each for each in waiting if matches(each, path)), None)
        if pattern is not None:
            reasons.append(f"{path} waits for a person ({pattern})")
    return tuple(reasons)
