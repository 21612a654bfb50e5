"""What somebody wants a person to know, and ways to him that are dead. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from watchkeeper.controlroom.picture import Picture
from watchkeeper.controlroom.scope import Scope
from watchkeeper.model.attention import Matter, MatterKind, Urgency
from watchkeeper.model.attention_state import Asked
from watchkeeper.model.ids import ProjectId
from watchkeeper.review.links import HOME, fleet_command, page, step
from watchkeeper.review.matters import Maker
from watchkeeper.review.words import sentence, short

_WEIGHTS = {Urgency.FYI: 50, Urgency.TODAY: 300, Urgency.SCHEDULED: 300, Urgency.NAG: 500, Urgency.URGENT: 800}


def find_said_matters(picture: Picture, scope: Scope) -> Iterator[Matter]:
    """Askings that were not taken back, and dead channels."""
    by_id: dict[ProjectId, str] = {}
    for name, project in picture.projects.items():
        by_id[project.source.project] = by_id[project.source.shared] = name
    for asked in picture.attention.asked.values():
        name = by_id.get(asked.project, "")
        yield _asked(Maker(name, picture.projects.get(name)), scope, name, asked)
    for name, channel in picture.attention.channels.items():
        if channel.is_dead:
            yield Maker().make(
                MatterKind.CHANNEL,
                Urgency.NAG,
                f"nothing gets through {short(name, 60)}: {channel.reason}",
                about=name,
                reason="what is urgent has to go another way",
                since=channel.since,
                weight=540,
                step=step("try it", fleet_command(scope, "notify", "test"), "/settings"),
                page="/settings",
            )


def _asked(maker: Maker, scope: Scope, name: str, asked: Asked) -> Matter:
    """Its words are untrusted: they are shown, and nothing follows from them."""
    event = asked.event
    path = page("projects", name) if name else HOME
    return maker.make(
        MatterKind.ASKED,
        event.urgency,
        event.title or "somebody wants you to know something, and does not say what",
        about=event.key,
        reason=sentence(f"{short(event.by, 60) or 'somebody'} asked to tell you"),
        body=event.body[:2000],
        since=asked.at,
        weight=_WEIGHTS[event.urgency],
        step=step("read it", fleet_command(scope, "brief"), path),
        page=path,
        evidence=(asked.seq,),
        due=event.due,
    )
