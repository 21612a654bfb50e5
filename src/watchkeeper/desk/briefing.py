"""The brief as a message: one screen, in the words of the command line; the page has the rest."""

from __future__ import annotations

from watchkeeper.controlroom.picture import Picture, Reader
from watchkeeper.model.ids import Millis
from watchkeeper.review.brief import build_brief
from watchkeeper.review.looking_again import LiveVerifier
from watchkeeper.review.render import render_text

_WIDTH, _LINES = 100, 28


def write_brief(reader: Reader, picture: Picture, since: Millis) -> str:
    """What happened since, each sentence looked at again just now. Raises WatchkeeperError."""
    brief = build_brief(picture, reader.scope, since, LiveVerifier(reader))
    return "\n".join(render_text(brief, width=_WIDTH, lines=_LINES))
