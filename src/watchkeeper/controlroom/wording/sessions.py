"""Sessions of agents, their notices, leases and gates in words. Pure."""

from __future__ import annotations

from typing import assert_never

from watchkeeper.controlroom.wording.times import render_moment
from watchkeeper.model.events import (
    DecisionRecorded,
    GateClosed,
    IntentDeclared,
    LeaseReleased,
    LeaseTaken,
    NoticeDelivered,
    NoticeQueued,
    NoticeSettled,
    SessionBegan,
    SessionEnded,
    SessionForged,
)
from watchkeeper.model.printing import printable


def describe_session(event: SessionBegan | SessionEnded | SessionForged | IntentDeclared | DecisionRecorded) -> str:
    """What happened, in one clause."""
    match event:
        case SessionBegan():
            by = "started by a person" if event.session.guest else "started by Watchkeeper"
            return f"{printable(event.session.id)} is at work in {printable(event.session.path)}, {by}"
        case SessionEnded():
            return f"{printable(event.id)} is done: {printable(event.reason)}"
        case SessionForged():
            return f"process {event.pid} spoke in the name of {printable(event.id)}: {printable(event.reason)}"
        case IntentDeclared():
            what = ", ".join(printable(each) for each in event.subjects)
            return f"{printable(event.session)} is going to touch {what}"
        case DecisionRecorded():
            return f"{printable(event.session)} decided: {printable(event.title)}: {printable(event.choice)}"
        case _:
            assert_never(event)


def describe_notice(event: NoticeQueued | NoticeDelivered | NoticeSettled) -> str:
    """What happened, in one clause that names the notice."""
    match event:
        case NoticeQueued():
            about = event.notice.conflict or "what it relies on"
            return f"{event.notice.id}  {printable(event.notice.session)} is to be told of {about}"
        case NoticeDelivered():
            return f"{event.id}  told ({event.channel.value})"
        case NoticeSettled():
            return f"{event.id}  {event.heed.value}: {printable(event.reason)}"
        case _:
            assert_never(event)


def describe_gate(event: LeaseTaken | LeaseReleased | GateClosed) -> str:
    """What happened, in one clause."""
    match event:
        case LeaseTaken():
            until = render_moment(event.lease.until)
            return f"{printable(event.lease.subject)} is held by {printable(event.lease.holder)} until {until}"
        case LeaseReleased():
            return f"{printable(event.subject)} is free again"
        case GateClosed():
            return (
                f"{printable(event.session)} was kept from writing {printable(event.path)}: {printable(event.reason)}"
            )
        case _:
            assert_never(event)
