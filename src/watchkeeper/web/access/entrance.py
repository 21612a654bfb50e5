"""Access to the control room, wired: what `web.app` puts around its pages, and what the command line asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from starlette.middleware import Middleware
from starlette.routing import Route

from watchkeeper.controlroom.scope import Scope
from watchkeeper.fleet.config import WebSection
from watchkeeper.model.ids import Millis
from watchkeeper.record.home import make_home
from watchkeeper.record.log import Log
from watchkeeper.web.access.guard import Guard
from watchkeeper.web.access.identity import Identities
from watchkeeper.web.access.login import login_routes
from watchkeeper.web.access.places import find_places
from watchkeeper.web.access.tokens import Tokens
from watchkeeper.web.proxy import DevProxy

FOLDER = "web"


class Access:
    """Who may do what in the control room of one state folder.

    `middleware` stands around the whole app and sets ``request.state.person`` (`controlroom.actions.Person`; None on
    the login's page alone) and ``request.state.csrf``, which each form carries as the hidden field ``csrf`` and htmx as
    the header ``X-CSRF-Token``.
    """

    def __init__(
        self,
        web: WebSection,
        home: Path,
        log: Log,
        clock: Callable[[], Millis],
        *,
        listen: str = "",
        ports: Mapping[str, int] | None = None,
    ) -> None:
        """``listen`` stands above ``web.listen``; ``ports`` are the projects' dev servers, by name.

        Raises UsageError (``web-bad-listen``, ``web-exposed``), WatchkeeperError.
        """
        self.places = find_places(web, listen)
        self.identities = Identities(web, self.places, access_folder(home), log, clock)
        self.dev = DevProxy(web, self.identities, ports or {}) if web.dev_listen else None

    def middleware(self) -> list[Middleware]:
        """The outermost of the app's."""
        if self.dev is None:
            return [Middleware(Guard, identities=self.identities)]
        return [Middleware(Guard, identities=self.identities, beside=self.dev.listening)]

    def routes(self) -> list[Route]:
        """``/login`` and ``/logout``; ``/proxy/NAME/`` where dev servers are shown."""
        return [*login_routes(self.identities), *(self.dev.routes() if self.dev is not None else ())]

    def first_token(self) -> str | None:
        """The token to show at the first start, once; None where one was made before."""
        return self.identities.tokens.make_first()


def open_access(scope: Scope, log: Log, clock: Callable[[], Millis], *, listen: str = "") -> Access:
    """Access as the fleet's file has it; where there is none, as if it said nothing. Raises as `Access` does."""
    web = scope.config.web if scope.config is not None else WebSection()
    ports = {each.name: each.entry.port for each in scope.projects if each.entry is not None and each.entry.port}
    return Access(web, scope.home, log, clock, listen=listen, ports=ports)


def access_folder(home: Path) -> Path:
    """Where hashes of tokens and logins are kept; made where it is missing, for its user alone."""
    folder = make_home(home) / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def open_tokens(home: Path, clock: Callable[[], Millis]) -> Tokens:
    """The tokens alone, for the command line; a running server sees at once what is changed."""
    return Tokens(access_folder(home), clock)
