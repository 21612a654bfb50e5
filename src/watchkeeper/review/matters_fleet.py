"""What needs a person about the fleet: budgets, hosts, projects that cannot be worked on, days without a log. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from watchkeeper.controlroom.picture import Picture
from watchkeeper.controlroom.scope import Scope
from watchkeeper.controlroom.spending import spent_since
from watchkeeper.fleet.budgets import total
from watchkeeper.fleet.hours import Moment, find_day_begin
from watchkeeper.model.attention import Matter, MatterKind, Urgency
from watchkeeper.model.fleet import Budget, Fault, Spend, Stage
from watchkeeper.model.hosts import HostStanding, Presence
from watchkeeper.model.ids import Millis
from watchkeeper.model.review import Day
from watchkeeper.review.links import FLEET_PAGE, day_page, fleet_command, page, step
from watchkeeper.review.matters import Maker, View, view_of
from watchkeeper.review.words import counted, sentence, short, spent

_FAILED = frozenset({Stage.FAILED, Stage.INTERRUPTED, Stage.NEEDS_PERSON})
_OURS = frozenset({Fault.SETUP, Fault.AGENT})
"""Faults that are the project's or the machine's, not the work's: two in a row are one matter of the project."""
_WEEK_MS = 7 * 86_400_000
_NEAR = 0.8


def find_fleet_matters(picture: Picture, scope: Scope) -> Iterator[Matter]:
    """Those of the fleet, and of all projects."""
    for name, project in picture.projects.items():
        view = view_of(name, project, scope, picture.at)
        yield from _unwatched(view)
        yield from _days(view.maker, project.review.failed.items(), name, project.last_at)
    yield from _budgets(picture, scope)
    yield from _hosts(picture, scope)
    yield from _problems(picture, scope)
    yield from _days(Maker(), picture.fleet_review.failed.items(), "fleet", picture.at)


def _unwatched(view: View) -> Iterator[Matter]:
    watching = view.project.watching
    at_work = any(True for _ in view.project.fleet.live())
    if watching is not None and not watching.is_on and at_work:
        yield view.maker.make(
            MatterKind.PROJECT,
            Urgency.NAG,
            "agents are at work, and nobody watches for conflicts",
            about="watch",
            reason="what collides meanwhile is found only when it lands",
            since=watching.since,
            weight=590,
            step=step("watch again", view.commands.of_repo("up"), page("projects", view.project.source.name)),
            page=page("projects", view.project.source.name),
            evidence=(watching.seq,),
        )


def _budgets(picture: Picture, scope: Scope) -> Iterator[Matter]:
    config = scope.config
    if config is None:
        return
    begin = find_day_begin(Moment(picture.at, scope.zone))
    gone = {name: spent_since(project.spent, begin) for name, project in picture.projects.items()}
    yield from _budget(Maker(), scope, config.fleet.budget, total(gone.values()), begin)
    for each in config.projects:
        if each.name in gone:
            maker = Maker(each.name, picture.projects[each.name])
            yield from _budget(maker, scope, each.budget, gone[each.name], begin)


def _budget(whose: Maker, scope: Scope, budget: Budget, gone: Spend, begin: Millis) -> Iterator[Matter]:
    shares = {
        part: getattr(gone, part) / getattr(budget, part) for part in Budget.__struct_fields__ if getattr(budget, part)
    }
    share = max(shares.values(), default=0.0)
    if share < _NEAR:
        return
    is_over = share >= 1
    said = "is used up" if is_over else f"is used to {share:.0%}"
    yield whose.make(
        MatterKind.BUDGET,
        Urgency.TODAY if is_over else Urgency.FYI,
        f"the day's budget of {whose.name or 'the fleet'} {said}: {spent(gone)} today",
        about=f"budget:{begin}",
        reason="nothing more is started until tomorrow" if is_over else "soon nothing more will be started",
        since=begin,
        weight=320 if is_over else 120,
        step=step("see what was spent on what", fleet_command(scope, "fleet"), FLEET_PAGE),
        page=FLEET_PAGE,
    )


def _hosts(picture: Picture, scope: Scope) -> Iterator[Matter]:
    live = {each.name for each in picture.hosts.live()}
    newest: dict[str, HostStanding] = {}
    for each in picture.hosts.hosts.values():
        newest[each.host.name] = each
    for name, each in newest.items():
        if each.presence is Presence.LOST and name not in live:
            left = sum(1 for project in picture.projects.values() for one in project.fleet.live() if one.host == name)
            many = f"; {counted(left, 'engagement')} were driven there" if left else ""
            yield Maker().make(
                MatterKind.HOST,
                Urgency.NAG if left or not live else Urgency.TODAY,
                f"the host {short(name, 60)} is lost",
                about=name,
                reason=sentence(f"{'its process is gone' if each.is_certain else 'nothing is heard of it'}{many}"),
                since=each.since,
                weight=500 + min(60, 10 * left),
                step=step("start it again there", fleet_command(scope, "up"), FLEET_PAGE),
                page=FLEET_PAGE,
                evidence=(each.seq,),
            )


def _problems(picture: Picture, scope: Scope) -> Iterator[Matter]:
    for name, error in scope.problems.items():
        yield Maker(name).make(
            MatterKind.PROJECT,
            Urgency.TODAY,
            f"{name} cannot be worked on: {error.message}",
            about=f"problem:{error.slug}",
            reason=sentence(error.hint),
            since=picture.at,
            weight=480,
            step=step("check the fleet", fleet_command(scope, "fleet"), FLEET_PAGE),
            page=FLEET_PAGE,
        )


def _days(maker: Maker, failed: Iterable[tuple[Day, str]], name: str, at: Millis) -> Iterator[Matter]:
    for day, reason in failed:
        yield maker.make(
            MatterKind.ROLLOVER,
            Urgency.TODAY,
            f"the log of {day} could not be written: {reason}",
            about=f"day:{day}",
            reason="a day without a log is a day that nobody can look up",
            since=at,
            weight=290,
            step=step("see what the record has of it", "watchkeeper worklog", day_page(name, day)),
            page=day_page(name, day),
        )
