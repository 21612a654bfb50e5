"""A project's dev server, shown under an origin of its own: what is passed on, and what is not. Pure.

It runs code that agents wrote. Under our origin its scripts could act as whoever looks at them, so it has another one
(another port, and on loopback another name for each project). Ports share cookies, so ours are taken out on the way
there, and ones with our names on the way back. A sandboxed page under our origin was rejected: without an origin of
its own an app has no storage, no modules and no cookies, and its absolute paths lead to our pages.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

Header = tuple[bytes, bytes]

_OURS = re.compile(r"(?:__Host-)?watchkeeper(?:_session|_dev)?")
_HOP = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade"}
    | {b"proxy-authenticate", b"proxy-authorization", b"content-length"}
)
_IDENTITY = re.compile(rb"tailscale-|x-forwarded|forwarded$|x-real-ip|x-csrf-token|x-watchkeeper")
_KEPT_BACK = frozenset(
    # What would reach beyond its own origin: cookies and storage of the whole host, and how all its ports are reached.
    {b"clear-site-data", b"strict-transport-security", b"public-key-pins", b"alt-svc", b"server", b"date", b"nel"}
    | {b"report-to", b"reporting-endpoints"}
)


def pass_request(headers: Iterable[Header], port: int, *, upgrade: bytes = b"") -> list[Header]:
    """The headers for the dev server: nothing that says who looks, or lets it act as him."""
    kept: list[Header] = [(b"host", f"localhost:{port}".encode())]
    for name, value in headers:
        low = name.lower()
        if low == b"host" or low in _HOP or _IDENTITY.match(low):
            continue
        if low == b"authorization" and b"wk_t_" in value:
            continue
        passed = value
        if low in (b"origin", b"referer"):
            passed = re.sub(rb"^https?://[^/]+", f"http://localhost:{port}".encode(), value)
        if low == b"cookie":
            passed = _without_ours(value)
        if passed:
            kept.append((low, passed))
    if upgrade:
        kept += [(b"connection", b"Upgrade"), (b"upgrade", upgrade)]
    return kept


def pass_answer(headers: Iterable[Header], port: int) -> list[Header]:
    """The headers for the browser: nothing that reaches another origin's cookies, storage or windows."""
    kept: list[Header] = []
    for name, value in headers:
        low = name.lower()
        if low in _HOP or low in _KEPT_BACK:
            continue
        passed: bytes | None = value
        if low == b"set-cookie":
            passed = _own_cookie(value)
        if low == b"location":
            own = rf"^https?://(?:localhost|127\.0\.0\.1|\[::1\]):{port}(?=/|$)".encode()
            passed = re.sub(own, b"", value) or b"/"
        if passed is not None:
            kept.append((low, passed))
    return [
        *((name, value) for name, value in kept if name not in {b"x-robots-tag", b"cross-origin-opener-policy"}),
        (b"cross-origin-opener-policy", b"same-origin"),
        (b"x-robots-tag", b"noindex, nofollow"),
    ]


def is_own_cookie_name(name: str) -> bool:
    """Whether a cookie of that name would be ours."""
    return _OURS.fullmatch(name.strip()) is not None


def _without_ours(value: bytes) -> bytes:
    parts = [each.strip() for each in value.decode("latin-1").split(";")]
    kept = [each for each in parts if each and not is_own_cookie_name(each.partition("=")[0])]
    return "; ".join(kept).encode("latin-1")


def _own_cookie(value: bytes) -> bytes | None:
    """A cookie that the dev server sets, for this host alone; None for one with a name of ours."""
    first, *more = value.decode("latin-1").split(";")
    if is_own_cookie_name(first.partition("=")[0]):
        return None
    kept = [each for each in more if each.strip().partition("=")[0].lower() != "domain"]
    return ";".join([first, *kept]).encode("latin-1")


def find_named(host: str, pattern: str, names: Sequence[str]) -> str | None:
    """The project that a ``Host`` header means where each has a host of its own (``{name}`` in ``pattern``)."""
    if "{name}" not in pattern:
        return None
    wanted = host.lower()
    return next((name for name in names if pattern.replace("{name}", name.lower()).lower() == wanted), None)
