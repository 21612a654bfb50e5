"""Access to the control room, wired: what `web.app` puts around its pages, and what the command line asks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from starlette.middleware import Middleware
from starlette.routing import Route

from watchkeeper.fleet.config import WebSection
from watchkeeper.model.ids import Millis
from watchkeeper.record.home import make_home
from watchkeeper.record.log import Log
from watchkeeper.web.access.guard import Guard
from watchkeeper.web.access.identity import Identities
from watchkeeper.web.access.login import login_routes
from watchkeeper.web.access.places import find_places
from watchkeeper.web.access.tokens import Tokens

FOLDER = "web"


class Access:
    """Who may do what in the control room of one state folder.

    `middleware` stands around the whole app and sets ``request.state.person`` (`controlroom.actions.Person`; None on
    the login's page alone) and ``request.state.csrf``, which each form carries as the hidden field ``csrf`` and htmx as
    the header ``X-CSRF-Token``.
    """

    def __init__(self, web: WebSection, home: Path, log: Log, clock: Callable[[], Millis], *, listen: str = "") -> None:
        """``listen`` stands above ``web.listen``. Raises UsageError (``web-bad-listen``), WatchkeeperError."""
        self.places = find_places(web, listen)
        self.identities = Identities(web, self.places, access_folder(home), log, clock)

    def middleware(self) -> list[Middleware]:
        """The outermost of the app's."""
        return [Middleware(Guard, identities=self.identities)]

    def routes(self) -> list[Route]:
        """``/login`` and ``/logout``."""
        return login_routes(self.identities)

    def first_token(self) -> str | None:
        """The token to show at the first start, once; None where one was made before."""
        return self.identities.tokens.make_first()


def access_folder(home: Path) -> Path:
    """Where hashes of tokens and logins are kept; made where it is missing, for its user alone."""
    folder = make_home(home) / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def open_tokens(home: Path, clock: Callable[[], Millis]) -> Tokens:
    """The tokens alone, for the command line; a running server sees at once what is changed."""
    return Tokens(access_folder(home), clock)
