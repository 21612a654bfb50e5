"""Under which names and origins the control room answers, and where it may listen. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from watchkeeper.fleet.config import WebSection
from watchkeeper.model.errors import UsageError

DEFAULT_LISTEN = "127.0.0.1:7333"
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class Places(NamedTuple):
    """``hosts`` are all ``Host`` headers that are answered, ``origins`` all origins that pages of ours have.

    ``secure`` are the hosts that a browser reaches by https alone.
    """

    hosts: frozenset[str]
    origins: frozenset[str]
    secure: frozenset[str]


def parse_listen(text: str) -> tuple[str, int]:
    """Host and port of ``127.0.0.1:7333``; a port alone is on loopback. Raises UsageError (``web-bad-listen``)."""
    host, _, port = text.rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    if not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise UsageError(
            f"{text[:80]!r} is no address to listen at",
            slug="web-bad-listen",
            hint="use an address and a port, as in 127.0.0.1:7333",
            facts={"listen": text[:80]},
        )
    return host, int(port)


def is_loopback(host: str) -> bool:
    """Only programs of this machine reach it."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def require_listen(web: WebSection, given: str = "") -> tuple[str, int]:
    """Where to listen; ``given`` stands above the file.

    Raises UsageError: ``web-bad-listen``, or ``web-exposed`` for what other machines reach where nobody said that.
    """
    text = given or web.listen or DEFAULT_LISTEN
    host, port = parse_listen(text)
    if not is_loopback(host) and not web.exposed:
        raise UsageError(
            f"{text} can be reached from other machines, by plain HTTP: whoever is on the way reads the login and all"
            " code that is shown, and can act as you",
            slug="web-exposed",
            hint="listen on 127.0.0.1 and let `tailscale serve` or a proxy with TLS lead there, or set web.exposed",
            facts={"listen": text},
        )
    return host, port


def find_places(web: WebSection, listen: str = "") -> Places:
    """What is answered, as the file says and as it listens (``listen`` stands above ``web.listen``)."""
    host, port = parse_listen(listen or web.listen or DEFAULT_LISTEN)
    names = _LOOPBACK if is_loopback(host) else (*_LOOPBACK, *_written(host))
    own = {_with_port(name, port) for name in names if name}
    public = urlsplit(web.origin)
    hosts = own | {each.lower() for each in web.hosts} | ({public.netloc.lower()} if public.netloc else set())
    secure = {public.netloc.lower()} if public.scheme == "https" else set()
    origins = {f"https://{each}" if each in secure else f"http://{each}" for each in hosts}
    return Places(frozenset(hosts), frozenset(origins), frozenset(secure))


def _written(host: str) -> Sequence[str]:
    """An address as it stands in a URL; one that means all addresses is none."""
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return (host.lower(),)
    return () if found.is_unspecified else (f"[{found}]" if found.version == 6 else str(found),)


def _with_port(name: str, port: int) -> str:
    return name if port == 80 else f"{name}:{port}"


def find_next(given: str) -> str:
    """Where to go after the login: a path of ours, or ``/`` for whatever leads elsewhere."""
    if not given.startswith("/") or len(given) > 2_048 or not given.isascii():
        return "/"
    if given.startswith("//") or "\\" in given or any(ord(each) <= 32 or ord(each) == 127 for each in given):
        return "/"
    split = urlsplit(given)
    return "/" if split.scheme or split.netloc or split.path.startswith(("/login", "//")) else given
