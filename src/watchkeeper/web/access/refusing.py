"""The refusals, each with its slug: as errors, so that page, API and audit say the same."""

from __future__ import annotations

from typing import NamedTuple

from watchkeeper.model.errors import WatchkeeperError


class Refused(Exception):  # noqa: N818 not an error of ours: it is what was meant to happen
    """A request goes no further. ``status`` is HTTP's; ``audited``: it is recorded, since it looks like an attempt."""

    def __init__(self, status: int, error: WatchkeeperError, *, audited: bool = False, wait_s: int = 0) -> None:
        super().__init__(error.message)
        self.status, self.error, self.audited, self.wait_s = status, error, audited, wait_s


class Asking(NamedTuple):
    """What a request is, as far as a refusal names it."""

    method: str
    path: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"[:200]


def wrong_host(host: str) -> Refused:
    return Refused(
        421,
        WatchkeeperError(
            f"Nothing answers here as {host[:100]!r}",
            slug="web-wrong-host",
            hint="use the address that `watchkeeper web` shows, or add the name to web.hosts in fleet.toml",
            facts={"host": host[:100]},
        ),
        audited=True,
    )


def malformed(what: str) -> Refused:
    return Refused(
        400,
        WatchkeeperError(
            f"The request cannot be read: {what}", slug="web-bad-request", hint="reload the page", facts={"what": what}
        ),
    )


def wrong_method(method: str) -> Refused:
    return Refused(
        405,
        WatchkeeperError(
            f"{method[:20]} is not understood here",
            slug="web-bad-method",
            hint="use GET to look and POST to act",
            facts={"method": method[:20]},
        ),
    )


def too_large(what: str, most: int) -> Refused:
    status = {"path": 414, "query": 414, "header": 431}.get(what, 413)
    return Refused(
        status,
        WatchkeeperError(
            f"The {what} is larger than {most} bytes",
            slug="web-too-large",
            hint="send less",
            facts={"what": what, "most": str(most)},
        ),
    )


def too_slow() -> Refused:
    return Refused(
        408, WatchkeeperError("The request did not arrive in time", slug="web-too-slow", hint="send it again")
    )


def too_often(wait_s: int) -> Refused:
    return Refused(
        429,
        WatchkeeperError(
            f"That was too often; the next try is heard in {wait_s} s",
            slug="web-too-often",
            hint="wait",
            facts={"wait_s": str(wait_s)},
        ),
        wait_s=wait_s,
    )


def not_logged_in() -> Refused:
    return Refused(
        401,
        WatchkeeperError(
            "Nobody is logged in",
            slug="web-not-logged-in",
            hint="log in at /login, or send `Authorization: Bearer TOKEN`; `watchkeeper web token --new` makes a token",
        ),
    )


def wrong_token() -> Refused:
    return Refused(
        401,
        WatchkeeperError(
            "That is no token of this control room",
            slug="web-wrong-token",
            hint="watchkeeper web token --new",
        ),
        audited=True,
    )


def wrong_origin(origin: str) -> Refused:
    return Refused(
        403,
        WatchkeeperError(
            "The request came from a page that is not ours, and nothing was done",
            slug="web-wrong-origin",
            hint="act on the page itself; behind a proxy set web.origin in fleet.toml",
            facts={"origin": origin[:100]},
        ),
        audited=True,
    )


def wrong_csrf() -> Refused:
    return Refused(
        403,
        WatchkeeperError(
            "The form is not of this login, and nothing was done",
            slug="web-wrong-csrf",
            hint="reload the page and try again: the login may have changed since it was shown",
        ),
        audited=True,
    )


def wrong_identity(why: str) -> Refused:
    return Refused(
        403,
        WatchkeeperError(
            f"The request says who it is of, and cannot be believed: {why}",
            slug="web-wrong-identity",
            hint="watchkeeper doctor; docs/access.md says how Tailscale is set up",
            facts={"why": why},
        ),
        audited=True,
    )


def unknown_person(login: str) -> Refused:
    return Refused(
        403,
        WatchkeeperError(
            f"{login[:100]} may not come in",
            slug="web-unknown-person",
            hint="add the login to web.viewers or web.operators in fleet.toml, or log in with a token",
            facts={"login": login[:100]},
        ),
        audited=True,
    )


def not_allowed(who: str, asking: Asking) -> Refused:
    return Refused(
        403,
        WatchkeeperError(
            f"{who} may look, and not act",
            slug="not-allowed",
            hint="ask somebody who is an operator",
            facts={"who": who, "action": str(asking)},
        ),
        audited=True,
    )
