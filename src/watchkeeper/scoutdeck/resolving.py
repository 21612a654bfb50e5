"""What was mended here is resolved where it came from, so that it does not come back with the next look."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.scouting import Verdict
from watchkeeper.scoutdeck.place import Subject
from watchkeeper.scouts.checks.production import CHECK, anchor_of
from watchkeeper.scouts.config import Production

Resolve = Callable[[Production, str, str], str]


def resolve_mended(subject: Subject, environ: Mapping[str, str], resolve: Resolve = CHECK.resolve) -> tuple[str, ...]:
    """Errors of production whose fix has landed, and that the service still holds for open; why each failed that did.

    Idempotent: what it says of one that is resolved already is harmless. Where nobody can be asked nothing is done:
    the look itself says so.
    """
    mended = [
        each.finding
        for each in subject.state().findings.values()
        if each.finding.check == CHECK.name and each.gone is None
        and each.judged is not None and each.judged.verdict is Verdict.TRUE
    ]  # fmt: skip
    if not mended:
        return ()
    try:
        commit = subject.tip()
        source = subject.config(commit, subject.dimensions(commit)).production
    except WatchkeeperError as error:
        return (error.message,)
    token = environ.get(source.token, "").strip()
    if not (source.url and token):
        return ()
    failed = [resolve(source, token, own) for finding in mended for own in anchor_of(finding.anchor)]
    return tuple(each for each in failed if each)
