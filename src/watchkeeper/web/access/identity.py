"""Who asks: by the token that a program sends, the login of a browser, or what Tailscale's proxy says of him."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from starlette.datastructures import Headers
from starlette.types import Scope

from watchkeeper.controlroom.judging import Person, Role
from watchkeeper.fleet.config import WebSection
from watchkeeper.model.attention import PersonActed
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.hosts import FLEET
from watchkeeper.model.ids import Millis
from watchkeeper.model.redaction import redact
from watchkeeper.record.log import Log
from watchkeeper.web.access import refusing
from watchkeeper.web.access.limits import ALL_LOGINS, LOGINS, Limiter, Rate
from watchkeeper.web.access.peers import is_users
from watchkeeper.web.access.places import Places, is_loopback
from watchkeeper.web.access.refusing import Asking
from watchkeeper.web.access.sessions import Sessions
from watchkeeper.web.access.tokens import Tokens

_COOKIE = "watchkeeper"
_LOGIN = "tailscale-user-login"
_IGNORED = Rate(1, 1 / 60)
_API = "/api/"


class Known(NamedTuple):
    """Who asks. ``csrf`` is what his forms carry; ``""`` where none is needed, since he sends his token himself."""

    person: Person
    csrf: str = ""
    session: str = ""


class Identities:
    """All that says who somebody is. Thread-safe; may block: on files, the record, and some 50 ms for a new token."""

    def __init__(self, web: WebSection, places: Places, folder: Path, log: Log, clock: Callable[[], Millis]) -> None:
        self.web, self.places, self.clock = web, places, clock
        self.tokens = Tokens(folder, clock)
        life, idle = (Millis(int(hours * 3_600_000)) for hours in (web.session_hours, web.idle_hours))
        self.sessions = Sessions(folder, clock, life=life, idle=idle)
        self._log = log
        self._tries, self._all_tries = Limiter(LOGINS, clock), Limiter(ALL_LOGINS, clock)
        self._ignored = Limiter(_IGNORED, clock)

    # -- where it came from -----------------------------------------------------------------------------------------

    @staticmethod
    def address(scope: Scope) -> str:
        """Who is at the other end of the connection."""
        return str(scope["client"][0]) if scope.get("client") else "unknown"

    def client_of(self, scope: Scope, headers: Headers) -> str:
        """Whose tries are counted together. Raises Refused for a name that is not ours."""
        host = headers.get("host", "").lower()
        if host not in self.places.hosts:
            raise refusing.wrong_host(host)
        address = self.address(scope)
        if address != self.web.trusted_proxy or not address:
            return address
        last = headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
        try:
            return str(ipaddress.ip_address(last))
        except ValueError:
            return address

    def is_secure(self, host: str) -> bool:
        """A browser reaches that name by https alone."""
        return host.lower() in self.places.secure

    def require_own_origin(self, headers: Headers, *, needs_proof: bool) -> None:
        """Raises Refused for what another page sent. ``needs_proof``: also for what does not say which page it was."""
        site, origin, host = headers.get("sec-fetch-site"), headers.get("origin"), headers.get("host", "").lower()
        own = {f"https://{host}" if host in self.places.secure else f"http://{host}"} & self.places.origins
        if site is not None and site not in {"same-origin", "none"}:
            raise refusing.wrong_origin(origin or site)
        if origin is not None and origin.lower() not in own:
            raise refusing.wrong_origin(origin)
        if needs_proof and origin is None and site is None:
            raise refusing.wrong_origin("none")

    # -- who it is --------------------------------------------------------------------------------------------------

    def find(self, scope: Scope, headers: Headers, client: str, *, is_public: bool) -> Known | None:
        """Who asks; None for nobody. Raises Refused for somebody who says who he is, and is not believed."""
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and scope["path"].startswith(_API):
            token = self.verify(given.strip(), client)
            return Known(Person(token.name, token.role, "api"))
        for given in cookies_of(headers, cookie_name(is_secure=self.is_secure(headers.get("host", "")))):
            known = self._by_session(given)
            if known is not None:
                return known
        return None if is_public else self._by_proxy(scope, headers)

    def verify(self, given: str, client: str) -> Named:
        """Whose token it is. Raises Refused for what is none, and where too many wrong ones were tried."""
        wait = self._tries.look(client) or self._all_tries.look()
        if wait:
            raise refusing.too_often(wait)
        token = self.tokens.verify(given)
        if token is None:
            self._tries.take(client)
            self._all_tries.take()
            raise refusing.wrong_token()
        return Named(token.id, token.name, token.role)

    def is_alive(self, session: str) -> bool:
        """Whether a login still holds."""
        return self._by_session(session) is not None

    def _by_session(self, given: str) -> Known | None:
        session = self.sessions.find(given)
        if session is None:
            return None
        token = self.tokens.find(session.token)
        if token is None or token.role is not session.role:  # it was revoked meanwhile
            self.sessions.end(given)
            return None
        return Known(Person(session.who, session.role, "web"), self.sessions.csrf(given), given)

    def _by_proxy(self, scope: Scope, headers: Headers) -> Known | None:
        said = headers.getlist(_LOGIN)
        if not said:
            return None
        if not self.web.trusted_proxy:
            if not self._ignored.take():
                self.audit("identity", said[0], "", self.address(scope), allowed=False, detail="no proxy is trusted")
            return None
        self._require_proxy(scope)
        login = said[0].strip()
        if len(said) > 1 or not login:
            raise refusing.wrong_identity("it names several people, or nobody")
        role = self._role_of(login)
        if role is None:
            raise refusing.unknown_person(login)
        return Known(Person(login, role, "web"), self.sessions.csrf(f"tailscale\0{login}"))

    def _require_proxy(self, scope: Scope) -> None:
        address = self.address(scope)
        if address != self.web.trusted_proxy:
            raise refusing.wrong_identity(f"it came from {address}, and not from web.trusted_proxy")
        if not is_loopback(address) or self.web.proxy_user == "*":
            return
        is_right = is_users(self.web.proxy_user, tuple(scope["client"]), tuple(scope["server"]))
        if is_right is None:
            raise refusing.wrong_identity("whose program sent it cannot be seen on this system (web.proxy_user)")
        if not is_right:
            raise refusing.wrong_identity(f"a program that is not of {self.web.proxy_user} sent it")

    def _role_of(self, login: str) -> Role | None:
        named = login.lower()
        if named in (each.lower() for each in self.web.operators):
            return Role.OPERATOR
        return Role.VIEWER if {named, "*"} & {each.lower() for each in self.web.viewers} else None

    # -- what is recorded of it -------------------------------------------------------------------------------------

    def audit(
        self, what: str, who: str, role: str, on: str, *, allowed: bool, detail: str = "", via: str = "web"
    ) -> None:
        """Record what somebody did or tried; without secrets, however they came into it."""
        cut = [redact(each)[:200] for each in (on, who, detail)]
        self._log.append(FLEET, [PersonActed(what, cut[0], cut[1], via, role, allowed, cut[2])], self.clock())

    def audit_refused(self, client: str, asking: Asking, error: WatchkeeperError) -> None:
        """Record a request that was refused."""
        who = error.facts.get("who") or error.facts.get("login") or client
        via = "api" if asking.path.startswith(_API) else "web"
        self.audit("refused", who, "", str(asking), allowed=False, detail=f"{error.slug}: {error.message}", via=via)


class Named(NamedTuple):
    """A token's owner."""

    token: str
    name: str
    role: Role


def cookie_name(*, is_secure: bool) -> str:
    """The login's cookie; over https under a name that no page of another port can set."""
    return f"__Host-{_COOKIE}" if is_secure else f"{_COOKIE}_session"


def cookies_of(headers: Headers, name: str) -> Sequence[str]:
    """All values of one cookie: another port of this host may have set a second one, which must not lock us out."""
    return [each for line in headers.getlist("cookie") for each in cookies_of_line(line, name)][:4]


def cookies_of_line(line: str, name: str) -> Sequence[str]:
    """The same of one line."""
    parts = [part.strip().partition("=") for part in line.split(";")]
    return [value.strip('"') for key, _, value in parts if key == name][:4]
