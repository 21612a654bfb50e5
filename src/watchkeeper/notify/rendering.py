"""A message in words: short, the worst first, and inert whatever was written into what it quotes. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import quote

from watchkeeper.model.attention import Delivery, EntryState, Matter, MatterKind, ToldEntry, Urgency, matter_id
from watchkeeper.model.ids import Millis
from watchkeeper.model.redaction import redact
from watchkeeper.notify.messages import Message

_MARKS = {
    Urgency.URGENT: "▲ urgent", Urgency.NAG: "● waits for you", Urgency.SCHEDULED: "◷ due", Urgency.TODAY: "■ today",
    Urgency.FYI: "· for your information",
}  # fmt: skip
_SINGULAR_STATES = {EntryState.ACKNOWLEDGED: "acknowledged", EntryState.SNOOZED: "put off"}
_HIDDEN = {"Cc", "Cf", "Co", "Cs", "Cn"}
_BREAK = "\u200b"
_MOST_TITLE, _MOST_REASON, _MOST_BODY = 200, 300, 700

Inert = Callable[[str], str]


class Rendered(NamedTuple):
    """``headline`` is one line, ``lines`` the rest; ``footer`` names matters and delivery. Untrusted parts are inert.

    ``urgency`` is the worst of what is open; None: all is over.
    """

    headline: str
    lines: tuple[str, ...]
    footer: str
    urgency: Urgency | None = None

    def text(self, most: int) -> str:
        """All of it, cut to ``most`` UTF-16 units."""
        return cut("\n".join([self.headline, *self.lines, self.footer]), most)


def render_message(message: Message, now: Millis, page: str, inert: Inert, brief: str = "") -> Rendered:
    """``page`` is the address of the dashboard, ``inert`` how the channel quotes, ``brief`` the text of a brief."""
    open_entries = [each for each in message.entries if each.state is EntryState.OPEN]
    told = [each for each in message.entries if each.kind is not MatterKind.BRIEF]
    worst = max((each.urgency for each in open_entries), key=lambda each: each.rank, default=None)
    footer = " · ".join([*(matter_id(each.fingerprint) for each in told[:4]), message.token[:12]])
    repeat = " (may be a repeat: an answer was lost)" if message.may_repeat else ""
    if message.brief_at is not None:
        lines = tuple(_safe(line, 1000, inert) for line in brief.splitlines())
        return Rendered(lines[0] + repeat if lines else f"The brief{repeat}", lines[1:], footer, Urgency.TODAY)
    if len(told) == 1 and not message.is_more:
        matter = message.matters.get(told[0].fingerprint)
        lines = tuple(_details(matter, page, inert)) if matter is not None else ()
        if message.what is Delivery.REPLY:
            lines = lines[:2]
        return Rendered(_line(told[0], now, inert) + repeat, lines, footer, worst)
    lines = tuple(
        line for each in told for line in _short(each, message.matters.get(each.fingerprint), now, page, inert)
    )
    return Rendered(_count(message, told, open_entries, page, inert) + repeat, lines, footer, worst)


def cut(text: str, most: int) -> str:
    """The text in at most ``most`` UTF-16 units, as counted where it is shown; what was cut ends in ``…``."""
    raw = text.encode("utf-16-le", "replace")
    if len(raw) <= 2 * most:
        return text
    return raw[: 2 * (most - 1)].decode("utf-16-le", "ignore") + "…"


def plain(text: str) -> str:
    """One line without anything that is not seen: no control, no direction, no invisible character."""
    joined = " ".join(text.split())
    return "".join(each for each in joined if unicodedata.category(each) not in _HIDDEN)


def inert_text(text: str) -> str:
    """For channels that show plain words."""
    return re.sub(r"(?i)\b(https?|ftp|tel|mailto|javascript|data):", lambda found: f"{found[1]} :", plain(text))


def inert_markdown(text: str) -> str:
    """For Discord: no mention, no link, no invite, no format, no time stamp, no emoji code."""
    found = re.sub(r"([\\`*_~|>#\[\]()<:-])", r"\\\1", plain(text))
    found = found.replace("@", f"@{_BREAK}").replace("://", f":{_BREAK}//").replace(":\\//", f":{_BREAK}//")
    found = re.sub(r"(?i)(www|discord|discordapp)\.", lambda word: f"{word[1]}{_BREAK}.", found)
    return re.sub(r"^(\d+)\.", r"\1\\.", found)


def render_length(millis: int) -> str:
    """``"14 m"``, ``"2 h 5 m"``, ``"3 d"``."""
    minutes = max(0, millis) // 60_000
    if minutes < 1:
        return f"{max(0, millis) // 1000} s"
    if minutes < 60:
        return f"{minutes} m"
    hours, rest = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {rest} m" if rest else f"{hours} h"
    return f"{hours // 24} d"


def page_address(page: str, path: str) -> str:
    """Where a page is; ``""`` where there is no dashboard, or the path is none of its own."""
    if not page or not path.startswith("/") or path.startswith("//"):
        return ""
    return page.rstrip("/") + quote(path, safe="/?=&-._~%#")


def _line(entry: ToldEntry, now: Millis, inert: Inert) -> str:
    where = f"{_safe(entry.project, 64, inert)}: " if entry.project else ""
    title = _safe(entry.title, _MOST_TITLE, inert)
    if entry.state is EntryState.OVER:
        return f"✓ resolved in {render_length(now - entry.since)} · {where}{title}"
    if entry.state is not EntryState.OPEN:
        return f"○ {_SINGULAR_STATES[entry.state]} · {where}{title}"
    again = f" · {entry.why}" if entry.why else ""
    return f"{_MARKS[entry.urgency]}{again} · {where}{title}"


def _details(matter: Matter, page: str, inert: Inert) -> list[str]:
    lines = []
    if matter.reason:
        lines.append(_safe(matter.reason, _MOST_REASON, inert))
    if matter.step is not None:
        command = f": {_safe(matter.step.command, 200, inert)}" if matter.step.command else ""
        lines.append(f"→ {_safe(matter.step.label, 100, inert)}{command}")
    if matter.body:
        lines.append(_safe(matter.body[:8000], _MOST_BODY, inert))
    address = page_address(page, matter.page)
    return [*lines, *([address] if address else [])]


def _short(entry: ToldEntry, matter: Matter | None, now: Millis, page: str, inert: Inert) -> list[str]:
    lines = [f"{_line(entry, now, inert)}"]
    if matter is not None and entry.state is EntryState.OPEN:
        address = page_address(page, matter.page)
        lines += [f"   {address}"] if address else []
    return lines


def _count(message: Message, told: list[ToldEntry], open_entries: list[ToldEntry], page: str, inert: Inert) -> str:
    if message.is_more:
        address = page_address(page, "/")
        return f"{len(open_entries)} more need you: {address or 'see the page'}" if open_entries else "✓ all are over"
    names = sorted({_safe(each.project, 64, inert) or "the fleet" for each in told})
    where = ", ".join(names[:3]) + (" and others" if len(names) > 3 else "")
    if not open_entries:
        return f"✓ {len(told)} matters in {where} are over or known"
    return f"{len(open_entries)} of {len(told)} matters in {where} need you"


def _safe(text: str, most: int, inert: Inert) -> str:
    """What is not seen is taken out first: it could stand within a secret, or within an address."""
    found = redact(plain(text))
    return inert(found if len(found) <= most else found[: most - 1] + "…")
