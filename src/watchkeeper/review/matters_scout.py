"""What needs a person about scouts and standards: who could not look, where projects agree or disagree. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from watchkeeper.controlroom.picture import Picture
from watchkeeper.controlroom.scope import Scope
from watchkeeper.model.attention import Matter, MatterKind, Urgency
from watchkeeper.model.scouting import LookState, StandardState
from watchkeeper.model.scouting_state import StandardStanding
from watchkeeper.review.links import fleet_command, page, step
from watchkeeper.review.matters import Maker, View
from watchkeeper.review.words import counted, sentence
from watchkeeper.scouts.precision import precisions


def find_scout_matters(view: View) -> Iterator[Matter]:
    """Of one project: dimensions along which nobody could look, as one matter."""
    blind = [each for each in view.project.scouting.looks.values() if each.look.state is LookState.COULD_NOT_LOOK]
    if not blind:
        return
    names = ", ".join(sorted(each.look.dimension for each in blind))
    worst = max(blind, key=lambda each: each.at)
    yield view.maker.make(
        MatterKind.SCOUT,
        Urgency.TODAY,
        f"scouts could not look at {view.name} along {names}",
        about="blind",
        reason=sentence(worst.look.reason),
        since=min(each.at for each in blind),
        weight=150 + len(blind),
        step=step("see why", view.commands.of_repo("scout"), "/scouts"),
        page="/scouts",
        evidence=tuple(each.seq for each in blind),
    )


def find_standard_matters(picture: Picture, scope: Scope) -> Iterator[Matter]:
    """Of the fleet: candidates and proposals that wait for a person, contradictions, and rules that were muted."""
    maker = Maker()
    for standing in picture.standards.standards.values():
        if standing.state in (StandardState.CANDIDATE, StandardState.PROPOSED):
            yield _waiting(maker, scope, standing)
    for found, judged in picture.standards.contradictions.values():
        if judged is None:
            yield maker.make(
                MatterKind.SCOUT,
                Urgency.TODAY,
                f"two projects contradict each other: {found.text}",
                about=found.key,
                reason="what one did as a fix, the other holds for a fault: somebody has to say what holds",
                weight=260,
                step=step("answer", fleet_command(scope, "standards", "list"), "/standards"),
                page="/standards",
            )
    yield from _muted(maker, scope, picture)


def _waiting(maker: Maker, scope: Scope, standing: StandardStanding) -> Matter:
    standard, is_new = standing.standard, standing.state is StandardState.CANDIDATE
    at, moved = standing.moves[-1] if standing.moves else (0, None)
    said = "could become a standard" if is_new else "is proposed as a standard, and waits for a person to adopt it"
    return maker.make(
        MatterKind.SCOUT,
        Urgency.FYI if is_new else Urgency.TODAY,
        f"{standard.title} {said}",
        about=standard.id,
        reason=sentence(moved.why) if moved is not None else "",
        since=at,
        weight=120 if is_new else 220,
        step=step("look at it", fleet_command(scope, "standards", "show", standard.id), page("standards", standard.id)),
        page=page("standards", standard.id),
    )


def _muted(maker: Maker, scope: Scope, picture: Picture) -> Iterator[Matter]:
    every = [each for project in picture.projects.values() for each in project.scouting.findings.values()]
    for name, precision in sorted(precisions(every).items()):
        if precision.is_muted:
            yield maker.make(
                MatterKind.SCOUT,
                Urgency.FYI,
                f"{name} is muted: {precision.right} of the last {counted(precision.judged, 'finding')} were true",
                about=f"muted {name}",
                reason="what it finds is recorded, and nobody is given work by it",
                weight=80,
                step=step("see which", fleet_command(scope, "findings", "--precision"), "/scouts"),
                page="/scouts",
            )
