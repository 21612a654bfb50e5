"""What a person may ask and do from a conversation: the same acts as everywhere, judged and audited in one place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from watchkeeper.controlroom.actions import Actions
from watchkeeper.controlroom.judging import Person, Role
from watchkeeper.controlroom.picture import Picture, Reader
from watchkeeper.fleet.config import ChannelEntry
from watchkeeper.model.attention import Matter, MatterKind, PersonActed, Urgency, matter_id
from watchkeeper.model.errors import UsageError, WatchkeeperError
from watchkeeper.model.fleet import IssueId
from watchkeeper.model.hosts import FLEET
from watchkeeper.model.ids import Millis
from watchkeeper.model.redaction import redact
from watchkeeper.notify.policy import FLEET_PROJECT
from watchkeeper.notify.rendering import inert_markdown, plain, render_length

VIA = "discord"
COMMANDS = {
    "status": "What each project does now, and what needs you.",
    "brief": "What happened since yesterday, on one screen.",
    "why": "Why a matter is one, and what to do.",
    "hold": "Let an entry of the queue wait.",
    "release": "Let an entry of the queue go on.",
    "ack": "You know of a matter: it is told again when it gets worse.",
    "dispatch": "Let an issue go on that waits.",
}
"""Each with what it does."""

NEEDS_NAME = {
    "why": "a matter, as in m-1a2b3c4d", "hold": "an entry, as in e-12", "release": "an entry, as in e-12",
    "ack": "a matter, as in m-1a2b3c4d", "dispatch": "an issue, as in shop#12",
}  # fmt: skip
"""What has to be named."""

_MOST = 1900
_SHOWN = 8
_STRANGER_MS = 60_000
_DAY_MS = 24 * 3_600_000


class Asked(NamedTuple):
    """One command. ``user`` and ``roles`` are ids as the service knows them; everything else was typed."""

    what: str
    name: str
    user: str
    roles: tuple[str, ...] = ()


class Commands:
    """Answers in one room. Thread-safe as its reader and actions are. Never raises for what somebody typed."""

    def __init__(
        self,
        reader: Reader,
        find_matters: Callable[[Picture], Sequence[Matter]],
        write_brief: Callable[[Picture, Millis], str],
        clock: Callable[[], Millis],
    ) -> None:
        self._reader, self._find_matters, self._write_brief = reader, find_matters, write_brief
        self._clock, self._actions = clock, Actions(reader, clock)
        self._strangers: dict[str, Millis] = {}

    def answer(self, asked: Asked, room: ChannelEntry) -> str:
        """What is said to it, inert, for the one who asked alone."""
        person = find_person(asked, room)
        if person is None:
            return self._refuse(asked)
        try:
            text = self._do(asked, person, room)
        except WatchkeeperError as error:
            text = inert_markdown(redact(f"{error.message}. {error.hint}"))
        return text if len(text) <= _MOST else text[: _MOST - 1] + "…"

    def _do(self, asked: Asked, person: Person, room: ChannelEntry) -> str:
        picture = self._reader.look()
        match asked.what:
            case "status":
                return self._status(picture, room)
            case "brief":
                text = self._write_brief(picture, Millis(picture.at - _DAY_MS))
                return "\n".join(inert_markdown(redact(line)) for line in text.splitlines())
            case "why":
                return self._why(self._matter(picture, asked.name, room), picture.at)
            case "ack":
                matter = self._matter(picture, asked.name, room)
                done = self._actions.acknowledge(person, matter.fingerprint, matter.weight)
                return f"{matter.id}: {done.sentence}"
            case "all":
                return self._ack_all(picture, asked.name, person, room)
            case "hold" | "release":
                return self._queue(picture, asked, person, room)
            case "dispatch":
                project = self._project_of_issue(picture, asked.name, room)
                done = self._actions.overrule_issue(person, project, IssueId(asked.name))
                return inert_markdown(redact(done.sentence))
            case _:
                raise UsageError("There is no such command", slug="unknown-command", hint=f"use {', '.join(COMMANDS)}")

    # -- asking ------------------------------------------------------------------------------------------------------

    def _status(self, picture: Picture, room: ChannelEntry) -> str:
        matters = [each for each in self._find_matters(picture) if _belongs(each.project, room)]
        open_ones = [
            each
            for each in matters
            if each.urgency is not Urgency.FYI and not picture.attention.is_hushed(each, picture.at)
        ]
        lines = []
        for name, project in picture.projects.items():
            if not _belongs(name, room):
                continue
            at_work = sum(not each.is_over for each in project.fleet.engagements.values())
            needs = sum(each.project == name for each in open_ones)
            waiting = len(project.landing.view.rows)
            lines.append(f"{inert_markdown(name)}: {at_work} at work, {waiting} wait for landing, {needs} need you")
        lines += [f"{each.id} {inert_markdown(redact(plain(each.title)[:160]))}" for each in open_ones[:_SHOWN]]
        if len(open_ones) > _SHOWN:
            lines.append(f"and {len(open_ones) - _SHOWN} more")
        return "\n".join(lines) or "Nothing needs you."

    def _why(self, matter: Matter, at: Millis) -> str:
        parts = [matter.title, matter.reason, matter.body[:600]]
        if matter.step is not None:
            parts.append(f"→ {matter.step.label}: {matter.step.command}")
        lines = [inert_markdown(redact(plain(each))) for each in parts if each]
        return "\n".join([*lines, f"{matter.id}, for {render_length(at - matter.since)}"])

    # -- acting ------------------------------------------------------------------------------------------------------

    def _queue(self, picture: Picture, asked: Asked, person: Person, room: ChannelEntry) -> str:
        """The entry by its own name, or the one that a matter is about."""
        if asked.name.startswith("m-"):
            matter = self._matter(picture, asked.name, room)
            project, name = matter.project, matter.about
        else:
            project, name = self._project_of_entry(picture, asked.name, room), asked.name
        if asked.what == "hold":
            done = self._actions.hold_entry(person, project, name, f"held by {person.who}")
        else:
            done = self._actions.release_entry(person, project, name)
        return inert_markdown(redact(f"{done.sentence} in {project}"))

    def _ack_all(self, picture: Picture, token: str, person: Person, room: ChannelEntry) -> str:
        """All matters of one message that are still there."""
        told = picture.attention.messages.get(token)
        if told is None or told.intended.channel != room.name:
            raise _not_there("message", token)
        known = {each.fingerprint: each for each in self._find_matters(picture)}
        found = [known[each] for each in told.intended.matters if each in known]
        for each in found:
            self._actions.acknowledge(person, each.fingerprint, each.weight)
        return f"{len(found)} acknowledged until they get worse" if found else "All of them are over."

    # -- finding -----------------------------------------------------------------------------------------------------

    def _matter(self, picture: Picture, name: str, room: ChannelEntry) -> Matter:
        for each in self._find_matters(picture):
            is_meant = name in {matter_id(each.fingerprint), each.about}
            if is_meant and each.kind is not MatterKind.BRIEF and _belongs(each.project, room):
                return each
        raise _not_there("matter", name)

    def _project_of_entry(self, picture: Picture, name: str, room: ChannelEntry) -> str:
        for project, found in picture.projects.items():
            if _belongs(project, room) and any(
                name in {each, entry.change} for each, entry in found.landing.entries.items()
            ):
                return project
        raise _not_there("entry", name)

    def _project_of_issue(self, picture: Picture, name: str, room: ChannelEntry) -> str:
        for project, found in picture.projects.items():
            if _belongs(project, room) and name in found.fleet.issues:
                return project
        raise _not_there("issue", name)

    def _refuse(self, asked: Asked) -> str:
        """A stranger's try is audited once a minute: he could fill the record otherwise."""
        now = self._clock()
        if now - self._strangers.get(asked.user, Millis(-_STRANGER_MS)) >= _STRANGER_MS:
            self._strangers = {**dict(list(self._strangers.items())[-200:]), asked.user: now}
            acted = PersonActed(asked.what[:20], "", f"discord:{asked.user}", VIA, "", allowed=False)
            self._reader.log.append(FLEET, [acted], now)
        return "You are not on the list of those who may ask here: see `channel.operators` and `channel.viewers`."


def find_person(asked: Asked, room: ChannelEntry) -> Person | None:
    """Who asks, with what he may here; None: nothing."""
    names = {asked.user, *(f"role:{each}" for each in asked.roles)}
    if names & set(room.operators):
        return Person(f"discord:{asked.user}", Role.OPERATOR, VIA)
    if names & set(room.viewers):
        return Person(f"discord:{asked.user}", Role.VIEWER, VIA)
    return None


def _belongs(project: str, room: ChannelEntry) -> bool:
    return not room.projects or (project or FLEET_PROJECT) in room.projects


def _not_there(what: str, name: str) -> UsageError:
    return UsageError(
        f"There is no {what} {plain(name)[:80]!r} here",
        slug="not-there",
        hint="it may be over: /status shows what there is",
        facts={"what": what, "name": name[:200]},
    )
