"""What a person says of a finding."""

from __future__ import annotations

from watchkeeper.model.errors import UsageError
from watchkeeper.model.ids import Millis, ProjectId
from watchkeeper.model.scouting import FindingId, FindingJudged, KindAssigned, KindId, Verdict
from watchkeeper.record.log import Log
from watchkeeper.scouts.convergence.catalogue import builtin_catalogue

_MOST_REASON = 1_000


def judge(  # noqa: PLR0917 who says what of which finding, and why
    log: Log, of: tuple[ProjectId, FindingId], verdict: Verdict, reason: str, by: str, at: Millis
) -> str:
    """Record it; what was done, in a sentence. Raises UsageError (``reason-missing``): why is it false?"""
    project, identity = of
    if verdict in (Verdict.FALSE, Verdict.WONT_FIX) and not reason.strip():
        raise UsageError(
            f"Why is {identity} {verdict.value}? Whoever looks next wants to know",
            slug="reason-missing",
            hint=f"watchkeeper findings {identity} --judge {verdict.value} --reason '...'",
            facts={"finding": identity},
        )
    log.append(project, [FindingJudged(identity, verdict, reason.strip()[:_MOST_REASON], by)], at)
    never = "" if verdict is Verdict.TRUE else ", and is never filed again"
    return f"{identity} is {verdict.value}{never}"


def say_kind(log: Log, of: tuple[ProjectId, FindingId], kind: str, by: str, at: Millis) -> str:
    """Record it; what was done. Raises UsageError (``unknown-kind``)."""
    project, identity = of
    known = builtin_catalogue().kinds
    if kind not in known:
        raise UsageError(
            f"There is no kind {kind!r}", slug="unknown-kind", hint=f"there are {', '.join(sorted(known))}"
        )
    log.append(project, [KindAssigned(identity, KindId(kind), "person", 1.0, by=by)], at)
    return f"{identity} is of the kind {kind}"
