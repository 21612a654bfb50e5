"""What every answer carries, and how a refusal is said: to a page in words, to a program as JSON. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import msgspec
from starlette.responses import HTMLResponse, Response

from watchkeeper.controlroom.judging import NotAllowedError
from watchkeeper.model.errors import NotARepositoryError, UsageError, WatchkeeperError
from watchkeeper.model.redaction import redact

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
"""Scripts, styles and requests only from and to us; nothing inline; in nobody's frame."""

HEADERS: Mapping[bytes, bytes] = {
    b"content-security-policy": CONTENT_POLICY.encode(),
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    # Not no-referrer: with that, browsers say `Origin: null` of our own forms. Others are told nothing by this either.
    b"referrer-policy": b"same-origin",
    b"permissions-policy": b"camera=(), geolocation=(), microphone=(), payment=(), usb=(), clipboard-read=()",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"x-robots-tag": b"noindex, nofollow",
}

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
{more}<title>{title} · Watchkeeper</title><link rel="stylesheet" href="/static/watchkeeper.css"></head>
<body class="plain"><main><h1>{title}</h1>{body}</main></body></html>
"""


def plain_page(title: str, body: str, *, more: str = "", status: int = 200) -> HTMLResponse:
    """A page that needs nothing but itself. ``title`` is text, ``body`` and ``more`` are markup."""
    return HTMLResponse(_PAGE.format(title=escape(title), body=body, more=more), status)


def refusal(
    status: int, error: WatchkeeperError, *, as_json: bool, headers: Mapping[str, str] | None = None
) -> Response:
    """What is wrong and what to do, without a secret, in the form that was asked for."""
    message, hint = redact(error.message), redact(error.hint)
    if as_json:
        facts = {key: redact(value) for key, value in error.facts.items()}
        content = msgspec.json.encode({"slug": error.slug, "message": message, "hint": hint, "facts": facts})
        return Response(content, status, headers, "application/json")
    body = f"<p>{escape(message)}</p><p>{escape(hint)}</p><p><code>{escape(error.slug)}</code></p>"
    page = plain_page("Refused" if status < 500 else "Something went wrong", body, status=status)
    page.headers.update(headers or {})
    return page


def status_of(error: WatchkeeperError) -> int:
    """What an error of ours is in HTTP."""
    match error:
        case NotAllowedError():
            return 403
        case UsageError() | NotARepositoryError():
            return _STATUS.get(error.slug, 400)
        case _:
            return 500


_STATUS = {"not-there": 404, "unknown-project": 404, "not-in-queue": 404, "api-no-json": 415}
